#!/bin/bash
# test_secure.sh - nobody gets in who does not belong: the encrypted channel, keys, tokens,
# permissions, as their users meet them.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

log_since() # LINES REGEX: whether the broker said so after so many lines
{
    tail -n "+$(($1 + 1))" "$folder/broker.log" | grep -q -e "$2"
}

reload() # NAME REGEX: HUP, and what the log is to say of it
{
    local before
    before=$(wc -l < "$folder/broker.log")
    kill -HUP "$broker"
    until_true "$1" log_since "$before" "$2" && ok "$1"
}

ends() # NAME CODE: the broker was told to
{
    wait "$broker"
    same "$1" "$2" $?
}

refuses() # NAME PATTERN OPTION...: musterd ends with 64 and tells why
{
    local name=$1 pattern=$2
    shift 2
    err=$(timeout 20 "$MUSTERD" --listen 127.0.0.1:0 "$@" 2>&1 < /dev/null)
    same "$name" 64 $?
    holds "$name, in words" "$pattern" "$err"
}

as() # NAME COMMAND...: with the key of that name, encrypted
{
    local name=$1
    shift
    "$MUSTER" --url "$url" --key "$folder/$name.key" "$@"
}

keys=$folder/keys
start_broker --listen 0.0.0.0:0 --listen 127.0.0.1:0 --keys-dir "$keys"
same "the server's key is for its owner alone" 600 "$(stat -c %a "$keys/server.key")"
key=$(sed -n 's/.*public key is \(mpk1[a-z2-7]*\)$/\1/p' "$folder/broker.log")
port=$(sed -n 's/.*listening on 0.0.0.0:\([0-9]*\), encrypted$/\1/p' "$folder/broker.log")
local_port=$(sed -n 's/.*on 127.0.0.1:\([0-9]*\), in clear.*/\1/p' "$folder/broker.log")
url=muster://$key@127.0.0.1:$port
prints "keygen --show tells the same key" "$key" "$MUSTER" keygen --show "$keys/server.key"

# ---- who ----

for name in mill oven stranger; do
    "$MUSTER" keygen "$folder/$name.key" > "$folder/$name.pub"
done
"$MUSTER" keygen --token "$folder/fleet.token" 2> /dev/null
"$MUSTER" keygen --token "$folder/other.token" 2> /dev/null
expect "nobody is known yet" 77 as mill ping
holds "a stranger is told its key" "*allow-keys*" "$err"
holds "which is the one it has" "*$(cat "$folder/mill.pub")*" "$err"
until_true "the log has the line that would let it in" \
    grep -q "add the line 'NAME $(cat "$folder/mill.pub")' to" "$folder/broker.log" &&
    ok "the log has the line that would let it in"
{
    echo "# who is known"
    echo "mill $(cat "$folder/mill.pub")"
    echo "oven $(cat "$folder/oven.pub")"
} > "$keys/allow-keys"
(umask 077; echo "fleet $(cat "$folder/fleet.token")" > "$keys/tokens")
reload "keys and tokens are read at HUP" "info.*read again"
expect "known by key" 0 as mill put jobs one two
expect "known by token" 0 "$MUSTER" --url "$url" --token-file "$folder/fleet.token" get jobs
same "it gets what the other put" one "$out"
expect "the key in an option" 0 "$MUSTER" --url "muster://127.0.0.1:$port" --server-key "$key" \
    --key "$folder/oven.key" ping
expect "all of it in the environment" 0 env MUSTER_SERVER_KEY="$key" MUSTER_KEY="$folder/oven.key" \
    MUSTER_URL="muster://127.0.0.1:$port" "$MUSTER" ping
expect "encrypted on loopback too" 0 "$MUSTER" --url "muster://$key@127.0.0.1:$local_port" \
    --key "$folder/mill.key" ping
expect "and on a Unix socket" 0 "$MUSTER" --server-key "$key" --key "$folder/mill.key" ping
expect "clear text on loopback" 0 "$MUSTER" --url "muster://127.0.0.1:$local_port" ping
expect "the rest is taken" 0 as mill get jobs
background holder as mill get jobs --timeout 60
until_true "who waits bears the name of its key" bash -c "\"\$MUSTER\" stat jobs | grep -q mill/" &&
    ok "who waits bears the name of its key"
kill "$pid"

# ---- who not ----

expect "a stranger" 77 as stranger ping
expect "neither key nor token" 77 "$MUSTER" --url "$url" ping
expect "an unknown token" 77 "$MUSTER" --url "$url" --token-file "$folder/other.token" ping
holds "the token is to be looked at" "*look at the token*" "$err"
wrong=$(cat "$folder/oven.pub")
expect "a wrong server key" 77 "$MUSTER" --url "muster://$wrong@127.0.0.1:$port" \
    --key "$folder/mill.key" ping
holds "the server key is to be looked at" "*look at the server key*" "$err"
expect "clear text where it is refused" 77 "$MUSTER" --url "muster://127.0.0.1:$port" ping
holds "it is told what to do" "*give its server key*" "$err"
other=$(tr a-z2-7 b-z2-7a <<< "${key: -1}") # another character than the one that is there
expect "a mistyped key" 64 "$MUSTER" --url "muster://${key%?}$other@127.0.0.1:$port" ping
chmod 640 "$folder/fleet.token"
expect "a token that others may read" 64 "$MUSTER" --url "$url" \
    --token-file "$folder/fleet.token" ping
holds "it is told what to do about it" "*mode 0640*chmod 600*" "$err"
chmod 600 "$folder/fleet.token"

# ---- a Unix socket is for the same user, even if its mode were lost ----

