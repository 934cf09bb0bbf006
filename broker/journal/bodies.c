/* bodies.c - bodies read at their places. See bodies.h.
 *
 * Invariant: a window holds bytes of one file from `at` on; a body is given out
 * only when its hash is right. */
#include "broker/journal/bodies.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

bool bodies_are_right(struct mst_span bytes)
{
    uint8_t hash[MST_BODY_HASH_BYTES];

    assert(bytes.len >= MST_BODY_HASH_BYTES);
    mst_body_hash(mst_span_of(bytes.data + MST_BODY_HASH_BYTES, bytes.len - MST_BODY_HASH_BYTES),
                  hash);
    return memcmp(hash, bytes.data, MST_BODY_HASH_BYTES) == 0;
}

void bodies_damage_text(enum file_kind kind, uint64_t place, char out[STORE_ERROR_MAX])
{
    char name[DISK_NAME_MAX + 1];

    format_name(kind, place_file(place), name);
    snprintf(out, STORE_ERROR_MAX,
             "%s is damaged at offset %llu: a message body does not match its "
             "hash; restore a "
             "backup, or rescue the rest with musterd --salvage",
             name, (unsigned long long)place_offset(place));
}

void bodies_init(struct bodies_reader *reader, struct disk *disk)
{
    *reader = (struct bodies_reader){.disk = disk};
    for (size_t i = 0; i < BODIES_WINDOWS; i++) {
        reader->windows[i].file = -1;
        mst_buf_init(&reader->windows[i].bytes);
    }
}

static void window_close(struct bodies_reader *reader, struct bodies_window *window)
{
    if (window->file >= 0) {
        reader->disk->table->close(reader->disk, window->file);
    }
    window->file = -1;
    window->number = 0;
    mst_buf_reset(&window->bytes);
}

static int64_t window_open(struct bodies_reader *reader, struct bodies_window *window,
                           enum file_kind kind, uint64_t number)
{
    char name[DISK_NAME_MAX + 1];

    if (window->number == number) {
        return 0;
    }
    window_close(reader, window);
    format_name(kind, number, name);
    window->file = reader->disk->table->open(reader->disk, name, DISK_READ);
    window->number = window->file >= 0 ? number : 0;
    return window->file;
}

static bool window_has(const struct bodies_window *window, uint64_t offset, size_t len)
{
    return offset >= window->at && offset + len <= window->at + mst_buf_size(&window->bytes);
}

/* Bytes read, or a negative errno. */
static int64_t window_fill(struct bodies_reader *reader, struct bodies_window *window,
                           uint64_t offset, size_t len)
{
    size_t want = len > BODIES_WINDOW_BYTES ? len : BODIES_WINDOW_BYTES;
    int64_t n;

    mst_buf_reset(&window->bytes);
    if (!mst_buf_reserve(&window->bytes, want)) {
        return -ENOMEM;
    }
    n = reader->disk->table->read(reader->disk, window->file, offset, window->bytes.data, want);
    window->at = offset;
    window->bytes.len = n < 0 ? 0 : (size_t)n;
    return n;
}

enum store_status bodies_read(struct bodies_reader *reader, enum file_kind kind, uint64_t place,
                              size_t len, struct mst_span *body, char error[STORE_ERROR_MAX])
{
    uint64_t number = place_file(place);
    uint64_t offset = place_offset(place);
    struct bodies_window *window = &reader->windows[number % BODIES_WINDOWS];
    int64_t n = window_open(reader, window, kind, number);
    size_t all = MST_BODY_HASH_BYTES + len;
    const uint8_t *at;

    if (n >= 0 && !window_has(window, offset, all)) {
        n = window_fill(reader, window, offset, all);
    }
    if (n < 0) {
        char why[STORE_ERROR_TEXT_MAX], name[DISK_NAME_MAX + 1];

        store_error_text(n, why, sizeof(why));
        format_name(kind, number, name);
        snprintf(error, STORE_ERROR_MAX, "cannot read %s at offset %llu: %s", name,
                 (unsigned long long)offset, why);
        return n == -ENOMEM ? STORE_NO_MEMORY : STORE_IO;
    }
    at = window->bytes.data + (offset - window->at);
    if (!window_has(window, offset, all) || !bodies_are_right(mst_span_of(at, all))) {
        bodies_damage_text(kind, place, error);
        return STORE_CORRUPT;
    }
    *body = mst_span_of(at + MST_BODY_HASH_BYTES, len);
    return STORE_OK;
}

void bodies_clear_reader(struct bodies_reader *reader)
{
    for (size_t i = 0; i < BODIES_WINDOWS; i++) {
        window_close(reader, &reader->windows[i]);
        mst_buf_clear(&reader->windows[i].bytes);
    }
}
