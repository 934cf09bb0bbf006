/* test_cli_top.c - `muster top` apart from its terminal: rates, order, keys, lines. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"

enum { ROOM = 8 };

struct seen {
    struct top_look look;
    struct top_object objects[ROOM];
    struct top_session sessions[ROOM];
    struct top_party parties[ROOM];
};

static void seen_init(struct seen *seen, int64_t at_ns)
{
    memset(seen, 0, sizeof(*seen));
    seen->look.at_ns = at_ns;
    seen->look.objects = seen->objects;
    seen->look.sessions = seen->sessions;
    seen->look.parties = seen->parties;
}

/* Objects must be added in order of name, as the broker lists them. */
static struct top_object *queue(struct seen *seen, const char *name, uint64_t ready)
{
    struct top_object *object = &seen->objects[seen->look.objects_count++];

    assert_true(seen->look.objects_count <= ROOM);
    *object = (struct top_object){.kind = MUSTER_FIFO,
                                  .ready = ready,
                                  .put_rate = TOP_RATE_UNKNOWN,
                                  .get_rate = TOP_RATE_UNKNOWN};
    snprintf(object->name, sizeof(object->name), "%s", name);
    return object;
}

static void counts(struct top_object *object, uint64_t puts, uint64_t gets)
{
    object->puts = object->rated_puts = puts;
    object->gets = object->rated_gets = gets;
}

/* ---- rates ---- */

static void rates_are_of_the_time_between_two_looks(void **state)
{
    struct seen before;
    struct seen now;

    (void)state;
    seen_init(&before, 100 * MUSTER_SECOND);
    counts(queue(&before, "a", 0), 10, 5);
    counts(queue(&before, "c", 0), 7, 7);
    top_rates(&before.look, NULL, 0);
    assert_true(before.objects[0].put_rate < 0);
    seen_init(&now, 102 * MUSTER_SECOND);
    counts(queue(&now, "a", 0), 30, 5);
    counts(queue(&now, "b", 0), 4, 2); /* new: it began with 0 */
    counts(queue(&now, "c", 0), 3, 8); /* made again: less than there was */
    top_rates(&now.look, &before.look, 0);
    assert_true(now.objects[0].put_rate == 10.0 && now.objects[0].get_rate == 0.0);
    assert_true(now.objects[1].put_rate == 2.0 && now.objects[1].get_rate == 1.0);
    assert_true(now.objects[2].put_rate == TOP_RATE_UNKNOWN);
}

/* A key makes a look between two others; the rates wait for the next, and then miss nothing. */
static void a_look_too_soon_keeps_the_rates_as_they_were(void **state)
{
    struct seen first;
    struct seen soon;
    struct seen later;

    (void)state;
    seen_init(&first, 10 * MUSTER_SECOND);
    counts(queue(&first, "a", 0), 0, 0);
    top_rates(&first.look, NULL, MUSTER_SECOND);
    first.objects[0].put_rate = 5;
    seen_init(&soon, 10 * MUSTER_SECOND + MUSTER_MS);
    counts(queue(&soon, "a", 0), 50, 0);
    top_rates(&soon.look, &first.look, MUSTER_SECOND);
    assert_true(soon.objects[0].put_rate == 5.0);
    seen_init(&later, 12 * MUSTER_SECOND);
    counts(queue(&later, "a", 0), 60, 0);
    top_rates(&later.look, &soon.look, MUSTER_SECOND);
    assert_true(later.objects[0].put_rate == 30.0);
}

/* ---- order ---- */

static void expect_order(enum top_sort sort, const struct seen *seen, const char *names)
{
    struct top_view view = {.sort = sort};
    size_t *order = top_order_objects(&view, &seen->look);

    for (size_t i = 0; i < seen->look.objects_count; i++) {
        assert_int_equal(seen->objects[order[i]].name[0], names[i]);
    }
    free(order);
}

static void objects_are_sorted_by_what_was_asked_for(void **state)
{
    struct seen seen;

    (void)state;
    seen_init(&seen, 0);
    *queue(&seen, "a", 5) = (struct top_object){
        .name = "a", .kind = MUSTER_FIFO, .ready = 5, .put_rate = 1, .oldest_age_ns = 3};
    *queue(&seen, "b", 9) = (struct top_object){
        .name = "b", .kind = MUSTER_FIFO, .ready = 9, .get_rate = 7, .waiting = 1};
    *queue(&seen, "c", 5) = (struct top_object){
        .name = "c", .kind = MUSTER_FIFO, .ready = 5, .oldest_age_ns = 8, .waiting = 2};
    *queue(&seen, "d", 1) =
        (struct top_object){.name = "d", .kind = MUSTER_EVENT, .ready = 1, .waiting = 1};
    expect_order(TOP_BY_DEPTH, &seen, "bacd");
    expect_order(TOP_BY_RATE, &seen, "bacd");
    expect_order(TOP_BY_AGE, &seen, "cabd");
    expect_order(TOP_BY_WAITING, &seen, "cbda");
    expect_order(TOP_BY_NAME, &seen, "abcd");
}

