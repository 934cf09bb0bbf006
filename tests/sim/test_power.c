/* test_power.c - stories on the real journal: the power fails, and everything goes on. */
#include "tests/sim/world.h"

static void stops_and_starts(struct world *w)
{
    world_check_disk(w);
    world_restart(w);
    world_check_disk(w);
}

STORY_IN(WORLD_DISK, what_was_acknowledged_is_there_after_a_power_failure)
{
    tell(w, "a put jobs x y z");
    tell(w, "a get jobs");
    tell(w, "a done jobs 1.1");
    stops_and_starts(w);
    tell(w, "b peek jobs 9");
    expect(w, "a put OK 1; a put OK 2; a put OK 3; a get OK 1.1 x; a done OK; b peek OK 2 y, 3 z");
}

STORY_IN(WORLD_DISK, who_waits_goes_on_waiting)
{
    tell(w, "a get jobs");
    tell(w, "b barrier gate parties=2");
    tell(w, "c wait go");
    stops_and_starts(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "c back");
    forget_transcript(w);
    tell(w, "d put jobs x");
    tell(w, "d set go");
    tell(w, "d barrier gate");
    expect(w, "a get OK *1.1 x; d put OK 1; c wait OK; d set OK; b barrier OK 0; d barrier OK 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there_after_a_power_failure),
        cmocka_unit_test(who_waits_goes_on_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
