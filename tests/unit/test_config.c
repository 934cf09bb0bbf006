/* test_config.c - musterd's command line and file: every kind of value, every kind of mistake, what
 * HUP may change, and that the defaults are those of the headers. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "broker/config.h"
#include "broker/session/connection.h"
#include "client-lib/include/muster.h"

#define WORDS_MAX 24

static struct config_errors errors;
static const char *file_text; /* NULL: no file */

static bool read_argv(struct config *config, int argc, char *const argv[])
{
    struct config_sources sources = {.argc = argc,
                                     .argv = argv,
                                     .file = file_text == NULL ? NULL : "a.conf",
                                     .text = mst_span_text(file_text)};

    return config_read(config, &sources, &errors);
}

static bool read_words(struct config *config, const char *words)
{
    static char copy[512];
    char *argv[WORDS_MAX] = {copy};
    int argc = 1;

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return read_argv(config, argc, argv);
}

static struct config must_read(const char *words)
{
    struct config config;

    if (!read_words(&config, words)) {
        fail_msg("'%s': %s", words, errors.lines[0]);
    }
    return config;
}

static void must_refuse(const char *words, const char *why)
{
    struct config config;

    if (read_words(&config, words)) {
        fail_msg("'%s' was accepted", words);
    }
    if (errors.count != 1 || strstr(errors.lines[0], why) == NULL ||
        strchr(errors.lines[0], '\n') != NULL) {
        fail_msg("'%s': \"%s\" does not say \"%s\" in one line", words, errors.lines[0], why);
    }
}

static void assert_listen(const struct config *config, size_t i, const char *host, unsigned port)
{
    assert_true(i < config->listens.count);
    assert_null(config->listens.items[i].path);
    assert_string_equal(config->listens.items[i].host, host);
    assert_int_equal(config->listens.items[i].port, port);
}

static void defaults_are_those_of_the_headers(void **state)
{
    struct config config = must_read("");
    struct engine_config engine;

    (void)state;
    memset(&engine, 0, sizeof(engine)); /* what lies between its members, too */
    engine_config_init(&engine);
    engine.version = config.engine.version;
    assert_memory_equal(&engine, &config.engine, sizeof(engine));
    assert_int_equal(config.engine.silence_ns, MST_SILENCE_DEFAULT_NS);
    assert_int_equal(config.engine.frame_bytes_max, MST_FRAME_BYTES_MAX);
    assert_int_equal(config.engine.put_credit, MST_PUT_CREDIT);
    assert_int_equal(config.engine.put_credit_bytes, MST_PUT_CREDIT_BYTES);
    assert_int_equal(config.engine.output_bytes_max, SESSION_OUTPUT_BYTES_MAX);
    assert_string_equal(config.engine.version, MUSTER_VERSION);
    assert_int_equal(config.log_level, ENGINE_INFO);
    assert_int_equal(config.ready_fd, -1);
    assert_int_equal(config.listens.count, 1);
    assert_listen(&config, 0, "127.0.0.1", MST_DEFAULT_PORT);
}

static void values_are_read(void **state)
{
    struct config config = must_read("--silence 250ms --max-ttl=1h --max-memory 3G --max-output "
                                     "65536 --max-frame=2M --strict --max-connections=7 "
                                     "--log-level debug --ready-fd 5 --insecure-listen");

    (void)state;
    assert_int_equal(config.engine.silence_ns, 250000000);
    assert_int_equal(config.engine.ttl_max_ns, 3600000000000);
    assert_int_equal(config.engine.memory_max, 3ull << 30);
    assert_int_equal(config.engine.output_bytes_max, 65536);
    assert_int_equal(config.engine.frame_bytes_max, 2 << 20);
    assert_int_equal(config.engine.connections_max, 7);
    assert_true(config.engine.strict);
    assert_true(config.insecure_listen);
    assert_int_equal(config.log_level, ENGINE_DEBUG);
    assert_int_equal(config.ready_fd, 5);
    assert_int_equal(must_read("--silence 2.5s").engine.silence_ns, 2500000000);
    assert_int_equal(must_read("--silence 0.1").engine.silence_ns, 100000000);
    assert_int_equal(must_read("--silence 1.000000001").engine.silence_ns, 1000000001);
    assert_int_equal(must_read("--max-ttl 1.5h").engine.ttl_max_ns, 5400000000000);
    assert_int_equal(must_read("--max-ttl 10s").engine.ttl_max_ns, MST_TTL_DEFAULT_NS);
    assert_int_equal(must_read("").busy_poll_ns, 0);
    assert_int_equal(must_read("--busy-poll 50us").busy_poll_ns, 50000);
    assert_int_equal(must_read("--busy-poll 2.5us").busy_poll_ns, 2500);
    assert_int_equal(must_read("--max-memory 1.5K").engine.memory_max, 1536);
}

