/* test_declare.c - names, kinds and settings (SEMANTICS 1.9, 1.10). */
#include "tests/sim/world.h"

STORY(one_namespace_for_all_kinds_and_a_conflict_says_what_it_is)
{
    tell(w, "a declare q fifo");
    tell(w, "a declare e event");
    tell(w, "a declare b barrier parties=2");
    forget_transcript(w);
    tell(w, "a set q");
    tell(w, "a barrier q parties=2");
    tell(w, "a put e x");
    tell(w, "a get b");
    tell(w, "a wait b");
    tell(w, "a declare q lifo");
    expect(w, "a set CONFLICT (*fifo); a barrier CONFLICT (*fifo); a put CONFLICT (*event); "
              "a get CONFLICT (*barrier); a wait CONFLICT (*barrier); a declare CONFLICT (*fifo)");
}

STORY(put_get_event_and_barrier_operations_create_what_is_missing)
{
    tell(w, "a put q1 x");
    tell(w, "a get q2 timeout=0");
    tell(w, "a set e1");
    tell(w, "a clear e2");
    tell(w, "a is_set e3");
    tell(w, "a wait e4 timeout=0");
    tell(w, "a barrier b1 parties=1");
    forget_transcript(w);
    tell(w, "a list");
    tell(w, "a declare q2 fifo");
    expect(w, "a list OK b1, e1, e2, e3, e4, q1, q2; a declare OK");
}

STORY(all_other_operations_answer_not_found)
{
    static const char *const commands[] = {
        "done",  "nack",   "extend", "task_done", "join",     "qsize",   "peek",
        "purge", "delete", "pause",  "unpause",   "shutdown", "redrive", "report",
        "abort", "reset",  "update", "remove",    "stat",     "barrier"};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        bool names_delivery = strcmp(commands[i], "nack") == 0 ||
                              strcmp(commands[i], "extend") == 0 ||
                              strcmp(commands[i], "done") == 0;
        bool names_side = strcmp(commands[i], "pause") == 0 || strcmp(commands[i], "unpause") == 0;

        tellf(w, "a %s none%s%s%s as=it", commands[i], names_delivery ? " 1.1" : "",
              names_side ? " both" : "", strcmp(commands[i], "delete") == 0 ? " 1" : "");
        expect(w, "a it NOT_FOUND*");
    }
}

STORY(a_strict_broker_makes_nothing_by_use)
{
    w->config.strict = true;
    world_configure(w);
    tell(w, "a put q x");
    tell(w, "a get q");
    tell(w, "a set e");
    tell(w, "a is_set e");
    tell(w, "a wait e");
    tell(w, "a barrier b parties=2");
    expect(w, "a put NOT_FOUND*; a get NOT_FOUND*; a set NOT_FOUND*; a is_set NOT_FOUND*; "
              "a wait NOT_FOUND*; a barrier NOT_FOUND*");
    tell(w, "a declare q fifo");
    tell(w, "a put q x");
    expect(w, "a declare OK created; a put OK 1");
}

static void try_name(struct world *w, const char *letter, size_t length, const char *more,
                     const char *outcome)
{
    char name[400] = "";

    for (size_t i = 0; i < length; i++) {
        strcat(name, letter);
    }
    strcat(name, more);
    tellf(w, "a declare %s fifo", name);
    expect(w, outcome);
}

STORY(a_queues_name_has_1_to_250_bytes_of_utf8_without_control_characters)
{
    try_name(w, "x", 1, "", "a declare OK created");
    try_name(w, "x", 250, "", "a declare OK created");
    try_name(w, "x", 251, "", "a declare VALUE (*)");
    try_name(w, "\xc3\xa4", 125, "", "a declare OK created");
    try_name(w, "\xc3\xa4", 125, "x", "a declare VALUE (*)");
    try_name(w, "build/linux", 1, "/arm", "a declare OK created");
    try_name(w, "a\tb", 1, "", "a declare VALUE (*)");
    try_name(w, "a\x7f", 1, "", "a declare VALUE (*)");
    try_name(w, "x", 1, ".dead", "a declare VALUE (*)");
}

STORY(an_events_name_has_up_to_255)
{
    char name[300];

    memset(name, 'e', sizeof(name));
    name[255] = '\0';
    tellf(w, "a set %s", name);
    expect(w, "a set OK");
}

