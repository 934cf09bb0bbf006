#!/bin/bash
# test_cli.sh - the muster command by hand: every command, its output, its exit status.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"
start_broker

# ---- the line itself ----

out=$("$MUSTER" 2> "$folder/err")
same "no command is a wrong line" 64 $?
same "no command: nothing on stdout" "" "$out"
holds "no command: usage on stderr" "usage: muster COMMAND*" "$(cat "$folder/err")"
expect "--help" 0 "$MUSTER" --help
holds "--help shows the commands" "usage: muster*put*barrier wait*" "$out"
expect "--version" 0 "$MUSTER" --version
holds "--version shows it" "muster [0-9]*" "$out"
expect "unknown command" 64 "$MUSTER" frobnicate
holds "unknown command is named" "*frobnicate*" "$err"
expect "group without its second word" 64 "$MUSTER" event
expect "group with a wrong second word" 64 "$MUSTER" event explode x
expect "--help of a group" 0 "$MUSTER" barrier --help
holds "--help of a group shows its commands" "*barrier abort*" "$out"
expect "unknown option" 64 "$MUSTER" put q --frobnicate x
holds "unknown option is named" "*--frobnicate*" "$err"
expect "option before the command" 0 "$MUSTER" --url "$MUSTER_URL" ping
expect "key that is not there" 64 "$MUSTER" ping --key "$folder/no-such-key" --server-key x
holds "server key that is none, in words" "*server key*mpk1*" "$err"
expect "keygen" 0 "$MUSTER" keygen "$folder/own.key"
holds "keygen shows the public key" "mpk1*" "$out"
public=$out
expect "keygen --show" 0 "$MUSTER" keygen --show "$folder/own.key"
holds "keygen --show shows the same" "$public" "$out"
expect "keygen writes over nothing" 65 "$MUSTER" keygen "$folder/own.key"
expect "a key without the server's" 64 "$MUSTER" ping --url muster://127.0.0.1:1 --key "$folder/own.key"
holds "a key without the server's, in words" "*give the server key*" "$err"
expect "the server's key is not there" 77 "$MUSTER" ping --url "$MUSTER_URL" --server-key "$public"
chmod 644 "$folder/own.key"
expect "key that others may read" 64 "$MUSTER" ping --server-key "$public" --key "$folder/own.key"
holds "key that others may read, in words" "*chmod 600*" "$err"
expect "URL that is none" 64 "$MUSTER" ping --url nonsense://x
expect "nobody there" 69 "$MUSTER" ping --url "muster+unix://$folder/nobody"
expect "put to nobody" 69 "$MUSTER" put q x --url "muster+unix://$folder/nobody"
"$MUSTER" --help | awk '/^  [a-z]/ { sub(/^  /, ""); sub(/  .*/, ""); print }' > "$folder/commands"
while IFS= read -r words; do
    # shellcheck disable=SC2086
    expect "$words --help" 0 "$MUSTER" $words --help
    holds "$words --help shows usage" "usage: muster $words*" "$out"
    # shellcheck disable=SC2086
    expect "$words: unknown option" 64 "$MUSTER" $words --frobnicate
done < "$folder/commands"
expect "version" 0 "$MUSTER" version
holds "version" "muster * (libmuster *)" "$out"
expect "ping" 0 "$MUSTER" ping
holds "ping tells version and time" "broker"$'\t'"*round trip"$'\t'"*ms" "$out"
expect "ping --json" 0 "$MUSTER" ping --json
holds "ping --json" '{"broker":"*","round_trip":0.*}' "$out"
expect "completion" 0 "$MUSTER" completion bash
holds "completion names commands and options" "*'barrier wait'*--parties*" "$out"
same "completion is a script" "" "$("$MUSTER" completion bash | bash -n 2>&1)"
expect "completion of another shell" 64 "$MUSTER" completion tcsh

# ---- put and get ----

