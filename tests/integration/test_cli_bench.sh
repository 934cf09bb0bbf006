#!/bin/bash
# test_cli_bench.sh - `muster bench` does all of its work, tells it, and leaves nothing behind.
. "$(dirname "$0")/cli_lib.sh"

start_broker
field() # NAME: a number of the JSON in $out
{
    sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<< "$out"
}

expect "a load" 0 "$MUSTER" bench --json -n 3000 --producers 3 --consumers 2 --size 64 --window 7
same "tells what was asked" "3000 3 2 64 7" \
    "$(field messages) $(field producers) $(field consumers) $(field size) $(field window)"
holds "tells the rate" '*"messages_per_second":[1-9]*' "$out"
holds "tells how long it took" '*"put_p50":*"put_p99":*"delivery_p50":*"delivery_p99":*' "$out"
expect "for people" 0 "$MUSTER" bench -n 100 --window 1 --kind priority
holds "a table of facts" $'*rate\t*messages/s*' "$out"
expect "the queue has gone" 0 "$MUSTER" ls
same "nothing is left" "" "$out"

"$MUSTER" put mine keep
expect "a queue in use is not touched" 73 "$MUSTER" bench mine
expect "what was in it" 0 "$MUSTER" get mine --no-wait
same "is still there" keep "$out"
expect "a body too small for its mark" 64 "$MUSTER" bench --size 1
expect "too many clients" 64 "$MUSTER" bench --producers 100000

background load "$MUSTER" bench cut -n 50000000
until_true "the load runs" has_role cut gets
kill -TERM "$broker"
wait "$pid"
ended=$?
# What a put was told (unavailable, or not known) depends on how far it had come.
holds "a broker that goes ends it" "@(69|75)" "$ended"
same "in one line" 1 "$(wc -l < "$folder/load.err")"
finish
