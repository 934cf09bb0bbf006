#!/bin/bash
# test_musterd.sh - the broker's process: its options, where it listens, how it refuses and ends.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

# musterd must end with CODE after one line that matches PATTERN.
refuses() # NAME CODE PATTERN OPTION...
{
    local name=$1 wanted=$2 pattern=$3
    shift 3
    err=$(timeout 20 "$MUSTERD" "$@" 2>&1 < /dev/null)
    code=$?
    if [ "$code" != "$wanted" ] || [ "$(wc -l <<< "$err")" != 1 ]; then
        not_ok "$name" "status $code instead of $wanted, or not one line" "$err"
    else
        holds "$name" "$pattern" "$err"
    fi
}

ends() # NAME CODE: the broker was told to
{
    wait "$broker"
    same "$1" "$2" $?
}

# ---- options ----

prints "--version" "musterd 0.1.0" "$MUSTERD" --version
expect "--help" 0 "$MUSTERD" --help
holds "--help shows options and exit codes" "usage: musterd*--listen*--silence*77 not permitted*" "$out"
refuses "an unknown option" 64 "musterd: unknown option '--frob'*--help*" --frob
refuses "a wrong value" 64 "musterd: --silence 'soon' cannot be used*2.5s*" --silence soon
refuses "a missing value" 64 "musterd: --listen wants a value*" --listen

# ---- where it may listen ----

refuses "an address beyond this machine" 64 "*cannot listen on 0.0.0.0:0*--insecure-listen*" \
    --listen 0.0.0.0:0
refuses "an address of another host" 69 "*192.0.2.1:0: Cannot assign*no such address" \
    --listen 192.0.2.1:0 --insecure-listen --log-level error
refuses "a folder that is not there" 69 "*: No such file or directory; the folder*" \
    --unix "$folder/none/socket"
refuses "a path that is too long" 64 "*at most 107 bytes*" --unix "/tmp/$(printf 'x%.0s' {1..110})"
: > "$folder/file"
refuses "a file in the socket's place" 69 "*File exists*no socket*" --unix "$folder/file"
same "the file is still there" yes "$([ -f "$folder/file" ] && echo yes)"

start_broker
same "a socket is for its owner alone" 600 "$(stat -c %a "$folder/socket")"
refuses "a socket that is answered" 69 "*$folder/socket: Address already in use*" \
    --unix "$folder/socket"
kill -HUP "$broker"
expect "it is served on, also after HUP" 0 "$MUSTER" ping
kill -TERM "$broker"
ends "TERM ends it well" 0
same "its socket is gone" no "$([ -e "$folder/socket" ] || echo no)"
holds "what it did is in the log" "*Z info musterd: listening on $folder/socket*TERM*ended" \
    "$(cat "$folder/broker.log")"

start_broker --listen 127.0.0.1:0 --listen localhost:0
port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\),.*/\1/p' "$folder/broker.log" | head -1)
expect "the port it chose" 0 "$MUSTER" --url "muster://127.0.0.1:$port" ping
refuses "a port that is taken" 69 "*127.0.0.1:$port: Address already in use*" \
    --listen "127.0.0.1:$port"
kill -INT "$broker"
ends "INT ends it well" 0

start_broker --listen 0.0.0.0:0 --insecure-listen
holds "clear text beyond this machine is warned of" \
    "*warning musterd: 0.0.0.0:*nothing is encrypted*" "$(cat "$folder/broker.log")"
kill -KILL "$broker"
wait "$broker" 2> /dev/null
start_broker
expect "a socket that was left over is replaced" 0 "$MUSTER" ping
finish
