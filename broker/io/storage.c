/* storage.c - the data directory of a running broker. See storage.h.
 *
 * Must not know: what records say, how the journal is laid out. */
#include "broker/io/storage.h"

#include "broker/io/disk.h"
#include "broker/io/helpers.h"
#include "broker/journal/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES  (1u << 20)
#define WATCHERS_NS 10000000          /* in a recovery, so often is HTTP served */
#define BACKUP_NAME "restored-backup" /* while it is restored */
#define LOST_FOUND  "lost+found"      /* in the root of a file system; never ours */

struct storage {
    struct disk *disk;
    struct helpers *helpers;
    struct journal *journal;
    struct event finished;
    bool watched;
};

/* ---- ports ---- */

static void port_entropy(void *user, uint8_t *out, size_t len)
{
    (void)user;
    randombytes_buf(out, len);
}

static void port_log(void *user, enum store_log_level level, const char *text)
{
    static const enum engine_log_level levels[] = {[STORE_LOG_ERROR] = ENGINE_ERROR,
                                                   [STORE_LOG_WARNING] = ENGINE_WARNING,
                                                   [STORE_LOG_INFO] = ENGINE_INFO};

    log_line(user, levels[level], "%s", text);
}

static int64_t port_now(void *user)
{
    (void)user;
    return io_now_ns();
}

/* The log is only written to, never changed. */
static struct store_ports ports_of(struct log *log, struct disk *disk, struct helpers *helpers)
{
    return (struct store_ports){.disk = disk,
                                .jobs = {helpers, helpers_submit},
                                .user = log,
                                .entropy = port_entropy,
                                .log = port_log,
                                .now_ns = port_now,
                                .replica = engine_replica()};
}

/* ---- what went wrong, as an exit code ---- */

static int disk_code(enum io_disk_status status)
{
    static const int codes[] = {[IO_DISK_OK] = 0,
                                [IO_DISK_IN_USE] = CONFIG_EXIT_IN_USE,
                                [IO_DISK_DENIED] = CONFIG_EXIT_DENIED,
                                [IO_DISK_FAILED] = CONFIG_EXIT_DISK,
                                [IO_DISK_USAGE] = CONFIG_EXIT_USAGE};

    return codes[status];
}

static int store_code(enum store_status status)
{
    static const int codes[] = {[STORE_OK] = 0,
                                [STORE_CORRUPT] = CONFIG_EXIT_CORRUPT,
                                [STORE_VERSION] = CONFIG_EXIT_CORRUPT,
                                [STORE_IO] = CONFIG_EXIT_DISK,
                                [STORE_NO_MEMORY] = CONFIG_EXIT_FAILED,
                                [STORE_REFUSED] = CONFIG_EXIT_CORRUPT};

    return codes[status];
}

/* ---- a backup becomes the data directory ---- */

struct restoring {
    bool has_begun; /* a restore that did not come to its end left its copy */
    bool has_others;
};

static bool note_name(void *user, const char *name)
{
    struct restoring *found = user;

    if (strcmp(name, BACKUP_NAME) == 0) {
        found->has_begun = true;
    } else if (strcmp(name, LOST_FOUND) != 0) {
        found->has_others = true;
    }
    return true;
}

/* The file may be anywhere; the journal's own copy is in its directory. A negative errno. */
static int copy_in(struct disk *disk, int from)
{
    uint8_t *buffer = malloc(COPY_BYTES);
    uint64_t offset = 0;
    int into = disk->table->open(disk, BACKUP_NAME, DISK_CREATE);
    int error = buffer == NULL ? -ENOMEM : into < 0 ? into : 0;
    ssize_t n = 1;

    while (error == 0 && n > 0) {
        n = read(from, buffer, COPY_BYTES);
        error = n < 0 ? -errno : disk->table->write(disk, into, offset, buffer, (size_t)n);
        offset += n < 0 ? 0 : (uint64_t)n;
    }
    if (error == 0) {
        error = disk->table->sync(disk, into);
    }
    if (into >= 0) {
        disk->table->close(disk, into);
    }
    free(buffer);
    return error;
}

