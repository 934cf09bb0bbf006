/* secrets.c - the files of keys, tokens and permissions. See secrets.h. */
#include "broker/io/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/keys.h"

#define FILE_BYTES_MAX  (4u << 20)
#define SERVER_KEY_NAME "server.key"

enum text { KEYS, TOKENS, PERMISSIONS };

static const char *const names[SECRETS_TEXTS] = {"allow-keys", "tokens", "permissions"};

static bool fail(char error[SECRETS_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(char error[SECRETS_ERROR_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, SECRETS_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- files ---- */

static bool read_all(int fd, const char *path, size_t size, struct mst_buf *out,
                     char error[SECRETS_ERROR_MAX])
{
    /* Once, and large enough, so that no copy of a secret is left where the buffer was. */
    if (size > FILE_BYTES_MAX || !mst_buf_reserve(out, size + 1)) {
        return fail(error, "%.300s is too large: it has %zu bytes, more than %u", path, size,
                    FILE_BYTES_MAX);
    }
    while (out->len < out->cap) {
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len);

        if (n < 0) {
            return fail(error, "cannot read %.300s: %s", path, strerror(errno));
        }
        if (n == 0) {
            return true;
        }
        out->len += (size_t)n;
    }
    return fail(error, "%.300s grew while it was read; try again", path);
}

/* secret: others may not even read it. optional: it need not be there, and *there_out says. */
static bool read_file(const char *path, bool secret, bool optional, struct mst_buf *out,
                      bool *there_out, char error[SECRETS_ERROR_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat file;
    bool ok;

    *there_out = fd >= 0;
    if (fd < 0) {
        return (optional && errno == ENOENT) ||
               fail(error, "cannot read %.300s: %s", path, strerror(errno));
    }
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        ok = fail(error, "%.300s is no regular file", path);
    } else if (secret && (file.st_mode & 077) != 0) {
        ok = fail(error, "%.300s holds a secret and others may use it (mode %04o); chmod 600 it",
                  path, (unsigned)file.st_mode & 07777);
    } else if ((file.st_mode & 022) != 0) {
        ok = fail(error, "%.300s can be changed by others (mode %04o); chmod 644 it", path,
                  (unsigned)file.st_mode & 07777);
    } else {
        ok = read_all(fd, path, (size_t)file.st_size, out, error);
    }
    close(fd);
    return ok;
}

/* ---- the server's key ---- */

static bool make_server_key(const char *path, const char *dir, const struct log *log,
                            char error[SECRETS_ERROR_MAX])
{
    uint8_t secret[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 2];
    bool ok;
    int fd;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return fail(error, "cannot make the directory %.300s: %s", dir, strerror(errno));
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno == EEXIST || fail(error, "cannot make %.300s: %s", path, strerror(errno));
    }
    randombytes_buf(secret, sizeof(secret));
    mst_key_write(text, MST_KEY_SECRET, secret);
    text[MST_KEY_TEXT] = '\n';
    ok = write(fd, text, MST_KEY_TEXT + 1) == MST_KEY_TEXT + 1 && fsync(fd) == 0;
    ok = ok || fail(error, "cannot write %.300s: %s", path, strerror(errno));
    close(fd);
    if (!ok) {
        unlink(path);
    } else {
        log_line(log, ENGINE_INFO, "made the server's key: %s", path);
    }
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));
    return ok;
}

static bool read_server_key(struct secrets *secrets, const char *path,
                            char error[SECRETS_ERROR_MAX])
{
    struct mst_buf text;
    bool ok;

    mst_buf_init(&text);
    ok = read_file(path, true, false, &text, &secrets->has_key, error);
    if (ok) {
        const char *why = mst_key_read(mst_buf_span(&text), MST_KEY_SECRET, secrets->server_secret);

        ok = why == NULL || fail(error, "%.300s: %s", path, why);
    }
    if (text.data != NULL) {
        sodium_memzero(text.data, text.cap);
    }
    mst_buf_clear(&text);
    return ok;
}

static bool server_key(struct secrets *secrets, const struct config *config, bool make_key,
                       const struct log *log, char error[SECRETS_ERROR_MAX])
{
    char path[SECRETS_PATH_MAX];

    if (config->server_key_file != NULL) {
        return read_server_key(secrets, config->server_key_file, error);
    }
    if (config->keys_dir == NULL) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/" SERVER_KEY_NAME, config->keys_dir);
    if (make_key && access(path, F_OK) != 0 && errno == ENOENT &&
        !make_server_key(path, config->keys_dir, log, error)) {
        return false;
    }
    return read_server_key(secrets, path, error);
}

/* ---- all of them ---- */

static bool read_text(struct secrets *secrets, const struct config *config, enum text which,
                      char error[SECRETS_ERROR_MAX])
{
    const char *const given[SECRETS_TEXTS] = {config->allow_keys, config->tokens,
                                              config->permissions};
    struct access_text *const texts[SECRETS_TEXTS] = {&secrets->security.texts.keys,
                                                      &secrets->security.texts.tokens,
                                                      &secrets->security.texts.permissions};
    char *path = secrets->paths[which];
    struct mst_buf *bytes = &secrets->texts[which];

    texts[which]->source = path;
    if (given[which] != NULL) {
        snprintf(path, SECRETS_PATH_MAX, "%s", given[which]);
    } else if (config->keys_dir != NULL) {
        snprintf(path, SECRETS_PATH_MAX, "%s/%s", config->keys_dir, names[which]);
    } else {
        return true;
    }
    if (!read_file(path, which == TOKENS, given[which] == NULL, bytes, &texts[which]->given,
                   error)) {
        return false;
    }
    texts[which]->bytes = mst_buf_span(bytes);
    return true;
}

bool secrets_read(struct secrets *secrets, const struct config *config, bool make_key,
                  const struct log *log, char error[SECRETS_ERROR_MAX])
{
    memset(secrets, 0, sizeof(*secrets));
    if (!server_key(secrets, config, make_key, log, error)) {
        return false;
    }
    for (int which = 0; which < SECRETS_TEXTS; which++) {
        if (!read_text(secrets, config, (enum text)which, error)) {
            return false;
        }
    }
    secrets->security.texts.anonymous = config->allow_anonymous;
    secrets->security.server_secret = secrets->has_key ? secrets->server_secret : NULL;
    if (!secrets->has_key && (secrets->security.texts.keys.given ||
                              secrets->security.texts.tokens.given || config->allow_anonymous)) {
        return fail(error, "keys, tokens and --allow-anonymous are of no use without a server "
                           "key; give --keys-dir DIR or --server-key-file FILE");
    }
    return true;
}

void secrets_clear(struct secrets *secrets)
{
    for (int which = 0; which < SECRETS_TEXTS; which++) {
        struct mst_buf *bytes = &secrets->texts[which];

        if (bytes->data != NULL) {
            sodium_memzero(bytes->data, bytes->cap);
        }
        mst_buf_clear(bytes);
    }
    sodium_memzero(secrets, sizeof(*secrets));
}
