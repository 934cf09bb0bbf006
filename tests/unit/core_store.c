/* core_store.c - see core_store.h. */
#include "tests/unit/core_store.h"

#include "broker/core/internal.h"
#include "protocol/body.h"
#include "tests/unit/cmocka_all.h"

#define JOURNAL_PLACE    4096u
#define CHECKPOINT_SHIFT 40u
#define AWAY_AT_ONCE     1u /* bodies_max: no body is in memory */

void store_init(struct store *store)
{
    memset(store, 0, sizeof(*store));
    mst_buf_init(&store->journal);
    store->random = 0x9e3779b97f4a7c15u;
}

void store_clear(struct store *store)
{
    mst_buf_clear(&store->journal);
    for (size_t i = 0; i < store->count; i++) {
        mst_buf_clear(&store->checkpoints[i]->bytes);
        free(store->checkpoints[i]);
    }
    store->count = 0;
}

static uint64_t draw(struct store *store, uint64_t n)
{
    store->random ^= store->random << 13;
    store->random ^= store->random >> 7;
    store->random ^= store->random << 17;
    return store->random % n;
}

/* ---- places ---- */

static uint64_t checkpoint_place(size_t number)
{
    return (uint64_t)(number + 1) << CHECKPOINT_SHIFT;
}

/* What stands there, up to the end. */
static struct mst_span at_place(const struct store *store, uint64_t place)
{
    size_t number = (size_t)(place >> CHECKPOINT_SHIFT);
    const struct mst_buf *bytes =
        number == 0 ? &store->journal : &store->checkpoints[number - 1]->bytes;
    uint64_t offset = place - (number == 0 ? JOURNAL_PLACE : checkpoint_place(number - 1));
    struct mst_span all = mst_buf_span(bytes);

    assert_true(number <= store->count && offset < all.len);
    return mst_span_of(all.data + offset, all.len - offset);
}

struct mst_span store_body(const struct store *store, uint64_t place, size_t len)
{
    struct mst_span there = at_place(store, place);
    struct mst_span body;
    uint8_t hash[MST_BODY_HASH_BYTES];

    assert_true(MST_BODY_HASH_BYTES + len <= there.len);
    body = mst_span_of(there.data + MST_BODY_HASH_BYTES, len);
    mst_body_hash(body, hash);
    assert_memory_equal(hash, there.data, sizeof(hash));
    return body;
}

void store_append(struct store *store, const struct effects *effects)
{
    struct mst_span records = mst_buf_span(&effects->records);

    assert_true(mst_buf_append(&store->journal, records.data, records.len));
    store_place(store, effects);
}

void store_place(const struct store *store, const struct effects *effects)
{
    uint64_t place =
        JOURNAL_PLACE + mst_buf_size(&store->journal) - mst_buf_size(&effects->records);

    for (size_t i = 0; i < effects->bodies_count; i++) {
        const struct core_body *body = &effects->bodies[i];

        mst_blob_set_place(body->blob, place + body->offset);
        assert_true(mst_span_equal(mst_blob_span(body->blob),
                                   store_body(store, place + body->offset, body->blob->len)));
    }
}

static void for_each_message(struct core *core,
                             void (*visit)(const void *, struct core *, struct message *),
                             const void *user)
{
    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct queue *queue = (struct queue *)OWNER(l, struct object, in_core);
        bool is_queue = kind_is_queue(queue->object.kind);
        size_t count = is_queue ? queue->messages.count : 0;
        struct message **messages =
            is_queue ? (struct message **)idmap_sorted(&queue->messages) : NULL;

        for (size_t i = 0; i < count; i++) {
            visit(user, core, messages[i]);
        }
        free(messages);
    }
}

static void fetch_one(const void *user, struct core *core, struct message *message)
{
    struct mst_blob *away = message_blob(message);

    if (away != NULL && mst_blob_is_away(away)) {
        uint64_t place = mst_blob_place(away);
        struct mst_blob *here = mst_blob_new_far(store_body(user, place, away->len), place);

        assert_non_null(here);
        *message_blob_place(message) = here;
        core->memory += mst_blob_here(here);
        mst_blob_unref(&away);
    }
}

void store_fetch(const struct store *store, struct core *core)
{
    for_each_message(core, fetch_one, store);
}

static void send_one(const void *user, struct core *core, struct message *message)
{
    struct store *store = (struct store *)(uintptr_t)user;

    if (draw(store, 2) == 0 && message->has_blob) {
        core->memory -= mst_blob_send_away(message_blob(message));
    }
}

void store_send_away(struct store *store, struct core *core)
{
    for_each_message(core, send_one, store);
}

/* ---- recovering ---- */

static struct core *new_core(const struct core_config *config)
{
    struct core *core = core_new(config);

    assert_non_null(core);
    return core;
}

