#!/bin/bash
# test_storage.sh - a data directory as its operator sees it: made, locked, checked, full, damaged,
# backed up, salvaged.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

data=$folder/data

start() # [OPTION]...
{
    start_broker --data-dir "$data" "$@"
}

end() # [SIGNAL]
{
    kill -"${1:-TERM}" "$broker"
    wait "$broker"
    code=$?
}

# musterd must end with CODE after one line that matches PATTERN.
refuses() # NAME CODE PATTERN OPTION...
{
    local name=$1 wanted=$2 pattern=$3
    shift 3
    err=$(timeout 20 "$MUSTERD" --unix "$folder/other" --log-level error "$@" 2>&1 < /dev/null)
    code=$?
    if [ "$code" != "$wanted" ] || [ "$(wc -l <<< "$err")" != 1 ]; then
        not_ok "$name" "status $code instead of $wanted, or not one line" "$err"
    else
        holds "$name" "$pattern" "$err"
    fi
}

disk_use() # of the data directory, in bytes
{
    du -sB1 --apparent-size "$data" | cut -f 1
}

# ---- made and found again ----

start
same "the directory is for its owner alone" 700 "$(stat -c %a "$data")"
seq 1 1000 | "$MUSTER" put numbers
expect "a priority queue" 0 "$MUSTER" declare urgent --kind priority
"$MUSTER" put urgent -p 5 later
"$MUSTER" put urgent -p 1 first
"$MUSTER" put mem --memory gone
refuses "a directory in use" 73 "*'$data' is in use by process $broker; end that broker*" \
    --data-dir "$data"
end KILL
start
same "every message is there in its place" "$(seq 1 1000)" "$("$MUSTER" get numbers --drain)"
prints "priority is kept" $'first\nlater' "$MUSTER" get urgent --drain
expect "what was in memory is gone" 66 "$MUSTER" stat mem
end
same "TERM ends it well" 0 "$code"
start
same "what was taken does not come back" 0 "$(fact numbers ready)"
end
expect "--verify-data" 0 "$MUSTERD" --verify-data "$data"
holds "it says what it found" "*batches*are whole" "$out"

# ---- directories that cannot be used ----

: > "$folder/file"
refuses "a file in the place of a directory" 64 "*'$folder/file'*Not a directory*" \
    --data-dir "$folder/file"
refuses "a parent that is not there" 74 "*cannot make*'$folder/a/b'*No such file*" \
    --data-dir "$folder/a/b"
if [ "$(id -u)" != 0 ]; then
    mkdir -m 500 "$folder/closed"
    refuses "a directory that is not ours to write" 77 "*'$folder/closed'*Permission denied*" \
        --data-dir "$folder/closed"
