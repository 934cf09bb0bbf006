/* why.c - `muster why NAME`: asks the broker for all objects at which somebody waits, and tells the
 * chain that begins at one of them.
 *
 * The objects are asked for one after the other, so what changes meanwhile may be seen half. One
 * that is removed meanwhile, or may not be seen, is left out. */
#include <stdint.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/why.h"

enum { WHY_TOLD = 20 }; /* of one sort, without -v */

struct names {
    struct out text;
    size_t count;
};

static bool gather_name(const muster_entry *entry, void *user)
{
    struct names *names = user;
    if (entry->waiting > 0) {
        out_text(&names->text, entry->name);
        out_bytes(&names->text, "", 1);
        names->count++;
    }
    return true;
}

static enum muster_status look_at(struct cli *cli, struct why *why, const char *name)
{
    muster_stat *stat = NULL;
    enum muster_status status = muster_stat_get(cli->client, name, &stat);
    if (status == MUSTER_OK) {
        why_add(why, name, stat);
    }
    return status;
}

static enum muster_status look_at_all(struct cli *cli, struct why *why)
{
    struct names names = {.count = 0};
    enum muster_status status = muster_list(cli->client, NULL, gather_name, &names);
    const char *name = names.text.data;
    for (size_t i = 0; i < names.count && status == MUSTER_OK; i++) {
        if (!why_has(why, name)) {
            status = look_at(cli, why, name);
        }
        if (status == MUSTER_NOT_FOUND || status == MUSTER_GONE || status == MUSTER_DENIED) {
            status = MUSTER_OK;
        }
        name += strlen(name) + 1;
    }
    out_clear(&names.text);
    return status;
}

int command_why(struct cli *cli)
{
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    struct why why = {0};
    enum muster_status status = look_at(cli, &why, cli->subject);
    if (status == MUSTER_OK) {
        status = look_at_all(cli, &why);
    }
    code = cli_status(cli, status, NULL);
    if (code == EXIT_OK) {
        bool all = cli_has(cli, OPTION_VERBOSE) || cli_has(cli, OPTION_JSON);
        why_tell(&why, cli->subject, cli_has(cli, OPTION_JSON), all ? SIZE_MAX : WHY_TOLD,
                 &cli->out);
    }
    why_clear(&why);
    return code;
}
