#!/bin/bash
# strangers.sh - a broker of its own, and bench/strangers.c against it.
#
#   bench/strangers.sh BUILD
set -eu

build=$1
folder=$(mktemp -d /tmp/muster-strangers.XXXXXX)
broker=
at_end()
{
    [ -z "$broker" ] || kill "$broker" 2> /dev/null || true
    wait 2> /dev/null || true
    rm -rf "$folder"
}
trap at_end EXIT
trap 'exit 1' INT TERM HUP

mkdir -m 700 "$folder/keys"
echo "me $("$build/muster" keygen "$folder/key")" > "$folder/keys/allow-keys"
mkfifo "$folder/ready"
"$build/musterd" --listen 0.0.0.0:0 --keys-dir "$folder/keys" --max-connections 15000 \
    --max-unauthenticated 15000 --ready-fd 3 3> "$folder/ready" > "$folder/log" 2>&1 &
broker=$!
read -r -t 20 _ < "$folder/ready" || { cat "$folder/log" >&2; exit 1; }
port=$(sed -n 's/.*listening on 0.0.0.0:\([0-9]*\), encrypted$/\1/p' "$folder/log")
key=$("$build/muster" keygen --show "$folder/keys/server.key")
MUSTER_URL=muster://$key@127.0.0.1:$port MUSTER_KEY=$folder/key \
    "$build/bench/strangers" "$port" "$broker"
