/* test_keys.c - keys and tokens as text: nothing that is wrong with a copy goes unnoticed. */
#include "tests/unit/cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "protocol/keys.h"

static void fill(uint8_t key[MST_NOISE_KEY], unsigned seed)
{
    for (unsigned i = 0; i < MST_NOISE_KEY; i++) {
        key[i] = (uint8_t)(i * 37 + seed * 101 + (i * seed >> 3));
    }
}

static void every_kind_comes_back(void **state)
{
    static const char *const prefixes[] = {"mpk1", "msk1", "mtk1"};

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        enum mst_key_kind kind = (enum mst_key_kind)(i % 3);
        char text[MST_KEY_TEXT + 1];
        uint8_t key[MST_NOISE_KEY];
        uint8_t back[MST_NOISE_KEY];

        fill(key, i);
        mst_key_write(text, kind, key);
        assert_int_equal(strlen(text), MST_KEY_TEXT);
        assert_memory_equal(text, prefixes[kind], 4);
        assert_int_equal(strspn(text + 4, "abcdefghijklmnopqrstuvwxyz234567"), MST_KEY_TEXT - 4);
        assert_null(mst_key_read(mst_span_text(text), kind, back));
        assert_memory_equal(back, key, MST_NOISE_KEY);
    }
}

/* Computed with Python's hashlib and base64: the text is a promise to those who wrote it down. */
static void the_text_of_a_known_key_stays(void **state)
{
    static const char *const wanted[] = {
        "mpk1aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypz2obg",
        "msk1aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp4d2jb",
        "mtk1aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp54dsp",
    };
    uint8_t key[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];

    (void)state;
    for (unsigned i = 0; i < MST_NOISE_KEY; i++) {
        key[i] = (uint8_t)i;
    }
    for (int kind = 0; kind < 3; kind++) {
        mst_key_write(text, (enum mst_key_kind)kind, key);
        assert_string_equal(text, wanted[kind]);
    }
}

static void every_changed_or_missing_character_is_noticed(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567018-_ =\n";
    uint8_t key[MST_NOISE_KEY];
    uint8_t back[MST_NOISE_KEY];
    static const uint8_t zeros[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];

    (void)state;
    fill(key, 7);
    for (size_t at = 0; at < MST_KEY_TEXT; at++) {
        for (const char *letter = letters; *letter != '\0'; letter++) {
            mst_key_write(text, MST_KEY_SECRET, key);
            if (text[at] == *letter) {
                continue;
            }
            text[at] = *letter;
            assert_non_null(mst_key_read(mst_span_text(text), MST_KEY_SECRET, back));
            assert_memory_equal(back, zeros, MST_NOISE_KEY);
        }
        mst_key_write(text, MST_KEY_SECRET, key);
        assert_non_null(mst_key_read(mst_span_of(text, at), MST_KEY_SECRET, back));
        memmove(text + at, text + at + 1, MST_KEY_TEXT - at);
        assert_non_null(mst_key_read(mst_span_text(text), MST_KEY_SECRET, back));
    }
    for (size_t at = 0; at + 1 < MST_KEY_TEXT; at++) {
        mst_key_write(text, MST_KEY_SECRET, key);
        char first = text[at];

        if (first != text[at + 1]) {
            text[at] = text[at + 1];
            text[at + 1] = first;
            assert_non_null(mst_key_read(mst_span_text(text), MST_KEY_SECRET, back));
        }
    }
}

static void capitals_and_white_space_do_no_harm(void **state)
{
    uint8_t key[MST_NOISE_KEY];
    uint8_t back[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 8] = " \t";

    (void)state;
    fill(key, 3);
    mst_key_write(text + 2, MST_KEY_TOKEN, key);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    memcpy(text + 2 + MST_KEY_TEXT, "\r\n", 3);
    assert_null(mst_key_read(mst_span_text(text), MST_KEY_TOKEN, back));
    assert_memory_equal(back, key, MST_NOISE_KEY);
}

static void a_key_of_another_kind_is_named(void **state)
{
    uint8_t key[MST_NOISE_KEY];
    uint8_t back[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];

    (void)state;
    fill(key, 5);
    for (int is = 0; is < 3; is++) {
        for (int wanted = 0; wanted < 3; wanted++) {
            const char *why;

            mst_key_write(text, (enum mst_key_kind)is, key);
            why = mst_key_read(mst_span_text(text), (enum mst_key_kind)wanted, back);
            assert_true((why == NULL) == (is == wanted));
            assert_true(why == NULL || strstr(why, "wanted") != NULL);
            /* The same bytes under another prefix have another checksum. */
            text[1] = "pst"[wanted];
            why = mst_key_read(mst_span_text(text), (enum mst_key_kind)wanted, back);
            assert_true((why == NULL) == (is == wanted));
        }
    }
    assert_non_null(mst_key_read(mst_span_text(""), MST_KEY_PUBLIC, back));
    assert_non_null(mst_key_read(MST_SPAN_NONE, MST_KEY_PUBLIC, back));
    assert_non_null(mst_key_read(mst_span_text("mpk2"), MST_KEY_PUBLIC, back));
}

static void in_a_line_for_people_no_secret_is_shown(void **state)
{
    static const struct {
        const char *line;
        const char *shown;
    } lines[] = {
        {"nothing", "nothing"},
        {"a key begins with msk1, a token with mtk1...", NULL},
        {"mpk1abcdefghijklmnop", NULL},
        {"x 'msk1abcdefghijklmnop' y", "x 'msk1****************' y"},
        {"MTK1ABCDEFGH2345,mtk1abcdefgh", "MTK1************,mtk1********"},
        {"--key=msk1abcdefgh", "--key=msk1********"},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[100];

        snprintf(text, sizeof(text), "%s", lines[i].line);
        assert_true(mst_key_hide(text) ==
                    (lines[i].shown != NULL && strcmp(lines[i].line, lines[i].shown) != 0));
        assert_string_equal(text, lines[i].shown == NULL ? lines[i].line : lines[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(the_text_of_a_known_key_stays),
        cmocka_unit_test(every_changed_or_missing_character_is_noticed),
        cmocka_unit_test(capitals_and_white_space_do_no_harm),
        cmocka_unit_test(a_key_of_another_kind_is_named),
        cmocka_unit_test(in_a_line_for_people_no_secret_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
