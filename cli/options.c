/* options.c - from the words of a command line to a command, its options and its operands.
 *
 * The command is found first, by walking over options whose rows say whether a value follows; then
 * its own set of options is known and the line is read again. Must not know: what commands do. */
#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION(name, text, letter, type, value, help)                                              \
    [OPTION_##name] = {text, letter, OPTION_##type, value, help},
#include "cli/options.def"
#undef OPTION
};
_Static_assert(OPTION_COUNT <= 64, "an option_set has 64 bits");

const struct command commands[COMMAND_COUNT] = {
#define COMMAND(name, words, operands, least, most, options, help)                                 \
    [COMMAND_##name] = {words, operands, least, most, COMMON | (options), help},
#include "cli/commands.def"
#undef COMMAND
};

/* At most one of each set may be given. */
static const option_set exclusive[] = {
    O(TIMEOUT) | O(NO_WAIT), O(MESSAGES) | O(FOLLOW) | O(DRAIN) | O(UNTIL_CLOSED),
    O(DRAIN) | O(TIMEOUT),   O(NUL) | O(RAW),
    O(DURABLE) | O(MEMORY),  O(DEAD) | O(DELAY),
};

static const option_set any_option =
    OPTION_COUNT == 64 ? UINT64_MAX : (UINT64_C(1) << OPTION_COUNT) - 1;

/* ---- values ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Nanoseconds in the unit at text; 0: no unit that is known. */
static int64_t unit_ns(const char *text)
{
    static const struct {
        const char *text;
        int64_t ns;
    } units[] = {
        {"", 1000000000},
        {"s", 1000000000},
        {"ms", 1000000},
        {"m", INT64_C(60000000000)},
        {"h", INT64_C(3600000000000)},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].text) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

bool cli_parse_time(const char *text, int64_t *ns_out)
{
    unsigned __int128 digits = 0;
    unsigned __int128 divisor = 1;
    int count = 0;
    bool point = false;
    for (; is_digit(*text) || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (++count > 20) {
            return false;
        }
        digits = digits * 10 + (unsigned)(*text - '0');
        divisor *= point ? 10 : 1;
    }
    int64_t unit = unit_ns(text);
    if (count == 0 || unit == 0) {
        return false;
    }
    /* Rounded up, so that a time that is not 0 never becomes "do not wait". */
    unsigned __int128 ns = (digits * (unsigned __int128)unit + divisor - 1) / divisor;
    if (ns >= INT64_MAX) {
        return false;
    }
    *ns_out = (int64_t)ns;
    return true;
}

bool cli_parse_integer(const char *text, int64_t *number_out)
{
    bool negative = *text == '-';
    text += negative ? 1 : 0;
    if (!is_digit(*text)) {
        return false;
    }
    __int128 number = 0;
    for (; is_digit(*text); text++) {
        number = number * 10 + (*text - '0');
        if (number > (__int128)INT64_MAX + 1) {
            return false;
        }
    }
    number = negative ? -number : number;
    if (*text != '\0' || number > INT64_MAX) {
        return false;
    }
    *number_out = (int64_t)number;
    return true;
}

/* Digits from *text on, up to something else. */
static bool read_id(const char **text, uint64_t *id_out)
{
    if (!is_digit(**text)) {
        return false;
    }
    unsigned __int128 id = 0;
    for (; is_digit(**text); (*text)++) {
        id = id * 10 + (unsigned)(**text - '0');
        if (id > UINT64_MAX) {
            return false;
        }
    }
    *id_out = (uint64_t)id;
    return true;
}

bool cli_parse_id(const char *text, uint64_t *id_out)
{
    return read_id(&text, id_out) && *text == '\0';
}

bool cli_parse_delivery(const char *text, uint64_t *id_out, uint64_t *number_out)
{
    return read_id(&text, id_out) && *text++ == '.' && read_id(&text, number_out) && *text == '\0';
}

/* The position of word among the words of choices, which are divided by |; -1: not there. */
static int64_t find_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);
    for (int64_t at = 0;; at++) {
        size_t here = strcspn(choices, "|");
        if (here == len && memcmp(choices, word, len) == 0) {
            return at;
        }
        if (choices[here] == '\0') {
            return -1;
        }
        choices += here + 1;
    }
}

