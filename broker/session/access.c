/* access.c - who is welcome, and who may do what. See access.h; the texts are read in
 * access_read.c. */
#include "broker/session/access_table.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/name.h"

#define BIT(verb) (1u << (verb))
#define ALL_BITS  (BIT(MST_VERB_STAT + 1) - 1)

static void clear_list(struct access_list *list)
{
    if (list->items != NULL) {
        sodium_memzero(list->items, list->cap * sizeof(struct access_entry));
    }
    free(list->items);
    free((void *)list->order);
}

void access_free(struct access **owner)
{
    struct access *access = *owner;

    if (access == NULL) {
        return;
    }
    clear_list(&access->keys);
    clear_list(&access->tokens);
    free(access->rules);
    free(access->text);
    free(access);
    *owner = NULL;
}

struct access *access_new(const struct access_texts *texts, char error[ACCESS_ERROR_MAX])
{
    struct access *access = calloc(1, sizeof(*access));

    error[0] = '\0';
    if (access == NULL) {
        snprintf(error, ACCESS_ERROR_MAX, "out of memory for keys and permissions");
        return NULL;
    }
    access->anonymous = texts->anonymous;
    access->has_rules = texts->permissions.given;
    if (!access_read_entries(&access->keys, &texts->keys, MST_KEY_PUBLIC, error) ||
        !access_read_entries(&access->tokens, &texts->tokens, MST_KEY_TOKEN, error) ||
        !access_read_rules(access, &texts->permissions, error)) {
        access_free(&access);
    }
    return access;
}

/* ---- who ---- */

int access_compare_id(const void *a, const void *b)
{
    const struct access_entry *const *one = a;
    const struct access_entry *const *other = b;

    return memcmp((*one)->id, (*other)->id, sizeof((*one)->id));
}

static const struct access_entry *find(const struct access_list *list,
                                       const struct access_entry *wanted)
{
    const struct access_entry *const *found =
        list->count == 0 ? NULL
                         : bsearch(&wanted, list->order, list->count, sizeof(struct access_entry *),
                                   access_compare_id);

    return found == NULL ? NULL : *found;
}

static const struct access_entry *find_token(const struct access *access,
                                             const uint8_t id[MST_TOKEN_ID])
{
    struct access_entry wanted = {0};

    memcpy(wanted.id, id, MST_TOKEN_ID);
    return find(&access->tokens, &wanted);
}

const uint8_t *access_token(const struct access *access, const uint8_t id[MST_TOKEN_ID])
{
    const struct access_entry *entry = find_token(access, id);

    return entry == NULL ? NULL : entry->token;
}

static void name_who(struct access_who *who, enum access_kind kind, const char *name)
{
    who->kind = kind;
    snprintf(who->name, sizeof(who->name), "%s", name);
}

void access_local(struct access_who *who_out)
{
    name_who(who_out, ACCESS_IS_LOCAL, ACCESS_LOCAL);
}

bool access_identify(const struct access *access, const uint8_t key[MST_NOISE_KEY],
                     const uint8_t token_id[MST_TOKEN_ID], struct access_who *who_out)
{
    struct access_entry wanted = {0};
    const struct access_entry *entry;

    memcpy(wanted.id, key, MST_NOISE_KEY);
    entry = find(&access->keys, &wanted);
    if (entry == NULL) {
        entry = find_token(access, token_id);
    }
    if (entry != NULL) {
        name_who(who_out, ACCESS_IS_KNOWN, entry->name);
    } else {
        name_who(who_out, ACCESS_IS_ANONYMOUS, ACCESS_ANONYMOUS);
    }
    return entry != NULL || access->anonymous;
}

static bool has_name(const struct access_list *list, struct mst_span name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (mst_span_equal(mst_span_text(list->items[i].name), name)) {
            return true;
        }
    }
    return false;
}

bool access_knows(const struct access *access, struct mst_span name)
{
    return has_name(&access->keys, name) || has_name(&access->tokens, name) ||
           (access->anonymous && mst_span_equal(name, mst_span_text(ACCESS_ANONYMOUS)));
}

const char *access_unused_name(const struct access *access)
{
    for (size_t i = 0; i < access->rules_count; i++) {
        const char *name = access->rules[i].name;

        if (strcmp(name, "*") != 0 && strcmp(name, ACCESS_LOCAL) != 0 &&
            strcmp(name, ACCESS_ANONYMOUS) != 0 && !access_knows(access, mst_span_text(name))) {
            return name;
        }
    }
    return NULL;
}

/* ---- what ---- */

static bool is_meant(const struct access_rule *rule, const struct access_who *who)
{
    if (strcmp(rule->name, "*") == 0) {
        return !rule->allows || who->kind != ACCESS_IS_ANONYMOUS;
    }
    return strcmp(rule->name, who->name) == 0;
}

static unsigned ready_made(const struct access_who *who)
{
    switch (who->kind) {
    case ACCESS_IS_LOCAL: return ALL_BITS;
    case ACCESS_IS_KNOWN: return ALL_BITS & ~BIT(MST_VERB_ADMIN);
    case ACCESS_IS_ANONYMOUS: break;
    }
    return BIT(MST_VERB_NONE);
}

unsigned access_verbs(const struct access *access, const struct access_who *who,
                      struct mst_span object)
{
    unsigned allowed = 0;
    unsigned denied = 0;

    if (!access->has_rules) {
        return ready_made(who);
    }
    for (size_t i = 0; i < access->rules_count; i++) {
        const struct access_rule *rule = &access->rules[i];

        if (is_meant(rule, who) && mst_name_matches(rule->pattern, object)) {
            *(rule->allows ? &allowed : &denied) |= rule->verbs;
        }
    }
    return (allowed & ~denied) | BIT(MST_VERB_NONE);
}

bool access_permits(const struct access *access, const struct access_who *who, enum mst_verb verb,
                    struct mst_span object)
{
    return (access_verbs(access, who, object) & BIT(verb)) != 0;
}

bool access_is_open(const struct access *access, const struct access_who *who)
{
    return !access->has_rules && who->kind == ACCESS_IS_LOCAL;
}

bool access_has_permissions(const struct access *access)
{
    return access->has_rules;
}
