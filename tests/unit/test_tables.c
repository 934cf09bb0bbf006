/* test_tables.c - the tables are complete, unique and agree with the public header. */
#include "tests/unit/cmocka_all.h"

#include <ctype.h>
#include <string.h>

#include "client-lib/include/muster.h"
#include "protocol/message.h"

static const int status_codes[] = {
#define STATUS(code, name, exit_code, text) code,
#include "protocol/status.def"
#undef STATUS
};

static const enum mst_op ops[] = {
#define OP(code, name, verb, flags, help) MST_OP_##name,
#include "protocol/ops.def"
#undef OP
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void statuses_are_numbered_without_gaps(void **state)
{
    (void)state;
    assert_int_equal(COUNT(status_codes), MST_STATUS_COUNT);
    for (size_t i = 0; i < COUNT(status_codes); i++) {
        assert_int_equal(status_codes[i], i);
    }
}

static void statuses_have_unique_names_and_texts(void **state)
{
    (void)state;
    for (int i = 0; i < MST_STATUS_COUNT; i++) {
        assert_true(strlen(mst_status_name(i)) >= 2);
        assert_true(strlen(mst_status_text(i)) >= 4);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(mst_status_name(i), mst_status_name(j));
            assert_string_not_equal(mst_status_text(i), mst_status_text(j));
        }
    }
}

static void exit_codes_are_0_for_ok_alone(void **state)
{
    (void)state;
    assert_int_equal(mst_status_exit_code(MST_OK), 0);
    for (int i = 1; i < MST_STATUS_COUNT; i++) {
        assert_in_range(mst_status_exit_code(i), 1, 77);
    }
    assert_int_equal(mst_status_exit_code(MST_STATUS_COUNT), 70);
    assert_int_equal(mst_status_exit_code(-1), 70);
    assert_string_equal(mst_status_name(MST_STATUS_COUNT), "?");
    assert_string_equal(mst_status_name(-1), "?");
}

static void the_public_header_has_the_same_statuses(void **state)
{
    (void)state;
#define STATUS(code, name, exit_code, text) assert_int_equal(MUSTER_##name, code);
#include "protocol/status.def"
#undef STATUS
}

static void the_public_header_has_the_same_numbers(void **state)
{
    (void)state;
    assert_int_equal(MUSTER_FIFO, MST_KIND_FIFO);
    assert_int_equal(MUSTER_LIFO, MST_KIND_LIFO);
    assert_int_equal(MUSTER_PRIORITY, MST_KIND_PRIORITY);
    assert_int_equal(MUSTER_EVENT, MST_KIND_EVENT);
    assert_int_equal(MUSTER_BARRIER, MST_KIND_BARRIER);
    assert_int_equal(MUSTER_SIDE_PUT, MST_SIDE_PUT);
    assert_int_equal(MUSTER_SIDE_GET, MST_SIDE_GET);
    assert_int_equal(MUSTER_SIDE_BOTH, MST_SIDE_BOTH);
    assert_true(MUSTER_FOREVER == MST_FOREVER);
    assert_true(MUSTER_DEFAULT == MST_DEFAULT_TIMEOUT);
    assert_int_equal(sizeof(muster_tallies), MST_TALLY_COUNT * sizeof(uint64_t));
}

static void operations_rise_and_have_names_and_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ops); i++) {
        assert_true(mst_op_known(ops[i]));
        assert_true(i == 0 || ops[i] > ops[i - 1]);
        assert_true(strlen(mst_op_name(ops[i])) >= 3);
        assert_true(strlen(mst_op_help(ops[i])) >= 10);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(mst_op_name(ops[i]), mst_op_name(ops[j]));
        }
    }
}

static void unknown_operations_are_unknown(void **state)
{
    size_t known = 0;

    (void)state;
    for (uint64_t code = 0; code < 70000; code++) {
        known += mst_op_known(code) ? 1 : 0;
    }
    assert_int_equal(known, COUNT(ops));
    assert_false(mst_op_known(0));
    assert_false(mst_op_known(UINT64_MAX));
    assert_false(mst_op_known((uint64_t)1 << 32 | MST_OP_PUT));
    assert_string_equal(mst_op_name((enum mst_op)0xffff), "?");
    assert_int_equal(mst_op_verb((enum mst_op)0), MST_VERB_NONE);
    assert_int_equal(mst_op_flags((enum mst_op)0), 0);
}

