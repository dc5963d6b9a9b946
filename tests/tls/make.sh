#!/bin/sh
# Writes the certificates of the tests anew, valid for a hundred years: sh tests/tls/make.sh
set -eu
cd "$(dirname "$0")"
days=36500
extensions() { printf '%s\n' "$@" > extensions.tmp; }

# authority NAME: a certificate that signs others, and its key.
authority() {
    openssl ecparam -genkey -name prime256v1 -noout -out "$1.key"
    extensions "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign,cRLSign" "subjectKeyIdentifier=hash"
    openssl req -new -key "$1.key" -subj "/O=Tests/CN=$1" -out request.tmp
    openssl x509 -req -in request.tmp -signkey "$1.key" -days $days -extfile extensions.tmp -out "$1.pem" -set_serial 1
}

# leaf NAME SUBJECT AUTHORITY SERIAL EXTENSION…: a certificate that the authority signed, for NAME.key.
leaf() {
    name=$1 subject=$2 authority=$3 serial=$4
    shift 4
    extensions "basicConstraints=CA:FALSE" "$@"
    openssl req -new -key "$name.key" -subj "$subject" -out request.tmp
    openssl x509 -req -in request.tmp -CA "$authority.pem" -CAkey "$authority.key" -set_serial "$serial" -days $days \
        -extfile extensions.tmp -out "$name.pem"
}

ecdsa() { openssl ecparam -genkey -name prime256v1 -noout -out "$1.key"; }
rsa() { openssl genrsa -out "$1.key" 2048; }

authority authority
authority other_authority
for name in a b; do
    ecdsa $name
    leaf $name "/CN=$name.example" authority 0x1$name "subjectAltName=DNS:$name.example,DNS:*.$name.example,IP:127.0.0.1"
done
rsa rsa
leaf rsa "/CN=rsa.example" authority 0x20 "subjectAltName=DNS:a.example,DNS:rsa.example"
for name in client revoked; do
    ecdsa $name
    serial=0x3141592653; [ $name = client ] || serial=0x2718
    leaf $name "/C=GB/O=The, Tests/OU=Clients/CN=$name" authority $serial "extendedKeyUsage=clientAuth"
done
ecdsa stranger
leaf stranger "/CN=stranger" other_authority 0x99 "extendedKeyUsage=clientAuth"

# One of version 1, which is what comes out when nobody says anything of extensions.
rsa old
openssl req -new -key old.key -subj "/CN=old" -out request.tmp
openssl x509 -req -in request.tmp -CA authority.pem -CAkey authority.key -set_serial 0x51 -days $days -out old.pem

# A certificate behind an intermediate authority.
ecdsa intermediate
extensions "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign"
openssl req -new -key intermediate.key -subj "/O=Tests/CN=intermediate" -out request.tmp
openssl x509 -req -in request.tmp -CA authority.pem -CAkey authority.key -set_serial 0x40 -days $days \
    -extfile extensions.tmp -out intermediate.pem
ecdsa deep
leaf deep "/CN=deep" intermediate 0x41 "extendedKeyUsage=clientAuth"
cat intermediate.pem >> deep.pem

# The list of revoked certificates.
printf '' > index.tmp
printf '01' > number.tmp
cat > ca.tmp <<CA
[ca]
default_ca=x
[x]
database=index.tmp
crlnumber=number.tmp
crl_extensions=y
default_md=sha256
default_crl_days=$days
[y]
authorityKeyIdentifier=keyid
CA
openssl ca -config ca.tmp -cert authority.pem -keyfile authority.key -revoke revoked.pem
openssl ca -config ca.tmp -cert authority.pem -keyfile authority.key -gencrl -out revoked.crl

# A key that wants a passphrase.
openssl pkcs8 -topk8 -in a.key -passout pass:secret -out encrypted.key
rm -f ./*.tmp ./*.tmp.* 
