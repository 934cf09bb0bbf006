#!/bin/bash
# test_operations.sh - docs/OPERATIONS.md is true: every command in its console blocks ends with 0,
# in the order of the page, on a broker with --http and --data-dir; commands in running text exist;
# and the run-book has every exit code there is.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

page=$MUSTER_SOURCE_DIR/docs/OPERATIONS.md
PATH=$(dirname "$MUSTER"):$(dirname "$MUSTERD"):$PATH
export PATH

# ---- commands ----

commands()
{
    awk -v mark="$(printf '\x60\x60\x60')" '
        $0 == mark "console" { inside = 1; next }
        $0 == mark { inside = 0 }
        inside && sub(/^\$ /, "") { print }' "$page"
}

DIR=$folder/try
mkdir "$DIR"
export DIR
start_broker --http 127.0.0.1:0 --data-dir "$folder/data"
HTTP=$(sed -n 's/.*over HTTP on //p' "$folder/broker.log")
export HTTP
commands > "$folder/commands"
while IFS= read -r command; do
    if [[ $command == curl* ]] && ! command -v curl > /dev/null; then
        echo "skipped, for there is no curl: $command"
        continue
    fi
    out=$(timeout 20 bash -c "$command" 2>&1 < /dev/null)
    code=$?
    if [ "$code" = 0 ]; then
        ok "$command"
    else
        not_ok "$command" "ended with $code" "$out"
    fi
done < "$folder/commands"
same "the page has commands" yes "$([ "$(wc -l < "$folder/commands")" -gt 25 ] && echo yes)"

# Those in running text have placeholders, so only their names and options can be looked up.
# shellcheck disable=SC2016
grep -oE '`muster [a-z][^`]*`' "$page" | tr -d '`' | sort -u > "$folder/commands"
while IFS= read -r command; do
    read -r _ first second _ <<< "$command"
    [[ $first == dead || $first == barrier || $first == sessions && $second == kill ]] || second=
    # shellcheck disable=SC2086
    "$MUSTER" $first $second --help > "$folder/help" 2>&1
    code=$?
    missing=$(grep -oE -- ' --?[a-z][a-z-]*' <<< "$command" | while read -r option; do
        grep -qE -- "(^| )$option(,| |$)" "$folder/help" || echo "$option"
    done)
    same "\`$command\` is there" 0 "$code$missing"
done < "$folder/commands"

# ---- exit codes ----

codes_explained() # HEADING: the codes that the table under it explains
{
    awk -v heading="### $1" '
        /^#/ { inside = $0 == heading }
        inside && /^\| [0-9]/ { sub(/^\| /, ""); sub(/ \|.*/, ""); gsub(/, /, "\n"); print }' \
        "$page" | sort -u
}

codes_of_man() # MAN-PAGE: the codes of its section on the exit status
{
    awk '/^\.SH/ { inside = /EXIT STATUS/ } inside && /^[0-9, ]+\|/ { sub(/\|.*/, ""); gsub(/, /, "\n"); print }' \
        "$MUSTER_SOURCE_DIR/$1" | sort -u
}

same "the run-book has every exit code of muster" "$(codes_of_man cli/muster.1)" \
    "$(codes_explained muster)"
# 134 and 137 are the system's.
same "the run-book has every exit code of musterd" "$({ codes_of_man broker/musterd.8
    sed -nE 's/^#define CONFIG_EXIT_[A-Z_]+ +([0-9]+)$/\1/p' "$MUSTER_SOURCE_DIR/broker/config.h"
    } | sort -u)" "$(codes_explained musterd | grep -vxE '134|137')"
finish
