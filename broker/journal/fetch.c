/* fetch.c - bodies read back from the journal. See fetch.h.
 *
 * What is asked for waits until the job before has ended, so that neighbours
 * meet; then as much as one job may have becomes the next. Places are looked up
 * as the job begins and its files are marked as read, so no compaction takes
 * them away. Invariants: a fetch is in one of three lists; what comes out with
 * a place has the bytes that were once put in. */
#include "broker/journal/fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/bodies.h"
#include "broker/journal/compact.h"

#define FETCH_JOB_COUNT  4096u /* of one job */
#define FETCH_JOB_BYTES  (8u << 20)
#define FETCH_JOB_FILES  64u
#define FETCH_READ_BYTES (256u << 10) /* of one read, but for a body that alone is longer */
#define FETCH_GAP_BYTES  (16u << 10)  /* so much between two is read along */

struct list {
    struct journal_fetch *first;
    struct journal_fetch *last;
};

struct fetch_file {
    uint64_t number; /* or FETCH_BACKUP */
    enum file_kind kind;
};

struct fetches {
    struct job job; /* first */
    struct store *store;
    struct disk *disk;
    bool is_working;
    struct list waiting;
    struct list taken; /* the job's */
    struct list ready;
    struct fetch_file files[FETCH_JOB_FILES]; /* the job's */
    size_t files_count;
    bool failed;
    char error[STORE_ERROR_MAX];
};

static struct fetches *fetches_of(struct journal *journal)
{
    return store_of(journal)->fetches;
}

static void list_add(struct list *list, struct journal_fetch *fetch)
{
    fetch->next = NULL;
    if (list->last == NULL) {
        list->first = fetch;
    } else {
        list->last->next = fetch;
    }
    list->last = fetch;
}

static struct journal_fetch *list_take(struct list *list)
{
    struct journal_fetch *fetch = list->first;

    if (fetch != NULL) {
        list->first = fetch->next;
        list->last = list->first == NULL ? NULL : list->last;
        fetch->next = NULL;
    }
    return fetch;
}

/* ---- on the helper's thread: sorted ---- */

static struct journal_fetch *merge(struct journal_fetch *a, struct journal_fetch *b)
{
    struct journal_fetch *first = NULL;
    struct journal_fetch **end = &first;

