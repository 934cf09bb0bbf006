#!/bin/bash
# test_examples.sh - every example in C does what its comment says, cleans up after itself, and says
# so in one line when there is no broker.
set -u

dir=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker"; wait; rm -rf "$dir"' EXIT
passed=0
failed=0

check() # NAME COMMAND...
{
    local name=$1
    shift
    if "$@" >"$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        sed 's/^/    /' "$dir/said" "$dir/out"
    fi
}

export MUSTER_URL=muster+unix://$dir/broker

start_broker()
{
    mkfifo "$dir/ready"
    "$MUSTERD" --listen "$MUSTER_URL" --ready-fd 3 3>"$dir/ready" 2>"$dir/log" &
    broker=$!
    read -r -t 20 _ <"$dir/ready"
}

: >"$dir/said"
check 'the broker starts' start_broker

# What each is to say at its end.
declare -A last_words=(
    [jobs]='200 of 200 jobs done; the sum of all squares is 2686700, and should be 2686700'
    [phases]='4 workers went through 20 phases in step; their row is that of one alone'
    [stop_signal]='3 of 3 workers heard the stop signal'
)

for example in "${!last_words[@]}"; do
    "$EXAMPLES/$example" >"$dir/said" 2>&1
    check "$example ends well" test $? = 0
    check "$example says so" test "$(tail -n 1 "$dir/said")" = "${last_words[$example]}"
    check "$example leaves nothing" test -z "$("$MUSTER" ls)"
done

# sizes ends when its queue is shut down.
printf 'four' >"$dir/file"
"$MUSTER" put files "$dir/file" "$dir/no such file"
"$MUSTER" shutdown files
"$EXAMPLES/sizes" >"$dir/said" 2>&1
check 'sizes ends well' test $? = 0
check 'sizes tells the size' grep -qx "$dir/file: 4 bytes" "$dir/said"
check 'sizes gives up what is no file' grep -q 'no such file' <("$MUSTER" dead ls files)

kill "$broker" && wait "$broker"
broker=
declare -A alone=() # all at once: each tries for some seconds
for source in "$MUSTER_SOURCE_DIR"/docs/examples/*.c; do
    example=$(basename "$source" .c)
    timeout 60 "$EXAMPLES/$example" >"$dir/$example" 2>&1 &
    alone[$example]=$!
done
for example in "${!alone[@]}"; do
    wait "${alone[$example]}"
    check "$example without a broker fails" test $? = 1
    cp "$dir/$example" "$dir/said"
    check "$example without a broker says where it looked" grep -q "$MUSTER_URL" "$dir/said"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
