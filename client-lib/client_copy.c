/* client_copy.c - deep copies by the tables of protocol/messages.c, so that a new field of an
 * operation is copied without a word here.
 *
 * The same walk is made twice: first dry, to measure, then into the memory that was measured. */
#include "client-lib/client_copy.h"

#include <stdlib.h>

struct room {
    uint8_t *at; /* NULL: the dry run */
    size_t used;
};

/* Where the strings are in one element of a list. */
struct shape {
    size_t size;
    size_t strings;
    size_t offset[4];
};

static struct shape shape_of(enum mst_field_type type)
{
    switch (type) {
    case MST_F_SPANS: return (struct shape){sizeof(struct mst_span), 1, {0}};
    case MST_F_I64S:
    case MST_F_U64S: return (struct shape){sizeof(uint64_t), 0, {0}};
    case MST_F_RANGES: return (struct shape){sizeof(struct mst_range), 0, {0}};
    case MST_F_RUNS: return (struct shape){sizeof(struct mst_run), 0, {0}};
    case MST_F_FACTS:
        return (struct shape){sizeof(struct mst_fact),
                              2,
                              {offsetof(struct mst_fact, name), offsetof(struct mst_fact, text)}};
    case MST_F_PARTIES:
        return (struct shape){sizeof(struct mst_party),
                              4,
                              {offsetof(struct mst_party, role), offsetof(struct mst_party, name),
                               offsetof(struct mst_party, host),
                               offsetof(struct mst_party, detail)}};
    case MST_F_ENTRIES:
        return (struct shape){sizeof(struct mst_entry), 1, {offsetof(struct mst_entry, name)}};
    case MST_F_SESSIONS:
        return (struct shape){
            sizeof(struct mst_session_row),
            2,
            {offsetof(struct mst_session_row, name), offsetof(struct mst_session_row, host)}};
    default: return (struct shape){0, 0, {0}};
    }
}

/* Copies bytes and a NUL, aligned for any element. Returns the copy; NULL in the dry run. */
static uint8_t *room_put(struct room *room, const void *bytes, size_t len)
{
    uint8_t *copy = room->at == NULL ? NULL : room->at + room->used;

    room->used += (len + 1 + 7) & ~(size_t)7;
    if (copy != NULL) {
        if (len > 0) {
            memcpy(copy, bytes, len);
        }
        copy[len] = 0;
    }
    return copy;
}

static void deepen_span(struct room *room, void *at)
{
    struct mst_span span;

    memcpy(&span, at, sizeof(span));
    if (span.data == NULL) {
        return;
    }
    uint8_t *copy = room_put(room, span.data, span.len);
    if (copy != NULL) {
        span.data = copy;
        memcpy(at, &span, sizeof(span));
    }
}

/* A list is a pointer followed by its count. */
static void deepen_list(struct room *room, uint8_t *at, struct shape shape)
{
    uint8_t *elements;
    size_t count;

    memcpy(&elements, at, sizeof(elements));
    memcpy(&count, at + sizeof(elements), sizeof(count));
    if (shape.size == 0 || elements == NULL || count == 0) {
        elements = NULL;
        count = 0;
    } else {
        uint8_t *copy = room_put(room, elements, count * shape.size);

        elements = copy != NULL ? copy : elements;
    }
    for (size_t i = 0; i < count * shape.strings; i++) {
        deepen_span(room,
                    elements + i / shape.strings * shape.size + shape.offset[i % shape.strings]);
    }
    if (room->at != NULL) {
        memcpy(at, &elements, sizeof(elements));
        memcpy(at + sizeof(elements), &count, sizeof(count));
    }
}

static void deepen(struct room *room, void *message, struct mst_layout layout)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        uint8_t *at = (uint8_t *)message + field->offset;

        switch (field->type) {
        case MST_F_U64:
        case MST_F_I64:
        case MST_F_BOOL:
        case MST_F_GENERATION: break;
        case MST_F_STR:
        case MST_F_BIN: deepen_span(room, at); break;
        default: deepen_list(room, at, shape_of(field->type)); break;
        }
    }
}

struct mst_request *mst_request_copy(const struct mst_request *request)
{
    struct mst_layout layout = mst_request_layout(request->op);
    struct mst_request dry = *request;
    struct room room = {NULL, 0};

    deepen(&room, &dry, layout);
    struct mst_request *copy = malloc(sizeof(*copy) + room.used);
    if (copy != NULL) {
        *copy = *request;
        room = (struct room){(uint8_t *)(copy + 1), 0};
        deepen(&room, copy, layout);
    }
    return copy;
}

struct mst_reply *mst_reply_copy(const struct mst_reply *reply)
{
    struct mst_layout layout = mst_reply_layout(reply->op);
    struct mst_reply dry = *reply;
    struct room room = {NULL, 0};

    deepen(&room, &dry, layout);
    deepen_span(&room, &dry.cause);
    struct mst_reply *copy = malloc(sizeof(*copy) + room.used);
    if (copy != NULL) {
        *copy = *reply;
        room = (struct room){(uint8_t *)(copy + 1), 0};
        deepen(&room, copy, layout);
        deepen_span(&room, &copy->cause);
    }
    return copy;
}

char *mst_text_copy(struct mst_span text)
{
    char *copy = malloc(text.len + 1);

    if (copy != NULL) {
        if (text.len > 0) {
            memcpy(copy, text.data, text.len);
        }
        copy[text.len] = '\0';
    }
    return copy;
}
