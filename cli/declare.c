/* declare.c - `muster declare, set`: settings from the command line to the broker.
 *
 * A setting's name is its option's name, but for --memory, which is durable = 0. */
#include "cli/cli.h"

size_t cli_settings(const struct cli *cli, muster_setting *settings)
{
    size_t count = 0;
    for (enum option_name name = 0; name < OPTION_COUNT; name++) {
        if ((SETTINGS & cli->options.given) >> name & 1u) {
            bool flag = option_rows[name].type == OPTION_FLAG;
            settings[count].name =
                name == OPTION_MEMORY ? option_rows[OPTION_DURABLE].text : option_rows[name].text;
            settings[count].value = flag ? name != OPTION_MEMORY : cli->options.number[name];
            count++;
        }
    }
    return count;
}

/* Only what was named is to be compared, so the kind of an object that exists is left as it is. */
static enum muster_kind kind_of(struct cli *cli, const char *name)
{
    muster_stat *stat = NULL;
    enum muster_kind kind = cli_has(cli, OPTION_PARTIES) ? MUSTER_BARRIER : MUSTER_FIFO;
    if (muster_stat_get(cli->client, name, &stat) == MUSTER_OK) {
        kind = muster_stat_kind(stat);
        muster_stat_free(&stat);
    }
    return kind;
}

int cli_declare(struct cli *cli, const char *name, enum muster_kind kind, bool *created_out)
{
    muster_setting settings[SETTINGS_MAX];
    size_t count = cli_settings(cli, settings);
    if (kind == 0) {
        kind = kind_of(cli, name);
    }
    bool aside = cli->command != &commands[COMMAND_declare];
    return cli_status(cli, muster_declare(cli->client, name, kind, settings, count, created_out),
                      aside ? "declare" : NULL);
}

int command_declare(struct cli *cli)
{
    int code = cli_connect(cli, TTL_DEFAULT);
    if (code != EXIT_OK) {
        return code;
    }
    enum muster_kind kind = 0;
    if (cli_has(cli, OPTION_KIND)) {
        kind = MUSTER_FIFO + (enum muster_kind)cli->options.number[OPTION_KIND];
    }
    bool created = false;
    code = cli_declare(cli, cli->subject, kind, &created);
    if (code == EXIT_OK && cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_text(&cli->out, "name", cli->subject);
        json_bool(&cli->out, "created", created);
        json_end(&cli->out);
    } else if (code == EXIT_OK && cli_has(cli, OPTION_VERBOSE)) {
        out_text(&cli->out, created ? "created\n" : "exists\n");
    }
    return code;
}

int command_set(struct cli *cli)
{
    muster_setting settings[SETTINGS_MAX];
    size_t count = cli_settings(cli, settings);
    if (count == 0) {
        return cli_fail(cli, EXIT_USAGE, "no setting was given; see muster set --help");
    }
    int code = cli_connect(cli, TTL_DEFAULT);
    return code != EXIT_OK
               ? code
               : cli_status(cli, muster_update(cli->client, cli->subject, settings, count), NULL);
}
