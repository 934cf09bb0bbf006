#!/bin/bash
# run.sh - the simulation over many seeds, a share on each processor. Ends with "N passed, N failed".
#
#   tests/sim/run.sh PROGRAM SEEDS [SEED]    SEED alone, told as it happens, if it is given
#
# A seed that fails is made a short script, which is shown and kept for tests/sim/regressions.
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

make_short() # LOG PROGRESS
{
    local seed kept
    seed=$(grep -ao -m 1 'SEED=[0-9]* runs' "$1" | tr -dc 0-9)
    [ -n "$seed" ] || seed=$(cat "$2" 2>/dev/null)
    [ -n "$seed" ] || return
    kept=${TMPDIR:-/tmp}/muster-seed-$seed.mix
    SEED=$seed SCRIPT=$logs/script "$program" > /dev/null 2>&1
    "$(dirname "$0")/minimise" "$program" "$logs/script" > "$kept" || return
    echo "seed $seed fails; as a short script, in $kept (REPLAY=$kept ALOUD=1 $program tells it):"
    cat "$kept"
}

pids=()
for ((i = 0; i < cores; i++)); do
    FIRST_SEED=$((1 + i * share)) SEEDS=$share PROGRESS=$logs/seed$i "$program" > "$logs/$i" 2>&1 &
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
        make_short "$logs/$i" "$logs/seed$i"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
