#!/bin/bash
# test_http.sh - the broker watched over HTTP: what happens to messages and clients is seen in its
# figures, the pages of health, and how little a hostile client gets.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

ask() # METHOD PATH [HEADER]...: the whole answer
{
    local method=$1 path=$2 header
    shift 2
    exec 5<> "/dev/tcp/127.0.0.1/$port" || return 1
    {
        printf '%s %s HTTP/1.1\r\nHost: test\r\n' "$method" "$path"
        for header in "$@"; do
            printf '%s\r\n' "$header"
        done
        printf '\r\n'
    } >&5
    timeout 20 cat <&5 | tr -d '\r'
    exec 5>&- 5<&-
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
same "another method" 405 "$(status_of "$(ask DELETE /metrics)")"
holds "it says which there are" "*Allow: GET, HEAD*" "$(ask POST /metrics)"
same "a body" 413 "$(status_of "$(ask GET /metrics 'Content-Length: 5')")"
same "headers without end" 431 \
    "$(status_of "$(ask GET /metrics "X: $(printf 'x%.0s' {1..8200})")")"

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
same "and its session" 1 "$(figure muster_sessions_connected)"
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

connections=()
for _ in {1..40}; do
    exec {fd}<> "/dev/tcp/127.0.0.1/$port" && connections+=("$fd")
    printf 'GET /metr' >&"$fd"
done
same "40 that say half a request do not keep one out that asks" 200 \
    "$(status_of "$(ask GET /healthz)")"
expect "nor the broker's clients" 0 "$MUSTER" ping
for fd in "${connections[@]}"; do
    exec {fd}>&-
done
exec 5<> "/dev/tcp/127.0.0.1/$port"
head -c 100000 /dev/urandom >&5 2> /dev/null
exec 5>&-
same "noise changes nothing" 200 "$(status_of "$(ask GET /healthz)")"

# ---- going away ----

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
"$MUSTER" --url "muster://$server@$listen" --key "$folder/stranger" ping --timeout 5s 2> /dev/null
same "a key that nobody knows" 1 "$(figure 'muster_handshake_failures_total{reason="unknown"}')"
"$MUSTER" --url "muster://$server@$listen" --token-file "$folder/token" ping --timeout 1s 2> /dev/null
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
kill -TERM "$broker"
wait "$broker"

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
finish
