#!/bin/bash
# test_cli_run.sh - `muster run`: workers and how their commands, leases and lives end.
# shellcheck disable=SC2016
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"
start_broker
# A command that cannot be started seems to start, and to end with 127, under valgrind: there the
# child of posix_spawn has no memory with its parent in which it could tell.
starts_are_told=$([ -n "${VALGRIND-}" ] && echo false || echo true)

# ---- wrong lines ----

expect "no command" 64 "$MUSTER" run q
expect "no --" 64 "$MUSTER" run q cat
expect "nothing after --" 64 "$MUSTER" run q --
expect "no queue" 64 "$MUSTER" run -- cat
expect "too many jobs" 64 "$MUSTER" run q -j 100000 -- cat

# ---- what the command is given ----

"$MUSTER" put q one two three
prints "the body is on stdin" "one"$'\n'"two"$'\n'"three" "$MUSTER" run q --drain -- sh -c 'cat; echo'
prints "drained" "0" fact q unfinished
"$MUSTER" put q 'a b' '$x;' ''
prints "{} is the body" "<a b|a b>"$'\n'"<\$x;|\$x;>"$'\n'"<|>" \
    "$MUSTER" run q --drain -- printf '<%s>\n' '{}|{}'
"$MUSTER" put q x
prints "with {} stdin is empty" "x:" "$MUSTER" run q --drain -- sh -c 'printf %s: "$1"; cat; echo' - '{}'
id=$("$MUSTER" put env --kind priority -p 7 -v x)
prints "the environment tells" "$id env 7 1" env MUSTER_ID=old MUSTER_QUEUE=old \
    "$MUSTER" run env --drain -- sh -c 'echo "$MUSTER_ID $MUSTER_QUEUE $MUSTER_PRIORITY $MUSTER_DELIVERY"'
"$MUSTER" put q x
prints "the command leads a group of its own" "own" \
    "$MUSTER" run q --drain -- sh -c 'set -- $(cat /proc/$$/stat); [ "$5" = $$ ] && echo own'
"$MUSTER" put q x
# (The C library itself leaves two signals ignored that only it uses: bits above those seen here.)
signals='/^Sig(Blk|Ign)/ { print $1, substr($2, 10) }'
prints "signals are as they were" "$(awk "$signals" /proc/self/status)" \
    "$MUSTER" run q --drain -- awk "$signals" /proc/self/status
head -c 5000000 /dev/zero | tr '\0' y | "$MUSTER" put large
prints "a large body that nobody reads" "" "$MUSTER" run large --drain -- true
head -c 5000000 /dev/zero | tr '\0' y | "$MUSTER" put large
prints "a large body arrives whole" "5000000" "$MUSTER" run large --drain -- wc -c
printf 'a\0b' | "$MUSTER" put nul --raw
prints "a NUL arrives on stdin" "3" "$MUSTER" run nul --drain -- wc -c
printf 'a\0b' | "$MUSTER" put nul --raw
head -c 131073 /dev/zero | tr '\0' z | "$MUSTER" put nul --raw
head -c 131072 /dev/zero | tr '\0' z | "$MUSTER" put nul --raw
"$MUSTER" put nul fits
if $starts_are_told; then
    out=$("$MUSTER" run nul --drain -- echo '{}' 2> "$folder/err")
    same "what no argument can hold is passed over" "fits" "$out"
    same "each with one line" 3 "$(grep -c '^muster run nul: message' "$folder/err")"
    prints "they are dead letters" "3" sh -c '"$MUSTER" dead ls nul | wc -l'
fi

# ---- how it ends ----

