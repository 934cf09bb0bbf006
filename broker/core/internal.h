/* internal.h - what the files of broker/core offer one another, by file.
 *
 * decide_X carries out one request: it makes records and ends in exactly one outcome per request id
 * (outcome_record, refuse or answer_read) or in a wait. apply_X carries out one record, whose
 * session, objects and messages are there: whoever decided saw them, and recovery asked
 * record_makes_sense. */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "broker/core/record.h"
#include "broker/core/state.h"

#include <stdlib.h>

/* ---- memory.c: what happens when there is none ----
 *
 * The rule. Whoever decides may be refused memory, and refuses the request with NO_MEMORY; all that
 * grows with what a client sent is taken there: bodies (put_list_new), and room for them
 * (memory_for_put). Whoever carries out a record, or makes a reply, cannot stop half-way: it NEEDs
 * its memory, and is given what was set aside. While that is not whole again the broker is short of
 * memory: what adds is refused with NO_MEMORY (memory_refuses), what gives back goes on. */

/* Tries until it is true; in between a part of what was set aside goes to the allocator. `got` is
 * an allocation, or a call that takes memory and may be tried again. */
#define NEED(core, got)                                                                            \
    while (!(got)) {                                                                               \
        memory_spend(core);                                                                        \
    }

void memory_spend(struct core *core); /* ends the process if nothing is left */
/* Is memory short? What was set aside is taken back as far as it can be had. */
bool memory_is_short(struct core *core);
bool memory_is_low(const struct core *core); /* not even half of it is left */
/* The values of a map in order, which the caller frees; NULL: it is empty. */
void **memory_sorted(struct core *core, const struct idmap *map);
/* Refuses a request that the broker has no memory for now; or hangs up when not even a refusal can
 * be afforded. */
bool memory_refuses(struct step *step, struct session *session, const struct mst_request *request);
/* Room in the queue, and for the record, for what is to be put. false: out of memory. */
bool memory_for_put(struct step *step, struct queue *queue, const struct put_list *put);
extern const char *const memory_is_used_up;

/* ---- effects.c: replies and records of a step ---- */

/* A record is made with record_of, filled, and carried out with step_record, which numbers it when
 * durable is true, applies it, and hands it to the journal. */
struct record record_of(const struct step *step, enum record_kind what);
/* The same where it stands, for the records of each put, get and finish: it is large. */
void record_begin(struct record *record, const struct step *step, enum record_kind what);
void step_record(struct step *step, struct record *record, bool durable);
/* The same for a record about an object, which it names; durable if the object is. */
void object_record(struct step *step, struct object *object, struct record *record);

struct effect *effects_reply(struct step *step, uint64_t conn, enum mst_op op, uint64_t id);
void effects_close(struct step *step, uint64_t conn, const char *why);
void effects_reset(struct effects *effects);
void effects_finish(
    struct effects *effects); /* the step is over: bodies nobody keeps are left out */
