/* put.c - `muster put`: bodies from operands or stdin into a queue, in order, none after a refusal.
 *
 * A batch goes in with one request as far as it fits; the message that did not fit then waits alone
 * in line for its own timeout. So whatever is refused, what came before it is in and nothing after.
 * What stdin has given so far is put at once, batch full or not. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
    BATCH_BYTES = 256 << 10,
    READ_BYTES = 128 << 10,
    LINE_BYTES_MAX = 64 << 20 /* no broker takes so long a body: stop collecting it */
};

struct putter {
    struct cli *cli;
    muster_put_options options;
    const char *unit; /* "line" or "body", for messages */
    uint64_t done;    /* messages that are in */
    struct progress progress;
};

/* ---- putting ---- */

static int show_ids(struct putter *put, const muster_put_result *result)
{
    struct cli *cli = put->cli;
    if (cli_has(cli, OPTION_JSON)) {
        for (uint64_t i = 0; i < result->count; i++) {
            json_open(&cli->out);
            json_count(&cli->out, "id", result->id + i);
            json_bool(&cli->out, "durable", result->durable);
            json_end(&cli->out);
        }
    } else if (cli_has(cli, OPTION_VERBOSE)) {
        for (uint64_t i = 0; i < result->count; i++) {
            out_printf(&cli->out, "%llu\n", (unsigned long long)(result->id + i));
        }
    }
    int error = out_flush(&cli->out, NULL);
    if (error != 0) {
        return cli_fail(cli, EXIT_OUTPUT,
                        "%s %llu is in, but stdout did not take its id: %s; see where it leads to",
                        put->unit, (unsigned long long)put->done, strerror(error));
    }
    return EXIT_OK;
}

static int show_duplicate(struct putter *put, uint64_t id)
{
    struct cli *cli = put->cli;
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, "id", id);
        json_bool(&cli->out, "duplicate", true);
        json_end(&cli->out);
    } else if (cli_has(cli, OPTION_VERBOSE)) {
        out_printf(&cli->out, "%llu\n", (unsigned long long)id);
        cli_note(cli, "a message of this key is there already, id %llu; nothing was put",
                 (unsigned long long)id);
    }
    return cli_flush(cli);
}

static int refused(struct putter *put, enum muster_status status, size_t undecided)
{
    char where[80];
    if (undecided > 1) {
        snprintf(where, sizeof(where), "%ss %llu to %llu", put->unit,
                 (unsigned long long)put->done + 1, (unsigned long long)put->done + undecided);
    } else {
        snprintf(where, sizeof(where), "%s %llu", put->unit, (unsigned long long)put->done + 1);
    }
    progress_end(&put->progress);
    return cli_status(put->cli, status, where);
}

/* One message, waiting in line if need be. */
static int put_one(struct putter *put, const muster_bytes *body)
{
    muster_put_result result = {0};
    enum muster_status status =
        muster_put(put->cli->queue, body->data, body->size, &put->options, &result);
    if (status != MUSTER_OK) {
        return refused(put, status, 1);
    }
    put->done++;
    if (result.duplicate_of != 0) {
        return show_duplicate(put, result.duplicate_of);
    }
    result.count = 1;
    return show_ids(put, &result);
}

/* Did the whole batch fail for what may lie in one of its messages? Then the first goes alone. */
static bool may_lie_in_one(enum muster_status status)
{
    return status == MUSTER_FULL || status == MUSTER_VALUE || status == MUSTER_LIMIT ||
           status == MUSTER_NO_MEMORY || status == MUSTER_NO_SPACE;
}

static int put_batch(struct putter *put, const muster_bytes *bodies, size_t count)
{
    while (count > 0) {
        size_t in = 0;
        int code = EXIT_OK;
        if (count > 1) {
            muster_put_result result = {0};
            enum muster_status status = muster_put_many(put->cli->queue, bodies, count,
                                                        MUSTER_PUT_FIT, &put->options, &result);
            if (status != MUSTER_OK && !may_lie_in_one(status)) {
                return refused(put, status, status == MUSTER_UNKNOWN ? count : 1);
            }
            in = status == MUSTER_OK ? (size_t)result.count : 0;
            put->done += in;
            code = in > 0 ? show_ids(put, &result) : EXIT_OK;
        }
        if (code == EXIT_OK && in < count) {
            code = put_one(put, &bodies[in++]);
        }
        if (code != EXIT_OK) {
            return code;
        }
        bodies += in;
        count -= in;
        progress_show(&put->progress, put->done);
    }
    return EXIT_OK;
}

