#!/bin/bash
# run.sh - soaks one after the other, each with the next seed, until the time is over.
#
#   tests/soak/run.sh PROGRAM MINUTES [FIRST-SEED]
#
# Ends with the first that fails, and shows what it said. The last line is "N passed, N failed".
set -u
program=$1
minutes=$2
seed=${3:-$RANDOM}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
until=$((SECONDS + 60 * minutes))
passed=0

while [ "$SECONDS" -lt "$until" ]; do
    if ! SEED=$seed CALLS=${CALLS:-3000} timeout -k 5 600 "$program" > "$log" 2>&1; then
        tail -n 60 "$log"
        for folder in $(grep -aoE 'SEED=[0-9]+ .*' "$log" | cut -d' ' -f2-); do
            [ -d "$folder" ] || continue # it was fine
            cp "$log" "$folder/log"
            echo "what they wrote down is kept; to judge it again: JUDGE=$folder ALOUD=1 $program"
        done
        echo "$passed passed, 1 failed"
        exit 1
    fi
    grep -aE 'SEED=|judged' "$log" | sed 's/^/  /'
    passed=$((passed + 2))
    seed=$((seed + 1))
done
echo "$passed passed, 0 failed"
