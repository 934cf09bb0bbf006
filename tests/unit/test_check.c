/* test_check.c - the bounded check refuses what is hostile, and what it accepts msgpack-c accepts.
 *
 * Payloads are copied to memory of exactly their size, so that sanitizers see a read behind it. */
#include "tests/unit/cmocka_all.h"

#include <msgpack/unpack.h>
#include <stdlib.h>

#include "protocol/check.h"

static bool check(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    const char *why = NULL;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    bool ok = mst_check(mst_span_of(copy, len), &why);
    assert_true(ok == (why == NULL));
    free(copy);
    return ok;
}

#define ACCEPTED(...)                                                                              \
    do {                                                                                           \
        static const uint8_t bytes[] = {__VA_ARGS__};                                              \
        assert_true(check(bytes, sizeof(bytes)));                                                  \
    } while (0)
#define REFUSED(...)                                                                               \
    do {                                                                                           \
        static const uint8_t bytes[] = {__VA_ARGS__};                                              \
        assert_false(check(bytes, sizeof(bytes)));                                                 \
    } while (0)

static void arrays_of_every_value_are_accepted(void **state)
{
    (void)state;
    ACCEPTED(0x90);
    ACCEPTED(0x93, 0x00, 0x7f, 0xff);
    ACCEPTED(0x93, 0xc0, 0xc2, 0xc3);
    ACCEPTED(0x92, 0xc4, 1, 'x', 0xc5, 0, 1, 'x');
    ACCEPTED(0x91, 0xc6, 0, 0, 0, 0);
    ACCEPTED(0x92, 0xca, 1, 2, 3, 4, 0xcb, 1, 2, 3, 4, 5, 6, 7, 8);
    ACCEPTED(0x92, 0xcc, 1, 0xcd, 1, 2);
    ACCEPTED(0x92, 0xce, 1, 2, 3, 4, 0xcf, 1, 2, 3, 4, 5, 6, 7, 8);
    ACCEPTED(0x92, 0xd0, 1, 0xd1, 1, 2);
    ACCEPTED(0x92, 0xd2, 1, 2, 3, 4, 0xd3, 1, 2, 3, 4, 5, 6, 7, 8);
    ACCEPTED(0x92, 0xa0, 0xa2, 'a', 'b');
    ACCEPTED(0x93, 0xd9, 1, 'x', 0xda, 0, 1, 'x', 0xdb, 0, 0, 0, 1, 'x');
    ACCEPTED(0xdc, 0, 1, 0x80);
    ACCEPTED(0xdd, 0, 0, 0, 1, 0x81, 0x01, 0xa1, 'v');
    ACCEPTED(0x92, 0xde, 0, 1, 0xc0, 0x90, 0xdf, 0, 0, 0, 0);
}

static void what_is_no_single_array_is_refused(void **state)
{
    (void)state;
    assert_false(check("", 0));
    REFUSED(0x01);
    REFUSED(0x80);
    REFUSED(0xc0);
    REFUSED(0xa1, 'x');
    REFUSED(0x90, 0x90);
    REFUSED(0x91, 0x01, 0x02);
    REFUSED(0x92, 0x01);
    REFUSED(0x91, 0x92, 0x01);
}

