/* salvage.c - what is readable of a damaged journal, and a journal made of a
 * backup.
 *
 * Salvage reads the newest checkpoint that can be read and the log behind it,
 * passes over what is damaged, and has a replica write down what it made of the
 * rest: one checkpoint that refers to no other file, and an empty segment for
 * the log to go on in. A body that cannot be read is given to the snapshot as
 * none, which leaves its message out. Nothing in the damaged directory is
 * changed. Must not know: what records say. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/bodies.h"
#include "broker/journal/checkpoint.h"
#include "broker/journal/internal.h"

/* The numbers in a directory that begins with a checkpoint. */
#define FIRST_CHECKPOINT 1
#define FIRST_SEGMENT    2

struct salvage {
    struct disk *from;
    const struct store_ports *ports;
    struct store_report *report;
    struct store_files files;
    void *replica;
    uint64_t first_segment; /* of the log */
    uint64_t next_index;    /* of the log; 0: not known */
    uint64_t seq;
    struct bodies_reader reader;
    struct checkpoint out;
    bool no_memory; /* what could not be looked at for want of it is not lost: it all ends */
};

static enum store_status refuse(char *error, enum store_status status, const char *what,
                                const char *name, int64_t number)
{
    char why[STORE_ERROR_TEXT_MAX];

    store_error_text(number, why, sizeof(why));
    snprintf(error, STORE_ERROR_MAX, "cannot %s %s: %s", what, name, why);
    return number == -ENOMEM ? STORE_NO_MEMORY : status;
}

static enum store_status refuse_memory(char *error)
{
    snprintf(error, STORE_ERROR_MAX, "out of memory");
    return STORE_NO_MEMORY;
}

/* ---- an empty segment, for the log to go on in ---- */

/* Its key needs to be unlike that of other files of the journal only, as all
 * its bytes are new. */
static void segment_header(const struct file_header *checkpoint, struct file_header *out)
{
    uint8_t bytes[FORMAT_ID_BYTES + FORMAT_KEY_BYTES];

    *out = (struct file_header){
        .kind = FILE_SEGMENT, .number = FIRST_SEGMENT, .bytes = STORE_SEGMENT_BYTES_MIN};
    memcpy(out->id, checkpoint->id, FORMAT_ID_BYTES);
    memcpy(bytes, checkpoint->id, FORMAT_ID_BYTES);
    memcpy(bytes + FORMAT_ID_BYTES, checkpoint->key, FORMAT_KEY_BYTES);
    crypto_generichash(out->key, FORMAT_KEY_BYTES, bytes, sizeof(bytes), NULL, 0);
}

static int write_segment(struct disk *disk, const char *name, const struct file_header *header)
{
    uint8_t *bytes = calloc(1, STORE_SEGMENT_BYTES_MIN);
    int file, error;

    if (bytes == NULL) {
        return -ENOMEM;
    }
    format_header_encode(header, bytes);
    disk->table->remove(disk, name); /* of an attempt before */
    file = disk->table->open(disk, name, DISK_CREATE);
    error =
        file < 0 ? file : disk->table->write(disk, file, 0, bytes, (size_t)STORE_SEGMENT_BYTES_MIN);
    if (error >= 0) {
        error = disk->table->sync(disk, file);
    }
    if (file >= 0) {
        disk->table->close(disk, file);
    }
    free(bytes);
    return error;
}

/* Before the checkpoint gets its name: nobody refers to it until then. */
static enum store_status make_segment(struct disk *disk, const struct file_header *checkpoint,
                                      char *error)
{
    char name[DISK_NAME_MAX + 1];
    struct file_header header;
    int result;

    segment_header(checkpoint, &header);
    format_name(FILE_SEGMENT, FIRST_SEGMENT, name);
    result = write_segment(disk, name, &header);
    return result < 0 ? refuse(error, STORE_IO, "write", name, result) : STORE_OK;
}

/* Nothing but what an attempt that was cut off has left. */
static bool is_empty(const struct store_files *files)
{
    return files->count == 0 || (files->count == 1 && files->items[0].kind == FILE_SEGMENT &&
                                 files->items[0].number == FIRST_SEGMENT);
}

static enum store_status check_empty(struct disk *disk, char *error)
{
    struct store_files files = {0};
    int result = files_list(disk, &files, NULL, NULL);
    enum store_status status = STORE_OK;

