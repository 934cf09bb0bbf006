/* test_metrics.c - the page of metrics: its lines, its slices, and what the engine counts. */
#include "tests/unit/engine_pipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/engine/metrics.h"
#include "broker/engine/metrics_text.h"

/* ---- lines ---- */

static void assert_text(struct metrics_text *text, const char *expected)
{
    assert_false(text->failed);
    assert_true(mst_buf_append(&text->out, "", 1));
    assert_string_equal((const char *)mst_buf_span(&text->out).data, expected);
    metrics_text_clear(text);
}

static void a_family_has_help_and_type(void **state)
{
    const struct metrics_labels none = {.first = MST_SPAN_NONE};
    struct metrics_text text;

    (void)state;
    metrics_text_init(&text);
    metrics_write_family(&text, "sheep", "gauge", "Sheep in the field.");
    metrics_write_count(&text, "sheep", &none, UINT64_MAX);
    assert_text(&text, "# HELP sheep Sheep in the field.\n"
                       "# TYPE sheep gauge\n"
                       "sheep 18446744073709551615\n");
}

static void nanoseconds_are_written_as_seconds_to_the_last_digit(void **state)
{
    const struct metrics_labels none = {.first = MST_SPAN_NONE};
    const uint64_t times[] = {0, 1, 2500000, 1000000000, 1000000001, 86400000000000, 1230000000};
    struct metrics_text text;

    (void)state;
    metrics_text_init(&text);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        metrics_write_seconds(&text, "t", &none, times[i]);
    }
    assert_text(&text, "t 0\nt 0.000000001\nt 0.0025\nt 1\nt 1.000000001\nt 86400\nt 1.23\n");
}

static void labels_are_escaped(void **state)
{
    struct mst_buf out;

    (void)state;
    mst_buf_init(&out);
    assert_true(metrics_write_label(&out, "queue", mst_span_text("a\"b\\c\nd\\\"")));
    assert_true(mst_buf_append(&out, " ", 1));
    assert_true(metrics_write_label(&out, "queue", mst_span_text("")));
    assert_true(mst_buf_append(&out, " ", 1));
    assert_true(metrics_write_label(&out, "queue", mst_span_text("Brötchen/{x}")));
    assert_true(mst_buf_append(&out, "", 1));
    assert_string_equal((const char *)mst_buf_span(&out).data,
                        "queue=\"a\\\"b\\\\c\\nd\\\\\\\"\" queue=\"\" queue=\"Brötchen/{x}\"");
    mst_buf_clear(&out);
}

static void both_labels_stand_side_by_side(void **state)
{
    struct metrics_labels labels = {mst_span_text("queue=\"q\""), "cause", "nack"};
    struct metrics_text text;

    (void)state;
    metrics_text_init(&text);
    metrics_write_count(&text, "n", &labels, 1);
    labels.first = MST_SPAN_NONE;
    metrics_write_count(&text, "n", &labels, 2);
    assert_text(&text, "n{queue=\"q\",cause=\"nack\"} 1\nn{cause=\"nack\"} 2\n");
}

static void buckets_of_a_histogram_add_up(void **state)
{
    struct histogram histogram = {.sum = 0};
    struct metrics_text text;
    const char *found;

    (void)state;
    histogram_observe(&histogram, histogram_message_ns, 1);
    histogram_observe(&histogram, histogram_message_ns, 2 * MS);
    histogram_observe(&histogram, histogram_message_ns, 48 * 3600 * SECOND);
    metrics_text_init(&text);
    metrics_write_histogram(&text, "t", mst_span_text("queue=\"q\""), &histogram,
                            histogram_message_ns);
    assert_int_equal(text.lines, HISTOGRAM_BUCKETS + 2);
    assert_true(mst_buf_append(&text.out, "", 1));
    found = (const char *)mst_buf_span(&text.out).data;
    assert_non_null(strstr(found, "t_bucket{queue=\"q\",le=\"0.0001\"} 1\n"
                                  "t_bucket{queue=\"q\",le=\"0.001\"} 1\n"
                                  "t_bucket{queue=\"q\",le=\"0.005\"} 2\n"));
    assert_non_null(strstr(found, "t_bucket{queue=\"q\",le=\"86400\"} 2\n"
                                  "t_bucket{queue=\"q\",le=\"+Inf\"} 3\n"
                                  "t_sum{queue=\"q\"} 172800.002000001\n"
                                  "t_count{queue=\"q\"} 3\n"));
    metrics_text_clear(&text);
}

/* ---- the page ---- */

struct page {
    char *text; /* to be freed */
    size_t slices;
    size_t largest; /* bytes that one slice added */
};

static struct page page_of(struct pipes *pipes)
{
    struct metrics_page *made = metrics_page_new(pipes->engine);
    struct page page = {.slices = 1};
    size_t before = 0;
    struct mst_span text;