    while (a != NULL && b != NULL) {
        struct journal_fetch **from = b->place < a->place ? &b : &a;

        *end = *from;
        end = &(*from)->next;
        *from = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* runs[i] is sorted and has 2^i of them, or none; a job has far fewer than all could. */
static struct journal_fetch *sorted(struct journal_fetch *list)
{
    enum { RUNS = 32 };
    struct journal_fetch *runs[RUNS] = {0};
    struct journal_fetch *all = NULL;

    while (list != NULL) {
        struct journal_fetch *run = list;
        size_t i = 0;

        list = list->next;
        run->next = NULL;
        for (; runs[i] != NULL; i++) {
            run = merge(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = run;
    }
    for (size_t i = 0; i < RUNS; i++) {
        all = merge(runs[i], all);
    }
    return all;
}

/* ---- on the helper's thread: read ---- */

struct reading {
    struct fetches *fetches;
    const struct fetch_file *file; /* that is open; NULL: none */
    int opened;
    uint8_t *buffer; /* NULL: no memory, each is read by itself */
};

static bool is_raw(const struct journal_fetch *fetch) /* bytes of the backup, without a hash */
{
    return place_file(fetch->place) == FETCH_BACKUP;
}

static size_t hash_bytes(const struct journal_fetch *fetch)
{
    return is_raw(fetch) ? 0 : MST_BODY_HASH_BYTES;
}

static void fail(struct fetches *fetches, const char *text)
{
    if (!fetches->failed) {
        fetches->failed = true;
        snprintf(fetches->error, sizeof(fetches->error), "%s", text);
    }
}

static void fail_reading(const struct reading *reading, uint64_t place, int64_t error)
{
    char text[STORE_ERROR_MAX], name[DISK_NAME_MAX + 1], why[STORE_ERROR_TEXT_MAX];

    format_name(reading->file->kind, reading->file->number, name);
    store_error_text(error, why, sizeof(why));
    snprintf(text, sizeof(text), "cannot read %s at offset %llu: %s", name,
             (unsigned long long)place_offset(place), why);
    fail(reading->fetches, text);
}

static bool open_file(struct reading *reading, uint64_t place)
{
    struct fetches *fetches = reading->fetches;
    struct disk *disk = fetches->disk;
    char name[DISK_NAME_MAX + 1];
    size_t i = 0;

    if (reading->file != NULL && reading->file->number == place_file(place)) {
        return reading->opened >= 0;
    }
    if (reading->file != NULL && reading->opened >= 0) {
        disk->table->close(disk, reading->opened);
    }
    while (i + 1 < fetches->files_count && fetches->files[i].number != place_file(place)) {
        i++;
    }
    reading->file = &fetches->files[i];
    format_name(reading->file->kind, reading->file->number, name);
    reading->opened = disk->table->open(disk, name, DISK_READ);
    if (reading->opened < 0) {
        fail_reading(reading, place, reading->opened);
    }
    return reading->opened >= 0;
}

/* A fetch that failed comes out without a place, and without bytes. */
static void give_nothing(struct journal_fetch *fetch)
{
    memset(fetch->out, 0, fetch->len);
    fetch->place = 0;
}

static void give_damaged(const struct reading *reading, struct journal_fetch *fetch)
{
    char text[STORE_ERROR_MAX];

    bodies_damage_text(reading->file->kind, fetch->place, text);
    fail(reading->fetches, text);
    give_nothing(fetch);
}

static bool read_all(const struct reading *reading, uint64_t place, void *out, size_t len)
{
    struct disk *disk = reading->fetches->disk;
    int64_t n = disk->table->read(disk, reading->opened, place_offset(place), out, len);

    if (n < 0) {
        fail_reading(reading, place, n);
    } else if ((size_t)n < len) {
        memset((uint8_t *)out + n, 0, len - (size_t)n); /* its hash will not be right */
    }
    return n >= 0;
}

/* Straight to where it is wanted. */
static void read_alone(const struct reading *reading, struct journal_fetch *fetch)
{
    uint8_t stands[MST_BODY_HASH_BYTES], hash[MST_BODY_HASH_BYTES];
    size_t before = hash_bytes(fetch);

    if ((before > 0 && !read_all(reading, fetch->place, stands, before)) ||
        !read_all(reading, fetch->place + before, fetch->out, fetch->len)) {
        give_nothing(fetch);
        return;
    }
    if (before > 0) {
        mst_body_hash(mst_span_of(fetch->out, fetch->len), hash);
        if (memcmp(hash, stands, sizeof(hash)) != 0) {
            give_damaged(reading, fetch);
        }
    }
}

/* From first to before end: one read, then each is judged and handed out. */
static void read_together(const struct reading *reading, struct journal_fetch *first,
                          const struct journal_fetch *end, size_t len)
{
    bool ok = read_all(reading, first->place, reading->buffer, len);
    uint64_t at = first->place;

    for (struct journal_fetch *fetch = first; fetch != end; fetch = fetch->next) {
        const uint8_t *bytes = reading->buffer + (fetch->place - at);
        size_t before = hash_bytes(fetch);

        if (!ok) {
            give_nothing(fetch);
        } else if (before > 0 && !bodies_are_right(mst_span_of(bytes, before + fetch->len))) {
            give_damaged(reading, fetch);
        } else {
            memcpy(fetch->out, bytes + before, fetch->len);
        }
    }
}

/* The first that is not read along with this one. */
static struct journal_fetch *group_end(const struct journal_fetch *first, size_t *len_out)
{
    struct journal_fetch *fetch = first->next;
    uint64_t end = first->place + hash_bytes(first) + first->len;

    while (fetch != NULL && fetch->place <= end + FETCH_GAP_BYTES) {
        uint64_t its_end = fetch->place + hash_bytes(fetch) + fetch->len;

        if (place_file(fetch->place) != place_file(first->place) ||
            its_end - first->place > FETCH_READ_BYTES) {
            break;
        }
        end = its_end > end ? its_end : end;
        fetch = fetch->next;
    }
    *len_out = (size_t)(end - first->place);
    return fetch;
}

static void fetch_work(struct job *job)
{
    struct fetches *fetches = (struct fetches *)job;
    struct reading reading = {.fetches = fetches, .buffer = malloc(FETCH_READ_BYTES)};
    struct journal_fetch *fetch;

    fetches->taken.first = fetch = sorted(fetches->taken.first);
    while (fetch != NULL) {
        size_t len;
        struct journal_fetch *end = group_end(fetch, &len);

        if (!open_file(&reading, fetch->place)) {
            give_nothing(fetch);
            end = fetch->next;
        } else if (reading.buffer == NULL || len > FETCH_READ_BYTES) {
            read_alone(&reading, fetch);
            end = fetch->next;
        } else {
            read_together(&reading, fetch, end, len);
        }
        fetch = end;
    }
    if (reading.opened >= 0) { /* there was one at least */
        fetches->disk->table->close(fetches->disk, reading.opened);
    }
    free(reading.buffer);
}

/* ---- on the loop's thread ---- */

static void mark_files(struct fetches *fetches, int by)
{
    for (size_t i = 0; i < fetches->files_count; i++) {
        if (fetches->files[i].number != FETCH_BACKUP) {
            files_find(&fetches->store->files, fetches->files[i].number)->readers += (uint32_t)by;
        }
    }
}

static void fetch_done(struct job *job)
{
    struct fetches *fetches = (struct fetches *)job;
    struct journal_fetch *fetch;

    fetches->is_working = false;
    mark_files(fetches, -1);
    for (fetch = fetches->taken.first; fetch != NULL;) {
        struct journal_fetch *next = fetch->next;

        list_add(&fetches->ready, fetch);
        fetch = next;
    }
    fetches->taken = (struct list){0};
    if (fetches->failed) {
        store_fail(fetches->store, "%s", fetches->error);
    }
}

/* false: the job reads in as many other files as it may. */
static bool add_file(struct fetches *fetches, uint64_t number)
{
    const struct store_file *file;

    for (size_t i = fetches->files_count; i-- > 0;) {
        if (fetches->files[i].number == number) {
            return true;
        }
    }
    if (fetches->files_count == FETCH_JOB_FILES) {
        return false;
    }
    file = number == FETCH_BACKUP ? NULL : files_find(&fetches->store->files, number);
    assert(number == FETCH_BACKUP || file != NULL); /* a place that nobody ever gave out */
    fetches->files[fetches->files_count++] =
        (struct fetch_file){number, number == FETCH_BACKUP ? FILE_BACKUP : file->kind};
    return true;
}

static void take(struct fetches *fetches)
{
    uint64_t bytes = 0;
    size_t count = 0;

    fetches->files_count = 0;
    while (fetches->waiting.first != NULL && count < FETCH_JOB_COUNT && bytes < FETCH_JOB_BYTES) {
        struct journal_fetch *fetch = fetches->waiting.first;
        uint64_t place = is_raw(fetch) ? fetch->place : compact_place(fetches->store, fetch->place);

        if (!add_file(fetches, place_file(place))) {
            break;
        }
        list_take(&fetches->waiting);
        fetch->place = place;
        list_add(&fetches->taken, fetch);
        bytes += fetch->len;
        count++;
    }
}

bool fetch_wants_turn(const struct store *store)
{
    const struct fetches *fetches = store->fetches;

    return !fetches->is_working && fetches->waiting.first != NULL && !store->failed;
}

void fetch_turn(struct store *store)
{
    struct fetches *fetches = store->fetches;

    if (!fetch_wants_turn(store)) {
        return;
    }
    take(fetches);
    mark_files(fetches, 1);
    fetches->is_working = true;
    fetches->job = (struct job){fetch_work, fetch_done, JOB_READ, NULL};
    store_submit(store, &fetches->job);
}

void fetch_ask(struct journal *journal, struct journal_fetch *fetch)
{
    list_add(&fetches_of(journal)->waiting, fetch);
}

struct journal_fetch *fetch_take(struct journal *journal)
{
    struct fetches *fetches = fetches_of(journal);
    struct journal_fetch *fetch = list_take(&fetches->ready);

    if (fetch == NULL && fetches->store->failed) {
        fetch = list_take(&fetches->waiting);
        if (fetch != NULL) {
            give_nothing(fetch);
        }
    }
    return fetch;
}

bool fetch_new(struct store *store)
{
    store->fetches = calloc(1, sizeof(*store->fetches));
    if (store->fetches != NULL) {
        store->fetches->store = store;
        store->fetches->disk = store->ports.disk;
    }
    return store->fetches != NULL;
}

void fetch_free(struct store *store)
{
    free(store->fetches);
    store->fetches = NULL;
}
