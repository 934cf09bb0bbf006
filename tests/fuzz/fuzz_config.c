/* fuzz_config.c - the configuration file and the command line of musterd: mistakes are told in one
 * line each; what was read can be written, read again, and reloaded without a change. */
#include <stdlib.h>

#include "broker/options.h"
#include "tests/fuzz/input.h"

#define WORDS_MAX 16

/* The log escapes what is no text, line ends too. */
static void one_line(const char *text)
{
    require(text[0] != '\0' && strlen(text) < CONFIG_ERROR_MAX);
}

static void told(const struct config_errors *errors)
{
    require(errors->count > 0);
    for (size_t i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
        one_line(errors->lines[i]);
    }
}

/* Its value as text, read into an empty configuration, gives the same text. */
static void written_and_read(const struct option *option, const struct config *config,
                             struct mst_arena *arena)
{
    struct config other = {0};
    const char *text = option_text(option, config, arena);
    const char *again;

    require(text != NULL);
    again = option_text(option, &other, arena); /* of one that was never given */
    if (strcmp(text, again) != 0 && !option_is_list(option) && option->type != OPTION_FD) {
        require(option_read(option, text, &other) == NULL);
        again = option_text(option, &other, arena);
        require(again != NULL && strcmp(text, again) == 0);
    }
}

static void reload(const struct config_sources *sources, const struct config *running)
{
    struct config next;
    struct config_errors errors = {0};
    struct config_changes changes;

    require(config_read(&next, sources, &errors));
    require(config_reload(&next, running, &changes));
    require(changes.count == 0);
    config_clear(&next);
}

/* The file's text, a zero, then the words of the command line, a zero behind each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    struct config_sources sources = {
        .argc = 1, .file = "musterd.conf", .text = input_until(&in, 0)};
    char *words[WORDS_MAX + 1] = {(char *)"musterd"};
    struct config_errors errors = {0};
    struct mst_arena arena;
    struct config config;

    mst_arena_init(&arena);
    while (input_more(&in) && sources.argc < WORDS_MAX) {
        struct mst_span word = input_until(&in, 0);

        words[sources.argc++] = strndup((const char *)word.data, word.len);
    }
    sources.argv = words;
    if (config_read(&config, &sources, &errors)) {
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
            written_and_read(&options[i], &config, &arena);
        }
        reload(&sources, &config);
        config_clear(&config);
    } else {
        told(&errors);
    }
    mst_arena_clear(&arena);
    for (int i = 1; i < sources.argc; i++) {
        free(words[i]);
    }
    return 0;
}