"$MUSTER" put codes 0 65 1
out=$("$MUSTER" run codes --drain -q -- sh -c 'echo "$MUSTER_DELIVERY"; read -r code; [ $MUSTER_DELIVERY -gt 1 ] || exit $code' 2>&1)
same "0 done, 65 dead letter, 1 again at once" "1"$'\n'"1"$'\n'"1"$'\n'"2" "$out"
prints "the dead letter" "65" sh -c '"$MUSTER" dead ls codes | cut -f 5'
prints "nothing else is left" "0" fact codes unfinished
"$MUSTER" declare back --max-deliveries 3
"$MUSTER" put back x
begin=$(date +%s%N)
out=$("$MUSTER" run back --drain -- sh -c 'echo "$MUSTER_DELIVERY"; exit 1' 2> "$folder/err")
ms=$((($(date +%s%N) - begin) / 1000000))
same "a failing command is run as often as max-deliveries says" "1"$'\n'"2"$'\n'"3" "$out"
same "the second failure is put off by a second" "yes" \
    "$(if [ $ms -ge 950 ] && [ $ms -lt 8000 ]; then echo yes; else echo "$ms ms"; fi)"
same "each failure is told" 3 "$(grep -c 'exit status 1' "$folder/err")"
"$MUSTER" put busy x
background seventyfive "$MUSTER" run busy -- sh -c 'exit 75'
worker=$pid
until_true "75 is put off from the first failure on" fact_is busy delayed 1 &&
    ok "75 is put off from the first failure on"
kill -TERM "$worker"
ends_with "an idle worker ends with 0 at TERM" 0 "$worker"
"$MUSTER" put sig x
out=$("$MUSTER" run sig --drain -- sh -c '[ $MUSTER_DELIVERY = 2 ] || kill -9 $$' 2>&1)
holds "a command that dies of a signal has failed" "*signal 9*" "$out"
"$MUSTER" put nostart x
if $starts_are_told; then
    expect "a command that is not there" 70 "$MUSTER" run nostart -- "$folder/no-such-program"
    holds "is named" "*no-such-program*" "$err"
    echo x > "$folder/not-executable"
    expect "a command that is not executable" 70 \
        "$MUSTER" run nostart -j 3 -- "$folder/not-executable"
fi
prints "the message came back uncounted" "ready 0" \
    sh -c '"$MUSTER" peek nostart | cut -f 2,4 | tr "\t" " "'
"$MUSTER" purge nostart > /dev/null
"$MUSTER" shutdown nostart
expect "a queue shut down" 3 "$MUSTER" run nostart -j 2 -- cat
expect "with --until-closed" 0 "$MUSTER" run nostart --until-closed -j 2 -- cat
"$MUSTER" event set event
expect "an event is no queue" 73 "$MUSTER" run event -- cat
expect "nobody there" 69 "$MUSTER" run q --url "muster+unix://$folder/nobody" -- cat

# ---- side by side, draining ----

seq 200 | "$MUSTER" put jobs
prints "-j: every message once" "$(seq 200)" sh -c '"$MUSTER" run jobs -j 8 --drain -- sh -c "echo \$(cat)" | sort -n'
prints "-j: all are done" "0" fact jobs unfinished
mkfifo "$folder/gate"
"$MUSTER" put meet a b
# Both must run at once: each half of the pipe waits for the other.
prints "-j 2 runs two at once" "" "$MUSTER" run meet -j 2 --drain -- \
    sh -c 'if [ "$(cat)" = a ]; then echo > "$1"; else cat "$1" > /dev/null; fi' - "$folder/gate"
"$MUSTER" put others x
lease=$("$MUSTER" get others --lease 1h | cut -f 1)
background drainer "$MUSTER" run others --drain -- cat
drainer=$pid
until_true "drain waits for what others hold" has_role others gets
"$MUSTER" nack others "$lease"
ends_with "and for it to be done" 0 "$drainer"
same "it did it" "x" "$(cat "$folder/drainer.out")"

# ---- signals ----

