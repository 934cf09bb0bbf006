/* dump.c - the state that records make, as canonical text: equal texts, equal states.
 *
 * Everything is in order of its number, nothing in order of a hash. Left out is what no record
 * makes: connections, handles, waits, outcomes that were not recorded, and the times that begin
 * anew with a restart. With durable_only also all that is not in the journal. One fact per line,
 * indented under what it belongs to, so that a difference can be read. */
#include "broker/core/internal.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX  40 /* longer bytes are shown by their length and hash */
#define HASH_SIZE 16

struct dump {
    const struct core *core;
    struct mst_buf *out;
    bool durable_only;
    bool ok;
};

__attribute__((format(printf, 2, 3))) static void say(struct dump *dump, const char *format, ...)
{
    char line[512];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    assert(n > 0 && (size_t)n < sizeof(line));
    dump->ok &= mst_buf_append(dump->out, line, (size_t)n);
}

/* The values of a map in order; there are none if there is no memory for them. */
static void **sorted(struct dump *dump, const struct idmap *map, size_t *count_out)
{
    void **values = map->count == 0 ? NULL : idmap_sorted(map);

    *count_out = values == NULL ? 0 : map->count;
    dump->ok &= *count_out == map->count;
    return values;
}

static unsigned long long u(uint64_t number)
{
    return number;
}

static long long i(int64_t number)
{
    return number;
}

static void say_hash(struct dump *dump, struct mst_span bytes)
{
    uint8_t hash[HASH_SIZE];

    crypto_generichash(hash, sizeof(hash), bytes.data, bytes.len, NULL, 0);
    say(dump, "#%zu:", bytes.len);
    for (size_t n = 0; n < sizeof(hash); n++) {
        say(dump, "%02x", hash[n]);
    }
}

static void say_bytes(struct dump *dump, const char *name, struct mst_span bytes)
{
    say(dump, " %s=", name);
    if (bytes.data == NULL) {
        say(dump, "-");
        return;
    }
    if (bytes.len > TEXT_MAX) {
        say_hash(dump, bytes);
        return;
    }
    say(dump, "\"");
    for (size_t n = 0; n < bytes.len; n++) {
        uint8_t c = bytes.data[n];

        say(dump, c > 0x20 && c < 0x7f && c != '"' && c != '\\' ? "%c" : "\\x%02x", c);
    }
    say(dump, "\"");
}

static void say_blob(struct dump *dump, const char *name, const struct mst_blob *blob)
{
    say_bytes(dump, name, mst_blob_span(blob));
}

/* Of a body that is away no more is known than its length; where it stands is not state. */
static void say_body(struct dump *dump, const struct message *message)
{
    const struct mst_blob *blob = message_blob(message);

    if (blob != NULL && mst_blob_is_away(blob)) {
        say(dump, " body=#%u:away", (unsigned)blob->len);
    } else {
        say_bytes(dump, "body", message_body(message));
    }
}

static bool is_dumped(const struct dump *dump, const struct object *object)
{
    return object != NULL && (!dump->durable_only || object_is_durable(object));
}

/* ---- sessions ---- */

/* Which handle a get named is the connection's business, so no record tells it. */
static void say_numbers(struct dump *dump, const struct outcome *outcome, uint64_t after)
{
    bool rises = outcome->op == MST_OP_PUT && outcome->status == MST_OK;

    for (size_t n = 0; outcome->op != MST_OP_GET && n < OUTCOME_NUMBERS; n++) {
        say(dump, "%s%llu", n == 0 ? " numbers=" : ",",
            u(outcome->numbers[n] + (n == 0 && rises ? after : 0)));
    }
}

/* Of one of the requests that share it, whose deliveries begin at *at. */
static void say_entry(struct dump *dump, const struct entry *entry, uint64_t id,
                      const struct link **at)
{
    if (entry->state != ENTRY_ANSWERED || !entry->recorded ||
        (dump->durable_only && entry->seq == 0)) {
        return;
    }
    say(dump, "  outcome %llu op=%d status=%d", u(id), (int)entry->outcome.op,
        (int)entry->outcome.status);
    say_blob(dump, "cause", entry->outcome.cause);
    say_blob(dump, "value", entry->outcome.value);
    say_numbers(dump, &entry->outcome, id - entry->id);
    for (; *at != &entry->leases; *at = (*at)->next) {
        const struct lease *lease = OWNER_CONST(*at, struct lease, in_entry);

        if (lease->request != id) {
            break;
        }
        say(dump, " delivery=%llu/%llu.%lu", u(lease->queue->object.id), u(lease->message->id),
            (unsigned long)message_deliveries(lease->message));
    }
    say(dump, "\n");
}

