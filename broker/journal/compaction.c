/* compaction.c - the work of a compaction. See compaction.h.
 *
 * The replica writes its snapshot twice: the first time only to count, so that
 * what is to be done is decided over known figures; the second time to the
 * disk. */
#include "broker/journal/compaction.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/bodies.h"

/* What is only needed while it works. */
struct pass {
    struct compaction_work *work;
    void *replica;
    struct bodies_reader reader;
    struct checkpoint out;
    struct forwards moves;
};

/* The first trouble is the one that is told. */
static bool fail(struct compaction_work *work, enum store_status status, const char *text)
{
    if (work->status == STORE_OK) {
        work->status = status;
        if (text != work->error) {
            snprintf(work->error, sizeof(work->error), "%s", text);
        }
    }
    return false;
}

static bool fail_memory(struct compaction_work *work)
{
    return fail(work, STORE_NO_MEMORY, "out of memory while compacting the journal");
}

static bool fail_writing(struct compaction_work *work, const struct checkpoint *out)
{
    char why[STORE_ERROR_TEXT_MAX];
    char text[STORE_ERROR_MAX];

    if (out->error == -ENOMEM) {
        return fail_memory(work);
    }
    store_error_text(out->error, why, sizeof(why));
    snprintf(text, sizeof(text), "cannot %s %s: %s", out->tried, out->name, why);
    work->no_room = out->error == -ENOSPC || out->error == -EDQUOT;
    return fail(work, STORE_IO, text);
}

static const struct store_file *file_of(const struct compaction_work *work, uint64_t place)
{
    return files_find(&work->files, place_file(place));
}

static struct plan_file *plan_of(const struct compaction_work *work, const struct store_file *file)
{
    return &work->plan[file - work->files.items];
}

/* ---- what is read ---- */

static enum store_status replay_apply(void *user, struct mst_span records, uint64_t seq,
                                      uint64_t place)
{
    struct pass *pass = user;

    pass->work->seq = seq;
    return pass->work->replica.table->apply(pass->replica, records, place);
}

static bool recover(struct pass *pass)
{
    struct compaction_work *work = pass->work;
    const struct store_recovery to = {.user = pass, .apply = replay_apply};
    struct replay replay = {.disk = work->disk,
                            .to = &to,
                            .files = &work->files,
                            .checkpoint = work->checkpoint,
                            .is_part = true,
                            .has_id = true};
    enum store_status status;

    memcpy(replay.id, work->journal_id, FORMAT_ID_BYTES);
    status = replay_run(&replay, work->error);
    if (status == STORE_OK && work->header.kind == FILE_CHECKPOINT) {
        work->header.next_batch = replay.index + 1;
    }
    work->seq = replay.seq;
    replay_clear(&replay);
    if (status != STORE_OK) {
        return fail(work, status, work->error);
    }
    return true;
}

/* ---- the first pass: what is live, and where ---- */

static bool count_body(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    struct pass *pass = user;
    const struct store_file *file = file_of(pass->work, place);

    (void)bytes;
    if (file != NULL) {
        plan_of(pass->work, file)->live += MST_BODY_HASH_BYTES + len;
        pass->work->live += MST_BODY_HASH_BYTES + len;
    }
    return false;
}

static bool count_piece(void *user, const struct snapshot_piece *piece)
{
    struct compaction_work *work = ((struct pass *)user)->work;

    work->records += format_batch_bytes(piece->records.len);
    return true;
}

static bool make_plan(struct compaction_work *work)
{
    size_t count = work->files.count;

    work->plan = calloc(count + 1, sizeof(*work->plan));
    if (work->plan == NULL) {
        return fail_memory(work);
    }
    for (size_t i = 0; i < count; i++) {
        const struct store_file *file = &work->files.items[i];

        work->plan[i] =
            (struct plan_file){.number = file->number, .bytes = file->bytes, .end = file->end};
    }
    return true;
}

static bool take_census(struct pass *pass)
{
    struct compaction_work *work = pass->work;
    const struct snapshot_port port = {pass, count_body, count_piece};

    if (!make_plan(work)) {
        return false;
    }
    if (work->moves_all) {
        for (size_t i = 0; i < work->files.count; i++) {
            work->plan[i].goes = true;
        }
        return true;
    }
    if (!work->replica.table->snapshot(pass->replica, &port)) {
        return fail_memory(work);
    }
    work->live += work->records;
    work->figures.live = work->live;
    work->figures.used += work->records;
    plan_choose(&work->figures, work->moved_max, work->plan, work->files.count);
    return true;
}

/* ---- the second pass: the new checkpoint ---- */

