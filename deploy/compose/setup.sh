#!/bin/sh
# Creates the secrets of deploy/compose.yaml in deploy/secrets/ and deploy/.env, which git ignores. Keeps existing files.
#   sudo deploy/compose/setup.sh [NAME]...     names or addresses that callers use, for the service's certificate
# Needs openssl, and root: it makes the service's user the owner of the keys.
set -eu
service=1654
case "${1:-}" in -*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
cd secrets

# Readable by the service only: it rejects a key that others can read.
key() { chown "$service:$service" "$1"; chmod 400 "$1"; }
# Readable in any container that mounts the file; the folder's mode protects it on the host.
shared() { chmod 444 "$1"; }

[ -e number.key ] || openssl rand -hex 32 > number.key
[ -e receipt.key ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out receipt.key 2> /dev/null
[ -e receipt.key.pub ] || openssl pkey -in receipt.key -pubout -out receipt.key.pub

# Creates a certificate authority and deletes its key. To use another certificate, put it into tls.crt and tls.key, and its
# authority into ca.crt; its names must include "localhost", "lookup-a" and "lookup-b".
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
# Prometheus's API key: empty until the store exists and a key is created.
[ -e prometheus.key ] || : > prometheus.key

for file in number.key receipt.key tls.key; do key "$file"; done
for file in tls.crt ca.crt redis.conf grafana.password prometheus.key receipt.key.pub; do shared "$file"; done
echo "The secrets are in $PWD. Keep a copy of number.key and receipt.key elsewhere."