mkfifo "$folder/hold" "$folder/begun"
hold='echo begun > "$1/begun"; read -r x < "$1/hold"; echo "ended $x"'
exec 5<> "$folder/hold" 6<> "$folder/begun"
begun() # waits until a command has begun
{
    read -r -t 20 _ <&6 || not_ok "a command begins" "not within 20 seconds"
}
"$MUSTER" put term a b
background term "$MUSTER" run term -- sh -c "$hold" - "$folder"
worker=$pid
begun
kill -TERM "$worker"
echo well >&5
ends_with "TERM: what runs is finished, then 0" 0 "$worker"
same "it was finished" "ended well" "$(cat "$folder/term.out")"
prints "and the other not begun" "1" fact term ready
background term2 "$MUSTER" run term -j 2 -- sh -c "$hold" - "$folder"
worker=$pid
begun
kill -INT "$worker"
kill -TERM "$worker"
ends_with "a second signal: killed, 70" 70 "$worker"
same "with one line" 1 "$(wc -l < "$folder/term2.err")"
same "what ran was killed" "" "$(cat "$folder/term2.out")"
prints "its message came back uncounted" "ready 0" \
    sh -c '"$MUSTER" peek term | cut -f 2,4 | tr "\t" " "'

# ---- loss ----

"$MUSTER" put lost a
background lost "$MUSTER" run lost -- sh -c "$hold" - "$folder"
worker=$pid
begun
session=$("$MUSTER" sessions | awk -F '\t' -v pid=":$worker" '$2 ~ pid "$" { print $1 }')
expect "sessions kill" 0 "$MUSTER" sessions kill "$session"
begun # the command runs again: the message came back, to the same worker
echo again >&5
until_true "the message is done" fact_is lost unfinished 0
prints "once" "ended again" cat "$folder/lost.out"
same "the loss is told in one line" 1 "$(wc -l < "$folder/lost.err")"
kill -TERM "$worker"
ends_with "the worker went on" 0 "$worker"

seq 20 | "$MUSTER" put crash
background crash "$MUSTER" run crash -j 4 -- sh -c 'echo begun > "$1/begun"; read -r x < "$1/hold"' - "$folder"
worker=$pid
begun; begun; begun; begun
prints "four are held" "4" fact crash leased
kill -KILL "$worker"
wait "$worker" 2> /dev/null
printf '\n\n\n\n' >&5
session=$("$MUSTER" sessions | awk -F '\t' -v pid=":$worker" '$2 ~ pid "$" { print $1 }')
"$MUSTER" sessions kill "$session"
prints "kill -9 of a worker loses nothing" "$(seq 20)" \
    sh -c '"$MUSTER" run crash --drain -j 2 -- sh -c "echo \$(cat)" | sort -n'
expect "kill -9 of a get loses nothing" 0 "$MUSTER" put crash x
mkfifo "$folder/stuck"
exec 7<> "$folder/stuck"
head -c 1000000 /dev/zero | tr '\0' z | "$MUSTER" put stuck
"$MUSTER" get stuck > "$folder/stuck" 2> /dev/null &
getter=$!
started+=("$getter")
until_true "a get is stuck in its output" fact_is stuck leased 1
kill -KILL "$getter"
until_true "its message goes back" fact_is stuck ready 1
prints "whole" "1000001" sh -c '"$MUSTER" get stuck | wc -c'

# ---- the broker goes and comes ----

"$MUSTER" put over a
background over "$MUSTER" run over -- sh -c "$hold" - "$folder"
worker=$pid
background follow "$MUSTER" get followed --follow
follower=$pid
until_true "a follower waits" has_role followed gets
begun
kill -KILL "$broker"
wait "$broker" 2> /dev/null
rm -f "$folder/socket"
start_broker
"$MUSTER" put followed x
until_true "a get is issued again after a restart" test -s "$folder/follow.out"
same "and gets" "x" "$(cat "$folder/follow.out")"
kill -TERM "$follower"
wait "$follower" 2> /dev/null
"$MUSTER" put over b
begun
echo b >&5
until_true "a worker outlives a restart of the broker" fact_is over unfinished 0
same "what it had lost was ended, what came was run" "ended b" "$(cat "$folder/over.out")"
same "the loss is told in one line" 1 "$(wc -l < "$folder/over.err")"
kill -TERM "$worker"
ends_with "and ends well" 0 "$worker"
finish
