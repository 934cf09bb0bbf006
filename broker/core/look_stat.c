/* look_stat.c - all facts of one object, who holds something of it and who waits there.
 *
 * A fact is a name with a number or a text. Settings come first, under their own names, then what
 * is true now, then the counters. Everything only reads; rows are in the step's arena. */
#include "broker/core/internal.h"

#include <assert.h>

#define FACTS_MAX 64
#define WHO_MAX   1000

struct stat {
    struct step *step;
    struct mst_reply *reply;
    const struct place **places; /* room for the longest line of the object */
};

/* ---- facts ---- */

static struct mst_fact *fact_add(struct stat *stat, const char *name)
{
    struct mst_fact *fact = &stat->reply->facts[stat->reply->facts_count];

    assert(stat->reply->facts_count < FACTS_MAX);
    stat->reply->facts_count++;
    fact->name = mst_span_text(name);
    return fact;
}

static void add_number(struct stat *stat, const char *name, int64_t number)
{
    fact_add(stat, name)->number = number;
}

static void add_count(struct stat *stat, const char *name, uint64_t count)
{
    add_number(stat, name, count > INT64_MAX ? INT64_MAX : (int64_t)count);
}

static void add_text(struct stat *stat, const char *name, struct mst_span text)
{
    struct mst_fact *fact = fact_add(stat, name);

    fact->is_text = true;
    fact->text = text;
}

static bool setting_is_of(enum setting_code code, enum mst_kind kind)
{
#define QUEUES   QUEUE_KINDS
#define EVENTS   KIND_MASK(MST_KIND_EVENT)
#define BARRIERS KIND_MASK(MST_KIND_BARRIER)
#define ALL      ANY_KIND
    static const unsigned kinds[SETTINGS_COUNT] = {
#define SETTING(code, name, type, kinds, absent, change, help) [SETTING_##code] = kinds,
#include "protocol/settings.def"
#undef SETTING
    };
    return (kinds[code] & KIND_MASK(kind)) != 0;
}

static void add_settings(struct stat *stat, const struct object *object)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (setting_is_of((enum setting_code)i, object->kind)) {
            add_number(stat, setting_name((enum setting_code)i),
                       setting(object, (enum setting_code)i));
        }
    }
}

static void add_common(struct stat *stat, const struct object *object)
{
    add_count(stat, "version", object->version);
    add_number(stat, "age_ns", stat->step->core->now_ns - object->created_ns);
}

static const char *side_name(unsigned sides)
{
    switch (sides) {
    case MST_SIDE_PUT: return "put";
    case MST_SIDE_GET: return "get";
    case MST_SIDE_BOTH: return "both";
    default: return "none";
    }
}

static void add_queue(struct stat *stat, const struct queue *queue)
{
    add_count(stat, "ready", queue->ready.count);
    add_count(stat, "leased", queue->leased);
    add_count(stat, "delayed", queue->delayed);
    add_count(stat, "kept", queue_kept(queue));
    add_count(stat, "unfinished", queue->unfinished);
    add_count(stat, "bytes", queue->kept_bytes);
    add_number(stat, "oldest_age_ns", queue_oldest_age(queue, stat->step->core->now_ns));
    add_count(stat, "waiting_getters", queue->getters.count);
    add_count(stat, "waiting_putters", queue->putters.count);
    add_count(stat, "waiting_joiners", queue->joiners.count);
    add_text(stat, "paused", mst_span_text(side_name(queue->paused)));
    add_count(stat, "shutdown", queue->shut ? 1 : 0);
    add_count(stat, "puts", queue->puts);
    add_count(stat, "gets", queue->gets);
    add_count(stat, "returns", queue->returns);
    add_count(stat, "duplicates", queue->duplicates);
    for (int i = 0; i < MST_TALLY_COUNT; i++) {
        add_count(stat, mst_tally_names[i], queue->totals[i]);
    }
}

static void add_event(struct stat *stat, const struct event_object *event)
{
    add_count(stat, "set", event->set ? 1 : 0);
    add_count(stat, "generation", event->generation);
    add_count(stat, "waiting", event->waiters.count);
}