static int put_operands(struct putter *put)
{
    struct options *options = &put->cli->options;
    size_t count = (size_t)options->count - 1;
    muster_bytes *bodies = cli_grow(NULL, count * sizeof(*bodies));
    for (size_t i = 0; i < count; i++) {
        const char *body = options->operands[i + 1];
        bodies[i] = (muster_bytes){body, strlen(body)};
    }
    int code = EXIT_OK;
    for (size_t at = 0; code == EXIT_OK && at < count; at += MUSTER_MANY_MAX) {
        size_t some = count - at < MUSTER_MANY_MAX ? count - at : MUSTER_MANY_MAX;
        code = put_batch(put, bodies + at, some);
    }
    free(bodies);
    return code;
}

/* ---- stdin ---- */

struct input {
    char *data;
    size_t len, cap;
    size_t cut;  /* what lies before was cut into lines */
    size_t seen; /* no end of a line between cut and here */
    bool end;
    struct {
        size_t at, size;
    } lines[MUSTER_MANY_MAX];
    size_t count;
    size_t bytes;
};

static bool batch_is_full(const struct input *in)
{
    return in->count == MUSTER_MANY_MAX || in->bytes >= BATCH_BYTES;
}

static void cut_line(struct input *in, size_t size, size_t terminator)
{
    in->lines[in->count].at = in->cut;
    in->lines[in->count].size = size;
    in->count++;
    in->bytes += size;
    in->cut += size + terminator;
    in->seen = in->cut;
}

static void cut_lines(struct input *in, char terminator)
{
    while (!batch_is_full(in) && in->seen < in->len) {
        const char *end = memchr(in->data + in->seen, terminator, in->len - in->seen);
        if (end == NULL) {
            in->seen = in->len;
            return;
        }
        cut_line(in, (size_t)(end - (in->data + in->cut)), 1);
    }
}

static bool stdin_has_more(int wait_ms)
{
    struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
    return poll(&fd, 1, wait_ms) == 1;
}

/* One read. false: it failed, errno says how. */
static bool read_some(struct input *in)
{
    if (in->cap - in->len < READ_BYTES) {
        in->cap = in->cap * 2 + READ_BYTES;
        in->data = cli_grow(in->data, in->cap);
    }
    ssize_t n;
    do {
        n = read(STDIN_FILENO, in->data + in->len, in->cap - in->len);
    } while (n < 0 && (errno == EINTR || (errno == EAGAIN && stdin_has_more(-1))));
    in->len += n > 0 ? (size_t)n : 0;
    in->end = n == 0;
    return n >= 0;
}

static int put_lines(struct putter *put, struct input *in)
{
    muster_bytes bodies[MUSTER_MANY_MAX];
    for (size_t i = 0; i < in->count; i++) {
        bodies[i] = (muster_bytes){in->data + in->lines[i].at, in->lines[i].size};
    }
    int code = put_batch(put, bodies, in->count);
    memmove(in->data, in->data + in->cut, in->len - in->cut);
    in->len -= in->cut;
    in->seen -= in->cut;
    in->cut = 0;
    in->count = 0;
    in->bytes = 0;
    return code;
}

static int fail_input(struct putter *put)
{
    return cli_fail(put->cli, EXIT_OTHER,
                    "cannot read stdin after %s %llu: %s; see where it comes from", put->unit,
                    (unsigned long long)put->done, strerror(errno));
}

static int fail_long(struct putter *put)
{
    return cli_fail(put->cli, muster_status_exit_code(MUSTER_VALUE),
                    "%s %llu is over %d MiB; put large data elsewhere and its name here", put->unit,
                    (unsigned long long)put->done + 1, LINE_BYTES_MAX >> 20);
}

static int put_stdin(struct putter *put, struct input *in, char terminator)
{
    int code = EXIT_OK;
    while (code == EXIT_OK) {
        cut_lines(in, terminator);
        if (in->end && !batch_is_full(in) && in->cut < in->len) {
            cut_line(in, in->len - in->cut, 0);
        }
        if (in->count > 0 && (batch_is_full(in) || in->end || !stdin_has_more(0))) {
            code = put_lines(put, in);
        } else if (in->end) {
            break;
        } else if (in->len - in->cut > LINE_BYTES_MAX) {
            code = in->count > 0 ? put_lines(put, in) : EXIT_OK;
            return code != EXIT_OK ? code : fail_long(put);
        } else if (!read_some(in)) {
            code = fail_input(put);
        }
    }
    return code;
}

