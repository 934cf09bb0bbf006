#!/bin/bash
# test_http.sh - the broker watched over HTTP: what happens to messages and clients is seen in its
# figures, the pages of health, and how little a hostile client gets.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

version=1.0 # its answers come in one piece

send_request() # METHOD PATH [HEADER]...: on descriptor 5, in one write
{
    local method=$1 path=$2
    shift 2
    exec 5<> "/dev/tcp/127.0.0.1/$port" || return 1
    {
        printf '%s %s HTTP/%s\r\n' "$method" "$path" "$version"
        printf '%s\r\n' 'Host: test' "$@" ''
    } > "$folder/request"
    cat "$folder/request" >&5
}

read_answer()
{
    timeout 20 cat <&5 | tr -d '\r'
    exec 5>&-
}

ask() # METHOD PATH [HEADER]...: the whole answer
{
    send_request "$@" && read_answer
}

status_of() # ANSWER: its number
{
    awk 'NR == 1 { print $2 }' <<< "$1"
}

body_of() # ANSWER
{
    awk 'inside { print } /^$/ { inside = 1 }' <<< "$1"
}

figure() # LINE-BEGINNING: the number behind it, at this moment
{
    body_of "$(ask GET /metrics)" | name=$1 awk 'index($0, ENVIRON["name"] " ") == 1 { print $NF }'
}

# shellcheck disable=SC2317 # until_true calls it
figure_is() # LINE-BEGINNING NUMBER
{
    [ "$(figure "$1")" = "$2" ]
}

watched_broker() # [OPTION]...: with its figures on $port
{
    start_broker --http 127.0.0.1:0 "$@"
    port=$(sed -n 's/.*over HTTP on 127.0.0.1://p' "$folder/broker.log")
}

# ---- a client that takes its time; what came of it is asked at the end ----

# shellcheck disable=SC2317 # background calls it
say_a_byte_a_second() # and tell after how many the connection was ended
{
    local said
    trap '' PIPE
    exec 5<> "/dev/tcp/127.0.0.1/$port"
    printf 'GET /metrics HTTP/1.1\r\nX: ' >&5
    for said in {0..30}; do
        timeout 1 cat <&5 > /dev/null
        [ $? = 124 ] && printf x >&5 && continue
        echo "$said"
        return
    done
}

"$MUSTERD" --unix "$folder/patient" --http 127.0.0.1:0 > "$folder/patient.log" 2>&1 &
started+=("$!")
until_true "a broker for it" grep -q 'over HTTP' "$folder/patient.log"
port=$(sed -n 's/.*over HTTP on 127.0.0.1://p' "$folder/patient.log")
background slow say_a_byte_a_second
slow=$pid

# ---- health ----

watched_broker
answer=$(ask GET /healthz)
same "it is alive" "200 alive" "$(status_of "$answer") $(body_of "$answer")"
answer=$(ask GET /readyz)
same "it is ready" "200 ready" "$(status_of "$answer") $(body_of "$answer")"
answer=$(ask HEAD /metrics)
same "HEAD has a head and no body" "200 " "$(status_of "$answer") $(body_of "$answer")"
holds "it says what it is" "*Content-Type: text/plain; version=0.0.4; charset=utf-8*" "$answer"
same "another path" 404 "$(status_of "$(ask GET /)")"
same "HEAD of it too" "404 " "$(status_of "$(ask HEAD /)") $(body_of "$(ask HEAD /)")"
same "another method" 501 "$(status_of "$(ask DELETE /metrics)")"
same "one that is none" 501 "$(status_of "$(ask BREW /metrics)")"
same "a body" 413 "$(status_of "$(ask GET /metrics 'Content-Length: 5')")"
same "one in chunks" 413 \
    "$(version=1.1 && status_of "$(ask GET /metrics 'Transfer-Encoding: chunked' '' 5)")"
same "headers without end" 400 \
    "$(status_of "$(ask GET /metrics "X: $(printf 'x%.0s' {1..8200})")")"