static bool read_value(const struct option_row *row, const char *text, int64_t *number_out)
{
    switch (row->type) {
    case OPTION_WHOLE: return cli_parse_integer(text, number_out) && *number_out >= 0;
    case OPTION_POSITIVE: return cli_parse_integer(text, number_out) && *number_out >= 1;
    case OPTION_INTEGER: return cli_parse_integer(text, number_out);
    case OPTION_TIME: return cli_parse_time(text, number_out);
    case OPTION_CHOICE: *number_out = find_choice(row->value, text); return *number_out >= 0;
    case OPTION_FLAG:
    case OPTION_TEXT: break;
    }
    return true;
}

static const char *expected(const struct option_row *row)
{
    switch (row->type) {
    case OPTION_WHOLE: return "give a whole number, 0 or more";
    case OPTION_POSITIVE: return "give a whole number, 1 or more";
    case OPTION_INTEGER: return "give a whole number";
    case OPTION_TIME: return "give a time such as 250ms, 2.5 (seconds), 10m or 1h";
    case OPTION_CHOICE:
    case OPTION_FLAG:
    case OPTION_TEXT: break;
    }
    return NULL;
}

/* ---- finding rows ---- */

/* OPTION_COUNT: none of that name in the set. */
static enum option_name find_long(option_set set, const char *text, size_t len)
{
    for (enum option_name name = 0; name < OPTION_COUNT; name++) {
        const char *have = option_rows[name].text;
        if ((set >> name & 1u) != 0 && strlen(have) == len && memcmp(have, text, len) == 0) {
            return name;
        }
    }
    return OPTION_COUNT;
}

static enum option_name find_letter(option_set set, char letter)
{
    for (enum option_name name = 0; name < OPTION_COUNT; name++) {
        if ((set >> name & 1u) != 0 && option_rows[name].letter == letter) {
            return name;
        }
    }
    return OPTION_COUNT;
}

static bool takes_value(enum option_name name)
{
    return name < OPTION_COUNT && option_rows[name].type != OPTION_FLAG;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* How many words of argv the option at word occupies: 1, or 2 when its value is the next one. */
static int option_words(const char *word)
{
    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        return word[2 + len] == '\0' && takes_value(find_long(any_option, word + 2, len)) ? 2 : 1;
    }
    for (const char *at = word + 1; *at != '\0'; at++) {
        if (takes_value(find_letter(any_option, *at))) {
            return at[1] == '\0' ? 2 : 1;
        }
    }
    return 1;
}

static const struct command *find_words(const char *first, const char *second)
{
    size_t len = strlen(first);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *words = commands[i].words;
        if (strncmp(words, first, len) != 0) {
            continue;
        }
        if (second == NULL ? words[len] == '\0'
                           : words[len] == ' ' && strcmp(words + len + 1, second) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const struct command *options_find_command(int argc, char **argv, const char **word_out)
{
    const char *words[2] = {NULL, NULL};
    int count = 0;
    for (int i = 1; i < argc && count < 2 && strcmp(argv[i], "--") != 0;) {
        if (is_option(argv[i])) {
            i += option_words(argv[i]);
        } else {
            words[count++] = argv[i++];
        }
    }
    *word_out = words[0];
    if (words[0] == NULL) {
        return NULL;
    }
    const struct command *command = NULL;
    if (words[1] != NULL) {
        command = find_words(words[0], words[1]);
    }
    return command != NULL ? command : find_words(words[0], NULL);
}

bool options_is_group(const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strncmp(commands[i].words, word, len) == 0 && commands[i].words[len] == ' ') {
            return true;
        }
    }
    return false;
}

/* ---- reading the line ---- */

