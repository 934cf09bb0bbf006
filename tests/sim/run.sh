#!/bin/bash
# run.sh - the simulation over many seeds, a share on each processor. Ends with "N passed, N failed".
#
#   tests/sim/run.sh PROGRAM SEEDS [SEED]    SEED alone, told as it happens, if it is given
set -u
program=$1
seeds=$2

if [ -n "${3:-}" ]; then
    SEED=$3 exec "$program"
fi
cores=$(nproc)
share=$(((seeds + cores - 1) / cores))
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
pids=()
for ((i = 0; i < cores; i++)); do
    FIRST_SEED=$((1 + i * share)) SEEDS=$share "$program" > "$logs/$i" 2>&1 &
    pids+=($!)
done
passed=0
failed=0
for ((i = 0; i < cores; i++)); do
    if wait "${pids[i]}"; then
        passed=$((passed + 1))
        grep -a 'seeds from' "$logs/$i"
    else
        failed=$((failed + 1))
        tail -c 4000 "$logs/$i"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
