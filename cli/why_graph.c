/* why_graph.c - walks from those who wait to what they wait for, and on, until it ends or comes
 * back to where it was.
 *
 * The walk is a path of needs: an object with a role in which one waits there. A need that stands
 * on the path already closes a cycle; one that was told before is not told again, so the walk ends
 * however the objects are entangled. */
#include <stdlib.h>
#include <string.h>

#include "cli/why.h"

enum { WHY_DEPTH_MAX = 64 }; /* needs on one path; a longer chain tells nobody anything */

struct role {
    const char *word; /* the broker's */
    const char *does; /* before the object's name */
};
static const struct role roles[WHY_ROLES] = {
    [WHY_GETS] = {"gets", "waits to get from"},
    [WHY_PUTS] = {"puts", "waits to put into"},
    [WHY_JOINS] = {"joins", "waits to join"},
    [WHY_WAITS] = {"waits", "waits for"},
};

struct why_wait {
    struct why_object *object;
    const muster_party *party;
    enum why_role role;
};

struct need {
    struct why_object *object;
    enum why_role role;
    const muster_party *holder; /* whose wait leads on; NULL at the end of the path */
};

struct walk {
    struct why *why;
    struct out *out;
    bool json;
    size_t most;
    struct need path[WHY_DEPTH_MAX];
    size_t depth;
};

/* ---- objects ---- */

static struct why_object *find(const struct why *why, const char *name)
{
    for (size_t i = 0; i < why->count; i++) {
        if (strcmp(why->objects[i].name, name) == 0) {
            return &why->objects[i];
        }
    }
    return NULL;
}

bool why_has(const struct why *why, const char *name)
{
    return find(why, name) != NULL;
}

void why_add(struct why *why, const char *name, muster_stat *stat)
{
    if (why_has(why, name)) {
        muster_stat_free(&stat);
        return;
    }
    size_t size = strlen(name) + 1;
    char *copy = memcpy(cli_grow(NULL, size), name, size);
    why->objects = cli_grow(why->objects, (why->count + 1) * sizeof(*why->objects));
    why->objects[why->count++] = (struct why_object){copy, stat, 0};
}

void why_clear(struct why *why)
{
    for (size_t i = 0; i < why->count; i++) {
        free(why->objects[i].name);
        muster_stat_free(&why->objects[i].stat);
    }
    free(why->objects);
    free(why->waits);
    *why = (struct why){0};
}

/* WHY_ROLES: the party does not wait. */
static enum why_role role_of(const muster_party *party)
{
    enum why_role role = 0;
    while (role < WHY_ROLES && strcmp(roles[role].word, party->role) != 0) {
        role++;
    }
    return role;
}

static int by_session(const void *a, const void *b)
{
    const struct why_wait *left = a;
    const struct why_wait *right = b;
    if (left->party->session != right->party->session) {
        return left->party->session < right->party->session ? -1 : 1;
    }
    int names = strcmp(left->object->name, right->object->name);
    return names != 0 ? names : (int)left->role - (int)right->role;
}

/* Several threads of one program may wait for the same: once is enough. */
static void gather_waits(struct why *why)
{
    size_t parties = 0;
    for (size_t i = 0; i < why->count; i++) {
        parties += muster_stat_parties(why->objects[i].stat);
    }
    why->waits = cli_grow(why->waits, (parties + 1) * sizeof(*why->waits));
    why->waits_count = 0;
    for (size_t i = 0; i < why->count; i++) {
        struct why_object *object = &why->objects[i];
        for (size_t k = 0; k < muster_stat_parties(object->stat); k++) {
            const muster_party *party = muster_stat_party(object->stat, k);
            if (role_of(party) < WHY_ROLES) {
                why->waits[why->waits_count++] = (struct why_wait){object, party, role_of(party)};
            }
        }
    }
    qsort(why->waits, why->waits_count, sizeof(*why->waits), by_session);
    size_t kept = 0;
    for (size_t i = 0; i < why->waits_count; i++) {
        if (kept == 0 || by_session(&why->waits[kept - 1], &why->waits[i]) != 0) {
            why->waits[kept++] = why->waits[i];
        }
    }
    why->waits_count = kept;
}

