#!/bin/bash
# test_two_hosts.sh - docs/SECURITY.md, "Two hosts over the open network", done by a new user on two
# hosts: two network namespaces with a wire between them. Then what goes wrong on the way.
#
# The commands are those of the document, in which only names of this test are put in: the folder of
# the keys, the broker's address and its process id, and the key that the log has told.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

near=muster-$$-broker # the broker's host
far=muster-$$-client
address=10.99.0.1

skip() # WHY
{
    echo "# skipped: $1"
    ok "skipped: $1"
    finish
}

[ "$(id -u)" = 0 ] || skip "only root makes network namespaces"
command -v ip > /dev/null || skip "ip is not installed (Debian package iproute2)"
leave_nothing()
{
    local host pid
    for host in "$near" "$far"; do
        for pid in $(ip netns pids "$host" 2> /dev/null); do
            kill -KILL "$pid"
        done
        ip netns del "$host" 2> /dev/null # its end of the wire goes with it
    done
    at_end
}
trap leave_nothing EXIT
if ! ip netns add "$near" 2> /dev/null || ! ip netns add "$far" 2> /dev/null; then
    skip "this machine lets nobody make network namespaces"
fi
ip link add m0 netns "$near" type veth peer name m1 netns "$far" ||
    skip "this machine has no veth links"
ip -n "$near" address add $address/24 dev m0
ip -n "$far" address add 10.99.0.2/24 dev m1
for host in "$near" "$far"; do
    ip -n "$host" link set lo up
done
ip -n "$near" link set m0 up
ip -n "$far" link set m1 up

# ---- the document ----

mkdir "$folder/bin" "$folder/home"
ln -s "$MUSTER" "$folder/bin/muster"
ln -s "$MUSTERD" "$folder/bin/musterd"
keys=$folder/etc

recipe() # N: the nth block of commands of the recipe
{
    awk -v mark="$(printf '\x60\x60\x60')" -v wanted="$1" '
        /^## / { here = /Two hosts/ }
        here && $0 == mark { inside = !inside; n += inside; next }
        here && inside && n == wanted { print }' "$MUSTER_SOURCE_DIR/docs/SECURITY.md"
}

sentence() # REGEX: the command in the text of the recipe that matches it
{
    awk '/^## / { here = /Two hosts/ } here { print }' "$MUSTER_SOURCE_DIR/docs/SECURITY.md" |
        grep -o "\`[^\`]*\`" | tr -d "\`" | grep -e "$1"
}

put_in() # what stands for something in the document is replaced by what it is here
{
    sed -e "s|/etc/muster|$keys|g; s|@host:|@$address:|g; s|mpk1\.\.\.@|$server@|g" \
        -e "s|mpk1\.\.\.\$|$own|; s|\$(pidof musterd)|$broker|g"
}

on() # HOST COMMAND...
{
    local host=$1
    shift
    ip netns exec "$host" env -u MUSTER_URL HOME="$folder/home" PATH="$folder/bin:$PATH" "$@"
}

server=
own=
broker=
same "the recipe has two blocks of commands" "1 4" "$(recipe 1 | wc -l) $(recipe 2 | wc -l)"

# ---- the broker's host ----

start() # as the document says, with a word when it is ready
{
    mkfifo "$folder/ready"
    # Nothing but exec lies between this shell and the broker: its process id is the one told.
    # shellcheck disable=SC2046
    PATH=$folder/bin:$PATH ip netns exec "$near" $(recipe 1 | put_in) --ready-fd 3 \
        3> "$folder/ready" > "$folder/broker.log" 2>&1 &
    broker=$!
    started+=("$broker")
    if ! read -r -t 20 _ < "$folder/ready"; then
        not_ok "the broker starts" "$(cat "$folder/broker.log")"
        finish
    fi
    rm "$folder/ready"
}
start
ok "the broker starts"
same "it made its key" 600 "$(stat -c %a "$keys/server.key")"
server=$(sed -n "s/.*the server's public key is \(mpk1[a-z2-7]*\)$/\1/p" "$folder/broker.log")
holds "and told its public one" "mpk1*" "$server"

