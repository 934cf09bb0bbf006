# cli_lib.sh - for tests of the command line: a broker in a folder of its own, commands, checks.
#
# Paths come from the environment: MUSTER and MUSTERD. Whatever was started is ended by its process
# id. Nothing sleeps: waiting is asking the broker until it says so, up to a limit.
set -u
export MUSTER MUSTERD
: "${MUSTER:?path of the muster program}" "${MUSTERD:?path of the musterd program}"

folder=$(mktemp -d /tmp/muster-cli.XXXXXX)
started=()
passed=0
failed=0
number=0
unset MUSTER_KEY MUSTER_SERVER_KEY MUSTER_TOKEN_FILE
export MUSTER_URL=muster+unix://$folder/socket

at_end()
{
    local pid
    for pid in "${started[@]}"; do
        kill -9 "$pid" 2> /dev/null
    done
    wait 2> /dev/null
    rm -rf "$folder"
}
trap at_end EXIT
trap 'exit 1' INT TERM HUP

start_broker() # [OPTION]...; the broker's process id is in $broker
{
    mkfifo "$folder/ready"
    "$MUSTERD" --unix "$folder/socket" --ready-fd 3 "$@" \
        3> "$folder/ready" > "$folder/broker.log" 2>&1 &
    broker=$!
    started+=("$broker")
    if ! read -r -t 20 _ < "$folder/ready"; then
        echo "the broker did not start:"
        cat "$folder/broker.log"
        exit 1
    fi
    rm "$folder/ready"
}

background() # COMMAND...: its process id is in $pid, its output in $folder/NAME.out and .err
{
    local name=$1
    shift
    "$@" > "$folder/$name.out" 2> "$folder/$name.err" &
    pid=$!
    started+=("$pid")
}

# ---- checks ----

ok() # NAME; a line for a check that went well
{
    number=$((number + 1))
    passed=$((passed + 1))
    echo "ok $number - $1"
}

not_ok() # NAME WHAT-WAS-SEEN...
{
    number=$((number + 1))
    failed=$((failed + 1))
    echo "not ok $number - $1"
    shift
    printf '#   %s\n' "$@"
}

# Runs COMMAND; its exit status must be CODE. Output is left in $out and $err. A status that tells of
# an error must come with exactly one line on stderr, any other with none.
expect() # NAME CODE COMMAND...
{
    local name=$1 wanted=$2 lines
    shift 2
    out=$("$@" 2> "$folder/err" < "/dev/null")
    code=$?
    err=$(cat "$folder/err")
    lines=$(wc -l < "$folder/err")
    if [ "$code" != "$wanted" ]; then
        not_ok "$name" "exit status $code instead of $wanted" "stdout: $out" "stderr: $err"
    elif [ "$wanted" != 0 ] && { [ "$lines" != 1 ] || [ "${err#muster}" = "$err" ]; }; then
        not_ok "$name" "not one line on stderr that begins with muster:" "$err"
    elif [ "$wanted" = 0 ] && [ -n "$err" ]; then
        not_ok "$name" "stderr: $err"
    else
        ok "$name"
    fi
}

# Runs COMMAND, which must end with 0; what it writes, to stderr too, must be exactly TEXT.
prints() # NAME TEXT COMMAND...
{
    local name=$1 text=$2
    shift 2
    out=$("$@" 2>&1 < "/dev/null")
    code=$?
    if [ "$code" != 0 ]; then
        not_ok "$name" "exit status $code instead of 0" "$out"
    else
        same "$name" "$text" "$out"
    fi
}

same() # NAME EXPECTED SEEN
{
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        not_ok "$1" "expected: ${2//$'\n'/\\n}" "seen:     ${3//$'\n'/\\n}"
    fi
}

holds() # NAME PATTERN TEXT: the text matches the shell pattern
{
    # shellcheck disable=SC2053
    if [[ $3 == $2 ]]; then
        ok "$1"
    else
        not_ok "$1" "expected: $2" "seen:     ${3//$'\n'/\\n}"
    fi
}

# ---- waiting ----

until_true() # WHAT COMMAND...: asks again until it succeeds, for at most 20 seconds
{
    local what=$1 end=$((SECONDS + 20))
    shift
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            not_ok "$what" "did not come to pass in 20 seconds"
            return 1
        fi
    done
}

fact() # OBJECT NAME: the value that stat shows
{
    "$MUSTER" stat "$1" | awk -F '\t' -v name="$2" '$1 == name { print $2; exit }'
}

fact_is() # OBJECT NAME VALUE
{
    [ "$(fact "$1" "$2")" = "$3" ]
}

has_role() # OBJECT ROLE [COUNT]: so many hold or wait, at least 1
{
    [ "$("$MUSTER" stat "$1" | grep -c "^who"$'\t'"$2"$'\t')" -ge "${3:-1}" ]
}

ends_with() # NAME CODE PID: the background process ends so
{
    wait "$3"
    same "$1" "$2" "$?"
}

finish()
{
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