    assert_non_null(made);
    while (metrics_page_go_on(made)) {
        size_t len = metrics_page_text(made).len;

        page.largest = len - before > page.largest ? len - before : page.largest;
        before = len;
        page.slices++;
    }
    text = metrics_page_text(made);
    assert_true(text.len > 0);
    page.text = strndup((const char *)text.data, text.len);
    assert_non_null(page.text);
    metrics_page_free(&made);
    assert_null(made);
    return page;
}

/* The value of the line that begins so; -1: there is none. */
static long long value_of(struct pipes *pipes, const char *line)
{
    struct page page = page_of(pipes);
    const char *at = page.text;
    long long value = -1;

    while ((at = strstr(at, line)) != NULL) {
        if ((at == page.text || at[-1] == '\n') && at[strlen(line)] == ' ') {
            value = strtoll(at + strlen(line), NULL, 10);
            break;
        }
        at++;
    }
    free(page.text);
    return value;
}

static void a_put_is_seen_on_the_page(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    pipes_put(pipes, client, 1, "seven77");
    pipes_turn(pipes);
    pipes_pass(pipes, 3 * SECOND);
    assert_int_equal(value_of(pipes, "muster_queue_ready{queue=\"jobs\"}"), 1);
    assert_int_equal(value_of(pipes, "muster_queue_bytes{queue=\"jobs\"}"), 7);
    assert_int_equal(value_of(pipes, "muster_queue_oldest_age_seconds{queue=\"jobs\"}"), 3);
    assert_int_equal(value_of(pipes, "muster_queue_puts_total{queue=\"jobs\"}"), 1);
    assert_int_equal(value_of(pipes, "muster_queues"), 1);
    assert_int_equal(value_of(pipes, "muster_sessions_connected"), 1);
    assert_int_equal(value_of(pipes, "muster_connections"), 1);
    assert_int_equal(value_of(pipes, "muster_ready"), 1);
    assert_int_equal(value_of(pipes, "muster_queue_ready{queue=\"others\t\"}"), 0);
}

static void looking_changes_nothing(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct mst_buf before;
    struct mst_buf after;
    int64_t deadline_ns;

    pipes_put(pipes, client, 1, "x");
    pipes_turn(pipes);
    pipes_read(client);
    mst_buf_init(&before);
    mst_buf_init(&after);
    assert_true(core_dump(engine_core(pipes->engine), false, &before));
    deadline_ns = engine_next_deadline_ns(pipes->engine);
    free(page_of(pipes).text);
    assert_true(core_dump(engine_core(pipes->engine), false, &after));
    assert_int_equal(mst_buf_size(&before), mst_buf_size(&after));
    assert_memory_equal(before.data, after.data, mst_buf_size(&after));
    assert_int_equal(engine_next_deadline_ns(pipes->engine), deadline_ns);
    assert_read(client, "");
    mst_buf_clear(&before);
    mst_buf_clear(&after);
}

static void open_and_put(struct pipes *pipes, struct client *client, uint64_t i)
{
    struct mst_request request;
    char name[16];

    snprintf(name, sizeof(name), "queue %d", (int)i);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = i + 1;
    request.name = mst_span_text(name);
    pipes_say(pipes, client, &request);
    mst_request_init(&request, MST_OP_PUT);
    request.id = i;
    request.handle = i + 1;
    request.bodies = &(struct mst_span){(const uint8_t *)"x", 1};
    request.bodies_count = 1;
    pipes_say(pipes, client, &request);
}

enum { MANY = 2500, APART = 30 };

static void many_queues_are_a_bounded_page_in_bounded_slices(void **state)
{
    struct pipes *pipes = *state;
    struct client *client;
    struct page page;

    pipes->config.queues_apart_max = APART;
    engine_configure(pipes->engine, &pipes->config);
    client = pipes_client(pipes);
    for (uint64_t i = 1; i <= MANY; i++) {
        open_and_put(pipes, client, i);
    }
    pipes_turn(pipes);
    assert_int_equal(value_of(pipes, "muster_queues"), MANY);
    assert_int_equal(value_of(pipes, "muster_queues_summed"), MANY - APART);
    assert_int_equal(value_of(pipes, "muster_queue_ready{queue=\"queue 30\"}"), 1);
    assert_int_equal(value_of(pipes, "muster_queue_ready{queue=\"queue 31\"}"), -1);
    assert_int_equal(value_of(pipes, "muster_queue_ready{queue=\"others\t\"}"), MANY - APART);
    assert_int_equal(value_of(pipes, "muster_queue_puts_total{queue=\"others\t\"}"), MANY - APART);
    page = page_of(pipes);
    assert_true(page.slices > 10);
    assert_true(page.largest < 64u << 10);
    assert_true(strlen(page.text) < APART * 8192u);
    free(page.text);
}

