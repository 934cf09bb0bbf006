/* test_store_memory.c - a journal that is refused memory: whichever allocation it is, nothing that
 * was acknowledged is lost, and it goes on when there is memory again. */
#include "tests/sim/ration.h"
#include "tests/sim/toy.h"

#include <stdlib.h>

#define SEGMENT (64u << 10)
#define MS      1000000LL
#define SECOND  1000000000LL
#define ROUNDS  26
#define BODY    6000

/* What is tried: the nth allocation, alone or with some behind it. */
static const uint64_t more[] = {0, 1, 4};
#define MORES (sizeof(more) / sizeof(more[0]))

/* Some memory was refused, or there was none left to refuse. */
static bool was_refused(uint64_t before)
{
    ration_refuse(0, 0);
    return ration_refused() > before;
}

/* Time goes on, so that what was put off is tried again. */
static void rest(struct toy *toy)
{
    for (int i = 0; i < 8; i++) {
        toy_turn(toy, SECOND);
        toy_settle(toy);
        assert_null(toy_failure(toy));
    }
    assert_int_equal(toy->journal->table->durable(toy->journal), toy->seq);
    assert_int_equal(toy->reads_under_way, 0);
}

/* Puts more than a segment has room for, takes most of it out again, and reads some of it. */
static void live(struct toy *toy)
{
    for (int i = 0; i < ROUNDS; i++) {
        toy_put(toy, BODY);
        toy_put(toy, 10);
        if (toy->state->count > 12) {
            toy_done(toy, toy_any(toy));
            toy_done(toy, toy_any(toy));
        }
        toy_turn(toy, 200 * MS);
        toy_settle(toy);
        assert_null(toy_failure(toy));
        if (i % 5 == 4 && toy->placed_count == 0) {
            toy_fetch(toy, toy_any(toy));
        }
    }
}

static void begin(struct toy *toy, uint64_t seed)
{
    toy_init(toy, SEGMENT, seed);
    toy_must_open(toy);
    live(toy);
    rest(toy);
}

/* All of it is there, and in the next life as well. */
static void is_whole(struct toy *toy)
{
    rest(toy);
    toy_fetch_all(toy);
    toy_restart(toy);
    toy_fetch_all(toy);
}

static void a_broker_goes_on_whatever_its_journal_is_refused(void **state)
{
    uint64_t tried = 0;

    (void)state;
    for (size_t m = 0; m < MORES; m++) {
        bool refused = true;

        for (uint64_t nth = 1; refused; nth += m == 0 ? 1 : 5) {
            struct toy toy;
            uint64_t before = ration_refused();

            begin(&toy, nth);
            ration_refuse(nth, more[m]);
            live(&toy);
            refused = was_refused(before);
            live(&toy);
            is_whole(&toy);
            toy_clear(&toy);
            tried++;
        }
    }
    print_message("%llu lives\n", (unsigned long long)tried);
    assert_true(tried > 100);
}

/* Asked for again until it is made. */
static void back_up(struct toy *toy)
{
    const struct journal_table *table = toy->journal->table;
    bool made = false;

    for (int i = 0; i < 20 && !made; i++) {
        table->backup_begin(toy->journal);
        toy_settle(toy);
        rest(toy);
        made = table->backup_size(toy->journal) != JOURNAL_BACKUP_FAILED &&
               table->backup_size(toy->journal) > 0;
        if (!made) {
            table->backup_end(toy->journal);
            rest(toy);
        }
    }
    assert_true(made);
}

static void a_backup_that_is_refused_memory_is_made_when_asked_again(void **state)
{
    bool refused = true;

    (void)state;
    for (uint64_t nth = 1; refused; nth++) {
        struct toy toy;
        uint64_t before = ration_refused();

        begin(&toy, nth);
        RATIONED({
            ration_refuse(nth, 0);
            back_up(&toy);
        });
        refused = was_refused(before);
        toy.journal->table->backup_end(toy.journal);
        is_whole(&toy);
        toy_clear(&toy);
    }
}

static void a_start_that_is_refused_memory_says_so_and_the_next_one_works(void **state)
{
    (void)state;
    for (size_t m = 0; m < MORES; m++) {
        struct toy toy;
        bool refused = true;

        begin(&toy, m + 1);
        for (uint64_t nth = 1; refused; nth++) {
            uint64_t before = ration_refused();
            enum store_status status;

            toy_crash(&toy, nth);
            ration_refuse(nth, more[m]);
            status = toy_open(&toy);
            refused = was_refused(before);
            if (status == STORE_OK) {
                continue;
            }
            assert_true(refused);
            assert_int_equal(status, STORE_NO_MEMORY);
            assert_non_null(strstr(toy.error, "emory"));
            toy_must_open(&toy);
        }
        is_whole(&toy);
        toy_clear(&toy);
    }
}

static bool give_back(void *user)
{
    (void)user;
    ration_refuse(0, 0);
    return true;
}

static void a_start_that_finds_no_memory_to_read_goes_on_with_what_is_lent(void **state)
{
    struct toy toy;
    bool refused = true;
    int lent = 0;

    (void)state;
    begin(&toy, 1);
    toy.lends = give_back;
    for (uint64_t nth = 1; refused; nth++) {
        uint64_t before = ration_refused();

        toy_crash(&toy, nth);
        ration_refuse(nth, UINT32_MAX); /* all from then on */
        if (toy_open(&toy) == STORE_OK) {
            lent += ration_refused() > before;
            refused = was_refused(before);
        } else {
            ration_refuse(0, 0);
            toy_must_open(&toy);
        }
    }
    assert_true(lent > 1);
    is_whole(&toy);
    toy_clear(&toy);
}

static void verifying_rescuing_and_restoring_say_so_as_well(void **state)
{
    struct toy toy;
    struct store_report report;
    uint64_t failures = 0;

    (void)state;
    begin(&toy, 1);
    for (uint64_t n = 1; n < 40; n++) {
        struct store_ports ports;
        struct toy other;
        enum store_status status;
        uint64_t before = ration_refused();

        toy_init(&other, SEGMENT, n);
        ports = toy_ports(&other);
        ration_refuse(n, 0);
        RATIONED(status = store_verify(toy.disk, &report, other.error));
        assert_int_equal(status, was_refused(before) ? STORE_NO_MEMORY : STORE_OK);
        assert_true(status == STORE_OK || strstr(other.error, "memory") != NULL);
        before = ration_refused();
        ration_refuse(n, 0);
        RATIONED(status = store_salvage(toy.disk, other.disk, &ports, &report, other.error));
        failures += status != STORE_OK;
        assert_int_equal(status, was_refused(before) ? STORE_NO_MEMORY : STORE_OK);
        if (status != STORE_OK) { /* what the attempt has left is not in the way */
            assert_non_null(strstr(other.error, "memory"));
            status = store_salvage(toy.disk, other.disk, &ports, &report, other.error);
            assert_int_equal(status, STORE_OK);
        }
        assert_int_equal(toy_open(&other), STORE_OK);
        assert_true(toy_state_same(other.state, toy.state));
        toy_clear(&other);
    }
    assert_true(failures > 5);
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_goes_on_whatever_its_journal_is_refused),
        cmocka_unit_test(a_backup_that_is_refused_memory_is_made_when_asked_again),
        cmocka_unit_test(a_start_that_is_refused_memory_says_so_and_the_next_one_works),
        cmocka_unit_test(a_start_that_finds_no_memory_to_read_goes_on_with_what_is_lent),
        cmocka_unit_test(verifying_rescuing_and_restoring_say_so_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