static int restore(const struct io *io, struct disk *disk)
{
    const char *path = io->config->restore;
    char error[STORE_ERROR_MAX];
    enum store_status status;
    struct restoring found = {0};
    int from;
    int failed;

    disk->table->list(disk, note_name, &found);
    if (found.has_others) {
        log_line(&io->log, ENGINE_ERROR,
                 "cannot restore '%s': data directory '%s' is not empty; name a new one", path,
                 io->config->data_dir);
        return CONFIG_EXIT_IN_USE;
    }
    from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        log_line(&io->log, ENGINE_ERROR, "cannot read backup '%s': %s", path, strerror(errno));
        return CONFIG_EXIT_USAGE;
    }
    if (found.has_begun) {
        disk->table->remove(disk, BACKUP_NAME);
    }
    failed = copy_in(disk, from);
    close(from);
    if (failed != 0) {
        log_line(&io->log, ENGINE_ERROR, "cannot copy backup '%s' into '%s': %s", path,
                 io->config->data_dir, strerror(-failed));
        disk->table->remove(disk, BACKUP_NAME);
        return CONFIG_EXIT_DISK;
    }
    status = store_restore(disk, BACKUP_NAME, error);
    if (status != STORE_OK) {
        log_line(&io->log, ENGINE_ERROR, "cannot restore '%s': %s", path, error);
        disk->table->remove(disk, BACKUP_NAME);
    } else {
        log_line(&io->log, ENGINE_INFO, "restored '%s' into '%s'", path, io->config->data_dir);
    }
    return store_code(status);
}

/* Otherwise a broker with nothing in it would run, as if all were well. */
static int refuse_half_restored(const struct io *io, struct disk *disk)
{
    struct restoring found = {0};

    disk->table->list(disk, note_name, &found);
    if (!found.has_begun) {
        return 0;
    }
    log_line(&io->log, ENGINE_ERROR,
             "data directory '%s' was being restored and that did not come to its end; empty it, "
             "and start with --restore again",
             io->config->data_dir);
    return CONFIG_EXIT_IN_USE;
}

/* ---- opened ---- */

struct recovering {
    struct io *io;
    int64_t next_ns; /* when those who watch are served again */
};