static bool move_body(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    struct pass *pass = user;
    struct compaction_work *work = pass->work;
    const struct store_file *file = file_of(work, place);
    enum store_status status;

    if (file == NULL) {
        char text[STORE_ERROR_MAX];

        snprintf(text, sizeof(text),
                 "the journal's file %llu, which a message body stands in, is gone",
                 (unsigned long long)place_file(place));
        return fail(work, STORE_CORRUPT, text);
    }
    if (work->status != STORE_OK || !plan_of(work, file)->goes) {
        return false;
    }
    status = bodies_read(&pass->reader, file->kind, place, len, bytes, work->error);
    if (status != STORE_OK) {
        return fail(work, status, work->error);
    }
    work->moved += MST_BODY_HASH_BYTES + len;
    return true;
}

static bool write_piece(void *user, const struct snapshot_piece *piece)
{
    struct pass *pass = user;
    struct compaction_work *work = pass->work;
    uint64_t place = checkpoint_place(&pass->out);

    if (work->status != STORE_OK) {
        return false;
    }
    for (size_t i = 0; work->before != NULL && i < piece->bodies_count; i++) {
        const struct snapshot_body *body = &piece->bodies[i];

        if (!forwards_add(&pass->moves, body->from, place + body->offset)) {
            return fail_memory(work);
        }
    }
    if (!checkpoint_put(&pass->out, 0, work->seq, piece->records)) {
        return fail_writing(work, &pass->out);
    }
    return true;
}

/* The files that the checkpoint refers to stand in its first batch. */
static bool write_kept(struct pass *pass)
{
    struct compaction_work *work = pass->work;
    uint8_t *payload = malloc((work->files.count + 1) * FILES_ENTRY_BYTES);
    size_t len = 0;
    bool ok;

    if (payload == NULL) {
        return fail_memory(work);
    }
    for (size_t i = 0; i < work->files.count; i++) {
        const struct plan_file *file = &work->plan[i];

        if (!file->goes) {
            format_entry_encode(&(struct files_entry){file->number, file->end}, payload + len);
            len += FILES_ENTRY_BYTES;
        }
    }
    ok = checkpoint_put(&pass->out, BATCH_FILES, work->seq, mst_span_of(payload, len));
    free(payload);
    if (!ok) {
        return fail_writing(work, &pass->out);
    }
    return true;
}

/* ---- the table of forwards ---- */

static bool make_forwards(struct pass *pass)
{
    struct compaction_work *work = pass->work;
    uint64_t *kept;
    size_t count = 0;
    bool ok;

    if (work->before == NULL) {
        return true;
    }
    kept = malloc((work->files.count + 1) * sizeof(*kept));
    if (kept == NULL) {
        return fail_memory(work);
    }
    for (size_t i = 0; i < work->files.count; i++) {
        if (!work->plan[i].goes) {
            kept[count++] = work->plan[i].number;
        }
    }
    ok = forwards_next(work->before, &pass->moves, kept, count, &work->forwards);
    free(kept);
    if (!ok) {
        return fail_memory(work);
    }
    return true;
}

static bool write_down(struct pass *pass)
{
    struct compaction_work *work = pass->work;
    const struct snapshot_port port = {pass, move_body, write_piece};

    if (!checkpoint_begin(&pass->out, work->disk, &work->header)) {
        return fail_writing(work, &pass->out);
    }
    if (!write_kept(pass)) {
        return false;
    }
    if (!work->replica.table->snapshot(pass->replica, &port)) {
        return fail_memory(work); /* unless something else was told already */
    }
    assert(work->status == STORE_OK); /* after any trouble the next put has failed */
    /* Last of all, as it cannot be taken back, is the name. */
    if (!make_forwards(pass)) {
        return false;
    }
    if (!checkpoint_end(&pass->out, work->seq)) {
        return fail_writing(work, &pass->out);
    }
    work->bytes = pass->out.offset;
    work->records = work->bytes - work->moved;
    return true;
}

/* ---- the whole ---- */

void compaction_carry_out(struct compaction_work *work)
{
    struct pass pass = {.work = work, .out = {.file = -1}};

    work->status = STORE_OK;
    pass.replica = work->replica.table->open(work->replica.user);
    if (pass.replica == NULL) {
        fail_memory(work);
        return;
    }
    bodies_init(&pass.reader, work->disk);
    (void)(recover(&pass) && take_census(&pass) && write_down(&pass));
    work->replica.table->close(pass.replica);
    bodies_clear_reader(&pass.reader);
    checkpoint_clear(&pass.out);
    forwards_clear(&pass.moves);
}

bool compaction_take_files(struct compaction_work *work, const struct store_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct store_file *file = &files->items[i];
        bool is_later = file->kind == FILE_SEGMENT && file->number > work->last_segment;

        /* A segment that was passed over empty, for a batch that did not fit, is one of the log. */
        if (!file->is_dead && !is_later && !files_add(&work->files, file)) {
            return false;
        }
    }
    return true;
}

void compaction_clear(struct compaction_work *work)
{
    files_clear(&work->files);
    free(work->plan);
    forwards_clear(&work->forwards);
    *work = (struct compaction_work){0};
}