# ---- the other host ----

recipe 2 | put_in | grep -v "^muster ping" > "$folder/profile"
{
    cat "$folder/profile"
    echo 'export MUSTER_KEY MUSTER_URL'
} > "$folder/first"
shell() # COMMAND...: in a shell of the other host that was set up as the document says
{
    on "$far" bash -c '. "$0"; "$@"' "$folder/environment" "$@"
}
out=$(on "$far" bash "$folder/first")
own=${out##* }
holds "keygen shows the client's public key" "mpk1*" "$own"
grep '^export' "$folder/first" > "$folder/environment"
# shellcheck disable=SC2046
expect "ping, as the document says, before it is known" 77 shell $(recipe 2 | grep "^muster ping")
holds "it is told which line is missing" "*'NAME $own'*--allow-keys*" "$err"
sentence "mill mpk1" | put_in > "$keys/allow-keys"
same "the line of the document" "mill $own" "$(cat "$keys/allow-keys")"
reload() # by the command of the document
{
    local before
    before=$(grep -c "read again" "$folder/broker.log")
    on "$near" bash -c "$(sentence "kill -HUP" | put_in)"
    until_true "$1" bash -c "[ \$(grep -c 'read again' '$folder/broker.log') -gt $before ]" && ok "$1"
}
reload "the file is read"
expect "muster ping answers now" 0 shell muster ping
# shellcheck disable=SC2046
expect "muster sessions, too" 0 shell $(sentence "^muster sessions")
holds "which shows the client by its name" "*mill/*" "$out"
background waiter shell muster get jobs --timeout 60
waits()
{
    shell muster stat jobs | grep -q "mill/muster get"
}
until_true "one waits there" waits && ok "one waits there"
expect "a message goes over" 0 shell muster put jobs "over the open network"
ends_with "and arrives" 0 "$pid"
same "as it was" "over the open network" "$(cat "$folder/waiter.out")"

# ---- wrongly ----

on "$far" muster keygen "$folder/home/other.key" > "$folder/other.pub"
expect "no key in allow-keys" 77 shell env MUSTER_KEY="$folder/home/other.key" muster ping
holds "it is told its own" "*NAME $(cat "$folder/other.pub")*" "$err"
expect "a wrong server key" 77 shell env MUSTER_URL="muster://$(cat "$folder/other.pub")@$address:6878" \
    muster ping
holds "to look at the server key" "*look at the server key*" "$err"
expect "the client speaks no clear text there" 77 on "$far" muster --url "muster://$address" ping
holds "it asks for the server key" "*server key*" "$err"
answer=$(on "$far" timeout 20 bash -c "exec 3<> /dev/tcp/$address/6878
    printf '\x89MSTR\n\x01\x00' >&3
    od -An -v -tx1 <&3")
same "who speaks it all the same is told: encrypted only, and nothing more" " 89 4d 53 54 52 0a 01 01" \
    "$answer"
holds "the log has a word about it" "*10.99.0.2*" "$(cat "$folder/broker.log")"

# ---- two tokens at once, to change one for the other ----

for name in old new; do
    on "$far" muster keygen --token "$folder/home/$name.token" > /dev/null 2>&1
done
by_token() # NAME: ping with that token and no key
{
    shell env -u MUSTER_KEY MUSTER_TOKEN_FILE="$folder/home/$1.token" muster ping
}
expect "a token nobody knows" 77 by_token old
holds "to look at the token" "*look at the token*" "$err"
(umask 077 && echo "fleet $(cat "$folder/home/old.token")" > "$keys/tokens")
reload "one token"
expect "it holds" 0 by_token old
echo "fleet $(cat "$folder/home/new.token")" >> "$keys/tokens"
reload "two tokens of one name"
expect "the old one holds" 0 by_token old
expect "the new one holds" 0 by_token new
sed -i 1d "$keys/tokens"
reload "the old one is removed"
expect "it holds no more" 77 by_token old
expect "the new one still holds" 0 by_token new

kill -TERM "$broker"
ends_with "the broker ends" 0 "$broker"
finish
