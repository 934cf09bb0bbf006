/* test_cli_output.c - the shapes of the command line's output: JSON, escapes, times, tables. */
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "cli/output.h"

static void holds(struct out *out, const char *expected)
{
    out_bytes(out, "", 1);
    assert_string_equal(out->data, expected);
    out_clear(out);
}

static void json_has_commas_and_escapes(void **state)
{
    (void)state;
    struct out out = {NULL, 0, 0};
    json_open(&out);
    json_text(&out, "na\"me", "a\"b\\c\n\t\r\b\f\x01\x7f{");
    json_number(&out, "low", INT64_MIN);
    json_count(&out, "high", UINT64_MAX);
    json_bool(&out, "flag", false);
    json_text(&out, "none", NULL);
    json_key(&out, "list");
    out_text(&out, "[");
    json_open(&out);
    json_text(&out, "x", "{");
    json_close(&out);
    json_open(&out);
    json_seconds(&out, "t", 1500000000);
    json_close(&out);
    out_text(&out, "]");
    json_end(&out);
    json_open(&out);
    json_end(&out);
    holds(&out, "{\"na\\\"me\":\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\x7f{\","
                "\"low\":-9223372036854775808,\"high\":18446744073709551615,\"flag\":false,"
                "\"none\":null,\"list\":[{\"x\":\"{\"},{\"t\":1.5}]}\n{}\n");
}

static void body_is(const char *body, size_t size, const char *expected)
{
    struct out out = {NULL, 0, 0};
    json_open(&out);
    json_body(&out, body, size);
    json_end(&out);
    holds(&out, expected);
}

static void bodies_are_text_or_base64(void **state)
{
    (void)state;
    body_is("", 0, "{\"body\":\"\"}\n");
    body_is("a\0b", 3, "{\"body\":\"a\\u0000b\"}\n");
    body_is("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
            "{\"body\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}\n");
    body_is("\xff", 1, "{\"body_base64\":\"/w==\"}\n");
    body_is("\xff\xfe", 2, "{\"body_base64\":\"//4=\"}\n");
    body_is("\xff\xfe\xfd", 3, "{\"body_base64\":\"//79\"}\n");
    body_is("\xc0\x80", 2, "{\"body_base64\":\"wIA=\"}\n");             /* overlong */
    body_is("\xed\xa0\x80", 3, "{\"body_base64\":\"7aCA\"}\n");         /* half of a pair */
    body_is("\xf4\x90\x80\x80", 4, "{\"body_base64\":\"9JCAgA==\"}\n"); /* beyond the last */
    body_is("ab\xe2\x82", 4, "{\"body_base64\":\"YWLigg==\"}\n");       /* cut off */
    body_is("\x80", 1, "{\"body_base64\":\"gA==\"}\n");
}

static void bad_text_is_replaced(void **state)
{
    (void)state;
    struct out out = {NULL, 0, 0};
    json_open(&out);
    json_text(&out, "x", "a\xffz");
    json_end(&out);
    holds(&out, "{\"x\":\"a\xef\xbf\xbdz\"}\n");
}

static void escapes_keep_one_line(void **state)
{
    (void)state;
    struct out out = {NULL, 0, 0};
    out_escaped(&out, "a\nb\tc\\d\x1b\x7f", 9, 0);
    holds(&out, "a\\nb\\tc\\\\d\\x1b\\x7f");
    out_escaped(&out, "abcdef", 6, 3);
    holds(&out, "abc...");
    out_escaped(&out, "ab\xc3\xa4z", 5, 3); /* not within a character */
    holds(&out, "ab...");
    out_escaped(&out, "abc", 3, 3);
    holds(&out, "abc");
}

static void times_are_shown(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *seconds;
        const char *age;
    } rows[] = {
        {0, "0", "0ms"},
        {1, "0.000000001", "0ms"},
        {250000000, "0.25", "250ms"},
        {3000000000, "3", "3.0s"},
        {INT64_C(310000000000), "310", "5m10s"},
        {INT64_C(7380000000000), "7380", "2h3m"},
        {INT64_C(349200000000000), "349200", "4d1h"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct out out = {NULL, 0, 0};
        out_seconds(&out, rows[i].ns);
        holds(&out, rows[i].seconds);
        out_age(&out, rows[i].ns);
        holds(&out, rows[i].age);
    }
}

static void fill(struct table *table)
{
    table_cell(table, "one");
    table_cell(table, "1");
    table_cell(table, "\xc3\xa4");
    table_age(table, 1500000000);
    table_end(table);
}

static void tables_have_two_faces(void **state)
{
    (void)state;
    static const char *const titles[] = {"NAME", "N"};
    struct out out = {NULL, 0, 0};
    struct table table;
    table_begin(&table, &out, 2, titles);
    table.terminal = false;
    fill(&table);
    holds(&out, "one\t1\n\xc3\xa4\t1.5\n");
    table_begin(&table, &out, 2, NULL);
    table.terminal = true;
    fill(&table);
    holds(&out, "one  1\n\xc3\xa4    1.5s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_commas_and_escapes),
        cmocka_unit_test(bodies_are_text_or_base64),
        cmocka_unit_test(bad_text_is_replaced),
        cmocka_unit_test(escapes_keep_one_line),
        cmocka_unit_test(times_are_shown),
        cmocka_unit_test(tables_have_two_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
