/* help.c - usage texts: all of them come from the two tables. */
#include "cli/help.h"

#include <string.h>

#include "cli/cli.h"

enum { HELP_COLUMN = 26 };

void help_overview(struct out *out, const char *group)
{
    size_t len = group == NULL ? 0 : strlen(group);
    out_printf(out, "usage: muster %s%sCOMMAND [OPTION]...\n\n", len > 0 ? group : "",
               len > 0 ? " " : "");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &commands[i];
        if (len > 0 && (strncmp(command->words, group, len) != 0 || command->words[len] != ' ')) {
            continue;
        }
        out_printf(out, "  %-*s %s\n", HELP_COLUMN - 8, command->words, command->help);
    }
    out_text(out, "\nmuster COMMAND --help tells more, and so does muster(1).\n"
                  "The broker is at --url, else $MUSTER_URL, else muster://127.0.0.1:6878.\n");
}

static void help_option(struct out *out, const struct option_row *row)
{
    size_t before = out->len;
    if (row->letter != 0) {
        out_printf(out, "  -%c, --%s", row->letter, row->text);
    } else {
        out_printf(out, "      --%s", row->text);
    }
    out_printf(out, "%s%s", row->value[0] != '\0' ? " " : "", row->value);
    size_t used = out->len - before;
    if (used >= HELP_COLUMN) {
        out_text(out, "\n");
        used = 0;
    }
    out_printf(out, "%*s%s\n", (int)(HELP_COLUMN - used), "", row->help);
}

static void help_options(struct out *out, const char *title, option_set set)
{
    if (set == 0) {
        return;
    }
    out_printf(out, "\n%s:\n", title);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((set >> i & 1u) != 0) {
            help_option(out, &option_rows[i]);
        }
    }
}

void help_command(struct out *out, const struct command *command)
{
    out_printf(out, "usage: muster %s%s%s [OPTION]...\n\n%s\n", command->words,
               command->operands[0] != '\0' ? " " : "", command->operands, command->help);
    help_options(out, "options", command->options & ~COMMON);
    help_options(out, "common options", COMMON);
}