struct reader {
    const struct command *command;
    int argc;
    char **argv;
    int at;
    struct options *out;
    char *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reader *in, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(in->error, OPTIONS_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool take_option(struct reader *in, enum option_name name, const char *value)
{
    const struct option_row *row = &option_rows[name];
    int64_t number = 0;
    if (!read_value(row, value == NULL ? "" : value, &number)) {
        const char *hint = expected(row);
        return refuse(in, "--%s %.100s is not valid; %s%s", row->text, value,
                      hint == NULL ? "give one of " : hint, hint == NULL ? row->value : "");
    }
    in->out->given |= UINT64_C(1) << name;
    in->out->number[name] = number;
    in->out->text[name] = value;
    return true;
}

static bool read_long(struct reader *in)
{
    const char *word = in->argv[in->at++] + 2;
    size_t len = strcspn(word, "=");
    bool attached = word[len] == '=';
    enum option_name name = find_long(in->command->options, word, len);
    if (name == OPTION_COUNT) {
        return refuse(in, "unknown option --%.*s; see muster %s --help",
                      (int)(len < 100 ? len : 100), word, in->command->words);
    }
    if (!takes_value(name)) {
        if (attached) {
            return refuse(in, "option --%s takes no value; leave out %.100s",
                          option_rows[name].text, word + len);
        }
        return take_option(in, name, NULL);
    }
    if (!attached && in->at == in->argc) {
        return refuse(in, "option --%s needs a value; give --%s %s", option_rows[name].text,
                      option_rows[name].text, option_rows[name].value);
    }
    return take_option(in, name, attached ? word + len + 1 : in->argv[in->at++]);
}

/* One word of letters: flags, then perhaps one that takes a value, attached or as the next word. */
static bool read_letters(struct reader *in)
{
    const char *word = in->argv[in->at++];
    for (const char *at = word + 1; *at != '\0'; at++) {
        enum option_name name = find_letter(in->command->options, *at);
        if (name == OPTION_COUNT) {
            bool whole = word[2] == '\0';
            return refuse(in, "unknown option -%c%s%.60s; see muster %s --help", *at,
                          whole ? "" : " in ", whole ? "" : word, in->command->words);
        }
        if (takes_value(name)) {
            if (at[1] == '\0' && in->at == in->argc) {
                return refuse(in, "option -%c needs a value; give -%c %s", *at, *at,
                              option_rows[name].value);
            }
            return take_option(in, name, at[1] != '\0' ? at + 1 : in->argv[in->at++]);
        }
        if (!take_option(in, name, NULL)) {
            return false;
        }
    }
    return true;
}

static bool check_exclusive(struct reader *in)
{
    for (size_t i = 0; i < sizeof(exclusive) / sizeof(exclusive[0]); i++) {
        option_set both = in->out->given & exclusive[i];
        if ((both & (both - 1)) == 0) {
            continue;
        }
        int first = __builtin_ctzll(both);
        int second = __builtin_ctzll(both & (both - 1));
        return refuse(in, "--%s and --%s exclude each other; leave one out",
                      option_rows[first].text, option_rows[second].text);
    }
    return true;
}

static bool check_operands(struct reader *in)
{
    const struct command *command = in->command;
    if (in->out->count < command->least) {
        return refuse(in, "%s; usage: muster %s %s",
                      in->out->count == 0 ? "nothing was named" : "an operand is missing",
                      command->words, command->operands);
    }
    if (in->out->count > command->most) {
        return refuse(in, "unexpected %.100s; usage: muster %s %s",
                      in->out->operands[command->most], command->words, command->operands);
    }
    return true;
}

bool options_parse(const struct command *command, int argc, char **argv, char **operands,
                   struct options *out, char error[OPTIONS_ERROR_BYTES])
{
    memset(out, 0, sizeof(*out));
    out->operands = operands;
    struct reader in = {command, argc, argv, 1, out, error};
    int own_words = strchr(command->words, ' ') == NULL ? 1 : 2;
    while (in.at < argc && !out->dashes) {
        const char *word = argv[in.at];
        if (strcmp(word, "--") == 0) {
            out->dashes = true;
            in.at++;
        } else if (!is_option(word)) {
            if (own_words == 0) {
                operands[out->count++] = argv[in.at];
            }
            own_words -= own_words > 0 ? 1 : 0;
            in.at++;
        } else if (!(word[1] == '-' ? read_long(&in) : read_letters(&in))) {
            return false;
        }
    }
    out->before = out->count;
    while (in.at < argc) {
        operands[out->count++] = argv[in.at++];
    }
    operands[out->count] = NULL; /* there is room: argv[0] is no operand */
    if (option_given(out, OPTION_HELP)) {
        return true;
    }
    return check_exclusive(&in) && check_operands(&in);
}
