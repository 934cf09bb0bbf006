#!/bin/bash
# test_config.sh - the configuration file through the real program: read, checked without a start,
# and read again by a broker that serves.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

conf=$folder/musterd.conf

log_since() # LINES REGEX: whether the broker said so after so many lines
{
    tail -n "+$(($1 + 1))" "$folder/broker.log" | grep -q -e "$2"
}

reload() # NAME REGEX: HUP, and what the log is to say of it
{
    before=$(wc -l < "$folder/broker.log")
    kill -HUP "$broker"
    until_true "$1" log_since "$before" "$2" && ok "$1"
}

also() # NAME REGEX: what the log says of the last HUP, too
{
    until_true "$1" log_since "$before" "$2" && ok "$1"
}

checks() # NAME CODE TEXT [OPTION]...: what --check-config ends with, and all it writes
{
    local name=$1 wanted=$2 text=$3
    shift 3
    out=$(timeout 20 "$MUSTERD" --check-config "$@" 2>&1 < /dev/null)
    same "$name" "$wanted" $?
    holds "$name, in words" "$text" "$out"
}

has_role_not() # OBJECT ROLE
{
    ! has_role "$@"
}

# ---- checked, not started ----

cat > "$conf" << END
# what this test wants
unix = $folder/socket
max-memory = 64M     # enough
put-credit = 16
strict = no
END
checks "a good file" 0 "ok" --config "$conf"
same "nothing was opened" no "$([ -e "$folder/socket" ] || echo no)"
checks "no file at all" 0 "ok"
checks "a key that the first start would make" 0 "ok" --keys-dir "$folder/none" --listen 0.0.0.0:0
same "nothing was made" no "$([ -e "$folder/none" ] || echo no)"

cp "$conf" "$folder/bad.conf"
printf 'max-memroy = 1G\nsilence = soon\nready-fd = 3\n' >> "$folder/bad.conf"
checks "all mistakes at once" 64 "musterd: *bad.conf:6: unknown option 'max-memroy'; is max-memory \
meant?*bad.conf:7: silence 'soon' cannot be used: a time is wanted, such as 2.5s*bad.conf:8: \
ready-fd belongs on the command line*" --config "$folder/bad.conf"
same "a line for each" 3 "$(wc -l <<< "$out")"
expect "a pipe in its place" 64 timeout 20 "$MUSTERD" --config <(:)
printf 'a\033[31mb\n' > "$folder/bad.conf"
checks "what a terminal would obey is shown as what it is" 64 "*unknown option 'a\\\\x1b\[31mb'*" \
    --config "$folder/bad.conf"
printf 'strict\0\n' > "$folder/bad.conf"
checks "a NUL byte" 64 "*bad.conf:1: there is a NUL byte*" --config "$folder/bad.conf"
head -c 70000 /dev/zero | tr '\0' '#' > "$folder/bad.conf"
checks "a file that is too large" 64 "*too large*more than 65536" --config "$folder/bad.conf"
checks "a folder" 64 "*no regular file*" --config "$folder"
checks "a file that is not there" 64 "*cannot read $folder/none: No such file*" \
    --config "$folder/none"
echo strict > "$folder/bad.conf"
chmod 666 "$folder/bad.conf"
checks "a file that others may change" 64 "*changed by others (mode 0666); chmod 644*" \
    --config "$folder/bad.conf"
chmod 644 "$folder/bad.conf"
echo 'listen = 0.0.0.0:0' > "$folder/bad.conf"
checks "an address that may not be listened on" 64 "musterd: cannot listen on 0.0.0.0:0*" \
    --config "$folder/bad.conf"
echo "allow mill putt x" > "$folder/permissions"
checks "permissions are read as well" 64 "musterd: cannot start: *permissions, line 1*putt*" \
    --permissions "$folder/permissions"

checks "a restore that has no place to go" 64 \
    "musterd: --restore '$folder/backup' needs --data-dir DIR, which is new or empty" \
    --restore "$folder/backup"
checks "a place that nothing is rescued into" 64 "musterd: --into '$folder/new' needs --salvage DIR*" \
    --into "$folder/new"
checks "a rescue that has no place to go" 64 "musterd: --salvage '$folder' needs --into DIR*" \
    --salvage "$folder"
