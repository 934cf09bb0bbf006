#!/bin/bash
# test_cli_limits.sh - limits of musterd as a shell user meets them, a peer that is no broker, and
# INT: what is said, and the exit status.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

conf=$folder/musterd.conf

limit_is() # LINE: the one that there is from now on
{
    local before
    before=$(grep -c 'HUP' "$folder/broker.log")
    echo "$1" > "$conf"
    kill -HUP "$broker"
    until_true "$1" sh -c "[ \$(grep -c HUP '$folder/broker.log') -gt $before ]"
}

# ---- on a Unix socket ----

: > "$conf"
start_broker --config "$conf" --max-frame 1M
background waiter env --default-signal=INT "$MUSTER" get q # bash has INT ignored by what it puts there
waiter=$pid
until_true "a get waits" has_role q gets
limit_is "max-sessions = 1"
expect "one session too many" 75 "$MUSTER" put q x
holds "one session too many, in words" "*limit of the broker*" "$err"
limit_is "max-waiters = 1"
expect "one wait too many" 75 "$MUSTER" get q
holds "one wait too many, in words" "*waits*" "$err"
expect "who does not wait is none" 1 "$MUSTER" get other --no-wait
limit_is "max-ttl = 1m"
kill -INT "$waiter"
ends_with "INT ends a get with 130" 130 "$waiter"
head -c 500000 /dev/zero > "$folder/half"
head -c 600000 /dev/zero > "$folder/more"
expect "a body of nearly half a frame" 0 sh -c '"$MUSTER" put --raw q < "$1"' - "$folder/half"
expect "a body of more" 65 sh -c '"$MUSTER" put --raw q < "$1"' - "$folder/more"
holds "a body of more, in words" "*larger than the broker takes*" "$err"
"$MUSTER" purge q > /dev/null

# What one client may have unanswered is held back by the library: nobody is refused.
printf 'put-credit = 2\nput-credit-bytes = 1000\n' > "$folder/credit"
limit_is "$(cat "$folder/credit")"
"$MUSTER" declare narrow --kind fifo --maxsize 1
seq 1 200 | awk '{ printf "%s %0300d\n", $1, 0 }' > "$folder/lines"
background putter sh -c '"$MUSTER" put narrow < "$1"' - "$folder/lines"
putter=$pid
until_true "a put waits" has_role narrow puts
same "no more than its credit is there" "yes" \
    "$([ "$("$MUSTER" stat narrow | grep -c "^who"$'\t'"puts")" -le 2 ] && echo yes)"
same "all of it comes, in order" "$(md5sum < "$folder/lines")" \
    "$("$MUSTER" get narrow -n 200 | md5sum)"
ends_with "and the putter ends" 0 "$putter"
expect "no broker of an older limit is left" 0 "$MUSTER" ping
kill "$broker"
wait "$broker"

# ---- from other hosts ----

rm "$folder/socket" 2> /dev/null
start_broker --listen 127.0.0.1:0 --max-per-address 1
url=muster://$(sed -n 's/.*listening on \(127.0.0.1:[0-9]*\),.*/\1/p' "$folder/broker.log")
address=${url#muster://}
expect "the first from an address" 0 "$MUSTER" --url "$url" ping
exec 5<> "/dev/tcp/${address%:*}/${address#*:}"
until_true "one that says nothing has its place" sh -c \
    '"$MUSTER" --url "$1" ping --timeout 0 > /dev/null 2>&1; [ $? != 0 ]' - "$url"
expect "on the Unix socket that does not count" 0 "$MUSTER" ping
exec 5>&-
until_true "its place is free again" "$MUSTER" --url "$url" ping && ok "its place is free again"

# ---- who is no broker ----

cat > "$folder/no-broker.pl" << 'END'
use IO::Socket::INET;
my $socket = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die;
$| = 1;
print $socket->sockport, "\n";
while (my $client = $socket->accept) {
    print $client "HTTP/1.1 400 Bad Request\r\n\r\n";
    sysread($client, my $said, 100);
}
END
background other perl "$folder/no-broker.pl"
until_true "something else listens" test -s "$folder/other.out"
expect "what is no broker" 76 "$MUSTER" --url "muster://127.0.0.1:$(cat "$folder/other.out")" ping
holds "what is no broker, in words" "*no muster broker*" "$err"
finish