void *step_take(struct step *step, size_t size);     /* zeroed, until the step's effects are done */
void *step_take_raw(struct step *step, size_t size); /* the same, not zeroed */
struct mst_span step_printf(struct step *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- entry.c: runs of requests ---- */

/* The entry that the request shares with others; NULL: it has none. */
struct entry *entry_find(struct session *session, uint64_t id);
/* The entry of `count` requests from id on, which are being carried out, and of no others: one they
 * all share already, or, if none of them has one, a new one. Never NULL. */
struct entry *entry_ensure(struct core *core, struct session *session, uint64_t id, uint64_t count);
/* Cuts out of an entry what these of its requests have: the entry of them alone. */
struct entry *entry_part(struct core *core, struct session *session, struct entry *entry,
                         uint64_t id, uint64_t count);
void entries_part_all(struct core *core, struct session *session); /* into single requests */
/* The delivery is on the way in the reply to lease->request, one of the entry's. */
void entry_lend(struct entry *entry, struct lease *lease);
void entry_drop(struct core *core, struct session *session, struct entry *entry);

/* ---- outcome.c: what requests are answered ---- */

/* Ends `count` requests from id on, alike, with a record: for what changed state. numbers may be
 * NULL (PUT: numbers[0], the first message id, rises by one per request). */
void outcome_record(struct step *step, struct session *session, struct object *object, uint64_t id,
                    uint64_t count, enum mst_op op, enum mst_status status, struct mst_span cause,
                    struct mst_span value, const uint64_t *numbers, size_t numbers_count);
/* The most common form: OK, one request, no numbers but "durable". */
void outcome_ok(struct step *step, struct session *session, struct object *object,
                const struct mst_request *request);
/* Ends requests without a record: refusals, and waits that end without changing anything. */
void refuse(struct step *step, struct session *session, const struct mst_request *request,
            enum mst_status status, struct mst_span cause);
void outcome_volatile(struct step *step, struct session *session, uint64_t id, uint64_t count,
                      enum mst_op op, enum mst_status status, struct mst_span cause,
                      const uint64_t *numbers, size_t numbers_count);
/* A reply that only reads: fill what is returned. It speaks of object, or of all (NULL). */
struct mst_reply *answer_read(struct step *step, struct session *session, struct object *object,
                              const struct mst_request *request);
/* Sends the entry's outcome if its session is connected, merged with the reply before if it fits.
 */
void answer_entry(struct step *step, struct session *session, struct entry *entry);
void apply_outcome(struct core *core, const struct record *record);

/* ---- timers.c ---- */

void timer_init(struct timer *timer, enum timer_kind kind);
/* Arms or moves; MST_FOREVER disarms. */
void timer_set(struct core *core, struct timer *timer, int64_t at_ns);
void timer_cancel(struct core *core, struct timer *timer);
/* Arms it as it was armed once: seq tells its place among others of the same time. */
void timer_restore(struct core *core, struct timer *timer, int64_t at_ns, uint64_t seq);
static inline bool timer_armed(const struct timer *timer)
{
    return heap_holds(&timer->node);
}
/* Carries out up to TIMERS_PER_TICK of what is due. */
void timers_run(struct step *step);
bool timer_before(const struct heap_node *a, const struct heap_node *b);
/* now + duration without overflow; MST_FOREVER stays. */
int64_t time_after(int64_t now_ns, int64_t duration_ns);

/* ---- line.c: waits and places ---- */

void line_init(struct line *line);
void line_clear(struct line *line);
void line_enter(struct core *core, struct line *line, struct place *place);
void line_leave(struct place *place);
/* The first place whose session is connected (connected_only) or simply the first; or NULL. */
struct place *line_first(struct line *line, bool connected_only);
void line_come_back(struct core *core, struct place *place); /* its session is connected again */
void wait_come_back(struct core *core, struct wait *wait);   /* its request was sent again */

/* A wait for `count` requests from id on (one, or gets of one message each), in no line yet, its
 * timer armed; their entry then WAITS. NULL: over the limit of waits or out of memory (then refuse
 * with LIMIT or NO_MEMORY: *refusal_out). */
struct wait *wait_new(struct step *step, struct session *session, const struct mst_request *request,
                      uint64_t id, uint64_t count, enum wait_kind kind, int64_t timeout_ns,
                      enum mst_status *refusal_out);
/* Its first requests now have an entry of their own: they get a wait that stands in front of it. */
void wait_cut_front(struct core *core, struct wait *wait, struct entry *entry);
/* Takes the wait out of its lines, timer and session and frees it. The entry stays. */
void wait_free(struct core *core, struct wait *wait);
/* Ends the wait without a record (TIMEOUT, CANCELLED, SHUTDOWN, GONE, UNAVAILABLE, ...) and
 * answers. */
void wait_end(struct step *step, struct wait *wait, enum mst_status status, struct mst_span cause);
/* An object in whose line it stands. */
struct object *wait_object(const struct wait *wait);
/* Its time is up, or its client asks for a verdict: by kind. */
void wait_expire(struct step *step, struct wait *wait, enum mst_status status);
/* Ends every wait in the line alike. */
void line_end_all(struct step *step, struct line *line, enum mst_status status,
                  struct mst_span cause);

/* ---- names.c: slots, handles, objects ---- */

void decide_open(struct step *step, struct session *session, const struct mst_request *request);
void handles_clear(struct core *core, struct session *session);
/* Whether the client may; permitted refuses what it may not, with DENIED. */
bool may(const struct step *step, enum mst_verb verb, struct mst_span name);
bool permitted(struct step *step, struct session *session, const struct mst_request *request,
               enum mst_verb verb, struct mst_span name);
/* The disk is full: refused, as all that would add to what is durable. */
bool no_space(struct step *step, struct session *session, const struct mst_request *request);
extern const char *const storage_is_full;
/* The slot behind a handle; NULL: refused already. */
struct slot *handle_slot(struct step *step, struct session *session,
                         const struct mst_request *request, uint64_t handle);
/* The object behind a handle for an operation of a family: one of the kinds in the mask
 * (KIND_MASK(kind)); a missing one is made as `make` when make is not NONE and the broker is not
 * strict. NULL: refused already (PROTOCOL, VALUE, DENIED, NOT_FOUND, CONFLICT, LIMIT). */
#define KIND_MASK(kind) (1u << (kind))
#define QUEUE_KINDS                                                                                \
    (KIND_MASK(MST_KIND_FIFO) | KIND_MASK(MST_KIND_LIFO) | KIND_MASK(MST_KIND_PRIORITY))
#define ANY_KIND (QUEUE_KINDS | KIND_MASK(MST_KIND_EVENT) | KIND_MASK(MST_KIND_BARRIER))
struct object *handle_object(struct step *step, struct session *session,
                             const struct mst_request *request, uint64_t handle, unsigned kinds,
                             enum mst_kind make);
bool name_is_reserved(struct mst_span name); /* for dead letters */
/* Why an object of the kind cannot bear the name; NULL: it can. */
const char *name_problem(const struct slot *slot, enum mst_kind kind);
struct object *object_find(const struct core *core, uint64_t id);
struct object *object_by_name(struct core *core, struct mst_span name);
struct slot *slot_intern(struct core *core, struct mst_span name); /* NULL: out of memory */
extern const struct sorted_order by_name;                          /* of slots */
void slot_release(struct core *core, struct slot *slot);           /* frees it if nobody needs it */
/* Makes an object through a record. NULL: out of memory. */
struct object *object_create(struct step *step, struct slot *slot, enum mst_kind kind,
                             const struct settings *settings, bool by_use);
void object_touch(struct core *core, struct object *object);      /* it was used now */
void object_mark_dirty(struct core *core, struct object *object); /* core_settle will look at it */
void object_idle_due(struct step *step, struct object *object);
bool object_in_use(struct object *object);
struct mst_span object_name(const struct object *object);
void decide_remove(struct step *step, struct session *session, const struct mst_request *request);
void object_remove(struct step *step, struct object *object);
void apply_create(struct core *core, const struct record *record);
void apply_remove(struct core *core, const struct record *record);
void object_forget(struct core *core, struct object *object); /* takes it out, and frees it */
void object_free(struct core *core, struct object *object);

/* ---- settings.c ---- */

struct settings settings_default(const struct core *core, enum mst_kind kind);
static inline int64_t setting(const struct object *object, enum setting_code code)
{
    return object->settings.values[code];
}
static inline bool object_is_durable(const struct object *object)
{
    return setting(object, SETTING_DURABLE) == 1;
}
const char *setting_name(enum setting_code code);
void decide_declare(struct step *step, struct session *session, const struct mst_request *request);
void decide_update(struct step *step, struct session *session, const struct mst_request *request);
void apply_update(struct core *core, const struct record *record);

/* ---- session.c: opening, losing the connection, ending ---- */

void session_hello(struct step *step);
void session_lost(struct step *step);
void session_expel(struct step *step);
/* Withdraws its waits and marks it ended; teardown then returns what it held, in slices. */
void session_end(struct step *step, struct session *session);
bool session_teardown(struct step *step, struct session *session); /* a slice; true: gone */
void session_due(struct step *step, struct session *session);
struct session *session_find(const struct core *core, uint64_t id);
void session_welcome(struct step *step, struct session *session, enum mst_op op,
                     struct mst_span secret);
void session_disconnect(struct step *step, struct session *session);
void session_connect(struct step *step, struct session *session);
void apply_session(struct core *core, const struct record *record);
void session_free(struct core *core, struct session *session);
struct mst_blob *text_blob(struct core *core, struct mst_span span); /* of none: an empty one */

/* ---- requests.c: what a session's connection brings ---- */

void session_resume(struct step *step);
void session_request(struct step *step);
/* How many ids the frame stands for; 0: for none, for too many, or for some past the last number,
 * which is PROTOCOL and never decided. */
uint64_t request_ids(const struct mst_request *request);
void session_confirm(struct step *step);
void apply_confirm(struct core *core, const struct record *record);
void apply_abandon(struct core *core, const struct record *record);

/* ---- account.c: what a session took in auto mode, what it finished ---- */

struct account *session_account(struct core *core, struct session *session, struct queue *queue);
void account_drop_if_idle(struct core *core, struct account *account);
void accounts_clear(struct session *session); /* whatever they say: the core ends */
void session_remember_done(struct core *core, struct session *session, bool is_durable,
                           uint64_t object, uint64_t message, uint64_t number);
size_t finished_kept(const struct finished_ring *ring); /* so many of the last are in it */
bool session_has_done(const struct session *session, const struct object *object, uint64_t message,
                      uint64_t number);

/* ---- who.c: sessions as others see them ---- */

void decide_sessions(struct step *step, struct session *session, const struct mst_request *request);
void decide_backup(struct step *step, struct session *session, const struct mst_request *request);
void decide_kill(struct step *step, struct session *session, const struct mst_request *request);

/* ---- pile.c: the ready messages of a queue ---- */

void pile_init(struct pile *pile, enum mst_kind kind, struct idmap *messages);
void pile_clear(struct pile *pile);
/* The latest id so far. */
void pile_arrive(struct core *core, struct pile *pile, struct message *message);
/* Takes its own place. */
void pile_return(struct core *core, struct pile *pile, struct message *message);
void pile_remove(struct pile *pile, struct message *message);
struct message *pile_first(const struct pile *pile);  /* next to be delivered, or NULL */
struct message *pile_oldest(const struct pile *pile); /* smallest id, or NULL */
/* A walk in order of delivery, behind `after` (NULL: from the first); true until the pile changes.
 */
struct pile_walk {
    struct message *listed, *back; /* the next of the list, and of what came back */
    struct sorted_at at;
};
struct pile_walk pile_walk(const struct pile *pile, const struct message *after);
struct message *pile_next(const struct pile *pile, struct pile_walk *walk); /* NULL: the last was */
int64_t queue_oldest_age(const struct queue *queue, int64_t now_ns); /* of the ready; 0: none */

/* ---- figures.c: what is counted for metrics ---- */

bool figures_attach(struct core *core, struct queue *queue); /* false: out of memory */
void figures_detach(struct core *core, struct queue *queue);
void figures_begin_anew(struct core *core);
void figures_step_over(struct core *core, const struct object *object); /* it is being removed */

/* ---- message.c ---- */

struct message_made {
    uint64_t id;
    int64_t priority;
    int64_t put_ns;
    struct mst_span body; /* of at most MESSAGE_BODY_INSIDE_MAX; or a blob is given */
};
/* A message in the queue's map, READY but in no pile yet. A blob's reference is taken over, and the
 * caller's pointer nulled; NULL: made->body is the body. */
struct message *message_new(struct core *core, struct queue *queue, const struct message_made *made,
                            struct mst_blob **blob);
/* Frees a message that is in no pile and has no lease; core->memory and counts follow. */
void message_free(struct core *core, struct queue *queue, struct message *message);
void message_release(struct core *core, struct message *message); /* that is in no queue */
uint64_t message_charge(const struct message *message);
/* What a delivery of it takes in a frame, or a little more. */
uint64_t message_frame_bytes(const struct message *message);
struct extra *message_extra_ensure(struct core *core, struct queue *queue, struct message *message);
void message_set_counts(struct core *core, struct queue *queue, struct message *message,
                        uint32_t deliveries, uint32_t counted);
void message_arm(struct core *core, struct message *message);
/* The delivery's body, priority, age, ... as a reply shows them. */
void delivery_fill(struct step *step, const struct message *message, struct mst_delivery *out);

/* ---- put_list.c ---- */

#define MESSAGE_COST 200u /* what a message is reckoned at beyond its body, before it exists */

/* The bodies from .. from+count-1 of a request, and what else it says of them; to be kept beyond
 * the step or not. NULL: out of memory. */
struct put_list *put_list_new(const struct queue *queue, const struct mst_request *request,
                              size_t from, size_t count, bool kept);
void put_list_free(struct put_list **put);

/* ---- lease.c ---- */

/* The message goes to the request, as the record of the grant has it. */
struct lease *lease_new(struct core *core, struct queue *queue, struct session *session,
                        struct entry *entry, uint64_t request, struct message *message,
                        const struct record *record);
/* The message is READY again, but in no pile. */
void lease_free(struct core *core, struct lease *lease);
/* The same for the lease of a message, if it has one, and the queue counts one less. */
void message_unlease(struct core *core, struct queue *queue, struct message *message);
void lease_taken(struct core *core, struct lease *lease, const struct record *record);
/* The label of the session that has it, or had it when it let go. */
static inline struct mst_blob *lease_holder(const struct lease *lease)
{
    return lease->session != NULL ? lease->session->label : lease->holder;
}

/* ---- queue.c, queue_put.c, queue_get.c, queue_done.c, queue_admin.c, dead.c, dedup.c ---- */

struct queue *queue_new(struct core *core, enum mst_kind kind, uint64_t first_id);
void queue_free(struct core *core, struct queue *queue);
void queue_apply_settings(struct queue *queue, enum mst_kind kind);
void queue_settle(struct step *step, struct queue *queue);
bool queue_has_room(const struct queue *queue, uint64_t messages, uint64_t bytes);
bool queue_drained(const struct queue *queue);
void queue_finish(struct core *core, struct queue *queue, enum mst_tally why, uint64_t count);
void queue_begin(struct queue *queue, uint64_t count); /* unfinished rises */
bool timeout_valid(int64_t timeout_ns);
uint64_t queue_discard(struct core *core, struct queue *queue); /* ready and delayed; how many */
void discard_slice(struct core *core);
void decide_put(struct step *step, struct session *session, const struct mst_request *request);
bool put_serve(struct step *step, struct queue *queue); /* blocked puts that now fit; any? */
void apply_put(struct core *core, const struct record *record);

void decide_get(struct step *step, struct session *session, const struct mst_request *request);
void get_serve(struct step *step, struct queue *queue); /* hand ready messages to who waits */
void apply_grant(struct core *core, const struct record *record);
bool queue_expire_head(struct step *step, struct queue *queue); /* drops what is past its ttl */

void decide_done(struct step *step, struct session *session, const struct mst_request *request);
void decide_task_done(struct step *step, struct session *session,
                      const struct mst_request *request);
void decide_nack(struct step *step, struct session *session, const struct mst_request *request);
void decide_extend(struct step *step, struct session *session, const struct mst_request *request);
/* A delivery ends unfinished: back to its place, to the dead letters, or out. */
void lease_return(struct step *step, struct lease *lease, bool counted, int64_t delay_ns,
                  enum redelivery why);
void lease_due(struct step *step, struct lease *lease);
void message_due(struct step *step, struct extra *extra, enum timer_kind kind);
void apply_done(struct core *core, const struct record *record);
void apply_taskdone(struct core *core, const struct record *record);
void apply_return(struct core *core, const struct record *record);
void apply_extend(struct core *core, const struct record *record);
void apply_ready(struct core *core, const struct record *record);
void apply_drop(struct core *core, const struct record *record);
void apply_lose(struct core *core, const struct record *record);

void decide_join(struct step *step, struct session *session, const struct mst_request *request);
void join_serve(struct step *step, struct queue *queue);
void decide_qsize(struct step *step, struct session *session, const struct mst_request *request);
void decide_purge(struct step *step, struct session *session, const struct mst_request *request);
void decide_delete(struct step *step, struct session *session, const struct mst_request *request);
void decide_pause(struct step *step, struct session *session, const struct mst_request *request);
void decide_shutdown(struct step *step, struct session *session, const struct mst_request *request);
void apply_purge(struct core *core, const struct record *record);
void apply_pause(struct core *core, const struct record *record);
void apply_shutdown(struct core *core, const struct record *record);

void message_bury(struct step *step, struct queue *queue, struct message *message,
                  struct mst_span cause);
void decide_redrive(struct step *step, struct session *session, const struct mst_request *request);
void apply_bury(struct core *core, const struct record *record);
void apply_redrive(struct core *core, const struct record *record);
void dead_note_free(struct dead_note **note);
/* As durable as this must be a queue of the name (of at most 250 bytes); -1: it is free to choose.
 */
int64_t dead_durability(struct step *step, const struct slot *slot);

struct dedup_note *dedup_find(struct step *step, struct queue *queue, struct mst_span key);
bool dedup_full(const struct queue *queue, int64_t now_ns);
void dedup_add(struct core *core, struct queue *queue, struct mst_blob *key, uint64_t message,
               int64_t now_ns);
void dedup_restore(struct core *core, struct queue *queue, struct mst_blob *key, uint64_t message,
                   int64_t at_ns);                                /* as it was added then */
void dedup_note_free(struct core *core, struct dedup_note *note); /* of a queue that is gone */

/* ---- event.c, barrier.c, barrier_state.c ---- */

struct event_object *event_object_new(void);
void event_object_free(struct core *core, struct event_object *event);
void decide_event_set(struct step *step, struct session *session,
                      const struct mst_request *request);
void decide_event_clear(struct step *step, struct session *session,
                        const struct mst_request *request);
void decide_event_is_set(struct step *step, struct session *session,
                         const struct mst_request *request);
void decide_event_wait(struct step *step, struct session *session,
                       const struct mst_request *request);
void apply_event(struct core *core, const struct record *record);

/* The arrival that a request of the session made; NULL: none. */
struct barrier_party *barrier_party_find(const struct session *session,
                                         const struct barrier *barrier, uint64_t request);
bool barrier_party_leads(const struct barrier_party *party);
struct barrier *barrier_new(void);
void barrier_free(struct core *core, struct barrier *barrier);
bool barrier_may_become(const struct barrier *barrier, enum barrier_phase phase);
void barrier_party_add(struct core *core, struct barrier *barrier, uint64_t session,
                       uint64_t request, uint64_t index);
void decide_barrier_wait(struct step *step, struct session *session,
                         const struct mst_request *request);
void decide_barrier_done(struct step *step, struct session *session,
                         const struct mst_request *request);
void decide_barrier_abort(struct step *step, struct session *session,
                          const struct mst_request *request);
void decide_barrier_reset(struct step *step, struct session *session,
                          const struct mst_request *request);
void barrier_settle(struct step *step, struct barrier *barrier);
/* A party's wait ends otherwise than by tripping: TIMEOUT or CANCELLED of its own, or its session
 * ended (why is a cause such as "party died: NAME"). Breaks the barrier. */
void barrier_party_gone(struct step *step, struct wait *wait, enum mst_status status,
                        struct mst_span why);
/* A session ends: a barrier that it leads, or to which it never came back, breaks. */
void barrier_session_ended(struct step *step, struct session *session);
/* A session resumed: where it had arrived before a restart and will not wait again, it breaks. */
void barrier_session_resumed(struct step *step, struct session *session);
void barrier_action_due(struct step *step, struct barrier *barrier);
void apply_barrier(struct core *core, const struct record *record);

/* ---- look.c: peek, stat, list ---- */

void decide_peek(struct step *step, struct session *session, const struct mst_request *request);
void decide_stat(struct step *step, struct session *session, const struct mst_request *request);
void decide_list(struct step *step, struct session *session, const struct mst_request *request);

/* ---- recover.c ---- */

void core_begin_anew(struct core *core);

/* ---- stored.c: about what a snapshot would write ---- */

#define STORED_LEASE    20u
#define STORED_EXTRA    14u
#define STORED_NOTE     7u
#define STORED_PARTY    7u
#define STORED_FINISHED 6u

uint64_t object_stored(const struct object *object);
uint64_t session_stored(const struct session *session);
uint64_t entry_stored(const struct entry *entry);
void stored_add(struct core *core, struct object *object, uint64_t bytes);
void stored_take(struct core *core, struct object *object, uint64_t bytes);
void stored_message_add(struct core *core, struct queue *queue, const struct message *message);
void stored_message_take(struct core *core, struct queue *queue, const struct message *message);
void stored_messages_take_all(struct core *core, struct queue *queue, uint64_t count);
/* A message that is counted already got more. */
void stored_extra_add(struct core *core, struct queue *queue, uint64_t bytes);
/* Out of the sum for good, or while its settings change; and in again. */
void stored_forget(struct core *core, const struct object *object);
void stored_remember(struct core *core, const struct object *object);

/* ---- core.c ---- */

void core_settle(struct step *step);
void core_dispatch(struct step *step, struct session *session, const struct mst_request *request);

#endif
