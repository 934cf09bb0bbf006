/* test_value.c - values are read as msgpack-c reads them, and nothing behind the end is touched.
 *
 * Bytes are copied to memory of exactly their size, so that sanitizers see a read behind it. */
#include "tests/unit/cmocka_all.h"

#include <msgpack/unpack.h>
#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/value.h"

enum { ROUNDS = 200000, BYTES_MAX = 40 };

/* What the reader says of a value without children must be what msgpack-c's object says. */
static void assert_same(const struct mst_value *value, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL: assert_int_equal(value->type, MST_V_NIL); return;
    case MSGPACK_OBJECT_BOOLEAN:
        assert_int_equal(value->type, MST_V_BOOL);
        assert_int_equal(value->number, object->via.boolean);
        return;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        assert_int_equal(value->type, MST_V_UNSIGNED);
        assert_int_equal(value->number, object->via.u64);
        return;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        assert_int_equal(value->type, MST_V_NEGATIVE);
        assert_int_equal((int64_t)value->number, object->via.i64);
        return;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: assert_int_equal(value->type, MST_V_FLOAT); return;
    case MSGPACK_OBJECT_STR:
        assert_int_equal(value->type, MST_V_STR);
        assert_int_equal(value->number, object->via.str.size);
        assert_memory_equal(value->data, object->via.str.ptr, object->via.str.size);
        return;
    case MSGPACK_OBJECT_BIN:
        assert_int_equal(value->type, MST_V_BIN);
        assert_int_equal(value->number, object->via.bin.size);
        assert_memory_equal(value->data, object->via.bin.ptr, object->via.bin.size);
        return;
    default: fail_msg("no value of this type was expected");
    }
}

static void assert_reads_as(struct mst_span *rest, const msgpack_object *object)
{
    struct mst_value value;

    assert_true(rest->len > 0);
    mst_value_read(rest, &value);
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        assert_int_equal(value.type, MST_V_ARRAY);
        assert_int_equal(value.number, object->via.array.size);
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            assert_reads_as(rest, &object->via.array.ptr[i]);
        }
    } else if (object->type == MSGPACK_OBJECT_MAP) {
        assert_int_equal(value.type, MST_V_MAP);
        assert_int_equal(value.number, object->via.map.size);
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            assert_reads_as(rest, &object->via.map.ptr[i].key);
            assert_reads_as(rest, &object->via.map.ptr[i].val);
        }
    } else {
        assert_same(&value, object);
    }
}

/* Whatever the check accepts; true: it did. */
static bool compare(struct mst_span bytes)
{
    msgpack_zone zone;
    msgpack_object object;
    struct mst_span rest = bytes;
    struct mst_span skipped = bytes;
    const char *why = NULL;
    size_t used = 0;

    if (!mst_check(bytes, &why)) {
        return false;
    }
    assert_true(msgpack_zone_init(&zone, 4096));
    assert_int_equal(msgpack_unpack((const char *)bytes.data, bytes.len, &used, &zone, &object),
                     MSGPACK_UNPACK_SUCCESS);
    assert_reads_as(&rest, &object);
    assert_int_equal(rest.len, 0);
    assert_true(mst_values_skip(&skipped, 1));
    assert_int_equal(skipped.len, 0);
    msgpack_zone_destroy(&zone);
    return true;
}

/* Mostly first bytes of values, so that many texts are well-formed. */
static uint8_t some_byte(unsigned *seed)
{
    static const uint8_t wanted[] = {0x90, 0x91, 0x92, 0x93, 0x81, 0xa1, 0xc0, 0xc2, 0xc3,
                                     0xc4, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3,
                                     0xd9, 0xdc, 0xca, 0xcb, 0xff, 0xe0, 0x00, 0x7f, 0x01};
    unsigned chance = (unsigned)rand_r(seed);

    return chance % 4 == 0 ? (uint8_t)(chance >> 8)
                           : wanted[(chance >> 8) % (sizeof(wanted) / sizeof(wanted[0]))];
}

static void what_is_accepted_is_read_as_msgpack_reads_it(void **state)
{
    unsigned seed = 1;
    size_t compared = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 1 + (size_t)rand_r(&seed) % BYTES_MAX;
        uint8_t *bytes = malloc(len);

        assert_non_null(bytes);
        for (size_t j = 0; j < len; j++) {
            bytes[j] = some_byte(&seed);
        }
        bytes[0] = (uint8_t)(0x90 | (bytes[0] & 0x0f));
        compared += compare(mst_span_of(bytes, len));
        free(bytes);
    }
    assert_true(compared > ROUNDS / 1000);
}

/* Read value by value without a check before it: it ends, and never behind the end. */
static void whatever_is_read_ends_with_the_bytes(void **state)
{
    unsigned seed = 2;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 1 + (size_t)rand_r(&seed) % BYTES_MAX;
        uint8_t *bytes = malloc(len);
        struct mst_span rest = mst_span_of(bytes, len);
        struct mst_value value = {.type = MST_V_NIL};

        assert_non_null(bytes);
        for (size_t j = 0; j < len; j++) {
            bytes[j] = some_byte(&seed);
        }
        while (rest.len > 0 && value.type > MST_V_CUT) {
            size_t before = rest.len;

            mst_value_read(&rest, &value);
            assert_true(rest.len < before);
            if (value.type == MST_V_STR || value.type == MST_V_BIN) {
                assert_ptr_equal(value.data + value.number, rest.data);
            }
        }
        rest = mst_span_of(bytes, len);
        mst_values_skip(&rest, (uint64_t)rand_r(&seed));
        assert_true(rest.len <= len);
        free(bytes);
    }
}

static void more_values_than_bytes_cannot_be_skipped(void **state)
{
    static const uint8_t two[] = {0x01, 0x02};
    static const uint8_t declared[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 0x01};
    struct mst_span rest = mst_span_of(two, sizeof(two));

    (void)state;
    assert_false(mst_values_skip(&rest, UINT64_MAX));
    assert_true(mst_values_skip(&rest, 2));
    rest = mst_span_of(declared, sizeof(declared));
    assert_false(mst_values_skip(&rest, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted_is_read_as_msgpack_reads_it),
        cmocka_unit_test(whatever_is_read_ends_with_the_bytes),
        cmocka_unit_test(more_values_than_bytes_cannot_be_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
