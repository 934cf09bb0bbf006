/* config.c - what musterd was asked to be. See config.h.
 *
 * A default passes the same reader as a value that was given, so help cannot tell another one than
 * what is used. Must not know: sockets, files, the environment. */
#include "broker/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/options.h"

struct reading {
    struct config *config;
    const struct config_sources *sources;
    struct config_errors *errors;
    size_t line;                 /* of the file, from 1 */
    size_t given[OPTIONS_COUNT]; /* in that line; 0: not */
    bool listens_said;           /* by the command line; what the file says of it is void */
};

/* ---- mistakes ---- */

static bool fail(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct reading *reading, const char *format, ...)
{
    struct config_errors *errors = reading->errors;
    va_list arguments;
    char *line;
    int n = 0;

    if (errors->count++ >= CONFIG_ERRORS_MAX) {
        return false;
    }
    line = errors->lines[errors->count - 1];
    if (reading->line > 0) {
        n = snprintf(line, CONFIG_ERROR_MAX, "%.200s:%zu: ", reading->sources->file, reading->line);
    }
    va_start(arguments, format);
    vsnprintf(line + n, CONFIG_ERROR_MAX - (size_t)n, format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_unknown(struct reading *reading, const char *what, const char *dashes,
                         const char *name)
{
    const struct option *near = option_near(name, strcspn(name, "="));

    if (near == NULL) {
        return fail(reading, "%s '%.100s'; musterd --help shows all options", what, name);
    }
    return fail(reading, "%s '%.100s'; is %s%s meant? musterd --help shows all options", what, name,
                dashes, near->name);
}

static bool fail_value(struct reading *reading, const char *dashes, const struct option *option,
                       const char *value, const char *why)
{
    return fail(reading, "%s%s '%.100s' cannot be used: %s%s", dashes, option->name, value, why,
                option->type == OPTION_CHOICE ? " is wanted" : "");
}

/* ---- the command line ---- */

static bool take_argument(struct reading *reading, const struct option *option, const char *value)
{
    const char *why;

    if (option_is_list(option) && !reading->listens_said) {
        reading->listens_said = true;
        reading->config->listens.count = 0;
    }
    why = option_read(option, value, reading->config);
    return why == NULL || fail_value(reading, "--", option, value, why);
}

/* One option at argv[*at], which is moved past it and its value. */
static bool read_argument(struct reading *reading, int *at)
{
    const struct config_sources *sources = reading->sources;
    const char *word = sources->argv[(*at)++];
    const char *value = strchr(word, '=');
    const struct option *option = NULL;

    if (strcmp(word, "-h") == 0) {
        word = "--help";
    }
    if (strncmp(word, "--", 2) == 0) {
        option = option_find(word + 2, strcspn(word + 2, "="));
    }
    if (option == NULL) {
        return fail_unknown(reading, word[0] == '-' ? "unknown option" : "unexpected argument",
                            "--", word);
    }
    if (value != NULL) {
        return take_argument(reading, option, value + 1);
    }
    if (option->type == OPTION_FLAG) {
        return take_argument(reading, option, NULL);
    }
    if (*at == sources->argc) {
        return fail(reading, "--%s wants a value: --%s %s", option->name, option->name,
                    option->value);
    }
    return take_argument(reading, option, sources->argv[(*at)++]);
}

/* ---- the file ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Cuts a comment and the blanks around what is left. */
static char *bare(char *text)
{
    size_t len = 0;

    while (text[len] != '\0' && !(text[len] == '#' && (len == 0 || is_blank(text[len - 1])))) {
        len++;
    }
    while (len > 0 && is_blank(text[len - 1])) {
        len--;
    }
    text[len] = '\0';
    while (is_blank(*text)) {
        text++;
    }
    return text;
}

static bool take_line(struct reading *reading, const char *name, const char *value)
{
    const struct option *option = option_find(name, strlen(name));
    size_t *given;
    const char *why;

    if (option == NULL) {
        return fail_unknown(reading, "unknown option", "", name);
    }
    given = &reading->given[option - options];
    if (option->when == OPTION_COMMAND) {
        return fail(reading, "%s belongs on the command line, not in a file; take the line out",
                    name);
    }
    if (*given != 0 && !option_is_list(option)) {
        return fail(reading, "%s was given in line %zu already; take one of the two out", name,
                    *given);
    }
    *given = reading->line;
    if (value == NULL && option->type != OPTION_FLAG) {
        return fail(reading, "%s wants a value: %s = %s", name, name, option->value);
    }
    why = option_read(option, value, reading->config);
    return why == NULL || fail_value(reading, "", option, value, why);
}

static void read_line(struct reading *reading, char *line)
{
    char *name = bare(line);
    char *value = strchr(name, '=');

    if (*name == '\0') {
        return;
    }
    if (value != NULL) {
        *value = '\0';
        value = bare(value + 1);
        name = bare(name);
    }
    if (*name == '\0' || strpbrk(name, " \t") != NULL) {
        fail(reading, "NAME = VALUE is wanted, such as max-memory = 1G, but it says '%.100s'",
             name);
        return;
    }
    take_line(reading, name, value);
}

/* Every line, also behind a wrong one, so that all mistakes are seen at once. */
static void read_lines(struct reading *reading)
{
    struct mst_span rest = reading->sources->text;

    while (rest.len > 0) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.len);
        size_t len = newline == NULL ? rest.len : (size_t)(newline - rest.data);
        char *line = mst_arena_take(&reading->config->texts, len + 1);

        reading->line++;
        if (line == NULL) {
            fail(reading, "out of memory");
            return;
        }
        if (memchr(rest.data, '\0', len) != NULL) {
            fail(reading, "there is a NUL byte; a file of text is wanted");
            return;
        }
        memcpy(line, rest.data, len);
        read_line(reading, line);
        rest.data += len;
        rest.len -= len;
        if (rest.len > 0) {
            rest = mst_span_of(rest.data + 1, rest.len - 1);
        }
    }
}