fi
mkdir "$folder/foreign"
cp "$data"/* "$folder/foreign"
for file in "$folder"/foreign/segment-*; do
    printf 'a much later version of this' | dd of="$file" bs=1 seek=8 conv=notrunc status=none
done
refuses "files of another kind" 65 "*foreign*" --data-dir "$folder/foreign"

# ---- a backup ----

start
seq 1 5000 | "$MUSTER" put work
expect "backup" 0 "$MUSTER" backup -q "$folder/backup"
same "the backup is for its owner alone" 600 "$(stat -c %a "$folder/backup")"
for i in 1 2 3 4 5; do
    expect "backup $i right after another" 0 "$MUSTER" backup -q "$folder/backup.$i"
done
"$MUSTER" put work later
expect "to stdout" 0 sh -c "$MUSTER backup - > $folder/backup.2"
expect "into a folder that is not there" 74 "$MUSTER" backup "$folder/none/backup"
end
data=$folder/restored
start --restore "$folder/backup"
same "a restored broker has what was there" "$(seq 1 5000)" "$("$MUSTER" get work --drain)"
end
refuses "a restore over something" 73 "*'$folder/backup'*not empty*" \
    --data-dir "$data" --restore "$folder/backup"
mkdir -p "$folder/root/lost+found"
head -c 5000 "$folder/backup" > "$folder/root/restored-backup"
refuses "a restore that was killed" 73 "*did not come to its end*--restore again*" \
    --data-dir "$folder/root"
data=$folder/root
start --restore "$folder/backup"
same "it is begun again, also where a file system has its lost+found" 5000 "$(fact work ready)"
end
head -c 5000 "$folder/backup" > "$folder/cut"
refuses "a backup that was cut" 65 "*'$folder/cut'*" --data-dir "$folder/new" \
    --restore "$folder/cut"
refuses "a backup that is not there" 64 "*'$folder/nothing'*No such file*" \
    --data-dir "$folder/new" --restore "$folder/nothing"
start_broker
expect "a broker without a data directory has no backup" 69 "$MUSTER" backup "$folder/b"
end

# ---- damage ----

data=$folder/damaged
start
for i in 1 2 3 4 5 6 7 8; do
    "$MUSTER" put jobs "message $i"
done
end KILL
file=$(grep -l "message 4" "$data"/segment-* | head -n 1)
at=$(grep -abo "message 4" "$file" | head -n 1 | cut -d : -f 1)
printf 'X' | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
refuses "damage in the middle" 65 "*$(basename "$file")*offset*salvage*" --data-dir "$data"
expect "--verify-data names it too" 65 "$MUSTERD" --verify-data "$data"
lost=$("$MUSTERD" --salvage "$data" --into "$folder/salvaged" 2>&1 > "$folder/salvage.out")
same "--salvage" 0 $?
holds "it lists what was lost" "*lost: $(basename "$file") at offset*" "$lost"
holds "and tells what there is" "*batches*bytes were lost*" "$(cat "$folder/salvage.out")"
data=$folder/salvaged
start
holds "what was readable is there" "*message 1"$'\n'"message 2*message 8*" \
    "$("$MUSTER" get jobs --drain)"
end

# A torn tail: the last batch was being written when the power failed.
data=$folder/torn
start
"$MUSTER" put jobs kept
end KILL
file=$(grep -l kept "$data"/segment-* | head -n 1)
# The block behind the last that is written: there may be a batch that says the log was at rest.
next=$(perl -0777 -ne '/.*[^\0]/s; print int((length($&) + 4095) / 4096) * 4096' "$file")
printf 'torn batch' | dd of="$file" bs=1 seek="$next" conv=notrunc status=none
start
prints "a torn tail is cut" kept "$MUSTER" get jobs
end

# ---- memory against disk, and disk use ----

data=$folder/deep
start --max-memory 4M --segment-size 1M
seq -f "%0.0f $(printf 'x%.0s' {1..4090})" 1 10000 > "$folder/lines"
expect "ten times the memory limit is put" 0 sh -c "$MUSTER put deep < $folder/lines"
expect "a backup of many pieces" 0 timeout 30 "$MUSTER" backup -q "$folder/deep.backup"
same "and is got in order" "$(md5sum < "$folder/lines")" \
    "$("$MUSTER" get deep --drain | md5sum)"
end
data=$folder/deep-again
start --max-memory 4M --restore "$folder/deep.backup"
same "also out of the backup" "$(md5sum < "$folder/lines")" \
    "$("$MUSTER" get deep --drain | md5sum)"
end

# A body larger than the quarter of the memory that is kept free of bodies.
data=$folder/large
start --max-memory 4M --segment-size 1M
head -c 2097152 /dev/urandom > "$folder/body"
for i in 1 2 3 4 5; do
    expect "large body $i is put" 0 sh -c "$MUSTER put large --raw < $folder/body"
done
pids=()
for i in 1 2 3 4 5; do
    background "large-$i" "$MUSTER" get large --raw
    pids+=("$pid")
done
wait "${pids[@]}"
same "and all are got at once, by as many consumers" 1 \
    "$(md5sum "$folder"/large-*.out "$folder/body" | cut -d ' ' -f 1 | sort -u | wc -l)"
end

data=$folder/stream
start --segment-size 256K
"$MUSTER" put old "never consumed"
most=0
for i in $(seq 1 30); do
    seq 1 2000 | "$MUSTER" put stream
    "$MUSTER" get stream --drain > /dev/null
    use=$(disk_use)
    [ "$use" -gt "$most" ] && most=$use
done
if [ "$most" -le $((1024 * 1024)) ]; then
    ok "an endless stream does not fill the disk"
else
    not_ok "an endless stream does not fill the disk" "$most bytes at most"
fi
end KILL
start --segment-size 256K
prints "the old message is there" "never consumed" "$MUSTER" get old
end

# ---- a full disk ----

# In a name space where this test may mount.
full_disk()
{
    mount -t tmpfs tmpfs "$folder/small" || exit 100
    mkdir "$folder/small/data"
    mount -o remount,ro "$folder/small"
    refuses "a read-only file system" 74 "*'$folder/small/data'*Read-only file system*" \
        --data-dir "$folder/small/data"
    umount "$folder/small"
    mount -t tmpfs -o size=1m tmpfs "$folder/small" || exit 100
    data=$folder/small/data
    start
    line=$(printf 'x%.0s' {1..4000})
    sent=0
    code=0
    while [ $code = 0 ] && [ $sent -lt 1000 ]; do
        "$MUSTER" put -q jobs "$line" 2> "$folder/full.err"
        code=$?
        [ $code != 0 ] || sent=$((sent + 1))
    done
    same "a put into a full disk is refused" 75 "$code"
    holds "it says why" "*disk is full; take messages out*" "$(cat "$folder/full.err")"
    same "all that was stored is there" "$sent" "$("$MUSTER" get jobs --drain | wc -l)"
    until_true "puts work again" "$MUSTER" put jobs again && ok "puts work again"
    end KILL
    start
    prints "also after a restart" again "$MUSTER" get jobs
    end
    echo "$passed $failed" > "$folder/full.counts"
}

mkdir "$folder/small"
if unshare -rm true 2> /dev/null; then
    export -f full_disk refuses start end start_broker same holds prints ok not_ok until_true fact
    passed_before=$passed
    failed_before=$failed
    unshare -rm env folder="$folder" bash -c '
        passed='"$passed"'; failed='"$failed"'; number='"$number"'; started=()
        full_disk'
    if read -r passed failed < "$folder/full.counts"; then
        number=$((number + passed + failed - passed_before - failed_before))
    else
        passed=$passed_before
        failed=$failed_before
        not_ok "a full disk" "the test did not come to its end"
    fi
else
    echo "# skipped: a full disk: this machine lets nobody mount a file system of their own"
fi

finish
