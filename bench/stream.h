/* stream.h - a blocking connection with a buffer each way, for peers that are spoken to directly.
 *
 * What is appended leaves with stream_flush, or with the first read that has to wait. Any failure
 * ends the process. Must not know any protocol. */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;
    const char *who; /* for errors */
    char *out;
    size_t out_len, out_cap;
    char *in;
    size_t in_from, in_to, in_cap;
};

void stream_open(struct stream *stream, const char *who, const char *host, int port);
void stream_close(struct stream *stream);

void stream_append(struct stream *stream, const void *bytes, size_t len);
void stream_print(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void stream_flush(struct stream *stream);

/* Is there anything to read within the time? What was appended is sent first. -1: for ever. */
bool stream_ready(struct stream *stream, int timeout_ms);
/* The next len bytes, in place; they stay until the next call that reads. */
const char *stream_read(struct stream *stream, size_t len);
const char *stream_peek(struct stream *stream, size_t len); /* the same, and leaves them there */
/* Are len bytes in the buffer already? */
bool stream_has(const struct stream *stream, size_t len);
/* The next line without its CR LF, ended by NUL, in place. */
char *stream_line(struct stream *stream);

#endif