STORY(declaring_is_idempotent_and_compares_only_the_settings_named)
{
    tell(w, "a declare q fifo maxsize=5 full=reject");
    tell(w, "b declare q fifo maxsize=5 full=reject");
    tell(w, "b declare q fifo");
    tell(w, "b declare q fifo full=reject");
    tell(w, "b declare q fifo maxsize=6");
    tell(w, "b declare q fifo max-deliveries=20");
    expect(w, "a declare OK created; b declare OK; b declare OK; b declare OK; "
              "b declare CONFLICT (maxsize is 5, not 6); b declare OK");
    assert_int_equal(fact(w, "q", "maxsize"), 5);
}

STORY(a_queue_made_by_first_use_takes_the_settings_of_the_first_declare)
{
    tell(w, "a get q as=waiting");
    tell(w, "b declare q priority maxsize=1");
    tell(w, "b declare q fifo");
    expect(w, "b declare OK; b declare CONFLICT (*priority)");
    tell(w, "b put q x priority=3");
    expect(w, "a waiting OK 1.1 x; b put OK 1");
}

STORY(but_not_once_it_held_a_message)
{
    tell(w, "a put q x");
    tell(w, "a get q auto");
    pass(w, MS);
    tell(w, "b declare q lifo");
    tell(w, "b declare q fifo maxsize=1");
    expect(w, "a put OK 1; a get OK 1.1 x; b declare CONFLICT (*fifo); "
              "b declare CONFLICT (maxsize is 0, not 1)");
}

STORY(wrong_settings_are_value)
{
    tell(w, "a declare q fifo colour=1");
    tell(w, "a declare q fifo parties=2");
    tell(w, "a declare q fifo maxsize=-1");
    tell(w, "a declare q fifo full=7");
    tell(w, "a declare q 9");
    tell(w, "a declare e event maxsize=1");
    tell(w, "a declare b barrier");
    expect(w,
           "a declare VALUE (colour is no setting of a fifo); a declare VALUE (parties is no *); "
           "a declare VALUE (maxsize *); a declare VALUE (full *); a declare VALUE (*); "
           "a declare VALUE (maxsize is no *); a declare VALUE (*parties*)");
    tell(w, "a list");
    expect(w, "a list OK");
}

STORY(update_changes_limits_and_lets_through_whom_the_new_limit_admits)
{
    tell(w, "a declare q fifo maxsize=1");
    tell(w, "a put q 1");
    tell(w, "b put q 2");
    tell(w, "c put q 3");
    forget_transcript(w);
    tell(w, "a update q maxsize=2");
    expect(w, "a update OK; b put OK 2");
    tell(w, "a update q maxsize=0");
    expect(w, "a update OK; c put OK 3");
    tell(w, "a update q maxsize=1");
    tell(w, "a put q 4 timeout=0");
    tell(w, "a get q max=9");
    expect(w, "a update OK; a put FULL; a get OK 1.1 1, 2.1 2, 3.1 3");
}

STORY(what_is_fixed_cannot_be_updated)
{
    tell(w, "a declare b barrier parties=2");
    tell(w, "a update b parties=3");
    tell(w, "a update b parties=2");
    tell(w, "a update b timeout=5s");
    tell(w, "a barrier b");
    pass(w, 5 * SECOND);
    expect(w, "a declare OK created; a update VALUE (parties is fixed*); a update OK; a update OK; "
              "a barrier BROKEN (timeout)");
}

STORY(expire_idle_removes_an_unused_object_after_a_time)
{
    tell(w, "a declare q fifo expire-idle=60s");
    tell(w, "a declare e event expire-idle=60s");
    tell(w, "a declare b barrier parties=2 expire-idle=60s");
    forget_transcript(w);
    pass(w, 60 * SECOND - 1);
    tell(w, "a list");
    pass(w, 1);
    tell(w, "a list");
    expect(w, "a list OK b, e, q; a list OK");
}

STORY(every_use_begins_the_time_anew)
{
    tell(w, "a declare q fifo expire-idle=60s");
    pass(w, 40 * SECOND);
    tell(w, "a qsize q");
    pass(w, 40 * SECOND);
    tell(w, "a list");
    pass(w, 20 * SECOND);
    tell(w, "a list");
    expect(w, "a declare OK created; a qsize OK ready=0 kept=0; a list OK q; a list OK");
}

