#!/bin/bash
# test_man.sh - the manual pages: mandoc finds nothing wrong with them, and each page that one of
# them refers to is there. Without mandoc only the second is asked.
set -u

cd "$MUSTER_SOURCE_DIR" || exit 1
pages=(broker/*.[1-8] cli/*.[1-8] client-lib/*.[1-8])
passed=0
failed=0

same() # NAME EXPECTED SEEN
{
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        printf '%s\n' "$3" | sed 's/^/    /'
    fi
}

same 'there are the pages of section 8, 5, 1 and 3' '8 5 1 3' \
    "$(for page in musterd.8 musterd.conf.5 muster.1 libmuster.3; do
        printf '%s\n' "${pages[@]}" | grep -q "/$page$" && echo "${page##*.}"; done | xargs)"
for page in "${pages[@]}"; do
    missing=$(sed -nE 's/^\.BR ([a-z.]*muster[a-z.]*) \(([1-8])\).*/\1.\2/p' "$page" | sort -u |
        while read -r other; do ls ./*/"$other" >/dev/null 2>&1 || echo "$other"; done)
    same "$page refers to pages that are there" '' "$missing"
    if command -v mandoc >/dev/null; then
        # Whether other pages are installed on this machine says nothing of this one.
        same "$page: mandoc -Tlint" '' "$(mandoc -Tlint "$page" | grep -v 'referenced manual not')"
    fi
done
command -v mandoc >/dev/null || echo 'mandoc is not installed: the pages were not checked by it'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
