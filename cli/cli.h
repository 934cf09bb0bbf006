/* cli.h - what every command is given, and the ways it ends.
 *
 * A command returns its exit code. Whatever is not 0 was told on stderr in exactly one line:
 * `muster COMMAND SUBJECT: what happened; what to do`. main opens nothing and closes everything. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <muster.h>

#include "cli/options.h"
#include "cli/output.h"

/* From the status table come the others. */
enum { EXIT_OK = 0, EXIT_NO = 1, EXIT_USAGE = 64, EXIT_OTHER = 70, EXIT_OUTPUT = 74 };

struct cli {
    const struct command *command;
    struct options options;
    const char *subject; /* the first operand, for messages; may be NULL */
    struct out out;
    muster_client *client; /* these are closed by main */
    muster_queue *queue;
};

#define COMMAND(name, words, operands, least, most, options, help)                                 \
    int command_##name(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

static inline bool cli_has(const struct cli *cli, enum option_name name)
{
    return option_given(&cli->options, name);
}

static inline const char *cli_operand(const struct cli *cli, int i)
{
    return cli->options.operands[i];
}

/* What --timeout and --no-wait say. */
int64_t cli_timeout(const struct cli *cli, int64_t otherwise);

/* ---- connecting ---- 0, or an exit code after the line was written ---- */

#define TTL_DEFAULT (10 * MUSTER_SECOND)
/* ttl_ns 0: for what only looks, or can be done again. */
int cli_connect(struct cli *cli, int64_t ttl_ns);
/* The same with more options; URL, keys and name are filled in. */
int cli_connect_with(struct cli *cli, muster_client_options *options);
/* Connects and opens the queue that the first operand names, as cli->queue. */
int cli_open_queue(struct cli *cli, int64_t ttl_ns);

/* ---- ending ---- */

/* Each writes one line and returns the exit code. */
int cli_fail(const struct cli *cli, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The status of the last muster call of this thread; where ("line 7") may be NULL. OK: 0. */
int cli_status(const struct cli *cli, enum muster_status status, const char *where);
/* Writes what was collected for stdout; 0 or EXIT_OUTPUT. */
int cli_flush(struct cli *cli);
/* stdout did not take what was written. */
int cli_fail_output(const struct cli *cli, int error);
/* The exit code of a status for this command, without a word. */
int cli_exit_code(const struct cli *cli, enum muster_status status);
/* A line that is no error; nothing with -q. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- shared by several commands ---- */

/* The settings among the options given. settings needs room for SETTINGS_MAX. */
#define SETTINGS_MAX 16
size_t cli_settings(const struct cli *cli, muster_setting *settings);
/* kind 0: what it is already, else fifo. */
int cli_declare(struct cli *cli, const char *name, enum muster_kind kind, bool *created_out);
/* Shows up to most messages of cli->queue, each as row does it. */
struct peek {
    size_t columns;
    const char *const *titles;
    void (*row)(struct cli *cli, struct table *table, const muster_message *message);
};
int cli_peek(struct cli *cli, const struct peek *peek, uint64_t most);
/* Facts and parties of an object, kind 0: of any kind. */
int cli_show_stat(struct cli *cli, const char *name, enum muster_kind kind);

#endif