static void addresses_are_read(void **state)
{
    struct config config = must_read("--listen localhost:0 --listen=[::1]:99 --unix /run/m.sock "
                                     "--listen [::1] --listen muster://10.0.0.1:5 "
                                     "--listen muster+unix:///tmp/x --listen broker");

    (void)state;
    assert_int_equal(config.listens.count, 7);
    assert_listen(&config, 0, "localhost", 0);
    assert_listen(&config, 1, "::1", 99);
    assert_string_equal(config.listens.items[2].path, "/run/m.sock");
    assert_listen(&config, 3, "::1", MST_DEFAULT_PORT);
    assert_listen(&config, 4, "10.0.0.1", 5);
    assert_string_equal(config.listens.items[5].path, "/tmp/x");
    assert_listen(&config, 6, "broker", MST_DEFAULT_PORT);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    must_refuse("--nonsense", "unknown option '--nonsense'");
    must_refuse("--silenc 1s", "unknown option '--silenc'; is --silence meant?");
    must_refuse("-x", "unknown option '-x'");
    must_refuse("--", "unknown option '--'");
    must_refuse("serve", "unexpected argument 'serve'");
    must_refuse("--silence", "--silence wants a value");
    must_refuse("--strict=maybe", "yes or no");
    must_refuse("--silence soon", "2.5s");
    must_refuse("--silence 1.s", "2.5s");
    must_refuse("--silence .5s", "2.5s");
    must_refuse("--silence -1s", "2.5s");
    must_refuse("--silence 1ms", "it is too small; at least 100ms");
    must_refuse("--silence 99999999999h", "a time is wanted");
    must_refuse("--max-memory 1T", "64M");
    must_refuse("--max-connections 1.5", "a whole number");
    must_refuse("--max-connections 0", "too small");
    must_refuse("--max-connections 99999999999999999999", "a whole number");
    must_refuse("--max-frame 17M", "it is too large; at most 16M");
    must_refuse("--max-ttl 9s", "at least 10s"); /* it would keep out whoever asks for nothing */
    must_refuse("--log-level loud", "error|warning|info|debug is wanted");
    must_refuse("--listen :1", "HOST:PORT");
    must_refuse("--listen ::1", "[ADDRESS]:PORT");
    must_refuse("--listen [::1", "[ADDRESS]:PORT");
    must_refuse("--listen [::1]x", "[ADDRESS]:PORT");
    must_refuse("--listen a:65536", "0 to 65535");
    must_refuse("--listen a:", "0 to 65535");
    must_refuse("--unix=", "a path is wanted");
    must_refuse("--ready-fd x", "descriptor");
}

static void addresses_have_a_limit(void **state)
{
    struct config config;
    char *argv[2 + CONFIG_LISTENS_MAX];
    char program[] = "musterd";
    char word[] = "--unix=/x";

    (void)state;
    argv[0] = program;
    for (int i = 1; i < 2 + CONFIG_LISTENS_MAX; i++) {
        argv[i] = word;
    }
    assert_true(read_argv(&config, 1 + CONFIG_LISTENS_MAX, argv));
    assert_false(read_argv(&config, 2 + CONFIG_LISTENS_MAX, argv));
}

/* ---- the file ---- */

static struct config must_read_file(const char *text, const char *words)
{
    struct config config;

    file_text = text;
    config = must_read(words);
    file_text = NULL;
    return config;
}

