/* backup.c - a backup: a compaction in which everything moves, into a file of
 * its own. See backup.h.
 *
 * The log is sealed, so that the backup has what was durable when it was asked
 * for and nothing later; the file is a checkpoint that refers to no other, and
 * belongs to no log. It is read in pieces by whoever asked and then removed; a
 * start removes one that was left behind. */
#include "broker/journal/backup.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/journal/compaction.h"
#include "broker/journal/fetch.h"

enum backup_state {
    BACKUP_NONE,
    BACKUP_SEALING, /* waits for the seal, and for a compaction that works */
    BACKUP_WRITING,
    BACKUP_READY,
    BACKUP_FAILED,
    BACKUP_REMOVING
};

struct backup {
    struct compaction_work work; /* first */
    enum backup_state state;
    bool is_given_up; /* while it was written */
    uint64_t bytes;
    struct job removal;
    struct store *store;
};

static struct backup *backup_of(struct job *removal)
{
    return (struct backup *)(void *)((char *)removal - offsetof(struct backup, removal));
}

/* ---- its end ---- */

static void removal_work(struct job *job)
{
    struct disk *disk = backup_of(job)->store->ports.disk;
    char name[DISK_NAME_MAX + 1];

    format_name(FILE_BACKUP, 0, name);
    disk->table->remove(disk, name); /* if it stays, the next start removes it */
}

static void removal_done(struct job *job)
{
    backup_of(job)->state = BACKUP_NONE;
}

static void remove_file(struct store *store)
{
    struct backup *backup = store->backup;

    backup->state = BACKUP_REMOVING;
    backup->bytes = 0;
    backup->removal = (struct job){removal_work, removal_done, JOB_COMPACT, NULL};
    store_submit(store, &backup->removal);
}

void store_backup_end(struct journal *journal)
{
    struct store *store = store_of(journal);
    struct backup *backup = store->backup;

    if (backup->state == BACKUP_READY) {
        remove_file(store);
    } else if (backup->state == BACKUP_FAILED) {
        backup->state = BACKUP_NONE;
    } else {
        backup->is_given_up = true;
    }
}

/* ---- its beginning ---- */

static void backup_work(struct job *job)
{
    compaction_carry_out((struct compaction_work *)job);
}

static void backup_done(struct job *job)
{
    struct compaction_work *work = (struct compaction_work *)job;
    struct store *store = work->store;
    struct backup *backup = store->backup;

    backup->bytes = work->bytes;
    backup->state = work->status == STORE_OK ? BACKUP_READY : BACKUP_FAILED;
    if (work->status == STORE_CORRUPT) {
        store_fail(store, "%s", work->error);
    } else if (work->status != STORE_OK) {
        store_log(&store->ports, STORE_LOG_WARNING, "the backup was not made: %s", work->error);
    }
    compaction_clear(work);
    if (backup->is_given_up) {
        store_backup_end(&store->journal);
    }
}

/* The file is the whole of a journal of its own: it begins with number 1, and a
 * log would go on behind it. */
static bool write_backup(struct store *store)
{
    struct compaction_work *work = &store->backup->work;

    *work = (struct compaction_work){
        .job = {backup_work, backup_done, JOB_COMPACT, NULL},
        .store = store,
        .disk = store->ports.disk,
        .replica = store->ports.replica,
        .checkpoint = store->checkpoint,
        .last_segment = store->writer.seal.next_segment - 1,
        .header = {.kind = FILE_BACKUP, .number = 1, .next_segment = 2, .next_batch = 1},
        .moves_all = true,
    };
    memcpy(work->journal_id, store->id, FORMAT_ID_BYTES);
    store->ports.entropy(store->ports.user, work->header.id, FORMAT_ID_BYTES);
    store->ports.entropy(store->ports.user, work->header.key, FORMAT_KEY_BYTES);
    if (!compaction_take_files(work, &store->files)) {
        compaction_clear(work);
        return false;
    }
    store_submit(store, &work->job);
    return true;
}

bool store_backup_begin(struct journal *journal)
{
    struct store *store = store_of(journal);
    struct backup *backup = store->backup;

    if (backup->state != BACKUP_NONE || store->failed || store->writer.seal.is_wanted ||
        store->ports.replica.table == NULL) {
        return false;
    }
    backup->state = BACKUP_SEALING;
    backup->is_given_up = false;
    backup->bytes = 0;
    writer_seal(store);
    return true;
}

void store_backup_turn(struct store *store)
{
    struct backup *backup = store->backup;

    if (store->failed || backup->state != BACKUP_SEALING || !store->writer.seal.is_done ||
        compact_is_working(store)) {
        return;
    }
    if (backup->is_given_up) {
        backup->state = BACKUP_NONE;
    } else {
        backup->state = write_backup(store) ? BACKUP_WRITING : BACKUP_FAILED;
    }
    writer_unseal(store);
}

bool store_backup_holds_files(const struct store *store)
{
    const struct backup *backup = store->backup;
    bool is_sealed = backup->state == BACKUP_SEALING && store->writer.seal.is_done;

    return is_sealed || backup->state == BACKUP_WRITING;
}

uint64_t store_backup_size(const struct journal *journal)
{
    const struct backup *backup = store_of_const(journal)->backup;

    if (backup->state == BACKUP_FAILED) {
        return JOURNAL_BACKUP_FAILED;
    }
    return backup->state == BACKUP_READY ? backup->bytes : 0;
}

void store_backup_read(struct journal *journal, uint64_t offset, struct journal_fetch *fetch)
{
    fetch->place = format_place(FETCH_BACKUP, offset);
    fetch_ask(journal, fetch);
}

bool store_backup_new(struct store *store)
{
    store->backup = calloc(1, sizeof(*store->backup));
    if (store->backup != NULL) {
        store->backup->store = store;
    }
    return store->backup != NULL;
}

void store_backup_free(struct store *store)
{
    if (store->backup != NULL) {
        compaction_clear(&store->backup->work);
        free(store->backup);
        store->backup = NULL;
    }
}
