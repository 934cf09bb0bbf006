/* lines.c - see lines.h. */
#include "tests/soak/lines.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_ROOM 4096 /* the longest, a put of several, is far below */

/* The numbers of a line, in order: both sides are made of this list. */
#define ASKED(X)                                                                                   \
    X(timeout_ns)                                                                                  \
    X(delay_ns)                                                                                    \
    X(ttl_ns)                                                                                      \
    X(lease_ns)                                                                                    \
    X(automatic)                                                                                   \
    X(detached)                                                                                    \
    X(uncounted)                                                                                   \
    X(dead)                                                                                        \
    X(immediate)                                                                                   \
    X(puts)                                                                                        \
    X(gets)                                                                                        \
    X(flag)                                                                                        \
    X(message)                                                                                     \
    X(number)                                                                                      \
    X(kind)                                                                                        \
    X(maxsize)                                                                                     \
    X(max_deliveries)                                                                              \
    X(full)                                                                                        \
    X(dedup_window_ns)                                                                             \
    X(parties)
#define TOLD(X)                                                                                    \
    X(taken)                                                                                       \
    X(duplicate_of)                                                                                \
    X(already)                                                                                     \
    X(paused)                                                                                      \
    X(has_cause)                                                                                   \
    X(flag)                                                                                        \
    X(leads)                                                                                       \
    X(generation)                                                                                  \
    X(index)

const char *soak_name(size_t object)
{
    static const char *const names[] = {"q0",      "q1",      "q2", "q0.dead",
                                        "q1.dead", "q2.dead", "go", "gate"};

    return names[object];
}

int64_t lines_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MUSTER_SECOND + now.tv_nsec;
}

int lines_open(const char *folder, const char *program)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.calls", folder, program);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* ---- writing ---- */

struct line {
    size_t len;
    char text[LINE_ROOM];
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line->len +=
        (size_t)vsnprintf(line->text + line->len, LINE_ROOM - line->len, format, arguments);
    va_end(arguments);
    if (line->len >= LINE_ROOM - 1) {
        abort();
    }
}

static void append(int fd, struct line *line)
{
    line->text[line->len++] = '\n';
    if (write(fd, line->text, line->len) != (ssize_t)line->len) {
        abort();
    }
}

#define WRITE_NUMBER(member) add(&line, " %" PRId64, (int64_t)call->member);

void lines_begin(int fd, uint64_t number, uint64_t session, const struct history_call *call)
{
    struct line line = {0, ""};

    add(&line, "begin %" PRIu64 " %" PRId64 " %" PRIu64 " %d", number, call->begin_ns, session,
        (int)call->op);
    ASKED(WRITE_NUMBER)
    for (size_t i = 0; i < call->objects_count; i++) {
        add(&line, " on=%zu", call->objects[i]);
    }
    if (call->key[0] != '\0') {
        add(&line, " key=%s", call->key);
    }
    for (size_t i = 0; i < call->messages_count; i++) {
        add(&line, " put=%" PRId64 ",%s", call->messages[i].priority, call->messages[i].body);
    }
    append(fd, &line);
}

void lines_end(int fd, uint64_t number, uint64_t session, const struct history_call *call)
{
    struct line line = {0, ""};

    add(&line, "end %" PRIu64 " %" PRId64 " %" PRIu64 " %d", number, call->end_ns, session,
        (int)call->status);
    TOLD(WRITE_NUMBER)
    if (call->op == HISTORY_PUT && call->taken > 0) {
        add(&line, " id=%" PRIu64, call->messages[0].id);
    }
    for (size_t i = 0; call->op == HISTORY_GET && i < call->messages_count; i++) {
        const struct history_message *m = &call->messages[i];

        add(&line, " got=%zu,%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%d,%s", m->object, m->id,
            m->number, m->priority, m->died_by_itself, m->body);
    }
    append(fd, &line);
}

void lines_say(int fd, const char *format, ...)
{
    struct line line = {0, ""};
    va_list arguments;

    va_start(arguments, format);
    line.len = (size_t)vsnprintf(line.text, LINE_ROOM - 1, format, arguments);
    va_end(arguments);
    append(fd, &line);
}

/* ---- reading ---- */

/* The number that follows a space; *at moves behind it. */
static int64_t next_number(const char **at)
{
    char *end;
    int64_t number = strtoll(*at, &end, 10);

    *at = end;
    return number;
}

#define READ_NUMBER(member) call->member = (__typeof__(call->member))next_number(&at);

/* " NAME=" stands at *at, which moves behind it. */
static bool names_word(const char **at, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(*at, name, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

static void read_text(const char **at, char *text, size_t size)
{
    size_t len = strcspn(*at, " \n");

    snprintf(text, size, "%.*s", (int)len, *at);
    *at += len;
}

bool lines_read_begin(const char *line, struct history_call *call)
{
    const char *at = line;
    char body[HISTORY_BODY];

    if (!names_word(&at, "begin ")) {
        return false;
    }
    next_number(&at);
    call->begin_ns = next_number(&at);
    call->session = (uint64_t)next_number(&at);
    call->op = (enum history_op)next_number(&at);
    ASKED(READ_NUMBER)
    while (names_word(&at, " on=") && call->objects_count < HISTORY_FROM) {
        call->objects[call->objects_count++] = (size_t)next_number(&at);
    }
    if (names_word(&at, " key=")) {
        read_text(&at, call->key, sizeof(call->key));
    }
    while (names_word(&at, " put=")) {
        int64_t priority = next_number(&at);

        at++;
        read_text(&at, body, sizeof(body));
        history_message(call, body)->priority = priority;
    }
    return true;
}

static void read_delivery(const char **at, struct history_call *call)
{
    struct history_message delivery;
    struct history_message *message;

    memset(&delivery, 0, sizeof(delivery));
    delivery.object = (size_t)next_number(at);
    ++*at;
    delivery.id = (uint64_t)next_number(at);
    ++*at;
    delivery.number = (uint64_t)next_number(at);
    ++*at;
    delivery.priority = next_number(at);
    ++*at;
    delivery.died_by_itself = next_number(at) != 0;
    ++*at;
    read_text(at, delivery.body, sizeof(delivery.body));
    message = history_message(call, delivery.body);
    *message = delivery;
}

bool lines_read_end(const char *line, struct history_call *call)
{
    const char *at = line;
    bool ends_pause = call->flag;

    if (!names_word(&at, "end ")) {
        return false;
    }
    next_number(&at);
    call->end_ns = next_number(&at);
    call->session_end = (uint64_t)next_number(&at);
    call->status = (enum muster_status)next_number(&at);
    TOLD(READ_NUMBER)
    if (call->op == HISTORY_PAUSE) {
        call->flag = ends_pause;
    }
    if (names_word(&at, " id=")) {
        uint64_t id = (uint64_t)next_number(&at);

        for (size_t i = 0; i < call->taken && i < call->messages_count; i++) {
            call->messages[i].id = id + i;
        }
    }
    while (names_word(&at, " got=")) {
        read_delivery(&at, call);
    }
    return true;
}
