/* reload.c - configuration, keys, tokens and permissions, read at the start and at HUP. See
 * reload.h. */
#include "broker/io/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/io/internal.h"
#include "broker/io/secrets.h"
#include "protocol/keys.h"

/* ---- the configuration ---- */

bool load_config(struct config *config, int argc, char *const argv[], struct config_errors *errors)
{
    struct config_sources sources = {.argc = argc, .argv = argv};
    struct mst_buf text;
    bool there;
    bool ok;

    if (!config_read(config, &sources, errors) || config->file == NULL) {
        return errors->count == 0;
    }
    sources.file = config->file; /* of argv, so it outlives this config */
    config_clear(config);
    mst_buf_init(&text);
    ok = file_read(&(struct file_wish){.path = sources.file, .bytes_max = CONFIG_FILE_BYTES_MAX},
                   &text, &there, errors->lines[0]);
    if (ok) {
        sources.text = mst_buf_span(&text);
        ok = config_read(config, &sources, errors);
    } else {
        errors->count = 1;
    }
    mst_buf_clear(&text);
    return ok;
}

/* ---- keys, tokens, permissions ---- */

static bool has_secrets(const struct config *config)
{
    return config->keys_dir != NULL || config->server_key_file != NULL ||
           config->allow_keys != NULL || config->tokens != NULL || config->permissions != NULL ||
           config->allow_anonymous;
}

/* It would hold the keys. The limit keeps a core file from being written, and is not asked when
 * the system hands cores to a program; an empty filter leaves nothing of the memory to hand over.
 * To be not dumpable would do both, and take away debuggers and leak checkers as well. */
static void forbid_core(void)
{
    struct rlimit none = {0, 0};
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

    setrlimit(RLIMIT_CORE, &none);
    if (fd >= 0 && write(fd, "0", 1) < 0) {
        errno = 0; /* a kernel without filters: the limit is what there is */
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void meet_server_key(struct io *io, const struct secrets *secrets)
{
    char text[MST_KEY_TEXT + 1];

    io->has_key = true;
    forbid_core();
    mst_noise_public(io->public_key, secrets->server_secret);
    mst_key_write(text, MST_KEY_PUBLIC, io->public_key);
    log_line(&io->log, ENGINE_INFO, "the server's public key is %s", text);
}

static void compare_server_key(const struct io *io, const struct secrets *secrets)
{
    uint8_t key[MST_NOISE_KEY];

    mst_noise_public(key, secrets->server_secret);
    if (memcmp(key, io->public_key, sizeof(key)) != 0) {
        log_line(&io->log, ENGINE_WARNING,
                 "HUP: the server's key is another one now, which holds after a restart only");
    }
}

static bool take_secrets(struct io *io, const struct config *config, enum secrets_use use,
                         char error[FILE_ERROR_MAX])
{
    struct secrets *secrets = malloc(sizeof(*secrets));
    bool ok;

    if (secrets == NULL) {
        snprintf(error, FILE_ERROR_MAX, "out of memory");
        return false;
    }
    ok = secrets_read(secrets, config, use, &io->log, error) &&
         engine_secure(io->engine, &secrets->security, error);
    if (ok && secrets->has_key && use != SECRETS_AGAIN) {
        meet_server_key(io, secrets);
    } else if (ok && secrets->has_key) {
        compare_server_key(io, secrets);
    }
    secrets_clear(secrets);
    free(secrets);
    return ok;
}

bool load_secrets(struct io *io, char error[FILE_ERROR_MAX])
{
    enum secrets_use use = io->config->check ? SECRETS_CHECK : SECRETS_START;

    return !has_secrets(io->config) || take_secrets(io, io->config, use, error);
}

/* ---- HUP ---- */

static void tell_change(const struct io *io, const struct config_change *change)
{
    const char *before = change->before[0] == '\0' ? "none" : change->before;
    const char *after = change->after[0] == '\0' ? "none" : change->after;

    if (change->restart) {
        log_line(&io->log, ENGINE_WARNING, "HUP: %s stays %s until a restart makes it %s",
                 change->name, before, after);
    } else {
        log_line(&io->log, ENGINE_INFO, "HUP: %s is %s from now on; it was %s", change->name, after,
                 before);
    }
}

static void tell_changes(const struct io *io, const struct config_changes *changes, bool secrets)
{
    for (size_t i = 0; i < changes->count; i++) {
        tell_change(io, &changes->items[i]);
    }
    if (io->config->file != NULL) {
        log_line(&io->log, ENGINE_INFO, "HUP: %s was read again; %zu options differ",
                 io->config->file, changes->count);
    }
    if (secrets) {
        log_line(&io->log, ENGINE_INFO, "HUP: keys, tokens and permissions were read again");
    } else if (io->config->file == NULL) {
        log_line(&io->log, ENGINE_INFO, "HUP changes nothing: there are no files to read again");
    }
}

static void give_up(const struct io *io, const struct config_errors *errors)
{
    size_t shown = errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;

    for (size_t i = 0; i < shown; i++) {
        log_line(&io->log, ENGINE_ERROR, "HUP changes nothing: %s", errors->lines[i]);
    }
    if (shown < errors->count) {
        log_line(&io->log, ENGINE_ERROR, "HUP changes nothing: there are %zu mistakes more",
                 errors->count - shown);
    }
}

/* Nothing can fail once the engine has taken the texts. */
static bool take_all(struct io *io, struct config *next, struct config_errors *errors)
{
    struct config_changes changes;
    bool secrets = has_secrets(next) || has_secrets(io->config);
    enum engine_log_level level = next->log_level;

    if (!config_reload(next, io->config, &changes)) {
        snprintf(errors->lines[0], CONFIG_ERROR_MAX, "out of memory");
        errors->count = 1;
        return false;
    }
    if (secrets && !take_secrets(io, next, SECRETS_AGAIN, errors->lines[0])) {
        errors->count = 1;
        return false;
    }
    engine_configure(io->engine, &next->engine);
    io->log.format = next->log_format;
    io->log.level = level > io->log.level ? level : io->log.level;
    tell_changes(io, &changes, secrets);
    io->log.level = level;
    config_clear(io->config);
    *io->config = *next;
    io_warn_if_few_files(io);
    return true;
}

_Static_assert(CONFIG_ERROR_MAX >= FILE_ERROR_MAX, "a mistake in any file can be told");

void reload(struct io *io)
{
    struct config_errors errors;
    struct config next;

    if (!load_config(&next, io->config->argc, io->config->argv, &errors)) {
        give_up(io, &errors);
    } else if (!take_all(io, &next, &errors)) {
        config_clear(&next);
        give_up(io, &errors);
    }
}