echo "data-dir = $folder/data" > "$folder/bad.conf"
checks "a place that the file names" 0 "ok" --config "$folder/bad.conf" --restore "$folder/backup"
for command in --help --version --check-config "--verify-data $folder"; do
    # shellcheck disable=SC2086
    expect "$command to a full disk" 74 sh -c '"$MUSTERD" "$@" > /dev/full' sh $command
done

# ---- started with it ----

start_broker --config "$conf" --max-objects 3
checks "it may be checked beside a broker that serves" 0 "ok" --config "$conf"
expect "it serves where the file says" 0 "$MUSTER" ping
for name in a b c; do
    "$MUSTER" declare $name --kind fifo > /dev/null
done
expect "the command line is heard, too" 75 "$MUSTER" declare d --kind fifo

# ---- HUP ----

reload "the same file again" "$conf was read again; 0 options differ"
cat > "$conf" << END
unix = $folder/elsewhere
silence = 5s
max-memory = 4K
max-objects = 100
strict = yes
log-level = debug
END
reload "a file with changes" "HUP.*5 options differ"
also "a limit holds from now on" "info.*HUP: max-memory is 4K from now on; it was 64M"
also "so does a default" "info.*HUP: put-credit is 1024 from now on; it was 16"
also "what cannot is told" "warning.*HUP: silence stays 10s until a restart makes it 5s"
same "the command line has still won" "" "$(grep max-objects "$folder/broker.log")"
expect "the lowered limit holds" 75 "$MUSTER" put a "$(printf 'x%.0s' {1..5000})"
expect "objects are not made by use any more" 66 "$MUSTER" put new x
also "debug lines are written from now on" " debug musterd: connection accepted peer="
expect "what was there still is" 0 "$MUSTER" put a small

echo 'max-memory = plenty' >> "$conf"
reload "a mistake" "error.*HUP changes nothing: $conf:7: max-memory was given in line 3 already"
rm "$conf"
reload "a file that is gone" "error.*HUP changes nothing: cannot read $conf: No such file"
expect "nothing changed" 75 "$MUSTER" put a "$(printf 'x%.0s' {1..5000})"
printf 'permissions = %s\nlog-level = error\n' "$folder/permissions" > "$conf"
reload "a mistake in a file that it names" "error.*HUP changes nothing: .*permissions, line 1"
expect "not even the limit changed" 75 "$MUSTER" put a "$(printf 'x%.0s' {1..5000})"
echo "deny local put c" > "$folder/permissions"
echo "allow local * **" >> "$folder/permissions"
reload "permissions come with HUP" "keys, tokens and permissions were read again"
expect "they hold" 77 "$MUSTER" put c x
echo 'log-level = info' > "$conf"
reload "and go with HUP" "HUP: permissions is none from now on"
expect "so that all is allowed again" 0 "$MUSTER" put c x
printf 'max-connections = 1\nlog-level = info\n' > "$conf"
reload "fewer connections" "max-connections is 1 from now on"
background holder "$MUSTER" get a --timeout 60 -n 99
until_true "one connection is in use" grep -q "small" "$folder/holder.out"
expect "another is refused" 69 "$MUSTER" --url "$MUSTER_URL" ping
kill "$pid"
kill -TERM "$broker"
wait "$broker"
same "it ends well" 0 $?

# ---- keys ----

"$MUSTER" keygen "$folder/mill.key" > "$folder/mill.pub"
mkdir -m 700 "$folder/keys"
echo "mill $(cat "$folder/mill.pub")" > "$folder/keys/allow-keys"
printf 'keys-dir = %s\nlisten = 127.0.0.1:0\nunix = %s\n' "$folder/keys" "$folder/socket" > "$conf"
start_broker --config "$conf"
holds "the command line's addresses are instead of the file's" "1" \
    "$(grep -c 'listening on' "$folder/broker.log")"
key=$("$MUSTER" keygen --show "$folder/keys/server.key")
mill() { "$MUSTER" --server-key "$key" --key "$folder/mill.key" "$@"; }
background waiter mill get jobs --timeout 60
waiter=$pid
until_true "a client of a key waits" has_role jobs gets && ok "a client of a key waits"
: > "$folder/keys/allow-keys"
reload "its key is taken away" "keys, tokens and permissions were read again"
until_true "its session ends" has_role_not jobs gets && ok "its session ends"
expect "it is not welcome any more" 77 mill ping
kill "$waiter"
"$MUSTER" keygen "$folder/other.key" > /dev/null
cp "$folder/other.key" "$folder/keys/server.key"
reload "another server key" "warning.*server's key is another one now.*restart"
finish
