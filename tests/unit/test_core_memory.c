/* test_core_memory.c - what the core keeps its messages in: pieces of many sizes, and numbers with
 * marks. Each is played at random beside a plain model of it. */
#include "broker/core/idmap.h"
#include "broker/core/slab.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

/* ---- slab ---- */

#define PIECES 3000u

struct piece {
    uint8_t *bytes;
    size_t size;
    uint8_t fill;
};

static void check_and_give(struct slab *slab, struct piece *piece)
{
    for (size_t i = 0; i < piece->size; i++) {
        assert_int_equal(piece->bytes[i], piece->fill);
    }
    slab_give(slab, piece->bytes);
    piece->bytes = NULL;
}

static void pieces_of_all_sizes_keep_what_is_written_in_them(void **state)
{
    static struct piece pieces[PIECES];
    struct slab slab;
    uint64_t seed = 7;

    (void)state;
    slab_init(&slab);
    for (int i = 0; i < 200000; i++) {
        struct piece *piece = &pieces[draw(&seed, PIECES)];

        if (piece->bytes != NULL) {
            check_and_give(&slab, piece);
            continue;
        }
        piece->size = 1 + draw(&seed, i % 3 == 0 ? SLAB_PIECE_MAX : 64);
        piece->fill = (uint8_t)draw(&seed, 256);
        piece->bytes = slab_take(&slab, piece->size);
        assert_non_null(piece->bytes);
        assert_int_equal((uintptr_t)piece->bytes % sizeof(void *), 0);
        memset(piece->bytes, piece->fill, piece->size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        if (pieces[i].bytes != NULL) {
            check_and_give(&slab, &pieces[i]);
        }
    }
    slab_clear(&slab); /* a leak would be found by the address sanitizer */
}

static size_t chunks_of(const struct link *head)
{
    size_t n = 0;

    for (const struct link *l = head->next; l != head; l = l->next) {
        n++;
    }
    return n;
}

static void what_one_size_took_serves_another_and_most_goes_back(void **state)
{
    enum { COUNT = 20000 };
    uint8_t **pieces = calloc(COUNT, sizeof(*pieces));
    struct slab slab;

    (void)state;
    assert_non_null(pieces);
    slab_init(&slab);
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = slab_take(&slab, 136);
    }
    assert_in_range(slab.full_count, COUNT * 136 / 16384, COUNT * 136 / 16000);
    for (size_t i = 0; i < COUNT; i++) {
        slab_give(&slab, pieces[i]);
    }
    assert_int_equal(slab.full_count, 0);
    assert_int_equal(chunks_of(&slab.partial[136 / SLAB_UNIT - 1]), 1);
    assert_int_equal(chunks_of(&slab.spare), slab.spare_count);
    assert_in_range(slab.spare_count, 1, 64);
    for (size_t spare = slab.spare_count, i = 0; i < 40; i++) {
        pieces[i] = slab_take(&slab, 600);
        assert_int_equal(slab.spare_count, spare - 1 - i / 27);
    }
    for (size_t i = 0; i < 40; i++) {
        slab_give(&slab, pieces[i]);
    }
    slab_clear(&slab);
    free(pieces);
}

/* ---- numbers that come and go ---- */

#define WINDOWS 20000u

/* One at a time, in small windows, and back to old ones: what is there is found, and what is gone
 * is not, though a page without numbers may stay. */
static void numbers_that_come_and_go_leave_nothing_behind(void **state)
{
    static const uint64_t widths[] = {1, 1, 2, 31, 32, 33, 100};
    struct idmap map;
    uint64_t seed = 5;
    uint64_t first = 0;
    int value;

    (void)state;
    idmap_init(&map);
    for (unsigned i = 0; i < WINDOWS; i++) {
        uint64_t count = widths[draw(&seed, sizeof(widths) / sizeof(widths[0]))];

        first = draw(&seed, 10) == 0 ? draw(&seed, 5000) : first + draw(&seed, 40);
        assert_null(idmap_get(&map, first));
        assert_true(idmap_set_run(&map, first, count, &value));
        assert_int_equal(map.count, count);
        assert_ptr_equal(idmap_get(&map, first + count - 1), &value);
        assert_null(idmap_get(&map, first + count));
        if (draw(&seed, 2) == 0) {
            idmap_remove_run(&map, first, count);
        } else {
            for (uint64_t key = first; key < first + count; key++) {
                assert_ptr_equal(idmap_remove(&map, key), &value);
            }
        }
        assert_null(idmap_get(&map, first));
        assert_int_equal(map.count, 0);
        assert_true(map.used <= 1);
    }
    idmap_clear(&map);
}

/* ---- marks ---- */

#define KEYS 2000u

struct marked {
    struct idmap map;
    struct idmap_marks marks;
    bool is[KEYS];
};

static void *value_of(uint64_t key)
{
    return (void *)(uintptr_t)(key + 1);
}

static void check_marks(struct marked *m)
{
    void *up = idmap_marked_first(&m->marks);
    void *down = idmap_marked_last(&m->marks);

    for (uint64_t key = 0; key < KEYS; key++) {
        if (m->is[key]) {
            assert_ptr_equal(up, value_of(key));
            up = idmap_marked_after(&m->map, key);
        }
    }
    for (uint64_t key = KEYS; key-- > 0;) {
        if (m->is[key]) {
            assert_ptr_equal(down, value_of(key));
            down = idmap_marked_before(&m->map, key);
        }
    }
    assert_null(up);
    assert_null(down);
}

static void unmark(struct marked *m, uint64_t key, bool too)
{
    if (m->is[key]) {
        idmap_unmark(&m->map, &m->marks, key);
        m->is[key] = false;
    }
    if (too) {
        assert_ptr_equal(idmap_remove(&m->map, key), value_of(key));
    }
}

static void marked_numbers_are_told_in_order_from_both_ends(void **state)
{
    struct marked *m = calloc(1, sizeof(*m));
    uint64_t seed = 11;
    uint64_t next = 0;

    (void)state;
    assert_non_null(m);
    idmap_init(&m->map);
    while (next < KEYS) {
        uint64_t key = draw(&seed, next + 1);

        assert_true(idmap_set(&m->map, next, value_of(next)));
        if (draw(&seed, 4) != 0) {
            idmap_mark(&m->map, &m->marks, next);
            m->is[next] = true;
        }
        next += draw(&seed, 20) == 0 ? 40 : 1;
        if (idmap_get(&m->map, key) != NULL) {
            unmark(m, key, draw(&seed, 2) == 0);
        }
        check_marks(m);
    }
    for (uint64_t key = 0; key < KEYS; key++) { /* and from the front until none is left */
        if (idmap_get(&m->map, key) != NULL) {
            unmark(m, key, true);
        }
    }
    check_marks(m);
    assert_null(idmap_marked_first(&m->marks));
    idmap_clear(&m->map);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_all_sizes_keep_what_is_written_in_them),
        cmocka_unit_test(what_one_size_took_serves_another_and_most_goes_back),
        cmocka_unit_test(numbers_that_come_and_go_leave_nothing_behind),
        cmocka_unit_test(marked_numbers_are_told_in_order_from_both_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
