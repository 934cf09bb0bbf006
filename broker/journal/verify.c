/* verify.c - store_verify: all that a start would read, and what it would not, is looked at;
 * nothing is changed. Must not know: what records say. */
#include "broker/journal/internal.h"

#include <errno.h>
#include <stdio.h>

static enum store_status list_failed(int error, char out[STORE_ERROR_MAX])
{
    char text[STORE_ERROR_TEXT_MAX];

    store_error_text(error, text, sizeof(text));
    snprintf(out, STORE_ERROR_MAX, "cannot list the data directory: %s", text);
    return error == -ENOMEM ? STORE_NO_MEMORY : STORE_IO;
}

static uint64_t torn_bytes(const struct replay *replay)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < replay->log_count; i++) {
        const struct replay_segment *segment = &replay->log[i];

        if (segment->dirty != 0 && segment->header.number >= replay->active) {
            sum += segment->dirty - segment->end;
        }
    }
    return sum;
}

static void fill_report(const struct replay *replay, struct store_report *report)
{
    report->files = replay->log_count + replay->kept_count + (replay->checkpoint != 0);
    report->batches = replay->batches;
    report->record_bytes = replay->record_bytes;
}

enum store_status store_verify(struct disk *disk, struct store_report *report,
                               char error[STORE_ERROR_MAX])
{
    struct store_files files = {0};
    struct replay replay = {.disk = disk, .files = &files};
    int listed = files_list(disk, &files, NULL, NULL);
    enum store_status status;

    *report = (struct store_report){0};
    if (listed != 0) {
        files_clear(&files);
        return list_failed(listed, error);
    }
    replay.checkpoint = files_newest_checkpoint(&files);
    status = replay_run(&replay, error);
    if (status == STORE_OK) {
        status = replay_check_kept(&replay, error);
    }
    fill_report(&replay, report);
    report->torn_bytes = status == STORE_OK ? torn_bytes(&replay) : 0;
    replay_clear(&replay);
    files_clear(&files);
    return status;
}
