/* program.c - a program that uses the broker: the real client machine, and an application that
 * makes calls and takes what they bring.
 *
 * It stands in for client-lib's transport: gives the machine the time and bytes, carries away what
 * it wants to send. Must not know: what the calls mean. */
#include "client-lib/client_copy.h"
#include "tests/sim/world.h"
#include "tests/sim/ration.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDED "the broker ended the connection" /* what an encrypted one says for closed */

struct program *program_new(struct world *w, const char *name, int64_t ttl_ns)
{
    struct program *p = calloc(1, sizeof(*p));
    struct mst_client_config config = {name, "host", w->programs_count + 1, ttl_ns};

    assert_non_null(p);
    assert_true(w->programs_count < WORLD_PROGRAMS);
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->world = w;
    p->back_ns = MST_FOREVER;
    p->machine = mst_client_new(&config);
    assert_non_null(p->machine);
    w->programs[w->programs_count++] = p;
    sim_admit(w, name);
    return p;
}

struct program *program_of(struct world *w, const char *name)
{
    struct program *p;

    for (size_t i = 0; i < w->programs_count; i++) {
        if (strcmp(w->programs[i]->name, name) == 0) {
            return w->programs[i];
        }
    }
    p = program_new(w, name, MST_TTL_DEFAULT_NS);
    program_connect(p);
    return p;
}

/* ---- its connection ---- */

/* The machine learns that its connection is gone. */
static void lose(struct program *p, const char *why)
{
    struct world *w = p->world;

    if (p->wire != NULL) {
        p->wire->program = NULL;
        p->wire = NULL;
    }
    mst_client_lost(p->machine, why, w->now_ns);
    if (w->watch_lost != NULL) {
        w->watch_lost(w, p);
    }
    if (w->back_after_ns > 0 && !mst_client_is_finished(p->machine)) {
        p->back_ns = w->now_ns + w->back_after_ns;
    }
}

void program_connect(struct program *p)
{
    struct world *w = p->world;
    uint64_t conn;

    p->back_ns = MST_FOREVER;
    if (p->wire != NULL) {
        program_vanish(p);
    }
    conn = world_accept(w);
    if (conn == 0) {
        note(w, "%s refused", p->name);
        return;
    }
    p->wire = world_wire(w, conn);
    p->wire->program = p;
    if (p->name[0] == '?') { /* the onlooker stands beside the broker */
        p->wire->up.latency_ns = p->wire->down.latency_ns = 0;
    }
    sim_secure(p);
    mst_client_connected(p->machine, w->now_ns);
}

void program_vanish(struct program *p)
{
    if (p->wire != NULL) {
        p->wire->dead = true;
        lose(p, "the network is gone");
    }
}

/* why: NULL: the machine itself gave it up. */
static void cut(struct program *p, const char *why)
{
    struct wire *wire = p->wire;

    if (wire != NULL) {
        wire->dead = true; /* what was under way is lost */
        lose(p, why);
        if (wire->broker_has_it && p->world->engine != NULL) {
            RATIONED(engine_closed(p->world->engine, wire->conn));
        }
    }
}

void program_cut(struct program *p)
{
    cut(p, "the connection broke");
}

/* The machine is done with its connection. */
static void hang_up(struct program *p)
{
    struct wire *wire = p->wire;

    lose(p, NULL);
    if (wire != NULL && !wire->dead && wire->broker_has_it) {
        RATIONED(engine_closed(p->world->engine, wire->conn));
    }
}

/* ---- its calls ---- */

uint64_t program_handle(struct program *p, const char *object)
{
    struct mst_handle *handle;

    for (size_t i = 0; i < p->handles_count; i++) {
        if (strcmp(mst_handle_name(p->handles[i]), object) == 0) {
            return mst_handle_number(p->handles[i]);
        }
    }
    handle = mst_client_open(p->machine, object);
    assert_non_null(handle);
    assert_true(p->handles_count < sizeof(p->handles) / sizeof(p->handles[0]));
    p->handles[p->handles_count++] = handle;
    return mst_handle_number(handle);
}

