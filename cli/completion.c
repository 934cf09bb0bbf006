/* completion.c - `muster completion`: scripts that complete a command line in bash, zsh and fish.
 *
 * All of them come from the two tables, so they name what there is, and nothing else. What a script
 * needs besides is written here once: how its shell tells which words were said so far. */
#include <string.h>

#include "cli/cli.h"

static bool takes(const struct command *command, enum option_name name)
{
    return (command->options >> name & 1u) != 0;
}

/* The second word of a command; NULL: it has only one. */
static const char *second_word(const struct command *command)
{
    const char *space = strchr(command->words, ' ');
    return space == NULL ? NULL : space + 1;
}

static size_t first_length(const struct command *command)
{
    return strcspn(command->words, " ");
}

/* Is this row the first of those that begin with its first word? */
static bool opens_group(size_t i)
{
    size_t len = first_length(&commands[i]);
    for (size_t k = 0; k < i; k++) {
        if (first_length(&commands[k]) == len &&
            strncmp(commands[k].words, commands[i].words, len) == 0) {
            return false;
        }
    }
    return true;
}

static bool same_first(const struct command *command, const struct command *other)
{
    size_t len = first_length(command);
    return first_length(other) == len && strncmp(command->words, other->words, len) == 0;
}

/* What a command or, where only its first word is said, a group of them does. */
static const char *help_of_first(const struct command *command)
{
    return second_word(command) == NULL ? command->help : "several commands";
}

/* Between single quotes: what ends them, and what is in `special`, gets a backslash. In bash and
 * zsh a quote stands outside of them. */
static void quoted(struct out *out, const char *text, const char *special, bool fish)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            out_text(out, fish ? "\\'" : "'\\''");
        } else {
            out_text(out, strchr(special, *text) != NULL ? "\\" : "");
            out_bytes(out, text, 1);
        }
    }
}

/* The words of a choice, divided by spaces. */
static void choices(struct out *out, const char *value)
{
    for (; *value != '\0'; value++) {
        out_bytes(out, *value == '|' ? " " : value, 1);
    }
}

/* ---- bash ---- */

/* The script holds one list: the options of each command, by the command's words. */
static const char bash_script[] =
    "_muster() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} said=() words=() i key\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == -* ]] || said+=(\"${COMP_WORDS[i]}\")\n"
    "    done\n"
    "    if [[ $word == -* ]]; then\n"
    "        key=\"${said[0]-} ${said[1]-}\"\n"
    "        [[ -n ${_muster_options[$key]-} ]] || key=${said[0]:-version}\n"
    "        read -ra words <<< \"${_muster_options[$key]-}\"\n"
    "    else\n"
    "        for key in \"${!_muster_options[@]}\"; do\n"
    "            [[ ${#said[@]} != 0 ]] || words+=(\"${key%% *}\")\n"
    "            [[ ${#said[@]} != 1 || $key != \"${said[0]} \"* ]] || words+=(\"${key#* }\")\n"
    "        done\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"${words[*]}\" -- \"$word\" | sort -u)\n"
    "}\n"
    "complete -o default -F _muster muster\n";

static void write_bash(struct out *out)
{
    out_text(out, "# bash completion of muster(1); written by `muster completion bash`\n"
                  "declare -gA _muster_options=(\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        out_printf(out, "    ['%s']='", commands[i].words);
        for (enum option_name k = 0; k < OPTION_COUNT; k++) {
            if (takes(&commands[i], k)) {
                out_printf(out, "--%s ", option_rows[k].text);
            }
        }
        out_text(out, "'\n");
    }
    out_text(out, ")\n");
    out_text(out, bash_script);
}

/* ---- zsh ---- */

/* In a specification of _arguments brackets and colons have a meaning. */
#define ZSH_SPECIAL "[]:\\"

static void zsh_option(struct out *out, const struct option_row *row)
{
    out_text(out, " \\\n            ");
    if (row->letter != 0) {
        out_printf(out, "'(-%c --%s)'{-%c,--%s}'[", row->letter, row->text, row->letter, row->text);
    } else {
        out_printf(out, "'--%s[", row->text);
    }
    quoted(out, row->help, ZSH_SPECIAL, false);
    out_text(out, "]");
    if (row->type == OPTION_CHOICE) {
        out_text(out, ":one of:(");
        choices(out, row->value);
        out_text(out, ")");
    } else if (row->type != OPTION_FLAG) {
        out_printf(out, ":%s:%s", row->value, strcmp(row->value, "FILE") == 0 ? "_files" : " ");
    }
    out_text(out, "'");
}

static void zsh_arguments(struct out *out, const struct command *command)
{
    out_text(out, "        _arguments -s");
    for (enum option_name k = 0; k < OPTION_COUNT; k++) {
        if (takes(command, k)) {
            zsh_option(out, &option_rows[k]);
        }
    }
    out_text(out, " \\\n            '*:operand:_files' ;;\n");
}

