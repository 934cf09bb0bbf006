/* test_core_golden.c - records and snapshots of old that must mean the same for ever.
 *
 * tests/golden/core has the records of a fixed story, a snapshot at its end, and the state that
 * both lead to, as core_dump tells it. Today's core writes the same records; its snapshots may
 * become others, as long as the old one is read. With MUSTER_GOLDEN=write in the environment they
 * are written instead of compared. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_MOST (1u << 20)

/* ---- files of the tree ---- */

static FILE *open_file(const char *name, const char *mode)
{
    const char *root = getenv("MUSTER_SOURCE_DIR");
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/golden/core/%s", root == NULL ? "." : root, name);
    file = fopen(path, mode);
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    return file;
}

/* What the file has; or, when it is to be written, what it has from now on. */
static struct mst_span golden(const char *name, struct mst_span now)
{
    static uint8_t bytes[FILE_MOST];
    const char *write = getenv("MUSTER_GOLDEN");
    bool writes = write != NULL && strcmp(write, "write") == 0;
    FILE *file = open_file(name, writes ? "wb" : "rb");
    size_t len = now.len;

    if (writes) {
        assert_int_equal(fwrite(now.data, 1, now.len, file), now.len);
        memcpy(bytes, now.data, now.len);
    } else {
        len = fread(bytes, 1, sizeof(bytes), file);
    }
    fclose(file);
    return mst_span_of(bytes, len);
}

/* ---- the story ---- */

static void put(struct world *w, const char *queue, const char *key, int64_t delay_ns,
                int64_t ttl_ns)
{
    struct mst_request *request = world_request(w, "a", MST_OP_PUT, queue);
    struct mst_span body = mst_span_text("what must be kept");

    request->bodies = &body;
    request->bodies_count = 1;
    request->dedup = mst_span_text(key);
    request->headers = key == NULL ? MST_SPAN_NONE : mst_span_text("headers");
    request->delay_ns = delay_ns;
    request->ttl_ns = ttl_ns;
    expect_reply(w, "a", world_send(w), MST_OK);
    w->now_ns += 12345;
}

static void tell_of_queues(struct world *w)
{
    const struct mst_fact limited = {.name = mst_span_text("maxsize"), .number = 9};
    uint64_t id;

    world_declare(w, "a", "limited", MST_KIND_LIFO, &limited, 1);
    put(w, "limited", NULL, 0, MST_FOREVER);
    world_request(w, "a", MST_OP_PAUSE, "limited")->sides = MST_SIDE_GET;
    world_send(w);
    put(w, "q", "once", 0, MST_FOREVER);
    put(w, "q", NULL, 60 * SECOND, MST_FOREVER);
    put(w, "q", NULL, 0, 3600 * SECOND);
    for (int i = 0; i < 6; i++) {
        put(w, "q", NULL, 0, MST_FOREVER);
    }
    queue_done(w, "b", "q", queue_take(w, "b", "q")->id, 1);
    queue_nack(w, "b", "q", queue_take(w, "b", "q"), true);
    queue_nack(w, "b", "q", queue_take(w, "b", "q"), false);
    queue_take(w, "b", "q");
    world_request(w, "b", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    id = world_send(w);
    world_confirm(w, "b", id, 1);
    queue_get(w, "b", "q", 2); /* on the way */
    world_request(w, "c", MST_OP_GET, "q")->detached = true;
    w->asked.lease_ns = 60 * SECOND;
    id = world_send(w);
    world_confirm(w, "c", id, 1);
    world_bye(w, "c");
    world_do(w, "a", MST_OP_SHUTDOWN, "limited");
}

static void tell_of_others(struct world *w)
{
    world_do(w, "a", MST_OP_EVENT_SET, "go");
    world_do(w, "a", MST_OP_EVENT_CLEAR, "stop");
    world_request(w, "a", MST_OP_BARRIER_WAIT, "fills")->parties = 3;
    world_send(w);
    world_request(w, "b", MST_OP_BARRIER_WAIT, "fills")->parties = 3;
    world_send(w);
    world_request(w, "a", MST_OP_BARRIER_WAIT, "broken")->parties = 2;
    world_send(w);
    world_do(w, "b", MST_OP_BARRIER_ABORT, "broken");
    world_do(w, "a", MST_OP_EVENT_SET, "gone");
    world_do(w, "a", MST_OP_REMOVE, "gone");
}

struct snapshot_text {
    const struct store *store;
    struct mst_buf bytes;
};

static bool moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    const struct snapshot_text *text = user;

    *bytes = store_body(text->store, place, len);
    return true;
}

static bool take_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                       size_t bodies_count)
{
    struct snapshot_text *text = user;

    (void)bodies;
    (void)bodies_count;
    return mst_buf_append(&text->bytes, records.data, records.len);
}

static void expect_state(struct world *w, struct mst_span records, const char *state)
{
    struct core *core = core_new(&w->config);
    char *text;

    assert_non_null(core);
    assert_int_equal(core_recover(core, records, 0), MST_OK);
    text = store_dump(&w->store, core);
    assert_string_equal(text, state);
    free(text);
    core_free(&core);
}

static void records_and_snapshots_of_old_are_read_the_same_for_ever(void **state)
{
    struct snapshot_text text;
    struct core_snapshot_port port = {&text, moves, take_piece};
    struct mst_span records, is;
    struct world w;
    char *expected;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    world_hello(&w, "c");
    tell_of_queues(&w);
    tell_of_others(&w);
    expected = store_dump(&w.store, w.core);
    is = golden("state.txt", mst_span_text(expected));
    assert_true(mst_span_equal(is, mst_span_text(expected)));
    records = mst_buf_span(&w.store.journal);
    is = golden("records", records);
    assert_true(mst_span_equal(is, records));
    expect_state(&w, is, expected);
    text.store = &w.store;
    mst_buf_init(&text.bytes);
    assert_true(core_snapshot(w.core, &port));
    is = golden("snapshot", mst_buf_span(&text.bytes));
    expect_state(&w, is, expected);
    mst_buf_clear(&text.bytes);
    free(expected);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_snapshots_of_old_are_read_the_same_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
