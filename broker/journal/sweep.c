/* sweep.c - files that nothing refers to any more. See sweep.h. */
#include "broker/journal/sweep.h"

#include <errno.h>
#include <stdlib.h>

static void sweep_work(struct job *job)
{
    struct sweep *sweep = (struct sweep *)job;

    sweep->error = 0;
    for (size_t i = 0; i < sweep->count; i++) {
        char name[DISK_NAME_MAX + 1];
        int error;

        format_name(sweep->items[i].kind, sweep->items[i].number, name);
        error = sweep->disk->table->remove(sweep->disk, name);
        if (error < 0 && error != -ENOENT && sweep->error == 0) {
            sweep->error = error;
            memcpy(sweep->name, name, sizeof(name));
        }
    }
}

static void sweep_done(struct job *job)
{
    struct sweep *sweep = (struct sweep *)job;
    struct store *store = sweep->store;

    for (size_t i = 0; i < sweep->count; i++) {
        files_drop(&store->files, sweep->items[i].number);
    }
    sweep->dead -= sweep->count;
    sweep->is_removing = false;
    sweep_clear(sweep);
    if (sweep->error != 0) {
        char why[STORE_ERROR_TEXT_MAX];

        store_error_text(sweep->error, why, sizeof(why));
        store_log(
            &store->ports, STORE_LOG_WARNING,
            "cannot remove '%s', which is not needed any more: %s; the next start tries again",
            sweep->name, why);
    }
}

/* The writer takes one for the log, if it has a use for it. */
static void take_dead(struct sweep *sweep, struct store *store)
{
    for (size_t i = store->files.count; i-- > 0;) { /* from behind: what is taken is dropped */
        const struct store_file *file = &store->files.items[i];

        if (!file->is_dead || file->readers > 0) {
            continue;
        }
        if (file->kind == FILE_SEGMENT && writer_recycle(store, file->number)) {
            sweep->dead--;
        } else {
            sweep->items[sweep->count++] = (struct swept){file->number, file->kind};
        }
    }
}

void sweep_turn(struct sweep *sweep, struct store *store)
{
    if (sweep->dead == 0 || sweep->is_removing) {
        return;
    }
    sweep->items = malloc(store->files.count * sizeof(*sweep->items));
    sweep->count = 0;
    if (sweep->items != NULL) {
        take_dead(sweep, store);
    }
    if (sweep->count == 0) {
        sweep_clear(sweep);
        return;
    }
    sweep->job = (struct job){sweep_work, sweep_done, JOB_COMPACT, NULL};
    sweep->store = store;
    sweep->disk = store->ports.disk;
    sweep->is_removing = true;
    store_submit(store, &sweep->job);
}

void sweep_clear(struct sweep *sweep)
{
    free(sweep->items);
    sweep->items = NULL;
}
