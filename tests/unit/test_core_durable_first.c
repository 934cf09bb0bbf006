/* test_core_durable_first.c - what may be seen before it is durable: nothing (SEMANTICS 1.5).
 *
 * Each reply names the record that it waits for; here it must be the one that made what it tells.
 * And what is in memory only does not wait, nor does it write. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

/* The record that the latest reply (of the last step) to the operation waits for. */
static uint64_t seq_of_reply(const struct world *w, enum mst_op op)
{
    for (size_t i = w->effects.count; i > 0; i--) {
        const struct effect *effect = &w->effects.items[i - 1];

        if (effect->kind == EFFECT_REPLY && effect->reply.op == op) {
            return effect->seq;
        }
    }
    fail_msg("there is no such reply");
    return 0;
}

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
    world_handle(w, "b", "q");
}

static void room_that_a_receipt_made_is_told_with_its_record(void **state)
{
    const struct mst_reply *reply;
    struct world w;
    uint64_t version;
    uint64_t get;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "x");
    world_request(&w, "a", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    get = world_send(&w);
    reply = expect_reply(&w, "b", world_do(&w, "b", MST_OP_QSIZE, "q"), MST_OK);
    version = reply->object_version;
    assert_int_equal(reply->kept, 1);
    world_confirm(&w, "a", get, 1);
    reply = expect_reply(&w, "b", world_do(&w, "b", MST_OP_QSIZE, "q"), MST_OK);
    assert_int_equal(reply->kept, 0);
    assert_true(reply->object_version > version);
    assert_int_equal(seq_of_reply(&w, MST_OP_QSIZE), w.journal_seq);
    world_close(&w);
}

static void what_is_no_more_is_told_with_the_removal(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "x");
    world_do(&w, "a", MST_OP_REMOVE, "q");
    assert_int_equal(seq_of_reply(&w, MST_OP_REMOVE), w.journal_seq - 1); /* of one batch */
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_QSIZE, "q"), MST_GONE);
    assert_int_equal(seq_of_reply(&w, MST_OP_QSIZE), w.journal_seq);
    world_do(&w, "b", MST_OP_LIST, NULL);
    assert_int_equal(seq_of_reply(&w, MST_OP_LIST), w.journal_seq);
    world_close(&w);
}

static void who_waits_at_what_is_removed_is_told_with_the_removal(void **state)
{
    struct world w;
    uint64_t get;

    (void)state;
    open_world(&w);
    get = world_do(&w, "b", MST_OP_GET, "q");
    world_do(&w, "a", MST_OP_REMOVE, "q");
    expect_reply(&w, "b", get, MST_GONE);
    assert_in_range(seq_of_reply(&w, MST_OP_GET), w.journal_seq - 1, w.journal_seq);
    world_close(&w);
}

static void the_kind_of_an_object_is_told_with_its_creation(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    world_do(&w, "a", MST_OP_EVENT_SET, "q");
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_GET, "q"), MST_CONFLICT);
    assert_in_range(seq_of_reply(&w, MST_OP_GET), 4, w.journal_seq);
    world_close(&w);
}

static void the_end_of_a_session_is_told_with_its_record(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    world_request(&w, "a", MST_OP_KILL, NULL)->session = world_client(&w, "b")->session;
    world_send(&w);
    assert_int_equal(seq_of_reply(&w, MST_OP_KILL), w.journal_seq);
    world_bye(&w, "a");
    assert_int_equal(seq_of_reply(&w, MST_OP_BYE), w.journal_seq);
    world_close(&w);
}

static void a_lost_lease_is_told_with_the_return_of_its_message(void **state)
{
    struct world w;
    uint64_t get;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "x");
    world_request(&w, "a", MST_OP_GET, "q")->lease_ns = SECOND;
    get = world_send(&w);
    world_confirm(&w, "a", get, 1);
    world_advance(&w, SECOND);
    assert_int_equal(seq_of_reply(&w, MST_OP_NOTICE), w.journal_seq);
    assert_int_equal(world_client(&w, "a")->notice->first, 1);
    assert_int_equal(world_client(&w, "a")->notice->number, 1);
    assert_true(span_is(world_client(&w, "a")->notice->name, "q"));
    world_close(&w);
}

static void what_is_in_memory_neither_waits_nor_writes(void **state)
{
    const struct mst_fact in_memory = {.name = mst_span_text("durable"), .number = 0};
    struct world w;
    size_t written;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "m", MST_KIND_FIFO, &in_memory, 1);
    world_confirm(&w, "a", 1, 1);
    queue_put(&w, "a", "q", "on disk");
    written = mst_buf_size(&w.store.journal);
    queue_put(&w, "a", "m", "x");
    assert_int_equal(seq_of_reply(&w, MST_OP_PUT), 0);
    queue_got(&w, "a", queue_get(&w, "a", "m", 1));
    assert_int_equal(seq_of_reply(&w, MST_OP_GET), 0);
    world_confirm(&w, "a", 3, 2);
    assert_int_equal(mst_buf_size(&w.store.journal), written);
    queue_done(&w, "a", "m", 1, 1);
    assert_int_equal(seq_of_reply(&w, MST_OP_DONE), 0);
    assert_int_equal(mst_buf_size(&w.store.journal), written);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_that_a_receipt_made_is_told_with_its_record),
        cmocka_unit_test(what_is_no_more_is_told_with_the_removal),
        cmocka_unit_test(who_waits_at_what_is_removed_is_told_with_the_removal),
        cmocka_unit_test(the_kind_of_an_object_is_told_with_its_creation),
        cmocka_unit_test(the_end_of_a_session_is_told_with_its_record),
        cmocka_unit_test(a_lost_lease_is_told_with_the_return_of_its_message),
        cmocka_unit_test(what_is_in_memory_neither_waits_nor_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