prints "put" "" "$MUSTER" put q one two "" "three four"
prints "get, first come first" "one" "$MUSTER" get q
prints "get --raw" "two" "$MUSTER" get q --raw
prints "get of an empty message" "" "$MUSTER" get q --raw
prints "get -0" "three four" sh -c '"$MUSTER" get q -0 | tr -d "\000"'
expect "get --no-wait of nothing" 1 "$MUSTER" get q --no-wait
expect "get --timeout of nothing" 1 "$MUSTER" get q --timeout 20ms
expect "get -q of nothing tells it, too" 1 "$MUSTER" get q --no-wait -q
prints "put lines" "" sh -c 'printf "a\n\nb\nlast" | "$MUSTER" put q'
prints "get --drain" "a"$'\n\n'"b"$'\n'"last" "$MUSTER" get q --drain
prints "get --drain of nothing" "" "$MUSTER" get q --drain
prints "put -0" "" sh -c 'printf "a\nb\0c\0" | "$MUSTER" put q -0'
prints "get after put -0" "a"$'\n'"b|c|" sh -c '"$MUSTER" get q --drain -0 | tr "\000" "|"'
prints "put --raw" "" sh -c 'printf "a\nb\n" | "$MUSTER" put q --raw'
prints "get after put --raw" "a"$'\n'"b" "$MUSTER" get q --raw
prints "put of empty stdin" "" "$MUSTER" put q
prints "put --raw of empty stdin" "" "$MUSTER" put q --raw
prints "is one empty message" "ready"$'\t'"1" sh -c '"$MUSTER" stat q | grep "^ready"'
prints "and away" "" "$MUSTER" get q
prints "put with a body leaves stdin alone" "rest" \
    sh -c 'echo rest | { "$MUSTER" put q body; cat; }'
expect "get -n fewer" 1 "$MUSTER" get q -n 2 --no-wait
same "get -n fewer still writes" "body" "$out"
"$MUSTER" put q a b c
prints "get -n" "a"$'\n'"b" "$MUSTER" get q -n 2
prints "get -n the rest" "c" "$MUSTER" get q -n 1 --no-wait
"$MUSTER" put q2 x
prints "get from several queues" "x" "$MUSTER" get q q2 q3
"$MUSTER" put q3 y z
prints "get --drain of several" "y"$'\n'"z" "$MUSTER" get q q2 q3 --drain
expect "-v writes ids" 0 "$MUSTER" put q -v a b
ids=$out
holds "ids are two numbers" "[0-9]*"$'\n'"[0-9]*" "$ids"
prints "get --json" "$(printf '{"queue":"q","id":%s,"delivery":1,"priority":0,"body":"a"}' "${ids%%$'\n'*}")" \
    sh -c '"$MUSTER" get q --json | sed "s/\"age\":[0-9.]*,//"'
"$MUSTER" get q > /dev/null
printf '\377\n"\\\t' | "$MUSTER" put q
prints "get --json of bytes" '"body_base64":"/w=="' \
    sh -c '"$MUSTER" get q --json | grep -o "\"body_base64.*\"" '
prints "get --json of escapes" '"body":"\"\\\t"' sh -c '"$MUSTER" get q --json | grep -o "\"body.*\"" '
expect "put --json" 0 "$MUSTER" put q --json x
holds "put --json" '{"id":*,"durable":*}' "$out"
"$MUSTER" purge q > /dev/null
expect "get of a bad name" 65 "$MUSTER" get "$(printf 'a\001b')"
expect "put of a bad name" 65 "$MUSTER" put "" x

# ---- order, delay, limits of a queue ----

