#!/bin/bash
# demo.sh - muster at work on this machine, in under a minute.
#
#   docs/examples/demo.sh [BUILD]     (make demo); without BUILD, musterd and muster come from PATH
#
# A broker, four workers and a few hundred files. The workers start together at a barrier, take
# files from a priority queue, largest first, and hash and compress them. One worker is killed in the
# middle of a file; the file goes to another worker, and nothing is lost. At the end the result is
# compared with that of one process doing all the work alone. Everything happens in a temporary
# folder and is gone afterwards.
#
# The same file is also what the workers run: `demo.sh worker N` and `demo.sh task FILE`.
set -u

files_max=${DEMO_FILES:-400}
workers=4

# ---- what a worker does with one file: `muster run` starts this once per message ----

work() # FILE: prints "FILE SHA256 COMPRESSED-BYTES"
{
    printf '%s %.64s %d\n' "$1" "$(sha256sum <"$1")" "$(gzip -nc <"$1" | wc -c)"
}

if [ "${1-}" = task ]; then
    : >"$DEMO_DIR/running/$$"
    echo "$DEMO_WORKER $2" >"$DEMO_DIR/progress"
    work "$2" >"$DEMO_DIR/tmp.$$" || exit 1
    printf '%s %s\n' "$DEMO_WORKER" "$MUSTER_DELIVERY" >"$DEMO_DIR/who.$$"
    # Two renames: a file that is done twice leaves one result all the same.
    mv "$DEMO_DIR/who.$$" "$DEMO_DIR/who/$MUSTER_ID" &&
        mv "$DEMO_DIR/tmp.$$" "$DEMO_DIR/results/$MUSTER_ID" && rm "$DEMO_DIR/running/$$"
    exit
fi

# ---- a worker: start together with the others, take files, stop when the event is set ----

if [ "${1-}" = worker ]; then
    export DEMO_WORKER=$2
    muster barrier wait demo/start --parties "$workers" >/dev/null || exit 1
    muster run -q demo/files -- "$0" task '{}' &
    muster event wait demo/stop || exit 1
    kill -TERM $!
    wait $!
    exit
fi

# ---- the demo itself ----

if [ -n "${1-}" ]; then
    PATH=$(realpath "$1"):$PATH
fi
for program in musterd muster; do
    command -v "$program" >/dev/null || {
        echo "demo: cannot find $program; run 'make demo', or give the folder it was built in" >&2
        exit 1
    }
done

DEMO_DIR=$(mktemp -d) || exit 1
export PATH DEMO_DIR MUSTER_URL=muster+unix://$DEMO_DIR/broker
self=$(realpath "$0")
broker=
worker_pid=()

clean()
{
    local pid
    trap - EXIT
    trap '' INT TERM # who is impatient must not leave half of it behind
    for pid in "${worker_pid[@]}"; do
        kill -KILL -- "-$pid" 2>/dev/null # each worker leads its own group of processes
    done
    for pid in "$DEMO_DIR"/running/*; do
        kill -KILL -- "-${pid##*/}" 2>/dev/null # so does each command that a worker runs
    done
    [ -z "$broker" ] || kill -KILL "$broker" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$DEMO_DIR"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

give_up()
{
    echo "demo: $1" >&2
    exit 1
}

step=0
say() # a step, explained in one line
{
    step=$((step + 1))
    printf '\n%d. %s\n' "$step" "$1"
}

show() # a command, shown as a user would type it, and run
{
    printf '   $ %s\n' "$*"
    "$@" | sed 's/^/   /'
    return "${PIPESTATUS[0]}"
}

seconds_since() # with two decimals
{
    local microseconds=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
    printf '%d.%02d' $((microseconds / 1000000)) $((microseconds / 10000 % 100))
}

say "A broker starts. It listens on a Unix socket, or on TCP for many hosts."
mkfifo "$DEMO_DIR/ready" "$DEMO_DIR/progress"
mkdir "$DEMO_DIR/results" "$DEMO_DIR/who" "$DEMO_DIR/running"
echo "   \$ musterd --listen $MUSTER_URL &"
musterd --listen "$MUSTER_URL" --ready-fd 3 3>"$DEMO_DIR/ready" 2>"$DEMO_DIR/log" &
broker=$!
read -r -t 10 _ <"$DEMO_DIR/ready" || give_up "the broker did not start: $(cat "$DEMO_DIR/log")"
show muster ping || give_up "the broker does not answer"

