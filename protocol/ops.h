/* ops.h - the operations of the wire. The table is ops.def. */
#ifndef MST_OPS_H
#define MST_OPS_H

#include <stdbool.h>
#include <stdint.h>

enum mst_op {
#define OP(code, name, verb, flags, help) MST_OP_##name = code,
#include "protocol/ops.def"
#undef OP
};

enum mst_op_flag { OPF_CONNECTION = 1, OPF_WAITS = 2, OPF_READS = 4, OPF_MAKES = 8 };

enum mst_verb {
    MST_VERB_NONE,
    MST_VERB_CREATE,
    MST_VERB_DELETE,
    MST_VERB_PUT,
    MST_VERB_GET,
    MST_VERB_PEEK,
    MST_VERB_SYNC,
    MST_VERB_ADMIN,
    MST_VERB_STAT
};

bool mst_op_known(uint64_t code);
const char *mst_op_name(enum mst_op op);
const char *mst_op_help(enum mst_op op);
unsigned mst_op_flags(enum mst_op op);
enum mst_verb mst_op_verb(enum mst_op op);
const char *mst_verb_name(enum mst_verb verb); /* "put" */
bool mst_verb_find(const char *name, enum mst_verb *verb_out);

#endif
