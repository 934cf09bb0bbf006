#!/bin/bash
# test_demo.sh - the demo does what it says with a few files, and leaves nothing behind, also when it
# is interrupted.
set -u

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
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
        sed 's/^/    /' "$dir/out" "$dir/demo"
    fi
}

demo=$MUSTER_SOURCE_DIR/docs/examples/demo.sh
mkdir "$dir/tmp"
export TMPDIR=$dir/tmp

# A process of the demo is one that has the demo's folder in its environment. One that was killed a
# moment ago may still be seen, so it is looked for again and again.
no_process_is_left()
{
    local left
    for _ in $(seq 100); do
        left=$(grep -lz "^DEMO_DIR=$TMPDIR" /proc/[0-9]*/environ 2>/dev/null)
        [ -n "$left" ] || return 0
    done
    for process in $left; do
        tr '\0' ' ' <"${process%environ}cmdline"
    done
    return 1
}

DEMO_FILES=60 "$demo" "$MUSTER_BUILD" >"$dir/demo" 2>&1
check 'the demo succeeds' test $? = 0
check 'a worker is killed at a file' grep -q 'kill -KILL [0-9]*  *it was at /' "$dir/demo"
check 'that file goes to another worker' grep -q 'came back and went to worker [123]' "$dir/demo"
check 'the results are equal' grep -q '60 results, all equal: nothing was lost' "$dir/demo"
check 'no file is left' test -z "$(ls -A "$TMPDIR")"
check 'no process is left' no_process_is_left

# Interrupted as soon as the workers run.
mkfifo "$dir/fifo"
DEMO_FILES=60 "$demo" "$MUSTER_BUILD" >"$dir/fifo" 2>&1 &
pid=$!
exec 3<"$dir/fifo"
while read -r line <&3; do
    case $line in *'worker 4 is killed'*) break ;; esac
done
kill -TERM "$pid"
while read -r line <&3; do
    echo "$line"
    # bash 5.2 may lose a trap that comes while it reads a $( ): then the demo has gone on.
    case $line in '5. join waits'*) kill -TERM "$pid" ;; esac
done >"$dir/demo"
wait "$pid"
check 'interrupted, it says so' test $? = 143
check 'interrupted, it leaves no file' test -z "$(ls -A "$TMPDIR")"
check 'interrupted, it leaves no process' no_process_is_left

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
