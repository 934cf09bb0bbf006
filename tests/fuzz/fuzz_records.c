/* fuzz_records.c - hostile records with a valid checksum around them: a recovery refuses them or
 * makes a core that is sound, goes on, and can be written down and made again. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/core/core.h"
#include "tests/fuzz/input.h"
#include "tests/unit/core_sound.h"

#define PLACE (UINT64_C(1) << 40)

static struct core *core_made(bool with_bodies_away)
{
    struct core_config config;
    struct core *core;

    core_config_init(&config);
    config.reserve_bytes = 1 << 16; /* large blocks cost time under sanitizers */
    config.has_storage = true;
    config.bodies_max = with_bodies_away ? 64 : 0;
    core = core_new(&config);
    require(core != NULL);
    return core;
}

static bool put(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                size_t bodies_count)
{
    (void)bodies;
    (void)bodies_count;
    return core_recover(user, records, 0) == MST_OK;
}

static bool stays(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    (void)user;
    (void)place;
    (void)len;
    (void)bytes;
    return false;
}

static void copies_are_equal(const struct core *core)
{
    struct core *copy = core_made(false);
    struct core_snapshot_port port = {copy, stays, put};
    struct mst_buf texts[2];

    require(core_snapshot(core, &port));
    for (int i = 0; i < 2; i++) {
        mst_buf_init(&texts[i]);
        require(core_dump(i == 0 ? core : copy, true, &texts[i]));
    }
    if (!mst_span_equal(mst_buf_span(&texts[0]), mst_buf_span(&texts[1]))) {
        fprintf(stderr, "%.*s\n---- its copy:\n%.*s\n", (int)mst_buf_size(&texts[0]),
                (char *)texts[0].data, (int)mst_buf_size(&texts[1]), (char *)texts[1].data);
        require(false && "a snapshot makes the same state");
    }
    for (int i = 0; i < 2; i++) {
        mst_buf_clear(&texts[i]);
    }
    core_free(&copy);
}

/* Time passes: everything that the records left to be due comes. */
static void goes_on(struct core *core)
{
    struct event event = {.kind = EVENT_TICK, .now_ns = core_now_ns(core), .wall_ns = 1};
    struct effects effects;

    effects_init(&effects);
    for (int i = 0; i < 20 && event.now_ns != MST_FOREVER; i++) {
        core_step(core, &event, &effects);
        expect_sound(core);
        event.now_ns =
            core_next_deadline_ns(core) > event.now_ns ? core_next_deadline_ns(core) : event.now_ns;
    }
    effects_clear(&effects);
}

/* The first byte chooses; then come batches: two bytes of length, records. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    uint8_t choice = input_byte(&in);
    struct core *core = core_made((choice & 1) != 0);
    /* To be compared with a copy, all bodies stay in memory. */
    uint64_t place = (choice & 1) != 0 ? PLACE : 0;
    enum mst_status status = MST_OK;

    while (input_more(&in) && status == MST_OK) {
        size_t len = input_byte(&in);

        len = len << 8 | input_byte(&in);
        len = len < in.left.len ? len : in.left.len;
        status = core_recover(core, mst_span_of(in.left.data, len), place);
        in.left = mst_span_of(in.left.data + len, in.left.len - len);
    }
    if (status == MST_OK) {
        if ((choice & 1) == 0) {
            copies_are_equal(core);
        }
        goes_on(core);
    }
    core_free(&core);
    return 0;
}
