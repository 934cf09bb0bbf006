/* config.c - what musterd was asked to be. See config.h.
 *
 * A default passes the same reader as a value that was given, so help cannot tell another one than
 * what is used. Must not know: sockets, the environment. */
#include "broker/config.h"

#include <stdarg.h>
#include <stdio.h>

enum option_type { FLAG, COUNT, BYTES, TIME, LISTEN, UNIX, LEVEL, FD, FILENAME };

struct option {
    const char *name;
    enum option_type type;
    const char *value;
    const char *initial;
    int64_t least;
    int64_t most;
    size_t offset; /* of the member in struct config */
    const char *help;
};

static const struct option options[] = {
#define OPTION(member, name, type, value, initial, least, most, help)                              \
    {name, type, value, initial, least, most, offsetof(struct config, member), help},
#include "broker/options.def"
#undef OPTION
};
#define OPTIONS_COUNT (sizeof(options) / sizeof(options[0]))

#define FRACTION_DIGITS_MAX 9

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* ---- values ---- */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit byte_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit time_units[] = {{"", 1000000000},     {"ms", 1000000},
                                         {"s", 1000000000},    {"m", 60000000000},
                                         {"h", 3600000000000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool find_unit(const struct unit *units, const char *text, int64_t *factor_out)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, text) == 0) {
            *factor_out = units->factor;
            return true;
        }
    }
    return false;
}

/* Moves *text over digits; false: there are none, or too many. */
static bool read_digits(const char **text, int64_t *out)
{
    const char *start = *text;

    *out = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, **text - '0', out)) {
            return false;
        }
    }
    return *text > start;
}

/* Digits, a fraction if the unit can be divided, a unit. In integers throughout, so that 0.1s is
 * exactly what it says. */
static bool read_number(const char *text, const struct unit *units, int64_t *out)
{
    int64_t fraction = 0;
    int64_t parts = 1; /* the fraction is so many of these */
    int64_t factor;

    if (!read_digits(&text, out)) {
        return false;
    }
    if (*text == '.') {
        const char *start = ++text;

        if (!read_digits(&text, &fraction) || text - start > FRACTION_DIGITS_MAX) {
            return false;
        }
        for (; start < text; start++) {
            parts *= 10;
        }
    }
    if (!find_unit(units, text, &factor) || (parts > 1 && factor == 1) ||
        __builtin_mul_overflow(*out, factor, out)) {
        return false;
    }
    fraction = factor / parts * fraction + factor % parts * fraction / parts;
    return !__builtin_add_overflow(*out, fraction, out);
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT. */
static const char *read_host_port(const char *text, struct config_listen *listen)
{
    const char *port = strrchr(text, ':');
    const char *end = port;
    int64_t number = MST_DEFAULT_PORT;

    if (*text == '[') {
        end = strchr(++text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return "an address of IPv6 is written [ADDRESS]:PORT";
        }
        port = end[1] == ':' ? end + 1 : NULL;
    } else if (port != NULL && strchr(text, ':') != port) {
        return "an address of IPv6 is written [ADDRESS]:PORT";
    }
    if (end == NULL) {
        end = text + strlen(text);
    }
    if (end == text || (size_t)(end - text) > CONFIG_HOST_MAX) {
        return "HOST:PORT is wanted, such as 127.0.0.1:6878";
    }
    if (port != NULL && (!read_number(port + 1, no_units, &number) || number > UINT16_MAX)) {
        return "the port must be a number from 0 to 65535";
    }
    memcpy(listen->host, text, (size_t)(end - text));
    listen->host[end - text] = '\0';
    listen->port = (uint16_t)number;
    return NULL;
}

static const char *read_path(const char *text, struct config_listen *listen)
{
    listen->path = text;
    return *text == '\0' ? "a path is wanted" : NULL;
}

static const char *read_listen(enum option_type type, const char *text,
                               struct config_listens *listens)
{
    struct config_listen *listen = &listens->items[listens->count];
    const char *tcp = "muster://";
    const char *local = "muster+unix://";
    const char *why;

    if (listens->count == CONFIG_LISTENS_MAX) {
        return "there are 16 addresses already";
    }
    *listen = (struct config_listen){0};
    if (type == UNIX) {
        why = read_path(text, listen);
    } else if (has_prefix(text, local)) {
        why = read_path(text + strlen(local), listen);
    } else {
        why = read_host_port(has_prefix(text, tcp) ? text + strlen(tcp) : text, listen);
    }
    listens->count += why == NULL;
    return why;
}

static const char *read_level(const char *text, enum engine_log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum engine_log_level)i;
            return NULL;
        }
    }
    return "it is error, warning, info or debug";
}

static const char *read_in_range(const struct option *option, const struct unit *units,
                                 const char *text, const char *example, int64_t *out)
{
    if (!read_number(text, units, out)) {
        return example;
    }
    if (*out < option->least) {
        return "it is too small";
    }
    return *out > option->most ? "it is too large" : NULL;
}

