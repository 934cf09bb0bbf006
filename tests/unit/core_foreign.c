/* core_foreign.c - see core_foreign.h. */
#include "tests/unit/core_foreign.h"

#include "broker/core/internal.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_sound.h"

/* ---- records ---- */

void foreign_decode(struct mst_span bytes, struct mst_arena *arena, struct record *record)
{
    struct record_bodies nowhere = {0, UINT64_MAX, NULL};

    assert_true(record_decode(bytes, &nowhere, arena, record) > 0);
}

void foreign_let_go(struct record *record)
{
    for (size_t i = 0; record->put != NULL && i < record->put->count; i++) {
        mst_blob_unref(&record->put->bodies[i]);
    }
    if (record->put != NULL) {
        mst_blob_unref(&record->put->dedup);
        mst_blob_unref(&record->put->headers);
    }
}

size_t foreign_split(struct mst_span all, struct mst_span *out, size_t max)
{
    struct record_bodies nowhere = {0, UINT64_MAX, NULL};
    struct mst_arena arena;
    size_t n = 0;

    mst_arena_init(&arena);
    while (all.len > 0) {
        struct record record;
        size_t used = record_decode(all, &nowhere, &arena, &record);

        assert_true(used > 0 && n < max);
        foreign_let_go(&record);
        out[n++] = mst_span_of(all.data, used);
        all.data += used;
        all.len -= used;
    }
    mst_arena_clear(&arena);
    return n;
}

/* ---- snapshots ---- */

static bool keep_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                       size_t bodies_count)
{
    (void)bodies;
    (void)bodies_count;
    return mst_buf_append(user, records.data, records.len);
}

/* Every body comes along, if only as it is: of one that is away the bytes are not known. */
static bool none_moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    (void)user;
    (void)place;
    (void)len;
    (void)bytes;
    return false;
}

struct mst_buf foreign_snapshot(const struct core *core)
{
    struct mst_buf bytes;
    struct core_snapshot_port port = {&bytes, none_moves, keep_piece};

    mst_buf_init(&bytes);
    assert_true(core_snapshot(core, &port));
    return bytes;
}

/* ---- whole ---- */

static void step(struct core *core, struct event *event, struct effects *effects)
{
    event->now_ns = core_now_ns(core);
    event->wall_ns = 1;
    core_step(core, event, effects);
}

static void tick(struct core *core)
{
    struct event event = {.kind = EVENT_TICK};
    struct effects effects;

    effects_init(&effects);
    do {
        step(core, &event, &effects);
    } while (core_next_deadline_ns(core) <= event.now_ns);
    effects_clear(&effects);
}

/* Whatever a name, a label or a counter is now, it can be shown. */
static void look_at(struct core *core)
{
    static const enum mst_op looks[] = {MST_OP_STAT, MST_OP_PEEK, MST_OP_LIST, MST_OP_SESSIONS};
    uint8_t secret[MST_SECRET_BYTES] = {1};
    struct mst_request request;
    struct event event = {.kind = EVENT_HELLO, .conn = 1, .request = &request};
    struct effects effects;
    uint64_t session;

    effects_init(&effects);
    event.secret = mst_span_of(secret, sizeof(secret));
    mst_request_init(&request, MST_OP_HELLO);
    step(core, &event, &effects);
    session = effects.items[0].reply.session;
    for (struct link *l = core->objects_order.next; session != 0 && l != &core->objects_order;
         l = l->next) {
        mst_request_init(&request, MST_OP_OPEN);
        request.name = object_name(OWNER(l, struct object, in_core));
        event = (struct event){
            .kind = EVENT_REQUEST, .conn = 1, .session = session, .request = &request};
        step(core, &event, &effects);
        for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
            uint64_t id = session_find(core, session)->highest + 1;

            mst_request_init(&request, looks[i]);
            request.id = id;
            request.count = 100;
            step(core, &event, &effects);
            assert_int_equal(effects.count, 1);
            assert_true(effects.items[0].reply.id == id);
        }
    }
    effects_clear(&effects);
}

static bool take_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                       size_t bodies_count)
{
    (void)bodies;
    (void)bodies_count;
    assert_int_equal(core_recover(user, records, 0), MST_OK);
    return true;
}

void foreign_expect_usable(struct core *core, const struct core_config *config)
{
    struct core *again = core_new(config);
    struct core_snapshot_port port = {again, none_moves, take_piece};

    assert_non_null(again);
    assert_true(core_snapshot(core, &port));
    core_free(&again);
    tick(core);
    look_at(core);
    expect_sound(core);
}
