/* core_sound.c - see core_sound.h. Everything is counted anew and compared with the core's counts.
 */
#include "tests/unit/core_sound.h"

#include "broker/core/internal.h"
#include "tests/unit/cmocka_all.h"

struct sums { /* what the core should hold, over all objects and sessions */
    uint64_t memory;
    uint64_t messages;
    uint64_t waits;
    uint64_t notes;
    uint64_t note_keys; /* their bytes */
    uint64_t connected;
    uint64_t durable_messages;
    uint64_t durable_bytes;
};

static uint64_t length(const struct link *list)
{
    uint64_t n = 0;

    for (const struct link *l = list->next; l != list; l = l->next) {
        assert_ptr_equal(l->next->prev, l);
        n++;
    }
    return n;
}

/* ---- queues ---- */

static void check_message(struct queue *queue, const struct message *message, uint64_t *counts)
{
    const struct lease *lease = message_lease(message);

    assert_int_equal(message->state == MST_LEASED, lease != NULL);
    if (lease != NULL) {
        assert_ptr_equal(lease->message, message);
        assert_ptr_equal(lease->queue, queue);
    }
    assert_in_range(message->id, queue->first_id, queue->next_id - 1);
    counts[message->state]++;
}

static void check_messages(struct queue *queue, struct sums *sums)
{
    size_t count = queue->messages.count;
    struct message **messages = (struct message **)idmap_sorted(&queue->messages);
    uint64_t counts[3] = {0, 0, 0};
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        check_message(queue, messages[i], counts);
        bytes += message_body_len(messages[i]);
        sums->memory += message_charge(messages[i]);
    }
    free(messages);
    sums->messages += count;
    sums->durable_messages += object_is_durable(&queue->object) ? count : 0;
    assert_int_equal(queue->ready.count, counts[MST_READY]);
    assert_int_equal(queue->leased, counts[MST_LEASED]);
    assert_int_equal(queue->delayed, counts[MST_DELAYED]);
    assert_int_equal(queue->leased, length(&queue->leases));
    assert_int_equal(queue->kept_bytes, bytes);
}

static void check_accounts(const struct queue *queue)
{
    uint64_t taken = 0;
    uint64_t blocked = 0;

    for (struct link *l = queue->accounts.next; l != &queue->accounts; l = l->next) {
        struct account *account = OWNER(l, struct account, in_queue);

        assert_ptr_equal(account->queue, queue);
        assert_true(account->taken > 0 || account->blocked > 0);
        assert_ptr_equal(idmap_get(&account->session->accounts, queue->object.id), account);
        taken += account->taken;
        blocked += account->blocked;
    }
    assert_int_equal(queue->unfinished, queue_kept(queue) + taken);
    assert_int_equal(blocked > 0, queue->putters.count > 0);
}

static uint64_t waiting(const struct place *place, const struct line *line)
{
    assert_ptr_equal(place->line, line);
    return place->wait->entry->count;
}

static void check_line(const struct line *line)
{
    const struct link *lists[] = {&line->places, &line->aside};
    uint64_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        for (const struct link *l = lists[i]->next; l != lists[i]; l = l->next) {
            count += waiting(OWNER_CONST(l, struct place, link), line);
        }
    }
    for (uint32_t i = 0; i < line->returned.count; i++) {
        count += waiting(OWNER_CONST(line->returned.items[i], struct place, node), line);
    }
    assert_int_equal(line->count, count);
}

/* After a step nobody waits for what is there. */
static void check_served(const struct core *core, struct queue *queue)
{
    bool is_held_back = core->storage_full && object_is_durable(&queue->object);
    struct place *putter = line_first(&queue->putters, false);

    if ((queue->paused & MST_SIDE_GET) == 0 && !queue->shut_now) {
        assert_true(queue->ready.count == 0 || line_first(&queue->getters, true) == NULL);
    }
    if (putter != NULL && (queue->paused & MST_SIDE_PUT) == 0 && !is_held_back) {
        const struct put_list *put = putter->wait->put;

        assert_false(queue_has_room(queue, put->count, put->bytes));
        assert_false(queue->shut);
    }
    assert_true(queue->joiners.count == 0 || queue->unfinished > 0);
    assert_true(!queue_drained(queue) || queue->getters.count == 0);
}

static void check_notes(const struct queue *queue, struct sums *sums)
{
    const struct link *notes = &queue->dedup_order;
    int64_t at_ns = 0;

    for (const struct link *l = notes->next; l != notes; l = l->next) {
        const struct dedup_note *note = OWNER_CONST(l, struct dedup_note, in_order);

        assert_ptr_equal(strmap_find(&queue->dedup, mst_blob_span(note->key)), &note->node);
        assert_true(note->at_ns >= at_ns);
        at_ns = note->at_ns;
        sums->notes++;
        sums->note_keys += note->key->len;
    }
    assert_int_equal(queue->dedup.count, length(notes));
}

