/* top_look.c - one look at the broker, and what two of them say about rates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"

enum { ROWS_FIRST = 64 };

void top_look_clear(struct top_look *look)
{
    free(look->objects);
    free(look->sessions);
    free(look->parties);
    *look = (struct top_look){0};
}

/* ---- taking one ---- */

/* Room for one more row; sizes are powers of two. */
static void *grown(void *rows, size_t count, size_t size)
{
    if (count == 0) {
        return cli_grow(rows, ROWS_FIRST * size);
    }
    bool full = count >= ROWS_FIRST && (count & (count - 1)) == 0;
    return full ? cli_grow(rows, count * 2 * size) : rows;
}

static bool add_object(const muster_entry *entry, void *user)
{
    struct top_look *look = user;
    look->objects = grown(look->objects, look->objects_count, sizeof(*look->objects));
    struct top_object *object = &look->objects[look->objects_count++];
    *object = (struct top_object){.kind = entry->kind,
                                  .ready = entry->ready,
                                  .unfinished = entry->unfinished,
                                  .waiting = entry->waiting,
                                  .leased = entry->leased,
                                  .delayed = entry->delayed,
                                  .puts = entry->puts,
                                  .gets = entry->gets,
                                  .oldest_age_ns = entry->oldest_age_ns,
                                  .put_rate = TOP_RATE_UNKNOWN,
                                  .get_rate = TOP_RATE_UNKNOWN,
                                  .rated_puts = entry->puts,
                                  .rated_gets = entry->gets};
    snprintf(object->name, sizeof(object->name), "%s", entry->name);
    return true;
}

static bool add_session(const muster_session_info *info, void *user)
{
    struct top_look *look = user;
    look->sessions = grown(look->sessions, look->sessions_count, sizeof(*look->sessions));
    struct top_session *session = &look->sessions[look->sessions_count++];
    *session = (struct top_session){.id = info->id,
                                    .age_ns = info->age_ns,
                                    .connected = info->connected,
                                    .leases = info->leases,
                                    .waits = info->waits};
    snprintf(session->who, sizeof(session->who), "%s@%s:%llu", info->name, info->host,
             (unsigned long long)info->pid);
    return true;
}

static void add_party(struct top_look *look, const muster_party *from)
{
    look->parties = grown(look->parties, look->parties_count, sizeof(*look->parties));
    struct top_party *party = &look->parties[look->parties_count++];
    *party = (struct top_party){
        .session = from->session, .since_ns = from->since_ns, .connected = from->connected};
    snprintf(party->role, sizeof(party->role), "%s", from->role);
    snprintf(party->who, sizeof(party->who), "%s@%s:%llu", from->name, from->host,
             (unsigned long long)from->pid);
    snprintf(party->detail, sizeof(party->detail), "%s", from->detail);
}

static enum muster_status take_parties(muster_client *client, struct top_look *look)
{
    muster_stat *stat = NULL;
    enum muster_status status = muster_stat_get(client, look->who, &stat);
    if (status == MUSTER_NOT_FOUND || status == MUSTER_GONE) {
        look->who_gone = true;
        return MUSTER_OK;
    }
    for (size_t i = 0; status == MUSTER_OK && i < muster_stat_parties(stat); i++) {
        add_party(look, muster_stat_party(stat, i));
    }
    muster_stat_free(&stat);
    return status;
}

enum muster_status top_look_take(muster_client *client, const char *who, struct top_look *look)
{
    look->at_ns = cli_now_ns();
    enum muster_status status = muster_list(client, NULL, add_object, look);
    if (status != MUSTER_OK) {
        return status;
    }
    status = muster_sessions(client, add_session, look);
    look->sessions_hidden = status == MUSTER_DENIED;
    if (status != MUSTER_OK && status != MUSTER_DENIED) {
        return status;
    }
    snprintf(look->who, sizeof(look->who), "%s", who);
    return who[0] == '\0' ? MUSTER_OK : take_parties(client, look);
}

/* ---- rates ---- */

/* A count that went down began anew: the broker was restarted, or the object made again. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
    return now < before ? TOP_RATE_UNKNOWN : (double)(now - before) / seconds;
}

/* was is NULL: the object is new since the last rates, so it began with 0. */
static void rate_object(struct top_object *object, const struct top_object *was, double seconds)
{
    object->put_rate = rate(object->puts, was == NULL ? 0 : was->rated_puts, seconds);
    object->get_rate = rate(object->gets, was == NULL ? 0 : was->rated_gets, seconds);
    object->rated_puts = object->puts;
    object->rated_gets = object->gets;
}

static void keep_rates(struct top_object *object, const struct top_object *was)
{
    object->put_rate = was == NULL ? TOP_RATE_UNKNOWN : was->put_rate;
    object->get_rate = was == NULL ? TOP_RATE_UNKNOWN : was->get_rate;
    object->rated_puts = was == NULL ? 0 : was->rated_puts;
    object->rated_gets = was == NULL ? 0 : was->rated_gets;
}

/* Both looks are in order of name, so they are walked side by side. */
void top_rates(struct top_look *look, const struct top_look *before, int64_t least_ns)
{
    static const struct top_look nothing = {0};
    const struct top_look *old = before == NULL ? &nothing : before;
    int64_t passed_ns = look->at_ns - old->rated_at_ns;
    bool again = before != NULL && passed_ns >= least_ns && passed_ns > 0;
    look->rated_at_ns = before == NULL || again ? look->at_ns : old->rated_at_ns;
    for (size_t i = 0, k = 0; i < look->objects_count; i++) {
        struct top_object *object = &look->objects[i];
        while (k < old->objects_count && strcmp(old->objects[k].name, object->name) < 0) {
            k++;
        }
        bool known = k < old->objects_count && strcmp(old->objects[k].name, object->name) == 0;
        const struct top_object *was = known ? &old->objects[k] : NULL;
        if (again) {
            rate_object(object, was, (double)passed_ns / 1e9);
        } else if (before != NULL) {
            keep_rates(object, was);
        }
    }
}