/* The file has as many mistakes as lines are given, in this order. */
static void must_refuse_file(const char *text, const char *const *lines)
{
    struct config config;
    size_t count = 0;

    file_text = text;
    assert_false(read_words(&config, ""));
    file_text = NULL;
    for (; lines[count] != NULL; count++) {
        assert_true(count < errors.count);
        if (strstr(errors.lines[count], lines[count]) != errors.lines[count]) {
            fail_msg("\"%s\" does not begin with \"%s\"", errors.lines[count], lines[count]);
        }
    }
    assert_int_equal(errors.count, count);
}

static void a_file_is_read(void **state)
{
    struct config config = must_read_file("# limits\n"
                                          "\n"
                                          "max-memory = 3G\n"
                                          "  silence=2.5s   # not long\r\n"
                                          "\tstrict\n"
                                          "insecure-listen = yes\n"
                                          "allow-anonymous = no\n"
                                          "keys-dir = /etc/a#b c\n"
                                          "log-level = debug",
                                          "");

    (void)state;
    assert_int_equal(config.engine.memory_max, 3ull << 30);
    assert_int_equal(config.engine.silence_ns, 2500000000);
    assert_true(config.engine.strict);
    assert_true(config.insecure_listen);
    assert_false(config.allow_anonymous);
    assert_string_equal(config.keys_dir, "/etc/a#b c");
    assert_int_equal(config.log_level, ENGINE_DEBUG);
    config_clear(&config);
    config = must_read_file("", "");
    assert_listen(&config, 0, "127.0.0.1", MST_DEFAULT_PORT);
    config_clear(&config);
}

static void the_command_line_wins(void **state)
{
    const char *text = "max-memory = 3G\nstrict\nlisten = 10.0.0.1:1\nlisten = 10.0.0.1:2\n";
    struct config config = must_read_file(text, "--max-memory 1M --strict=no --unix /run/m");

    (void)state;
    assert_int_equal(config.engine.memory_max, 1 << 20);
    assert_false(config.engine.strict);
    assert_int_equal(config.listens.count, 1);
    assert_string_equal(config.listens.items[0].path, "/run/m");
    config_clear(&config);
    config = must_read_file(text, "");
    assert_int_equal(config.listens.count, 2);
    assert_listen(&config, 1, "10.0.0.1", 2);
    config_clear(&config);
}

static void mistakes_of_a_file_are_told_with_their_lines(void **state)
{
    static const char nul[] = "strict\0";
    const char *const found[] = {
        "a.conf:2: unknown option 'max-memroy'; is max-memory meant?",
        "a.conf:3: ready-fd belongs on the command line",
        "a.conf:4: max-memory 'lots' cannot be used: a size is wanted",
        "a.conf:5: NAME = VALUE is wanted, such as max-memory = 1G, but it says 'strict yes'",
        "a.conf:6: silence wants a value: silence = TIME",
        "a.conf:7: max-memory was given in line 4 already",
        "a.conf:8: unknown option '--strict'; is strict meant?",
        "a.conf:9: unknown option 'put_credit'; is put-credit meant?",
        "a.conf:10: strict 'maybe' cannot be used: it is yes or no",
        NULL};
    struct config_sources sources = {.argc = 1, .file = "a.conf"};
    struct config config;

    (void)state;
    must_refuse_file("# all wrong\nmax-memroy = 1G\nready-fd = 3\nmax-memory = lots\nstrict yes\n"
                     "silence\nmax-memory = 1G\n--strict\nput_credit = 1\nstrict = maybe\n",
                     found);
    sources.text = mst_span_of(nul, sizeof(nul) - 1);
    assert_false(config_read(&config, &sources, &errors));
    assert_string_equal(errors.lines[0], "a.conf:1: there is a NUL byte; a file of text is wanted");
}

static void many_mistakes_are_counted(void **state)
{
    char text[1024] = "";
    struct config config;

    (void)state;
    for (int i = 0; i < 3 * CONFIG_ERRORS_MAX; i++) {
        strcat(text, "nonsense\n");
    }
    file_text = text;
    assert_false(read_words(&config, ""));
    file_text = NULL;
    assert_int_equal(errors.count, 3 * CONFIG_ERRORS_MAX);
}

