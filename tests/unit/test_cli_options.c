/* test_cli_options.c - the command line's words: values, options in any place, wrong lines. */
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "cli/options.h"

enum { WORDS_MAX = 32 };

/* A parsed line. The strings of argv live in text. */
struct line {
    char text[1024];
    char *argv[WORDS_MAX];
    int argc;
    char *operands[WORDS_MAX];
    const struct command *command;
    const char *word;
    struct options options;
    char error[OPTIONS_ERROR_BYTES];
};

/* Words are divided by single spaces; an empty word stands between two. */
static bool parse(struct line *line, const char *text)
{
    memset(line, 0, sizeof(*line));
    assert_true(strlen(text) < sizeof(line->text));
    memcpy(line->text, text, strlen(text) + 1);
    for (char *at = line->text; at != NULL && line->argc < WORDS_MAX;) {
        line->argv[line->argc++] = at;
        at = strchr(at, ' ');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    line->command = options_find_command(line->argc, line->argv, &line->word);
    return line->command != NULL && options_parse(line->command, line->argc, line->argv,
                                                  line->operands, &line->options, line->error);
}

static void accepts(struct line *line, const char *text, const char *words)
{
    if (!parse(line, text)) {
        fail_msg("%s: %s", text, line->error);
    }
    assert_string_equal(line->command->words, words);
}

/* The error must name what is wrong. */
static void refuses(const char *text, const char *named)
{
    struct line line;
    if (parse(&line, text)) {
        fail_msg("%s: accepted", text);
    }
    if (strstr(line.error, named) == NULL || strchr(line.error, '\n') != NULL) {
        fail_msg("%s: %s: does not name %s on one line", text, line.error, named);
    }
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"1", 1000000000},
        {"2.5", 2500000000},
        {".5", 500000000},
        {"2.5s", 2500000000},
        {"250ms", 250000000},
        {"0.5ms", 500000},
        {"10m", INT64_C(600000000000)},
        {"1h", INT64_C(3600000000000)},
        {"1.5h", INT64_C(5400000000000)},
        {"0.000000001", 1},
        {"0.0000000001", 1}, /* not nothing, so not "do not wait" */
        {"9223372036", INT64_C(9223372036000000000)},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ns = -1;
        assert_true(cli_parse_time(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    static const char *const bad[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "s",
        ".",
        "ms",
        "1.2.3",
        "1e3",
        "0x10",
        "1d",
        "1S",
        "1 s",
        "nan",
        "inf",
        "9223372037",
        "2562048h",
        "123456789012345678901",
        "1,5",
        "1ss",
        "--",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 7;
        if (cli_parse_time(bad[i], &ns) || ns != 7) {
            fail_msg("\"%s\" is no time", bad[i]);
        }
    }
}

static void integers_are_read(void **state)
{
    (void)state;
    int64_t number = 0;
    assert_true(cli_parse_integer("-9223372036854775808", &number));
    assert_true(number == INT64_MIN);
    assert_true(cli_parse_integer("9223372036854775807", &number));
    assert_true(number == INT64_MAX);
    assert_true(cli_parse_integer("-0", &number));
    assert_int_equal(number, 0);
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        "1x",
        " 1",
        "1.0",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(cli_parse_integer(bad[i], &number));
    }
}

static void deliveries_are_read(void **state)
{
    (void)state;
    uint64_t id = 0;
    uint64_t number = 0;
    assert_true(cli_parse_delivery("12.3", &id, &number));
    assert_int_equal(id, 12);
    assert_int_equal(number, 3);
    assert_true(cli_parse_delivery("18446744073709551615.1", &id, &number));
    assert_true(id == UINT64_MAX);
    static const char *const bad[] = {
        "", "1", "1.", ".1", "1.2.3", "a.1", "-1.1", "1.-1", "18446744073709551616.1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(cli_parse_delivery(bad[i], &id, &number));
    }
}

static void values_stand_in_four_ways(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "muster get -n5 q",        "muster get -n 5 q",  "muster get --count=5 q",
        "muster get --count 5 q",  "muster get q -n5",   "muster -n 5 get q",
        "muster --count 5 get q",  "muster get -q0n5 q", "muster get -0qn 5 q",
        "muster -n5 get --json q",
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct line line;
        accepts(&line, ways[i], "get");
        assert_true(option_given(&line.options, OPTION_MESSAGES));
        assert_int_equal(line.options.number[OPTION_MESSAGES], 5);
        assert_int_equal(line.options.count, 1);
        assert_string_equal(line.options.operands[0], "q");
        assert_null(line.options.operands[1]);
    }
}

static void the_last_of_two_wins(void **state)
{
    (void)state;
    struct line line;
    accepts(&line, "muster get -n 1 q --count=2", "get");
    assert_int_equal(line.options.number[OPTION_MESSAGES], 2);
}

static void commands_of_two_words(void **state)
{
    (void)state;
    struct line line;
    accepts(&line, "muster event set name", "event set");
    assert_string_equal(line.options.operands[0], "name");
    accepts(&line, "muster --url x event --json is-set name", "event is-set");
    assert_string_equal(line.options.text[OPTION_URL], "x");
    accepts(&line, "muster sessions", "sessions");
    assert_int_equal(line.options.count, 0);
    accepts(&line, "muster sessions kill 5", "sessions kill");
    assert_string_equal(line.options.operands[0], "5");
    accepts(&line, "muster put set kill", "put");
    assert_int_equal(line.options.count, 2);
    assert_true(options_is_group("event"));
    assert_true(options_is_group("dead"));
    assert_false(options_is_group("put"));
    assert_false(options_is_group("eve"));
    assert_false(parse(&line, "muster event"));
    assert_null(line.command);
    assert_string_equal(line.word, "event");
    assert_false(parse(&line, "muster"));
    assert_null(line.word);
    assert_false(parse(&line, "muster pu q"));
    assert_null(line.command);
}