/* All of stdin is one message; or, with a dedup key, must be one line. */
static int put_whole(struct putter *put, struct input *in, char terminator)
{
    bool raw = cli_has(put->cli, OPTION_RAW);
    while (!in->end) {
        if (!read_some(in)) {
            return fail_input(put);
        }
        if (in->len > LINE_BYTES_MAX) {
            return fail_long(put);
        }
    }
    if (!raw && in->len == 0) {
        return EXIT_OK;
    }
    size_t size = in->len;
    const char *end = raw ? NULL : memchr(in->data, terminator, in->len);
    if (end != NULL) {
        size = (size_t)(end - in->data);
    }
    if (end != NULL && size + 1 < in->len) {
        return cli_fail(put->cli, EXIT_USAGE,
                        "--dedup is for one message, but stdin has a second line; put them one by "
                        "one, each with its own key");
    }
    muster_bytes body = {in->data, size};
    return put_one(put, &body);
}

/* ---- the command ---- */

static int declare_if_asked(struct cli *cli)
{
    if ((cli->options.given & (O(QUEUE_KIND) | O(MAXSIZE) | O(DURABLE) | O(MEMORY))) == 0) {
        return EXIT_OK;
    }
    enum muster_kind kind = 0;
    if (cli_has(cli, OPTION_QUEUE_KIND)) {
        kind = MUSTER_FIFO + (enum muster_kind)cli->options.number[OPTION_QUEUE_KIND];
    }
    return cli_declare(cli, cli_operand(cli, 0), kind, NULL);
}

static int check_put(const struct cli *cli)
{
    bool bodies = cli->options.count > 1;
    if (cli_has(cli, OPTION_DEDUP) && cli->options.count > 2) {
        return cli_fail(cli, EXIT_USAGE,
                        "--dedup is for one message, but %d bodies were given; "
                        "put them one by one, each with its own key",
                        cli->options.count - 1);
    }
    if (bodies && (cli_has(cli, OPTION_NUL) || cli_has(cli, OPTION_RAW))) {
        return cli_fail(cli, EXIT_USAGE, "%s is for stdin, but bodies were given; leave one out",
                        cli_has(cli, OPTION_NUL) ? "-0" : "--raw");
    }
    return EXIT_OK;
}

static void options_from(const struct cli *cli, muster_put_options *options)
{
    options->timeout_ns = cli_timeout(cli, MUSTER_FOREVER);
    options->priority = option_number(&cli->options, OPTION_PRIORITY, 0);
    options->delay_ns = option_number(&cli->options, OPTION_DELAY, 0);
    options->ttl_ns = option_number(&cli->options, OPTION_TTL, MUSTER_FOREVER);
    if (cli_has(cli, OPTION_DEDUP)) {
        options->dedup = cli->options.text[OPTION_DEDUP];
        options->dedup_size = strlen(options->dedup);
    }
}

int command_put(struct cli *cli)
{
    int code = check_put(cli);
    if (code == EXIT_OK) {
        code = cli_open_queue(cli, TTL_DEFAULT);
    }
    if (code == EXIT_OK) {
        code = declare_if_asked(cli);
    }
    if (code != EXIT_OK) {
        return code;
    }
    bool bodies = cli->options.count > 1;
    bool raw = cli_has(cli, OPTION_RAW);
    struct putter put = {.cli = cli, .options = MUSTER_PUT_OPTIONS};
    options_from(cli, &put.options);
    put.unit = bodies                     ? "body"
               : raw                      ? "stdin, message"
               : cli_has(cli, OPTION_NUL) ? "record"
                                          : "line";
    progress_begin(&put.progress, !cli_has(cli, OPTION_QUIET));
    if (bodies) {
        code = put_operands(&put);
    } else {
        struct input *in = cli_grow(NULL, sizeof(*in));
        memset(in, 0, sizeof(*in));
        char terminator = cli_has(cli, OPTION_NUL) ? '\0' : '\n';
        bool whole = raw || cli_has(cli, OPTION_DEDUP);
        code = whole ? put_whole(&put, in, terminator) : put_stdin(&put, in, terminator);
        free(in->data);
        free(in);
    }
    progress_end(&put.progress);
    return code;
}
