/* help.h - usage texts and completions, derived from the tables. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"
#include "cli/output.h"

/* Every command; or, group not NULL, those whose first word it is. */
void help_overview(struct out *out, const char *group);
void help_command(struct out *out, const struct command *command);

#endif