expect "put declares" 0 "$MUSTER" put prio --kind priority -p 5 five
"$MUSTER" put prio -p -1 first
"$MUSTER" put prio -p 5 six
prints "priority: lowest first" "first"$'\n'"five"$'\n'"six" "$MUSTER" get prio --drain
expect "a priority elsewhere" 65 "$MUSTER" put q -p 1 x
expect "put as another kind" 73 "$MUSTER" put prio --kind lifo x
"$MUSTER" put stack --kind lifo a b c
prints "lifo: last first" "c"$'\n'"b"$'\n'"a" "$MUSTER" get stack --drain
"$MUSTER" put later --delay 1h x
expect "a delayed message is not ready" 1 "$MUSTER" get later --no-wait
prints "but it is there" "1" fact later delayed
"$MUSTER" put soon --ttl 1ms x
until_true "a message expires" fact_is soon ready 0
expect "an expired one is not delivered" 1 "$MUSTER" get soon --no-wait

expect "put --maxsize" 0 "$MUSTER" put small --maxsize 2 a b
expect "put into a full queue" 2 "$MUSTER" put small --no-wait c
holds "put names the body" "*body 1*" "$err"
expect "put with a time" 2 "$MUSTER" put small --timeout 20ms c
expect "put names the line" 2 sh -c 'printf "c\nd\n" | "$MUSTER" put small --no-wait'
holds "the line is named" "*line 1*" "$err"
"$MUSTER" get small > /dev/null
expect "put ends with the first refusal" 2 sh -c 'printf "c\nd\ne\n" | "$MUSTER" put small --no-wait'
holds "the second line is named" "*line 2*" "$err"
prints "what came before is in, nothing after" "b"$'\n'"c" "$MUSTER" get small --drain
background putter "$MUSTER" put small 1 2 3 4 5
putter=$pid
until_true "putter waits in line" has_role small puts
prints "a blocked put goes on in order" "1"$'\n'"2"$'\n'"3"$'\n'"4"$'\n'"5" "$MUSTER" get small -n 5
ends_with "the putter ends" 0 "$putter"
head -c 9000000 /dev/zero | tr '\0' x > "$folder/large"
expect "a body too large is refused" 65 sh -c '{ echo a; cat "$1"; echo; echo b; } | "$MUSTER" put big' - "$folder/large"
holds "its line is named" "*line 2*" "$err"
prints "the line before is in, the one after not" "a" "$MUSTER" get big --drain

expect "dedup" 0 "$MUSTER" put dd --dedup k -v x
first=$out
expect "dedup again" 0 "$MUSTER" put dd --dedup k --json x
same "dedup tells which" "{\"id\":$first,\"duplicate\":true}" "$out"
prints "dedup put once" "x" "$MUSTER" get dd --drain
expect "dedup of several bodies" 64 "$MUSTER" put dd --dedup k x y
expect "dedup of several lines" 64 sh -c 'printf "a\nb\n" | "$MUSTER" put dd --dedup k2'
prints "dedup of one line" "" sh -c 'echo a | "$MUSTER" put dd --dedup k2'
prints "dedup of one line put it" "a" "$MUSTER" get dd --drain

# ---- output that fails ----

"$MUSTER" put full a b
expect "get to a full disk" 74 sh -c '"$MUSTER" get full > /dev/full'
prints "the message is still there" "a"$'\n'"b" "$MUSTER" get full --drain
"$MUSTER" put full a b
if [ -z "${VALGRIND_LOGS-}" ]; then # which opens files of its own where stdout was
    expect "get to a closed stdout" 74 sh -c '"$MUSTER" get full >&-'
