#!/bin/sh
# Makes the secrets of deploy/compose.yaml, once: deploy/secrets/ and deploy/.env, which git ignores. What is there already stays.
#   sudo deploy/compose/setup.sh [NAME]...     names or addresses that callers reach the service by, for its certificate
# It needs openssl, and to be root: the keys are given to the user that the service runs as.
set -eu
service=1654
case "${1:-}" in -*) sed -n 's/^# \{0,1\}//p' "$0" | tail -n +2; exit 0 ;; esac
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
cd secrets

# For the service alone: it takes no key that others can read.
key() { chown "$service:$service" "$1"; chmod 400 "$1"; }
# For whoever's container it is given to; the folder keeps others out.
shared() { chmod 444 "$1"; }

[ -e number.key ] || openssl rand -hex 32 > number.key
[ -e receipt.key ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out receipt.key 2> /dev/null
[ -e receipt.key.pub ] || openssl pkey -in receipt.key -pubout -out receipt.key.pub

# An authority of its own, whose key is thrown away. Put another certificate into tls.crt and tls.key, and its authority into ca.crt,
# where there is one; "localhost", "lookup-a" and "lookup-b" must be among its names.
if ! [ -e tls.crt ]; then
  names=DNS:localhost,DNS:lookup-a,DNS:lookup-b,IP:127.0.0.1
  for name in "$@"; do
    case "$name" in *[!0-9.]*) names="$names,DNS:$name" ;; *) names="$names,IP:$name" ;; esac
  done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.crt -days 3650 -subj '/CN=Lookup authority' \
    -addext 'keyUsage=critical,keyCertSign' 2> /dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout tls.key -out tls.crt -days 825 -subj '/CN=lookup' \
    -CA ca.crt -CAkey ca.key -addext 'basicConstraints=critical,CA:FALSE' -addext 'extendedKeyUsage=serverAuth' -addext "subjectAltName=$names" 2> /dev/null
  rm ca.key
fi

[ -e ../.env ] || echo "REDIS_PASSWORD=$(openssl rand -hex 24)" > ../.env
. ../.env
[ -e redis.conf ] || printf 'requirepass %s\nmasterauth %s\n' "$REDIS_PASSWORD" "$REDIS_PASSWORD" > redis.conf
[ -e grafana.password ] || openssl rand -hex 16 > grafana.password
# The key that Prometheus shows: made when the store is there.
[ -e prometheus.key ] || : > prometheus.key

for file in number.key receipt.key tls.key; do key "$file"; done
for file in tls.crt ca.crt redis.conf grafana.password prometheus.key receipt.key.pub; do shared "$file"; done
echo "The secrets are in $PWD; keep a copy of number.key and receipt.key elsewhere."
