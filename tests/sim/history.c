/* history.c - calls and their outcomes, in one order. See history.h. */
#include "tests/sim/history.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *items, size_t count, size_t size)
{
    void *out = realloc(items, (count + 1) * size);

    if (out == NULL) {
        abort();
    }
    return out;
}

struct history *history_new(void)
{
    struct history *history = grown(NULL, 0, sizeof(*history));

    memset(history, 0, sizeof(*history));
    history->rest = HISTORY_NEVER;
    return history;
}

void history_free(struct history **owner)
{
    struct history *history = *owner;

    if (history == NULL) {
        return;
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        free(history->calls[i].messages);
    }
    free(history->calls);
    free(history->programs);
    free(history->troubles);
    free(history->objects);
    free(history);
    *owner = NULL;
}

size_t history_object(struct history *history, const char *name)
{
    for (size_t i = 0; i < history->objects_count; i++) {
        if (strcmp(history->objects[i], name) == 0) {
            return i;
        }
    }
    history->objects = grown(history->objects, history->objects_count, sizeof(*history->objects));
    snprintf(history->objects[history->objects_count], HISTORY_NAME, "%s", name);
    return history->objects_count++;
}

size_t history_program(struct history *history, const char *name)
{
    struct history_program *program;

    for (size_t i = 0; i < history->programs_count; i++) {
        if (strcmp(history->programs[i].name, name) == 0) {
            return i;
        }
    }
    history->programs =
        grown(history->programs, history->programs_count, sizeof(*history->programs));
    program = &history->programs[history->programs_count];
    snprintf(program->name, HISTORY_NAME, "%s", name);
    program->ended = HISTORY_NEVER;
    return history->programs_count++;
}

struct history_call *history_begin(struct history *history, enum history_op op, size_t program,
                                   int64_t now_ns)
{
    struct history_call *call;

    if (history->calls_count == history->calls_cap) {
        history->calls_cap = history->calls_cap == 0 ? 64 : 2 * history->calls_cap;
        history->calls = grown(history->calls, history->calls_cap, sizeof(*history->calls));
    }
    call = &history->calls[history->calls_count++];
    memset(call, 0, sizeof(*call));
    call->op = op;
    call->program = program;
    call->begin = history->now++;
    call->begin_ns = now_ns;
    call->end = HISTORY_NEVER;
    call->end_ns = call->taken_ns = INT64_MAX;
    call->ttl_ns = call->lease_ns = call->timeout_ns = MUSTER_FOREVER;
    call->kind = HISTORY_NO_QUEUE;
    call->maxsize = call->max_bytes = call->max_deliveries = -1;
    call->full = call->dedup_window_ns = -1;
    return call;
}

void history_end(struct history *history, struct history_call *call, int64_t now_ns)
{
    call->end = history->now++;
    call->end_ns = call->taken_ns = now_ns;
}

struct history_message *history_message(struct history_call *call, const char *body)
{
    struct history_message *message;

    call->messages = grown(call->messages, call->messages_count, sizeof(*call->messages));
    message = &call->messages[call->messages_count++];
    memset(message, 0, sizeof(*message));
    snprintf(message->body, HISTORY_BODY, "%s", body);
    return message;
}

struct history_trouble *history_trouble(struct history *history, size_t program)
{
    struct history_trouble *trouble;

    history->troubles =
        grown(history->troubles, history->troubles_count, sizeof(*history->troubles));
    trouble = &history->troubles[history->troubles_count++];
    *trouble = (struct history_trouble){.program = program, .where = history->now++};
    return trouble;
}

void history_program_ends(struct history *history, size_t program)
{
    if (history->programs[program].ended == HISTORY_NEVER) {
        history->programs[program].ended = history->now++;
    }
}

void history_rests(struct history *history)
{
    history->rest = history->now++;
}

static void *copied(const void *items, size_t count, size_t size)
{
    void *out = grown(NULL, count, size);

    if (count > 0) {
        memcpy(out, items, count * size);
    }
    return out;
}

struct history *history_copy(const struct history *history)
{
    struct history *copy = copied(history, 1, sizeof(*history));

    copy->calls = copied(history->calls, history->calls_count, sizeof(*copy->calls));
    copy->calls_cap = history->calls_count;
    copy->programs = copied(history->programs, history->programs_count, sizeof(*copy->programs));
    copy->troubles = copied(history->troubles, history->troubles_count, sizeof(*copy->troubles));
    copy->objects = copied(history->objects, history->objects_count, sizeof(*copy->objects));
    for (size_t i = 0; i < copy->calls_count; i++) {
        struct history_call *call = &copy->calls[i];

        call->messages = copied(call->messages, call->messages_count, sizeof(*call->messages));
    }
    return copy;
}

void history_print(const struct history *history)
{
    static const char *const ops[] = {
        "put",    "get",   "done",    "task_done", "nack",   "extend",  "join", "purge",
        "delete", "pause", "redrive", "shutdown",  "remove", "declare", "set",  "clear",
        "is_set", "wait",  "barrier", "report",    "reset",  "other"};

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        fprintf(stderr, "%5llu-%-5lld %s %s", (unsigned long long)call->begin,
                call->end == HISTORY_NEVER ? -1 : (long long)call->end,
                history->programs[call->program].name, ops[call->op]);
        for (size_t k = 0; k < call->objects_count; k++) {
            fprintf(stderr, " %s", history->objects[call->objects[k]]);
        }
        if (call->message != 0) {
            fprintf(stderr, " %llu.%llu", (unsigned long long)call->message,
                    (unsigned long long)call->number);
        }
        fprintf(stderr, " -> %d", call->end == HISTORY_NEVER ? -1 : (int)call->status);
        for (size_t k = 0; k < call->messages_count; k++) {
            fprintf(stderr, " %llu.%llu %s", (unsigned long long)call->messages[k].id,
                    (unsigned long long)call->messages[k].number, call->messages[k].body);
        }
        fprintf(stderr, "\n");
    }
}