static void check_queue(const struct core *core, struct queue *queue, struct sums *sums)
{
    check_notes(queue, sums);
    check_messages(queue, sums);
    check_accounts(queue);
    check_line(&queue->getters);
    check_line(&queue->putters);
    check_line(&queue->joiners);
    check_served(core, queue);
}

static void check_objects(const struct core *core, struct sums *sums)
{
    uint64_t count = 0;

    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct object *object = OWNER(l, struct object, in_core);

        count++;
        assert_ptr_equal(object_find(core, object->id), object);
        assert_ptr_equal(object->slot->object, object);
        sums->durable_bytes += object_is_durable(object) ? object->stored : 0;
        if (kind_is_queue(object->kind)) {
            check_queue(core, (struct queue *)object, sums);
        }
    }
    assert_int_equal(core->objects.count, count);
}

/* ---- sessions ---- */

static void check_entries(struct session *session, struct sums *sums)
{
    size_t count = session->entries.count;
    struct entry **entries = (struct entry **)idmap_sorted(&session->entries);

    for (size_t i = 0; i < count; i += entries[i]->count) {
        const struct entry *entry = entries[i];

        assert_true(entry->count > 0 && i + entry->count <= count);
        assert_ptr_equal(entries[i + entry->count - 1], entry);
        assert_int_equal(entry->state == ENTRY_WAITS, entry->wait != NULL);
        assert_true(entry->wait == NULL || entry->wait->entry == entry);
        assert_true(entry->state == ENTRY_ANSWERED || length(&entry->leases) == 0);
        sums->durable_bytes += entry_stored(entry);
    }
    free(entries);
}

static void check_wait(const struct wait *wait, struct sums *sums)
{
    assert_non_null(wait_object(wait));
    if (wait->put != NULL) {
        sums->memory += wait->put->charge;
    }
}

static void check_session(struct session *session, struct sums *sums)
{
    uint64_t waits = 0;

    assert_int_equal(session->leases_count, length(&session->leases));
    assert_true(session->conn != 0 || session->ended || timer_armed(&session->timer));
    assert_true(session->conn == 0 || !timer_armed(&session->timer));
    for (const struct link *l = session->waits.next; l != &session->waits; l = l->next) {
        check_wait(OWNER_CONST(l, struct wait, in_session), sums);
        waits += OWNER_CONST(l, struct wait, in_session)->entry->count;
    }
    assert_int_equal(session->waits_count, waits);
    check_entries(session, sums);
    sums->durable_bytes += session_stored(session);
    sums->waits += session->waits_count;
    sums->connected += session->conn != 0;
}

static void check_sessions(const struct core *core, struct sums *sums)
{
    const struct link *lists[] = {&core->sessions_order, &core->ending};
    uint64_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        for (struct link *l = lists[i]->next; l != lists[i]; l = l->next) {
            struct session *session = OWNER(l, struct session, in_core);

            count++;
            assert_ptr_equal(session_find(core, session->id), session);
            assert_int_equal(session->ended, i == 1);
            check_session(session, sums);
        }
    }
    assert_int_equal(core->sessions.count, count);
}

void expect_sound(const struct core *core)
{
    struct sums sums = {0};
    struct core_figures figures = core_figures(core);

    assert_true(list_empty(&core->dirty));
    check_objects(core, &sums);
    check_sessions(core, &sums);
    assert_int_equal(figures.waits, sums.waits);
    assert_int_equal(figures.connected, sums.connected);
    assert_int_equal(figures.durable_messages, sums.durable_messages);
    assert_int_equal(core->stored.bytes, sums.durable_bytes);
    if (core->discarded == NULL) {
        assert_int_equal(figures.messages, sums.messages);
        assert_in_range(figures.memory - sums.memory - sums.note_keys,
                        sums.notes * sizeof(struct dedup_note),
                        sums.notes * (sizeof(struct dedup_note) + 100));
    }
}

void expect_empty(const struct core *core)
{
    struct core_figures figures = core_figures(core);

    assert_int_equal(figures.objects, 0);
    assert_int_equal(figures.sessions, 0);
    assert_int_equal(figures.connected, 0);
    assert_int_equal(figures.waits, 0);
    assert_int_equal(figures.messages, 0);
    assert_int_equal(figures.durable_messages, 0);
    assert_int_equal(figures.durable_bytes, 0);
    assert_int_equal(figures.memory, 0);
    assert_int_equal(core->slots.count, 0);
    assert_int_equal(core->timers.count, 0);
    assert_true(core->discarded == NULL);
}