/* Only who asks over HTTP is served meanwhile: nothing else is in the loop yet. */
static void serve_watchers(struct recovering *recovering)
{
    int64_t now_ns = io_now_ns();

    if (now_ns >= recovering->next_ns) {
        event_base_loop(recovering->io->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        recovering->next_ns = now_ns + WATCHERS_NS;
    }
}

static enum store_status apply(void *user, struct mst_span records, uint64_t seq, uint64_t place)
{
    struct recovering *recovering = user;

    serve_watchers(recovering);
    return engine_recovered(engine_recover(recovering->io->engine, records, seq, place));
}

static bool lend_memory(void *user)
{
    return engine_lend_memory(((struct recovering *)user)->io->engine);
}

static int recover(struct io *io, struct storage *storage)
{
    struct store_config config = {.segment_bytes = io->config->segment_bytes};
    struct store_ports ports = ports_of(&io->log, storage->disk, storage->helpers);
    struct recovering recovering = {io, 0};
    struct store_recovery recovery = {&recovering, apply, lend_memory};
    int64_t began_ns = io_now_ns();
    char error[STORE_ERROR_MAX];
    enum store_status status = store_open(&config, &ports, &recovery, &storage->journal, error);

    if (status != STORE_OK) {
        log_line(&io->log, ENGINE_ERROR, "cannot start on data directory '%s': %s",
                 io->config->data_dir, error);
        return store_code(status);
    }
    engine_attach(io->engine, storage->journal);
    log_line(&io->log, ENGINE_INFO, "data directory '%s' is ready after %.3f s",
             io->config->data_dir, (double)(io_now_ns() - began_ns) / 1e9);
    return 0;
}

int storage_open(struct io *io)
{
    struct storage *storage;
    char error[IO_DISK_ERROR_MAX];
    int code;

    if (io->config->data_dir == NULL) {
        return 0;
    }
    storage = io->storage = calloc(1, sizeof(*storage));
    if (storage == NULL) {
        log_line(&io->log, ENGINE_ERROR, "cannot start: out of memory");
        return CONFIG_EXIT_FAILED;
    }
    code = disk_code(io_disk_open(io->config->data_dir, true, true, &storage->disk, error));
    if (code != 0) {
        log_line(&io->log, ENGINE_ERROR, "%s", error);
        return code;
    }
    code = io->config->restore != NULL ? restore(io, storage->disk)
                                       : refuse_half_restored(io, storage->disk);
    if (code != 0) {
        return code;
    }
    storage->helpers = helpers_new();
    if (storage->helpers == NULL) {
        log_line(&io->log, ENGINE_ERROR, "cannot start the threads of the journal: %s",
                 strerror(errno));
        return CONFIG_EXIT_FAILED;
    }
    return recover(io, storage);
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    struct io *io = arg;

    (void)fd;
    (void)what;
    io->came = true;
    helpers_finish(io->storage->helpers);
}

bool storage_watch(struct io *io)
{
    struct storage *storage = io->storage;

    if (storage == NULL) {
        return true;
    }
    event_assign(&storage->finished, io->base, helpers_fd(storage->helpers), EV_READ | EV_PERSIST,
                 on_finished, io);
    storage->watched = event_add(&storage->finished, NULL) == 0;
    return storage->watched;
}

bool storage_write(struct io *io, bool here)
{
    return io->storage != NULL && helpers_release(io->storage->helpers, here);
}

bool storage_close(struct io *io)
{
    struct storage *storage = io->storage;

    if (storage == NULL) {
        return true;
    }
    if (storage->watched) {
        event_del(&storage->finished);
    }
    if (storage->helpers != NULL && !helpers_idle(storage->helpers)) {
        return false;
    }
    helpers_free(&storage->helpers);
    journal_free(&storage->journal);
    io_disk_close(&storage->disk);
    free(storage);
    io->storage = NULL;
    return true;
}

/* ---- commands ---- */

bool storage_is_command(const struct config *config)
{
    return config->verify_data != NULL || config->salvage != NULL;
}

static int open_for_command(const char *path, bool write, struct disk **disk, const struct log *log)
{
    char error[IO_DISK_ERROR_MAX];
    int code = disk_code(io_disk_open(path, write, write, disk, error));

    if (code != 0) {
        log_line(log, ENGINE_ERROR, "%s", error);
    }
    return code;
}

static int verify(const struct config *config, const struct log *log)
{
    struct store_report report = {0};
    char error[STORE_ERROR_MAX];
    struct disk *disk;
    enum store_status status;
    int code = open_for_command(config->verify_data, false, &disk, log);

    if (code != 0) {
        return code;
    }
    status = store_verify(disk, &report, error);
    io_disk_close(&disk);
    if (status != STORE_OK) {
        log_line(log, ENGINE_ERROR, "%s", error);
        return store_code(status);
    }
    printf("%s: %llu files, %llu batches, %llu bytes of records are whole", config->verify_data,
           (unsigned long long)report.files, (unsigned long long)report.batches,
           (unsigned long long)report.record_bytes);
    if (report.torn_bytes > 0) {
        printf("; %llu bytes behind them were never acknowledged, and a start cuts them off",
               (unsigned long long)report.torn_bytes);
    }
    puts("");
    return log_printed(log);
}

static int salvage(const struct config *config, const struct log *log)
{
    struct store_report report = {0};
    struct log *lines = &(struct log){0};
    struct store_ports ports;
    char error[STORE_ERROR_MAX];
    struct disk *from = NULL;
    struct disk *into = NULL;
    enum store_status status;
    int code;

    *lines = *log;
    ports = ports_of(lines, NULL, NULL);
    code = open_for_command(config->salvage, false, &from, log);
    if (code == 0) {
        code = open_for_command(config->into, true, &into, log);
    }
    if (code == 0) {
        status = store_salvage(from, into, &ports, &report, error);
        code = store_code(status);
        if (status != STORE_OK) {
            log_line(log, ENGINE_ERROR, "%s", error);
        } else {
            printf("%llu batches, %llu bytes of records are in %s; %llu bytes were lost\n",
                   (unsigned long long)report.batches, (unsigned long long)report.record_bytes,
                   config->into, (unsigned long long)report.lost_bytes);
            code = log_printed(log);
        }
    }
    io_disk_close(&from);
    io_disk_close(&into);
    return code;
}

int storage_command(const struct config *config, const struct log *log)
{
    return config->verify_data != NULL ? verify(config, log) : salvage(config, log);
}