STORY(what_is_in_use_does_not_expire)
{
    tell(w, "a declare q fifo expire-idle=60s");
    tell(w, "a declare r fifo expire-idle=60s");
    tell(w, "a declare e event expire-idle=60s");
    tell(w, "a declare b barrier parties=2 expire-idle=60s");
    tell(w, "a put q x");
    tell(w, "a get r");
    tell(w, "a wait e");
    tell(w, "a barrier b");
    forget_transcript(w);
    pass(w, 3600 * SECOND);
    tell(w, "b list");
    expect(w, "b list OK b, e, q, r");
    tell(w, "b get q auto");
    pass(w, MS);
    pass(w, 3600 * SECOND);
    tell(w, "b task_done q"); /* unfinished until now */
    tell(w, "a cancel get");
    pass(w, 59 * SECOND);
    tell(w, "b list");
    pass(w, SECOND);
    tell(w, "b list");
    expect(w, "b get OK 1.1 x; b task_done OK 0 left; a get CANCELLED; b list OK b, e, q, r; "
              "b list OK b, e");
}

STORY(lists_are_by_name_and_pattern)
{
    tell(w, "a put build/linux x");
    tell(w, "a put build/mac/arm x");
    tell(w, "a put test x");
    tell(w, "a set build/done");
    forget_transcript(w);
    tell(w, "a list");
    tell(w, "a list build/*");
    tell(w, "a list build/**");
    tell(w, "a list ** kind=4");
    tell(w, "a list * count=0");
    expect(w,
           "a list OK build/done, build/linux, build/mac/arm, test; "
           "a list OK build/done, build/linux; a list OK build/done, build/linux, build/mac/arm; "
           "a list OK build/done; a list *");
}

STORY_IN(WORLD_MEMORY, without_a_data_directory_a_durable_object_is_refused)
{
    tell(w, "a declare q fifo durable=1");
    tell(w, "a declare q fifo durable=0");
    tell(w, "a declare e event durable=1");
    expect(w, "a declare VALUE (durable objects need a broker with a data directory*); "
              "a declare OK created; a declare VALUE (durable*)");
}

STORY_IN(WORLD_JOURNAL, with_one_the_default_is_durable)
{
    tell(w, "a put q x");
    tell(w, "a declare light fifo durable=0");
    tell(w, "a declare q fifo durable=0");
    expect(w, "a put OK 1; a declare OK created; a declare CONFLICT (durable is 1, not 0)");
    assert_int_equal(fact(w, "q", "durable"), 1);
}

STORY(removal_and_a_new_object_of_another_kind_under_the_same_name)
{
    tell(w, "a put x 1");
    tell(w, "b qsize x");
    tell(w, "a remove x");
    tell(w, "b qsize x"); /* it had opened it by name */
    tell(w, "a set x");
    tell(w, "b put x 2");
    expect(w, "a put OK 1; b qsize OK ready=1 kept=1; a remove OK; b qsize GONE*; a set OK; "
              "b put CONFLICT (*event)");
}

STORY(a_limit_of_objects_refuses_new_ones)
{
    w->config.objects_max = 2;
    world_configure(w);
    tell(w, "a put q1 x");
    tell(w, "a set e");
    tell(w, "a put q2 x");
    tell(w, "a barrier b parties=2");
    tell(w, "a declare q2 fifo");
    tell(w, "a get q1");
    tell(w, "a nack q1 1.1 dead"); /* its dead letters find their place nevertheless */
    expect(w, "a put OK 1; a set OK; a put LIMIT (*); a barrier LIMIT (*); a declare LIMIT (*); "
              "a get OK 1.1 x; a nack OK");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(one_namespace_for_all_kinds_and_a_conflict_says_what_it_is),
        UNIT(put_get_event_and_barrier_operations_create_what_is_missing),
        UNIT(all_other_operations_answer_not_found),
        UNIT(a_strict_broker_makes_nothing_by_use),
        UNIT(a_queues_name_has_1_to_250_bytes_of_utf8_without_control_characters),
        UNIT(an_events_name_has_up_to_255),
        UNIT(declaring_is_idempotent_and_compares_only_the_settings_named),
        UNIT(a_queue_made_by_first_use_takes_the_settings_of_the_first_declare),
        UNIT(but_not_once_it_held_a_message),
        UNIT(wrong_settings_are_value),
        UNIT(update_changes_limits_and_lets_through_whom_the_new_limit_admits),
        UNIT(what_is_fixed_cannot_be_updated),
        UNIT(expire_idle_removes_an_unused_object_after_a_time),
        UNIT(every_use_begins_the_time_anew),
        UNIT(what_is_in_use_does_not_expire),
        UNIT(lists_are_by_name_and_pattern),
        UNIT(without_a_data_directory_a_durable_object_is_refused),
        UNIT(with_one_the_default_is_durable),
        UNIT(removal_and_a_new_object_of_another_kind_under_the_same_name),
        UNIT(a_limit_of_objects_refuses_new_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
