#!/bin/bash
# test_memory.sh - a real broker that the system refuses memory: its address space is limited, and it
# is filled until it says NO_MEMORY. It goes on: whoever comes can take out what is there, all of it
# and in order; then there is room again. On disk, what was acknowledged is there after a restart.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/../integration/cli_lib.sh"

limit_kib=80000 # addresses: the broker, its reserve, and some hundred thousand messages
lines=600000

if [[ ${SAN-}${VALGRIND-} ]]; then
    echo "left out: sanitizers and valgrind need more addresses than there would be"
    echo "1 passed, 0 failed"
    exit 0
fi
seq -f 'message %0100g' "$lines" > "$folder/in"

fill() # NAME; the broker runs; $taken: how many messages it took
{
    "$MUSTER" put jobs --timeout 0 < "$folder/in" 2> "$folder/put.err"
    same "$1: a put is refused" 75 "$?"
    holds "$1: and told why" '*memory is used up*' "$(cat "$folder/put.err")"
    taken=$(sed -n 's/.*line \([0-9]*\):.*/\1/p' "$folder/put.err")
    taken=$((taken - 1))
}

empty() # NAME: all that it took comes out, and there is room again
{
    "$MUSTER" get jobs --drain > "$folder/out" 2> "$folder/get.err"
    same "$1: who comes may take out" 0 "$?"
    same "$1: all of it" "$taken" "$(wc -l < "$folder/out")"
    same "$1: in order" same "$(head -n "$taken" "$folder/in" | cmp - "$folder/out" && echo same)"
    same "$1: then there is room" again "$("$MUSTER" put jobs again && "$MUSTER" get jobs --no-wait)"
}

end_broker() # NAME
{
    kill -TERM "$broker"
    wait "$broker"
    same "$1: the broker ends as it should" 0 "$?"
}

MUSTERD_WHOLE=$MUSTERD
MUSTERD=$folder/musterd
printf '#!/bin/bash\nulimit -v %d\nexec "%s" "$@"\n' "$limit_kib" "$MUSTERD_WHOLE" > "$MUSTERD"
chmod +x "$MUSTERD"

start_broker
fill 'in memory'
empty 'in memory'
end_broker 'in memory'

start_broker --data-dir "$folder/data"
fill 'on disk'
end_broker 'on disk'
start_broker --data-dir "$folder/data"
empty 'on disk, after a restart'
end_broker 'on disk, after a restart'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
