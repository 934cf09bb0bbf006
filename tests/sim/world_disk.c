/* world_disk.c - the broker's journal on a disk that loses power: the real store under the real
 * engine, its jobs worked on in an order that chance chooses.
 *
 * Whatever is durable in a broker that rests is what a copy of its disk recovers: world_check_disk
 * compares the texts of both. */
#include "tests/sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/core/core.h"
#include "broker/journal/store.h"
#include "tests/sim/ration.h"

static void port_entropy(void *user, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)world_random(user);
    }
}

static void port_log(void *user, enum store_log_level level, const char *text)
{
    const struct world *w = user;

    bool expected = sim_disk_has_stopped(w->disk) || sim_disk_has_failed(w->disk) ||
                    w->disk->table->room(w->disk) != INT64_MAX;

    if (w->aloud || (level == STORE_LOG_ERROR && !expected)) {
        print_message("the journal says: %s\n", text);
    }
}

static int64_t port_now(void *user)
{
    return ((const struct world *)user)->now_ns;
}

static struct store_ports ports_of(struct world *w, struct disk *disk, struct sim_jobs *jobs)
{
    return (struct store_ports){.disk = disk,
                                .jobs = sim_jobs_port(jobs),
                                .user = w,
                                .entropy = port_entropy,
                                .log = port_log,
                                .now_ns = port_now,
                                .replica = engine_replica()};
}

static enum store_status recover_engine(void *user, struct mst_span records, uint64_t seq,
                                        uint64_t place)
{
    return engine_recovered(engine_recover(user, records, seq, place));
}

static struct journal *open_store(struct world *w, struct disk *disk, struct sim_jobs *jobs,
                                  const struct store_recovery *recovery)
{
    struct store_config config = {.segment_bytes = w->segment_bytes};
    struct store_ports ports = ports_of(w, disk, jobs);
    struct journal *journal = NULL;
    char error[STORE_ERROR_MAX] = "";
    enum store_status status;

    RATIONED(status = store_open(&config, &ports, recovery, &journal, error));

    if (status != STORE_OK) {
        if (!sim_disk_has_stopped(disk) && !sim_disk_has_failed(disk) && status != STORE_IO) {
            fail_msg("%s", error);
        }
        journal_free(&journal);
        sim_jobs_drop(jobs);
    }
    return journal;
}

/* false: power failed again before it was there. */
bool world_disk_start(struct world *w)
{
    struct store_recovery recovery = {.user = w->engine, .apply = recover_engine};

    w->journal = open_store(w, w->disk, &w->jobs, &recovery);
    if (w->journal != NULL) {
        RATIONED(engine_attach(w->engine, w->journal));
    }
    return w->journal != NULL;
}

void world_disk_let_go(struct world *w)
{
    const struct journal_table *table = w->journal->table;

    while (sim_jobs_step(&w->jobs, JOB_READ) || table->next_deadline_ns(w->journal) == 0) {
        table->turn(w->journal, w->now_ns);
        if (sim_jobs_count(&w->jobs, JOB_READ) == 0) {
            break;
        }
    }
}

void world_disk_stop(struct world *w, bool power_fails)
{
    sim_jobs_drop(&w->jobs);
    journal_free(&w->journal);
    if (power_fails) {
        sim_disk_power(w->disk, world_random(w));
    } else {
        sim_disk_kill(w->disk);
    }
}

bool world_disk_is_full(const struct world *w)
{
    return w->storage == WORLD_DISK && w->journal->table->is_full(w->journal);
}

bool world_disk_waits(const struct world *w)
{
    return w->storage == WORLD_DISK &&
           w->journal->table->durable(w->journal) < core_record_seq(engine_core(w->engine));
}

bool world_disk_move(struct world *w)
{
    bool any = false;

    if (!sim_disk_has_stopped(w->disk)) {
        RATIONED(any = sim_jobs_any(&w->jobs, world_random(w)));
    }
    return any;
}

/* Of a body only its length: where a copy of it is, is not state. */
static char *durable_state(const struct core *core)
{
    struct mst_buf text;
    char *out, *to;
    bool ok;

    mst_buf_init(&text);
    ok = core_dump(core, true, &text) && mst_buf_append(&text, "", 1);
    assert_true(ok);
    out = to = malloc(mst_buf_size(&text));
    assert_non_null(out);
    for (const char *from = (const char *)mst_buf_span(&text).data; *from != '\0';) {
        if (strncmp(from, " body=", 6) == 0) {
            from += 1 + strcspn(from + 1, " \n");
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    mst_buf_clear(&text);
    return out;
}

static enum store_status recover_core(void *user, struct mst_span records, uint64_t seq,
                                      uint64_t place)
{
    (void)seq;
    return engine_recovered(core_recover(user, records, place));
}

/* Takes the disk, which is no longer needed. */
static void must_have_the_state(struct world *w, struct disk *copy)
{
    struct core_config config;
    struct core *core;
    struct sim_jobs jobs;
    struct journal *journal;
    char *live, *found;

    core_config_init(&config);
    config.has_storage = true;
    core = core_new(&config);
    assert_non_null(core);
    sim_jobs_init(&jobs);
    journal =
        open_store(w, copy, &jobs, &(struct store_recovery){.user = core, .apply = recover_core});
    assert_non_null(journal);
    live = durable_state(engine_core(w->engine));
    found = durable_state(core);
    assert_string_equal(found, live);
    free(live);
    free(found);
    sim_jobs_drop(&jobs);
    journal_free(&journal);
    sim_disk_free(&copy);
    core_free(&core);
}

void world_check_disk(struct world *w)
{
    if (w->engine != NULL) {
        must_have_the_state(w, sim_disk_copy(w->disk));
    }
}

/* ---- a backup, and a journal made of it ---- */

/* Its bytes stand on the disk until it is ended; false: it was not made. */
static bool make_backup(struct world *w)
{
    const struct journal_table *table = w->journal->table;

    if (!table->backup_begin(w->journal)) {
        return false;
    }
    do { /* the broker itself stands still: that others work beside a backup is told elsewhere */
        table->turn(w->journal, w->now_ns);
    } while (world_disk_move(w));
    return table->backup_size(w->journal) > 0 &&
           table->backup_size(w->journal) != JOURNAL_BACKUP_FAILED;
}

struct disk *world_disk_restored(struct world *w)
{
    struct disk *fresh = NULL;
    char error[STORE_ERROR_MAX] = "";

    if (w->engine == NULL || w->broker_stands_still || w->is_hungry || world_disk_waits(w)) {
        return NULL;
    }
    if (make_backup(w)) {
        size_t len;
        const uint8_t *bytes = sim_disk_file(w->disk, "backup", &len);

        assert_non_null(bytes);
        fresh = sim_disk_new();
        sim_disk_put(fresh, "given", mst_span_of(bytes, len));
        if (store_restore(fresh, "given", error) != STORE_OK) {
            fail_msg("%s", error);
        }
        must_have_the_state(w, sim_disk_copy(fresh));
    }
    w->journal->table->backup_end(w->journal);
    return fresh;
}