static void a_queue_may_go_while_the_page_is_made(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct metrics_page *page;
    struct mst_request request;

    pipes_put(pipes, client, 1, "x");
    page = metrics_page_new(pipes->engine);
    assert_true(metrics_page_go_on(page));
    mst_request_init(&request, MST_OP_REMOVE);
    request.id = 2;
    request.handle = 1;
    pipes_say(pipes, client, &request);
    pipes_turn(pipes);
    while (metrics_page_go_on(page)) {
    }
    assert_non_null(memmem(metrics_page_text(page).data, metrics_page_text(page).len,
                           "queue=\"jobs\"", strlen("queue=\"jobs\"")));
    metrics_page_free(&page);
}

/* ---- what the engine counts ---- */

static void connections_that_fail_are_counted_by_reason(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_connect(pipes);

    engine_receive(pipes->engine, client->conn, mst_span_text("\xff\xff\xff\xff"));
    pipes_turn(pipes);
    assert_true(client->closed);
    assert_int_equal(value_of(pipes, "muster_handshake_failures_total{reason=\"protocol\"}"), 1);
    assert_int_equal(value_of(pipes, "muster_connections_faults_total"), 1);
    client = pipes_connect(pipes);
    pipes_pass(pipes, ENGINE_GREETING_NS);
    assert_true(client->closed);
    assert_int_equal(value_of(pipes, "muster_handshake_failures_total{reason=\"timeout\"}"), 1);
    assert_int_equal(value_of(pipes, "muster_connections_accepted_total"), 2);
}

static void connections_beyond_the_limit_are_counted(void **state)
{
    struct pipes *pipes = *state;

    pipes->config.connections_max = 1;
    engine_configure(pipes->engine, &pipes->config);
    pipes_client(pipes);
    assert_null(pipes_connect(pipes));
    assert_int_equal(value_of(pipes, "muster_connections_refused_total{reason=\"full\"}"), 1);
}

static void turns_are_timed(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    long long turns = value_of(pipes, "muster_loop_turn_seconds_count");

    pipes_turn(pipes);
    pipes_put(pipes, client, 1, "x");
    pipes->now_ns += 40 * MS; /* the turn is long */
    engine_turn(pipes->engine);
    assert_true(value_of(pipes, "muster_loop_turn_seconds_count") > turns);
    assert_true(value_of(pipes, "muster_loop_turn_seconds_bucket{le=\"0.025\"}") <
                value_of(pipes, "muster_loop_turn_seconds_bucket{le=\"0.05\"}"));
}

static void it_is_timed_how_long_a_batch_takes_to_be_durable(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    long long before;

    pipes_sync(pipes);
    pipes_turn(pipes);
    before = value_of(pipes, "muster_journal_sync_seconds_count");
    pipes_put(pipes, client, 1, "x");
    pipes_turn(pipes);
    pipes_pass(pipes, 30 * MS);
    assert_int_equal(value_of(pipes, "muster_journal_sync_seconds_count"), before);
    pipes_sync(pipes);
    pipes_turn(pipes);
    assert_int_equal(value_of(pipes, "muster_journal_sync_seconds_count"), before + 1);
    assert_int_equal(value_of(pipes, "muster_journal_sync_seconds_bucket{le=\"0.05\"}") -
                         value_of(pipes, "muster_journal_sync_seconds_bucket{le=\"0.025\"}"),
                     1);
}

static void it_is_ready_until_it_goes_away(void **state)
{
    struct pipes *pipes = *state;

    assert_null(metrics_unready(pipes->engine));
    assert_int_equal(value_of(pipes, "muster_ready"), 1);
    engine_drain(pipes->engine);
    assert_string_equal(metrics_unready(pipes->engine), "the broker is going away");
    assert_int_equal(value_of(pipes, "muster_ready"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_has_help_and_type),
        cmocka_unit_test(nanoseconds_are_written_as_seconds_to_the_last_digit),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(both_labels_stand_side_by_side),
        cmocka_unit_test(buckets_of_a_histogram_add_up),
#define ON_AN_ENGINE(test) cmocka_unit_test_setup_teardown(test, pipes_setup, pipes_teardown)
        ON_AN_ENGINE(a_put_is_seen_on_the_page),
        ON_AN_ENGINE(looking_changes_nothing),
        ON_AN_ENGINE(many_queues_are_a_bounded_page_in_bounded_slices),
        ON_AN_ENGINE(a_queue_may_go_while_the_page_is_made),
        ON_AN_ENGINE(connections_that_fail_are_counted_by_reason),
        ON_AN_ENGINE(connections_beyond_the_limit_are_counted),
        ON_AN_ENGINE(turns_are_timed),
        cmocka_unit_test_setup_teardown(it_is_timed_how_long_a_batch_takes_to_be_durable,
                                        pipes_setup_journal, pipes_teardown),
        ON_AN_ENGINE(it_is_ready_until_it_goes_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
