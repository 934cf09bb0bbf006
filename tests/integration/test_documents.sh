#!/bin/bash
# test_documents.sh - the documents name what there is, and nothing else: options and commands of
# the man pages, statuses and settings of SEMANTICS.md, and the files that documents point to.
set -u

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$MUSTER_SOURCE_DIR" || exit 1
passed=0
failed=0

same() # "what" CODE-FILE DOCUMENT-FILE
{
    if [ -s "$2" ] && diff "$2" "$3" >"$dir/diff"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: < as the program says, > as the document says"
        cat "$dir/diff"
    fi
}

plain() # a man page without its markup
{
    sed -E 's/\\f[A-Z]//g; s/\\([-&])/\1/g; s/[" ]+/ /g' "$1"
}

# ---- musterd(8): options and their defaults ----

"$MUSTERD" --help | sed -nE 's/^  (--[a-z-]+)( [A-Za-z:|]+)?( \(.*\))?$/\1\3/p' | sort >"$dir/code"
plain broker/musterd.8 | awk '
    named { if (/^\.(BI|B) --/) print option(); named = 0 }
    /^\.TP/ { named = 1 }
    function option() { return /\([^)]*\)$/ ? $2 " " $NF : $2 }' | sort >"$dir/text"
same 'musterd(8), options' "$dir/code" "$dir/text"

# ---- musterd.conf(5) and the sample: what a file may say, and when it holds ----

option_rows() # NAME|VALUE|DEFAULT|WHEN of each option that a file may have
{
    { tr '\n' ' ' <broker/options.def && echo; } | sed 's/OPTION(/\n&/g' | sed -E 's/ +/ /g' |
        sed -nE 's/^OPTION\([a-z_.]+, "([a-z-]+)", ([A-Z]+), (RELOAD|RESTART), "([^"]*)", "([^"]*)",.*/\1#\2#\4#\5#\3/p' |
        awk -F '#' -v OFS='|' '
            $2 == "FLAG" { $3 = "yes or no"; $4 = "no" }
            { gsub(/\|/, ", ", $3); print $1, $3, $4, $5 == "RELOAD" ? "after HUP" : "after a restart" }'
}

option_rows >"$dir/code"
sed -nE '/^name\|/,/^\.TE/{/^name\||^\.TE/!p}' broker/musterd.conf.5 >"$dir/text"
same 'musterd.conf(5), options' "$dir/code" "$dir/text"

option_rows | cut -d '|' -f 1,3 | sort >"$dir/code"
# Where there is no default, the sample has an example.
sed -nE 's/^#([a-z-]+) = (.*)/\1|\2/p' broker/musterd.conf | sort |
    join -t '|' - "$dir/code" | awk -F '|' '{ print $1 "|" ($3 == "" ? "" : $2) }' >"$dir/text"
same 'musterd.conf, the sample' "$dir/code" "$dir/text"

sed -nE 's/^#([a-z-]+ = .*)/\1/p' broker/musterd.conf | grep -v ' = /' >"$dir/sample.conf"
for file in broker/musterd.conf "$dir/sample.conf"; do
    "$MUSTERD" --config "$file" --check-config 2>&1
done >"$dir/text"
printf 'ok\nok\n' >"$dir/code"
same 'the sample can be used, as it is and with its comments taken away' "$dir/code" "$dir/text"

# ---- muster(1): commands, options ----

"$MUSTER" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  +[A-Z].*/\1/p' | sort -u >"$dir/commands"
while read -r command; do
    plain cli/muster.1 | grep -qE "^\.[A-Z]+ .*\b${command// /.*\\b}\b" && echo "$command"
done <"$dir/commands" >"$dir/text"
same 'muster(1), commands' "$dir/commands" "$dir/text"

while read -r command; do
    # shellcheck disable=SC2086
    "$MUSTER" $command --help
done <"$dir/commands" | sed -nE 's/^ +(-[a-z0], )?(--[a-z-]+).*/\2/p' | sort -u >"$dir/code"
plain cli/muster.1 | grep -oE -- '--[a-z-]+' | grep -vxE -- '-+' | sort -u >"$dir/text"
same 'muster(1), options' "$dir/code" "$dir/text"

# ---- SEMANTICS.md: the tables of statuses and settings ----

tables() # the rows of SEMANTICS.md, cells divided by tabs
{
    sed -nE 's/^\| ?//p' docs/SEMANTICS.md | sed -E 's/ *\| */\t/g; s/`//g'
}

sed -nE 's/^STATUS\(([0-9]+), ([A-Z_]+), ([0-9]+), .*/\2\t\1\t\3/p' protocol/status.def >"$dir/code"
tables | grep -P '^[A-Z_]+\t[0-9]+\t[0-9]+\t' | cut -f 1-3 >"$dir/text"
same 'SEMANTICS.md, statuses' "$dir/code" "$dir/text"

{ tr '\n' ' ' <protocol/settings.def && echo; } | sed 's/SETTING(/\n&/g' |
    sed -nE 's/^SETTING\([A-Z_]+, "([a-z-]+)", .*, (UPDATABLE|FIXED), .*/\1 \2/p' >"$dir/code"
tables | awk -F '\t' '$4 == "yes" { print $1 " UPDATABLE" } $4 == "no" { print $1 " FIXED" }' \
    >"$dir/text"
same 'SEMANTICS.md, settings' "$dir/code" "$dir/text"

# ---- what documents point to ----

for document in *.md docs/*.md protocol/*.md; do
    grep -oE '\]\([^)]+' "$document" | sed -E 's/^\]\(//; s/#.*//; /^$|:/d' |
        while read -r target; do
            [ -e "$(dirname "$document")/$target" ] || echo "$document points to $target"
        done
done >"$dir/text"
echo 'links: checked' | tee "$dir/code" >>"$dir/text"
same 'files that are pointed to' "$dir/code" "$dir/text"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