same "what is no request" 400 "$(version=, && status_of "$(ask $'\x16\x03\x01' /)")"
same "another version" 400 "$(version=2.0 && status_of "$(ask GET /metrics)")"
same "a page in chunks ends with its end" "200 chunked 0" \
    "$(version=1.1 && ask GET /metrics | awk 'NR == 1 { status = $2 }
        /^Transfer-Encoding:/ { how = $2 } NF > 0 { last = $1 } END { print status, how, last }')"
same "the connection ends with the answer" "*" "$(version=1.1 && ask GET /healthz \
    'Connection: keep-alive' | awk '/^alive/ { print "*" }')"

# ---- the story of a message ----

"$MUSTER" put jobs good bad > /dev/null
same "puts are seen" 2 "$(figure 'muster_queue_puts_total{queue="jobs"}')"
same "and ready" 2 "$(figure 'muster_queue_ready{queue="jobs"}')"
"$MUSTER" get --lease 1m jobs > "$folder/leased"
same "a lease is seen" 1 "$(figure 'muster_queue_leased{queue="jobs"}')"
same "and how long it was in the queue" 1 "$(figure 'muster_queue_wait_seconds_count{queue="jobs"}')"
delivery=$(cut -f 1 "$folder/leased")
"$MUSTER" "done" jobs "$delivery"
same "it is done" 1 "$(figure 'muster_queue_done_total{queue="jobs"}')"
same "and how long the lease lasted" 1 "$(figure 'muster_queue_lease_seconds_count{queue="jobs"}')"
delivery=$("$MUSTER" get --lease 1m jobs | cut -f 1)
"$MUSTER" nack jobs "$delivery"
same "a nack is seen" 1 "$(figure 'muster_queue_nacks_total{queue="jobs"}')"
same "as the cause of a redelivery" 1 \
    "$(figure 'muster_queue_redeliveries_total{queue="jobs",cause="nack"}')"
delivery=$("$MUSTER" get --lease 1m jobs | cut -f 1)
"$MUSTER" nack --dead jobs "$delivery"
same "a dead letter is seen" 1 "$(figure 'muster_queue_drops_total{queue="jobs",cause="dead"}')"
same "it is kept" 1 "$(figure 'muster_queue_dead{queue="jobs"}')"
same "in a queue of its own" 1 "$(figure 'muster_queue_ready{queue="jobs.dead"}')"
background getter "$MUSTER" get empty
getter=$pid
until_true "a waiting get is seen" figure_is 'muster_queue_waiting_getters{queue="empty"}' 1 &&
    ok "a waiting get is seen"
until_true "and its session" figure_is muster_sessions_connected 1 && ok "and its session"
"$MUSTER" put empty x
ends_with "it got its message" 0 "$getter"
"$MUSTER" put 'a "quoted" \ name' x
same "a name is escaped" 1 "$(figure 'muster_queue_ready{queue="a \"quoted\" \\ name"}')"

# ---- as promtool sees it ----

