#!/bin/bash
# run.sh - runs fuzz targets side by side, each for so many seconds on top of its corpus.
#
#   tests/fuzz/run.sh FOLDER-OF-PROGRAMS SECONDS TARGET...
#
# What is new goes into FOLDER/corpus/TARGET and is used by the next run; an input that breaks
# something into FOLDER/TARGET-crash-..., and its log is shown. The last line is "N passed, N failed".
set -u

folder=$1
seconds=$2
shift 2
here=$(dirname "$0")
passed=0
failed=0

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:${ASAN_OPTIONS-}
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export CMOCKA_TEST_ABORT=1 # a helper's assertion is a crash, with a stack

fuzz() # TARGET
{
    mkdir -p "$folder/corpus/$1"
    timeout -k 5 $((seconds + 60)) "$folder/$1" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -malloc_limit_mb=64 -print_final_stats=1 -verbosity=0 -entropic=0 \
        -artifact_prefix="$folder/$1-" "$folder/corpus/$1" "$here/corpus/$1" \
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