void program_submit(struct program *p, const struct mst_request *request, const char *label)
{
    struct errand *errand = calloc(1, sizeof(*errand));

    assert_non_null(errand);
    errand->call = mst_call_new(request, errand);
    assert_non_null(errand->call);
    snprintf(errand->label, sizeof(errand->label), "%s", label);
    errand->next = p->errands;
    errand->at = &p->errands;
    if (p->errands != NULL) {
        p->errands->at = &errand->next;
    }
    p->errands = errand;
    if (p->world->watch_begin != NULL) {
        p->world->watch_begin(p->world, p, errand);
    }
    mst_client_submit(p->machine, errand->call, p->world->now_ns);
}

struct errand *program_find(const struct program *p, const char *label)
{
    struct errand *errand = p->errands;

    while (errand != NULL && label != NULL && strcmp(errand->label, label) != 0) {
        errand = errand->next;
    }
    return errand;
}

static void errand_free(struct errand *errand)
{
    bool delivers = errand->call->op == MST_OP_GET || errand->call->op == MST_OP_PEEK;

    *errand->at = errand->next;
    if (errand->next != NULL) {
        errand->next->at = errand->at;
    }
    while (delivers && errand->call->outcome.messages != NULL) {
        struct muster_message *message = errand->call->outcome.messages;

        errand->call->outcome.messages = message->next;
        mst_handle_unref(message->handle);
        mst_message_drop(NULL, message);
    }
    mst_call_clear(errand->call);
    free(errand);
}

static void finish(struct program *p, struct errand *errand)
{
    struct world *w = p->world;
    struct mst_buf text;

    if (p->name[0] == '?') { /* the onlooker of `ask` */
        free(w->asked);
        w->asked = errand->call->outcome.reply == NULL
                       ? NULL
                       : mst_reply_copy(errand->call->outcome.reply);
        errand_free(errand);
        return;
    }
    w->counts[errand->call->status]++;
    if (w->watch != NULL) {
        w->watch(w, p, errand);
    }
    if (!w->quiet) {
        mst_buf_init(&text);
        outcome_write(&text, w, errand->call);
        note(w, "%s %s %.*s", p->name, errand->label, (int)mst_buf_size(&text),
             (const char *)mst_buf_span(&text).data);
        mst_buf_clear(&text);
    }
    errand_free(errand);
}

/* Looks at every call that may have an outcome. */
static bool collect(struct program *p)
{
    struct mst_call *call;
    bool any = false;

    while ((call = mst_client_next_woken(p->machine)) != NULL) {
        struct errand *errand = call->owner;

        if (errand == NULL) { /* nobody waits for it: the machine gave something back */
            mst_call_clear(call);
            continue;
        }
        if (call->state == MST_CALL_ANSWERED && !p->holds) {
            mst_client_take(p->machine, call, p->world->now_ns);
        }
        if (call->state == MST_CALL_OVER) {
            finish(p, errand);
        }
        any = true;
    }
    return any;
}

void program_take(struct program *p)
{
    struct errand *oldest = NULL;

    for (struct errand *errand = p->errands; errand != NULL; errand = errand->next) {
        oldest = errand->call->state == MST_CALL_ANSWERED ? errand : oldest;
    }
    if (oldest != NULL) {
        mst_client_take(p->machine, oldest->call, p->world->now_ns);
        finish(p, oldest);
    }
}

static bool tell_notices(struct program *p)
{
    struct mst_client_notice *notice;
    bool any = false;

    while ((notice = mst_client_next_notice(p->machine)) != NULL) {
        if (notice->kind == MUSTER_LEASE_LOST) {
            note(p->world, "%s lost lease %s:%llu.%llu", p->name, notice->queue,
                 (unsigned long long)notice->message, (unsigned long long)notice->delivery);
        } else if (notice->kind == MUSTER_SESSION_LOST) {
            note(p->world, "%s lost its session", p->name);
        } else if (notice->kind == MUSTER_GOING_AWAY) {
            note(p->world, "%s is told: going away", p->name);
        }
        mst_client_notice_free(&notice);
        any = true;
    }
    return any;
}

/* ---- rounds ---- */

