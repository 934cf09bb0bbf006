/* why_reason.c - the facts of an object that say why somebody waits there, in a few words. */
#include <string.h>

#include "cli/why.h"

static long long number(const struct why_object *object, const char *name)
{
    int64_t value = 0;
    (void)muster_stat_number(object->stat, name, &value);
    return (long long)value;
}

static bool is_paused(const struct why_object *object, const char *side)
{
    for (size_t i = 0; i < muster_stat_facts(object->stat); i++) {
        int64_t value = 0;
        const char *text = NULL;
        const char *name = muster_stat_fact(object->stat, i, &value, &text);
        if (text != NULL && strcmp(name, "paused") == 0) {
            return strcmp(text, side) == 0 || strcmp(text, "both") == 0;
        }
    }
    return false;
}

static void reason_of_get(const struct why_object *object, struct out *out)
{
    if (is_paused(object, "get")) {
        out_text(out, "gets are paused");
        return;
    }
    long long ready = number(object, "ready");
    out_printf(out, ready == 0 ? "nothing is ready" : "%lld ready", ready);
    if (number(object, "leased") > 0) {
        out_printf(out, ", %lld held", number(object, "leased"));
    }
    if (number(object, "delayed") > 0) {
        out_printf(out, ", %lld delayed", number(object, "delayed"));
    }
}

static void reason_of_put(const struct why_object *object, struct out *out)
{
    if (is_paused(object, "put")) {
        out_text(out, "puts are paused");
        return;
    }
    const char *before = "no room: ";
    if (number(object, "maxsize") > 0) {
        out_printf(out, "%s%lld of %lld messages", before, number(object, "kept"),
                   number(object, "maxsize"));
        before = ", ";
    }
    if (number(object, "max-bytes") > 0) {
        out_printf(out, "%s%lld of %lld bytes", before, number(object, "bytes"),
                   number(object, "max-bytes"));
    }
}

static void reason_of_join(const struct why_object *object, struct out *out)
{
    long long ready = number(object, "ready");
    out_printf(out, "%lld unfinished: %lld ready, %lld held, %lld delayed",
               number(object, "unfinished"), ready, number(object, "leased"),
               number(object, "delayed"));
    if (ready > 0 && number(object, "waiting_getters") == 0) {
        out_text(out, "; nobody waits to get them");
    }
}

static void reason_of_barrier(const struct why_object *object, struct out *out)
{
    long long arrived = number(object, "n_waiting");
    long long parties = number(object, "parties");
    if (number(object, "acting") != 0) {
        out_text(out, "all have arrived, and its action runs");
    } else if (arrived >= parties) {
        out_text(out, "all have arrived, but not all of them are connected");
    } else {
        out_printf(out, "%lld of %lld have arrived", arrived, parties);
    }
}

void why_reason(const struct why_object *object, enum why_role role, struct out *out)
{
    enum muster_kind kind = muster_stat_kind(object->stat);
    if (role == WHY_GETS) {
        reason_of_get(object, out);
    } else if (role == WHY_PUTS) {
        reason_of_put(object, out);
    } else if (role == WHY_JOINS) {
        reason_of_join(object, out);
    } else if (kind == MUSTER_BARRIER) {
        reason_of_barrier(object, out);
    } else if (kind == MUSTER_EVENT && number(object, "set") == 0) {
        out_text(out, "it is not set");
    }
}
