/* record.c - records as bytes, and which file carries out which kind.
 *
 * One table says which members a record has; encoder, decoder and the bitmap of what is present
 * follow it, so a new member is one row at its end. Numbers and bodies: encoding.h.
 *
 *   record   kind, seq, now, wall, bitmap of members, members
 *   bytes    length, bytes
 *   list     length, numbers
 *   put      flags, count, bodies, then what the flags name: priorities, priority, delay, ttl,
 *            dedup key, headers
 *
 * A list cannot have more elements than there are bytes. */
#include "broker/core/internal.h"

#include <assert.h>

enum member_type { MEMBER_U64, MEMBER_I64, MEMBER_SPAN, MEMBER_U64S, MEMBER_I64S, MEMBER_PUT };

#define MEMBER(type, name)                                                                         \
    {                                                                                              \
        MEMBER_##type, offsetof(struct record, name)                                               \
    }

/* A list's count follows its pointer in the struct. The bits are on disk: add at the end only; but
 * `state` must not be followed by another member of its records (snapshot.c). */
static const struct member {
    enum member_type type;
    size_t offset;
} members[] = {
    MEMBER(U64, session),   MEMBER(U64, request),      MEMBER(U64, count),
    MEMBER(U64, object),    MEMBER(U64, message),      MEMBER(U64, number),
    MEMBER(U64, target),    MEMBER(U64, new_id),       MEMBER(U64, kind),
    MEMBER(U64, mode),      MEMBER(U64, detached),     MEMBER(U64, counted),
    MEMBER(U64, tally),     MEMBER(U64, sides),        MEMBER(U64, flag),
    MEMBER(U64, op),        MEMBER(U64, status),       MEMBER(U64, pid),
    MEMBER(I64, ttl_ns),    MEMBER(I64, lease_ns),     MEMBER(I64, until_ns),
    MEMBER(I64, ready_ns),  MEMBER(SPAN, name),        MEMBER(SPAN, host),
    MEMBER(SPAN, identity), MEMBER(SPAN, secret_hash), MEMBER(SPAN, cause),
    MEMBER(SPAN, value),    MEMBER(U64S, list),        MEMBER(U64S, numbers),
    MEMBER(I64S, settings), MEMBER(PUT, put),          MEMBER(SPAN, state),
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static const void *member_of(const struct record *record, size_t i)
{
    return (const char *)record + members[i].offset;
}

static void *member_place(struct record *record, size_t i)
{
    return (char *)record + members[i].offset;
}

static size_t list_count(const void *pointer_member)
{
    return *(const size_t *)(const void *)((const char *)pointer_member + sizeof(void *));
}

/* ---- encoding ---- */

enum put_flag {
    PUT_PRIORITIES = 1,
    PUT_PRIORITY = 2,
    PUT_DELAY = 4,
    PUT_TTL = 8,
    PUT_DEDUP = 16,
    PUT_HEADERS = 32,
    PUT_FLAGS_ALL = 63
};

static unsigned put_flags(const struct put_list *put)
{
    return (put->priorities != NULL ? PUT_PRIORITIES : 0u) |
           (put->priority != 0 ? PUT_PRIORITY : 0u) | (put->delay_ns != 0 ? PUT_DELAY : 0u) |
           (put->ttl_ns != MST_FOREVER ? PUT_TTL : 0u) | (put->dedup != NULL ? PUT_DEDUP : 0u) |
           (put->headers != NULL ? PUT_HEADERS : 0u);
}

static bool put_put(struct mst_buf *out, const struct put_list *put, struct core_body *bodies)
{
    unsigned flags = put_flags(put);
    bool ok = encode_u64(out, flags) && encode_u64(out, put->count);

    for (size_t i = 0; ok && i < put->count; i++) {
        size_t at;

        ok = encode_body(out, mst_blob_span(put->bodies[i]), &at);
        if (bodies != NULL) {
            bodies[i] = (struct core_body){put->bodies[i], at};
        }
    }
    for (size_t i = 0; ok && (flags & PUT_PRIORITIES) != 0 && i < put->count; i++) {
        ok = encode_i64(out, put->priorities[i]);
    }
    return ok && ((flags & PUT_PRIORITY) == 0 || encode_i64(out, put->priority)) &&
           ((flags & PUT_DELAY) == 0 || encode_i64(out, put->delay_ns)) &&
           ((flags & PUT_TTL) == 0 || encode_i64(out, put->ttl_ns)) &&
           ((flags & PUT_DEDUP) == 0 || encode_span(out, mst_blob_span(put->dedup))) &&
           ((flags & PUT_HEADERS) == 0 || encode_span(out, mst_blob_span(put->headers)));
}

static bool is_present(enum member_type type, const void *member)
{
    switch (type) {
    case MEMBER_U64: return *(const uint64_t *)member != 0;
    case MEMBER_I64: return *(const int64_t *)member != 0;
    case MEMBER_SPAN: return ((const struct mst_span *)member)->data != NULL;
    case MEMBER_U64S:
    case MEMBER_I64S: return list_count(member) != 0;
    case MEMBER_PUT: break;
    }
    return *(struct put_list *const *)member != NULL;
}

static bool put_list_of(struct mst_buf *out, enum member_type type, const void *member)
{
    size_t count = list_count(member);
    bool ok = encode_u64(out, count);

    for (size_t i = 0; ok && i < count; i++) {
        ok = type == MEMBER_U64S ? encode_u64(out, (*(const uint64_t *const *)member)[i])
                                 : encode_i64(out, (*(const int64_t *const *)member)[i]);
    }
    return ok;
}

static bool put_member(struct mst_buf *out, enum member_type type, const void *member,
                       struct core_body *bodies)
{
    switch (type) {
    case MEMBER_U64: return encode_u64(out, *(const uint64_t *)member);
    case MEMBER_I64: return encode_i64(out, *(const int64_t *)member);
    case MEMBER_SPAN: return encode_span(out, *(const struct mst_span *)member);
    case MEMBER_U64S:
    case MEMBER_I64S: return put_list_of(out, type, member);
    case MEMBER_PUT: break;
    }
    return put_put(out, *(struct put_list *const *)member, bodies);
}

bool record_encode(struct mst_buf *out, const struct record *record, struct core_body *bodies)
{
    size_t before = mst_buf_size(out);
    uint64_t present = 0;
    bool ok;

    for (size_t i = 0; i < MEMBERS; i++) {
        if (is_present(members[i].type, member_of(record, i))) {
            present |= UINT64_C(1) << i;
        }
    }
    ok = encode_u64(out, (uint64_t)record->what) && encode_u64(out, record->seq) &&
         encode_i64(out, record->now_ns) && encode_i64(out, record->wall_ns) &&
         encode_u64(out, present);
    for (size_t i = 0; ok && i < MEMBERS; i++) {
        if ((present >> i & 1u) != 0) {
            ok = put_member(out, members[i].type, member_of(record, i), bodies);
        }
    }
    if (!ok) {
        out->len = out->start + before; /* nothing half-written stays */
    }
    return ok;
}

/* ---- decoding ---- */

static void *take(struct decoder *in, size_t count, size_t size)
{
    void *memory = in->ok ? mst_arena_take(in->arena, count * size) : NULL;

    if (in->ok && memory == NULL) {
        decode_no_memory(in);
    }
    return memory;
}

static void get_bodies(struct decoder *in, struct put_list *put)
{
    size_t count = decode_count(in);

    if (count == 0) {
        decode_fail(in);
        return;
    }
    put->bodies = take(in, count, sizeof(struct mst_blob *));
    while (in->ok && put->count < count) {
        struct mst_blob *body = decode_body(in);

        if (body != NULL) {
            put->bodies[put->count++] = body;
            put->bytes += body->len;
        }
    }
}

static struct put_list *get_put(struct decoder *in)
{
    struct put_list *put = take(in, 1, sizeof(*put));
    uint64_t flags = decode_u64(in);

    if (put == NULL || flags > PUT_FLAGS_ALL) {
        decode_fail(in);
        return put;
    }
    get_bodies(in, put);
    if ((flags & PUT_PRIORITIES) != 0 && in->ok) {
        put->priorities = take(in, put->count, sizeof(*put->priorities));
        for (size_t i = 0; in->ok && i < put->count; i++) {
            put->priorities[i] = decode_i64(in);
        }
    }
    put->priority = (flags & PUT_PRIORITY) != 0 ? decode_i64(in) : 0;
    put->delay_ns = (flags & PUT_DELAY) != 0 ? decode_i64(in) : 0;
    put->ttl_ns = (flags & PUT_TTL) != 0 ? decode_i64(in) : MST_FOREVER;
    put->dedup = (flags & PUT_DEDUP) != 0 ? decode_blob(in) : NULL;
    put->headers = (flags & PUT_HEADERS) != 0 ? decode_blob(in) : NULL;
    return put;
}

static void put_drop(struct put_list *put)
{
    if (put == NULL) {
        return;
    }
    for (size_t i = 0; i < put->count; i++) {
        mst_blob_unref(&put->bodies[i]);
    }
    mst_blob_unref(&put->dedup);
    mst_blob_unref(&put->headers);
}

static void get_list(struct decoder *in, enum member_type type, void *member)
{
    size_t count = decode_count(in);
    uint64_t *values = take(in, count, sizeof(*values));

    for (size_t i = 0; in->ok && i < count; i++) {
        values[i] = type == MEMBER_U64S ? decode_u64(in) : (uint64_t)decode_i64(in);
    }
    *(void **)member = values;
    *(size_t *)(void *)((char *)member + sizeof(void *)) = in->ok ? count : 0;
}

static void get_member(struct decoder *in, enum member_type type, void *member)
{
    switch (type) {
    case MEMBER_U64: *(uint64_t *)member = decode_u64(in); break;
    case MEMBER_I64: *(int64_t *)member = decode_i64(in); break;
    case MEMBER_SPAN: *(struct mst_span *)member = decode_span(in); break;
    case MEMBER_U64S:
    case MEMBER_I64S: get_list(in, type, member); break;
    case MEMBER_PUT: *(struct put_list **)member = get_put(in); break;
    }
}

size_t record_decode(struct mst_span in, const struct record_bodies *bodies,
                     struct mst_arena *arena, struct record *record)
{
    struct decoder reader = {in.data, in.data, in.data + in.len, *bodies, arena, in.len > 0};
    uint64_t what;
    uint64_t present;

    memset(record, 0, sizeof(*record));
    what = decode_u64(&reader);
    record->seq = decode_u64(&reader);
    record->now_ns = decode_i64(&reader);
    record->wall_ns = decode_i64(&reader);
    present = decode_u64(&reader);
    if (what == 0 || what >= RECORD_KINDS || present >> MEMBERS != 0) {
        return 0;
    }
    record->what = (enum record_kind)what;
    for (size_t i = 0; reader.ok && i < MEMBERS; i++) {
        if ((present >> i & 1u) != 0) {
            get_member(&reader, members[i].type, member_place(record, i));
        }
    }
    if (!reader.ok || (record->put != NULL) != (record->what == RECORD_PUT)) {
        put_drop(record->put);
        memset(record, 0, sizeof(*record));
        return 0;
    }
    return (size_t)(reader.at - in.data);
}

/* ---- carrying out ---- */

typedef void apply(struct core *core, const struct record *record);

/* Records of STATE are for state_apply. */
void record_apply(struct core *core, const struct record *record)
{
    static apply *const appliers[RECORD_KINDS] = {
        [RECORD_SESSION_OPEN] = apply_session,
        [RECORD_SESSION_END] = apply_session,
        [RECORD_SESSION_GONE] = apply_session,
        [RECORD_CONFIRM] = apply_confirm,
        [RECORD_ABANDON] = apply_abandon,
        [RECORD_OUTCOME] = apply_outcome,
        [RECORD_CREATE] = apply_create,
        [RECORD_UPDATE] = apply_update,
        [RECORD_REMOVE] = apply_remove,
        [RECORD_PUT] = apply_put,
        [RECORD_GRANT] = apply_grant,
        [RECORD_DONE] = apply_done,
        [RECORD_TASKDONE] = apply_taskdone,
        [RECORD_RETURN] = apply_return,
        [RECORD_BURY] = apply_bury,
        [RECORD_REDRIVE] = apply_redrive,
        [RECORD_EXTEND] = apply_extend,
        [RECORD_READY] = apply_ready,
        [RECORD_DROP] = apply_drop,
        [RECORD_PURGE] = apply_purge,
        [RECORD_PAUSE] = apply_pause,
        [RECORD_SHUTDOWN] = apply_shutdown,
        [RECORD_LOSE] = apply_lose,
        [RECORD_EVENT_SET] = apply_event,
        [RECORD_EVENT_CLEAR] = apply_event,
        [RECORD_BARRIER_ARRIVE] = apply_barrier,
        [RECORD_BARRIER_ACT] = apply_barrier,
        [RECORD_BARRIER_TRIP] = apply_barrier,
        [RECORD_BARRIER_BREAK] = apply_barrier,
        [RECORD_BARRIER_RESET] = apply_barrier,
        [RECORD_BARRIER_LEAVE] = apply_barrier,
    };

    assert(appliers[record->what] != NULL);
    appliers[record->what](core, record);
}
