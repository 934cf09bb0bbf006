/* test_reading.c - what programs wrote down becomes the history that they lived: also when the last
 * line is torn, when they were cut off, and when the broker had more than one life. */
#include "tests/lib/harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/judge.h"
#include "tests/soak/lines.h"
#include "tests/soak/reading.h"

struct tale {
    struct world *world;
    int64_t now_ns;
};

static int file_of(struct tale *t, const char *program)
{
    int file = lines_open(world_dir(t->world), program);

    assert_true(file >= 0);
    return file;
}

static void begins(struct tale *t, const char *program, uint64_t number, uint64_t session,
                   struct history_call call)
{
    int file = file_of(t, program);

    call.begin_ns = t->now_ns++;
    call.messages_count = call.op == HISTORY_GET ? 0 : call.messages_count; /* not yet */
    lines_begin(file, number, session, &call);
    close(file);
}

static void ends(struct tale *t, const char *program, uint64_t number, uint64_t session,
                 struct history_call call)
{
    int file = file_of(t, program);

    call.end_ns = t->now_ns++;
    lines_end(file, number, session, &call);
    close(file);
}

static void says(struct tale *t, const char *program, const char *what)
{
    int file = file_of(t, program);

    lines_say(file, "%s %lld", what, (long long)t->now_ns++);
    close(file);
}

static struct history_call call_of(enum history_op op, struct history_message *message)
{
    struct history_call call;

    memset(&call, 0, sizeof(call));
    call.op = op;
    call.objects_count = 1;
    call.ttl_ns = call.lease_ns = call.timeout_ns = MUSTER_FOREVER;
    call.kind = HISTORY_NO_QUEUE;
    call.maxsize = call.max_deliveries = call.full = call.dedup_window_ns = -1;
    call.messages = message;
    call.messages_count = 1;
    return call;
}

/* p1 puts, and is told so. */
static void puts_one(struct tale *t, uint64_t number, uint64_t session, uint64_t id,
                     const char *body)
{
    struct history_message message = {.id = id};
    struct history_call call = call_of(HISTORY_PUT, &message);

    snprintf(message.body, sizeof(message.body), "%s", body);
    begins(t, "p1", number, session, call);
    call.taken = 1;
    ends(t, "p1", number, session, call);
}

static struct history_call get_of(struct history_message *message, uint64_t id, uint64_t number,
                                  const char *body)
{
    struct history_call call = call_of(HISTORY_GET, message);

    memset(message, 0, sizeof(*message));
    message->id = id;
    message->number = number;
    snprintf(message->body, sizeof(message->body), "%s", body);
    call.automatic = true;
    return call;
}

static void gets_one(struct tale *t, const char *program, uint64_t call_number, uint64_t session,
                     uint64_t id, const char *body)
{
    struct history_message message;
    struct history_call call = get_of(&message, id, 1, body);

    begins(t, program, call_number, session, call);
    ends(t, program, call_number, session, call);
}

/* NULL: nobody speaks; else the judge who does, in that life. */
static const char *verdict_of(struct tale *t, size_t life)
{
    struct reading *reading = reading_new(world_dir(t->world));
    struct history *history;
    struct verdict verdict;
    const char *judge_of = NULL;

    assert_non_null(reading);
    history = reading_history(reading, life);
    if (judge(history, &verdict)) {
        judge_of = verdict.judge;
        print_message("judge of %s: %s\n", verdict.judge, verdict.text);
    }
    history_free(&history);
    reading_free(&reading);
    return judge_of;
}

static void what_was_put_and_got_is_fine_and_got_twice_is_not(void **state)
{
    struct tale t = {*state, 1};

    puts_one(&t, 0, 1, 1, "one");
    gets_one(&t, "p2", 0, 2, 1, "one");
    assert_null(verdict_of(&t, 0));
    gets_one(&t, "p3", 0, 3, 1, "one");
    assert_string_equal(verdict_of(&t, 0), "deliveries");
}

static void a_call_that_death_interrupted_may_have_been_carried_out(void **state)
{
    struct tale t = {*state, 1};
    struct history_message message = {.body = "two"};
    int file;

    puts_one(&t, 0, 1, 1, "one");
    begins(&t, "p1", 1, 1, call_of(HISTORY_PUT, &message));
    file = file_of(&t, "p1");
    assert_int_equal(write(file, "end 1 77 1 2", 12), 12); /* as far as it came */
    close(file);
    gets_one(&t, "p2", 0, 2, 1, "one");
    gets_one(&t, "p2", 1, 2, 2, "two");
    assert_null(verdict_of(&t, 0));
}

static void a_refused_put_was_not_carried_out(void **state)
{
    struct tale t = {*state, 1};
    struct history_message message = {.body = "two"};
    struct history_call call = call_of(HISTORY_PUT, &message);

    begins(&t, "p1", 0, 1, call);
    call.status = MUSTER_FULL;
    ends(&t, "p1", 0, 1, call);
    gets_one(&t, "p2", 0, 2, 1, "two");
    assert_string_equal(verdict_of(&t, 0), "phantoms");
}

/* EMPTY beside a ready message; but who was cut off may not have asked the broker. */
static void who_was_cut_off_is_not_believed(void **state)
{
    struct tale t = {*state, 1};
    struct history_message message;
    struct history_call call = get_of(&message, 1, 1, "one");
    int file = file_of(&t, "faults");

    call.messages_count = 0;
    call.timeout_ns = 0;
    puts_one(&t, 0, 1, 1, "one");
    begins(&t, "p2", 0, 2, call);
    call.status = MUSTER_EMPTY;
    ends(&t, "p2", 0, 2, call);
    gets_one(&t, "p3", 0, 3, 1, "one");
    assert_string_equal(verdict_of(&t, 0), "empty");
    lines_say(file, "fault 1 2 p2");
    close(file);
    assert_null(verdict_of(&t, 0));
}

/* The same id and body names nothing of the life before. */
static void each_life_of_a_broker_in_memory_has_its_own_history(void **state)
{
    struct tale t = {*state, 1};
    struct history_message message;
    struct history_call get = get_of(&message, 1, 1, "two");

    puts_one(&t, 0, 1, 1, "one");
    begins(&t, "p2", 0, 2, get); /* it waits when the broker dies, and is made again */
    says(&t, "faults", "restart");
    puts_one(&t, 1, 65, 1, "two");
    ends(&t, "p2", 0, 66, get);
    assert_null(verdict_of(&t, 0));
    assert_null(verdict_of(&t, 1));
    gets_one(&t, "p3", 0, 67, 1, "one"); /* that one is gone for good */
    assert_non_null(verdict_of(&t, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_and_got_is_fine_and_got_twice_is_not,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_call_that_death_interrupted_may_have_been_carried_out,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_refused_put_was_not_carried_out, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(who_was_cut_off_is_not_believed, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(each_life_of_a_broker_in_memory_has_its_own_history,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
