/* ration.c - counted and refused memory. See ration.h.
 *
 * Invariant: `used` is the sum of the sizes in the table; the table has the blocks that were
 * allocated while armed and counting, and have not been freed since. */
#include "tests/sim/ration.h"
#include "tests/fault/memory_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct block {
    void *memory; /* NULL: the place is free */
    size_t size;
};

static struct {
    bool armed;
    uint64_t nth, more; /* counted down */
    uint64_t refused;
    bool counts;
    uint64_t used, limit;
    struct block *blocks; /* a hash table with open addresses */
    size_t mask;          /* of its places, a power of two; 0: none yet */
    size_t count;
} ration = {.limit = UINT64_MAX};

bool ration_arm(bool on)
{
    bool was = ration.armed;

    ration.armed = on;
    return was;
}

void ration_refuse(uint64_t nth, uint64_t more)
{
    ration.nth = nth;
    ration.more = nth == 0 ? 0 : more;
}

uint64_t ration_refused(void)
{
    return ration.refused;
}

void ration_count(bool on)
{
    ration.counts = on;
    ration.limit = UINT64_MAX;
    ration.used = ration.count = ration.mask = 0;
    free(ration.blocks);
    ration.blocks = NULL;
}

uint64_t ration_used(void)
{
    return ration.used;
}

void ration_limit(uint64_t more)
{
    ration.limit = more > UINT64_MAX - ration.used ? UINT64_MAX : ration.used + more;
}

/* ---- what is counted ---- */

static size_t home(const void *memory)
{
    return (size_t)((uintptr_t)memory / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 20) & ration.mask;
}

/* Where it is, or the free place where it would be. */
static size_t place_of(const void *memory)
{
    size_t at = home(memory);

    while (ration.blocks[at].memory != NULL && ration.blocks[at].memory != memory) {
        at = (at + 1) & ration.mask;
    }
    return at;
}

static void grow(void)
{
    struct block *old = ration.blocks;
    size_t places = old == NULL ? 0 : ration.mask + 1;

    ration.mask = places == 0 ? 4095 : 2 * places - 1;
    ration.blocks = calloc(ration.mask + 1, sizeof(*old));
    if (ration.blocks == NULL) {
        abort(); /* the test itself is out of memory */
    }
    for (size_t i = 0; i < places; i++) {
        if (old[i].memory != NULL) {
            ration.blocks[place_of(old[i].memory)] = old[i];
        }
    }
    free(old);
}

static void add(void *memory, size_t size)
{
    if (!ration.counts || !ration.armed || memory == NULL) {
        return;
    }
    if (2 * ration.count >= ration.mask) {
        grow();
    }
    ration.blocks[place_of(memory)] = (struct block){memory, size};
    ration.count++;
    ration.used += size;
}

static uint64_t size_of(const void *memory)
{
    return ration.mask == 0 || memory == NULL ? 0 : ration.blocks[place_of(memory)].size;
}

/* Those behind it that would have stood in its place move up. */
static void forget(const void *memory)
{
    size_t at;

    if (ration.mask == 0 || memory == NULL) {
        return;
    }
    at = place_of(memory);
    if (ration.blocks[at].memory == NULL) {
        return; /* it was never counted */
    }
    ration.used -= ration.blocks[at].size;
    ration.count--;
    for (size_t next = (at + 1) & ration.mask; ration.blocks[next].memory != NULL;
         next = (next + 1) & ration.mask) {
        size_t way = (next - home(ration.blocks[next].memory)) & ration.mask;

        if (way >= ((next - at) & ration.mask)) {
            ration.blocks[at] = ration.blocks[next];
            at = next;
        }
    }
    ration.blocks[at] = (struct block){NULL, 0};
}

/* ---- what is refused ---- */

static bool is_the_spot(void)
{
    if (ration.nth > 1) {
        ration.nth--;
        return false;
    }
    if (ration.nth == 1 && ration.more > 0) {
        ration.more--;
        return true;
    }
    return ration.nth-- == 1;
}

/* before: bytes that would be given back for it. */
static bool is_refused(size_t size, uint64_t before)
{
    bool refused = false;

    if (ration.armed && ration.nth > 0) {
        refused = is_the_spot();
    }
    if (ration.armed && ration.counts && ration.limit != UINT64_MAX) {
        refused = refused || ration.used - before + size > ration.limit;
    }
    ration.refused += refused;
    return refused;
}

/* ---- in place of malloc and its kin ---- */

void *fault_malloc(size_t size)
{
    void *memory = is_refused(size, 0) ? NULL : malloc(size);

    add(memory, size);
    return memory;
}

void *fault_calloc(size_t count, size_t size)
{
    void *memory = is_refused(count * size, 0) ? NULL : calloc(count, size);

    add(memory, count * size);
    return memory;
}

void *fault_realloc(void *memory, size_t size)
{
    size_t before = (size_t)size_of(memory);
    void *other;

    if (is_refused(size, before)) {
        return NULL;
    }
    forget(memory);
    other = realloc(memory, size);
    add(other, size);
    return other;
}

int fault_posix_memalign(void **memory, size_t alignment, size_t size)
{
    int error = is_refused(size, 0) ? ENOMEM : posix_memalign(memory, alignment, size);

    if (error == 0) {
        add(*memory, size);
    }
    return error;
}

char *fault_strdup(const char *text)
{
    char *copy = is_refused(strlen(text) + 1, 0) ? NULL : strdup(text);

    add(copy, strlen(text) + 1);
    return copy;
}

char *fault_strndup(const char *text, size_t len)
{
    char *copy = is_refused(len + 1, 0) ? NULL : strndup(text, len);

    add(copy, len + 1);
    return copy;
}

void fault_free(void *memory)
{
    forget(memory);
    free(memory);
}
