#!/bin/bash
# coverage.sh - runs the tests of an instrumented build and tells which lines and branches of some
# folders they took.
#
#   tests/coverage.sh BUILD PATTERN FOLDER...       (make coverage)
#
# The last lines are one for each folder. The same, line by line, is in BUILD/coverage/lines.txt.
set -u

build=$1
pattern=$2
shift 2
out=$build/coverage
tool=$(dirname "$(readlink -f "$(command -v clang)")")
rm -rf "$out"
mkdir -p "$out/raw"

mapfile -t programs < <(find "$build/tests" -maxdepth 2 -type f -executable | grep -E "$pattern" | sort)
ALLOCATIONS=all LLVM_PROFILE_FILE=$out/raw/%p-%m.profraw tests/run.sh "$build" '' "${programs[@]}" | tail -n 1
"$tool/llvm-profdata" merge -sparse -o "$out/all.profdata" "$out"/raw/*.profraw || exit 1

objects=()
for program in "${programs[@]}"; do
    objects+=(-object "$program")
done
mapfile -t sources < <(find "$@" -name '*.c' | sort)
"$tool/llvm-cov" show "${objects[@]:1}" -instr-profile="$out/all.profdata" -show-branches=count \
    "${sources[@]}" > "$out/lines.txt" 2>/dev/null
"$tool/llvm-cov" report "${objects[@]:1}" -instr-profile="$out/all.profdata" \
    -show-branch-summary "${sources[@]}" 2>/dev/null > "$out/report.txt"

# Columns: regions, missed, part; functions; lines; branches: each count, missed, part.
awk '$1 ~ /\.c$/ && NF >= 13 { printf "%-32s lines %5.1f %%   branches %5.1f %%\n", $1,
    $8 ? 100 * ($8 - $9) / $8 : 100, $11 ? 100 * ($11 - $12) / $11 : 100 }' "$out/report.txt"
for folder in "$@"; do
    "$tool/llvm-cov" report "${objects[@]:1}" -instr-profile="$out/all.profdata" \
        -show-branch-summary $(find "$folder" -name '*.c') 2>/dev/null |
        awk -v name="$folder" '$1 == "TOTAL" { printf "%-32s lines %5.1f %%   branches %5.1f %%\n", name,
            100 * ($8 - $9) / $8, 100 * ($11 - $12) / $11 }'
done
