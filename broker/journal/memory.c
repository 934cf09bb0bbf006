/* memory.c - a journal in memory. See memory.h.
 *
 * Invariant: the first durable_count batches are durable; seq rises from batch to batch. */
#include "broker/journal/memory.h"

#include <assert.h>
#include <stdlib.h>

struct batch {
    uint8_t *bytes;
    size_t len;
    uint64_t seq;
};

struct memory_journal {
    struct journal journal; /* first */
    bool at_once;
    bool full;
    struct batch *batches;
    size_t count;
    size_t cap;
    size_t durable_count;
};

/* The table is handed out as a plain journal, which is the first member. */
static struct memory_journal *memory_of(struct journal *journal)
{
    return (struct memory_journal *)journal;
}

static const struct memory_journal *memory_of_const(const struct journal *journal)
{
    return (const struct memory_journal *)journal;
}

static uint64_t memory_append(struct journal *journal, const struct journal_batch *given)
{
    struct memory_journal *memory = memory_of(journal);
    struct mst_span records = mst_buf_span(given->records);
    struct batch batch = {malloc(records.len + 1), records.len, given->seq};

    assert(memory->count == 0 || memory->batches[memory->count - 1].seq < given->seq);
    if (memory->count == memory->cap) {
        memory->cap = memory->cap == 0 ? 16 : memory->cap * 2;
        memory->batches = realloc(memory->batches, memory->cap * sizeof(*memory->batches));
    }
    /* One that cannot keep a record must not let anybody believe it did. */
    assert(batch.bytes != NULL && memory->batches != NULL);
    memcpy(batch.bytes, records.data, records.len);
    memory->batches[memory->count++] = batch;
    mst_buf_reset(given->records);
    if (memory->at_once) {
        journal_memory_sync(journal);
    }
    return 0;
}

static void memory_free(struct journal *journal)
{
    struct memory_journal *memory = memory_of(journal);

    for (size_t i = 0; i < memory->count; i++) {
        free(memory->batches[i].bytes);
    }
    free(memory->batches);
    free(memory);
}

static bool memory_is_full(const struct journal *journal)
{
    return memory_of_const(journal)->full;
}

static const char *memory_failure(const struct journal *journal)
{
    (void)journal;
    return NULL;
}

/* Nothing has a place, so nothing is fetched, and there is nothing to back up. */
static void memory_fetch(struct journal *journal, struct journal_fetch *fetch)
{
    (void)journal;
    (void)fetch;
    assert(false && "nothing has a place in a journal in memory");
}

static struct journal_fetch *memory_fetched(struct journal *journal)
{
    (void)journal;
    return NULL;
}

static void memory_turn(struct journal *journal, int64_t now_ns)
{
    (void)journal;
    (void)now_ns;
}

static int64_t memory_next_deadline_ns(const struct journal *journal)
{
    (void)journal;
    return INT64_MAX;
}

static bool memory_backup_begin(struct journal *journal)
{
    (void)journal;
    return true;
}

static uint64_t memory_backup_size(const struct journal *journal)
{
    (void)journal;
    return JOURNAL_BACKUP_FAILED;
}

static void memory_backup_read(struct journal *journal, uint64_t offset,
                               struct journal_fetch *fetch)
{
    (void)offset;
    memory_fetch(journal, fetch);
}

static void memory_backup_end(struct journal *journal)
{
    (void)journal;
}

static const struct journal_table memory_table = {
    .append = memory_append,
    .durable = journal_memory_durable,
    .is_full = memory_is_full,
    .failure = memory_failure,
    .fetch = memory_fetch,
    .fetched = memory_fetched,
    .turn = memory_turn,
    .next_deadline_ns = memory_next_deadline_ns,
    .backup_begin = memory_backup_begin,
    .backup_size = memory_backup_size,
    .backup_read = memory_backup_read,
    .backup_end = memory_backup_end,
    .free = memory_free,
};

struct journal *journal_memory_new(bool at_once)
{
    struct memory_journal *memory = calloc(1, sizeof(*memory));

    if (memory == NULL) {
        return NULL;
    }
    memory->journal.table = &memory_table;
    memory->at_once = at_once;
    return &memory->journal;
}

uint64_t journal_memory_sync(struct journal *journal)
{
    memory_of(journal)->durable_count = memory_of(journal)->count;
    return journal_memory_durable(journal);
}

void journal_memory_crash(struct journal *journal)
{
    struct memory_journal *memory = memory_of(journal);

    while (memory->count > memory->durable_count) {
        free(memory->batches[--memory->count].bytes);
    }
}

size_t journal_memory_batches(const struct journal *journal)
{
    return memory_of_const(journal)->durable_count;
}

struct mst_span journal_memory_batch(const struct journal *journal, size_t i)
{
    const struct batch *batch = &memory_of_const(journal)->batches[i];

    return mst_span_of(batch->bytes, batch->len);
}

uint64_t journal_memory_durable(const struct journal *journal)
{
    const struct memory_journal *memory = memory_of_const(journal);

    return memory->durable_count == 0 ? 0 : memory->batches[memory->durable_count - 1].seq;
}

void journal_memory_fill(struct journal *journal, bool full)
{
    memory_of(journal)->full = full;
}
