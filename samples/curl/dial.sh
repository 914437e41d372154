#!/bin/sh
# One check over JSON; only VERDICT_ALLOW permits.
# usage: dial.sh URL ORGANISATION NUMBER -> "DIAL NUMBER" and exit 0, else "SKIP NUMBER" and exit 1
url=$1
organisation=$2
number=$3

answer=$(curl -sS --fail-with-body --noproxy '*' --max-time 5 "$url/v1/check" --json \
  "{\"number\": \"$number\", \"question\": {\"organisation\": \"$organisation\", \"purpose\": \"PURPOSE_COMMERCIAL\"}}") || answer=

# A curl that failed, an empty answer and every other verdict end here alike.
if printf '%s' "$answer" | tr -d ' \n' | grep -q '"verdict":"VERDICT_ALLOW"'; then
  echo "DIAL $number"
else
  echo "SKIP $number"
  exit 1
fi
