/* test_snapshot_memory.c - memory that is refused in the middle of writing something down: half of
 * it is never taken for the whole. Each byte is once the one for which there is no room. */
#include "tests/sim/ration.h"
#include "tests/sim/world.h"

#include "broker/core/record.h"
#include "broker/core/state.h"

#define BUF_FIRST 256 /* what a buffer begins with; then it doubles */

/* ---- a record ---- */

/* Has room for so many bytes more, and no memory. */
static void record_into(const struct record *record, size_t room, bool *written, size_t *len)
{
    static const uint8_t filling[BUF_FIRST * 4];
    struct mst_buf out;

    mst_buf_init(&out);
    assert_true(room <= sizeof(filling));
    assert_true(mst_buf_append(&out, filling, sizeof(filling) - room));
    RATIONED({
        ration_refuse(1, UINT32_MAX);
        *written = record_encode(&out, record, NULL);
        ration_refuse(0, 0);
    });
    *len = mst_buf_size(&out) - (sizeof(filling) - room);
    mst_buf_clear(&out);
}

static void a_record_is_written_whole_or_not_at_all(void **state)
{
    struct mst_blob *bodies[] = {mst_blob_new(mst_span_text("one")),
                                 mst_blob_new(mst_span_text("")),
                                 mst_blob_new(mst_span_text("three"))};
    int64_t priorities[] = {3, INT64_MIN, 300};
    uint64_t list[] = {1, 1000, UINT64_MAX};
    int64_t settings[] = {1, -1000, MST_FOREVER};
    struct put_list put = {.count = 3,
                           .bodies = bodies,
                           .priorities = priorities,
                           .priority = 1000,
                           .delay_ns = SECOND,
                           .ttl_ns = SECOND * 3600,
                           .dedup = mst_blob_new(mst_span_text("key")),
                           .headers = mst_blob_new(mst_span_text("headers"))};
    struct record record = {.what = RECORD_PUT,
                            .seq = 1000,
                            .now_ns = SECOND,
                            .wall_ns = SECOND,
                            .object = 1000,
                            .until_ns = SECOND,
                            .name = mst_span_text("name"),
                            .list = list,
                            .list_count = 3,
                            .settings = settings,
                            .settings_count = 3,
                            .put = &put};
    size_t room = 0;
    size_t len;
    bool written;

    (void)state;
    for (record_into(&record, room, &written, &len); !written;
         record_into(&record, ++room, &written, &len)) {
        assert_int_equal(len, 0);
    }
    assert_int_equal(len, room);
    assert_true(room > 100);
    for (size_t i = 0; i < put.count; i++) {
        mst_blob_unref(&bodies[i]);
    }
    mst_blob_unref(&put.dedup);
    mst_blob_unref(&put.headers);
}

/* ---- a snapshot ---- */

/* A bit of everything that is durable; the first name moves all that is behind it. */
static void live(struct world *w, size_t name_len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    char name[BUF_FIRST] = "";

    for (size_t i = 0; i < name_len; i++) {
        name[i] = letters[i % 26];
    }
    tellf(w, "a declare n%s fifo maxsize=5", name);
    tell(w, "a declare urgent priority max-deliveries=3");
    tell(w, "a put urgent x y*40 priority=300 headers=head ttl=1h dedup=key");
    tell(w, "a put urgent z delay=1m");
    tellf(w, "a put jobs x*%zu y z v w", name_len + 9);
    tell(w, "b get jobs");
    tell(w, "b nack jobs 1.1 dead value=bad");
    tell(w, "b get jobs,urgent max=1");
    tell(w, "b get urgent lease=1h");
    tell(w, "b get jobs");
    tell(w, "b done jobs 2.1");
    tell(w, "c get jobs auto");
    tell(w, "c hold");
    tell(w, "c get jobs max=1");
    tell(w, "d barrier one parties=3");
    tell(w, "d barrier two parties=3");
    tell(w, "e declare three barrier parties=1 action=1");
    tell(w, "e barrier three");
    tell(w, "e set go");
    tell(w, "e declare go queue"); /* refused, which is kept as well */
}

struct copy {
    struct mst_buf bytes;
    uint64_t bodies;
};

/* Every second one stays where it is. */
static bool moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    (void)user;
    (void)bytes;
    return (place + len) % 2 == 0;
}

static bool take(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                 size_t bodies_count)
{
    struct copy *copy = user;
    bool was = ration_arm(false);

    assert_true(mst_buf_append(&copy->bytes, records.data, records.len));
    ration_arm(was);
    for (size_t i = 0; i < bodies_count; i++) {
        assert_true(bodies[i].offset < records.len);
    }
    copy->bodies += bodies_count;
    return true;
}

/* Returns whether some memory was refused. */
static bool snapshot(struct world *w, uint64_t nth, struct copy *copy, bool *ok)
{
    struct core_snapshot_port port = {.user = copy, .moves = moves, .put = take};
    uint64_t before = ration_refused();

    mst_buf_reset(&copy->bytes);
    RATIONED({
        ration_refuse(nth, 0);
        *ok = core_snapshot(engine_core(w->engine), &port);
        ration_refuse(0, 0);
    });
    return ration_refused() > before;
}

static void refuse_each(struct world *w, uint64_t *tried)
{
    struct copy whole = {0};
    struct copy copy = {0};
    bool ok;
    bool refused = true;

    assert_false(snapshot(w, 0, &whole, &ok));
    assert_true(ok);
    assert_true(mst_buf_size(&whole.bytes) > BUF_FIRST * 2);
    for (uint64_t nth = 1; refused; nth++) {
        refused = snapshot(w, nth, &copy, &ok);
        assert_int_equal(ok, !refused);
        *tried += refused;
    }
    assert_true(mst_span_equal(mst_buf_span(&whole.bytes), mst_buf_span(&copy.bytes)));
    mst_buf_clear(&whole.bytes);
    mst_buf_clear(&copy.bytes);
}

static void a_snapshot_without_memory_says_so_and_the_next_one_is_whole(void **state)
{
    uint64_t tried = 0;

    (void)state;
    for (size_t name_len = 0; name_len < BUF_FIRST - 8; name_len++) {
        struct world *w = world_open(WORLD_DISK);

        live(w, name_len);
        refuse_each(w, &tried);
        world_close(&w);
    }
    print_message("%llu snapshots\n", (unsigned long long)tried);
    assert_true(tried > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_snapshot_without_memory_says_so_and_the_next_one_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