if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
    same "the socket's mode" 600 "$(stat -c %a "$folder/socket")"
    chmod 711 "$folder"
    chmod 666 "$folder/socket"
    cp "$MUSTER" "$folder/muster"
    expect "another user" 69 setpriv --reuid 65534 --clear-groups "$folder/muster" ping
    until_true "the log says who" grep -q "65534" "$folder/broker.log" && ok "the log says who"
    chmod 600 "$folder/socket"
    chmod 700 "$folder"
else
    echo "# skipped: another user on a Unix socket: it takes root and setpriv"
fi

# ---- what ----

expect "admin is not for everybody" 77 as mill purge jobs
holds "the verb and the name are told" "*mill*'admin'*jobs*" "$err"
cat > "$keys/permissions" << 'END'
allow mill put,create jobs/**
deny  mill put jobs/secret
allow oven get,stat jobs/*
allow oven create jobs/b
allow local * **
END
reload "permissions are read at HUP" "info.*read again"
expect "allowed" 0 as mill put jobs/a x
expect "not allowed: get" 77 as mill get jobs/a --timeout 0
holds "get is told" "*mill*'get'*jobs/a*" "$err"
expect "denied" 77 as mill put jobs/secret x
expect "another name" 77 as mill put other x
expect "making by use wants create" 77 as oven get jobs/new --timeout 0
holds "create is told" "*oven*'create'*jobs/new*" "$err"
expect "allowed to the other" 0 as oven get jobs/a
expect "local may do all" 0 "$MUSTER" put other x
prints "the list has what may be seen" "jobs/a" bash -c "\"\$0\" --url $url --key $folder/oven.key \
    ls --json | sed 's/.*\"name\":\"\([^\"]*\)\".*/\1/'" "$MUSTER"
expect "sessions are not for everybody" 77 as oven sessions
holds "denied is logged" "*DENIED*mill*'admin'*client=mill/*" "$(cat "$folder/broker.log")"

# ---- reload ----

echo "allow mill putt x" >> "$keys/permissions"
reload "a bad file is told" "HUP changes nothing.*permissions, line 6.*putt"
expect "and changes nothing" 0 as mill put jobs/a x
sed -i '$d' "$keys/permissions"
chmod 644 "$keys/tokens"
reload "a token file that others may read is told" "HUP changes nothing.*tokens.*chmod 600"
chmod 600 "$keys/tokens"
background waiter "$MUSTER" --url "$url" --key "$folder/oven.key" get jobs/b jobs/a --timeout 60 -n 99
until_true "one with a key waits" bash -c '"$MUSTER" stat jobs/b | grep -q oven/' &&
    ok "one with a key waits"
sed -i /oven/d "$keys/allow-keys"
echo "allow fleet get,create,stat **" >> "$keys/permissions"
reload "a key is taken away" "read again"
ends_with "who waited under it is told" 77 "$pid"
holds "and which line is missing" "*--allow-keys*" "$(cat "$folder/waiter.err")"
expect "it is not welcome any more" 77 as oven ping
background waiter "$MUSTER" --url "$url" --token-file "$folder/fleet.token" get jobs --timeout 60
until_true "one with a token waits" bash -c '"$MUSTER" stat jobs | grep -q fleet/' &&
    ok "one with a token waits"
sed -i /fleet/d "$keys/tokens"
reload "a token is taken away" "read again"
ends_with "who waited with it is told" 77 "$pid"
holds "to look at the token" "*look at the token*" "$(cat "$folder/waiter.err")"
same "no secret in the log" no "$(grep -q -e msk1 -e mtk1 "$folder/broker.log" && echo yes || echo no)"
kill -TERM "$broker"
ends "it ends well" 0

# ---- the second start ----

start_broker --listen 0.0.0.0:0 --keys-dir "$keys" --allow-anonymous
port=$(sed -n 's/.*listening on 0.0.0.0:\([0-9]*\), encrypted$/\1/p' "$folder/broker.log")
url=muster://$key@127.0.0.1:$port
expect "the server's key is the same" 0 as mill ping
expect "anonymous may come" 0 "$MUSTER" --url "$url" ping
expect "and do nothing" 77 "$MUSTER" --url "$url" put jobs/a x

# ---- a broker that was killed: the client makes a new channel, and goes on ----

echo "allow mill * **" >> "$keys/permissions"
reload "more is allowed" "read again"
background waiter as mill get jobs/c --timeout 60
waiter=$pid
until_true "it waits" bash -c "\"\$MUSTER\" --url $url --key $folder/mill.key stat jobs/c | grep -q gets" &&
    ok "it waits"
kill -KILL "$broker"
wait "$broker" 2> /dev/null
start_broker --listen "0.0.0.0:$port" --keys-dir "$keys"
expect "put by way of a new broker" 0 as mill put jobs/c back
ends_with "who waited goes on" 0 "$waiter"
same "and gets it" back "$(cat "$folder/waiter.out")"

# ---- a broker with another key in its place ----

background waiter as mill get jobs/c --timeout 60
until_true "it waits again" bash -c '"$MUSTER" stat jobs/c | grep -q mill/' && ok "it waits again"
kill -KILL "$broker"
wait "$broker" 2> /dev/null
cp -r "$keys" "$folder/others"
rm "$folder/others/server.key"
start_broker --listen "0.0.0.0:$port" --keys-dir "$folder/others"
ends_with "who waited is told" 77 "$pid"
holds "to look at the server key" "*look at the server key*" "$(cat "$folder/waiter.err")"
kill -TERM "$broker"
ends "the other one ends" 0
start_broker --listen "0.0.0.0:$port" --keys-dir "$keys"
kill -TERM "$broker"
ends "it ends well again" 0
chmod 640 "$keys/server.key"
refuses "a server key that others may read" "*server.key*chmod 600*" --keys-dir "$keys"
refuses "tokens without a server key" "*--keys-dir DIR*" --tokens "$keys/tokens"
finish
