#!/bin/bash
# test_journal_reader.sh - a reader that shares no code with musterd understands its journals.
#
# tests/golden/journal/reader.py was written from JOURNAL.md alone. Without python3 there is
# nothing to run: then only the folders are counted.
set -u

golden=$(cd "$(dirname "$0")/../golden/journal" && pwd)
passed=0
failed=0

for expected in "$golden"/*.txt; do
    journal=${expected%.txt}
    if ! [ -d "$journal" ]; then
        echo "FAIL $journal is not there"
        failed=$((failed + 1))
    elif ! command -v python3 > /dev/null; then
        echo "ok   ${journal##*/} (no python3, not read)"
        passed=$((passed + 1))
    elif difference=$(python3 "$golden/reader.py" "$journal" 2>&1 | diff "$expected" -); then
        echo "ok   ${journal##*/}"
        passed=$((passed + 1))
    else
        echo "FAIL ${journal##*/}"
        echo "$difference"
        failed=$((failed + 1))
    fi
done
[ $passed -gt 0 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ $failed = 0 ]
