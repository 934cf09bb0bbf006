#!/bin/bash
# test_readme.sh - README.md is true: each command of its tour prints what the README says.
#
# Commands are the lines that begin with "$ " in blocks marked as console; the lines up to the next
# command are what a terminal shows. Times, and who runs where, differ from run to run: both sides
# are compared without them. The C program shown must be the one in docs/examples.
set -u

dir=$(mktemp -d) || exit 1
trap 'kill -TERM $broker; wait; rm -rf "$dir"' EXIT
export PATH=$MUSTER_BUILD:$EXAMPLES:$PATH MUSTER_URL=muster+unix://$dir/broker NO_COLOR=1 LC_ALL=C
readme=$MUSTER_SOURCE_DIR/README.md
passed=0
failed=0

verdict() # "what was looked at" EXPECTED-FILE ACTUAL-FILE
{
    if diff "$2" "$3" >"$dir/diff"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'README.md, %s: < as it says, > as it is\n' "$1"
        cat "$dir/diff"
    fi
}

block() # LANGUAGE: the text of all blocks marked so
{
    awk -v mark="$(printf '\x60\x60\x60')" -v language="$1" '
        $0 == mark language { inside = 1; next }
        $0 == mark { inside = 0 }
        inside { print }' "$readme"
}

same_for_all() # takes out what differs from run to run
{
    sed -E 's/\r//g; s/@[^ :]+:[0-9]+/@HOST:PID/g; s/\b[0-9]+(\.[0-9]+)?m?s\b/TIME/g
        s/^(who\tholds\t[^\t]*)\t[0-9]+\t[0-9.]+/\1\tSESSION\tTIME/; s/ +/ /g'
}

as_on_a_terminal() # runs the file $1
{
    script -qec "bash $1" /dev/null </dev/null | same_for_all
}

check_command() # compares what $dir/command prints with $dir/expected
{
    [ -s "$dir/command" ] || return 0
    as_on_a_terminal "$dir/command" >"$dir/actual"
    same_for_all <"$dir/expected" >"$dir/expected.same"
    verdict "\$ $(cat "$dir/command")" "$dir/expected.same" "$dir/actual"
}

mkfifo "$dir/ready"
"$MUSTERD" --unix "$dir/broker" --ready-fd 3 3>"$dir/ready" 2>"$dir/log" &
broker=$!
if ! read -r -t 10 _ <"$dir/ready"; then
    cat "$dir/log"
    echo "0 passed, 1 failed"
    exit 1
fi

: >"$dir/command"
: >"$dir/expected"
while IFS= read -r line; do
    if [ "${line:0:2}" = '$ ' ]; then
        check_command
        printf '%s\n' "${line:2}" >"$dir/command"
        : >"$dir/expected"
    else
        printf '%s\n' "$line" >>"$dir/expected"
    fi
done < <(block console)
check_command

block c >"$dir/shown.c"
verdict "the C program" "$dir/shown.c" "$MUSTER_SOURCE_DIR/docs/examples/sizes.c"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
