/* backup.c - a backup of the journal on its way to a client, a piece for each request.
 *
 * The core has only said that the client may. One backup at a time belongs to one connection: its
 * request for offset 0 begins it and waits until the journal is free for it and has written it
 * down; the reply that reaches the end, or the end of the connection, ends it, so who wants no more
 * asks for what is behind the end. Must not know: what is in it. */
#include "broker/engine/internal.h"

#include <stdlib.h>

static void refuse(struct engine *engine, struct member *member, uint64_t id,
                   enum mst_status status, const char *why)
{
    struct mst_reply reply;

    mst_reply_init(&reply, MST_OP_BACKUP);
    reply.id = id;
    reply.status = status;
    reply.cause = mst_span_text(why);
    member_reply(engine, member, &reply, 0);
}

static void end(struct engine *engine)
{
    struct backup *backup = &engine->backup;

    if (backup->has_begun) {
        engine->journal->table->backup_end(engine->journal);
    }
    free(backup->piece);
    *backup = (struct backup){0};
}

void backup_ask(struct engine *engine, struct member *member, const struct mst_request *request)
{
    struct backup *backup = &engine->backup;
    bool is_first = request->offset == 0;

    if (engine->journal == NULL) {
        refuse(engine, member, request->id, MST_UNAVAILABLE,
               "the broker has no data directory, so there is nothing to back up");
    } else if (backup->member != 0 &&
               (backup->member != member->number || backup->waits || backup->is_reading)) {
        refuse(engine, member, request->id, MST_CONFLICT,
               "another backup is being made; try again when it is done");
    } else if (backup->member == 0 && !is_first) {
        refuse(engine, member, request->id, MST_GONE,
               "the backup was given up when its connection broke; begin again");
    } else {
        if (is_first && backup->member != 0) {
            end(engine); /* it begins again, and did not want the rest */
        }
        backup->member = member->number;
        backup->waits = true;
        backup->id = request->id;
        backup->offset = request->offset;
        backup->count =
            request->count < MST_BACKUP_PIECE_MAX ? request->count : MST_BACKUP_PIECE_MAX;
    }
}

static void begin_reading(struct engine *engine, uint64_t size)
{
    struct backup *backup = &engine->backup;
    uint64_t left = backup->offset < size ? size - backup->offset : 0;

    if (backup->piece == NULL) {
        backup->piece = malloc(MST_BACKUP_PIECE_MAX);
    }
    if (backup->piece == NULL) {
        return; /* another turn may find memory */
    }
    backup->waits = false;
    backup->is_reading = true;
    backup->read = (struct journal_fetch){
        .len = left < backup->count ? left : backup->count, .out = backup->piece, .user = backup};
    engine->journal->table->backup_read(engine->journal, backup->offset, &backup->read);
}

bool backup_takes(struct engine *engine, struct journal_fetch *read)
{
    struct backup *backup = &engine->backup;
    uint64_t size = engine->journal->table->backup_size(engine->journal);
    struct member *member = member_find(engine, backup->member);
    struct mst_reply reply;

    if (read != &backup->read) {
        return false;
    }
    backup->is_reading = false;
    if (member != NULL) {
        mst_reply_init(&reply, MST_OP_BACKUP);
        reply.id = backup->id;
        reply.number = size;
        reply.value = mst_span_of(backup->piece, read->len);
        member_reply(engine, member, &reply, 0);
    }
    if (member == NULL || backup->offset + read->len >= size) {
        end(engine);
    }
    return true;
}

void backup_turn(struct engine *engine)
{
    struct backup *backup = &engine->backup;
    struct member *member = member_find(engine, backup->member);
    uint64_t size;

    if (backup->member == 0 || backup->is_reading) {
        return;
    }
    /* Not while the one before is removed, or a compaction begins: both end in a turn. */
    if (!backup->has_begun && member != NULL) {
        backup->has_begun = engine->journal->table->backup_begin(engine->journal);
    }
    size = backup->has_begun ? engine->journal->table->backup_size(engine->journal) : 0;
    if (member == NULL) {
        if (size > 0 || !backup->waits || !backup->has_begun) {
            end(engine);
        }
    } else if (backup->waits && size == JOURNAL_BACKUP_FAILED) {
        refuse(engine, member, backup->id, MST_UNAVAILABLE,
               "the backup could not be written; the broker's log says why");
        end(engine);
    } else if (backup->waits && size > 0) {
        begin_reading(engine, size);
    }
}

void backup_clear(struct engine *engine)
{
    free(engine->backup.piece);
    engine->backup = (struct backup){0};
}