static void extensions_and_the_reserved_byte_are_refused(void **state)
{
    (void)state;
    REFUSED(0x91, 0xc1);
    REFUSED(0x91, 0xc7, 0, 1);
    REFUSED(0x91, 0xc8, 0, 0, 1);
    REFUSED(0x91, 0xc9, 0, 0, 0, 0, 1);
    REFUSED(0x91, 0xd4, 1, 1);
    REFUSED(0x91, 0xd5, 1, 1, 1);
    REFUSED(0x91, 0xd6, 1, 1, 1, 1, 1);
    REFUSED(0x91, 0xd7, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    REFUSED(0x91, 0xd8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
}

static void declared_lengths_must_be_there(void **state)
{
    (void)state;
    REFUSED(0xdd, 0xff, 0xff, 0xff, 0xff);
    REFUSED(0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0, 0xc0, 0xc0);
    REFUSED(0xdc, 0xff, 0xff, 0xc0);
    REFUSED(0x91, 0xdf, 0xff, 0xff, 0xff, 0xff);
    REFUSED(0x91, 0xdf, 0x80, 0x00, 0x00, 0x00, 0xc0);
    REFUSED(0x91, 0xde, 0xff, 0xff, 0xc0);
    REFUSED(0x91, 0xc6, 0xff, 0xff, 0xff, 0xff, 'x');
    REFUSED(0x91, 0xdb, 0xff, 0xff, 0xff, 0xff, 'x');
    REFUSED(0x91, 0xc4, 2, 'x');
    REFUSED(0x91, 0xa2, 'x');
    REFUSED(0x91, 0xcd, 1);
    REFUSED(0x91, 0xcf, 1, 2, 3, 4, 5, 6, 7);
    REFUSED(0x91, 0xc5, 0);
    REFUSED(0xdc, 0);
    REFUSED(0xdc);
}

static bool nested(size_t depth, uint8_t opener)
{
    uint8_t bytes[1000];
    size_t len = 0;

    assert_true(2 * depth < sizeof(bytes));
    for (size_t i = 0; i < depth; i++) {
        bytes[len++] = i == 0 ? 0x91 : opener;
        if (i > 0 && opener == 0x81) {
            bytes[len++] = 0xc0; /* the key */
        }
    }
    bytes[len++] = 0x01;
    return check(bytes, len);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_true(nested(MST_FRAME_DEPTH_MAX, 0x91));
    assert_false(nested(MST_FRAME_DEPTH_MAX + 1, 0x91));
    assert_false(nested(400, 0x91));
    assert_true(nested(MST_FRAME_DEPTH_MAX, 0x81));
    assert_false(nested(MST_FRAME_DEPTH_MAX + 1, 0x81));
    assert_false(nested(400, 0x81));
}

/* An array of so many nils in all, the array itself counted. */
static bool elements(uint32_t count)
{
    size_t len = 5 + (size_t)count - 1;
    uint8_t *bytes = malloc(len);

    assert_non_null(bytes);
    memset(bytes, 0xc0, len);
    bytes[0] = 0xdd;
    for (int i = 0; i < 4; i++) {
        bytes[1 + i] = (uint8_t)((count - 1) >> (24 - 8 * i));
    }
    bool ok = check(bytes, len);
    free(bytes);
    return ok;
}

static void the_number_of_values_is_bounded(void **state)
{
    (void)state;
    assert_true(elements(MST_FRAME_ELEMENTS_MAX));
    assert_false(elements(MST_FRAME_ELEMENTS_MAX + 1));
}

static bool msgpack_accepts(const uint8_t *bytes, size_t len)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t used = 0;

    assert_true(msgpack_zone_init(&zone, 4096));
    msgpack_unpack_return verdict = msgpack_unpack((const char *)bytes, len, &used, &zone, &object);
    msgpack_zone_destroy(&zone);
    return verdict == MSGPACK_UNPACK_SUCCESS && used == len;
}

static uint64_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* Bytes that are likely to be types, so that many random payloads are right for a while. */
static uint8_t likely_byte(uint64_t *random)
{
    static const uint8_t types[] = {0x90, 0x91, 0x92, 0x93, 0x81, 0x82, 0xa1, 0xa3, 0xc0,
                                    0xc1, 0xc2, 0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb, 0xcc,
                                    0xcd, 0xce, 0xcf, 0xd0, 0xd4, 0xd9, 0xda, 0xdb, 0xdc,
                                    0xdd, 0xde, 0xdf, 0x00, 0x01, 0xff};
    uint64_t chance = next(random);

    return chance % 8 == 0 ? (uint8_t)(chance >> 8) : types[(chance >> 8) % sizeof(types)];
}

static void whatever_is_accepted_msgpack_accepts(void **state)
{
    uint64_t random = 6878;
    size_t accepted = 0;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint8_t bytes[24];
        size_t len = 1 + next(&random) % sizeof(bytes);
        bytes[0] = (uint8_t)(0x90 + next(&random) % 6);
        for (size_t b = 1; b < len; b++) {
            bytes[b] = likely_byte(&random);
        }
        if (check(bytes, len)) {
            accepted++;
            assert_true(msgpack_accepts(bytes, len));
        }
    }
    assert_true(accepted > 1000); /* else the test tests little */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_every_value_are_accepted),
        cmocka_unit_test(what_is_no_single_array_is_refused),
        cmocka_unit_test(extensions_and_the_reserved_byte_are_refused),
        cmocka_unit_test(declared_lengths_must_be_there),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(whatever_is_accepted_msgpack_accepts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
