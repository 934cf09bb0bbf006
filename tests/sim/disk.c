/* disk.c - a disk in memory for tests: names, calls, faults. See disk.h.
 *
 * Invariant: the names in `stable` are those that a power failure leaves for certain, and the
 * changes since stand in `changes`, in order; `now` is stable with all of them carried out. */
#include "tests/sim/disk.h"
#include "tests/sim/disk_names.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct fault {
    uint64_t nth; /* counted down; 0: none */
    int error;
    int always;
};

struct sim_disk {
    struct disk disk; /* first */
    struct directory now;
    struct directory stable;
    struct change *changes;
    size_t changes_count;
    struct file **open; /* by number; numbers are never used again */
    size_t open_count;
    struct fault faults[SIM_DISK_CALLS];
    bool has_failed;
    uint64_t counts[SIM_DISK_CALLS];
    uint64_t stop; /* counted down; 0: not set */
    bool stopped;
    uint64_t capacity;
};

static struct sim_disk *sim_of(const struct disk *disk)
{
    return (struct sim_disk *)(uintptr_t)disk;
}

/* ---- names ---- */

static void changes_forget(struct sim_disk *sim)
{
    for (size_t i = 0; i < sim->changes_count; i++) {
        if (sim->changes[i].made != NULL) {
            file_drop(sim->changes[i].made);
        }
    }
    sim->changes_count = 0;
}

static void change(struct sim_disk *sim, const char *from, const char *to, struct file *made)
{
    struct change *change;

    sim->changes = need(realloc(sim->changes, (sim->changes_count + 1) * sizeof(*sim->changes)));
    change = &sim->changes[sim->changes_count++];
    set_name(change->from, from);
    set_name(change->to, to);
    change->made = made;
    if (made != NULL) {
        made->references++;
    }
    carry_out(&sim->now, change);
}

static void names_sync(struct sim_disk *sim)
{
    changes_forget(sim);
    directory_copy(&sim->stable, &sim->now);
}

/* ---- faults ---- */

/* 0, or the negative errno of a call that is to fail. */
static int called(struct sim_disk *sim, enum sim_disk_call call)
{
    struct fault *fault = &sim->faults[call];

    if (sim->stop > 0 && call >= SIM_DISK_WRITE && --sim->stop == 0) {
        sim->stopped = true;
    }
    if (sim->stopped) {
        return -EIO;
    }
    sim->counts[call]++;
    if ((fault->nth > 0 && --fault->nth == 0) || fault->always != 0) {
        sim->has_failed = true;
        return fault->always != 0 ? -fault->always : -fault->error;
    }
    return 0;
}

void sim_disk_fail(struct disk *disk, enum sim_disk_call call, uint64_t nth, int error)
{
    sim_of(disk)->faults[call].nth = nth;
    sim_of(disk)->faults[call].error = error;
}

void sim_disk_fail_all(struct disk *disk, enum sim_disk_call call, int error)
{
    sim_of(disk)->faults[call].always = error;
}

bool sim_disk_has_failed(const struct disk *disk)
{
    return sim_of(disk)->has_failed;
}

void sim_disk_stop(struct disk *disk, uint64_t nth)
{
    sim_of(disk)->stop = nth;
}

bool sim_disk_has_stopped(const struct disk *disk)
{
    return sim_of(disk)->stopped;
}

/* ---- the table ---- */

static struct file *opened(struct sim_disk *sim, int number)
{
    return number >= 0 && (size_t)number < sim->open_count ? sim->open[number] : NULL;
}

static int sim_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    struct sim_disk *sim = sim_of(disk);
    struct entry *entry = directory_find(&sim->now, name);
    int error = called(sim, mode == DISK_CREATE ? SIM_DISK_CREATE : SIM_DISK_OPEN);

    if (error != 0) {
        return error;
    }
    if ((entry == NULL) != (mode == DISK_CREATE)) {
        return entry == NULL ? -ENOENT : -EEXIST;
    }
    if (entry == NULL) {
        change(sim, "", name, file_new());
        entry = directory_find(&sim->now, name);
    }
    sim->open = need(realloc(sim->open, (sim->open_count + 1) * sizeof(*sim->open)));
    sim->open[sim->open_count] = entry->file;
    entry->file->references++;
    return (int)sim->open_count++;
}

