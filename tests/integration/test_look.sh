#!/bin/bash
# test_look.sh - muster why, and muster top where there is no terminal: what they write, and how they
# end. Top on a terminal is in test_top.c.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"
start_broker

# ---- why ----

expect "why of nothing" 66 "$MUSTER" why nothing
expect "why without a name" 64 "$MUSTER" why
"$MUSTER" put belt --maxsize 1 a
prints "nobody waits" "nobody waits for belt" "$MUSTER" why belt
prints "nobody waits, in JSON" "" "$MUSTER" why belt --json

background putter "$MUSTER" put belt b
putter=$pid
until_true "a put waits" has_role belt puts
expect "a full queue" 0 "$MUSTER" why belt
holds "who puts, and that there is no room" \
    "muster put@*:$putter waits to put into belt, for *"$'\n'"  (no room: 1 of 1 messages)" "$out"
"$MUSTER" pause belt --side put
expect "a paused queue" 0 "$MUSTER" why belt
holds "that it is paused" "*"$'\n'"  (puts are paused)" "$out"
"$MUSTER" resume belt

mkfifo "$folder/hold"
background worker "$MUSTER" run belt -- sh -c 'read -r _ < "$1"' - "$folder/hold"
worker=$pid
until_true "a worker holds a message" has_role belt holds
expect "a held message" 0 "$MUSTER" why belt
holds "who holds it" "*"$'\n'"  muster run@*:$worker holds *.1 of belt, for *" "$out"
expect "in JSON" 0 "$MUSTER" why belt --json
holds "the wait" '{"depth":0,"role":"puts","object":"belt","kind":"fifo","name":"muster put",*' "$out"
holds "the holder" '*{"depth":1,"role":"holds","object":"belt",*"pid":'"$worker"',*"count":1,*' "$out"
background joiner "$MUSTER" join belt
until_true "a join waits" has_role belt joins
expect "a join" 0 "$MUSTER" why belt
holds "what is unfinished" "*waits to join belt, for *unfinished: *holds *" "$out"

background getter "$MUSTER" get empty
until_true "a get waits" has_role empty gets
expect "a get" 0 "$MUSTER" why empty
holds "that nothing is there" "muster get@*waits to get from empty, for *"$'\n'"  (nothing is ready)" "$out"
background waiter "$MUSTER" event wait go
until_true "an event is waited for" has_role go waits
expect "an event" 0 "$MUSTER" why go
holds "that it is not set" "muster event wait@*waits for go, for *"$'\n'"  (it is not set)" "$out"
background party "$MUSTER" barrier wait gate --parties 3
until_true "a barrier is waited at" has_role gate waits
expect "a barrier" 0 "$MUSTER" why gate
holds "how many are missing" "muster barrier wait@*waits for gate, for *"$'\n'"  (1 of 3 have arrived)" "$out"

# ---- top, not on a terminal ----

expect "top" 0 "$MUSTER" top --interval 100ms
same "one row for each object" "belt empty gate go" \
    "$(printf '%s\n' "$out" | cut -f 1 | sort | xargs)"
same "ten fields" "10" "$(printf '%s\n' "$out" | awk -F '\t' '{ print NF }' | sort -u | xargs)"
for _ in 1 2 3; do "$MUSTER" put deep x y; done
expect "the deepest queue first" 0 "$MUSTER" top --interval 100ms
holds "deep" "deep"$'\t'"fifo"$'\t'"6"$'\t'"6"$'\t'"0"$'\t'"0"$'\t'"0"$'\t'"0.0"$'\t'"0.0"$'\t'* "$out"
expect "by name" 0 "$MUSTER" top --interval 100ms --sort name
holds "belt" "belt"$'\t'* "$out"
expect "two rounds" 0 "$MUSTER" top --interval 100ms -n 2
same "divided by an empty line" "5 5" "$(printf '%s\n' "$out" |
    awk 'BEGIN { RS = ""; FS = "\n" } { print NF }' | xargs)"
expect "in JSON" 0 "$MUSTER" top --interval 100ms --json
same "an object a line" "5" "$(printf '%s\n' "$out" | grep -c '^{"name":".*"puts_per_second":.*}$')"
TERM=dumb expect "a terminal that cannot be drawn on" 0 "$MUSTER" top --interval 100ms
expect "too often" 64 "$MUSTER" top --interval 1ms
holds "says so" "*--interval*" "$err"
expect "an order that there is not" 64 "$MUSTER" top --sort colour
expect "nobody there" 69 "$MUSTER" top --url "muster+unix://$folder/nobody"

echo go > "$folder/hold"
kill -TERM "$worker"
finish
