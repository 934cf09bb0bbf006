/* entry.c - what a session remembers of its requests: one entry for a run of neighbouring ones.
 *
 * The requests of a run ended alike, or wait for the same; of puts the ids of the messages rise
 * with those of the requests. A run is cut where one of its requests goes its own way.
 * Invariants: session->entries leads from each of the ids to the entry, so that its count is that
 * of the requests in flight; leases stand in the order of their requests. Which requests share an
 * entry is not state: no record and no dump tells it. */
#include "broker/core/internal.h"

#include <assert.h>

struct entry *entry_find(struct session *session, uint64_t id)
{
    return idmap_get(&session->entries, id);
}

static struct entry *entry_new(struct core *core, struct session *session, uint64_t id,
                               uint64_t count)
{
    struct entry *entry;

    NEED(core, (entry = pool_take(&core->entry_pool)) != NULL);
    NEED(core, idmap_set_run(&session->entries, id, count, entry));
    entry->id = id;
    entry->count = count;
    list_init(&entry->leases);
    return entry;
}

static void move_leases(struct entry *from, struct entry *to)
{
    while (!list_empty(&from->leases)) {
        struct lease *lease = OWNER(from->leases.next, struct lease, in_entry);

        if (lease->request >= from->id) {
            return;
        }
        list_remove(&lease->in_entry);
        list_insert(&to->leases, &lease->in_entry);
        lease->entry = to;
    }
}

/* Cuts the first `count` requests off; returns their entry, which is another one. */
static struct entry *cut_front(struct core *core, struct session *session, struct entry *entry,
                               uint64_t count)
{
    struct entry *front = entry_new(core, session, entry->id, count);

    assert(count < entry->count);
    front->state = entry->state;
    front->recorded = entry->recorded;
    front->awaited = entry->awaited;
    front->seq = entry->seq;
    front->outcome = entry->outcome;
    if (front->outcome.cause != NULL) {
        mst_blob_ref(front->outcome.cause);
    }
    if (front->outcome.value != NULL) {
        mst_blob_ref(front->outcome.value);
    }
    entry->id += count;
    entry->count -= count;
    if (entry->outcome.op == MST_OP_PUT && entry->outcome.status == MST_OK) {
        entry->outcome.numbers[0] += count;
    }
    move_leases(entry, front);
    if (entry->wait != NULL) {
        wait_cut_front(core, entry->wait, front);
    }
    return front;
}

struct entry *entry_part(struct core *core, struct session *session, struct entry *entry,
                         uint64_t id, uint64_t count)
{
    assert(id >= entry->id && id + count <= entry->id + entry->count);
    if (id > entry->id) {
        cut_front(core, session, entry, id - entry->id);
    }
    return count < entry->count ? cut_front(core, session, entry, count) : entry;
}

struct entry *entry_ensure(struct core *core, struct session *session, uint64_t id, uint64_t count)
{
    struct entry *entry = entry_find(session, id);

    return entry == NULL ? entry_new(core, session, id, count)
                         : entry_part(core, session, entry, id, count);
}

void entries_part_all(struct core *core, struct session *session)
{
    size_t n = session->entries.count;
    struct entry **entries = (struct entry **)memory_sorted(core, &session->entries);

    for (size_t i = 0; i < n; i++) {
        if (entries[i]->count > 1) {
            cut_front(core, session, entries[i], 1);
        }
    }
    free(entries);
}

void entry_lend(struct entry *entry, struct lease *lease)
{
    struct link *before = &entry->leases;

    while (before->prev != &entry->leases &&
           OWNER(before->prev, struct lease, in_entry)->request > lease->request) {
        before = before->prev;
    }
    lease->entry = entry;
    list_insert(before, &lease->in_entry);
}

void entry_drop(struct core *core, struct session *session, struct entry *entry)
{
    assert(entry->wait == NULL && list_empty(&entry->leases));
    core->stored.bytes -= entry_stored(entry);
    idmap_remove_run(&session->entries, entry->id, entry->count);
    mst_blob_unref(&entry->outcome.cause);
    mst_blob_unref(&entry->outcome.value);
    pool_give(&core->entry_pool, entry);
}
