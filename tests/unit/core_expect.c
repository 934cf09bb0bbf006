/* core_expect.c - what tests of the core expect of a world, said in one line each. */
#include "tests/unit/core_world.h"

#include "protocol/ops.h"
#include "tests/unit/cmocka_all.h"

bool span_is(struct mst_span span, const char *text)
{
    return mst_span_equal(span, mst_span_text(text));
}

const struct mst_reply *expect_reply(struct world *w, const char *who, uint64_t id,
                                     enum mst_status status)
{
    const struct mst_reply *reply = world_request_of(w, who, id)->reply;

    if (reply == NULL) {
        fail_msg("request %llu of %s is not answered, expected %s", (unsigned long long)id, who,
                 mst_status_name((int)status));
    } else if (reply->status != status) {
        fail_msg("request %llu of %s was answered %s (%.*s), expected %s", (unsigned long long)id,
                 who, mst_status_name((int)reply->status), (int)reply->cause.len,
                 reply->cause.len == 0 ? "" : (const char *)reply->cause.data,
                 mst_status_name((int)status));
    }
    return reply;
}

const struct mst_reply *expect_cause(struct world *w, const char *who, uint64_t id,
                                     enum mst_status status, const char *cause)
{
    const struct mst_reply *reply = expect_reply(w, who, id, status);

    if (!span_is(reply->cause, cause)) {
        fail_msg("request %llu of %s has the cause '%.*s', expected '%s'", (unsigned long long)id,
                 who, (int)reply->cause.len,
                 reply->cause.len == 0 ? "" : (const char *)reply->cause.data, cause);
    }
    return reply;
}

void expect_waiting(struct world *w, const char *who, uint64_t id)
{
    const struct mst_reply *reply = world_request_of(w, who, id)->reply;

    if (reply != NULL) {
        fail_msg("request %llu of %s was answered %s (%.*s), expected it to wait",
                 (unsigned long long)id, who, mst_status_name((int)reply->status),
                 (int)reply->cause.len,
                 reply->cause.len == 0 ? "" : (const char *)reply->cause.data);
    }
}

void expect_replies(struct world *w, const char *who, uint64_t id, size_t times)
{
    assert_int_equal(world_request_of(w, who, id)->replies, times);
}

void expect_closed(struct world *w, const char *who)
{
    assert_non_null(world_client(w, who)->closed);
}

/* ---- objects ---- */

void world_declare(struct world *w, const char *who, const char *object, enum mst_kind kind,
                   const struct mst_fact *settings, size_t count)
{
    struct mst_request *request = world_request(w, who, MST_OP_DECLARE, object);

    request->kind = (uint64_t)kind;
    request->settings = mst_arena_take(&w->arena, (count + 1) * sizeof(*settings));
    assert_non_null(request->settings);
    for (size_t i = 0; i < count; i++) {
        request->settings[request->settings_count++] = settings[i];
    }
    expect_reply(w, who, world_send(w), MST_OK);
}

int64_t world_stat(struct world *w, const char *who, const char *object, const char *fact)
{
    const struct mst_reply *reply =
        expect_reply(w, who, world_do(w, who, MST_OP_STAT, object), MST_OK);

    for (size_t i = 0; i < reply->facts_count; i++) {
        if (span_is(reply->facts[i].name, fact) && !reply->facts[i].is_text) {
            return reply->facts[i].number;
        }
    }
    fail_msg("%s has no fact called %s", object, fact);
    return 0;
}
