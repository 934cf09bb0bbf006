/* test_store_compact.c - the journal wins room back, and loses nothing by it. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdio.h>

#define SEGMENT (256u << 10)
/* Headers and sectors that are not full: of the checkpoint before, and of the one being made. */
#define SLACK (16u * STORE_SECTOR)

static void a_stream_is_compacted_and_survives(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    toy_stream(&toy, 20, 3000, 5);
    toy_fetch_all(&toy);
    toy_crash(&toy, 1);
    toy_must_open(&toy);
    toy_fetch_all(&toy);
    toy_stream(&toy, 20, 3000, 5);
    toy_restart(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_compacted_and_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