static size_t first_wait_of(const struct why *why, uint64_t session)
{
    size_t low = 0;
    size_t high = why->waits_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (why->waits[middle].party->session < session) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- holders ---- */

/* May this party end the waits of this role? */
static bool hinders(const muster_party *party, enum why_role role)
{
    bool holds = strcmp(party->role, "holds") == 0;
    bool took = strcmp(party->role, "took") == 0;
    bool leads = strcmp(party->role, "leads") == 0;
    return role == WHY_GETS ? false : role == WHY_JOINS ? holds || took : holds || leads;
}

/* A session that holds many messages is one holder. */
struct holder {
    const muster_party *party; /* the first of them, which began first */
    size_t times;
};

static bool seen_before(const muster_stat *stat, size_t at, enum why_role role)
{
    const muster_party *party = muster_stat_party(stat, at);
    for (size_t i = 0; i < at; i++) {
        const muster_party *other = muster_stat_party(stat, i);
        if (other->session == party->session && hinders(other, role) &&
            strcmp(other->role, party->role) == 0) {
            return true;
        }
    }
    return false;
}

/* *next_io is where to look; it becomes where to look for the next one. */
static bool next_holder(const struct need *need, size_t *next_io, struct holder *holder)
{
    const muster_stat *stat = need->object->stat;
    size_t count = muster_stat_parties(stat);
    size_t at = *next_io;
    while (at < count && (!hinders(muster_stat_party(stat, at), need->role) ||
                          seen_before(stat, at, need->role))) {
        at++;
    }
    *next_io = at + 1;
    if (at >= count) {
        return false;
    }
    *holder = (struct holder){muster_stat_party(stat, at), 0};
    for (size_t i = at; i < count; i++) {
        const muster_party *party = muster_stat_party(stat, i);
        bool same = party->session == holder->party->session &&
                    strcmp(party->role, holder->party->role) == 0;
        holder->times += same ? 1 : 0;
    }
    return true;
}

static size_t count_holders(const struct need *need)
{
    struct holder holder;
    size_t next = 0;
    size_t count = 0;
    while (next_holder(need, &next, &holder)) {
        count++;
    }
    return count;
}

/* ---- lines ---- */

static void indent(struct walk *walk, size_t depth)
{
    out_printf(walk->out, "%*s", (int)depth * 2, "");
}

static void who_out(struct out *out, const muster_party *party)
{
    out_escaped(out, party->name, strlen(party->name), 0);
    out_text(out, "@");
    out_escaped(out, party->host, strlen(party->host), 0);
    out_printf(out, ":%llu", (unsigned long long)party->pid);
}

static void since_out(struct out *out, const muster_party *party)
{
    if (party->since_ns >= 0) {
        out_text(out, ", for ");
        out_age(out, party->since_ns);
    }
    out_text(out, party->connected ? "\n" : ", not connected\n");
}

/* Left open: what only one sort of link has comes behind. */
static void link_json(struct walk *walk, size_t depth, const struct why_object *object,
                      const muster_party *party)
{
    struct out *out = walk->out;
    json_open(out);
    json_count(out, "depth", depth);
    json_text(out, "role", party->role);
    json_text(out, "object", object->name);
    json_text(out, "kind", muster_kind_name(muster_stat_kind(object->stat)));
    json_text(out, "name", party->name);
    json_text(out, "host", party->host);
    json_count(out, "pid", party->pid);
    json_count(out, "session", party->session);
    if (party->since_ns >= 0) {
        json_seconds(out, "since", party->since_ns);
    } else {
        json_text(out, "since", NULL);
    }
    json_bool(out, "connected", party->connected);
}

/* The path from where it comes back to: thing, who holds it, what that one waits for, ... */
static void cycle_out(struct walk *walk, size_t from, struct out *out)
{
    for (size_t i = from; i < walk->depth; i++) {
        out_escaped(out, walk->path[i].object->name, strlen(walk->path[i].object->name), 0);
        out_text(out, " -> ");
        who_out(out, walk->path[i].holder);
        out_text(out, " -> ");
    }
    out_escaped(out, walk->path[from].object->name, strlen(walk->path[from].object->name), 0);
}

static void wait_json(struct walk *walk, size_t depth, const struct why_wait *wait, size_t cycle)
{
    struct out text = {NULL, 0, 0};
    link_json(walk, depth, wait->object, wait->party);
    why_reason(wait->object, wait->role, &text);
    out_bytes(&text, "", 1);
    json_text(walk->out, "because", text.data);
    if (cycle < walk->depth) {
        text.len = 0;
        cycle_out(walk, cycle, &text);
        out_bytes(&text, "", 1);
        json_text(walk->out, "cycle", text.data);
    }
    json_end(walk->out);
    out_clear(&text);
}

/* cycle: where on the path the same need stands; the path's end if nowhere. */
static void tell_wait(struct walk *walk, size_t depth, const struct why_wait *wait, size_t cycle)
{
    if (walk->json) {
        wait_json(walk, depth, wait, cycle);
        return;
    }
    indent(walk, depth);
    if (depth == 0) {
        who_out(walk->out, wait->party);
    } else {
        out_text(walk->out, "and");
    }
    out_printf(walk->out, " %s ", roles[wait->role].does);
    out_escaped(walk->out, wait->object->name, strlen(wait->object->name), 0);
    since_out(walk->out, wait->party);
    if (cycle < walk->depth) {
        indent(walk, depth + 1);
        out_text(walk->out, "cycle: ");
        cycle_out(walk, cycle, walk->out);
        out_text(walk->out, "\n");
    }
}

static void tell_holder(struct walk *walk, size_t depth, const struct need *need,
                        const struct holder *holder)
{
    const muster_party *party = holder->party;
    bool one = holder->times == 1 && party->detail[0] != '\0';
    if (walk->json) {
        link_json(walk, depth, need->object, party);
        json_count(walk->out, "count", holder->times);
        json_text(walk->out, "detail", party->detail);
        json_end(walk->out);
        return;
    }
    indent(walk, depth);
    who_out(walk->out, party);
    out_printf(walk->out, " %s ", party->role);
    if (one) {
        out_printf(walk->out, "%s of ", party->detail);
    } else if (holder->times > 1) {
        out_printf(walk->out, "%zu of ", holder->times);
    }
    out_escaped(walk->out, need->object->name, strlen(need->object->name), 0);
    since_out(walk->out, party);
}

static void tell_more(struct walk *walk, size_t depth, size_t more, const char *what)
{
    if (!walk->json && more > 0) {
        indent(walk, depth);
        out_printf(walk->out, "and %zu more %s; -v tells all\n", more, what);
    }
}

/* ---- the walk ---- */

static void tell_need(struct walk *walk, size_t depth, struct why_object *object,
                      enum why_role role);

static size_t place_on_path(const struct walk *walk, const struct why_wait *wait)
{
    size_t i = 0;
    while (i < walk->depth &&
           (walk->path[i].object != wait->object || walk->path[i].role != wait->role)) {
        i++;
    }
    return i;
}

/* What the holder at the end of the path waits for in turn. */
static void tell_waits_of(struct walk *walk, size_t depth, uint64_t session)
{
    const struct why *why = walk->why;
    for (size_t i = first_wait_of(why, session);
         i < why->waits_count && why->waits[i].party->session == session; i++) {
        size_t cycle = place_on_path(walk, &why->waits[i]);
        tell_wait(walk, depth, &why->waits[i], cycle);
        if (cycle == walk->depth) {
            tell_need(walk, depth + 1, why->waits[i].object, why->waits[i].role);
        }
    }
}

static void tell_reason(struct walk *walk, size_t depth, struct why_object *object,
                        enum why_role role, bool again)
{
    struct out text = {NULL, 0, 0};
    why_reason(object, role, &text);
    if (!walk->json && (text.len > 0 || again)) {
        indent(walk, depth);
        out_text(walk->out, "(");
        out_bytes(walk->out, text.data, text.len);
        out_text(walk->out, !again ? ")\n" : text.len > 0 ? "; as above)\n" : "as above)\n");
    }
    out_clear(&text);
}

static void tell_need(struct walk *walk, size_t depth, struct why_object *object,
                      enum why_role role)
{
    bool again = (object->told >> role & 1u) != 0;
    tell_reason(walk, depth, object, role, again);
    if (again || walk->depth == WHY_DEPTH_MAX) {
        return;
    }
    object->told |= 1u << role;
    struct need *need = &walk->path[walk->depth++];
    *need = (struct need){object, role, NULL};
    struct holder holder;
    size_t next = 0;
    size_t told = 0;
    while (told < walk->most && next_holder(need, &next, &holder)) {
        need->holder = holder.party;
        tell_holder(walk, depth, need, &holder);
        tell_waits_of(walk, depth + 1, holder.party->session);
        told++;
    }
    tell_more(walk, depth, count_holders(need) - told, "who hold it");
    walk->depth--;
}

/* All who wait in one role, then what they wait for. */
static size_t tell_role(struct walk *walk, struct why_object *object, enum why_role role)
{
    size_t waiters = 0;
    for (size_t i = 0; i < muster_stat_parties(object->stat); i++) {
        const muster_party *party = muster_stat_party(object->stat, i);
        bool one = role_of(party) == role;
        if (one && waiters < walk->most) {
            tell_wait(walk, 0, &(struct why_wait){object, party, role}, walk->depth);
        }
        waiters += one ? 1 : 0;
    }
    tell_more(walk, 0, waiters > walk->most ? waiters - walk->most : 0, "who wait");
    if (waiters > 0) {
        tell_need(walk, 1, object, role);
    }
    return waiters;
}

void why_tell(struct why *why, const char *name, bool json, size_t most, struct out *out)
{
    struct walk walk = {.why = why, .out = out, .json = json, .most = most};
    struct why_object *object = find(why, name);
    size_t waiters = 0;
    gather_waits(why);
    for (enum why_role role = 0; role < WHY_ROLES; role++) {
        waiters += tell_role(&walk, object, role);
    }
    if (waiters == 0 && !json) {
        out_text(out, "nobody waits for ");
        out_escaped(out, name, strlen(name), 0);
        out_text(out, "\n");
    }
}
