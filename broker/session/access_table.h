/* access_table.h - what access_read.c makes of the texts, for access.c to ask. */
#ifndef SESSION_ACCESS_TABLE_H
#define SESSION_ACCESS_TABLE_H

#include "broker/session/access.h"
#include "protocol/keys.h"

struct access_entry {
    uint8_t id[MST_NOISE_KEY]; /* the key itself; of a token its id, then zeros */
    uint8_t token[MST_NOISE_KEY];
    char name[ACCESS_NAME_MAX + 1];
    size_t line;
};

/* The entries are never moved, so that no copy of a token is left behind: pointers are sorted. */
struct access_list {
    struct access_entry *items;
    const struct access_entry **order; /* by id */
    size_t count, cap;
};

struct access_rule {
    bool allows;
    char name[ACCESS_NAME_MAX + 1]; /* or "*" */
    unsigned verbs;                 /* bits */
    struct mst_span pattern;        /* in the text */
};

struct access {
    struct access_list keys, tokens;
    struct access_rule *rules;
    size_t rules_count;
    bool has_rules; /* there are permissions, if only empty ones */
    bool anonymous;
    char *text; /* of the permissions */
};

int access_compare_id(const void *a, const void *b); /* pointers to entries of an order */
bool access_read_entries(struct access_list *list, const struct access_text *text,
                         enum mst_key_kind kind, char error[ACCESS_ERROR_MAX]);
bool access_read_rules(struct access *access, const struct access_text *text,
                       char error[ACCESS_ERROR_MAX]);

#endif