/* Whatever stands in a file: it is read or refused, and a refusal has words. */
static void any_bytes_are_read_or_refused(void **state)
{
    static const char letters[] = "strict=max-memory 1Gyesno#\t\r\n\0\n=[:]/\xff\x1b";
    struct config_sources sources = {.argc = 1, .file = "a.conf"};
    uint32_t chance = 1;
    struct config config;
    char text[120];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)i % sizeof(text);

        for (size_t j = 0; j < len; j++) {
            chance = chance * 1664525 + 1013904223;
            text[j] = letters[(chance >> 16) % (sizeof(letters) - 1)];
        }
        sources.text = mst_span_of(text, len);
        if (config_read(&config, &sources, &errors)) {
            config_clear(&config);
        } else {
            assert_true(errors.lines[0][0] != '\0');
        }
    }
}

/* ---- read anew ---- */

static const struct config_change *find_change(const struct config_changes *changes,
                                               const char *name)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (strcmp(changes->items[i].name, name) == 0) {
            return &changes->items[i];
        }
    }
    fail_msg("%s did not change", name);
    return NULL;
}

static void assert_change(const struct config_changes *changes, const char *name, bool restart,
                          const char *before, const char *after)
{
    const struct config_change *change = find_change(changes, name);

    assert_int_equal(change->restart, restart);
    assert_string_equal(change->before, before);
    assert_string_equal(change->after, after);
}

static void what_needs_a_restart_stays(void **state)
{
    struct config running = must_read_file("listen = 10.0.0.1:1\nsilence = 1.5s\nkeys-dir = /k\n"
                                           "max-memory = 1536\nmax-ttl = 90s\n",
                                           "");
    struct config next = must_read_file("unix = /run/m\nlisten = [::1]:2\nlog-level = error\n"
                                        "max-memory = 2M\nmax-ttl = 36h\nstrict\ntokens = /t\n",
                                        "");
    struct config_changes changes;

    (void)state;
    assert_true(config_reload(&next, &running, &changes));
    assert_change(&changes, "listen", true, "10.0.0.1:1", "[::1]:2");
    assert_change(&changes, "unix", true, "", "/run/m");
    assert_change(&changes, "silence", true, "1500ms", "10s");
    assert_change(&changes, "keys-dir", true, "/k", "");
    assert_change(&changes, "max-memory", false, "1536", "2M");
    assert_change(&changes, "max-ttl", false, "90s", "36h");
    assert_change(&changes, "strict", false, "no", "yes");
    assert_change(&changes, "tokens", false, "", "/t");
    assert_change(&changes, "log-level", false, "info", "error");
    assert_int_equal(changes.count, 9);
    config_clear(&running);
    assert_listen(&next, 0, "10.0.0.1", 1);
    assert_int_equal(next.listens.count, 1);
    assert_string_equal(next.keys_dir, "/k");
    assert_string_equal(next.tokens, "/t");
    assert_int_equal(next.engine.silence_ns, 1500000000);
    assert_int_equal(next.engine.memory_max, 2 << 20);
    assert_true(next.engine.strict);
    config_clear(&next);
}

static void the_same_again_changes_nothing(void **state)
{
    const char *text = "listen = 10.0.0.1:1\nunix = /run/m\nkeys-dir = /k\nsilence = 0.1s\n";
    struct config running = must_read_file(text, "--strict");
    struct config next = must_read_file(text, "--strict");
    struct config_changes changes;

    (void)state;
    assert_true(config_reload(&next, &running, &changes));
    assert_int_equal(changes.count, 0);
    config_clear(&running);
    config_clear(&next);
}

static void help_names_every_option(void **state)
{
    char help[8192];

    (void)state;
    assert_true(config_help(help, sizeof(help)));
#define OPTION(member, name, type, when, value, initial, least, most, text)                        \
    assert_non_null(strstr(help, "  --" name));
#include "broker/options.def"
#undef OPTION
    for (const char *line = strtok(help, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 80);
    }
    assert_false(config_help(help, 100));
    assert_true(must_read("--help").help);
    assert_true(must_read("-h").help);
    assert_true(must_read("--version").show_version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_headers),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(addresses_have_a_limit),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(mistakes_of_a_file_are_told_with_their_lines),
        cmocka_unit_test(many_mistakes_are_counted),
        cmocka_unit_test(any_bytes_are_read_or_refused),
        cmocka_unit_test(what_needs_a_restart_stays),
        cmocka_unit_test(the_same_again_changes_nothing),
        cmocka_unit_test(help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
