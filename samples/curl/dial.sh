#!/bin/sh
# One check over JSON. Only VERDICT_ALLOW within its reusableFor permits a call.
# usage: dial.sh URL ORGANISATION NUMBER -> "DIAL NUMBER", with the number that was decided, and exit 0; otherwise
# "SKIP NUMBER" and exit 1
url=$1
organisation=$2
number=$3

# curl appends a last line: the seconds until the answer.
answer=$(LC_ALL=C curl -sS --fail-with-body --noproxy '*' --max-time 5 --write-out '\n%{time_total}' "$url/v1/check" --json \
  "{\"number\": \"$number\", \"question\": {\"organisation\": \"$organisation\", \"purpose\": \"PURPOSE_COMMERCIAL\"}}") || answer=

took=$(printf '%s\n' "$answer" | tail -n 1)
json=$(printf '%s\n' "$answer" | sed '$d' | tr -d ' \n')
decided=$(printf '%s' "$json" | sed -n 's/.*"number":"\(+[0-9]*\)".*/\1/p')
# Empty if the answer permits no call: a hypothetical answer, or one that has expired.
seconds=$(printf '%s' "$json" | sed -n 's/.*"reusableFor":"\([0-9.]*\)s".*/\1/p')

# A failed curl, an empty answer, any other verdict and an answer that took too long all skip the number.
if printf '%s' "$json" | grep -q '"verdict":"VERDICT_ALLOW"' && [ -n "$decided" ] &&
  awk -v took="$took" -v may="${seconds:-0}" 'BEGIN { exit !(took + 0 < may + 0) }'; then
  echo "DIAL $decided"
else
  echo "SKIP $number"
  exit 1
fi
