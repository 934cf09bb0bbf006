/* files.c - which files there are. See internal.h.
 *
 * Invariant: the table is sorted by number, and no number is there twice. Must not know: what is in
 * the files. */
#include "broker/journal/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Where the number is, or would be. */
static size_t position(const struct store_files *files, uint64_t number)
{
    size_t low = 0, high = files->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (files->items[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct store_file *files_find(const struct store_files *files, uint64_t number)
{
    size_t at = position(files, number);

    return at < files->count && files->items[at].number == number ? &files->items[at] : NULL;
}

bool files_reserve(struct store_files *files, size_t more)
{
    size_t cap = files->cap == 0 ? 16 : files->cap * 2;
    struct store_file *items;

    if (files->count + more <= files->cap) {
        return true;
    }
    items = realloc(files->items, cap * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    files->items = items;
    files->cap = cap;
    return true;
}

bool files_add(struct store_files *files, const struct store_file *file)
{
    size_t at = position(files, file->number);

    assert(at == files->count || files->items[at].number != file->number);
    if (!files_reserve(files, 1)) {
        return false;
    }
    memmove(files->items + at + 1, files->items + at, (files->count - at) * sizeof(*files->items));
    files->items[at] = *file;
    files->count++;
    return true;
}

void files_drop(struct store_files *files, uint64_t number)
{
    size_t at = position(files, number);

    assert(at < files->count && files->items[at].number == number);
    files->count--;
    memmove(files->items + at, files->items + at + 1, (files->count - at) * sizeof(*files->items));
}

uint64_t files_bytes(const struct store_files *files)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < files->count; i++) {
        sum += files->items[i].bytes;
    }
    return sum;
}

uint64_t files_newest_checkpoint(const struct store_files *files)
{
    size_t i = files->count;

    while (i > 0 && files->items[i - 1].kind != FILE_CHECKPOINT) {
        i--;
    }
    return i == 0 ? 0 : files->items[i - 1].number;
}

void files_clear(struct store_files *files)
{
    free(files->items);
    *files = (struct store_files){0};
}

/* ---- a directory ---- */

struct listing {
    struct store_files *files;
    disk_name_fn *leftover;
    void *user;
    int error;
};

static bool take_name(void *user, const char *name)
{
    struct listing *listing = user;
    struct store_file file = {0};
    bool ours = format_name_parse(name, &file.kind, &file.number);

    if (ours ? file.kind == FILE_BACKUP : format_name_is_new(name)) {
        return listing->leftover == NULL || listing->leftover(listing->user, name);
    }
    if (!ours) {
        return true;
    }
    if (files_find(listing->files, file.number) != NULL) {
        listing->error = -EEXIST; /* a segment and a checkpoint of one number */
    } else if (!files_add(listing->files, &file)) {
        listing->error = -ENOMEM;
    }
    return listing->error == 0;
}

int files_list(struct disk *disk, struct store_files *files, disk_name_fn *leftover, void *user)
{
    struct listing listing = {files, leftover, user, 0};
    int error = disk->table->list(disk, take_name, &listing);

    return error != 0 ? error : listing.error;
}