/* NULL, or what is wrong with the value. */
static const char *read_value(const struct option *option, const char *text, struct config *config)
{
    void *member = (char *)config + option->offset;
    int64_t number = 0;
    const char *why;

    switch (option->type) {
    case FLAG: *(bool *)member = true; return NULL;
    case COUNT:
        why = read_in_range(option, no_units, text, "a whole number is wanted", &number);
        *(uint64_t *)member = (uint64_t)number;
        return why;
    case BYTES:
        why = read_in_range(option, byte_units, text, "a size is wanted, such as 64M", &number);
        *(uint64_t *)member = (uint64_t)number;
        return why;
    case TIME:
        why = read_in_range(option, time_units, text, "a time is wanted, such as 2.5s", &number);
        *(int64_t *)member = number;
        return why;
    case LISTEN:
    case UNIX: return read_listen(option->type, text, member);
    case FILENAME: *(const char **)member = text; return *text == '\0' ? "a name is wanted" : NULL;
    case LEVEL: return read_level(text, member);
    case FD:
        if (!read_number(text, no_units, &number) || number > INT32_MAX) {
            return "the number of an open descriptor is wanted";
        }
        *(int *)member = (int)number;
        return NULL;
    }
    return "it cannot be read";
}

/* ---- the command line ---- */

static bool fail(char error[CONFIG_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(char error[CONFIG_ERROR_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* One option at argv[*at], which is moved past it and its value. */
static bool read_option(struct config *config, int argc, char *const argv[], int *at,
                        char error[CONFIG_ERROR_MAX])
{
    const char *word = argv[(*at)++];
    const char *value = strchr(word, '=');
    const struct option *option;
    const char *why;

    if (strcmp(word, "-h") == 0) {
        word = "--help";
    }
    option =
        has_prefix(word, "--")
            ? find_option(word + 2, value == NULL ? strlen(word) - 2 : (size_t)(value - word) - 2)
            : NULL;
    if (option == NULL) {
        return fail(error, "%s '%.100s'; musterd --help shows all options",
                    word[0] == '-' ? "unknown option" : "unexpected argument", word);
    }
    if (option->type == FLAG && value != NULL) {
        return fail(error, "--%s takes no value, but was given '%.100s'", option->name, value + 1);
    }
    if (option->type != FLAG && value == NULL && *at == argc) {
        return fail(error, "--%s wants a value: --%s %s", option->name, option->name,
                    option->value);
    }
    if (value != NULL) {
        value++;
    } else if (option->type != FLAG) {
        value = argv[(*at)++];
    }
    why = read_value(option, value, config);
    return why == NULL || fail(error, "--%s '%.100s' cannot be used: %s", option->name, value, why);
}

bool config_read(struct config *config, int argc, char *const argv[], char error[CONFIG_ERROR_MAX])
{
    int at = 1;

    memset(config, 0, sizeof(*config));
    engine_config_init(&config->engine);
    config->engine.version = MUSTERD_VERSION;
    config->ready_fd = -1;
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *option = &options[i];
        const char *why =
            option->initial[0] == '\0' ? NULL : read_value(option, option->initial, config);

        if (why != NULL) {
            return fail(error, "the default of --%s: %s", option->name, why);
        }
    }
    while (at < argc) {
        if (!read_option(config, argc, argv, &at, error)) {
            return false;
        }
    }
    return config->listens.count > 0 || read_listen(LISTEN, "127.0.0.1", &config->listens) == NULL;
}

/* ---- help ---- */

#define HELP_COLUMNS 80
#define HELP_INDENT  6

struct page {
    char *out;
    size_t cap;
    size_t len;
    bool full;
};

static void print(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct page *page, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(page->out + page->len, page->cap - page->len, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= page->cap - page->len) {
        page->full = true;
    } else {
        page->len += (size_t)n;
    }
}

static void print_words(struct page *page, const char *text)
{
    size_t column = HELP_INDENT;

    print(page, "%*s", HELP_INDENT, "");
    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > HELP_INDENT && column + 1 + len > HELP_COLUMNS) {
            print(page, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            print(page, " ");
            column++;
        }
        print(page, "%.*s", (int)len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    print(page, "\n");
}

bool config_help(char *out, size_t cap)
{
    struct page page = {out, cap, 0, false};

    print(&page,
          "usage: musterd [OPTION]...\n\n"
          "The muster broker: named queues, events and barriers for programs on many hosts.\n"
          "It runs in the foreground and tells what it does on stderr. TERM or INT ends it\n"
          "after its clients were told, a second one at once.\n\n");
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *option = &options[i];

        print(&page, "  --%s%s%s", option->name, option->type == FLAG ? "" : " ", option->value);
        print(&page, option->initial[0] == '\0' ? "%s\n" : " (%s)\n", option->initial);
        print_words(&page, option->help);
    }
    print(&page, "\nExit codes: 0 ended as asked, 64 usage, 69 cannot listen, 70 other failure,\n"
                 "77 not permitted; 130 and 143 by a second INT or TERM.\n");
    return !page.full;
}
