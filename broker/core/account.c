/* account.c - what a session took from a queue in auto mode, and which deliveries it finished. */
#include "broker/core/internal.h"

struct account *session_account(struct core *core, struct session *session, struct queue *queue)
{
    struct account *account = idmap_get(&session->accounts, queue->object.id);

    if (account != NULL) {
        return account;
    }
    NEED(core, (account = calloc(1, sizeof(*account))) != NULL);
    NEED(core, idmap_set(&session->accounts, queue->object.id, account));
    account->session = session;
    account->queue = queue;
    list_insert(&queue->accounts, &account->in_queue);
    return account;
}

void account_drop_if_idle(struct core *core, struct account *account)
{
    (void)core;
    if (account->taken > 0 || account->blocked > 0) {
        return;
    }
    idmap_remove(&account->session->accounts, account->queue->object.id);
    list_remove(&account->in_queue);
    free(account);
}

void accounts_clear(struct session *session)
{
    void *page[IDMAP_PAGE];
    size_t at = 0;
    size_t n;

    while ((n = idmap_take_page(&session->accounts, &at, page)) > 0) {
        for (size_t i = 0; i < n; i++) {
            struct account *account = page[i];

            list_remove(&account->in_queue);
            free(account);
        }
    }
}

_Static_assert((MST_FINISHED_REMEMBERED & (MST_FINISHED_REMEMBERED - 1)) == 0,
               "the ring has a power of two of places, whose numbers are the low bits of a count");

/* The memory of finished deliveries is a ring that grows to its full size only when it is needed.
 */
void session_remember_done(struct core *core, struct session *session, bool is_durable,
                           uint64_t object, uint64_t message, uint64_t number)
{
    struct finished_ring *ring = &session->finished[is_durable];

    if (ring->count == ring->cap && ring->cap < MST_FINISHED_REMEMBERED) {
        size_t cap = ring->cap == 0 ? 16 : ring->cap * 2;
        struct finished *grown;

        NEED(core, (grown = realloc(ring->items, cap * sizeof(*grown))) != NULL);
        ring->items = grown;
        ring->cap = cap;
    }
    if (is_durable && ring->count < ring->cap) {
        core->stored.bytes += STORED_FINISHED;
    }
    ring->items[ring->count & (ring->cap - 1)] = (struct finished){object, message, number};
    ring->count++;
}

size_t finished_kept(const struct finished_ring *ring)
{
    return ring->count < ring->cap ? ring->count : ring->cap;
}

bool session_has_done(const struct session *session, const struct object *object, uint64_t message,
                      uint64_t number)
{
    const struct finished_ring *ring = &session->finished[object_is_durable(object)];
    size_t n = finished_kept(ring);

    for (size_t i = 0; i < n; i++) {
        const struct finished *f = &ring->items[i];

        if (f->message == message && f->object == object->id && f->number == number) {
            return true;
        }
    }
    return false;
}