/* A number from before a crash is closed already. */
static void sim_close(struct disk *disk, int number)
{
    struct sim_disk *sim = sim_of(disk);
    struct file *file = opened(sim, number);

    if (file != NULL) {
        sim->open[number] = NULL;
        file_drop(file);
    }
}

static int64_t sim_read(struct disk *disk, int number, uint64_t offset, void *out, size_t len)
{
    struct file *file = opened(sim_of(disk), number);
    int error = called(sim_of(disk), SIM_DISK_READ);

    if (error != 0 || file == NULL) {
        return error != 0 ? error : -EBADF;
    }
    if (offset >= file->len) {
        return 0;
    }
    len = len < file->len - offset ? len : (size_t)(file->len - offset);
    memcpy(out, file->bytes + offset, len);
    return (int64_t)len;
}

static int64_t sim_room(struct disk *disk)
{
    uint64_t bytes = sim_disk_bytes(disk);
    uint64_t capacity = sim_of(disk)->capacity;
    uint64_t room = capacity > bytes ? capacity - bytes : 0;

    return room > INT64_MAX ? INT64_MAX : (int64_t)room;
}

static int sim_write(struct disk *disk, int number, uint64_t offset, const void *bytes, size_t len)
{
    struct sim_disk *sim = sim_of(disk);
    struct file *file = opened(sim, number);
    int error = called(sim, SIM_DISK_WRITE);
    uint64_t room = (uint64_t)sim_room(disk);

    if (file == NULL || sim->stopped) {
        return sim->stopped ? -EIO : -EBADF;
    }
    len = error != 0 ? len / 2 : len;
    if (offset + len > file->len && offset + len - file->len > room) {
        error = -ENOSPC;
        len = file->len + room > offset ? (size_t)(file->len + room - offset) : 0;
    }
    if (len > 0) {
        file_grow(file, (size_t)offset + len);
        memcpy(file->bytes + offset, bytes, len);
        for (size_t i = (size_t)offset / SIM_DISK_SECTOR; i * SIM_DISK_SECTOR < offset + len; i++) {
            file->dirty[i] = true;
        }
    }
    return error;
}

static int64_t sim_size(struct disk *disk, int number)
{
    struct file *file = opened(sim_of(disk), number);

    return file == NULL ? -EBADF : (int64_t)file->len;
}

static int sim_sync(struct disk *disk, int number)
{
    struct file *file = opened(sim_of(disk), number);
    int error = called(sim_of(disk), SIM_DISK_SYNC);

    if (file == NULL || sim_of(disk)->stopped) {
        return sim_of(disk)->stopped ? -EIO : -EBADF;
    }
    file_sync(file, error == 0);
    return error;
}

static void sim_forget(struct disk *disk, int number)
{
    struct file *file = opened(sim_of(disk), number);

    if (file != NULL && !sim_of(disk)->stopped) {
        file_forget(file);
    }
}

static int sim_rename(struct disk *disk, const char *from, const char *to)
{
    int error = called(sim_of(disk), SIM_DISK_RENAME);

    if (error == 0 && directory_find(&sim_of(disk)->now, from) == NULL) {
        error = -ENOENT;
    }
    if (error == 0) {
        change(sim_of(disk), from, to, NULL);
    }
    return error;
}

static int sim_remove(struct disk *disk, const char *name)
{
    int error = called(sim_of(disk), SIM_DISK_REMOVE);

    if (error == 0 && directory_find(&sim_of(disk)->now, name) == NULL) {
        error = -ENOENT;
    }
    if (error == 0) {
        change(sim_of(disk), name, "", NULL);
    }
    return error;
}

static int sim_sync_dir(struct disk *disk)
{
    int error = called(sim_of(disk), SIM_DISK_SYNC_DIR);

    if (error == 0) {
        names_sync(sim_of(disk));
    }
    return error;
}

static int sim_list(struct disk *disk, disk_name_fn *name, void *user)
{
    struct sim_disk *sim = sim_of(disk);

    for (size_t i = 0; i < sim->now.count && !sim->stopped; i++) {
        if (!name(user, sim->now.items[i].name)) {
            break;
        }
    }
    return sim->stopped ? -EIO : 0;
}

static const struct disk_table table = {
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .write = sim_write,
    .size = sim_size,
    .sync = sim_sync,
    .forget = sim_forget,
    .rename = sim_rename,
    .remove = sim_remove,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .room = sim_room,
};

