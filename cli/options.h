/* options.h - the words of a command line: which command, which options, which operands.
 *
 * Everything derives from options.def and commands.def. Nothing here prints or exits: a wrong
 * command line is one line of text for the caller to tell. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_name {
#define OPTION(name, text, letter, type, value, help) OPTION_##name,
#include "cli/options.def"
#undef OPTION
    OPTION_COUNT
};

enum option_type {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_WHOLE,
    OPTION_POSITIVE,
    OPTION_INTEGER,
    OPTION_TIME,
    OPTION_CHOICE
};

struct option_row {
    const char *text;
    char letter; /* 0: none */
    enum option_type type;
    const char *value; /* what help calls the value; CHOICE: the words */
    const char *help;
};
extern const struct option_row option_rows[OPTION_COUNT];

typedef uint64_t option_set; /* bit n: option n */
#define O(name) (UINT64_C(1) << OPTION_##name)
#define COMMON                                                                                     \
    (O(URL) | O(KEY) | O(SERVER_KEY) | O(TOKEN_FILE) | O(JSON) | O(QUIET) | O(VERBOSE) | O(HELP))
/* Settings that can be changed later; with the fixed ones, all that an object is declared with. */
#define CHANGEABLE                                                                                 \
    (O(MAXSIZE) | O(MAX_BYTES) | O(FULL) | O(MAX_DELIVERIES) | O(DEDUP_WINDOW) | O(WAIT_TIMEOUT) | \
     O(ACTION_TIMEOUT) | O(EXPIRE_IDLE))
#define SETTINGS (CHANGEABLE | O(DURABLE) | O(MEMORY) | O(ACTION) | O(PARTIES))

#define MANY INT32_MAX

struct command {
    const char *words;
    const char *operands;
    int least, most;
    option_set options; /* the common ones included */
    const char *help;
};

enum command_name {
#define COMMAND(name, words, operands, least, most, options, help) COMMAND_##name,
#include "cli/commands.def"
#undef COMMAND
    COMMAND_COUNT
};
extern const struct command commands[COMMAND_COUNT];

/* What was given. Texts and operands point into argv. */
struct options {
    option_set given;
    int64_t number[OPTION_COUNT]; /* TIME: nanoseconds */
    const char *text[OPTION_COUNT];
    char **operands; /* before `--`, but for the command's own words; then what follows `--` */
    int count;
    int before; /* how many of them stood before `--`; equals count when there was no `--` */
    bool dashes;
};

#define OPTIONS_ERROR_BYTES 400

/* The command that argv names, or NULL; *word_out is its first word, or NULL when there is none. */
const struct command *options_find_command(int argc, char **argv, const char **word_out);
/* Does word begin commands of two words? */
bool options_is_group(const char *word);

/* true, or false with one line in error: what is wrong and what to do. operands needs room for argc
 * pointers. With --help given nothing else is checked. */
bool options_parse(const struct command *command, int argc, char **argv, char **operands,
                   struct options *out, char error[OPTIONS_ERROR_BYTES]);

static inline bool option_given(const struct options *options, enum option_name name)
{
    return (options->given >> name & 1u) != 0;
}

static inline int64_t option_number(const struct options *options, enum option_name name,
                                    int64_t otherwise)
{
    return option_given(options, name) ? options->number[name] : otherwise;
}

/* Whole strings to values; false: not one. */
bool cli_parse_time(const char *text, int64_t *ns_out);
bool cli_parse_integer(const char *text, int64_t *number_out);
bool cli_parse_id(const char *text, uint64_t *id_out);
bool cli_parse_delivery(const char *text, uint64_t *id_out, uint64_t *number_out); /* ID.N */

#endif