fi
expect "get --drain to a full disk" 74 sh -c '"$MUSTER" get full --drain > /dev/full'
prints "deliveries did not count" "0"$'\n'"0" sh -c '"$MUSTER" peek full | cut -f 4'
expect "ls to a full disk" 74 sh -c '"$MUSTER" ls > /dev/full'
expect "--help to a full disk" 74 sh -c '"$MUSTER" --help > /dev/full'
expect "put --help to a full disk" 74 sh -c '"$MUSTER" put --help > /dev/full'
expect "put -v to a full disk" 74 sh -c '"$MUSTER" put full -v x > /dev/full'
expect "put without -v needs no stdout" 0 sh -c '"$MUSTER" put full x >&-'
expect "put from a closed stdin" 70 sh -c '"$MUSTER" put full <&-'
"$MUSTER" purge full > /dev/null
seq 1 5000 | "$MUSTER" put full
expect "get into a pipe nobody reads" 74 \
    bash -c 'exec 3>&2; "$MUSTER" get full --follow 2>&3 | : ; exit "${PIPESTATUS[0]}"'
until_true "what was not taken went back" fact_is full leased 0
"$MUSTER" purge full > /dev/null

# ---- following ----

mkfifo "$folder/follow"
"$MUSTER" get live --follow > "$folder/follow" 2> "$folder/follow.err" &
follower=$!
started+=("$follower")
exec 4< "$folder/follow"
"$MUSTER" put live one
read -r -t 20 line <&4
same "follow writes at once" "one" "$line"
"$MUSTER" put live two three
read -r -t 20 line <&4
read -r -t 20 line <&4
same "follow goes on" "three" "$line"
"$MUSTER" shutdown live
ends_with "follow ends with 3 at shutdown" 3 "$follower"
exec 4<&-
background closed "$MUSTER" get closing --until-closed
getter=$pid
until_true "a getter waits" has_role closing gets
"$MUSTER" put closing a b
"$MUSTER" shutdown closing
ends_with "until-closed ends with 0" 0 "$getter"
same "until-closed got all" "a"$'\n'"b" "$(cat "$folder/closed.out")"
expect "get of a queue shut down" 3 "$MUSTER" get closing
expect "put into a queue shut down" 3 "$MUSTER" put closing x
prints "drain of a queue shut down" "" "$MUSTER" get closing --drain
mkfifo "$folder/slow"
"$MUSTER" put slow < "$folder/slow" &
slow=$!
started+=("$slow")
exec 4> "$folder/slow"
echo first >&4
prints "put does not wait for a full batch" "first" "$MUSTER" get slow
printf second >&4
exec 4>&-
ends_with "put ends with stdin" 0 "$slow"
prints "the last line needs no newline" "second" "$MUSTER" get slow --no-wait

# ---- detached leases ----

"$MUSTER" put det x y
expect "get --lease" 0 "$MUSTER" get det --lease 1h
holds "get --lease writes ID.N and the body" "[0-9]*.1"$'\t'"x" "$out"
delivery=${out%%$'\t'*}
prints "the lease outlives the command" "1" fact det leased
expect "extend" 0 "$MUSTER" extend det "$delivery" 2h
expect "done" 0 "$MUSTER" "done" det "$delivery"
expect "done of what was never given" 66 "$MUSTER" "done" det 999999.1
expect "done of no delivery" 64 "$MUSTER" "done" det x
delivery=$("$MUSTER" get det --lease 1h | cut -f 1)
expect "nack" 0 "$MUSTER" nack det "$delivery"
expect "get --lease again" 0 "$MUSTER" get det --lease 1h
holds "the delivery number rises" "*.2"$'\t'"y" "$out"
expect "nack --dead" 0 "$MUSTER" nack det "${out%%$'\t'*}" --dead
expect "extend: no time" 64 "$MUSTER" extend det 1.1 soon
expect "a short lease" 0 "$MUSTER" put det z
delivery=$("$MUSTER" get det --lease 1ms | cut -f 1)
until_true "a lease ends" fact_is det ready 1
expect "done of a lease that ended" 5 "$MUSTER" "done" det "$delivery"
"$MUSTER" purge det > /dev/null

# ---- dead letters ----