static void say_entries(struct dump *dump, const struct session *session)
{
    size_t count;
    struct entry **entries = (struct entry **)sorted(dump, &session->entries, &count);

    for (size_t n = 0; n < count; n += entries[n]->count) {
        const struct link *at = entries[n]->leases.next;

        for (uint64_t i = 0; i < entries[n]->count; i++) {
            say_entry(dump, entries[n], entries[n]->id + i, &at);
        }
    }
    free(entries);
}

static void say_accounts(struct dump *dump, const struct session *session)
{
    size_t count;
    struct account **accounts = (struct account **)sorted(dump, &session->accounts, &count);

    for (size_t n = 0; n < count; n++) {
        if (accounts[n]->taken > 0 && is_dumped(dump, &accounts[n]->queue->object)) {
            say(dump, "  took %llu of %llu\n", u(accounts[n]->taken),
                u(accounts[n]->queue->object.id));
        }
    }
    free(accounts);
}

static void say_finished(struct dump *dump, const struct finished_ring *ring)
{
    for (size_t n = ring->count - finished_kept(ring); n < ring->count; n++) {
        const struct finished *finished = &ring->items[n % ring->cap];

        if (is_dumped(dump, object_find(dump->core, finished->object))) {
            say(dump, "  finished %llu/%llu.%llu\n", u(finished->object), u(finished->message),
                u(finished->number));
        }
    }
}

static void say_session(struct dump *dump, const struct session *session)
{
    say(dump, "session %llu%s pid=%llu ttl=%lld opened=%lld", u(session->id),
        session->ended ? " ended" : "", u(session->pid), i(session->ttl_ns), i(session->opened_ns));
    say_blob(dump, "name", session->name);
    say_blob(dump, "host", session->host);
    say_blob(dump, "identity", session->identity);
    say_bytes(dump, "secret", mst_span_of(session->secret_hash, sizeof(session->secret_hash)));
    say(dump, "\n");
    say_entries(dump, session);
    say_accounts(dump, session);
    say_finished(dump, &session->finished[0]);
    say_finished(dump, &session->finished[1]);
}

static void say_sessions(struct dump *dump)
{
    size_t count;
    struct session **sessions = (struct session **)sorted(dump, &dump->core->sessions, &count);

    for (size_t n = 0; n < count; n++) {
        say_session(dump, sessions[n]);
    }
    free(sessions);
}

/* ---- queues ---- */

static void say_lease(struct dump *dump, const struct lease *lease)
{
    say(dump, " lease session=%llu%s mode=%d%s%s time=%lld", u(lease->session_id),
        lease->session == NULL ? " gone" : "", (int)lease->mode, lease->detached ? " detached" : "",
        lease->taken ? " taken" : "", i(lease->lease_ns));
    say_blob(dump, "holder", lease_holder(lease));
}

static void say_extra(struct dump *dump, const struct message *message)
{
    const struct extra *extra = message_extra(message);

    if (extra == NULL) {
        return;
    }
    say(dump, " expires=%lld ready=%lld", i(extra->expires_ns), i(extra->ready_ns));
    say_blob(dump, "headers", extra->headers);
    if (extra->dead != NULL) {
        say(dump, " was=%llu deliveries=%llu put=%lld died=%lld", u(extra->dead->id),
            u(extra->dead->deliveries), i(extra->dead->put_wall_ns), i(extra->dead->died_wall_ns));
        say_blob(dump, "cause", extra->dead->cause);
        say_blob(dump, "queue", extra->dead->queue);
        say_blob(dump, "holder", extra->dead->holder);
    }
}

static void say_message(struct dump *dump, const struct message *message)
{
    static const char *const states[] = {"ready", "leased", "delayed"};

    say(dump, "  message %llu %s priority=%lld put=%lld deliveries=%lu counted=%lu", u(message->id),
        states[message->state], i(message_priority(message)), i(message_put_ns(message)),
        (unsigned long)message_deliveries(message), (unsigned long)message_counted(message));
    say_body(dump, message);
    say_extra(dump, message);
    if (message_lease(message) != NULL) {
        say_lease(dump, message_lease(message));
    }
    say(dump, "\n");
}

static void say_messages(struct dump *dump, const struct queue *queue)
{
    size_t count;
    struct message **messages = (struct message **)sorted(dump, &queue->messages, &count);

    for (size_t n = 0; n < count; n++) {
        say_message(dump, messages[n]);
    }
    free(messages);
}

