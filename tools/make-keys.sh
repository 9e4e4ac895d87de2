#!/bin/sh
# Makes keys and certificates of fixtures/keys anew. They are public: for tests on one machine, never for a service.
#
#   tools/make-keys.sh [DIRECTORY [NAME...]]        default: fixtures/keys, all of them; needs openssl 3
#   NAME: server (RSA), server-ecdsa (P-256), server-ed25519
#
# Each certificate is an end-entity certificate that signed itself, with CA:FALSE: who trusts it trusts this one
# certificate for names that lead nowhere beyond the own machine, and nothing that anybody could issue with the public
# key. `openssl ca` is used because it is the one subcommand of OpenSSL 3.0 that takes fixed dates, so that only the key
# differs from run to run.
set -eu
out=${1:-$(dirname "$0")/../fixtures/keys}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- server server-ecdsa server-ed25519
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

for name in "$@"; do
  # NSS takes two certificates of one issuer and one serial number for one and the same.
  case $name in
    server) kind='public key' serial=5749524542454e4348 algorithm='-algorithm RSA -pkeyopt rsa_keygen_bits:2048' ;;
    server-ecdsa) kind='public ECDSA key' serial=5749524542454e4349 algorithm='-algorithm EC -pkeyopt ec_paramgen_curve:P-256' ;;
    server-ed25519) kind='public Ed25519 key' serial=5749524542454e434a algorithm='-algorithm ED25519' ;;
    *) echo "make-keys: $name is none of server, server-ecdsa, server-ed25519" >&2; exit 2 ;;
  esac

  cat > "$work/openssl.cnf" <<CONFIG
[req]
distinguished_name = subject
prompt = no
[subject]
CN = wirebench test, $kind
[ca]
default_ca = self
[self]
new_certs_dir = $work
database = $work/index.txt
serial = $work/serial
default_md = sha256
policy = any
unique_subject = no
x509_extensions = end_entity
[any]
commonName = supplied
[end_entity]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = IP:10.0.0.2, IP:fd00::2, IP:127.0.0.1, IP:::1, DNS:localhost, DNS:wirebench.test
CONFIG

  : > "$work/index.txt"
  echo "$serial" > "$work/serial"
  # shellcheck disable=SC2086 # words on purpose
  openssl genpkey $algorithm -out "$work/key.pem" 2>/dev/null
  openssl req -new -key "$work/key.pem" -config "$work/openssl.cnf" -out "$work/request.pem"
  openssl ca -batch -selfsign -notext -config "$work/openssl.cnf" -keyfile "$work/key.pem" -in "$work/request.pem" \
    -startdate 20250101000000Z -enddate 20550101000000Z -out "$work/cert.pem" 2>/dev/null

  {
    echo 'wirebench test key. This private key is PUBLIC: it is part of the source, so it protects nothing.'
    echo 'Made by tools/make-keys.sh for tests on one machine; never use it for a service.'
    echo
    cat "$work/key.pem"
  } > "$out/$name.key.pem"
  {
    echo "wirebench test certificate. Its private key is PUBLIC ($name.key.pem): for tests on one machine only."
    echo 'Made by tools/make-keys.sh: an end-entity certificate (CA:FALSE) that signed itself, valid 2025 to 2055, for'
    echo '10.0.0.2, fd00::2, 127.0.0.1, ::1, localhost and wirebench.test.'
    echo
    cat "$work/cert.pem"
  } > "$out/$name.cert.pem"
done
