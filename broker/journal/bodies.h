/* bodies.h - bodies read at their places, one after the other, by whoever copies many.
 *
 * Mostly they are wanted in the order in which they stand, so each read takes what follows along.
 * Blocks: for jobs. One thread. Must not know: whose they are, why they are read. */
#ifndef JOURNAL_BODIES_H
#define JOURNAL_BODIES_H

#include "broker/journal/internal.h"
#include "protocol/body.h"

#define BODIES_WINDOWS      8 /* files that are open at a time */
#define BODIES_WINDOW_BYTES (128u << 10)

struct bodies_window {
    uint64_t number; /* of the file; 0: none */
    int file;
    uint64_t at;
    struct mst_buf bytes;
};

struct bodies_reader {
    struct disk *disk;
    struct bodies_window windows[BODIES_WINDOWS];
};

/* Is this a hash and the body that it belongs to? */
bool bodies_are_right(struct mst_span hash_and_body);
/* One line: what is wrong at the place. */
void bodies_damage_text(enum file_kind kind, uint64_t place, char out[STORE_ERROR_MAX]);

void bodies_init(struct bodies_reader *reader, struct disk *disk);
/* The body (without its hash), valid until the next call. Otherwise error has one line. */
enum store_status bodies_read(struct bodies_reader *reader, enum file_kind kind, uint64_t place,
                              size_t len, struct mst_span *body, char error[STORE_ERROR_MAX]);
void bodies_clear_reader(struct bodies_reader *reader);

#endif