prints "dead ls" "y" sh -c '"$MUSTER" dead ls det | cut -f 5'
expect "dead ls --json" 0 "$MUSTER" dead ls det --json
holds "dead ls --json" '{"id":*,"cause":"*","holder":"*"*"body":"y"}' "$out"
prints "dead ls where nothing died" "" "$MUSTER" dead ls small
expect "dead ls of no queue" 66 "$MUSTER" dead ls nowhere
prints "dead redrive" "1" "$MUSTER" dead redrive det
prints "it is back" "y" "$MUSTER" get det

# ---- looking ----

"$MUSTER" put look a "$(printf 'b\tc\nd')"
prints "peek" "ready"$'\t'"0"$'\t'"0"$'\t'"a"$'\n'"ready"$'\t'"0"$'\t'"0"$'\t''b\tc\nd' \
    sh -c '"$MUSTER" peek look | cut -f 2,3,4,6'
prints "peek -n" "a" sh -c '"$MUSTER" peek look -n 1 | cut -f 6'
prints "peek --json" '"body":"a"' sh -c '"$MUSTER" peek look -n 1 --json | grep -o "\"body\":\"a\""'
prints "peek changes nothing" "2" fact look ready
seq 1 2600 | "$MUSTER" put many
prints "peek reads on page by page" "2600" sh -c '"$MUSTER" peek many -n 10000 | cut -f 6 | sort -nu | wc -l'
prints "peek is in order" "$(seq 1 1300 | md5sum)" sh -c '"$MUSTER" peek many -n 1300 | cut -f 6 | md5sum'
expect "peek of nothing" 66 "$MUSTER" peek nowhere
prints "ls" "look"$'\t'"fifo"$'\t'"2"$'\t'"2"$'\t'"0" sh -c '"$MUSTER" ls | grep "^look"'
"$MUSTER" put a/b x
"$MUSTER" put a/b/c x
prints "ls PATTERN" "a/b" sh -c '"$MUSTER" ls "a/*" | cut -f 1'
prints "ls PATTERN of all below" "a/b"$'\n'"a/b/c" sh -c '"$MUSTER" ls "a/**" | cut -f 1'
prints "ls --json" '{"name":"a/b","kind":"fifo","ready":1,"unfinished":1,"waiting":0}' \
    "$MUSTER" ls "a/b" --json
prints "ls of nothing" "" "$MUSTER" ls "zz*"
expect "stat" 0 "$MUSTER" stat look
holds "stat" "kind"$'\t'"fifo*ready"$'\t'"2*" "$out"
expect "stat --json" 0 "$MUSTER" stat look --json
holds "stat --json" '{"name":"look","kind":"fifo"*"ready":2*"who":\[\]}' "$out"
expect "stat of nothing" 66 "$MUSTER" stat nowhere
expect "stat of the broker" 0 "$MUSTER" stat
holds "stat of the broker" "broker"$'\t'"*queues"$'\t'"*sessions"$'\t'"*" "$out"
expect "stat of the broker, --json" 0 "$MUSTER" stat --json
holds "stat of the broker, --json" '{"broker":"*","queues":*,"sessions":*}' "$out"
background waiter "$MUSTER" get waited
waiter=$pid
until_true "stat shows who waits" has_role waited gets
holds "with name, host and pid" "who"$'\t'"gets"$'\t'"*get@*:$waiter"$'\t'"*connected*" \
    "$("$MUSTER" stat waited | grep ^who)"
holds "stat --json shows who waits" "*\"role\":\"gets\"*\"pid\":$waiter,*" "$("$MUSTER" stat waited --json)"
holds "sessions" "*get@*:$waiter*" "$("$MUSTER" sessions)"
holds "sessions --json" "*\"pid\":$waiter,*\"connected\":true*" "$("$MUSTER" sessions --json)"
kill -TERM "$waiter"
ends_with "TERM ends a get with 143" 143 "$waiter"
until_true "and its wait" sh -c '! "$MUSTER" stat waited | grep -q ^who'
expect "sessions kill of nobody" 66 "$MUSTER" sessions kill 99999999
expect "sessions kill of no number" 64 "$MUSTER" sessions kill me