/* ---- keys ---- */

static void press(struct top_view *view, const struct seen *seen, const char *keys)
{
    top_keys(view, seen == NULL ? NULL : &seen->look, keys, strlen(keys), 2);
}

/* In place: it refers to itself. */
static void three_queues(struct seen *seen)
{
    seen_init(seen, 0);
    queue(seen, "a", 3);
    queue(seen, "b", 2);
    queue(seen, "c", 1);
}

static size_t selected_row(struct top_view *view, const struct seen *seen)
{
    size_t *order = top_order_objects(view, &seen->look);
    size_t at = top_select(view, &seen->look, order);

    free(order);
    return at;
}

static void a_selection_follows_its_object(void **state)
{
    struct seen seen;
    struct top_view view = {0};

    (void)state;
    three_queues(&seen);
    seen.look.objects = seen.objects;
    press(&view, &seen, "\033[B"); /* down: b */
    assert_int_equal(selected_row(&view, &seen), 1);
    seen.objects[1].ready = 99;
    assert_int_equal(selected_row(&view, &seen), 0);
    press(&view, &seen, "jjjjj\033OA"); /* to the end, and one up */
    assert_int_equal(selected_row(&view, &seen), 1);
    press(&view, &seen, "\033[6~");
    assert_int_equal(selected_row(&view, &seen), 2);
    press(&view, &seen, "\033[5~\033[5~");
    assert_int_equal(selected_row(&view, &seen), 0);
    assert_string_equal(view.selected, "b");
}

static void keys_change_pane_order_and_end(void **state)
{
    struct seen seen;
    struct top_view view = {0};

    (void)state;
    three_queues(&seen);
    seen.look.objects = seen.objects;
    press(&view, &seen, "x\033[Z?1"); /* means nothing */
    assert_int_equal(view.pane, TOP_OBJECTS);
    press(&view, &seen, "a");
    assert_int_equal(view.sort, TOP_BY_AGE);
    press(&view, &seen, "d\t");
    assert_int_equal(view.pane, TOP_SESSIONS);
    press(&view, &seen, "\tj\r");
    assert_int_equal(view.pane, TOP_WHO);
    assert_string_equal(view.who, "b");
    press(&view, &seen, "\033");
    assert_int_equal(view.pane, TOP_OBJECTS);
    assert_false(view.quit);
    press(&view, &seen, "qd");
    assert_true(view.quit);
}

static void keys_before_the_first_look_do_no_harm(void **state)
{
    struct top_view view = {0};

    (void)state;
    press(&view, NULL, "j\r\t\033[A\033[");
    assert_int_equal(view.who[0], '\0');
}

/* ---- lines ---- */

static const struct top_state calm = {
    .url = "muster://x", .version = "1", .interval_ns = MUSTER_SECOND};

/* The i-th line of what is drawn, from 0; the screen must be full and no wider than it is. */
static char *drawn(struct top_view *view, const struct seen *seen, const struct top_state *state,
                   struct top_screen screen, size_t i)
{
    struct out out = {NULL, 0, 0};
    char *found = NULL;
    size_t lines = 0;

