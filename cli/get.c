/* get.c - `muster get`: messages to stdout; a message is finished once stdout has taken it.
 *
 * Messages are taken on lease, as many as are ready at once, written with one flush, and finished
 * after it. After a full batch the finishes travel with the get of the next, and how they ended is
 * looked at when that is here. What stdout did not take goes back uncounted; if the process dies,
 * the session (which ends with its connection) gives everything back. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { BATCH = 1024 };

struct getter {
    struct cli *cli;
    muster_queue **queues; /* the first is cli->queue */
    size_t queues_count;
    muster_get_options options;
    uint64_t wanted; /* still to take; UINT64_MAX: no end */
    bool detached;
    muster_message *messages[BATCH];
    size_t ends[BATCH]; /* where each ends in what is written */
    size_t count;
    uint64_t done;
    bool unsettled;               /* it is not known yet how the last finishes ended */
    enum muster_status submitted; /* of those: could they be asked for at all? */
    struct progress progress;
};

static bool goes_on(const struct cli *cli)
{
    return cli_has(cli, OPTION_FOLLOW) || cli_has(cli, OPTION_UNTIL_CLOSED);
}

/* ---- taking ---- */

/* Many from the first queue that has some; of several queues one is waited for, and the broker's
 * verdict on waiting is that of the last call. */
static enum muster_status take(struct getter *get)
{
    size_t max = get->wanted < BATCH ? (size_t)get->wanted : BATCH;
    bool many = max > 1;
    if (many && get->queues_count == 1) {
        return muster_get_many(get->queues[0], max, &get->options, get->messages, &get->count);
    }
    muster_get_options now = get->options;
    now.timeout_ns = 0;
    for (size_t i = 0; many && i < get->queues_count; i++) {
        enum muster_status status =
            muster_get_many(get->queues[i], max, &now, get->messages, &get->count);
        /* TIMEOUT: a broker that is away just now is waited for below. */
        if (status != MUSTER_EMPTY && status != MUSTER_SHUTDOWN && status != MUSTER_TIMEOUT) {
            return status;
        }
    }
    enum muster_status status =
        muster_get_from(get->queues, get->queues_count, &get->options, &get->messages[0]);
    get->count = status == MUSTER_OK ? 1 : 0;
    return status;
}

/* ---- writing ---- */

static void write_json(struct out *out, const muster_message *message)
{
    json_open(out);
    json_text(out, "queue", muster_message_queue(message));
    json_count(out, "id", muster_message_id(message));
    json_count(out, "delivery", muster_message_delivery(message));
    json_number(out, "priority", muster_message_priority(message));
    json_seconds(out, "age", muster_message_age_ns(message));
    json_body(out, muster_message_body(message), muster_message_size(message));
    json_end(out);
}

static void write_message(struct getter *get, const muster_message *message)
{
    struct cli *cli = get->cli;
    struct out *out = &cli->out;
    if (cli_has(cli, OPTION_JSON)) {
        write_json(out, message);
        return;
    }
    if (get->detached) {
        out_printf(out, "%llu.%llu\t", (unsigned long long)muster_message_id(message),
                   (unsigned long long)muster_message_delivery(message));
    }
    out_bytes(out, muster_message_body(message), muster_message_size(message));
    if (!cli_has(cli, OPTION_RAW)) {
        out_bytes(out, cli_has(cli, OPTION_NUL) ? "" : "\n", 1);
    }
}

/* The first `written` are finished (a detached one by muster done), the others go back. */
static enum muster_status submit(struct getter *get, size_t written)
{
    muster_nack_options back = MUSTER_NACK_OPTIONS;
    back.uncounted = true;
    enum muster_status first = MUSTER_OK;
    for (size_t i = get->detached ? written : 0; i < get->count; i++) {
        enum muster_status status =
            i < written ? muster_done_async(get->messages[i], NULL, NULL, NULL)
                        : muster_nack_async(get->messages[i], &back, NULL, NULL, NULL);
        first = first == MUSTER_OK ? status : first;
    }
    return first;
}

/* That something written could not be finished is told: it may come again. */
static int settle(struct getter *get)
{
    if (!get->unsettled) {
        return EXIT_OK;
    }
    enum muster_status status = muster_flush(get->cli->client, MUSTER_FOREVER);
    status = status == MUSTER_OK ? get->submitted : status;
    get->unsettled = false;
    if (status == MUSTER_OK) {
        return EXIT_OK;
    }
    int code = cli_status(get->cli, status, "written, but not finished, so it may come again");
    return goes_on(get->cli) ? EXIT_OK : code;
}

