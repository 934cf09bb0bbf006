#!/bin/bash
# run.sh - runs test programs and scripts side by side and adds up what they say.
#
#   tests/run.sh BUILD PATTERN PROGRAM-OR-SCRIPT...
#
# Each one gets a time limit (TEST_TIMEOUT seconds) and writes into BUILD/tests/NAME.log; the logs
# of those that failed are shown. A program says how many of its cases passed and failed, either in
# cmocka's words or by a last line "N passed, N failed". One that crashes, hangs, or tells of no
# case at all counts as one failure more. The last line printed is the sum of all: "N passed, N failed".
set -u

build=$(realpath "$1")
pattern=$2
shift 2

export MUSTER_SOURCE_DIR=$PWD
export MUSTER_BUILD=$build
export MUSTER=$build/muster
export MUSTERD=$build/musterd
export EXAMPLES=$build/examples
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:die_after_fork=0}
unset MUSTER_URL MUSTER_KEY MUSTER_SERVER_KEY MUSTER_TOKEN_FILE

# Under valgrind: programs through tests/valgrind/run, and the two of ours that tests start as well.
under=()
if [ -n "${VALGRIND-}" ]; then
    export VALGRIND_LOGS=$build/valgrind/logs
    rm -rf "$build/valgrind"
    mkdir -p -m 1777 "$VALGRIND_LOGS" # some tests start us as another user
    for ours in musterd muster; do
        printf '#!/bin/sh\nexec "%s/tests/valgrind/run" "%s/%s" "$@"\n' "$PWD" "$build" "$ours" \
            >"$build/valgrind/$ours"
        chmod +x "$build/valgrind/$ours"
    done
    MUSTER=$build/valgrind/muster
    MUSTERD=$build/valgrind/musterd
    under=(tests/valgrind/run)
fi

is_left_out() # test $1
{
    [ -n "${VALGRIND-}" ] && grep -q "^$1 " tests/valgrind/left-out.txt
}

limit=${TEST_TIMEOUT:-$([ -n "${VALGRIND-}" ] && echo 1800 || { [ -n "${SAN-}" ] && echo 600; } ||
    echo 120)} # what watches is slow
slots=${TEST_JOBS:-$(nproc)}
passed=0
failed=0

name_of() # tests/unit/test_heap -> unit-test_heap
{
    local path=${1##*tests/}
    path=${path%.sh}
    echo "${path//\//-}"
}

counts_of() # prints "PASSED FAILED" as the log $1 tells them
{
    awk '
        /^\[  PASSED  \]/ { sub(/^\[  PASSED  \] */, ""); sub(/^[^0-9].*: /, ""); ok += $1 + 0 }
        /^\[  FAILED  \].* test\(s\), listed below/ {
            sub(/^\[  FAILED  \] */, ""); sub(/^[^0-9].*: /, ""); bad += $1 + 0
        }
        /^[0-9]+ passed, [0-9]+ failed$/ { ok += $1; bad += $3 }
        END { print ok + 0, bad + 0 }' "$1"
}

settle() # program $1 ended with code $2 after $3 milliseconds
{
    local name log ok bad verdict why=
    name=$(name_of "$1")
    log=$build/tests/$name.log
    read -r ok bad < <(counts_of "$log")
    if [ "$2" = 124 ] || [ "$2" = 137 ]; then
        why="was not finished after $limit s"
    elif [ "$2" != 0 ] && [ "$bad" = 0 ]; then
        why="ended with code $2"
    elif [ "$((ok + bad))" = 0 ]; then
        why="told of no test case"
    fi
    [ -z "$why" ] || bad=$((bad + 1))
    passed=$((passed + ok))
    failed=$((failed + bad))
    verdict=$([ "$bad" = 0 ] && echo ok || echo FAIL)
    printf '  %-4s %-40s %4d passed %3d failed %6d ms%s\n' "$verdict" "$name" "$ok" "$bad" "$3" \
        "${why:+  ($why)}"
    if [ "$bad" != 0 ]; then
        sed 's/^/       | /' "$log" | grep -vE '\[       OK |\[ RUN  |\| ok [0-9]' | cut -c1-300 | tail -n 60
    fi
}

milliseconds()
{
    echo "${EPOCHREALTIME/[.,]/}" | sed 's/...$//'
}

declare -A program_of=() started_at=()
reap() # waits for one running program
{
    local pid code
    wait -n -p pid "${!program_of[@]}"
    code=$?
    settle "${program_of[$pid]}" "$code" "$(($(milliseconds) - ${started_at[$pid]}))"
    unset "program_of[$pid]"
}

trap 'kill "${!program_of[@]}" 2>/dev/null; exit 130' INT TERM

mkdir -p "$build/tests"
for program in "$@"; do
    [[ -z $pattern || $program =~ $pattern ]] || continue
    ! is_left_out "$(name_of "$program")" || continue
    [ ${#program_of[@]} -lt "$slots" ] || reap
    case $program in
    *.sh | */integration/* | */soak/*) start=("$program") ;; # valgrind has no pidfd_open
    *) start=("${under[@]}" "$program") ;;
    esac
    timeout -k 5 "$limit" "${start[@]}" </dev/null >"$build/tests/$(name_of "$program").log" 2>&1 &
    program_of[$!]=$program
    started_at[$!]=$(milliseconds)
done
while [ ${#program_of[@]} -gt 0 ]; do
    reap
done

for log in ${VALGRIND:+$(find "$VALGRIND_LOGS" -type f -size +0)}; do
    echo "  FAIL valgrind: $log"
    head -n 40 "$log" | sed 's/^/       | /'
    failed=$((failed + 1))
done

if [ $((passed + failed)) = 0 ]; then
    echo "muster: no test matches '$pattern'; ls tests/unit tests/sim tests/integration" >&2
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
