/* test_resume.c - a connection lost at any byte changes nothing but time (SEMANTICS 1.2).
 *
 * A script is told once undisturbed, then once for every byte of its first connection and each way
 * to lose it there; what each program was told, and what the broker has in the end, must be the
 * same. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

enum way {
    WAY_CUT,  /* the connection breaks after so many bytes; both ends are told */
    WAY_LOST, /* what is behind so many bytes is lost, until silence tells */
    WAYS
};

struct trial {
    enum world_storage storage;
    size_t piece_max;
    bool encrypted;
    void (*script)(struct world *w);
    char *expected; /* the transcript of the undisturbed one */
    uint64_t up;    /* bytes of a's first connection in it */
    uint64_t down;
};

/* ---- scripts: a's connection is the one that suffers ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What one program was told; replies come in any order, so by text. */
static char *told_to(const char *transcript, const char *name)
{
    char *copy = strdup(transcript);
    char *out = calloc(1, strlen(transcript) + 1);
    char *entries[200];
    size_t count = 0;
    char *save = NULL;

    assert_non_null(copy);
    assert_non_null(out);
    for (char *entry = strtok_r(copy, ";", &save); entry != NULL;
         entry = strtok_r(NULL, ";", &save)) {
        entry += strspn(entry, " ");
        if (strncmp(entry, name, strlen(name)) == 0 && strstr(entry, " closed ") == NULL) {
            assert_true(count < 200);
            entries[count++] = entry;
        }
    }
    qsort(entries, count, sizeof(entries[0]), by_text);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(out, entries[i]), ";");
    }
    free(copy);
    return out;
}

/* Until everything that was asked is answered; a comes back by itself. */
static void finish(struct world *w)
{
    for (int i = 0;
         i < 100 && (program_of(w, "a")->errands != NULL || program_of(w, "b")->errands != NULL);
         i++) {
        pass(w, SECOND);
    }
    if (program_of(w, "a")->errands != NULL || program_of(w, "b")->errands != NULL) {
        print_error("%s: not everything was answered: %s\n", (const char *)w->watcher,
                    transcript(w));
        fail();
    }
}

static void say_and_wait(struct world *w, const char *command)
{
    tell(w, command);
    finish(w);
}

static void script_of_work(struct world *w)
{
    say_and_wait(w, "a declare jobs fifo max-deliveries=1");
    tell(w, "a put jobs one");
    tell(w, "a put jobs two three mode=all");
    say_and_wait(w, "a get jobs");
    say_and_wait(w, "a get jobs auto");
    tell(w, "a done jobs 1.1");
    say_and_wait(w, "a task_done jobs");
    say_and_wait(w, "a get jobs max=3");
    say_and_wait(w, "a nack jobs 3.1 uncounted");
    tell(w, "a get jobs");
    finish(w);
    tell(w, "a join jobs");
    tell(w, "a done jobs 3.2");
    say_and_wait(w, "a qsize jobs");
    finish(w);
}

static void script_of_waits(struct world *w)
{
    say_and_wait(w, "a declare full fifo maxsize=1");
    say_and_wait(w, "a put full 1");
    tell(w, "a put full 2 as=second");
    tell(w, "a get jobs");
    tell(w, "a wait go");
    tell(w, "a barrier gate parties=2");
    pass(w, 30 * SECOND); /* wherever it is cut, it is back by now */
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "b put jobs x");
    tell(w, "b get full auto");
    pass(w, MS);
    tell(w, "b barrier gate");
    finish(w);
    say_and_wait(w, "a done jobs 1.1");
    tell(w, "a join jobs");
    finish(w);
}

static void script_of_windows(struct world *w)
{
    say_and_wait(w, "b put jobs 1 2 3 4 5 6 7 8 mode=all");
    tell(w, "a get jobs auto times=5");
    say_and_wait(w, "a get jobs times=3");
    tell(w, "a done jobs 6.1");
    tell(w, "a done jobs 7.1");
    tell(w, "a done jobs 8.1");
    say_and_wait(w, "a task_done jobs 5");
    tell(w, "a join jobs");
    finish(w);
}

static void script_of_the_rest(struct world *w)
{
    static const char *const commands[] = {
        "a put jobs x dedup=k",
        "a put jobs x dedup=k as=again",
        "a get jobs detached lease=900s",
        "a extend jobs 1.1 lease=800s",
        "a nack jobs 1.1 dead value=v",
        "a redrive jobs",
        "a pause jobs get",
        "a unpause jobs get",
        "a update jobs maxsize=3",
        "a put jobs y z",
        "a delete jobs 3",
        "a peek jobs 9",
        "a purge jobs",
        "a declare act barrier parties=2 action=1",
        "a set go",
        "a clear go",
        "a is_set go",
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        say_and_wait(w, commands[i]);
    }
    tell(w, "b barrier act");
    tell(w, "a barrier act");
    for (int i = 0; i < 100 && program_of(w, "a")->errands != NULL; i++) {
        pass(w, SECOND);
    }
    say_and_wait(w, "a report act value=v");
    say_and_wait(w, "a abort act");
    say_and_wait(w, "a barrier act as=broken");
    say_and_wait(w, "a reset act");
    say_and_wait(w, "a shutdown jobs");
    say_and_wait(w, "a remove act");
}