static void dashes_end_the_options(void **state)
{
    (void)state;
    struct line line;
    accepts(&line, "muster put q -- -n --help --", "put");
    assert_int_equal(line.options.before, 1);
    assert_int_equal(line.options.count, 4);
    assert_string_equal(line.options.operands[1], "-n");
    assert_string_equal(line.options.operands[3], "--");
    assert_false(option_given(&line.options, OPTION_HELP));
    accepts(&line, "muster run q -j 3 -- cmd -j 4 --drain", "run");
    assert_true(line.options.dashes);
    assert_int_equal(line.options.before, 1);
    assert_int_equal(line.options.number[OPTION_JOBS], 3);
    assert_false(option_given(&line.options, OPTION_DRAIN));
    accepts(&line, "muster put q -", "put");
    assert_string_equal(line.options.operands[1], "-");
    accepts(&line, "muster put q ", "put");
    assert_string_equal(line.options.operands[1], "");
}

static void values_have_types(void **state)
{
    (void)state;
    struct line line;
    accepts(&line, "muster put q -p -5 x", "put");
    assert_int_equal(line.options.number[OPTION_PRIORITY], -5);
    accepts(&line, "muster put q -p-5 --ttl 1.5 x", "put");
    assert_int_equal(line.options.number[OPTION_PRIORITY], -5);
    assert_int_equal(line.options.number[OPTION_TTL], 1500000000);
    accepts(&line, "muster declare q --kind priority --full=drop-oldest --timeout 2", "declare");
    assert_int_equal(line.options.number[OPTION_KIND], 2);
    assert_int_equal(line.options.number[OPTION_FULL], 2);
    assert_true(option_given(&line.options, OPTION_WAIT_TIMEOUT));
    assert_false(option_given(&line.options, OPTION_TIMEOUT));
    accepts(&line, "muster put q --dedup= x", "put");
    assert_string_equal(line.options.text[OPTION_DEDUP], "");
}

static void wrong_lines_name_what_is_wrong(void **state)
{
    (void)state;
    refuses("muster put q --bogus x", "--bogus");
    refuses("muster put q --bogus=5 x", "--bogus");
    refuses("muster put q -z x", "-z");
    refuses("muster get q -qz", "-z");
    refuses("muster put q -n 5", "-n");
    refuses("muster put q -5", "-5");
    refuses("muster get q --dra", "--dra");
    refuses("muster get q -n", "-n");
    refuses("muster get q --count", "--count");
    refuses("muster get q --count=", "--count");
    refuses("muster get q -n 0", "--count 0");
    refuses("muster get q -n -1", "--count -1");
    refuses("muster get q -n five", "five");
    refuses("muster get q --drain=yes", "--drain");
    refuses("muster get q --timeout -1", "--timeout -1");
    refuses("muster get q --timeout soon", "soon");
    refuses("muster get q --timeout 1 --no-wait", "--no-wait");
    refuses("muster get q -n 2 --follow", "--follow");
    refuses("muster get q --drain --until-closed", "--drain");
    refuses("muster get q -0 --raw", "--raw");
    refuses("muster get", "QUEUE");
    refuses("muster join a b", "b");
    refuses("muster extend q 1.1", "TIME");
    refuses("muster declare q --kind stack", "fifo|lifo|priority|event|barrier");
    refuses("muster put q --kind event", "event");
    refuses("muster declare q --full maybe", "block|reject|drop-oldest");
    refuses("muster declare q --maxsize -1", "--maxsize -1");
    refuses("muster declare q --durable --memory", "--memory");
    refuses("muster set q --kind fifo", "--kind");
    refuses("muster run q -j 0 -- cmd", "--jobs 0");
}

static void help_goes_before_checks(void **state)
{
    (void)state;
    struct line line;
    accepts(&line, "muster put --help", "put");
    assert_true(option_given(&line.options, OPTION_HELP));
    accepts(&line, "muster get --drain -h --follow", "get");
    assert_true(option_given(&line.options, OPTION_HELP));
}

static void tables_are_sound(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMMAND_COUNT; c++) {
        assert_true(commands[c].help[0] != '\0');
        assert_true(commands[c].least <= commands[c].most);
        assert_int_equal(commands[c].options & COMMON, COMMON);
    }
    for (size_t a = 0; a < OPTION_COUNT; a++) {
        bool flag = option_rows[a].type == OPTION_FLAG;
        assert_int_equal(flag, option_rows[a].value[0] == '\0');
        for (size_t b = 0; b < a; b++) {
            bool long_equal = strcmp(option_rows[a].text, option_rows[b].text) == 0;
            bool letter_equal =
                option_rows[a].letter != 0 && option_rows[a].letter == option_rows[b].letter;
            option_set both = (UINT64_C(1) << a) | (UINT64_C(1) << b);
            if (!long_equal && !letter_equal) {
                continue;
            }
            assert_int_equal(flag, option_rows[b].type == OPTION_FLAG);
            for (size_t c = 0; c < COMMAND_COUNT; c++) {
                assert_true((commands[c].options & both) != both);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(integers_are_read),
        cmocka_unit_test(deliveries_are_read),
        cmocka_unit_test(values_stand_in_four_ways),
        cmocka_unit_test(the_last_of_two_wins),
        cmocka_unit_test(commands_of_two_words),
        cmocka_unit_test(dashes_end_the_options),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(wrong_lines_name_what_is_wrong),
        cmocka_unit_test(help_goes_before_checks),
        cmocka_unit_test(tables_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