    if (result < 0) {
        status = refuse(error, STORE_IO, "list", "the data directory", result);
    } else if (!is_empty(&files)) {
        snprintf(error, STORE_ERROR_MAX,
                 "there is a journal in the directory already; name an empty one");
        status = STORE_REFUSED;
    }
    files_clear(&files);
    return status;
}

/* ---- what is lost is said ---- */

static void lose(struct salvage *salvage, const char *name, uint64_t offset, uint64_t bytes,
                 const char *what)
{
    salvage->report->lost_bytes += bytes;
    store_log(salvage->ports, STORE_LOG_WARNING,
              "lost: %s at offset %" PRIu64 ", %" PRIu64 " bytes: %s", name, offset, bytes, what);
}

/* ---- the batches of a file ---- */

static void take_batch(struct salvage *salvage, struct scan *scan, const struct batch_header *batch,
                       struct mst_span payload)
{
    enum store_status status;

    salvage->report->batches++;
    salvage->report->record_bytes += payload.len;
    salvage->seq = batch->seq > salvage->seq ? batch->seq : salvage->seq;
    if ((batch->flags & BATCH_FILES) != 0 || payload.len == 0) {
        return;
    }
    status = salvage->ports->replica.table->apply(salvage->replica, payload, scan_place(scan));
    if (status == STORE_NO_MEMORY) {
        salvage->no_memory = true;
    } else if (status != STORE_OK) {
        lose(salvage, scan->name, scan->at, payload.len,
             "these records build upon others that were lost");
    }
}

/* The next good batch, whatever stands before it. false: there is none. */
static bool find_batch(struct salvage *salvage, struct scan *scan, struct batch_header *batch,
                       struct mst_span *payload)
{
    enum scan_status status = scan_next(scan, batch, payload);
    char what[96];

    if (status == SCAN_CORRUPT) {
        snprintf(what, sizeof(what), "batch %" PRIu64 " follows, which is readable", batch->index);
        lose(salvage, scan->name, scan->offset, scan->at - scan->offset, what);
        scan->offset = scan->at;
        scan->index = batch->index;
        status = scan_next(scan, batch, payload);
    }
    if (status == SCAN_TORN) {
        salvage->report->torn_bytes += scan->dirty - scan->offset;
        lose(salvage, scan->name, scan->offset, scan->dirty - scan->offset,
             "not readable, and nothing readable follows in this file");
    } else if (status == SCAN_IO) {
        lose(salvage, scan->name, scan->offset, scan->size - scan->offset,
             "the disk does not read it");
    } else if (status == SCAN_NO_MEMORY) {
        salvage->no_memory = true;
    }
    return status == SCAN_BATCH;
}

static bool open_file(struct salvage *salvage, struct scan *scan, const struct store_file *file)
{
    enum format_status format = FORMAT_OK;
    char name[DISK_NAME_MAX + 1];
    int error;

    format_name(file->kind, file->number, name);
    error = scan_open(scan, salvage->from, name, &format);
    if (error == 0 && format == FORMAT_OK && scan->header.number == file->number &&
        scan->header.kind == file->kind) {
        salvage->report->files++;
        return true;
    }
    lose(salvage, name, 0, error == 0 ? scan->size : 0,
         error == 0 ? "its header is damaged, so no batch can be checked"
                    : "the disk does not read it");
    if (error == 0) {
        scan_close(scan);
    }
    return false;
}

/* false: it was not readable at all. */
static bool read_checkpoint(struct salvage *salvage, const struct store_file *file)
{
    struct batch_header batch = {0};
    struct mst_span payload;
    struct scan scan;

    if (!open_file(salvage, &scan, file)) {
        return false;
    }
    salvage->first_segment = scan.header.next_segment;
    salvage->next_index = scan.header.next_batch;
    scan.index = 1;
    while ((batch.flags & BATCH_LAST) == 0 && find_batch(salvage, &scan, &batch, &payload)) {
        take_batch(salvage, &scan, &batch, payload);
    }
    scan_close(&scan);
    return true;
}

