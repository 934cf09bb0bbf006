#!/bin/bash
# test_client_script.sh - the program whose library is refused memory and system calls uses all of
# muster.h: a function that is new, and that nobody calls there, is named here.
set -u

build=$MUSTER_BUILD
public=$(nm -D --defined-only "$build/libmuster.so" | awk '{ sub(/@.*/, "", $3); print $3 }' |
    grep '^muster_' | sort)
called=$(nm -u "$build"/tests/fault/client_*.o | awk '$1 == "U" { print $2 }' |
    grep '^muster_' | sort -u)
forgotten=$(comm -23 <(echo "$public") <(echo "$called"))

if [ "$(wc -l <<<"$public")" -lt 80 ]; then
    echo "libmuster.so has few functions: $public"
elif [ -n "$forgotten" ]; then
    echo "not in the script of tests/fault/client_script.h:" $forgotten
else
    echo "1 passed, 0 failed"
    exit 0
fi
echo "0 passed, 1 failed"
exit 1
