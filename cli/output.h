/* output.h - what goes to stdout: a buffer, and three shapes for it (bytes, tables, JSON).
 *
 * Everything is collected and written with out_flush, which tells how many bytes stdout has taken:
 * a message counts as finished only then. A table has columns and a header on a terminal, and is
 * plain tab-separated lines otherwise. Out of memory ends the process with one line on stderr. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
    char *data;
    size_t len;
    size_t cap;
};

void out_clear(struct out *out);
void out_bytes(struct out *out, const void *data, size_t size);
void out_text(struct out *out, const char *text);
void out_printf(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* On one line whatever it holds: \n, \t, \\, and \xHH for other bytes that no terminal should see.
 * Not more than most bytes of the original, then "..."; 0: all. */
void out_escaped(struct out *out, const void *data, size_t size, size_t most);
/* Writes all of it to stdout and empties it. 0, or an errno; *taken_out (may be NULL) is how many
 * bytes stdout took. */
int out_flush(struct out *out, size_t *taken_out);

/* Seconds with just the decimals that are needed: 0.25, 3, 12.000001. */
void out_seconds(struct out *out, int64_t ns);
/* The same for people: 12ms, 3.2s, 5m10s, 2h3m, 4d1h. */
void out_age(struct out *out, int64_t ns);

/* ---- JSON: one object a line ---- */

void json_open(struct out *out);  /* an object: the line's, or the next one in a list */
void json_close(struct out *out); /* of one in a list */
void json_end(struct out *out);   /* of the line's */
void json_key(struct out *out, const char *key);                    /* a value must follow */
void json_text(struct out *out, const char *key, const char *text); /* NULL: null */
void json_number(struct out *out, const char *key, int64_t number);
void json_count(struct out *out, const char *key, uint64_t number);
void json_bool(struct out *out, const char *key, bool flag);
void json_seconds(struct out *out, const char *key, int64_t ns);
/* "body": text if it is UTF-8, else "body_base64". */
void json_body(struct out *out, const void *data, size_t size);

/* ---- tables ---- */

#define TABLE_COLUMNS_MAX 10

struct table {
    struct out *out;
    bool terminal;
    size_t columns;
    const char *titles[TABLE_COLUMNS_MAX];
    struct out cells; /* terminal: what was added so far, each cell ended by NUL */
    size_t count;     /* cells added */
};

/* titles end with NULL. A table without titles is a list of facts. */
void table_begin(struct table *table, struct out *out, size_t columns, const char *const *titles);
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A cell made with out_ functions: begin, write to the returned buffer, end. */
struct out *table_cell_begin(struct table *table);
void table_cell_end(struct table *table);
/* An age: for people on a terminal, else in seconds. */
void table_age(struct table *table, int64_t ns);
void table_end(struct table *table);

/* ---- progress on a terminal's stderr ---- */

struct progress {
    bool shown; /* wanted, and stderr is a terminal */
    bool drawn;
    int64_t next_ns;
};

void progress_begin(struct progress *progress, bool wanted);
void progress_show(struct progress *progress, uint64_t messages); /* cheap; draws now and then */
void progress_end(struct progress *progress);

bool out_is_terminal(void);
int64_t cli_now_ns(void); /* monotonic */
/* As realloc, but out of memory ends the process. */
void *cli_grow(void *memory, size_t size);

#endif
