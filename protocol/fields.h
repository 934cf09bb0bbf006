/* fields.h - structs to msgpack arrays and back, by the tables of messages.c. Only for the codec.
 *
 * A layout's fields are consecutive elements of an array; rows within are arrays of their own. */
#ifndef MST_FIELDS_H
#define MST_FIELDS_H

#include <msgpack/object.h>

#include "protocol/arena.h"
#include "protocol/message.h"
#include "protocol/pack.h"

/* Gives every member that the layout names its default. */
void mst_fields_init(void *owner, struct mst_layout layout);

/* How many fields must be written: the rest equal their defaults. */
size_t mst_fields_used(const void *owner, struct mst_layout layout);
void mst_fields_encode(struct mst_pack *pack, const void *owner, struct mst_layout layout,
                       size_t used);

/* Sticky: the first problem is kept, and what comes after it is not looked at. */
struct mst_decoder {
    struct mst_arena *arena;
    const char *why; /* a peer's fault; NULL: none */
    bool out_of_memory;
};
/* owner was given its defaults. Elements beyond the layout are ignored. */
void mst_fields_decode(struct mst_decoder *decoder, const msgpack_object *elements, size_t count,
                       struct mst_layout layout, void *owner);

/* A text of at most max bytes; nil is none. */
bool mst_text_decode(const msgpack_object *element, size_t max, struct mst_span *text_out);

#endif
