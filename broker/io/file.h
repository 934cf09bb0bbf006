/* file.h - small files, read as a whole or not at all.
 *
 * What musterd obeys must not be writable by others, what is secret not even readable. Must not
 * know: what the bytes mean. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "protocol/buf.h"

#define FILE_ERROR_MAX 512

struct file_wish {
    const char *path;
    bool secret;   /* nobody but its owner may even read it */
    bool optional; /* it need not be there */
    size_t bytes_max;
};

/* Appends the file to out, which is empty. *there_out: it is there. false: error has one line that
 * says what is wrong and what to do. */
bool file_read(const struct file_wish *wish, struct mst_buf *out, bool *there_out,
               char error[FILE_ERROR_MAX]);

#endif