# ---- administration ----

expect "declare" 0 "$MUSTER" declare dec --kind fifo --maxsize 3 --full reject --max-deliveries 2 \
    --dedup-window 10m --expire-idle 1h --max-bytes 1000 --memory
prints "stat shows settings as they are given" "max-bytes 1000 full reject dedup-window 600" \
    sh -c '"$MUSTER" stat dec | grep -E "^(max-b|full|dedup)" | tr "\t\n" "  " | sed "s/ $//"'
prints "declare is idempotent" "exists" "$MUSTER" declare dec --maxsize 3 -v
prints "declare --json" '{"name":"dec2","created":true}' "$MUSTER" declare dec2 --json
expect "declare otherwise" 73 "$MUSTER" declare dec --maxsize 4
holds "declare otherwise names setting and values" "*maxsize*3*4*" "$err"
expect "declare as another kind" 73 "$MUSTER" declare dec --kind event
expect "declare of a setting of another kind" 65 "$MUSTER" declare evx --kind event --maxsize 3
"$MUSTER" put dec a b c
expect "a full queue that rejects" 2 "$MUSTER" put dec d
expect "set" 0 "$MUSTER" set dec --maxsize 4 --full drop-oldest
prints "set made room" "" "$MUSTER" put dec d e
prints "drop-oldest dropped" "b"$'\n'"c"$'\n'"d"$'\n'"e" "$MUSTER" get dec --drain
expect "set of nothing" 64 "$MUSTER" set dec
expect "set of nobody" 66 "$MUSTER" set nowhere --maxsize 1
expect "declare --durable without a data folder is refused" 65 sh -c '"$MUSTER" declare dur --durable; code=$?; [ $code = 0 ] || exit 65'
"$MUSTER" put adm a b c
prints "purge" "3" "$MUSTER" purge adm
prints "purge --json" '{"purged":0}' "$MUSTER" purge adm --json
id=$("$MUSTER" put adm -v a b | head -1)
expect "rm of a message" 0 "$MUSTER" rm adm "$id"
expect "rm of it again" 66 "$MUSTER" rm adm "$id"
expect "rm of no number" 64 "$MUSTER" rm adm x
expect "pause gets" 0 "$MUSTER" pause adm --side get
expect "a paused queue gives nothing" 1 "$MUSTER" get adm --no-wait
expect "and is not drained" 1 "$MUSTER" get adm --drain
expect "but takes" 0 "$MUSTER" put adm c
expect "pause both" 0 "$MUSTER" pause adm
expect "a paused queue takes nothing" 2 "$MUSTER" put adm d --no-wait
expect "resume" 0 "$MUSTER" resume adm
prints "resumed" "b"$'\n'"c" "$MUSTER" get adm --drain
background gone "$MUSTER" get adm
gone=$pid
until_true "a getter waits" has_role adm gets
expect "rm of a queue" 0 "$MUSTER" rm adm
ends_with "who waited there is told" 5 "$gone"
expect "rm of nothing" 66 "$MUSTER" rm adm
"$MUSTER" put imm a b
expect "shutdown --immediate" 0 "$MUSTER" shutdown imm --immediate
expect "drops what was ready" 3 "$MUSTER" get imm
expect "pause of nothing" 66 "$MUSTER" pause nowhere

# ---- join ----

"$MUSTER" put jo a
background joiner "$MUSTER" join jo
joiner=$pid
until_true "join waits" has_role jo joins
expect "join --timeout" 1 "$MUSTER" join jo --timeout 10ms
"$MUSTER" get jo > /dev/null
ends_with "join ends" 0 "$joiner"
holds "join prints the tallies" "done"$'\t'"1"$'\n'"dead"$'\t'"0"$'\n'"*lost"$'\t'"0" "$(cat "$folder/joiner.out")"
expect "join --json" 0 "$MUSTER" join jo --json
holds "join --json" '{"done":*,"dead":0,"purged":0,"deleted":0,"expired":0,"dropped":0,"lost":0}' "$out"
expect "join of nothing" 66 "$MUSTER" join nowhere

