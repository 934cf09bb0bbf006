#!/bin/bash
# test_untold.sh - no key and no token is ever told: not in a log at its most talkative, not in an
# error, not on /metrics, whatever mistake somebody makes with the files.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

keys=$folder/keys
told=$folder/told # all that anybody said
mkdir -m 700 "$keys"
for name in mill stranger spare; do
    "$MUSTER" keygen "$folder/$name.key" > "$folder/$name.pub" 2>> "$told"
done
for name in fleet spare; do
    "$MUSTER" keygen --token "$folder/$name.token" >> "$told" 2>&1
done
"$MUSTER" keygen "$keys/server.key" > "$folder/server.pub" 2>> "$told"
echo "mill $(cat "$folder/mill.pub")" > "$keys/allow-keys"
(umask 077; echo "fleet $(cat "$folder/fleet.token")" > "$keys/tokens")
secrets=("$folder"/*.key "$folder"/*.token "$keys/server.key")

said() # COMMAND...: what it says is kept, how it ends is of no interest here
{
    timeout 20 "$@" >> "$told" 2>&1 < /dev/null
    return 0
}

start_broker --listen 0.0.0.0:0 --listen 127.0.0.1:0 --keys-dir "$keys" --log-level debug \
    --http 127.0.0.1:0
port=$(sed -n 's/.*listening on 0.0.0.0:\([0-9]*\), encrypted$/\1/p' "$folder/broker.log")
web=$(sed -n 's/.*http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$folder/broker.log" | head -n 1)
server=$(cat "$folder/server.pub")
url=muster://$server@127.0.0.1:$port

# ---- what works ----

said "$MUSTER" -v --url "$url" --key "$folder/mill.key" put jobs one
said "$MUSTER" -v --url "$url" --token-file "$folder/fleet.token" get jobs
said "$MUSTER" -v --url "$url" --key "$folder/mill.key" --token-file "$folder/fleet.token" \
    sessions --json
said "$MUSTER" keygen --show "$folder/mill.key"

# ---- what is refused ----

said "$MUSTER" -v --url "$url" --key "$folder/stranger.key" ping
said "$MUSTER" -v --url "$url" --token-file "$folder/spare.token" ping
said "$MUSTER" -v --url "muster://$(cat "$folder/spare.pub")@127.0.0.1:$port" \
    --key "$folder/mill.key" ping
said "$MUSTER" -v --url "$url" --key "$folder/mill.key" purge jobs

# ---- mistakes with keys: the wrong file, the wrong place ----

said "$MUSTER" --url "$url" --key "$folder/fleet.token" ping
said "$MUSTER" --url "$url" --token-file "$folder/mill.key" ping
said "$MUSTER" --url "muster://$(cat "$folder/mill.key")@127.0.0.1:$port" ping
said "$MUSTER" --url "muster://127.0.0.1:$port" --server-key "$(cat "$folder/mill.key")" ping
said env MUSTER_SERVER_KEY="$(cat "$folder/fleet.token")" "$MUSTER" \
    --url "muster://127.0.0.1:$port" ping
said "$MUSTER" --url "muster://$(cat "$folder/fleet.token")@" ping
said env MUSTER_URL="muster://$(cat "$folder/fleet.token")@127.0.0.1:bad" "$MUSTER" ping
for file in mill.key fleet.token; do # the text where its file is wanted, or anything else
    text=$(cat "$folder/$file")
    for option in --key --token-file --url --timeout; do
        said "$MUSTER" ping "$option" "$text"
    done
    said "$MUSTER" "$text"
    said "$MUSTER" ping "$text"
    said "$MUSTER" "--$text"
    for option in --server-key-file --allow-keys --tokens --permissions --config --listen \
        --max-memory --keys-dir "--$text"; do
        said "$MUSTERD" --listen 127.0.0.1:0 --check-config "$option" "$text"
    done
    said "$MUSTERD" "$text"
done
sed 's/.$/9/' "$folder/mill.key" > "$folder/mistyped"
chmod 600 "$folder/mistyped"
said "$MUSTER" --url "$url" --key "$folder/mistyped" ping
chmod 644 "$folder/spare.key"
said "$MUSTER" --url "$url" --key "$folder/spare.key" ping
said "$MUSTER" keygen "$folder/spare.key"
for file in allow-keys tokens permissions; do
    for secret in mill.key fleet.token; do
        cp -p "$keys/$file" "$folder/kept" 2> /dev/null || rm -f "$folder/kept"
        for line in "$(cat "$folder/$secret")" "x $(cat "$folder/$secret")" \
            "$(cat "$folder/$secret") x" "allow x put $(cat "$folder/$secret")"; do
            before=$(grep -c HUP "$folder/broker.log")
            (umask 077; echo "$line" >> "$keys/$file")
            kill -HUP "$broker"
            until_true "a file with a wrong line is read" bash -c \
                "[ \$(grep -c -e HUP -e 'read again' '$folder/broker.log') -gt $before ]"
            if [ -e "$folder/kept" ]; then cp -p "$folder/kept" "$keys/$file"; else rm "$keys/$file"; fi
        done
    done
done
for option in --server-key-file --allow-keys --tokens --permissions --config --key-file; do
    said "$MUSTERD" --listen 127.0.0.1:0 --check-config "$option" "$folder/fleet.token"
    said "$MUSTERD" --listen 127.0.0.1:0 --check-config "$option" "$folder/mill.key"
done

# ---- what all of them said ----

if command -v curl > /dev/null && [ -n "$web" ]; then
    said curl -s "http://127.0.0.1:$web/metrics"
fi
kill -TERM "$broker"
wait "$broker"
same "the broker ends well" 0 $?
cat "$folder/broker.log" >> "$told"
same "there is much to look through" yes "$([ "$(wc -l < "$told")" -gt 60 ] && echo yes || echo no)"
for file in "${secrets[@]}"; do
    name=${file##*/}
    text=$(cat "$file")
    text=${text:4} # without the prefix, which may be spoken of
    # A fifth of it would be too much already.
    same "$name is not in it" "" "$(grep -F -n -e "${text:0:12}" -e "${text:20:12}" -e "${text:40:12}" "$told")"
    raw=$(printf '%s======' "${text^^}" | base32 -d 2> /dev/null | head -c 32 | od -An -v -tx1 | tr -d ' \n')
    same "its bytes are known" 64 ${#raw}
    same "nor are its bytes, as they are or in hexadecimal" "" "$(
        od -An -v -tx1 "$told" | tr -d ' \n' | grep -o -F -m 1 "${raw:0:32}"
        grep -i -F -m 1 "${raw:0:32}" "$told")"
done
finish
