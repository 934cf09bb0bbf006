/* disk_names.h - the names in the simulated disk's directory, and changes to them. */
#ifndef SIM_DISK_NAMES_H
#define SIM_DISK_NAMES_H

#include "tests/sim/disk_file.h"

struct entry {
    char name[DISK_NAME_MAX + 1];
    struct file *file;
};

struct directory {
    struct entry *items;
    size_t count;
};

/* file NULL: from is removed; from empty: file is made as to; else renamed. */
struct change {
    char from[DISK_NAME_MAX + 1];
    char to[DISK_NAME_MAX + 1];
    struct file *made;
};

struct entry *directory_find(const struct directory *directory, const char *name); /* or NULL */
void directory_add(struct directory *directory, const char *name, struct file *file);
void directory_remove(struct directory *directory, const char *name);
void directory_clear(struct directory *directory);
void directory_copy(struct directory *to, const struct directory *from);
void carry_out(struct directory *directory, const struct change *change);
void set_name(char *out, const char *name); /* DISK_NAME_MAX + 1 bytes */

#endif