static void free_messages(struct getter *get)
{
    for (size_t i = 0; i < get->count; i++) {
        muster_message_free(&get->messages[i]);
    }
    get->count = 0;
}

static void hand_back(struct getter *get, size_t written)
{
    submit(get, written);
    muster_flush(get->cli->client, MUSTER_SECOND);
}

static int deliver(struct getter *get)
{
    struct out *out = &get->cli->out;
    for (size_t i = 0; i < get->count; i++) {
        write_message(get, get->messages[i]);
        get->ends[i] = out->len;
    }
    size_t taken = 0;
    int error = out_flush(out, &taken);
    size_t written = 0;
    while (written < get->count && get->ends[written] <= taken) {
        written++;
    }
    get->done += written;
    int code = EXIT_OK;
    if (error == 0) {
        get->submitted = submit(get, written);
        get->unsettled = true;
        code = get->count == BATCH ? EXIT_OK : settle(get);
    } else {
        code = cli_fail_output(get->cli, error);
        hand_back(get, written);
    }
    free_messages(get);
    return code;
}

/* ---- the command ---- */

/* How the command ends when no message came. */
static int ended(struct getter *get, enum muster_status status)
{
    struct cli *cli = get->cli;
    bool drain = cli_has(cli, OPTION_DRAIN);
    bool paused = strcmp(muster_last_cause(), "paused") == 0;
    if (status == MUSTER_SHUTDOWN && (drain || cli_has(cli, OPTION_UNTIL_CLOSED))) {
        return EXIT_OK;
    }
    if (status == MUSTER_EMPTY && drain && !paused) {
        return EXIT_OK;
    }
    return cli_status(cli, status, NULL);
}

/* The next messages are here, or why there are none; and the answers to what was finished before.
 * false: that was all, with code. */
static bool go_on(struct getter *get, enum muster_status status, int *code)
{
    if (status != MUSTER_OK) {
        progress_end(&get->progress);
    }
    *code = settle(get);
    if (*code != EXIT_OK) {
        hand_back(get, 0);
        free_messages(get);
    } else if (status != MUSTER_OK) {
        *code = ended(get, status);
    } else {
        get->wanted -= get->wanted == UINT64_MAX ? 0 : get->count;
        *code = deliver(get);
    }
    return *code == EXIT_OK && status == MUSTER_OK;
}

static int get_all(struct getter *get)
{
    int code = EXIT_OK;
    while (get->wanted > 0 && go_on(get, take(get), &code)) {
        progress_show(&get->progress, get->done);
    }
    progress_end(&get->progress);
    return code == EXIT_OK ? settle(get) : code;
}

static int open_queues(struct getter *get)
{
    struct cli *cli = get->cli;
    int code = cli_open_queue(cli, 0);
    get->queues_count = (size_t)cli->options.count;
    get->queues = cli_grow(NULL, get->queues_count * sizeof(muster_queue *));
    memset(get->queues, 0, get->queues_count * sizeof(muster_queue *));
    get->queues[0] = cli->queue;
    for (size_t i = 1; code == EXIT_OK && i < get->queues_count; i++) {
        const char *name = cli_operand(cli, (int)i);
        code = cli_status(cli, muster_queue_open(cli->client, name, &get->queues[i]), name);
    }
    return code;
}

static void close_queues(struct getter *get)
{
    for (size_t i = 1; i < get->queues_count; i++) {
        muster_queue_close(&get->queues[i]);
    }
    free(get->queues);
}

int command_get(struct cli *cli)
{
    struct getter *get = cli_grow(NULL, sizeof(*get));
    *get = (struct getter){.cli = cli, .options = MUSTER_GET_OPTIONS};
    bool drain = cli_has(cli, OPTION_DRAIN);
    get->options.timeout_ns = drain ? 0 : cli_timeout(cli, MUSTER_FOREVER);
    get->detached = cli_has(cli, OPTION_LEASE);
    get->options.detached = get->detached;
    get->options.lease_ns = option_number(&cli->options, OPTION_LEASE, MUSTER_FOREVER);
    get->wanted = drain || goes_on(cli)
                      ? UINT64_MAX
                      : (uint64_t)option_number(&cli->options, OPTION_MESSAGES, 1);
    progress_begin(&get->progress, !cli_has(cli, OPTION_QUIET) && !out_is_terminal());
    int code = open_queues(get);
    if (code == EXIT_OK) {
        code = get_all(get);
    }
    close_queues(get);
    free(get);
    return code;
}
