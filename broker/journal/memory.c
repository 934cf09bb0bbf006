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

static void must(bool ok)
{
    if (!ok) {
        abort(); /* a journal that cannot keep a record must not let anybody believe it did */
    }
}

static uint64_t memory_append(struct journal *journal, struct mst_span records, uint64_t seq)
{
    struct memory_journal *memory = memory_of(journal);
    struct batch batch = {malloc(records.len + 1), records.len, seq};

    assert(memory->count == 0 || memory->batches[memory->count - 1].seq < seq);
    if (memory->count == memory->cap) {
        memory->cap = memory->cap == 0 ? 16 : memory->cap * 2;
        memory->batches = realloc(memory->batches, memory->cap * sizeof(*memory->batches));
    }
    must(batch.bytes != NULL && memory->batches != NULL);
    memcpy(batch.bytes, records.data, records.len);
    memory->batches[memory->count++] = batch;
    return memory->at_once ? journal_memory_sync(journal) : journal_memory_durable(journal);
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

static const struct journal_table memory_table = {memory_append, memory_free};

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