/* The order of delivery is state of its own. */
static void say_order(struct dump *dump, const struct queue *queue)
{
    struct pile_walk walk = pile_walk(&queue->ready, NULL);
    const struct message *message;

    say(dump, "  order");
    while ((message = pile_next(&queue->ready, &walk)) != NULL) {
        say(dump, " %llu", u(message->id));
    }
    say(dump, "\n");
}

static void say_dedup(struct dump *dump, const struct queue *queue)
{
    for (const struct link *l = queue->dedup_order.next; l != &queue->dedup_order; l = l->next) {
        const struct dedup_note *note = OWNER_CONST(l, struct dedup_note, in_order);

        say(dump, "  dedup message=%llu at=%lld", u(note->message), i(note->at_ns));
        say_blob(dump, "key", note->key);
        say(dump, "\n");
    }
}

static void say_queue(struct dump *dump, const struct queue *queue)
{
    say(dump, "  counts ready=%zu leased=%llu delayed=%llu bytes=%llu unfinished=%llu next=%llu",
        queue->ready.count, u(queue->leased), u(queue->delayed), u(queue->kept_bytes),
        u(queue->unfinished), u(queue->next_id));
    say(dump, " puts=%llu gets=%llu returns=%llu duplicates=%llu paused=%u%s%s%s\n", u(queue->puts),
        u(queue->gets), u(queue->returns), u(queue->duplicates), queue->paused,
        queue->shut ? " shut" : "", queue->shut_now ? " now" : "", queue->is_dead ? " dead" : "");
    for (int n = 0; n < MST_TALLY_COUNT; n++) {
        say(dump, "%s %s=%llu/%llu", n == 0 ? "  tallies" : "", mst_tally_names[n],
            u(queue->tallies[n]), u(queue->totals[n]));
    }
    say(dump, "\n");
    say_messages(dump, queue);
    say_order(dump, queue);
    say_dedup(dump, queue);
}

/* ---- events and barriers ---- */

static void say_event(struct dump *dump, const struct event_object *event)
{
    say(dump, "  event %s generation=%llu\n", event->set ? "set" : "clear", u(event->generation));
}

static void say_barrier(struct dump *dump, const struct barrier *barrier)
{
    static const char *const phases[] = {"filling", "acting", "broken"};

    say(dump, "  barrier %s generation=%llu arrived=%llu leader=%llu/%llu", phases[barrier->phase],
        u(barrier->generation), u(barrier->arrived), u(barrier->leader),
        u(barrier->leader_request));
    say_blob(dump, "cause", barrier->cause);
    say(dump, "\n");
    for (const struct link *l = barrier->parties.next; l != &barrier->parties; l = l->next) {
        const struct barrier_party *party = OWNER_CONST(l, struct barrier_party, in_barrier);

        say(dump, "  party %llu session=%llu request=%llu\n", u(party->index), u(party->session),
            u(party->request));
    }
}

/* ---- objects ---- */

static void say_object(struct dump *dump, const struct object *object)
{
    say(dump, "object %llu %s%s version=%llu created=%lld", u(object->id),
        mst_kind_names[object->kind], object->by_use ? " by use" : "", u(object->version),
        i(object->created_ns));
    say_bytes(dump, "name", object_name(object));
    for (int n = 0; n < SETTINGS_COUNT; n++) {
        say(dump, " %s=%lld", setting_name((enum setting_code)n),
            i(setting(object, (enum setting_code)n)));
    }
    say(dump, "\n");
    if (kind_is_queue(object->kind)) {
        say_queue(dump, (const struct queue *)object);
    } else if (object->kind == MST_KIND_EVENT) {
        say_event(dump, (const struct event_object *)object);
    } else {
        say_barrier(dump, (const struct barrier *)object);
    }
}

bool core_dump(const struct core *core, bool durable_only, struct mst_buf *out)
{
    struct dump dump = {core, out, durable_only, true};
    size_t count;
    struct object **objects = (struct object **)sorted(&dump, &core->objects, &count);

    if (!durable_only) {
        say(&dump, "next object=%llu session=%llu message=%llu\n", u(core->next_object),
            u(core->next_session), u(core->next_message));
    }
    say_sessions(&dump);
    for (size_t n = 0; n < count; n++) {
        if (is_dumped(&dump, objects[n])) {
            say_object(&dump, objects[n]);
        }
    }
    free(objects);
    return dump.ok;
}