bool program_step(struct program *p)
{
    struct world *w = p->world;
    bool any = false;
    struct mst_span out;

    if (p->stopped) {
        return false;
    }
    if (p->back_ns <= w->now_ns && w->engine != NULL) {
        program_connect(p);
        any = true;
    }
    if (mst_client_deadline_ns(p->machine) <= w->now_ns) {
        mst_client_tick(p->machine, w->now_ns);
        any = true;
    }
    mst_client_pump(p->machine, w->now_ns);
    while (p->wire != NULL && (out = mst_client_output(p->machine)).len > 0) {
        size_t taken = p->wire->dead ? out.len : pipe_give(&p->wire->up, out, w->now_ns);

        if (taken == 0) {
            break;
        }
        mst_client_sent(p->machine, taken);
        mst_client_pump(p->machine, w->now_ns);
        any = true;
    }
    any = collect(p) || any;
    return tell_notices(p) || any;
}

bool program_receive(struct program *p)
{
    struct world *w = p->world;
    struct wire *wire = p->wire;
    bool any = false;
    struct mst_span piece;

    while (!p->stopped && (wire = p->wire) != NULL && !wire->dead &&
           (piece = pipe_look(
                &wire->down, w->piece_max == 0 ? 0 : 1 + world_random(w) % w->piece_max, w->now_ns))
                   .len > 0) {
        bool good = mst_client_receive(p->machine, piece, w->now_ns);

        any = true;
        pipe_take(&wire->down, piece.len);
        if (wire->broker_has_it && wire->down.room > 0) {
            RATIONED(engine_writable(w->engine, wire->conn));
        }
        if (!good) {
            bool ended = strcmp(mst_client_trouble(p->machine), ENDED) == 0;

            collect(p);
            cut(p, NULL);
            if (ended) {
                note(w, "%s closed by the broker", p->name);
            }
        }
    }
    if (!p->stopped && (wire = p->wire) != NULL && pipe_is_broken(&wire->down)) {
        collect(p);
        program_cut(p);
        any = true;
    }
    wire = p->wire;
    if (!p->stopped && wire != NULL && !wire->broker_has_it && !wire->dead &&
        mst_buf_size(&wire->down.bytes) == 0) {
        lose(p, "the broker closed the connection");
        note(w, "%s closed by the broker", p->name);
        any = true;
    }
    if (!p->stopped && mst_client_is_silent(p->machine, w->now_ns)) {
        hang_up(p);
        any = true;
    }
    any = collect(p) || any;
    return tell_notices(p) || any;
}

int64_t program_deadline_ns(const struct program *p)
{
    int64_t next_ns = p->stopped ? MST_FOREVER : mst_client_deadline_ns(p->machine);

    if (!p->stopped && p->back_ns < next_ns && p->world->engine != NULL) {
        next_ns = p->back_ns;
    }
    if (!p->stopped && p->wire != NULL && !p->wire->dead) {
        int64_t arrival_ns = pipe_next_arrival_ns(&p->wire->down);

        next_ns = arrival_ns < next_ns ? arrival_ns : next_ns;
    }
    return next_ns;
}

void program_die(struct program **owner)
{
    struct program *p = *owner;
    struct world *w = p->world;
    struct wire *wire = p->wire;
    struct mst_call *call;
    size_t i = 0;

    if (wire != NULL) {
        p->wire = NULL;
        wire->program = NULL;
        if (wire->broker_has_it && !wire->dead && w->engine != NULL) {
            RATIONED(engine_closed(w->engine, wire->conn));
        }
    }
    mst_client_lost(p->machine, "killed", w->now_ns);
    mst_client_bye(p->machine, w->now_ns); /* every call ends */
    while ((call = mst_client_next_woken(p->machine)) != NULL) {
        if (call->owner == NULL) {
            mst_call_clear(call);
        }
    }
    while (p->errands != NULL) {
        errand_free(p->errands);
    }
    while (p->handles_count > 0) {
        mst_handle_unref(p->handles[--p->handles_count]);
    }
    mst_client_free(&p->machine);
    while (w->programs[i] != p) {
        i++;
    }
    memmove(&w->programs[i], &w->programs[i + 1],
            (--w->programs_count - i) * sizeof(struct program *));
    free(p);
    *owner = NULL;
}