static void add_barrier(struct stat *stat, const struct barrier *barrier)
{
    add_count(stat, "n_waiting", barrier->arrived);
    add_count(stat, "waiting", barrier->waiters.count);
    add_count(stat, "broken", barrier->phase == BARRIER_BROKEN ? 1 : 0);
    add_text(stat, "cause",
             barrier->cause == NULL ? mst_span_text("") : mst_blob_span(barrier->cause));
    add_count(stat, "generation", barrier->generation);
    add_count(stat, "acting", barrier->phase == BARRIER_ACTING ? 1 : 0);
}

/* ---- who ---- */

static struct mst_party *who_add(struct stat *stat, const char *role, int64_t began_ns)
{
    struct mst_party *party;

    if (stat->reply->who_count == WHO_MAX) {
        return NULL;
    }
    party = &stat->reply->who[stat->reply->who_count++];
    party->role = mst_span_text(role);
    party->since_ns = stat->step->core->now_ns - began_ns;
    return party;
}

static void who_session(struct mst_party *party, const struct session *session)
{
    party->name = mst_blob_span(session->name);
    party->host = mst_blob_span(session->host);
    party->pid = session->pid;
    party->session = session->id;
    party->connected = session->conn != 0;
}

/* The holder of a detached lease may be gone: then its label, name@host:pid, is all there is. */
static void who_label(struct mst_party *party, struct mst_span label)
{
    size_t at = label.len;
    size_t colon;

    while (at > 0 && label.data[at - 1] != ':') {
        at--;
    }
    colon = at == 0 ? label.len : at - 1;
    for (size_t i = at; i < label.len && at > 0; i++) {
        party->pid = party->pid * 10 + (uint64_t)(label.data[i] - '0');
    }
    for (at = colon; at > 0 && label.data[at - 1] != '@';) {
        at--;
    }
    party->name = at == 0 ? label : mst_span_of(label.data, at - 1);
    party->host = at == 0 ? MST_SPAN_NONE : mst_span_of(label.data + at, colon - at);
}

static void add_holders(struct stat *stat, const struct queue *queue)
{
    for (const struct link *l = queue->leases.next; l != &queue->leases; l = l->next) {
        const struct lease *lease = OWNER_CONST(l, struct lease, in_queue);
        const struct session *session = session_find(stat->step->core, lease->session_id);
        struct mst_party *party = who_add(stat, "holds", lease->since_ns);

        if (party == NULL) {
            return;
        }
        if (session != NULL) {
            who_session(party, session);
        } else {
            who_label(party, mst_blob_span(lease_holder(lease)));
            party->session = lease->session_id;
        }
        party->detail = step_printf(stat->step, "%llu.%lu", (unsigned long long)lease->message->id,
                                    (unsigned long)message_deliveries(lease->message));
    }
}

/* Messages taken in mode auto have left the queue, but a join waits until they are done. When each
 * of them was taken is not kept. */
static void add_takers(struct stat *stat, const struct queue *queue)
{
    for (const struct link *l = queue->accounts.next; l != &queue->accounts; l = l->next) {
        const struct account *account = OWNER_CONST(l, struct account, in_queue);
        struct mst_party *party = account->taken > 0 ? who_add(stat, "took", 0) : NULL;

        if (party != NULL) {
            who_session(party, account->session);
            party->since_ns = -1;
            party->detail = step_printf(stat->step, "%llu", (unsigned long long)account->taken);
        }
    }
}