say "A priority queue is made, and files of this machine become tasks: priority = minus size."
candidates()
{
    find "$1" -xdev -type f -readable -size +0 -size -1000k ! -name $'*[\n\t ]*' \
        -printf '%s\t%p\n' 2>/dev/null
}
candidates /usr/share/doc >"$DEMO_DIR/found"
if [ "$(wc -l <"$DEMO_DIR/found")" -lt 50 ]; then
    candidates /etc >>"$DEMO_DIR/found"
fi
# The largest ones are chosen, but put in the order of their names: it is the queue that sorts.
sort -t $'\t' -k1,1nr -k2 "$DEMO_DIR/found" | head -n "$files_max" | sort -k2 >"$DEMO_DIR/tasks"
tasks=$(wc -l <"$DEMO_DIR/tasks")
[ "$tasks" -gt 0 ] || give_up "there are no files to work on"
show muster declare demo/files --kind priority || give_up "the queue could not be made"
echo "   \$ muster put demo/files --priority=-SIZE FILE     for each of $tasks files"
while IFS=$'\t' read -r size path; do
    muster put -q demo/files "--priority=-$size" "$path" || give_up "$path could not be put"
done <"$DEMO_DIR/tasks"

say "Four workers start and wait at a barrier until all of them have come."
echo "   \$ muster barrier wait demo/start --parties $workers"
echo "   \$ muster run demo/files -- COMMAND {}"
exec 4<>"$DEMO_DIR/progress"
started=$EPOCHREALTIME
for n in $(seq "$workers"); do
    setsid "$self" worker "$n" </dev/null 2>>"$DEMO_DIR/log" &
    worker_pid+=($!)
done

say "In the middle of a file, worker 4 is killed without warning."
of_worker_4=0
for _ in $(seq "$tasks"); do # each file is begun once, and that of the killed worker once more later
    read -r -t 30 -u 4 worker path || give_up "the workers do not work"
    [ "$worker" = 4 ] || continue
    of_worker_4=$((of_worker_4 + 1))
    if [ "$of_worker_4" = $((tasks < 40 ? 1 : 5)) ]; then
        kill -KILL -- "-${worker_pid[3]}"
        wait "${worker_pid[3]}" 2>/dev/null
        echo "   \$ kill -KILL ${worker_pid[3]}     it was at $path"
    fi
done
took=$(seconds_since "$started")

say "join waits until every file is finished; what worker 4 held comes back once 10 s are over."
show muster join demo/files --timeout 45 || give_up "not everything was finished"

say "An event tells the workers to stop."
show muster event set demo/stop || give_up "the event could not be set"
for n in 0 1 2; do
    wait "${worker_pid[$n]}" || give_up "worker $((n + 1)) ended with code $?"
done

say "What each worker did."
cat "$DEMO_DIR"/results/* >"$DEMO_DIR/together"
for id in "$DEMO_DIR"/who/*; do
    paste -d ' ' "$id" "$DEMO_DIR/results/${id##*/}"
done | awk -v tasks="$DEMO_DIR/tasks" '
    BEGIN {
        while ((getline line < tasks) > 0) {
            split(line, part, "\t")
            size[part[2]] = part[1]
        }
    }
    { files[$1]++; bytes[$1] += size[$3]; packed[$1] += $5 }
    $2 > 1 { again = again sprintf("\n   %s came back and went to worker %d", $3, $1) }
    END {
        printf "   worker   files      bytes   compressed\n"
        for (n = 1; n <= 4; n++)
            printf "   %6d  %6d  %9d  %11d%s\n", n, files[n], bytes[n], packed[n],
                n == 4 ? "  (killed)" : ""
        print again
    }'

say "The same work by one process alone, for comparison."
started=$EPOCHREALTIME
while IFS=$'\t' read -r size path; do
    work "$path"
done <"$DEMO_DIR/tasks" >"$DEMO_DIR/alone"
echo "   one process: $(seconds_since "$started") s"
echo "   the workers: $took s, but for the file that came back later"
if ! cmp -s <(sort "$DEMO_DIR/together") <(sort "$DEMO_DIR/alone"); then
    diff <(sort "$DEMO_DIR/together") <(sort "$DEMO_DIR/alone") | head >&2
    give_up "the results differ"
fi
echo "   $tasks files, $(wc -l <"$DEMO_DIR/together") results, all equal: nothing was lost"