if command -v promtool > /dev/null; then
    body_of "$(ask GET /metrics)" > "$folder/page"
    prints "promtool finds nothing to complain of" "" bash -c "promtool check metrics < $folder/page"
    cp "$MUSTER_SOURCE_DIR"/docs/monitoring/*.yml "$MUSTER_SOURCE_DIR/tests/integration/alerts_test.yml" \
        "$folder"
    expect "the rules are rules" 0 promtool check rules "$folder/alerts.yml"
    expect "the configuration is one" 0 promtool check config "$folder/prometheus.yml"
    expect "the rules speak when they should" 0 promtool test rules "$folder/alerts_test.yml"
else
    echo "skipped: promtool is not there (Debian has it in the package prometheus)"
fi

# ---- hostile clients ----

sockets() # those of the broker
{
    find "/proc/$broker/fd" -lname 'socket:*' | wc -l
}

connections=()
before=$(sockets)
for _ in {1..40}; do
    exec {fd}<> "/dev/tcp/127.0.0.1/$port" && connections+=("$fd")
    printf 'GET /metr' >&"$fd"
done
same "40 that say half a request do not keep one out that asks" 200 \
    "$(status_of "$(ask GET /healthz)")"
expect "nor the broker's clients" 0 "$MUSTER" ping
holds "they have 16 places at most" "yes *" \
    "$([ "$(sockets)" -le $((before + 16)) ] && echo yes) $before $(sockets)"
for fd in "${connections[@]}"; do
    exec {fd}>&-
done
# More than have a place ask at once, and nobody reads: the others wait in the system for theirs.
connections=()
for _ in {1..24}; do
    send_request GET /metrics
    exec {fd}<&5
    connections+=("$fd")
done
holds "nor have those that ask and do not listen" "yes *" \
    "$([ "$(sockets)" -le $((before + 16)) ] && echo yes) $before $(sockets)"
for fd in "${connections[@]}"; do
    same "each has a whole page" 1 "$(timeout 20 grep -c '^process_max_fds' <&"$fd")"
    exec {fd}>&-
done
exec 5<> "/dev/tcp/127.0.0.1/$port"
head -c 100000 /dev/urandom >&5 2> /dev/null
exec 5>&-
same "noise changes nothing" 200 "$(status_of "$(ask GET /healthz)")"

# ---- going away ----

background getter "$MUSTER" get --raw large
getter=$pid
until_true "it waits" figure_is 'muster_queue_waiting_getters{queue="large"}' 1
kill -STOP "$getter"
head -c 4000000 /dev/zero | "$MUSTER" put --raw large
kill -TERM "$broker"
# shellcheck disable=SC2317 # until_true calls it
is_going_away()
{
    answer=$(ask GET /readyz) && [ "$(status_of "$answer")" = 503 ]
}
until_true "it is not ready while it sends what is pending" is_going_away
same "and says so" "503 the broker is going away" "$(status_of "$answer") $(body_of "$answer")"
same "but it is alive" "200 alive" "$(answer=$(ask GET /healthz) &&
    echo "$(status_of "$answer") $(body_of "$answer")")"
same "and its figures are there" 0 "$(figure muster_ready)"
kill -CONT "$getter"
wait "$broker"
same "it ends when that is sent" 0 $?

watched_broker
exec 5<> "/dev/tcp/127.0.0.1/$port"
printf 'GET /metrics HTTP/1.1\r\n' >&5
kill -TERM "$broker"
wait "$broker"
same "TERM ends it, whoever watches" 0 $?
exec 5>&-

# ---- who may not ----

mkdir -m 700 "$folder/keys"
watched_broker --keys-dir "$folder/keys" --listen 127.0.0.1:0 --http-queues 1
server=$(grep -o 'mpk1[a-z0-9]*' "$folder/broker.log")
listen=$(sed -n 's/.*listening on \(127.0.0.1:[0-9]*\),.*/\1/p' "$folder/broker.log")
"$MUSTER" keygen "$folder/stranger" > /dev/null
"$MUSTER" keygen --token "$folder/token" > /dev/null
expect "a stranger is refused" 77 "$MUSTER" --url "muster://$server@$listen" \
    --key "$folder/stranger" ping --timeout 20s
same "a key that nobody knows" 1 "$(figure 'muster_handshake_failures_total{reason="unknown"}')"
expect "so is a strange token" 77 "$MUSTER" --url "muster://$server@$listen" --token-file "$folder/token" \
    ping --timeout 20s
holds "a token that nobody knows" "[1-9]*" "$(figure 'muster_handshake_failures_total{reason="channel"}')"
exec 5<> "/dev/tcp/${listen%:*}/${listen#*:}"
printf 'GET / HTTP/1.1\r\n\r\n' >&5
timeout 10 cat <&5 > "$folder/cut"
exec 5>&-
same "what is no muster" 1 "$(figure 'muster_handshake_failures_total{reason="protocol"}')"
"$MUSTER" put first x
"$MUSTER" put second y z
same "one queue is counted apart" 1 "$(figure 'muster_queue_ready{queue="first"}')"
same "and the others together" 2 "$(figure $'muster_queue_ready{queue="others\t"}')"
same "which is told" 1 "$(figure muster_queues_summed)"
printf 'deny * put secret/**\nallow * put,create,stat,get,admin **\n' > "$folder/keys/permissions"
kill -HUP "$broker"
until_true "HUP" grep -q 'HUP' "$folder/broker.log"
"$MUSTER" put secret/plan x 2> /dev/null
same "a denial" 1 "$(figure muster_denials_total)"
kill -TERM "$broker"
wait "$broker"