static void read_segment(struct salvage *salvage, const struct store_file *file)
{
    struct batch_header batch;
    struct mst_span payload;
    struct scan scan;

    if (!open_file(salvage, &scan, file)) {
        return;
    }
    scan.index = salvage->next_index;
    while (find_batch(salvage, &scan, &batch, &payload)) {
        take_batch(salvage, &scan, &batch, payload);
        salvage->next_index = batch.index + 1;
    }
    scan_close(&scan);
}

static void read_journal(struct salvage *salvage)
{
    const struct store_files *files = &salvage->files;
    bool has_checkpoint = false;

    for (size_t i = files->count; i-- > 0 && !has_checkpoint;) {
        if (files->items[i].kind == FILE_CHECKPOINT) {
            has_checkpoint = read_checkpoint(salvage, &files->items[i]);
        }
    }
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].kind == FILE_SEGMENT &&
            files->items[i].number >= salvage->first_segment) {
            read_segment(salvage, &files->items[i]);
        }
    }
}

/* ---- what was found is written down ---- */

/* Its bytes, or none: then that is told, unless there was no memory for them. */
static struct mst_span find_body(struct salvage *salvage, uint64_t place, size_t len)
{
    const struct store_file *file = files_find(&salvage->files, place_file(place));
    char error[STORE_ERROR_MAX], name[DISK_NAME_MAX + 1];
    struct mst_span bytes = MST_SPAN_NONE;
    enum store_status status;

    if (file == NULL) {
        snprintf(name, sizeof(name), "file %" PRIu64, place_file(place));
        lose(salvage, name, place_offset(place), len,
             "a message whose body stands in it: it is missing");
        return MST_SPAN_NONE;
    }
    status = bodies_read(&salvage->reader, file->kind, place, len, &bytes, error);
    if (status == STORE_OK) {
        return bytes;
    }
    if (status == STORE_NO_MEMORY) {
        salvage->no_memory = true;
    } else {
        format_name(file->kind, file->number, name);
        lose(salvage, name, place_offset(place), len, "a message: its body is damaged");
    }
    return MST_SPAN_NONE;
}

static bool is_lost(void *user, uint64_t place, size_t len)
{
    return find_body(user, place, len).data == NULL;
}

/* What is lost has been dropped before. */
static bool move_body(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    *bytes = find_body(user, place, len);
    return true;
}

static bool write_piece(void *user, const struct snapshot_piece *piece)
{
    struct salvage *salvage = user;

    return checkpoint_put(&salvage->out, 0, salvage->seq, piece->records);
}

static enum store_status write_down(struct salvage *salvage, struct disk *into, char *error)
{
    const struct store_ports *ports = salvage->ports;
    const struct snapshot_port port = {salvage, move_body, write_piece};
    struct file_header header = {.kind = FILE_CHECKPOINT,
                                 .number = FIRST_CHECKPOINT,
                                 .next_segment = FIRST_SEGMENT,
                                 .next_batch = 1};
    enum store_status status;

    ports->entropy(ports->user, header.id, FORMAT_ID_BYTES);
    ports->entropy(ports->user, header.key, FORMAT_KEY_BYTES);
    status = make_segment(into, &header, error);
    if (status != STORE_OK) {
        return status;
    }
    if (ports->replica.table->drop_lost != NULL) {
        ports->replica.table->drop_lost(salvage->replica, is_lost, salvage);
    }
    if (checkpoint_begin(&salvage->out, into, &header) &&
        checkpoint_put(&salvage->out, BATCH_FILES, salvage->seq, MST_SPAN_NONE) &&
        ports->replica.table->snapshot(salvage->replica, &port) && !salvage->no_memory) {
        checkpoint_end(&salvage->out, salvage->seq);
    } else if (salvage->out.error == 0) {
        return refuse_memory(error);
    }
    return salvage->out.error == 0
               ? STORE_OK
               : refuse(error, STORE_IO, salvage->out.tried, salvage->out.name, salvage->out.error);
}