    top_draw(view, seen == NULL ? NULL : &seen->look, state, &screen, &out);
    out_bytes(&out, "", 1);
    for (char *line = strtok(out.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (lines++ == i) {
            found = strdup(line);
        }
    }
    out_clear(&out);
    assert_non_null(found);
    return found;
}

static void expect_line(struct top_view *view, const struct seen *seen,
                        const struct top_state *state, size_t i, const char *expected)
{
    struct top_screen screen = {12, 90, false};
    char *line = drawn(view, seen, state, screen, i);

    assert_string_equal(line, expected);
    free(line);
}

static void a_row_has_what_is_worth_seeing(void **state)
{
    struct seen seen;
    struct top_view view = {0};

    (void)state;
    seen_init(&seen, 0);
    *queue(&seen, "jobs", 0) = (struct top_object){.name = "jobs",
                                                   .kind = MUSTER_FIFO,
                                                   .ready = 12,
                                                   .unfinished = 14,
                                                   .waiting = 3,
                                                   .leased = 2,
                                                   .put_rate = 2.5,
                                                   .get_rate = TOP_RATE_UNKNOWN,
                                                   .oldest_age_ns = 65 * MUSTER_SECOND};
    *queue(&seen, "over", 0) = (struct top_object){
        .name = "over", .kind = MUSTER_BARRIER, .ready = 1, .unfinished = 3, .waiting = 1};
    expect_line(&view, &seen, &calm, 0, "muster top: muster://x, musterd 1, every 1.0s, by depth");
    expect_line(&view, &seen, &calm, 1,
                "2 objects: 12 ready, 2 held, 0 delayed, 4 waiting; 2.5 put/s, 0.0 get/s; "
                "0 sessions, 0 con");
    expect_line(&view, &seen, &calm, 2, /* the empty line before it is no token */
                "  NAME          KIND        READY   PUT/S   GET/S  OLDEST WAITING    HELD DELAYED"
                "  UNFIN. ");
    expect_line(&view, &seen, &calm, 3,
                "> jobs          fifo           12     2.5       -    1m5s       3       2       0"
                "      14 ");
    expect_line(&view, &seen, &calm, 4,
                "  over          barrier       1/3       -       -       -       1 ");
}

static void it_says_that_the_broker_is_away(void **state)
{
    struct seen seen;
    struct top_state away = calm;
    struct top_view view = {0};

    (void)state;
    three_queues(&seen);
    seen.look.objects = seen.objects;
    away.away_ns = 3 * MUSTER_SECOND;
    expect_line(&view, &seen, &away, 1,
                "reconnecting: the broker has not answered for 3.0s; this is how it was before");
    expect_line(&view, NULL, &away, 1, "reconnecting: the broker has not answered for 3.0s");
}

static void who_holds_and_who_waits(void **state)
{
    struct seen seen;
    struct top_view view = {.pane = TOP_WHO, .who = "b"};

    (void)state;
    three_queues(&seen);
    seen.look.objects = seen.objects;
    seen.look.parties = seen.parties;
    expect_line(&view, &seen, &calm, 3, "  asking");
    snprintf(seen.look.who, sizeof(seen.look.who), "b");
    expect_line(&view, &seen, &calm, 3, "  nobody");
    seen.look.parties_count = 1;
    seen.parties[0] = (struct top_party){.role = "holds",
                                         .who = "me@host:7",
                                         .session = 4,
                                         .since_ns = -1,
                                         .connected = true,
                                         .detail = "9.1"};
    expect_line(&view, &seen, &calm, 4,
                "> holds     me@host:7                                      4       - connected "
                "9.1 ");
    seen.look.who_gone = true;
    expect_line(&view, &seen, &calm, 3, "  it is not there any more");
}

/* Names of clients are theirs to choose: none may move the cursor. */
static void what_clients_say_is_made_printable_and_cut(void **state)
{
    struct seen seen;
    struct top_view view = {.pane = TOP_SESSIONS};
    struct top_screen narrow = {12, 30, false};

    (void)state;
    three_queues(&seen);
    seen.look.sessions = seen.sessions;
    seen.look.sessions_count = 1;
    snprintf(seen.sessions[0].who, sizeof(seen.sessions[0].who), "\033[2J\xc3\xa9\n@h:1");
    char *line = drawn(&view, &seen, &calm, narrow, 3);
    assert_string_equal(line, ">       0 \\x1b[2J\xc3\xa9\\n@h:1      ");
    free(line);
}

/* Whatever the size, there are no more lines than rows, and none is wider than the screen. */
static void every_size_of_a_screen_is_filled_and_not_more(void **state)
{
    struct seen seen;

    (void)state;
    three_queues(&seen);
    seen.look.objects = seen.objects;
    for (size_t rows = 1; rows < 15; rows++) {
        for (size_t columns = 1; columns < 120; columns += 7) {
            struct top_view view = {.at = 2};
            struct top_screen screen = {rows, columns, false};
            struct out out = {NULL, 0, 0};
            size_t lines = 0;
            size_t width = 0;

            top_draw(&view, &seen.look, &calm, &screen, &out);
            for (size_t i = 0; i < out.len; i++) {
                lines += out.data[i] == '\n';
                width = out.data[i] == '\n' ? 0 : width + 1;
                assert_true(width <= columns);
            }
            assert_int_equal(lines, rows);
            out_clear(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_of_the_time_between_two_looks),
        cmocka_unit_test(a_look_too_soon_keeps_the_rates_as_they_were),
        cmocka_unit_test(objects_are_sorted_by_what_was_asked_for),
        cmocka_unit_test(a_selection_follows_its_object),
        cmocka_unit_test(keys_change_pane_order_and_end),
        cmocka_unit_test(keys_before_the_first_look_do_no_harm),
        cmocka_unit_test(a_row_has_what_is_worth_seeing),
        cmocka_unit_test(it_says_that_the_broker_is_away),
        cmocka_unit_test(who_holds_and_who_waits),
        cmocka_unit_test(what_clients_say_is_made_printable_and_cut),
        cmocka_unit_test(every_size_of_a_screen_is_filled_and_not_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