static void zsh_second_words(struct out *out, const struct command *first)
{
    out_text(out, "    local -a list=(\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *second = second_word(&commands[i]);
        if (second != NULL && same_first(first, &commands[i])) {
            out_printf(out, "        '%s:", second);
            quoted(out, commands[i].help, "", false);
            out_text(out, "'\n");
        }
    }
    out_text(out, "    )\n");
}

static void write_zsh(struct out *out)
{
    out_text(out, "#compdef muster\n"
                  "# zsh completion of muster(1); written by `muster completion zsh`\n\n"
                  "_muster_first() {\n    local -a list=(\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (opens_group(i)) {
            out_printf(out, "        '%.*s:", (int)first_length(&commands[i]), commands[i].words);
            quoted(out, help_of_first(&commands[i]), "", false);
            out_text(out, "'\n");
        }
    }
    out_text(out, "    )\n    _describe command list\n}\n\n_muster_second() {\n    case $1 in\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (second_word(&commands[i]) != NULL && (i == 0 || second_word(&commands[i - 1]) == NULL ||
                                                  !same_first(&commands[i], &commands[i - 1]))) {
            out_printf(out, "    %.*s)\n", (int)first_length(&commands[i]), commands[i].words);
            zsh_second_words(out, &commands[i]);
            out_text(out, "    _describe command list ;;\n");
        }
    }
    out_text(out, "    *) return 1 ;;\n    esac\n}\n\n_muster_options() {\n    case $1 in\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        out_printf(out, "    '%s')\n", commands[i].words);
        zsh_arguments(out, &commands[i]);
    }
    out_text(out, "    *) return 1 ;;\n    esac\n}\n\n"
                  "# The words of the command come first; options may stand behind them.\n"
                  "_muster() {\n"
                  "    if (( CURRENT == 2 )); then\n"
                  "        _muster_first\n"
                  "    elif (( CURRENT == 3 )) && [[ $words[3] != -* ]] && "
                  "_muster_second $words[2]; then\n"
                  "        return\n"
                  "    else\n"
                  "        _muster_options \"$words[2] $words[3]\" || _muster_options $words[2]\n"
                  "    fi\n"
                  "}\n\n"
                  "if [[ $funcstack[1] == _muster ]]; then\n"
                  "    _muster \"$@\"\n"
                  "else\n"
                  "    compdef _muster muster\n"
                  "fi\n");
}

/* ---- fish ---- */

static const char fish_head[] =
    "# fish completion of muster(1); written by `muster completion fish`\n\n"
    "# The words said so far are exactly these.\n"
    "function __muster_said\n"
    "    set -l said (string match -v -- '-*' (commandline -opc)[2..-1])\n"
    "    test \"$said\" = \"$argv\"\n"
    "end\n\n"
    "# The words said so far begin with these.\n"
    "function __muster_begins\n"
    "    set -l said (string match -v -- '-*' (commandline -opc)[2..-1])\n"
    "    string match -q -- \"$argv *\" \"$said \"\n"
    "end\n\n";

static void fish_command(struct out *out, const struct command *command, bool first)
{
    size_t len = first_length(command);
    const char *second = second_word(command);
    if (first) {
        out_printf(out, "complete -c muster -f -n '__muster_said' -a '%.*s' -d '", (int)len,
                   command->words);
        quoted(out, help_of_first(command), "\\", true);
        out_text(out, "'\n");
    }
    if (second != NULL) {
        out_printf(out, "complete -c muster -f -n '__muster_said %.*s' -a '%s' -d '", (int)len,
                   command->words, second);
        quoted(out, command->help, "\\", true);
        out_text(out, "'\n");
    }
}

static void fish_option(struct out *out, const struct command *command,
                        const struct option_row *row)
{
    out_printf(out, "complete -c muster -n '__muster_begins %s' -l %s", command->words, row->text);
    if (row->letter != 0) {
        out_printf(out, " -s %c", row->letter);
    }
    if (row->type == OPTION_CHOICE) {
        out_text(out, " -x -a '");
        choices(out, row->value);
        out_text(out, "'");
    } else if (row->type != OPTION_FLAG) {
        out_text(out, strcmp(row->value, "FILE") == 0 ? " -r -F" : " -x");
    }
    out_text(out, " -d '");
    quoted(out, row->help, "\\", true);
    out_text(out, "'\n");
}

static void write_fish(struct out *out)
{
    out_text(out, fish_head);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fish_command(out, &commands[i], opens_group(i));
        for (enum option_name k = 0; k < OPTION_COUNT; k++) {
            if (takes(&commands[i], k)) {
                fish_option(out, &commands[i], &option_rows[k]);
            }
        }
    }
}

/* ---- the command ---- */

int command_completion(struct cli *cli)
{
    static const struct {
        const char *shell;
        void (*write)(struct out *out);
    } shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(cli_operand(cli, 0), shells[i].shell) == 0) {
            shells[i].write(&cli->out);
            return EXIT_OK;
        }
    }
    return cli_fail(cli, EXIT_USAGE, "no completions for this shell; give bash, zsh or fish");
}
