/* log.c - lines for whoever runs the broker. See log.h.
 *
 * A line is written with one call, so lines of several processes do not mix. A log that cannot be
 * written is no reason to end. What is not printable is written as its number, so that a name which
 * a client gave itself is seen as what it is. */
#include "broker/io/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/keys.h"

#define TEXT_BYTES_MAX   1024
#define FIELDS_BYTES_MAX 1024 /* of peer and client */
/* A byte takes 6 at most, \u0000. */
#define LINE_BYTES_MAX (256 + 6 * (TEXT_BYTES_MAX + FIELDS_BYTES_MAX))

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int journal_priorities[] = {3, 4, 6, 7};

/* systemd says which stream it has connected to the journal; stderr may have been sent elsewhere
 * since. */
static bool is_journal(void)
{
    const char *said = getenv("JOURNAL_STREAM");
    struct stat file;
    char text[64];

    if (said == NULL || fstat(STDERR_FILENO, &file) != 0) {
        return false;
    }
    snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)file.st_dev,
             (unsigned long long)file.st_ino);
    return strcmp(said, text) == 0;
}

void log_init(struct log *log, const struct config *config)
{
    log->level = config->log_level;
    log->format = config->log_format;
    log->plain = false;
    log->for_journal = is_journal();
}

/* ---- one line ---- */

struct line {
    char bytes[LINE_BYTES_MAX];
    size_t len;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *line, const char *format, ...)
{
    size_t room = sizeof(line->bytes) - line->len;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line->bytes + line->len, room, format, arguments);
    va_end(arguments);
    line->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Ends of lines and paragraphs, and what turns the direction of writing: U+200E, U+200F, U+2028 to
 * U+202E, U+2066 to U+2069. */
static bool is_invisible(const unsigned char *at)
{
    return at[0] == 0xe2 && ((at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f ||
                                                (at[2] >= 0xa8 && at[2] <= 0xae))) ||
                             (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

/* How many bytes the character has that begins here; 0: it is none of UTF-8, or a control. */
static size_t printable(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t more = at[0] < 0x80 ? 0 : at[0] < 0xc2 ? 4 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;

    if (more > 3 || at[0] < ' ' || at[0] == 0x7f || at[0] > 0xf4 ||
        (at[0] == 0xc2 && at[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if (is_invisible(at)) {
        return 0;
    }
    /* Too long a form, a surrogate, beyond the last character. */
    return (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                   (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)
               ? 0
               : more + 1;
}

enum manner {
    AS_TEXT,
    AS_WORD, /* without blanks, so that a name cannot pass for fields */
    IN_JSON
};

static void put_text(struct line *line, const char *text, enum manner manner)
{
    while (*text != '\0') {
        size_t len = printable(text);

        if (len == 0 || (*text == ' ' && manner == AS_WORD)) {
            put(line, manner == IN_JSON ? "\\u%04x" : "\\x%02x", (unsigned)(unsigned char)*text);
            text++;
            continue;
        }
        if (manner == IN_JSON && (*text == '"' || *text == '\\')) {
            put(line, "\\");
        }
        put(line, "%.*s", (int)len, text);
        text += len;
    }
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, "%s.%03ldZ", stamp, now.tv_nsec / 1000000);
}

static void put_text_field(struct line *line, const char *name, const char *text, bool json)
{
    if (text != NULL) {
        put(line, json ? ",\"%s\":\"" : " %s=", name);
        put_text(line, text, json ? IN_JSON : AS_WORD);
        put(line, json ? "\"" : "");
    }
}

static void put_fields(struct line *line, const struct engine_note *note, bool json)
{
    put_text_field(line, "peer", note->peer, json);
    put_text_field(line, "client", note->client, json);
    if (note->missed > 0) {
        put(line, json ? ",\"missed\":%llu" : " missed=%llu", (unsigned long long)note->missed);
    }
}

static void put_all(struct line *line, const struct log *log, const struct engine_note *note)
{
    bool json = !log->plain && log->format == CONFIG_LOG_JSON;

    if (json) {
        put(line, "{\"time\":\"");
        put_time(line);
        put(line, "\",\"level\":\"%s\",\"message\":\"", level_names[note->level]);
    } else if (log->plain) {
        put(line, "musterd: ");
    } else if (log->for_journal) {
        put(line, "<%d>", journal_priorities[note->level]);
    } else {
        put_time(line);
        put(line, " %s musterd: ", level_names[note->level]);
    }
    put_text(line, note->text, json ? IN_JSON : AS_TEXT);
    put(line, json ? "\"" : "");
    put_fields(line, note, json);
    put(line, json ? "}\n" : "\n");
}

void log_note(const struct log *log, const struct engine_note *note)
{
    struct line line;
    ssize_t written;

    if (note->level > log->level) {
        return;
    }
    line.len = 0;
    put_all(&line, log, note);
    written = write(STDERR_FILENO, line.bytes, line.len);
    (void)written;
}

void log_line(const struct log *log, enum engine_log_level level, const char *format, ...)
{
    char text[TEXT_BYTES_MAX];
    struct engine_note note = {.level = level, .text = text};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mst_key_hide(text); /* files and arguments get mixed up, and are spoken of */
    log_note(log, &note);
}

int log_printed(const struct log *log)
{
    bool failed = ferror(stdout) != 0;

    if (fflush(stdout) == 0 && !failed) {
        return 0;
    }
    log_line(log, ENGINE_ERROR, "cannot write to stdout: %s; see where it leads to",
             strerror(errno));
    return CONFIG_EXIT_DISK;
}
