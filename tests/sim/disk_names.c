/* disk_names.c - the names in the simulated disk's directory. See disk_names.h. */
#include "tests/sim/disk_names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry *directory_find(const struct directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (strcmp(directory->items[i].name, name) == 0) {
            return &directory->items[i];
        }
    }
    return NULL;
}

void set_name(char *out, const char *name)
{
    assert(strlen(name) <= DISK_NAME_MAX);
    snprintf(out, DISK_NAME_MAX + 1, "%s", name);
}

void directory_add(struct directory *directory, const char *name, struct file *file)
{
    size_t bytes = (directory->count + 1) * sizeof(*directory->items);

    directory->items = need(realloc(directory->items, bytes));
    set_name(directory->items[directory->count].name, name);
    directory->items[directory->count++].file = file;
    file->references++;
}

void directory_remove(struct directory *directory, const char *name)
{
    struct entry *entry = directory_find(directory, name);

    if (entry != NULL) {
        file_drop(entry->file);
        *entry = directory->items[--directory->count];
    }
}

static void directory_rename(struct directory *directory, const char *from, const char *to)
{
    struct entry *entry = directory_find(directory, from);

    if (entry != NULL && strcmp(from, to) != 0) {
        directory_remove(directory, to);
        set_name(directory_find(directory, from)->name, to);
    }
}

void directory_clear(struct directory *directory)
{
    while (directory->count > 0) {
        file_drop(directory->items[--directory->count].file);
    }
    free(directory->items);
    *directory = (struct directory){0};
}

void directory_copy(struct directory *to, const struct directory *from)
{
    struct directory copy = {0};

    for (size_t i = 0; i < from->count; i++) {
        directory_add(&copy, from->items[i].name, from->items[i].file);
    }
    directory_clear(to);
    *to = copy;
}

void carry_out(struct directory *directory, const struct change *change)
{
    if (change->made != NULL) {
        directory_add(directory, change->to, change->made);
    } else if (change->to[0] != '\0') {
        directory_rename(directory, change->from, change->to);
    } else {
        directory_remove(directory, change->from);
    }
}
