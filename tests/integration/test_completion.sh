#!/bin/bash
# test_completion.sh - the completion scripts are scripts of their shells, name exactly the commands
# and options that there are, and complete. A shell that is not installed is not asked.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

# ---- the table of commands, as --help tells it: "words --option", one a line ----

"$MUSTER" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  +[A-Z].*/\1/p' | sort -u > "$folder/commands"
while IFS= read -r words; do
    # shellcheck disable=SC2086 # one or two words
    "$MUSTER" $words --help | sed -nE "s/^ +(-[a-z0], )?(--[a-z-]+).*/$words \\2/p"
done < "$folder/commands" | sort > "$folder/table"

from_bash()
{
    awk -F "'" '/^ +\[/ { n = split($4, o, " "); for (i = 1; i <= n; i++) print $2, o[i] }'
}

from_zsh() # what stands in _muster_options
{
    awk -F "'" '
        /^_muster_options/ { on = 1 }
        on && /^    '\''/ { words = $2 }
        on && /^            / && match($0, /--[a-z-]+/) { print words, substr($0, RSTART, RLENGTH) }'
}

from_fish()
{
    sed -nE "s/^complete -c muster -n '__muster_begins ([a-z -]+)' -l ([a-z-]+).*/\\1 --\\2/p"
}

for shell in bash zsh fish; do
    expect "$shell: it is written" 0 "$MUSTER" completion $shell
    printf '%s\n' "$out" > "$folder/$shell"
    same "$shell: commands and options are those of the table" "$(cat "$folder/table")" \
        "$(from_$shell < "$folder/$shell" | sort)"
    if command -v $shell > /dev/null; then
        same "$shell: it is a script" "" "$($shell -n "$folder/$shell" 2>&1)"
    else
        echo "# $shell is not installed: its script was not read"
    fi
done

# ---- the words it offers ----

bash_offers() # WORD...: the last one is to be completed
{
    bash --norc -c '
        source "$1"
        shift
        COMP_WORDS=(muster "$@") COMP_CWORD=$#
        _muster
        echo "${COMPREPLY[*]}"' - "$folder/bash" "$@"
}
same "bash: a command" "barrier" "$(bash_offers barr)"
same "bash: the second word of a command" "wait" "$(bash_offers event w)"
same "bash: an option" "--priority" "$(bash_offers put --pri)"
same "bash: an option of a command of two words" "--parties" "$(bash_offers barrier wait --pa)"

fish_offers()
{
    (cd "$folder" && HOME=$folder fish --no-config -c "source fish; complete -C '$1'" |
        cut -f 1 | sort | tr '\n' ' ')
}
if command -v fish > /dev/null; then
    same "fish: a command" "event " "$(fish_offers 'muster ev')"
    same "fish: the second word of a command" "wait " "$(fish_offers 'muster event w')"
    same "fish: an option" "--priority " "$(fish_offers 'muster put --pri')"
    same "fish: the words of a choice" "fifo lifo priority " "$(fish_offers 'muster put --kind ')"
    same "fish: an option of another command is not offered" "" "$(fish_offers 'muster set --par')"
fi
finish
