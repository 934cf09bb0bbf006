/* output.c - the buffer for stdout, tables and progress. JSON is in json.c.
 *
 * Must not know: commands, the broker. */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NO_MEMORY = 75 };

void *cli_grow(void *memory, size_t size)
{
    void *more = realloc(memory, size);
    if (more == NULL) {
        static const char text[] = "muster: out of memory; free some and run it again\n";
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(EXIT_NO_MEMORY);
    }
    return more;
}

int64_t cli_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the buffer ---- */

static void reserve(struct out *out, size_t more)
{
    if (out->cap - out->len >= more) {
        return;
    }
    size_t cap = out->cap < 4096 ? 4096 : out->cap * 2;
    out->cap = cap < out->len + more ? out->len + more : cap;
    out->data = cli_grow(out->data, out->cap);
}

void out_clear(struct out *out)
{
    free(out->data);
    *out = (struct out){NULL, 0, 0};
}

void out_bytes(struct out *out, const void *data, size_t size)
{
    if (size > 0) {
        reserve(out, size);
        memcpy(out->data + out->len, data, size);
        out->len += size;
    }
}

void out_text(struct out *out, const char *text)
{
    out_bytes(out, text, strlen(text));
}

__attribute__((format(printf, 2, 0), nonnull)) static void
out_vprintf(struct out *out, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) {
        return;
    }
    reserve(out, (size_t)size + 1);
    vsnprintf(out->data + out->len, (size_t)size + 1, format, arguments);
    out->len += (size_t)size;
}

void out_printf(struct out *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out_vprintf(out, format, arguments);
    va_end(arguments);
}

void out_escaped(struct out *out, const void *data, size_t size, size_t most)
{
    const unsigned char *bytes = data;
    size_t end = most > 0 && size > most ? most : size;
    while (end < size && end > 0 && (bytes[end] & 0xc0) == 0x80) {
        end--; /* not within a character */
    }
    for (size_t i = 0; i < end; i++) {
        unsigned char c = bytes[i];
        if (c == '\n' || c == '\t' || c == '\\') {
            out_text(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\\\");
        } else if (c < 0x20 || c == 0x7f) {
            out_printf(out, "\\x%02x", c);
        } else {
            out_bytes(out, &bytes[i], 1);
        }
    }
    if (end < size) {
        out_text(out, "...");
    }
}

int out_flush(struct out *out, size_t *taken_out)
{
    size_t taken = 0;
    int error = 0;
    while (taken < out->len && error == 0) {
        ssize_t n = write(STDOUT_FILENO, out->data + taken, out->len - taken);
        if (n >= 0) {
            taken += (size_t)n;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    out->len = 0;
    if (taken_out != NULL) {
        *taken_out = taken;
    }
    return error;
}

void out_seconds(struct out *out, int64_t ns)
{
    char digits[16];
    out_printf(out, "%lld", (long long)(ns / 1000000000));
    int len = snprintf(digits, sizeof(digits), ".%09lld", (long long)(ns % 1000000000));
    while (len > 1 && digits[len - 1] == '0') {
        len--;
    }
    out_bytes(out, digits, len > 1 ? (size_t)len : 0);
}

void out_age(struct out *out, int64_t ns)
{
    long long ms = ns / 1000000;
    long long seconds = ms / 1000;
    if (ms < 1000) {
        out_printf(out, "%lldms", ms);
    } else if (seconds < 60) {
        out_printf(out, "%lld.%llds", seconds, ms % 1000 / 100);
    } else if (seconds < 3600) {
        out_printf(out, "%lldm%llds", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        out_printf(out, "%lldh%lldm", seconds / 3600, seconds % 3600 / 60);
    } else {
        out_printf(out, "%lldd%lldh", seconds / 86400, seconds % 86400 / 3600);
    }
}

bool out_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

/* ---- tables ---- */

void table_begin(struct table *table, struct out *out, size_t columns, const char *const *titles)
{
    *table = (struct table){.out = out, .columns = columns};
    table->terminal = out_is_terminal();
    for (size_t i = 0; titles != NULL && i < columns; i++) {
        table->titles[i] = titles[i];
    }
}

struct out *table_cell_begin(struct table *table)
{
    return table->terminal ? &table->cells : table->out;
}

void table_cell_end(struct table *table)
{
    table->count++;
    if (table->terminal) {
        out_bytes(&table->cells, "", 1);
    } else {
        out_text(table->out, table->count % table->columns == 0 ? "\n" : "\t");
    }
}

void table_cell(struct table *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out_vprintf(table_cell_begin(table), format, arguments);
    va_end(arguments);
    table_cell_end(table);
}

void table_age(struct table *table, int64_t ns)
{
    if (table->terminal) {
        out_age(table_cell_begin(table), ns);
    } else {
        out_seconds(table_cell_begin(table), ns);
    }
    table_cell_end(table);
}

/* Places on the terminal, taking each character for one. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

static void row_out(struct table *table, const char *const *cells, const size_t *widths, bool bold)
{
    out_text(table->out, bold ? "\033[1m" : "");
    for (size_t i = 0; i < table->columns; i++) {
        out_text(table->out, cells[i]);
        bool last = i + 1 == table->columns;
        size_t pad = last ? 0 : widths[i] + 2 - width_of(cells[i]);
        out_printf(table->out, "%*s", (int)pad, "");
    }
    out_text(table->out, bold ? "\033[0m\n" : "\n");
}

void table_end(struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    const char *cell = table->cells.data;
    for (size_t i = 0; table->titles[0] != NULL && i < table->columns; i++) {
        widths[i] = width_of(table->titles[i]);
    }
    for (size_t i = 0; table->terminal && i < table->count; i++) {
        size_t width = width_of(cell);
        size_t *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
        cell += strlen(cell) + 1;
    }
    if (table->terminal && table->count > 0 && table->titles[0] != NULL) {
        row_out(table, table->titles, widths, getenv("NO_COLOR") == NULL);
    }
    cell = table->cells.data;
    for (size_t i = 0; table->terminal && i < table->count; i += table->columns) {
        const char *row[TABLE_COLUMNS_MAX];
        for (size_t k = 0; k < table->columns; k++) {
            row[k] = cell;
            cell += strlen(cell) + 1;
        }
        row_out(table, row, widths, false);
    }
    out_clear(&table->cells);
}

/* ---- progress ---- */

enum { PROGRESS_FIRST_MS = 1000, PROGRESS_EVERY_MS = 250 };

void progress_begin(struct progress *progress, bool wanted)
{
    progress->shown = wanted && isatty(STDERR_FILENO) == 1;
    progress->drawn = false;
    progress->next_ns = cli_now_ns() + INT64_C(1000000) * PROGRESS_FIRST_MS;
}

void progress_show(struct progress *progress, uint64_t messages)
{
    if (!progress->shown || cli_now_ns() < progress->next_ns) {
        return;
    }
    progress->drawn = true;
    progress->next_ns = cli_now_ns() + INT64_C(1000000) * PROGRESS_EVERY_MS;
    fprintf(stderr, "\r%llu messages", (unsigned long long)messages);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    }
}
