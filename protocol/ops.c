/* ops.c - what is known of each operation, read from ops.def. */
#include "protocol/ops.h"

#include <stddef.h>
#include <string.h>

struct row {
    const char *name;
    const char *help;
    unsigned flags;
    enum mst_verb verb;
};

enum { OP_CODES = 0x60 };

static const struct row rows[OP_CODES] = {
#define OP(code, name, verb, flags, help) [code] = {#name, help, flags, MST_VERB_##verb},
#include "protocol/ops.def"
#undef OP
};

static const struct row unknown = {"?", "an operation this version does not know", 0,
                                   MST_VERB_NONE};

static const char *const verb_names[] = {
    [MST_VERB_NONE] = "none", [MST_VERB_CREATE] = "create", [MST_VERB_DELETE] = "delete",
    [MST_VERB_PUT] = "put",   [MST_VERB_GET] = "get",       [MST_VERB_PEEK] = "peek",
    [MST_VERB_SYNC] = "sync", [MST_VERB_ADMIN] = "admin",   [MST_VERB_STAT] = "stat",
};

static const struct row *row_of(uint64_t code)
{
    return mst_op_known(code) ? &rows[code] : &unknown;
}

bool mst_op_known(uint64_t code)
{
    return code < OP_CODES && rows[code].name != NULL;
}

const char *mst_op_name(enum mst_op op)
{
    return row_of(op)->name;
}

const char *mst_op_help(enum mst_op op)
{
    return row_of(op)->help;
}

unsigned mst_op_flags(enum mst_op op)
{
    return row_of(op)->flags;
}

enum mst_verb mst_op_verb(enum mst_op op)
{
    return row_of(op)->verb;
}

const char *mst_verb_name(enum mst_verb verb)
{
    return verb_names[verb];
}

bool mst_verb_find(const char *name, enum mst_verb *verb_out)
{
    for (size_t i = 0; i < sizeof(verb_names) / sizeof(verb_names[0]); i++) {
        if (strcmp(verb_names[i], name) == 0) {
            *verb_out = (enum mst_verb)i;
            return true;
        }
    }
    return false;
}
