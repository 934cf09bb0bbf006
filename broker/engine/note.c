/* note.c - what the engine tells whoever runs the broker: one note per event worth knowing, with
 * the connection that it is about, and of what strangers can cause at most one a second.
 *
 * Must not know: where notes go, how they look. */
#include "broker/engine/internal.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX         512
#define LIMITED_NOTES_NS 1000000000LL

/* false: not this time; else *missed_out is how many were left out since the last. */
static bool allows(struct limiter *limiter, int64_t now_ns, uint64_t *missed_out)
{
    if (now_ns < limiter->next_ns) {
        limiter->missed++;
        return false;
    }
    *missed_out = limiter->missed;
    limiter->missed = 0;
    limiter->next_ns = now_ns + LIMITED_NOTES_NS;
    return true;
}

/* As its session is called, else as its key or token is. */
static const char *client_of(const struct member *member)
{
    if (member->client != NULL) {
        return member->client;
    }
    return member->who != NULL && !member->connection.stranger ? member->who->name : NULL;
}

void engine_tell(struct engine *engine, enum engine_log_level level, const struct topic *topic,
                 const char *format, ...)
{
    struct engine_note note = {.level = level, .peer = topic->peer};
    char text[TEXT_MAX];
    va_list arguments;

    if (topic->limiter != NULL && !allows(topic->limiter, engine->now_ns, &note.missed)) {
        return;
    }
    if (topic->member != NULL) {
        note.peer = topic->member->peer;
        note.client = client_of(topic->member);
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    note.text = text;
    engine->ports.log(engine->ports.user, &note);
}

/* What was refused because of who asked, or because there is no room. */
static void tell_refusal(struct engine *engine, const struct member *member,
                         const struct mst_reply *reply)
{
    bool denied = reply->status == MST_DENIED;
    bool full = reply->status == MST_NO_MEMORY || reply->status == MST_NO_SPACE ||
                reply->status == MST_LIMIT;
    struct topic topic = {.member = member, .limiter = denied ? &engine->denied : &engine->refused};

    if (denied || full) {
        engine_tell(engine, ENGINE_WARNING, &topic, "%s refused with %s: %.*s",
                    mst_op_name(reply->op), mst_status_name((int)reply->status),
                    (int)reply->cause.len,
                    reply->cause.len == 0 ? "" : (const char *)reply->cause.data);
    }
}

/* What somebody did to an object, or to a session, that others use as well. */
static void tell_deed(struct engine *engine, const struct member *member,
                      const struct mst_request *request)
{
    struct topic topic = {.member = member, .limiter = &engine->deeds};
    struct mst_span name = core_handle_name(engine->core, member->session, request->handle);

    if (request->op == MST_OP_KILL) {
        engine_tell(engine, ENGINE_INFO, &topic, "KILL of session %llu",
                    (unsigned long long)request->session);
    } else {
        engine_tell(engine, ENGINE_INFO, &topic, "%s of %.*s", mst_op_name(request->op),
                    (int)name.len, name.len == 0 ? "" : (const char *)name.data);
    }
}

static bool is_deed(enum mst_op op)
{
    enum mst_verb verb = mst_op_verb(op);

    return verb == MST_VERB_ADMIN || verb == MST_VERB_DELETE;
}

void member_tell_outcome(struct engine *engine, const struct member *member,
                         const struct mst_request *request, const struct mst_reply *reply)
{
    if (reply->status != MST_OK) {
        tell_refusal(engine, member, reply);
    } else if (request != NULL && is_deed(request->op) && request->op == reply->op &&
               request->id == reply->id) {
        tell_deed(engine, member, request);
    }
}
