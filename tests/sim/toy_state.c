/* toy_state.c - what a toy broker knows, its records, and its replica. See toy.h.
 *
 * Records: 'P' key len hash body; 'D' key; in snapshots 'R' key len place. Numbers have 8 bytes. */
#include "tests/sim/toy.h"

#include <stdlib.h>

#include "protocol/body.h"

#define PIECE_BYTES ((64u << 10) - 512) /* so that little of its last sector is zeros */

/* ---- the state ---- */

struct toy_state *toy_state_new(void)
{
    struct toy_state *state = calloc(1, sizeof(*state));

    assert_non_null(state);
    return state;
}

bool toy_state_put(struct toy_state *state, uint64_t key, uint64_t len, uint64_t place)
{
    if (key >= TOY_KEYS || state->entries[key].is_there) {
        return false;
    }
    state->entries[key] = (struct toy_entry){place, (uint32_t)len, true};
    state->end = key >= state->end ? key + 1 : state->end;
    state->count++;
    state->bytes += len + TOY_RECORD_BYTES;
    return true;
}

bool toy_state_done(struct toy_state *state, uint64_t key)
{
    if (key >= state->end || !state->entries[key].is_there) {
        return false;
    }
    state->entries[key].is_there = false;
    state->count--;
    state->bytes -= state->entries[key].len + TOY_RECORD_BYTES;
    return true;
}

bool toy_state_same(const struct toy_state *a, const struct toy_state *b)
{
    uint64_t end = a->end > b->end ? a->end : b->end;

    for (uint64_t key = 0; key < end; key++) {
        if (a->entries[key].is_there != b->entries[key].is_there ||
            (a->entries[key].is_there && a->entries[key].len != b->entries[key].len)) {
            return false;
        }
    }
    return true;
}

/* ---- records ---- */

bool toy_add_number(struct mst_buf *out, uint64_t number)
{
    return mst_buf_append(out, &number, sizeof(number));
}

static bool take_number(struct mst_span *in, uint64_t *number)
{
    if (in->len < TOY_NUMBER_BYTES) {
        return false;
    }
    memcpy(number, in->data, TOY_NUMBER_BYTES);
    *in = mst_span_of(in->data + TOY_NUMBER_BYTES, in->len - TOY_NUMBER_BYTES);
    return true;
}

bool toy_add_body(struct mst_buf *out, uint64_t key, struct mst_span body)
{
    uint8_t hash[MST_BODY_HASH_BYTES];

    mst_body_hash(body, hash);
    return mst_buf_append(out, "P", 1) && toy_add_number(out, key) &&
           toy_add_number(out, body.len) && mst_buf_append(out, hash, sizeof(hash)) &&
           (body.len == 0 || mst_buf_append(out, body.data, body.len));
}

static bool apply_one(struct toy_state *state, struct mst_span *in, struct mst_span all,
                      uint64_t place)
{
    uint8_t kind = in->data[0];
    uint64_t key, len, at;

    *in = mst_span_of(in->data + 1, in->len - 1);
    if (!take_number(in, &key)) {
        return false;
    }
    if (kind == 'D') {
        return toy_state_done(state, key);
    }
    if (!take_number(in, &len)) {
        return false;
    }
    if (kind == 'R') {
        return take_number(in, &at) && toy_state_put(state, key, len, at);
    }
    at = place + (uint64_t)(in->data - all.data);
    if (kind != 'P' || in->len < MST_BODY_HASH_BYTES + len) {
        return false;
    }
    *in = mst_span_of(in->data + MST_BODY_HASH_BYTES + len, in->len - MST_BODY_HASH_BYTES - len);
    return toy_state_put(state, key, len, at);
}

bool toy_state_apply(struct toy_state *state, struct mst_span records, uint64_t place)
{
    struct mst_span in = records;

    while (in.len > 0) {
        if (!apply_one(state, &in, records, place)) {
            return false;
        }
    }
    return true;
}

/* ---- the replica ---- */

static void *replica_open(void *user)
{
    (void)user;
    return toy_state_new();
}

static enum store_status replica_apply(void *replica, struct mst_span records, uint64_t place)
{
    return toy_state_apply(replica, records, place) ? STORE_OK : STORE_REFUSED;
}

struct piece {
    struct mst_buf records;
    struct snapshot_body bodies[PIECE_BYTES / 8];
    size_t count;
};

static bool put_piece(struct piece *piece, const struct snapshot_port *port)
{
    struct snapshot_piece given = {.records = mst_buf_span(&piece->records),
                                   .seq = 0,
                                   .bodies = piece->bodies,
                                   .bodies_count = piece->count};
    bool ok = mst_buf_size(&piece->records) == 0 || port->put(port->user, &given);

    mst_buf_reset(&piece->records);
    piece->count = 0;
    return ok;
}

static bool write_entry(struct piece *piece, const struct snapshot_port *port, uint64_t key,
                        const struct toy_entry *entry)
{
    struct mst_span body = MST_SPAN_NONE;

    if (!port->moves(port->user, entry->place, entry->len, &body)) {
        return mst_buf_append(&piece->records, "R", 1) && toy_add_number(&piece->records, key) &&
               toy_add_number(&piece->records, entry->len) &&
               toy_add_number(&piece->records, entry->place);
    }
    piece->bodies[piece->count++] =
        (struct snapshot_body){mst_buf_size(&piece->records) + TOY_HASH_OFFSET, entry->place};
    return toy_add_body(&piece->records, key, body);
}

static bool replica_snapshot(void *replica, const struct snapshot_port *port)
{
    const struct toy_state *state = replica;
    struct piece *piece = calloc(1, sizeof(*piece));
    bool ok = true;

    assert_non_null(piece);
    for (uint64_t key = 0; ok && key < state->end; key++) {
        if (state->entries[key].is_there) {
            ok = write_entry(piece, port, key, &state->entries[key]);
        }
        if (ok && mst_buf_size(&piece->records) >= PIECE_BYTES) {
            ok = put_piece(piece, port);
        }
    }
    ok = ok && put_piece(piece, port);
    mst_buf_clear(&piece->records);
    free(piece);
    return ok;
}

static void replica_close(void *replica)
{
    free(replica);
}

static void replica_drop_lost(void *replica,
                              bool (*is_lost)(void *user, uint64_t place, size_t len), void *user)
{
    struct toy_state *state = replica;

    for (uint64_t key = 0; key < state->end; key++) {
        struct toy_entry *entry = &state->entries[key];

        entry->is_there = entry->is_there && !is_lost(user, entry->place, entry->len);
    }
}

const struct journal_replica_table toy_replica = {replica_open, replica_apply, replica_snapshot,
                                                  replica_close, replica_drop_lost};