/* ---- trials ---- */

static struct world *begin(const struct trial *trial)
{
    struct world *w = world_open(trial->storage);

    if (trial->encrypted) {
        sim_encrypt(w);
    }
    w->piece_max = trial->piece_max;
    w->back_after_ns = 10 * MS;
    w->unchecked = true; /* once at the end is enough */
    program_of(w, "b");
    program_connect(program_new(w, "a", 60 * SECOND));
    return w;
}

static void conclude(struct world *w, char **told_out)
{
    char *a = told_to(transcript(w), "a ");
    char *b = told_to(transcript(w), "b ");
    const char *const queues[] = {"jobs", "full"};
    size_t size = strlen(a) + strlen(b) + 1000;
    char *told = calloc(1, size);
    size_t len;

    assert_non_null(told);
    len = (size_t)snprintf(told, size, "%s | %s", a, b);
    for (size_t i = 0; i < 2; i++) {
        if (ask(w, i == 0 ? "list jobs" : "list full")->entries_count > 0) {
            len += (size_t)snprintf(told + len, size - len, " | %s: puts %lld done %lld kept %lld",
                                    queues[i], (long long)fact(w, queues[i], "puts"),
                                    (long long)fact(w, queues[i], "done"),
                                    (long long)fact(w, queues[i], "kept"));
        }
    }
    free(a);
    free(b);
    w->unchecked = false;
    world_settle(w);
    *told_out = told;
}

static void run_undisturbed(struct trial *trial)
{
    struct world *w = begin(trial);
    const struct wire *wire = program_of(w, "a")->wire;

    trial->script(w);
    conclude(w, &trial->expected);
    assert_ptr_equal(program_of(w, "a")->wire, wire);
    trial->up = wire->up.given;
    trial->down = wire->down.given;
    world_close(&w);
}

static void disturb(struct pipe *pipe, enum way way, uint64_t after)
{
    if (way == WAY_CUT) {
        pipe->break_after = after;
    } else {
        pipe->swallow_after = after;
    }
}

static void run_disturbed(const struct trial *trial, enum way way, bool up, uint64_t after)
{
    struct world *w = begin(trial);
    struct wire *wire = program_of(w, "a")->wire;
    char label[100];
    char *told;

    disturb(up ? &wire->up : &wire->down, way, after);
    snprintf(label, sizeof(label), "%s after byte %llu of those %s",
             way == WAY_CUT ? "cut" : "lost", (unsigned long long)after,
             up ? "to the broker" : "to the program");
    w->watcher = label;
    trial->script(w);
    conclude(w, &told);
    if (strcmp(told, trial->expected) != 0) {
        fprintf(stderr, "%s:\nexpected %s\nhappened %s\n", label, trial->expected, told);
        fail();
    }
    free(told);
    world_close(&w);
}

static void run_in(struct trial trial)
{
    run_undisturbed(&trial);
    assert_true(trial.up > 100 && trial.down > 100);
    for (int way = 0; way < WAYS; way++) {
        for (uint64_t after = 0; after <= trial.up; after++) {
            run_disturbed(&trial, (enum way)way, true, after);
        }
        for (uint64_t after = 0; after <= trial.down; after++) {
            run_disturbed(&trial, (enum way)way, false, after);
        }
    }
    free(trial.expected);
}

static void run_trial(enum world_storage storage, void (*script)(struct world *w))
{
    run_in((struct trial){.storage = storage, .script = script});
}

static void work_goes_on_when_the_connection_is_lost_at_any_byte(void **state)
{
    (void)state;
    run_trial(WORLD_MEMORY, script_of_work);
    run_trial(WORLD_JOURNAL, script_of_work);
}

static void waits_go_on_when_the_connection_is_lost_at_any_byte(void **state)
{
    (void)state;
    run_trial(WORLD_MEMORY, script_of_waits);
    run_trial(WORLD_JOURNAL, script_of_waits);
}

static void a_window_of_gets_loses_and_doubles_nothing_when_the_connection_is_lost(void **state)
{
    (void)state;
    run_trial(WORLD_MEMORY, script_of_windows);
    run_trial(WORLD_JOURNAL, script_of_windows);
}

static void everything_else_is_done_once_when_the_connection_is_lost_at_any_byte(void **state)
{
    (void)state;
    run_trial(WORLD_MEMORY, script_of_the_rest);
    run_trial(WORLD_JOURNAL, script_of_the_rest);
}

/* The bytes of the handshake too, which is made anew before the session is resumed. */
static void an_encrypted_connection_is_lost_at_any_byte(void **state)
{
    (void)state;
    run_in((struct trial){.script = script_of_work, .encrypted = true});
    run_in((struct trial){.script = script_of_waits, .encrypted = true});
}

