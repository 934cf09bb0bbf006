/* secrets.c - the files of keys, tokens and permissions. See secrets.h. */
#include "broker/io/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/io/file.h"
#include "protocol/keys.h"

#define TEXT_BYTES_MAX  (4u << 20)
#define KEY_BYTES_MAX   4096u
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
    ok = file_read(&(struct file_wish){.path = path, .secret = true, .bytes_max = KEY_BYTES_MAX},
                   &text, &secrets->has_key, error);
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

/* As it will be when the first start has made it. */
static bool imagine_server_key(struct secrets *secrets)
{
    randombytes_buf(secrets->server_secret, sizeof(secrets->server_secret));
    secrets->has_key = true;
    return true;
}

static bool server_key(struct secrets *secrets, const struct config *config, enum secrets_use use,
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
    if (use != SECRETS_AGAIN && access(path, F_OK) != 0 && errno == ENOENT) {
        if (use == SECRETS_CHECK) {
            return imagine_server_key(secrets);
        }
        if (!make_server_key(path, config->keys_dir, log, error)) {
            return false;
        }
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
    if (!file_read(&(struct file_wish){.path = path,
                                       .secret = which == TOKENS,
                                       .optional = given[which] == NULL,
                                       .bytes_max = TEXT_BYTES_MAX},
                   bytes, &texts[which]->given, error)) {
        return false;
    }
    texts[which]->bytes = mst_buf_span(bytes);
    return true;
}

bool secrets_read(struct secrets *secrets, const struct config *config, enum secrets_use use,
                  const struct log *log, char error[SECRETS_ERROR_MAX])
{
    memset(secrets, 0, sizeof(*secrets));
    if (!server_key(secrets, config, use, log, error)) {
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