static void recover_tail(const struct store *store, struct core *core, size_t from)
{
    struct mst_span all = mst_buf_span(&store->journal);

    if (all.len > from) {
        assert_int_equal(
            core_recover(core, mst_span_of(all.data + from, all.len - from), JOURNAL_PLACE + from),
            MST_OK);
    }
}

/* place 0: it stands nowhere. */
static void recover_checkpoint(const struct checkpoint *checkpoint, uint64_t place,
                               struct core *core)
{
    struct mst_span all = mst_buf_span(&checkpoint->bytes);
    size_t at = 0;

    for (size_t i = 0; i < checkpoint->pieces; i++) {
        struct mst_span piece = mst_span_of(all.data + at, checkpoint->ends[i] - at);

        assert_int_equal(core_recover(core, piece, place == 0 ? 0 : place + at), MST_OK);
        at = checkpoint->ends[i];
    }
}

struct core *store_replay(const struct store *store, const struct core_config *config)
{
    struct core *core = new_core(config);

    recover_tail(store, core, 0);
    while (core->discarded != NULL) { /* a snapshot has nothing that only waits to be freed */
        discard_slice(core);
    }
    return core;
}

struct core *store_recover(const struct store *store, const struct core_config *config)
{
    struct core *core = new_core(config);

    if (store->count > 0) {
        recover_checkpoint(store->checkpoints[store->count - 1], checkpoint_place(store->count - 1),
                           core);
    }
    recover_tail(store, core, store->tail);
    while (core->discarded != NULL) {
        discard_slice(core);
    }
    return core;
}

/* ---- checkpoints ---- */

enum moving { MOVES_SOME, MOVES_ALL };

struct making {
    struct store *store;
    struct checkpoint *to;
    enum moving moving;
    size_t moved;
};

static bool moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    struct making *making = user;

    if (making->moving == MOVES_SOME && draw(making->store, 2) == 0) {
        return false;
    }
    making->moved++;
    *bytes = store_body(making->store, place, len);
    return true;
}

static bool put_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                      size_t bodies_count)
{
    struct making *making = user;
    struct checkpoint *to = making->to;

    assert_true(to->pieces < STORE_PIECES);
    assert_true(records.len > 0);
    assert_true(mst_buf_append(&to->bytes, records.data, records.len));
    to->ends[to->pieces++] = mst_buf_size(&to->bytes);
    for (size_t i = 0; i < bodies_count; i++) {
        assert_memory_equal(records.data + bodies[i].offset,
                            at_place(making->store, bodies[i].from).data, MST_BODY_HASH_BYTES);
    }
    making->moved -= bodies_count;
    return true;
}

static void make(struct store *store, const struct core *core, struct checkpoint *to,
                 enum moving moving)
{
    struct making making = {store, to, moving, 0};
    struct core_snapshot_port port = {&making, moves, put_piece};

    mst_buf_init(&to->bytes);
    to->pieces = 0;
    assert_true(core_snapshot(core, &port));
    assert_int_equal(making.moved, 0);
}

void store_compact(struct store *store, const struct core_config *config)
{
    struct core_config of_replica = *config;
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    struct core *replica;

    assert_non_null(checkpoint);
    assert_true(store->count < STORE_CHECKPOINTS);
    of_replica.bodies_max = AWAY_AT_ONCE;
    replica = store_recover(store, &of_replica);
    make(store, replica, checkpoint, MOVES_SOME);
    core_free(&replica);
    store->checkpoints[store->count++] = checkpoint;
    store->tail = mst_buf_size(&store->journal);
}

struct core *store_copy(struct store *store, const struct core *core,
                        const struct core_config *config)
{
    struct core *copy = new_core(config);
    struct checkpoint first;
    struct checkpoint second;

    make(store, core, &first, MOVES_ALL);
    recover_checkpoint(&first, 0, copy);
    make(store, copy, &second, MOVES_ALL);
    /* What a snapshot made writes the same snapshot. */
    assert_int_equal(first.pieces, second.pieces);
    assert_int_equal(mst_buf_size(&first.bytes), mst_buf_size(&second.bytes));
    assert_memory_equal(mst_buf_span(&first.bytes).data, mst_buf_span(&second.bytes).data,
                        mst_buf_size(&first.bytes));
    mst_buf_clear(&first.bytes);
    mst_buf_clear(&second.bytes);
    return copy;
}

/* ---- dumps ---- */

char *store_dump(const struct store *store, struct core *core)
{
    struct mst_buf out;
    char *text;

    store_fetch(store, core);
    mst_buf_init(&out);
    assert_true(core_dump(core, true, &out));
    text = strndup(out.data == NULL ? "" : (const char *)out.data + out.start, mst_buf_size(&out));
    assert_non_null(text);
    mst_buf_clear(&out);
    return text;
}
