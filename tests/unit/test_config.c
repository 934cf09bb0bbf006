/* test_config.c - musterd's command line: every kind of value, every kind of mistake, and that the
 * defaults are those of the headers. */
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
    assert_int_equal(must_read("--max-ttl 0").engine.ttl_max_ns, 0);
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
    must_refuse("--silence 1ms", "too small");
    must_refuse("--silence 99999999999h", "a time is wanted");
    must_refuse("--max-memory 1T", "64M");
    must_refuse("--max-connections 1.5", "a whole number");
    must_refuse("--max-connections 0", "too small");
    must_refuse("--max-connections 99999999999999999999", "a whole number");
    must_refuse("--max-frame 17M", "too large");
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
        cmocka_unit_test(help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
