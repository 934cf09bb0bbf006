/* test_log.c - lines of the log: whatever a text holds, a line is one line, and JSON is JSON. */
#include "tests/unit/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/io/log.h"

#define LINE_MAX_SEEN 16384

/* What log_note writes to stderr. */
static const char *written(const struct log *log, const struct engine_note *note)
{
    static char line[LINE_MAX_SEEN];
    int saved = dup(STDERR_FILENO);
    int ends[2];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_note(log, note);
    dup2(saved, STDERR_FILENO);
    close(saved);
    n = read(ends[0], line, sizeof(line) - 1);
    close(ends[0]);
    assert_true(n >= 0);
    line[n] = '\0';
    return line;
}

static void assert_ends(const char *line, const char *end)
{
    size_t len = strlen(end);

    if (strlen(line) < len || strcmp(line + strlen(line) - len, end) != 0) {
        fail_msg("\"%s\" does not end with \"%s\"", line, end);
    }
}

static const char hostile[] =
    "a\nb \"c\" \\ \x1b[31m \x7f \xc2\x9b \xe2\x80\xae \xff\xc3 \xe0\x80\x80"
    " \xed\xa0\x80 \xf5 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8d\x9e";

static void text_shows_what_cannot_be_printed_as_numbers(void **state)
{
    struct log log = {.level = ENGINE_INFO};
    struct engine_note note = {ENGINE_WARNING, hostile, "peer", "a b\n=c", 3};

    (void)state;
    assert_ends(written(&log, &note),
                "Z warning musterd: a\\x0ab \"c\" \\ \\x1b[31m \\x7f \\xc2\\x9b \\xe2\\x80\\xae "
                "\\xff\\xc3 \\xe0\\x80\\x80 \\xed\\xa0\\x80 \\xf5 \xc3\xa4 \xe2\x82\xac "
                "\xf0\x9f\x8d\x9e peer=peer client=a\\x20b\\x0a=c missed=3\n");
    log.for_journal = true;
    note = (struct engine_note){.level = ENGINE_ERROR, .text = "a\nb"};
    assert_string_equal(written(&log, &note), "<3>a\\x0ab\n");
    log.plain = true;
    assert_string_equal(written(&log, &note), "musterd: a\\x0ab\n");
}

static void json_is_one_object_in_one_line(void **state)
{
    struct log log = {.level = ENGINE_INFO, .format = CONFIG_LOG_JSON, .for_journal = true};
    struct engine_note note = {ENGINE_WARNING, hostile, "[::1]:5", hostile, 3};
    const char *line = written(&log, &note);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    (void)state;
    assert_non_null(object);
    assert_ptr_equal(strchr(line, '\n') + 1, line + strlen(line));
    assert_int_equal(json_object_size(object), 6);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "warning");
    assert_int_equal(strlen(json_string_value(json_object_get(object, "time"))),
                     strlen("2026-11-21T09:00:00.000Z"));
    assert_string_equal(json_string_value(json_object_get(object, "peer")), "[::1]:5");
    assert_int_equal(json_integer_value(json_object_get(object, "missed")), 3);
    assert_non_null(strstr(json_string_value(json_object_get(object, "message")), "a\nb \"c\" \\"));
    json_decref(object);
}

/* The longest line there can be is complete, and still one object. */
static void nothing_is_cut_within_an_object(void **state)
{
    struct log log = {.level = ENGINE_INFO, .format = CONFIG_LOG_JSON};
    char text[1000];
    char client[560];
    struct engine_note note = {ENGINE_INFO, text, "peer", client, INT64_MAX};
    json_t *object;

    (void)state;
    memset(text, 1, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memset(client, 2, sizeof(client) - 1);
    client[sizeof(client) - 1] = '\0';
    object = json_loads(written(&log, &note), 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_string_length(json_object_get(object, "message")), sizeof(text) - 1);
    assert_int_equal(json_string_length(json_object_get(object, "client")), sizeof(client) - 1);
    json_decref(object);
}

static void less_important_notes_are_left_out(void **state)
{
    struct log log = {.level = ENGINE_WARNING};
    struct engine_note note = {.level = ENGINE_INFO, .text = "x"};

    (void)state;
    assert_string_equal(written(&log, &note), "");
    note.level = ENGINE_WARNING;
    assert_ends(written(&log, &note), "Z warning musterd: x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_shows_what_cannot_be_printed_as_numbers),
        cmocka_unit_test(json_is_one_object_in_one_line),
        cmocka_unit_test(nothing_is_cut_within_an_object),
        cmocka_unit_test(less_important_notes_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
