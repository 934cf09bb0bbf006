/* judge.c - one judge after the other, and what they all need. See judge.h. */
#include "tests/sim/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    judge_fn *judge;
} judges[] = {
    {"phantoms", judge_phantoms}, {"ids", judge_ids},         {"deliveries", judge_deliveries},
    {"done", judge_done},         {"holder", judge_holder},   {"deaths", judge_deaths},
    {"loss", judge_loss},         {"dedup", judge_dedup},     {"order", judge_order},
    {"empty", judge_empty},       {"join", judge_join},       {"room", judge_room},
    {"full", judge_full},         {"drops", judge_drops},     {"statuses", judge_statuses},
    {"times", judge_times},       {"line", judge_line},       {"pauses", judge_pauses},
    {"event", judge_event},       {"barrier", judge_barrier},
};

bool judge(const struct history *history, struct verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]) && !verdict->guilty; i++) {
        verdict->judge = judges[i].name;
        judges[i].judge(history, verdict);
    }
    return verdict->guilty;
}

void guilty(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    if (!verdict->guilty) {
        va_start(arguments, format);
        vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
        va_end(arguments);
        verdict->guilty = true;
    }
}

bool is_about(const struct history_call *call, size_t object)
{
    for (size_t i = 0; i < call->objects_count; i++) {
        if (call->objects[i] == object) {
            return true;
        }
    }
    return false;
}

bool was_removed(const struct history *history, size_t object)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_REMOVE && is_about(call, object) && may_have_been(call)) {
            return true;
        }
    }
    return false;
}

bool was_declared(const struct history *history, size_t object)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_DECLARE && is_about(call, object) && went_well(call) &&
            call->kind != HISTORY_NO_QUEUE) {
            return true;
        }
    }
    return false;
}

bool was_troubled(const struct history *history, size_t program, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < history->troubles_count; i++) {
        const struct history_trouble *trouble = &history->troubles[i];

        if ((trouble->program == program || trouble->all) && trouble->where >= from &&
            trouble->where <= to) {
            return true;
        }
    }
    return false;
}

bool had_arrived(const struct history *history, const struct history_call *call, uint64_t where)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *later = &history->calls[i];

        if (later->program == call->program && later->begin > call->begin && later->end < where &&
            later->session == call->session && later->session_end == call->session &&
            (later->status == MUSTER_OK || later->status == MUSTER_LOST)) {
            return true;
        }
    }
    return false;
}

bool was_sent_at_once(const struct history *history, const struct history_call *put)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];

        if (other->op == HISTORY_PUT && other->program == put->program &&
            other->objects[0] == put->objects[0] && other->begin < put->begin &&
            other->end > put->begin) {
            return false;
        }
    }
    return true;
}

bool was_restarted(const struct history *history, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < history->troubles_count; i++) {
        const struct history_trouble *trouble = &history->troubles[i];

        if (trouble->all && trouble->where >= from && trouble->where <= to) {
            return true;
        }
    }
    return false;
}

/* The library never says so by itself. */
static bool is_the_brokers(enum muster_status status)
{
    return status == MUSTER_OK || status == MUSTER_LOST || status == MUSTER_NOT_OWNER;
}

bool session_lived_at(const struct history *history, uint64_t session, uint64_t where)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->begin > where && was_answered(call) && call->session == session &&
            call->session_end == session && is_the_brokers(call->status)) {
            return true;
        }
    }
    return false;
}

uint64_t unseen_gets(const struct history *history, size_t object, bool automatic, uint64_t where)
{
    uint64_t count = 0;

    for (size_t i = 0; i < history->calls_count && history->gaps; i++) {
        const struct history_call *call = &history->calls[i];

        count += call->op == HISTORY_GET && !was_answered(call) && is_about(call, object) &&
                 call->automatic == automatic && call->begin < where;
    }
    return count;
}

const struct history_call *put_of(const struct history *history, const char *body,
                                  const struct history_message **message_out)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        for (size_t k = 0; call->op == HISTORY_PUT && k < call->messages_count; k++) {
            if (strcmp(call->messages[k].body, body) == 0) {
                *message_out = &call->messages[k];
                return call;
            }
        }
    }
    return NULL;
}

const char *name_of(const struct history *history, const struct history_call *call)
{
    return history->programs[call->program].name;
}

struct deliveries deliveries_of(const struct history *history)
{
    struct deliveries all = {NULL, 0};

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        for (size_t k = 0; call->op == HISTORY_GET && k < call->messages_count; k++) {
            all.items = realloc(all.items, (all.count + 1) * sizeof(*all.items));
            if (all.items == NULL) {
                abort();
            }
            all.items[all.count++] = (struct delivery){call, &call->messages[k]};
        }
    }
    return all;
}
