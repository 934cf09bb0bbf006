/* test_name.c - which names and texts are allowed, and what patterns mean. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

#include "protocol/limits.h"
#include "protocol/name.h"
#include "protocol/utf8.h"

static struct mst_span bytes_of(char *out, char fill, size_t len)
{
    memset(out, fill, len);
    return mst_span_of(out, len);
}

static void valid_names(void **state)
{
    static const char *const names[] = {"a",          "jobs",      "a/b/c",
                                        "with space", "h\xc3\xa9", "\xe2\x82\xac",
                                        "jobs.dead",  "*",         "\xf0\x9f\x90\x98",
                                        "\xc2\xa0",   "/"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(mst_name_valid(mst_span_text(names[i])));
    }
}

static void invalid_names(void **state)
{
    static const char *const names[] = {
        "",     "a\nb",  "\x1f",     "a\x7f",        "\xc2\x80",     "x\xc2\x9fy",
        "\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xe0\x80\xaf", "\xf4\x90\x80\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(mst_name_valid(mst_span_text(names[i])));
    }
    assert_false(mst_name_valid(MST_SPAN_NONE));
    assert_false(mst_name_valid(mst_span_of("a\0b", 3)));
}

static void lengths_of_names(void **state)
{
    char bytes[300];

    (void)state;
    assert_true(mst_name_valid(bytes_of(bytes, 'x', MST_NAME_BYTES_MAX)));
    assert_false(mst_name_valid(bytes_of(bytes, 'x', MST_NAME_BYTES_MAX + 1)));
    assert_true(mst_queue_name_valid(bytes_of(bytes, 'x', MST_QUEUE_NAME_BYTES_MAX)));
    assert_false(mst_queue_name_valid(bytes_of(bytes, 'x', MST_QUEUE_NAME_BYTES_MAX + 1)));
}

static void the_suffix_of_dead_letters_is_reserved(void **state)
{
    (void)state;
    assert_false(mst_queue_name_valid(mst_span_text("jobs.dead")));
    assert_false(mst_queue_name_valid(mst_span_text(".dead")));
    assert_true(mst_queue_name_valid(mst_span_text("jobs.deader")));
    assert_true(mst_queue_name_valid(mst_span_text("dead")));
    assert_false(mst_queue_name_valid(mst_span_text("")));
}

static void patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool matches;
    } rows[] = {
        {"jobs", "jobs", true},
        {"jobs", "job", false},
        {"job", "jobs", false},
        {"*", "jobs", true},
        {"*", "a/b", false},
        {"**", "a/b", true},
        {"", "a", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/*", "a/", true},
        {"a/*", "a", false},
        {"a/**", "a/b/c", true},
        {"a/**", "ab", false},
        {"a/*/c", "a/b/c", true},
        {"a/*/c", "a/b/d/c", false},
        {"a/**/c", "a/b/d/c", true},
        {"*s", "jobs", true},
        {"*s", "jobs2", false},
        {"j*b*s", "jobs", true},
        {"j*b*s", "jxbxbys", true},
        {"j*b*s", "jobsx", false},
        {"**.dead", "a/b.dead", true},
        {"*.dead", "a/b.dead", false},
        {"***", "a/b", true},
        {"a**b", "a/x/b", true},
        {"a**b", "ab", true},
        {"a*/b", "aa/b", true},
        {"*/*", "a/b", true},
        {"*/*", "ab", false},
        {"a*b", "a*b", true},
        {"a*a*a*a*b", "aaaaaaaaaa", false},
        {"*a", "aaa", true},
        {"h\xc3\xa9*", "h\xc3\xa9llo", true},
        {"", "", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool matches =
            mst_name_matches(mst_span_text(rows[i].pattern), mst_span_text(rows[i].name));
        if (matches != rows[i].matches) {
            fail_msg("pattern \"%s\", name \"%s\": %d", rows[i].pattern, rows[i].name, matches);
        }
    }
}

/* The definition, as it would be told: exponential, so for short texts only. */
static bool means(const char *pattern, const char *name)
{
    if (*pattern == '\0') {
        return *name == '\0';
    }
    if (*pattern != '*') {
        return *pattern == *name && means(pattern + 1, name + 1);
    }
    bool any = pattern[1] == '*';
    const char *rest = pattern + (any ? 2 : 1);
    while (!means(rest, name)) {
        if (*name == '\0' || (!any && *name == '/')) {
            return false;
        }
        name++;
    }
    return true;
}

/* All words of up to `max` letters of an alphabet, one after the other. */
static void word_of(unsigned number, const char *alphabet, char *out)
{
    unsigned base = (unsigned)strlen(alphabet);
    size_t len = 0;

    while (number > 0) {
        number--;
        out[len++] = alphabet[number % base];
        number /= base;
    }
    out[len] = '\0';
}

static void all_short_patterns_mean_what_the_definition_says(void **state)
{
    char pattern[16];
    char name[16];

    (void)state;
    for (unsigned p = 0; p < 400; p++) {
        word_of(p, "*a/", pattern);
        for (unsigned n = 0; n < 130; n++) {
            word_of(n, "a/", name);
            bool matches = mst_name_matches(mst_span_text(pattern), mst_span_text(name));
            if (matches != means(pattern, name)) {
                fail_msg("pattern \"%s\", name \"%s\": %d", pattern, name, matches);
            }
        }
    }
}

static void hostile_patterns_end(void **state)
{
    char pattern[MST_NAME_BYTES_MAX];
    char name[MST_NAME_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    pattern[sizeof(pattern) - 1] = 'b';
    bytes_of(name, 'a', sizeof(name));
    for (int i = 0; i < 100; i++) {
        assert_false(mst_name_matches(mst_span_of(pattern, sizeof(pattern)),
                                      mst_span_of(name, sizeof(name))));
    }
    char longer[MST_NAME_BYTES_MAX + 1];
    assert_false(mst_name_matches(bytes_of(longer, '*', sizeof(longer)), mst_span_text("a")));
}

/* Every code point written as UTF-8 is valid, but the surrogates. */
static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110400; c++) {
        uint8_t out[4];
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = 0; i < len; i++) {
            uint32_t bits = c >> (6 * (len - 1 - i));
            out[i] = (uint8_t)(i > 0 ? 0x80 | (bits & 0x3f) : lead[len] | bits);
        }
        bool wanted = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
        assert_int_equal(mst_utf8_valid(mst_span_of(out, len)), wanted);
        if (len > 1) {
            assert_false(mst_utf8_valid(mst_span_of(out, len - 1)));
            assert_false(mst_utf8_valid(mst_span_of(out + 1, len - 1)));
        }
    }
}

static void overlong_forms_are_no_text(void **state)
{
    static const char *const texts[] = {
        "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfe"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(mst_utf8_valid(mst_span_text(texts[i])));
    }
}

static void a_cut_leaves_whole_characters(void **state)
{
    struct mst_span text = mst_span_text("a\xc3\xa9\xe2\x82\xac");
    static const size_t wanted[] = {0, 1, 1, 3, 3, 3, 6, 6};

    (void)state;
    for (size_t max = 0; max < 8; max++) {
        assert_int_equal(mst_utf8_cut(text, max).len, wanted[max]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_names),
        cmocka_unit_test(invalid_names),
        cmocka_unit_test(lengths_of_names),
        cmocka_unit_test(the_suffix_of_dead_letters_is_reserved),
        cmocka_unit_test(patterns),
        cmocka_unit_test(all_short_patterns_mean_what_the_definition_says),
        cmocka_unit_test(hostile_patterns_end),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(overlong_forms_are_no_text),
        cmocka_unit_test(a_cut_leaves_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
