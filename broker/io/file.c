/* file.c - small files, read as a whole or not at all. See file.h. */
#include "broker/io/file.h"

#include "protocol/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char error[FILE_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(char error[FILE_ERROR_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, FILE_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static bool read_all(int fd, const struct file_wish *wish, size_t size, struct mst_buf *out,
                     char error[FILE_ERROR_MAX])
{
    if (size > wish->bytes_max) {
        return fail(error, "%.300s is too large: it has %zu bytes, more than %zu", wish->path, size,
                    wish->bytes_max);
    }
    /* Once, and large enough, so that no copy of a secret is left where the buffer was. */
    if (!mst_buf_reserve(out, size + 1)) {
        return fail(error, "cannot read %.300s: out of memory", wish->path);
    }
    while (out->len < out->cap) {
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len);

        if (n < 0) {
            return fail(error, "cannot read %.300s: %s", wish->path, strerror(errno));
        }
        if (n == 0) {
            return true;
        }
        out->len += (size_t)n;
    }
    return fail(error, "%.300s grew while it was read; try again", wish->path);
}

bool file_read(const struct file_wish *wish, struct mst_buf *out, bool *there_out,
               char error[FILE_ERROR_MAX])
{
    int fd = open(wish->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat file;
    unsigned mode;
    bool ok;

    *there_out = fd >= 0;
    if (fd < 0) {
        return (wish->optional && errno == ENOENT) ||
               fail(error, "cannot read %.300s: %s", wish->path, strerror(errno));
    }
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        ok = fail(error, "%.300s is no regular file; name a file", wish->path);
        close(fd);
        return ok;
    }
    mode = (unsigned)file.st_mode & 07777;
    if (wish->secret &&
        !mst_key_mode_is_tight(file.st_mode & 07777u, file.st_uid == 0, geteuid() == 0)) {
        ok = fail(error, "%.300s holds a secret and others may use it (mode %04o); chmod 600 it",
                  wish->path, mode);
    } else if ((mode & 022) != 0) {
        ok = fail(error, "%.300s can be changed by others (mode %04o); chmod 644 it", wish->path,
                  mode);
    } else {
        ok = read_all(fd, wish, (size_t)file.st_size, out, error);
    }
    close(fd);
    return ok;
}
