/* secrets.c - keys and tokens in files: read for a connection, made and shown for a person. */
#include "client-lib/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/error.h"
#include "protocol/keys.h"

#define FILE_BYTES_MAX 1024 /* a key and white space */

_Static_assert(MUSTER_KEY_TEXT == MST_KEY_TEXT + 1, "the public size of a key's text");

static bool fail(char why[MST_SECRETS_WHY], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(char why[MST_SECRETS_WHY], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, MST_SECRETS_WHY, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- files ---- */

static bool read_text(int fd, const char *path, char *text, size_t *len_out,
                      char why[MST_SECRETS_WHY])
{
    struct stat file;
    ssize_t n;

    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        return fail(why, "%.200s is no regular file", path);
    }
    if (!mst_key_mode_is_tight(file.st_mode & 07777u, file.st_uid == 0, geteuid() == 0)) {
        return fail(why, "%.200s holds a secret and others may use it (mode %04o); chmod 600 it",
                    path, (unsigned)file.st_mode & 07777);
    }
    n = read(fd, text, FILE_BYTES_MAX);
    if (n < 0) {
        return fail(why, "cannot read %.200s: %s", path, strerror(errno));
    }
    *len_out = (size_t)n;
    return true;
}

static bool read_key(const char *path, enum mst_key_kind kind, uint8_t key[MST_NOISE_KEY],
                     char why[MST_SECRETS_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char text[FILE_BYTES_MAX];
    size_t len = 0;
    bool ok;

    if (fd < 0) {
        return fail(why, "cannot read %.200s: %s", path, strerror(errno));
    }
    ok = read_text(fd, path, text, &len, why);
    close(fd);
    if (ok) {
        const char *fault = mst_key_read(mst_span_of(text, len), kind, key);

        ok = fault == NULL || fail(why, "%.200s: %s", path, fault);
    }
    sodium_memzero(text, sizeof(text));
    return ok;
}

/* ---- for a connection ---- */

static const char *given_or_environment(const char *given, const char *variable)
{
    const char *value = given != NULL ? given : getenv(variable);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool read_server_key(struct mst_secrets *secrets, const struct mst_link *link,
                            const muster_client_options *options, char why[MST_SECRETS_WHY])
{
    const char *in_url = link->server_key[0] == '\0' ? NULL : link->server_key;
    const char *given = given_or_environment(options->server_key, "MUSTER_SERVER_KEY");
    uint8_t other[MST_NOISE_KEY];
    const char *fault;

    if (in_url == NULL && given == NULL) {
        return true;
    }
    fault = mst_key_read(mst_span_text(in_url != NULL ? in_url : given), MST_KEY_PUBLIC,
                         secrets->server_key);
    if (fault != NULL) {
        return fail(why, "the server key: %s", fault);
    }
    if (in_url != NULL && options->server_key != NULL &&
        (mst_key_read(mst_span_text(given), MST_KEY_PUBLIC, other) != NULL ||
         memcmp(other, secrets->server_key, sizeof(other)) != 0)) {
        return fail(why, "the URL names another server key than the option; give one of them");
    }
    secrets->sealed = true;
    return true;
}

bool mst_secrets_read(struct mst_secrets *secrets, const struct mst_link *link,
                      const muster_client_options *options, char why[MST_SECRETS_WHY])
{
    const char *key = given_or_environment(options->key_file, "MUSTER_KEY");
    const char *token = given_or_environment(options->token_file, "MUSTER_TOKEN_FILE");

    memset(secrets, 0, sizeof(*secrets));
    if (!read_server_key(secrets, link, options, why)) {
        return false;
    }
    if (!secrets->sealed) {
        /* On a Unix socket the system says who it is; elsewhere somebody expects to be known. */
        return (key == NULL && token == NULL) || link->is_unix ||
               fail(why, "a key or a token is only shown to a broker whose key is known; give the "
                         "server key: muster://KEY@host:port");
    }
    randombytes_buf(secrets->secret, sizeof(secrets->secret));
    if ((key != NULL && !read_key(key, MST_KEY_SECRET, secrets->secret, why)) ||
        (token != NULL && !read_key(token, MST_KEY_TOKEN, secrets->token, why))) {
        return false;
    }
    secrets->has_token = token != NULL;
    return true;
}

struct mst_channel_client mst_secrets_next(const struct mst_secrets *secrets,
                                           uint8_t ephemeral[MST_NOISE_KEY])
{
    randombytes_buf(ephemeral, MST_NOISE_KEY);
    return (struct mst_channel_client){.secret = secrets->secret,
                                       .ephemeral = ephemeral,
                                       .server_key = secrets->server_key,
                                       .token = secrets->has_token ? secrets->token : NULL};
}

/* ---- for a person ---- */

enum muster_status muster_key_make(const char *path, bool token, char public_out[MUSTER_KEY_TEXT])
{
    uint8_t key[MST_NOISE_KEY];
    uint8_t public_key[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 2];
    bool ok;
    int fd;

    public_out[0] = '\0';
    if (sodium_init() < 0) {
        return mst_complain(MST_UNAVAILABLE, "make %.200s: the system gives no random bytes", path);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return mst_complain(MST_VALUE, "make %.200s: %s; name a file that is not there yet", path,
                            strerror(errno));
    }
    randombytes_buf(key, sizeof(key));
    mst_key_write(text, token ? MST_KEY_TOKEN : MST_KEY_SECRET, key);
    text[MST_KEY_TEXT] = '\n';
    ok = write(fd, text, MST_KEY_TEXT + 1) == MST_KEY_TEXT + 1 && fsync(fd) == 0;
    if (!ok) {
        mst_complain(MST_NO_SPACE, "make %.200s: %s", path, strerror(errno));
        unlink(path);
    } else if (!token) {
        mst_noise_public(public_key, key);
        mst_key_write(public_out, MST_KEY_PUBLIC, public_key);
    }
    close(fd);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(text, sizeof(text));
    return ok ? MUSTER_OK : MUSTER_NO_SPACE;
}

enum muster_status muster_key_show(const char *path, char public_out[MUSTER_KEY_TEXT])
{
    uint8_t key[MST_NOISE_KEY];
    uint8_t public_key[MST_NOISE_KEY];
    char why[MST_SECRETS_WHY];

    public_out[0] = '\0';
    if (!read_key(path, MST_KEY_SECRET, key, why)) {
        return mst_complain(MST_VALUE, "show the public key: %s", why);
    }
    mst_noise_public(public_key, key);
    mst_key_write(public_out, MST_KEY_PUBLIC, public_key);
    sodium_memzero(key, sizeof(key));
    return MUSTER_OK;
}
