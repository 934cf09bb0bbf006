/* event.c - `muster event set, clear, is-set, wait`. */
#include "cli/cli.h"

static int open_event(struct cli *cli, int64_t ttl_ns, muster_event **event_out)
{
    int code = cli_connect(cli, ttl_ns);
    return code != EXIT_OK
               ? code
               : cli_status(cli, muster_event_open(cli->client, cli->subject, event_out), NULL);
}

int command_event_set(struct cli *cli)
{
    muster_event *event = NULL;
    int code = open_event(cli, TTL_DEFAULT, &event);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_event_set(event), NULL);
    }
    muster_event_close(&event);
    return code;
}

int command_event_clear(struct cli *cli)
{
    muster_event *event = NULL;
    int code = open_event(cli, TTL_DEFAULT, &event);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_event_clear(event), NULL);
    }
    muster_event_close(&event);
    return code;
}

int command_event_is_set(struct cli *cli)
{
    muster_event *event = NULL;
    bool set = false;
    int code = open_event(cli, 0, &event);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_event_is_set(event, &set), NULL);
    }
    muster_event_close(&event);
    if (code != EXIT_OK) {
        return code;
    }
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_text(&cli->out, "name", cli->subject);
        json_bool(&cli->out, "set", set);
        json_end(&cli->out);
    } else if (cli_has(cli, OPTION_VERBOSE)) {
        out_text(&cli->out, set ? "set\n" : "clear\n");
    }
    return set ? EXIT_OK : EXIT_NO;
}

int command_event_wait(struct cli *cli)
{
    muster_event *event = NULL;
    int code = open_event(cli, TTL_DEFAULT, &event);
    if (code == EXIT_OK) {
        code =
            cli_status(cli, muster_event_wait(event, cli_timeout(cli, MUSTER_FOREVER), NULL), NULL);
    }
    muster_event_close(&event);
    return code;
}
