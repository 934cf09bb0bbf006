#!/bin/bash
# run.sh - runs fuzz targets side by side, on top of their corpora.
#
#   tests/fuzz/run.sh FOLDER-OF-PROGRAMS SECONDS TARGET...   each for so long, from a seed of its own
#   tests/fuzz/run.sh FOLDER-OF-PROGRAMS same TARGET...      the same inputs each time: a fixed seed,
#                                                            and as many runs as same-runs says
#
# In the first way, what is new goes into FOLDER/corpus/TARGET and is used by the next run. An input
# that breaks something goes into FOLDER/TARGET-crash-..., and its log is shown. The last line is
# "N passed, N failed".
set -u

folder=$1
how=$2
shift 2
here=$(dirname "$0")
passed=0
failed=0

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:${ASAN_OPTIONS-}
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export CMOCKA_TEST_ABORT=1 # a helper's assertion is a crash, with a stack

# libFuzzer learns from addresses that are compared: they stand still where the machine allows it.
still=()
if [ "$how" = same ] && setarch -R true 2>/dev/null; then
    still=(setarch -R)
fi

options=(-timeout=60 -rss_limit_mb=1024 -malloc_limit_mb=64 -print_final_stats=1 -verbosity=0
    -entropic=0)

fuzz() # TARGET
{
    local limit runs seeds
    if [ "$how" = same ]; then
        runs=$(sed -n "s/^$1 //p" "$here/same-runs")
        seeds=$(find "$here/corpus/$1" -type f | LC_ALL=C sort | paste -sd,)
        limit=300
        set -- "$1" -seed=1 -runs="${runs:-10000}" -seed_inputs="$seeds"
    else
        mkdir -p "$folder/corpus/$1"
        limit=$((how + 60))
        set -- "$1" -max_total_time="$how" "$folder/corpus/$1" "$here/corpus/$1"
    fi
    timeout -k 5 "$limit" "${still[@]}" "$folder/$1" "${options[@]}" -artifact_prefix="$folder/$1-" "${@:2}" \
        >"$folder/$1.log" 2>&1 </dev/null
}

settle() # TARGET CODE
{
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$1.log")
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        printf '  ok   %-12s %9s runs\n' "$1" "$runs"
    else
        failed=$((failed + 1))
        printf '  FAIL %-12s code %s; again: %s FILE\n' "$1" "$2" "$folder/$1"
        tail -n 60 "$folder/$1.log" | cut -c1-300 | sed 's/^/       | /'
    fi
}

declare -A target_of=()
reap() # waits for one of them
{
    local pid code
    wait -n -p pid "${!target_of[@]}"
    code=$?
    settle "${target_of[$pid]}" "$code"
    unset "target_of[$pid]"
}

trap 'kill "${!target_of[@]}" 2>/dev/null; exit 130' INT TERM
for target in "$@"; do
    [ ${#target_of[@]} -lt "$(nproc)" ] || reap
    fuzz "$target" &
    target_of[$!]=$target
done
while [ ${#target_of[@]} -gt 0 ]; do
    reap
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