# ---- events and barriers ----

expect "event is-set: clear" 1 sh -c '"$MUSTER" event is-set ev; code=$?; echo muster >&2; exit $code'
expect "event wait --timeout" 1 "$MUSTER" event wait ev --timeout 10ms
background waits "$MUSTER" event wait ev
waits=$pid
until_true "event wait waits" has_role ev waits
expect "event set" 0 "$MUSTER" event set ev
ends_with "event wait ends" 0 "$waits"
prints "event is-set: set" "set" "$MUSTER" event is-set ev -v
prints "event is-set --json" '{"name":"ev","set":true}' "$MUSTER" event is-set ev --json
expect "event wait of a set one" 0 "$MUSTER" event wait ev --no-wait
expect "event clear" 0 "$MUSTER" event clear ev
"$MUSTER" event is-set ev
same "event is-set: clear again" 1 $?
expect "an event is no queue" 73 "$MUSTER" put ev x
expect "a queue is no event" 73 "$MUSTER" event set q

background first "$MUSTER" barrier wait gate --parties 2
first=$pid
until_true "barrier wait waits" has_role gate waits
expect "barrier stat" 0 "$MUSTER" barrier stat gate
holds "barrier stat shows who waits" "kind"$'\t'"barrier*waits"$'\t'"*:$first"$'\t'"*" "$out"
prints "the last to arrive" "1" "$MUSTER" barrier wait gate --parties 2
ends_with "the first goes on" 0 "$first"
same "the first to arrive" "0" "$(cat "$folder/first.out")"
expect "barrier of other parties" 73 "$MUSTER" barrier wait gate --parties 3
expect "barrier wait --timeout breaks it" 4 "$MUSTER" barrier wait gate --timeout 10ms
expect "broken for those who come" 4 "$MUSTER" barrier wait gate
expect "barrier reset" 0 "$MUSTER" barrier reset gate
background second "$MUSTER" barrier wait gate
second=$pid
until_true "barrier wait waits again" has_role gate waits
expect "barrier abort" 0 "$MUSTER" barrier abort gate
ends_with "abort breaks it" 4 "$second"
same "with one line" 1 "$(wc -l < "$folder/second.err")"
expect "barrier stat of a queue" 73 "$MUSTER" barrier stat q
expect "barrier abort of nothing" 66 "$MUSTER" barrier abort nowhere
expect "declare a barrier" 0 "$MUSTER" declare gate2 --parties 1 --action --timeout 5 --action-timeout 5
prints "barrier wait as declared, with --json" '{"index":0,"generation":' \
    sh -c '"$MUSTER" barrier wait gate2 --json | sed "s/\(generation\":\).*/\1/"'

# ---- a million, and a broker that goes ----

seq 200000 | "$MUSTER" put bulk
same "many lines in order" "$(seq 200000 | md5sum)" "$("$MUSTER" get bulk --drain | md5sum)"
background orphan "$MUSTER" get orphan
orphan=$pid
until_true "a getter waits" has_role orphan gets
man=$(dirname "$0")/../../cli/muster.1
while IFS= read -r words; do
    grep -q -- "${words//-/\\\\-}" "$man" || not_ok "muster(1) names $words" "it does not"
done < "$folder/commands"
"$MUSTER" --help > /dev/null
for option in $("$MUSTER" completion bash | grep -o -- '--[a-z][a-z-]*' | sort -u); do
    grep -q -- "${option//-/\\\\-}" "$man" || not_ok "muster(1) names $option" "it does not"
done
ok "muster(1) was compared with the tables"
kill -TERM "$orphan"
wait "$orphan" 2> /dev/null
finish
