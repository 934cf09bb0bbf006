/* fuzz_cli.c - the command line of muster: a command with its options, or one line that says what
 * is wrong. */
#include <stdlib.h>

#include "cli/options.h"
#include "tests/fuzz/input.h"

#define WORDS_MAX 24

static void parse(int argc, char **argv)
{
    char *operands[WORDS_MAX];
    char error[OPTIONS_ERROR_BYTES] = "";
    const char *word = NULL;
    struct options options;
    const struct command *command = options_find_command(argc, argv, &word);

    if (command == NULL) {
        require(word == NULL || strlen(word) > 0 || argc > 1);
        return;
    }
    if (!options_parse(command, argc, argv, operands, &options, error)) {
        require(error[0] != '\0' && strlen(error) < sizeof(error));
        return;
    }
    require(options.count <= argc && options.before <= options.count);
    require((options.given & ~command->options) == 0);
    for (int i = 0; i < OPTION_COUNT; i++) {
        bool has_text =
            option_given(&options, (enum option_name)i) && option_rows[i].type == OPTION_TEXT;

        require(!has_text || options.text[i] != NULL);
    }
    require(option_given(&options, OPTION_HELP) ||
            (options.count >= command->least && options.count <= command->most));
}

static void values(const char *text)
{
    int64_t number = 0;
    uint64_t id = 0;
    uint64_t delivery = 0;

    cli_parse_time(text, &number);
    cli_parse_integer(text, &number);
    cli_parse_id(text, &id);
    cli_parse_delivery(text, &id, &delivery);
}

/* Words, a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    char *words[WORDS_MAX + 1] = {(char *)"muster"};
    int count = 1;

    while (input_more(&in) && count < WORDS_MAX) {
        struct mst_span word = input_until(&in, '\n');

        words[count] = strndup((const char *)word.data, word.len);
        values(words[count++]);
    }
    parse(count, words);
    for (int i = 1; i < count; i++) {
        free(words[i]);
    }
    return 0;
}
