#!/bin/bash
# test_log.sh - what the broker says of what happens: for people, for journald, for programs; one
# line per event whatever names hold, bounded in number, and never a secret.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

log=$folder/broker.log
hostile='a "d" \ e client=root@x:1'

said() # NAME REGEX: sooner or later there is such a line
{
    until_true "$1" grep -q -E -e "$2" "$log" && ok "$1"
}

stop()
{
    kill -TERM "$broker"
    wait "$broker"
    same "it ends well" 0 $?
}

# Is every line of the log one JSON object with these members first, and no byte a control?
is_json()
{
    ! grep -v -q -E '^\{"time":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z","level":"(error|warning|info|debug)","message":"([^"\\[:cntrl:]]|\\["\\]|\\u00[0-9a-f]{2})*"(,"(peer|client)":"([^"\\[:cntrl:]]|\\["\\]|\\u00[0-9a-f]{2})*")*(,"missed":[1-9][0-9]*)?\}$' "$1"
}

# Garbage on a connection of its own, as many times.
garbage() # TIMES PORT
{
    local i
    for ((i = 0; i < $1; i++)); do
        exec 5<> "/dev/tcp/127.0.0.1/$2" && echo "GET / HTTP/1.0" >&5
        exec 5>&-
    done 2> /dev/null
}

port_of()
{
    grep -o 'listening on 127.0.0.1:[0-9]*' "$log" | grep -o '[0-9]*$'
}

# ---- for people ----

start_broker --listen 127.0.0.1:0 --max-objects 1 --log-level debug
"$MUSTER" declare one --kind fifo > /dev/null
expect "no room for a second one" 75 "$MUSTER" declare two --kind fifo
said "a limit that was reached is told, with who met it" \
    "Z warning musterd: DECLARE refused with LIMIT: .* peer=pid:[0-9]+ client=muster[^ ]*@[^ ]*:[0-9]+$"
"$MUSTER" purge one > /dev/null
said "who did what to everybody is told" " info musterd: PURGE of one peer=pid:[0-9]+ client=muster[^ ]*@"
said "a connection is told at level debug" "debug musterd: connection ends: .* client=muster"
garbage 50 "$(port_of)"
said "what strangers cause is told" "warning musterd: connection closed: .* peer=127.0.0.1:[0-9]+$"
same "but not each time" yes "$([ "$(grep -c "warning musterd: connection closed" "$log")" -lt 25 ] && echo yes)"
stop
holds "the first line has its time" "20[0-9][0-9]-*T*Z info musterd: listening on *" "$(head -1 "$log")"

# ---- for programs ----

start_broker --listen 127.0.0.1:0 --max-objects 1 --log-level debug --log-format json
"$MUSTER" declare one --kind fifo > /dev/null
expect "no room for a second one" 75 "$MUSTER" declare two --kind fifo
said "fields are members" '"level":"warning","message":"DECLARE refused with LIMIT: .*","peer":"pid:[0-9]+","client":"muster'
echo "max-memory = 1G" > "$folder/musterd.conf"
kill -HUP "$broker"
said "HUP is told as JSON" '"message":"HUP changes nothing'
stop
same "every line is one object" yes "$(is_json "$log" && echo yes)"

# ---- hostile names ----

printf 'deny local put **\nallow local * **\n' > "$folder/permissions"
for format in text json; do
    start_broker --permissions "$folder/permissions" --log-format $format
    expect "a put with a hostile name, $format" 77 "$MUSTER" put "$hostile" x
    said "it is told, $format" "DENIED.*permission"
    stop
done
same "every line is one object, also with such names" yes "$(is_json "$log" && echo yes)"

# ---- for journald ----

mkfifo "$folder/ready"
(
    exec 2> "$folder/journal"
    JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec "$MUSTERD" --unix "$folder/socket" \
        --ready-fd 3 3> "$folder/ready"
) &
broker=$!
started+=("$broker")
read -r -t 20 _ < "$folder/ready"
stop
same "priorities instead of times" "<6>listening on $folder/socket, in clear text" \
    "$(head -1 "$folder/journal")"
rm "$folder/ready"
export JOURNAL_STREAM=1:1
start_broker
stop
holds "another stream than journald's has times" "20[0-9][0-9]-*" "$(head -1 "$log")"
finish