# ---- what is on the disk ----

watched_broker --data-dir "$folder/data"
"$MUSTER" put kept x
holds "batches are counted" "[1-9]*" "$(figure muster_journal_batches_total)"
holds "and how long they took" "[1-9]*" "$(figure muster_journal_sync_seconds_count)"
holds "what is live, and the files" "[1-9]* [1-9]* [1-9]*" \
    "$(figure muster_journal_live_bytes) $(figure muster_journal_bytes) $(figure muster_journal_files)"
same "there is room" 0 "$(figure muster_journal_full)"
kill -TERM "$broker"
wait "$broker"
watched_broker --data-dir "$folder/data"
same "what is kept is seen after a restart" 1 "$(figure 'muster_queue_ready{queue="kept"}')"
same "and counts begin anew" 0 "$(figure 'muster_queue_puts_total{queue="kept"}')"
same "it is ready when it has recovered" 200 "$(status_of "$(ask GET /readyz)")"
seq 200000 | "$MUSTER" put --quiet --durable many
kill -TERM "$broker"
wait "$broker"

# Whoever is quick enough stops it while it recovers; questions wait for it in the system.
seen=
for _ in {1..20}; do
    : > "$folder/recovery.log"
    "$MUSTERD" --unix "$folder/socket" --http 127.0.0.1:0 --data-dir "$folder/data" \
        > "$folder/recovery.log" 2>&1 &
    broker=$!
    started+=("$broker")
    until grep -q 'over HTTP' "$folder/recovery.log"; do :; done
    kill -STOP "$broker"
    port=$(sed -n 's/.*over HTTP on 127.0.0.1://p' "$folder/recovery.log")
    send_request GET /healthz
    exec 6<&5
    send_request GET /metrics
    exec 7<&5
    send_request GET /readyz
    kill -CONT "$broker"
    seen=$(read_answer)
    alive=$(timeout 20 cat <&6)
    figures=$(timeout 20 cat <&7)
    exec 6<&- 7<&-
    kill -TERM "$broker"
    wait "$broker"
    [ "$(status_of "$seen")" = 200 ] || break
done
same "while it recovers it is not ready" "503 the broker recovers its data" \
    "$(status_of "$seen") $(body_of "$seen")"
same "but alive" 200 "$(status_of "$alive")"
same "and has no figures yet" 503 "$(status_of "$figures")"

# ---- where ----

err=$(timeout 20 "$MUSTERD" --unix "$folder/other" --http 192.0.2.1:0 2>&1 < /dev/null)
same "an address of another host" 69 $?
holds "and it says so" "*192.0.2.1:0: Cannot assign*" "$err"
err=$(timeout 20 "$MUSTERD" --check-config --http a..b:1 2>&1 < /dev/null)
same "a host that is not there is found before the start" 64 $?
holds "and it says which" "*a..b:1:*" "$err"
expect "one that is there is fine" 0 "$MUSTERD" --check-config --http 127.0.0.1:0
start_broker --http 0.0.0.0:0
holds "beyond this machine it warns" "*warning*0.0.0.0:*nobody is asked who they are*names*" \
    "$(cat "$folder/broker.log")"

# ---- and the client that took its time ----

wait "$slow"
said=$(cat "$folder/slow.out")
holds "whoever takes more than 10 s is cut off, though it went on talking" "yes *" \
    "$([ "$said" -ge 5 ] && [ "$said" -le 15 ] && echo yes) $said bytes"
finish
