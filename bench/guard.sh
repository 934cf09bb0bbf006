#!/bin/bash
# guard.sh - counts the instructions of put + get + done, and compares with bench/guard.figures.
#
#   bench/guard.sh BUILD            fails when a figure is more than 5 % above the one written down
#   bench/guard.sh BUILD accept     writes down what is counted now
#
# The work is the same every time, and so is the count, whatever else the machine does. Figures hold
# for one compiler and one set of flags; with another it is not compared. The last line is
# "N passed, N failed".
set -u

build=$1
figures=$(dirname "$0")/guard.figures
messages=10000
tolerance=5
passed=0
failed=0

skip() # WHY
{
    echo "guard: skipped: $1"
    echo "0 passed, 0 failed"
    exit 0
}

command -v valgrind >/dev/null || skip "valgrind is not installed; try 'apt-get install valgrind'"
compiler=$(sed 's/ .*//' "$build/flags")
compiler="$(basename "$compiler") $("$compiler" -dumpversion)"
grep -q -- '-fsanitize' "$build/flags" && skip "this build has sanitizers"

count() # core|engine|waiting BATCH: instructions of one message
{
    local out
    if ! out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect=guard_work "$build/bench/guard" "$1" $messages "$2" 2>&1); then
        echo "guard: $1, batch $2 failed: $(tail -n 1 <<<"$out")" >&2
        return 1
    fi
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$out" | awk -v n=$messages '{ printf "%d\n", $1 / n }'
}

compare() # NAME COUNTED WRITTEN
{
    local verdict=ok
    if [ -z "$3" ]; then
        verdict="no figure is written down; try '$0 BUILD accept'"
    elif [ $(($2 * 100)) -gt $(($3 * (100 + tolerance))) ]; then
        verdict="MORE than $tolerance % above"
    elif [ $(($2 * 100)) -lt $(($3 * (100 - tolerance))) ]; then
        verdict="ok, and less: write it down with 'make guard-accept'"
    fi
    case $verdict in
    ok*) passed=$((passed + 1)) ;;
    *) failed=$((failed + 1)) ;;
    esac
    printf '  %-18s %7d instructions per message, written down %7s: %s\n' "$1" "$2" "${3:-none}" \
        "$verdict"
}

declare -A counted
names=("core 1" "core 100" "engine 1" "engine 100" "waiting 1" "waiting 100")
for name in "${names[@]}"; do
    # shellcheck disable=SC2086
    counted[$name]=$(count $name) || exit 1
done

if [ "${2-}" = accept ]; then
    {
        echo "# Instructions of put + get + done of one message: what, messages in one frame, count."
        echo "# Written by 'make guard-accept'; the comparison is in guard.sh."
        echo "compiler $compiler"
        for name in "${names[@]}"; do
            echo "$name ${counted[$name]}"
        done
    } >"$figures"
    cat "$figures"
    exit 0
fi

written_for=$(sed -n 's/^compiler //p' "$figures")
[ "$written_for" = "$compiler" ] || skip "the figures are those of $written_for, not of $compiler"
for name in "${names[@]}"; do
    compare "$name" "${counted[$name]}" "$(sed -n "s/^$name //p" "$figures")"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