enum store_status store_salvage(struct disk *from, struct disk *into,
                                const struct store_ports *ports, struct store_report *report,
                                char error[STORE_ERROR_MAX])
{
    struct salvage salvage = {.from = from, .ports = ports, .report = report, .out = {.file = -1}};
    enum store_status status = check_empty(into, error);
    int result = files_list(from, &salvage.files, NULL, NULL);

    *report = (struct store_report){0};
    bodies_init(&salvage.reader, from);
    if (status == STORE_OK && result < 0) {
        status = refuse(error, STORE_IO, "list", "the damaged data directory", result);
    } else if (status == STORE_OK && salvage.files.count == 0) {
        snprintf(error, STORE_ERROR_MAX, "there is no journal in the directory to be rescued");
        status = STORE_REFUSED;
    }
    if (status == STORE_OK) {
        salvage.replica = ports->replica.table->open(ports->replica.user);
        status = salvage.replica == NULL ? refuse_memory(error) : STORE_OK;
    }
    if (status == STORE_OK) {
        read_journal(&salvage);
        status = salvage.no_memory ? refuse_memory(error) : write_down(&salvage, into, error);
        ports->replica.table->close(salvage.replica);
    }
    checkpoint_clear(&salvage.out);
    bodies_clear_reader(&salvage.reader);
    files_clear(&salvage.files);
    return status;
}

/* ---- a journal made of a backup ---- */

static enum store_status damaged(char *error, const char *name, uint64_t offset, const char *what)
{
    snprintf(error, STORE_ERROR_MAX,
             "cannot restore %s: at offset %" PRIu64 " %s; use another backup", name, offset, what);
    return STORE_CORRUPT;
}

static enum store_status check_batches(struct scan *scan, char *error)
{
    struct batch_header batch = {0};
    struct mst_span payload;

    scan->index = 1;
    while ((batch.flags & BATCH_LAST) == 0) {
        enum scan_status status = scan_next(scan, &batch, &payload);

        if (status == SCAN_IO) {
            return refuse(error, STORE_IO, "read", scan->name, scan->error);
        }
        if (status == SCAN_NO_MEMORY) {
            return refuse_memory(error);
        }
        if (status != SCAN_BATCH) {
            return damaged(error, scan->name, scan->offset, "it is damaged, or not whole");
        }
    }
    return STORE_OK;
}

/* Sets *header. */
static enum store_status check_backup(struct disk *disk, const char *name,
                                      struct file_header *header, char *error)
{
    enum format_status format = FORMAT_OK;
    enum store_status status;
    struct scan scan;
    int result = scan_open(&scan, disk, name, &format);

    if (result < 0) {
        return refuse(error, STORE_IO, "open", name, result);
    }
    *header = scan.header;
    if (format == FORMAT_VERSION_OTHER) {
        snprintf(error, STORE_ERROR_MAX,
                 "%s is a backup of another version of muster; use that version", name);
        status = STORE_VERSION;
    } else if (format != FORMAT_OK || header->number != FIRST_CHECKPOINT ||
               (header->kind != FILE_BACKUP && header->kind != FILE_CHECKPOINT)) {
        status = damaged(error, name, 0, "there is not the header of a backup");
    } else {
        status = check_batches(&scan, error);
    }
    scan_close(&scan);
    return status;
}

static int write_header(struct disk *disk, const char *name, const struct file_header *header)
{
    uint8_t sector[STORE_SECTOR];
    int file = disk->table->open(disk, name, DISK_UPDATE);
    int error;

    if (file < 0) {
        return file;
    }
    format_header_encode(header, sector);
    error = disk->table->write(disk, file, 0, sector, sizeof(sector));
    if (error == 0) {
        error = disk->table->sync(disk, file);
    }
    disk->table->close(disk, file);
    return error;
}

enum store_status store_restore(struct disk *disk, const char *name, char error[STORE_ERROR_MAX])
{
    char final[DISK_NAME_MAX + 1];
    struct file_header header;
    enum store_status status = check_empty(disk, error);
    int result;

    if (status == STORE_OK) {
        status = check_backup(disk, name, &header, error);
    }
    if (status == STORE_OK) {
        status = make_segment(disk, &header, error);
    }
    if (status != STORE_OK) {
        return status;
    }
    header.kind = FILE_CHECKPOINT;
    format_name(FILE_CHECKPOINT, FIRST_CHECKPOINT, final);
    result = write_header(disk, name, &header);
    result = result < 0 ? result : disk->table->rename(disk, name, final);
    result = result < 0 ? result : disk->table->sync_dir(disk);
    return result < 0 ? refuse(error, STORE_IO, "restore", name, result) : STORE_OK;
}