/* ---- all of it ---- */

static bool take_defaults(struct reading *reading)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *option = &options[i];
        const char *why = option->initial[0] == '\0'
                              ? NULL
                              : option_read(option, option->initial, reading->config);

        if (why != NULL) {
            return fail(reading, "the default of --%s: %s", option->name, why);
        }
    }
    return true;
}

/* What would have no effect by itself is a mistake: more was meant. */
static void check_pairs(struct reading *reading)
{
    const struct config *config = reading->config;

    if (config->restore != NULL && config->data_dir == NULL) {
        fail(reading, "--restore '%.100s' needs --data-dir DIR, which is new or empty",
             config->restore);
    }
    if (config->salvage != NULL && config->into == NULL) {
        fail(reading, "--salvage '%.100s' needs --into DIR, a new directory", config->salvage);
    }
    if (config->into != NULL && config->salvage == NULL) {
        fail(reading, "--into '%.100s' needs --salvage DIR, the damaged directory", config->into);
    }
}

bool config_read(struct config *config, const struct config_sources *sources,
                 struct config_errors *errors)
{
    struct reading reading = {.config = config, .sources = sources, .errors = errors};
    bool ok;

    memset(config, 0, sizeof(*config));
    memset(errors, 0, sizeof(*errors));
    mst_arena_init(&config->texts);
    engine_config_init(&config->engine);
    config->engine.version = MUSTERD_VERSION;
    config->ready_fd = -1;
    config->argc = sources->argc;
    config->argv = sources->argv;
    ok = take_defaults(&reading);
    if (sources->file != NULL) {
        read_lines(&reading);
        reading.line = 0;
    }
    for (int at = 1; ok && at < sources->argc;) {
        ok = read_argument(&reading, &at);
    }
    if (ok && (sources->file != NULL || config->file == NULL)) {
        check_pairs(&reading); /* else there is a file that nobody has read yet */
    }
    if (config->listens.count == 0) {
        option_read(option_find("listen", strlen("listen")), "127.0.0.1", config);
    }
    if (errors->count > 0) {
        config_clear(config);
    }
    return errors->count == 0;
}

void config_clear(struct config *config)
{
    mst_arena_clear(&config->texts);
}

/* ---- read anew ---- */

_Static_assert(OPTIONS_COUNT <= CONFIG_CHANGES_MAX, "every option may change");

bool config_reload(struct config *next, const struct config *running,
                   struct config_changes *changes)
{
    changes->count = 0;
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *option = &options[i];
        const char *before = option_text(option, running, &next->texts);
        const char *after = option_text(option, next, &next->texts);

        if (before == NULL || after == NULL) {
            return false;
        }
        if (strcmp(before, after) != 0) {
            changes->items[changes->count++] =
                (struct config_change){option->name, option->when != OPTION_RELOAD, before, after};
        }
    }
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (options[i].when != OPTION_RELOAD && !option_copy(&options[i], next, running)) {
            return false;
        }
    }
    return true;
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

        print(&page, "  --%s%s%s", option->name, option->type == OPTION_FLAG ? "" : " ",
              option->value);
        print(&page, option->initial[0] == '\0' ? "%s\n" : " (%s)\n", option->initial);
        print_words(&page, option->help);
    }
    print(&page, "\nExit codes: 0 ended as asked, 64 usage, 65 damaged data, 69 cannot listen,\n"
                 "70 other failure, 73 data directory in use, 74 the disk or stdout failed,\n"
                 "77 not permitted; 130 and 143 by a second INT or TERM.\n");
    return !page.full;
}
