/* fields.h - structs to msgpack arrays and back, by the tables of messages.c. Only for the codec.
 *
 * A layout's fields are consecutive elements of an array; rows within are arrays of their own. */
#ifndef MST_FIELDS_H
#define MST_FIELDS_H

#include "protocol/arena.h"
#include "protocol/message.h"
#include "protocol/pack.h"
#include "protocol/value.h"

/* Gives every member that the layout names its default; owner is all zeros. */
void mst_fields_init(void *owner, struct mst_layout layout);

/* How many fields must be written: the rest equal their defaults. */
size_t mst_fields_used(const void *owner, struct mst_layout layout);
void mst_fields_encode(struct mst_pack *pack, const void *owner, struct mst_layout layout,
                       size_t used);

/* Sticky: the first problem is kept, and what comes after it is not looked at. */
struct mst_decoder {
    struct mst_arena *arena;
    struct mst_span rest; /* what is still to be read */
    const char *why;      /* a peer's fault; NULL: none */
    bool out_of_memory;
    bool skipped; /* something was ignored, and nothing is known of it but where it ends */
};
/* Reads the next `count` values into owner, which was given its defaults. Those beyond the layout
 * are ignored. The bytes may be anything. */
void mst_fields_decode(struct mst_decoder *decoder, uint64_t count, struct mst_layout layout,
                       void *owner);

/* A text of at most max bytes; nil is none. */
bool mst_text_decode(const struct mst_value *value, size_t max, struct mst_span *text_out);

#endif