static int by_seq(const void *a, const void *b)
{
    const struct place *left = *(const struct place *const *)a;
    const struct place *right = *(const struct place *const *)b;

    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* Each of its requests. */
static void add_waiting(struct stat *stat, const struct wait *wait, const char *role)
{
    for (uint64_t i = 0; i < wait->entry->count; i++) {
        struct mst_party *party = who_add(stat, role, wait->since_ns);

        if (party == NULL) {
            return;
        }
        who_session(party, wait->session);
    }
}

/* Those who were passed over stand outside the list, so the line is put together by sequence. */
static void add_line(struct stat *stat, const struct line *line, const char *role)
{
    const struct place **places = stat->places;
    size_t n = 0;

    for (const struct link *l = line->places.next; l != &line->places; l = l->next) {
        places[n++] = OWNER_CONST(l, struct place, link);
    }
    for (const struct link *l = line->aside.next; l != &line->aside; l = l->next) {
        places[n++] = OWNER_CONST(l, struct place, link);
    }
    for (uint32_t i = 0; i < line->returned.count; i++) {
        places[n++] = OWNER_CONST(line->returned.items[i], struct place, node);
    }
    qsort(places, n, sizeof(struct place *), by_seq);
    for (size_t i = 0; i < n; i++) {
        add_waiting(stat, places[i]->wait, role);
    }
}

/* Parties that have not come back since a restart hold the barrier up, so they are shown too. */
static void add_parties(struct stat *stat, const struct barrier *barrier)
{
    const struct core *core = stat->step->core;

    for (const struct link *l = barrier->parties.next; l != &barrier->parties; l = l->next) {
        const struct barrier_party *party = OWNER_CONST(l, struct barrier_party, in_barrier);
        struct session *session = session_find(core, party->session);
        const struct entry *entry = entry_find(session, party->request);
        bool leads = barrier_party_leads(party);
        struct mst_party *who;

        if (!leads && entry != NULL && entry->wait != NULL) {
            continue;
        }
        who = who_add(stat, leads ? "leads" : "waits",
                      leads ? barrier->acting_since_ns : core->now_ns);
        if (who != NULL) {
            who_session(who, session);
        }
    }
}

static size_t longest_line(const struct object *object)
{
    const struct queue *queue = (const struct queue *)object;
    size_t longest;

    if (object->kind == MST_KIND_EVENT) {
        return ((const struct event_object *)object)->waiters.count;
    }
    if (!kind_is_queue(object->kind)) {
        return ((const struct barrier *)object)->waiters.count;
    }
    longest = queue->getters.count;
    longest = longest > queue->putters.count ? longest : queue->putters.count;
    return longest > queue->joiners.count ? longest : queue->joiners.count;
}

void decide_stat(struct step *step, struct session *session, const struct mst_request *request)
{
    const struct object *object =
        handle_object(step, session, request, request->handle, ANY_KIND, MST_KIND_NONE);
    struct mst_arena *arena = &step->effects->arena;
    struct stat stat = {.step = step};
    struct mst_fact *facts;
    struct mst_party *who;

    if (object == NULL) {
        return;
    }
    facts = mst_arena_take(arena, FACTS_MAX * sizeof(*facts));
    who = mst_arena_take(arena, WHO_MAX * sizeof(*who));
    stat.places = mst_arena_take(arena, (longest_line(object) + 1) * sizeof(*stat.places));
    if (facts == NULL || who == NULL || stat.places == NULL) {
        refuse(step, session, request, MST_NO_MEMORY, MST_SPAN_NONE);
        return;
    }
    stat.reply = answer_read(step, session, step->object, request);
    stat.reply->kind = (uint64_t)object->kind;
    stat.reply->facts = facts;
    stat.reply->who = who;
    add_settings(&stat, object);
    if (kind_is_queue(object->kind)) {
        const struct queue *queue = (const struct queue *)object;

        add_queue(&stat, queue);
        add_holders(&stat, queue);
        add_takers(&stat, queue);
        add_line(&stat, &queue->getters, "gets");
        add_line(&stat, &queue->putters, "puts");
        add_line(&stat, &queue->joiners, "joins");
    } else if (object->kind == MST_KIND_EVENT) {
        const struct event_object *event = (const struct event_object *)object;

        add_event(&stat, event);
        add_line(&stat, &event->waiters, "waits");
    } else {
        const struct barrier *barrier = (const struct barrier *)object;

        add_barrier(&stat, barrier);
        add_parties(&stat, barrier);
        add_line(&stat, &barrier->waiters, "waits");
    }
    add_common(&stat, object);
}