static void flags_do_not_contradict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ops); i++) {
        unsigned flags = mst_op_flags(ops[i]);
        bool connection = (flags & OPF_CONNECTION) != 0;
        assert_false(connection && flags != OPF_CONNECTION);
        assert_false(connection && mst_op_verb(ops[i]) != MST_VERB_NONE);
        assert_false((flags & OPF_WAITS) != 0 && (flags & OPF_READS) != 0);
    }
}

static void verbs_have_names_that_are_found(void **state)
{
    enum mst_verb found = MST_VERB_NONE;

    (void)state;
    for (int verb = MST_VERB_NONE; verb <= MST_VERB_STAT; verb++) {
        assert_true(mst_verb_find(mst_verb_name((enum mst_verb)verb), &found));
        assert_int_equal(found, verb);
    }
    assert_false(mst_verb_find("PUT", &found));
    assert_false(mst_verb_find("", &found));
}

/* ---- layouts ---- */

static void layout_is_sound(struct mst_layout layout, size_t owner_size)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        assert_true(field->offset < owner_size);
        assert_non_null(strstr(field->why, field->name));
        size_t row_size = 0;
        bool is_bounded =
            field->type == MST_F_STR || field->type == MST_F_BIN || field->type == MST_F_SPANS ||
            field->type == MST_F_I64S || field->type == MST_F_U64S || field->type == MST_F_FACTS ||
            (field->type != MST_F_HISTORY && mst_row_layout(field->type, &row_size).count > 0);
        assert_true(is_bounded == (field->max > 0));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(field->name, layout.fields[j].name);
            assert_true(field->offset != layout.fields[j].offset);
        }
    }
}

static void layouts_name_each_member_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ops); i++) {
        layout_is_sound(mst_request_layout(ops[i]), sizeof(struct mst_request));
        layout_is_sound(mst_reply_layout(ops[i]), sizeof(struct mst_reply));
    }
    for (int type = MST_F_U64; type <= MST_F_HISTORY; type++) {
        size_t size = 0;
        struct mst_layout layout = mst_row_layout((enum mst_field_type)type, &size);
        assert_true((layout.count > 0) == (size > 0));
        layout_is_sound(layout, size);
    }
}

/* ---- settings ---- */

struct setting {
    const char *name;
    int64_t absent;
    const char *help;
};

static const struct setting settings[] = {
#define SETTING(id, name, type, kinds, absent, updatable, help) {name, absent, help},
#include "protocol/settings.def"
#undef SETTING
};

static void settings_fit_the_wire(void **state)
{
    (void)state;
    assert_true(COUNT(settings) <= MST_SETTINGS_MAX);
    for (size_t i = 0; i < COUNT(settings); i++) {
        assert_true(strlen(settings[i].name) <= MST_FACT_NAME_MAX);
        assert_true(strlen(settings[i].help) >= 10);
        for (const char *c = settings[i].name; *c != '\0'; c++) {
            assert_true(islower((unsigned char)*c) || *c == '-');
        }
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(settings[i].name, settings[j].name);
        }
    }
}

static void kinds_and_tallies_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < MST_TALLY_COUNT; i++) {
        assert_true(strlen(mst_tally_names[i]) >= 3);
    }
    for (int i = 0; i <= MST_KIND_BARRIER; i++) {
        assert_true(strlen(mst_kind_names[i]) >= 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_numbered_without_gaps),
        cmocka_unit_test(statuses_have_unique_names_and_texts),
        cmocka_unit_test(exit_codes_are_0_for_ok_alone),
        cmocka_unit_test(the_public_header_has_the_same_statuses),
        cmocka_unit_test(the_public_header_has_the_same_numbers),
        cmocka_unit_test(operations_rise_and_have_names_and_help),
        cmocka_unit_test(unknown_operations_are_unknown),
        cmocka_unit_test(flags_do_not_contradict),
        cmocka_unit_test(verbs_have_names_that_are_found),
        cmocka_unit_test(layouts_name_each_member_once),
        cmocka_unit_test(settings_fit_the_wire),
        cmocka_unit_test(kinds_and_tallies_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
