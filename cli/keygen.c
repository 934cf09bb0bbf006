/* keygen.c - `muster keygen`: keys and tokens in files. */
#include "cli/cli.h"

int command_keygen(struct cli *cli)
{
    bool token = cli_has(cli, OPTION_TOKEN);
    char text[MUSTER_KEY_TEXT];

    if (token && cli_has(cli, OPTION_SHOW)) {
        return cli_fail(cli, EXIT_USAGE, "a token has no public part to show; leave out --show");
    }
    const char *path = cli_operand(cli, 0);
    enum muster_status status = cli_has(cli, OPTION_SHOW) ? muster_key_show(path, text)
                                                          : muster_key_make(path, token, text);
    if (status != MUSTER_OK) {
        return cli_status(cli, status, NULL);
    }
    if (token) {
        cli_note(cli, "the token is in %s; the broker's file of tokens needs the line NAME TOKEN",
                 path);
    } else if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_text(&cli->out, "public_key", text);
        json_end(&cli->out);
    } else {
        out_printf(&cli->out, "%s\n", text);
    }
    return EXIT_OK;
}