/* Every connection breaks after so many bytes, until it is done: progress is made all the same. */
static void a_line_that_breaks_again_and_again_only_costs_time(void **state)
{
    struct trial trial = {.storage = WORLD_JOURNAL, .script = script_of_work};

    (void)state;
    run_undisturbed(&trial);
    for (uint64_t lifetime = 400; lifetime <= 1200; lifetime += 7) {
        struct world *w = begin(&trial);
        char *told;

        w->break_after = lifetime;
        trial.script(w);
        w->break_after = 0;
        conclude(w, &told);
        assert_string_equal(told, trial.expected);
        free(told);
        world_close(&w);
    }
    free(trial.expected);
}

/* The broker itself dies after any turn and comes back from its journal. */
static void a_broker_that_restarts_at_any_moment_changes_nothing(void **state)
{
    struct trial trial = {.storage = WORLD_JOURNAL, .script = script_of_work};

    (void)state;
    run_undisturbed(&trial);
    for (uint64_t turn = 1; turn < 60; turn++) {
        struct world *w = begin(&trial);
        char label[100];
        char *told;

        snprintf(label, sizeof(label), "restart after turn %llu", (unsigned long long)turn);
        w->watcher = label;
        w->restart_after_turns = turn;
        trial.script(w);
        w->restart_after_turns = 0;
        conclude(w, &told);
        assert_string_equal(told, trial.expected);
        free(told);
        world_close(&w);
    }
    free(trial.expected);
}

/* ---- resending ---- */

STORY(unanswered_requests_are_sent_again_in_their_order_before_anything_new)
{
    tell(w, "a ping");
    program_of(w, "a")->wire->up.swallows = true;
    tell(w, "a put jobs 1 2 3");
    tell(w, "a put other x");
    tell(w, "a put jobs 4");
    tell(w, "a vanish");
    tell(w, "a put jobs 5");
    tell(w, "a back");
    tell(w, "a get jobs max=9");
    expect(w, "a ping OK; a put OK 1; a put OK 2; a put OK 3; a put OK 1; a put OK 4; a put OK 5; "
              "a get OK 1.1 1, 2.1 2, 3.1 3, 4.1 4, 5.1 5");
}

static void each_reply_lost(struct world *w, bool lost)
{
    static const char *const commands[] = {"declare jobs fifo",
                                           "put jobs x",
                                           "put jobs y z mode=all",
                                           "put jobs k dedup=k",
                                           "qsize jobs",
                                           "get jobs",
                                           "done jobs 1.1",
                                           "get jobs auto",
                                           "task_done jobs",
                                           "get jobs as=more",
                                           "nack jobs 3.1",
                                           "peek jobs 9",
                                           "delete jobs 4",
                                           "get jobs",
                                           "nack jobs 3.2 dead",
                                           "redrive jobs",
                                           "pause jobs get",
                                           "unpause jobs get",
                                           "get jobs lease=60s",
                                           "extend jobs 5.1 lease=9s",
                                           "put jobs a b",
                                           "purge jobs",
                                           "done jobs 5.1",
                                           "join jobs",
                                           "stat jobs",
                                           "shutdown jobs",
                                           "remove jobs",
                                           "set go",
                                           "is_set go",
                                           "wait go",
                                           "clear go",
                                           "update go expire-idle=60s",
                                           "barrier gate parties=1",
                                           "abort gate",
                                           "reset gate",
                                           "list",
                                           "sessions",
                                           "ping"};
    struct program *a = program_of(w, "a");

    world_settle(w);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        a->wire->down.swallows = lost;
        tellf(w, "a %s", commands[i]);
        if (lost) {
            assert_non_null(a->errands);
            tell(w, "a vanish");
            tell(w, "a back");
        }
        assert_null(a->errands);
    }
}

static void each_reply_that_is_lost_once_is_given_again(void **state)
{
    (void)state;
    for (int storage = WORLD_MEMORY; storage <= WORLD_JOURNAL; storage++) {
        struct world *w = world_open((enum world_storage)storage);
        char *expected;

        each_reply_lost(w, false);
        expected = strdup(transcript(w));
        world_close(&w);
        w = world_open((enum world_storage)storage);
        each_reply_lost(w, true);
        assert_string_equal(transcript(w), expected);
        world_close(&w);
        free(expected);
    }
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(work_goes_on_when_the_connection_is_lost_at_any_byte),
        UNIT(waits_go_on_when_the_connection_is_lost_at_any_byte),
        UNIT(a_window_of_gets_loses_and_doubles_nothing_when_the_connection_is_lost),
        UNIT(everything_else_is_done_once_when_the_connection_is_lost_at_any_byte),
        UNIT(an_encrypted_connection_is_lost_at_any_byte),
        UNIT(a_line_that_breaks_again_and_again_only_costs_time),
        UNIT(a_broker_that_restarts_at_any_moment_changes_nothing),
        UNIT(unanswered_requests_are_sent_again_in_their_order_before_anything_new),
        UNIT(each_reply_that_is_lost_once_is_given_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
