/* stat.c - one STAT reply, by number and by name. */
#include "client-lib/stat.h"

#include <stdlib.h>
#include <string.h>

struct muster_stat {
    const struct mst_reply *reply;
    muster_party parties[];
};

static const char *text_of(struct mst_span text)
{
    return text.data == NULL ? "" : (const char *)text.data;
}

muster_stat *mst_stat_new(const struct mst_reply *reply)
{
    muster_stat *stat = malloc(sizeof(*stat) + reply->who_count * sizeof(stat->parties[0]));

    if (stat == NULL) {
        return NULL;
    }
    stat->reply = reply;
    for (size_t i = 0; i < reply->who_count; i++) {
        const struct mst_party *who = &reply->who[i];

        stat->parties[i] = (muster_party){
            text_of(who->role), text_of(who->name), text_of(who->host), who->pid,
            who->session,       who->since_ns,      who->connected,     text_of(who->detail)};
    }
    return stat;
}

void muster_stat_free(muster_stat **stat)
{
    if (*stat != NULL) {
        free((void *)(uintptr_t)(*stat)->reply);
        free(*stat);
        *stat = NULL;
    }
}

enum muster_kind muster_stat_kind(const muster_stat *stat)
{
    return (enum muster_kind)stat->reply->kind;
}

size_t muster_stat_facts(const muster_stat *stat)
{
    return stat->reply->facts_count;
}

const char *muster_stat_fact(const muster_stat *stat, size_t i, int64_t *number_out,
                             const char **text_out)
{
    const struct mst_fact *fact;

    if (i >= stat->reply->facts_count) {
        return NULL;
    }
    fact = &stat->reply->facts[i];
    *number_out = fact->number;
    *text_out = fact->is_text ? text_of(fact->text) : NULL;
    return text_of(fact->name);
}

bool muster_stat_number(const muster_stat *stat, const char *name, int64_t *number_out)
{
    for (size_t i = 0; i < stat->reply->facts_count; i++) {
        const struct mst_fact *fact = &stat->reply->facts[i];

        if (!fact->is_text && strcmp(text_of(fact->name), name) == 0) {
            *number_out = fact->number;
            return true;
        }
    }
    return false;
}

size_t muster_stat_parties(const muster_stat *stat)
{
    return stat->reply->who_count;
}

const muster_party *muster_stat_party(const muster_stat *stat, size_t i)
{
    return i < stat->reply->who_count ? &stat->parties[i] : NULL;
}