/* ---- a life ---- */

struct disk *sim_disk_new(void)
{
    struct sim_disk *sim = need(calloc(1, sizeof(*sim)));

    sim->disk.table = &table;
    sim->capacity = UINT64_MAX;
    return &sim->disk;
}

struct disk *sim_disk_copy(const struct disk *disk)
{
    const struct directory *from = &sim_of(disk)->now;
    struct disk *copy = sim_disk_new();

    for (size_t i = 0; i < from->count; i++) {
        const struct file *file = from->items[i].file;

        sim_disk_put(copy, from->items[i].name, mst_span_of(file->bytes, file->len));
    }
    return copy;
}

static void close_all(struct sim_disk *sim)
{
    for (size_t i = 0; i < sim->open_count; i++) {
        sim_close(&sim->disk, (int)i);
    }
}

void sim_disk_free(struct disk **owner)
{
    struct sim_disk *sim = sim_of(*owner);

    close_all(sim);
    changes_forget(sim);
    directory_clear(&sim->now);
    directory_clear(&sim->stable);
    free(sim->changes);
    free(sim->open);
    free(sim);
    *owner = NULL;
}

static void come_back(struct sim_disk *sim)
{
    close_all(sim);
    memset(sim->faults, 0, sizeof(sim->faults));
    sim->has_failed = sim->stopped = false;
    sim->stop = 0;
}

void sim_disk_power(struct disk *disk, uint64_t seed)
{
    struct sim_disk *sim = sim_of(disk);
    size_t kept = (size_t)(next_chance(&seed) % (sim->changes_count + 1));

    come_back(sim);
    for (size_t i = 0; i < kept; i++) {
        carry_out(&sim->stable, &sim->changes[i]);
    }
    changes_forget(sim);
    directory_copy(&sim->now, &sim->stable);
    for (size_t i = 0; i < sim->now.count; i++) {
        file_power(sim->now.items[i].file, &seed);
    }
}

void sim_disk_kill(struct disk *disk)
{
    come_back(sim_of(disk));
}

void sim_disk_set_capacity(struct disk *disk, uint64_t bytes)
{
    sim_of(disk)->capacity = bytes;
}

/* ---- looking, and meddling ---- */

uint64_t sim_disk_count(const struct disk *disk, enum sim_disk_call call)
{
    return sim_of(disk)->counts[call];
}

uint64_t sim_disk_changes(const struct disk *disk)
{
    uint64_t sum = 0;

    for (int call = SIM_DISK_WRITE; call < SIM_DISK_CALLS; call++) {
        sum += sim_of(disk)->counts[call];
    }
    return sum;
}

uint64_t sim_disk_bytes(const struct disk *disk)
{
    const struct sim_disk *sim = sim_of(disk);
    uint64_t sum = 0;

    for (size_t i = 0; i < sim->now.count; i++) {
        sum += sim->now.items[i].file->len;
    }
    return sum;
}

size_t sim_disk_files(const struct disk *disk)
{
    return sim_of(disk)->now.count;
}

uint8_t *sim_disk_file(struct disk *disk, const char *name, size_t *len)
{
    struct entry *entry = directory_find(&sim_of(disk)->now, name);

    *len = entry == NULL ? 0 : entry->file->len;
    return entry == NULL ? NULL : entry->file->bytes;
}

void sim_disk_settle(struct disk *disk)
{
    struct sim_disk *sim = sim_of(disk);

    names_sync(sim);
    for (size_t i = 0; i < sim->now.count; i++) {
        file_settle(sim->now.items[i].file);
    }
}

void sim_disk_put(struct disk *disk, const char *name, struct mst_span bytes)
{
    struct sim_disk *sim = sim_of(disk);
    struct file *file = file_new();

    directory_remove(&sim->now, name);
    directory_add(&sim->now, name, file);
    file_grow(file, bytes.len);
    if (bytes.len > 0) {
        memcpy(file->bytes, bytes.data, bytes.len);
    }
    sim_disk_settle(disk);
}

void sim_disk_delete(struct disk *disk, const char *name)
{
    assert(directory_find(&sim_of(disk)->now, name) != NULL);
    directory_remove(&sim_of(disk)->now, name);
    sim_disk_settle(disk);
}
