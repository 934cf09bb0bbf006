#!/bin/bash
# test_system_calls.sh - a real broker whose nth call of a kind fails, with each error that its manual
# page names: it goes on, or ends with 74 and one line that says why; what it acknowledged is there
# after a restart. Each run tries a share of the cases, others each day; SYSTEM_CALLS=all: all.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/../integration/cli_lib.sh"

share=12
faulty=$MUSTER_BUILD/tests/fault/musterd
data=$folder/data

errno() # NAME
{
    case $1 in
    EPERM) echo 1 ;; EINTR) echo 4 ;; EIO) echo 5 ;; EAGAIN) echo 11 ;; ENOMEM) echo 12 ;;
    EACCES) echo 13 ;; EEXIST) echo 17 ;; ENFILE) echo 23 ;; EMFILE) echo 24 ;; EFBIG) echo 27 ;;
    ENOSPC) echo 28 ;; EROFS) echo 30 ;; EPIPE) echo 32 ;; ELOOP) echo 40 ;; EPROTO) echo 71 ;;
    ECONNABORTED) echo 103 ;; ECONNRESET) echo 104 ;; ENOBUFS) echo 105 ;; ETIMEDOUT) echo 110 ;;
    EDQUOT) echo 122 ;;
    esac
}

# A broker that is to fail; $code: 0: it is ready, else how it ended.
start_faulty() # CALL NTH ERRNO
{
    mkfifo "$folder/ready"
    MUSTER_FAULT="$1 $2 $(errno "$3")" "$faulty" --unix "$folder/socket" --ready-fd 3 \
        --data-dir "$data" --segment-size 64K 3> "$folder/ready" > "$folder/broker.log" 2>&1 &
    broker=$!
    started+=("$broker")
    code=0
    read -r -t 20 _ < "$folder/ready" || { wait "$broker"; code=$?; }
    rm "$folder/ready"
}

use() # puts what it can; $acked: what was acknowledged
{
    local i
    acked=
    for i in 1 2 3 4 5 6; do
        kill -0 "$broker" 2> /dev/null || break
        if timeout 1 "$MUSTER" put jobs "$i" 2> /dev/null; then
            acked+="$i "
        fi
    done
    if kill -0 "$broker" 2> /dev/null; then
        kill -TERM "$broker"
    fi
    wait "$broker"
    code=$?
}

after_restart() # NAME: everything that was acknowledged is there
{
    local there lost="" i
    start_broker --data-dir "$data"
    there=" $("$MUSTER" get jobs --drain 2> /dev/null | tr '\n' ' ')"
    kill -TERM "$broker"
    wait "$broker"
    for i in $acked; do
        [[ $there == *" $i "* ]] || lost+="$i "
    done
    if [ -n "$lost" ]; then
        not_ok "$1" "acknowledged: $acked" "there: $there" "$(cat "$folder/faulty.log")"
    else
        ok "$1"
    fi
}

check_end() # NAME ERRNO MAY-END: code 0; or one line at level error, and 74, or what a start knows better
{
    local errors allowed=" 74 "
    errors=$(grep -c ' error ' "$folder/broker.log")
    cp "$folder/broker.log" "$folder/faulty.log"
    case $2 in
    ENOMEM) allowed+="70 " ;;
    EACCES) allowed+="77 " ;;
    esac
    if [ "$code" = 0 ] || [[ $3 == may-end && $allowed == *" $code "* && $errors == 1 ]]; then
        return 0
    fi
    not_ok "$1" "ended with code $code" "$(cat "$folder/broker.log")"
    return 1
}

try() # CALL NTH ERRNO MAY-END
{
    local name="$3 of the $2. $1"
    rm -rf "$data"
    acked=
    start_faulty "$1" "$2" "$3"
    [ "$code" != 0 ] || use
    check_end "$name" "$3" "$4" && after_restart "$name"
}

cases=()
add() # MAY-END CALL "ERRORS" NTH...
{
    local may=$1 call=$2 errors=$3 error nth
    shift 3
    for error in $errors; do
        for nth in "$@"; do
            cases+=("$call $nth $error $may")
        done
    done
}

add may-end pwrite "EIO ENOSPC EDQUOT EFBIG EPERM" 1 2 3 5 8
add may-end fdatasync "EIO ENOSPC EDQUOT EROFS" 1 2 3 5
add may-end fsync "EIO ENOSPC EDQUOT" 1 2 3
add may-end renameat "EIO ENOSPC EACCES EROFS EDQUOT" 1 2
add may-end openat "EMFILE ENFILE ENOMEM EACCES ENOSPC EROFS ELOOP" 1 2 3 4 5
add may-end ftruncate "EIO EFBIG EPERM" 1 2
add may-end unlinkat "EIO EACCES EROFS" 1
add may-end pread "EIO" 1 2 3
add lives accept4 "EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EPERM EPROTO EINTR" 1 2 4
add lives send "EPIPE ECONNRESET ENOBUFS ENOMEM EINTR EAGAIN" 1 3 6
add lives read "ECONNRESET ETIMEDOUT ENOMEM EINTR EIO" 1 3 6

first=$(($(date +%s) / 86400 % share))
if [ "${SYSTEM_CALLS-}" = all ]; then
    first=0
    share=1
fi
for ((i = first; i < ${#cases[@]}; i += share)); do
    # shellcheck disable=SC2086 # four words
    try ${cases[$i]}
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
