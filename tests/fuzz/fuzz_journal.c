/* fuzz_journal.c - a data directory that somebody has damaged, or made up: looking at it,
 * recovering from it and salvaging it end with a status; what a start accepts, the next start
 * accepts too; what was salvaged can be started from.
 *
 * It begins with a real journal (two checkpoints long, with a segment that was used again) or with
 * nothing. The bytes say what happens to its files; checksums may be made right again, for a fuzzer
 * will not guess them. */
#include <stdlib.h>

#include "broker/journal/format.h"
#include "tests/fuzz/input.h"
#include "tests/sim/disk.h"
#include "tests/sim/jobs.h"

#define SEGMENT_BYTES (64u << 10)
#define STEPS_MAX     64
#define FILE_MAX      (256u << 10)

#define LATER_SEQ (UINT64_C(1) << 40)

struct life {
    struct disk *disk;
    struct sim_jobs jobs;
    struct journal *journal;
    uint8_t chance;
    uint64_t batches; /* given to `apply` */
    uint64_t refused; /* it refuses this one; 0: none */
    int64_t now_ns;
};

/* ---- ports ---- */

static void entropy(void *user, uint8_t *out, size_t len)
{
    memset(out, ++((struct life *)user)->chance, len);
}

static void take_line(void *user, enum store_log_level level, const char *text)
{
    (void)user;
    (void)level;
    require(strlen(text) > 0);
}

static int64_t now(void *user)
{
    return ((struct life *)user)->now_ns;
}

static enum store_status apply(void *user, struct mst_span records, uint64_t seq, uint64_t place)
{
    struct life *life = user;
    volatile uint8_t sum = 0;

    (void)seq;
    (void)place;
    for (size_t i = 0; i < records.len; i++) {
        sum = (uint8_t)(sum + records.data[i]);
    }
    return ++life->batches != life->refused ? STORE_OK : STORE_REFUSED;
}

/* A replica that knows nothing: its snapshot is one short piece. */
static void *replica_open(void *user)
{
    (void)user;
    return calloc(1, sizeof(uint64_t));
}

static enum store_status replica_apply(void *replica, struct mst_span records, uint64_t place)
{
    (void)place;
    *(uint64_t *)replica += records.len;
    return STORE_OK;
}

static bool replica_snapshot(void *replica, const struct snapshot_port *port)
{
    struct snapshot_piece piece = {mst_span_of(replica, sizeof(uint64_t)), 1, NULL, 0};

    return port->put(port->user, &piece);
}

static const struct journal_replica_table replica_table = {
    .open = replica_open, .apply = replica_apply, .snapshot = replica_snapshot, .close = free};

static struct store_ports ports_of(struct life *life)
{
    return (struct store_ports){.disk = life->disk,
                                .jobs = sim_jobs_port(&life->jobs),
                                .user = life,
                                .entropy = entropy,
                                .log = take_line,
                                .now_ns = now,
                                .replica = {&replica_table, NULL}};
}

/* ---- a life ---- */

static enum store_status start(struct life *life)
{
    struct store_config config = {.segment_bytes = SEGMENT_BYTES};
    struct store_ports ports = ports_of(life);
    struct store_recovery recovery = {.user = life, .apply = apply};
    char error[STORE_ERROR_MAX] = "";
    enum store_status status;

    sim_jobs_init(&life->jobs);
    life->batches = 0;
    status = store_open(&config, &ports, &recovery, &life->journal, error);
    require((status == STORE_OK) == (life->journal != NULL));
    require((status == STORE_OK) != (error[0] != '\0'));
    return status;
}

static void end(struct life *life)
{
    sim_jobs_drop(&life->jobs);
    journal_free(&life->journal);
    sim_disk_kill(life->disk);
}

static void append(struct life *life, uint64_t seq, size_t len, uint64_t live)
{
    struct mst_buf records;
    struct journal_batch batch = {.records = &records, .seq = seq, .live_bytes = live};

    mst_buf_init(&records);
    require(mst_buf_reserve(&records, len));
    memset(records.data, (int)(seq & 0x7f), len);
    records.len = len;
    life->journal->table->append(life->journal, &batch);
    mst_buf_clear(&records);
    sim_jobs_run(&life->jobs);
    life->now_ns += 200000000;
    life->journal->table->turn(life->journal, life->now_ns);
    sim_jobs_run(&life->jobs);
}

/* ---- the disk that it begins with ---- */

static struct disk *real_journal(void)
{
    static struct disk *made;
    struct life life = {.now_ns = 1};

    if (made == NULL) {
        made = life.disk = sim_disk_new();
        require(start(&life) == STORE_OK);
        for (uint64_t i = 1; i < 30; i++) {
            append(&life, i, i % 5 == 0 ? 14000 : 300, i < 20 ? 1 : 1u << 20);
        }
        end(&life);
        sim_disk_settle(made);
    }
    return sim_disk_copy(made);
}

/* ---- damage ---- */

struct names {
    char items[16][DISK_NAME_MAX + 1];
    size_t count;
};

static bool add_name(void *user, const char *name)
{
    struct names *names = user;

    if (names->count < 16) {
        memcpy(names->items[names->count++], name, strlen(name) + 1);
    }
    return names->count < 16;
}

static const char *some_file(struct disk *disk, struct input *in, struct names *names)
{
    names->count = 0;
    require(disk->table->list(disk, add_name, names) == 0);
    return names->count == 0 ? NULL : names->items[input_below(in, names->count)];
}

/* An offset within the file: near the beginning of one of its sectors. */
static size_t some_offset(struct input *in, size_t len)
{
    size_t at = input_below(in, len / STORE_SECTOR + 1) * STORE_SECTOR + input_below(in, 64);

    return at < len ? at : len;
}

static void patch(struct disk *disk, struct input *in, const char *name)
{
    size_t len = 0;
    uint8_t *bytes = sim_disk_file(disk, name, &len);
    size_t at = some_offset(in, len);
    struct mst_span with = input_bytes(in, len - at);

    if (with.len > 0) {
        memcpy(bytes + at, with.data, with.len);
        sim_disk_settle(disk);
    }
}

static void resize(struct disk *disk, struct input *in, const char *name, bool longer)
{
    size_t len = 0;
    uint8_t *bytes = sim_disk_file(disk, name, &len);
    size_t wanted = longer ? len + input_below(in, 4) * STORE_SECTOR : some_offset(in, len);
    uint8_t *copy = calloc(1, wanted + 1);

    require(copy != NULL);
    if (wanted <= FILE_MAX) {
        if (len > 0) {
            memcpy(copy, bytes, len < wanted ? len : wanted);
        }
        sim_disk_put(disk, name, mst_span_of(copy, wanted));
    }
    free(copy);
}

/* Another name for the same bytes; the header may follow. */
static void copy_as(struct disk *disk, struct input *in, const char *name)
{
    char other[DISK_NAME_MAX + 1];
    size_t len = 0;
    uint8_t *bytes = sim_disk_file(disk, name, &len);
    enum file_kind kind = (enum file_kind)(1 + input_below(in, 3));

    format_name(kind, input_number(in), other);
    if (strlen(other) <= DISK_NAME_MAX && strcmp(other, name) != 0) {
        sim_disk_put(disk, other, mst_span_of(bytes, len));
    }
}

static void mend_header(struct disk *disk, struct input *in, const char *name)
{
    struct file_header header;
    size_t len = 0;
    uint8_t *bytes = sim_disk_file(disk, name, &len);
    uint8_t *first;
    uint8_t choice = input_byte(in);

    if (len < STORE_SECTOR) {
        return;
    }
    first = bytes;
    format_header_decode(mst_span_of(first, STORE_SECTOR), &header);
    header.kind = (choice & 1) != 0 ? (enum file_kind)(1 + input_below(in, 4)) : header.kind;
    header.number = (choice & 2) != 0 ? input_number(in) : header.number;
    header.bytes = (choice & 4) != 0 ? input_number(in) * STORE_SECTOR : header.bytes;
    header.previous = (choice & 8) != 0 ? input_number(in) : header.previous;
    header.next_segment = (choice & 16) != 0 ? input_number(in) : header.next_segment;
    header.next_batch = (choice & 32) != 0 ? input_number(in) : header.next_batch;
    header.is_recycled = (choice & 64) != 0 ? !header.is_recycled : header.is_recycled;
    format_header_encode(&header, first);
    sim_disk_settle(disk);
}

/* A batch with the right checksum of this file, wherever in it. */
static void make_batch(struct disk *disk, struct input *in, const char *name)
{
    struct file_header file;
    size_t len = 0;
    uint8_t *bytes = sim_disk_file(disk, name, &len);
    size_t sectors = len / STORE_SECTOR;
    size_t at = (1 + input_below(in, sectors + 1)) * STORE_SECTOR;
    struct batch_header batch = {.index = input_number(in), .seq = input_number(in)};
    struct mst_span payload;

    batch.flags = (uint32_t)input_below(in, 9);
    if (at + STORE_SECTOR > len) {
        return;
    }
    payload = input_bytes(in, len - at - BATCH_HEADER_BYTES);
    batch.len = (uint32_t)payload.len;
    format_header_decode(mst_span_of(bytes, STORE_SECTOR), &file);
    if (payload.len > 0) {
        memcpy(bytes + at + BATCH_HEADER_BYTES, payload.data, payload.len);
    }
    format_batch_encode(file.key, &batch, payload, bytes + at);
    sim_disk_settle(disk);
}

/* Returns whether it forged a header or a batch with the right checksum, which no decay can do: a
 * start may take it for what it is not, and the next one find out. */
static bool damage(struct disk *disk, struct input *in)
{
    struct names names;
    const char *name = some_file(disk, in, &names);

    if (name == NULL) {
        uint8_t blank[2 * STORE_SECTOR] = {0};

        sim_disk_put(disk, "segment-0000000001", mst_span_of(blank, sizeof(blank)));
        return false;
    }
    switch (input_byte(in) % 8) {
    case 0: patch(disk, in, name); break;
    case 1: resize(disk, in, name, false); break;
    case 2: resize(disk, in, name, true); break;
    case 3: copy_as(disk, in, name); break;
    case 4: sim_disk_delete(disk, name); break;
    case 5: mend_header(disk, in, name); return true;
    default: make_batch(disk, in, name); return true;
    }
    return false;
}

/* ---- what must hold ---- */

static void start_twice(struct life *life, bool forged)
{
    uint64_t batches;

    if (start(life) != STORE_OK) {
        return;
    }
    batches = life->batches;
    life->refused = 0;
    /* Numbers of records rise; a batch of ours may have the highest there are. */
    if (life->journal->table->failure(life->journal) == NULL &&
        life->journal->table->durable(life->journal) < LATER_SEQ) {
        append(life, LATER_SEQ, 100, 1u << 20);
    }
    end(life);
    if (start(life) == STORE_OK) {
        require(life->batches >= batches);
        end(life);
    } else {
        require(forged);
    }
}

static void salvage(struct disk *from)
{
    struct life life = {.disk = sim_disk_new(), .now_ns = 1};
    struct store_ports ports = ports_of(&life);
    struct store_report report;
    char error[STORE_ERROR_MAX] = "";
    enum store_status status;

    sim_jobs_init(&life.jobs);
    status = store_salvage(from, life.disk, &ports, &report, error);
    require((status == STORE_OK) != (error[0] != '\0'));
    if (status == STORE_OK) {
        require(start(&life) == STORE_OK);
        end(&life);
    }
    sim_disk_free(&life.disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    uint8_t choice = input_byte(&in);
    struct life life = {.now_ns = 1, .refused = (choice & 2) != 0 ? 3 : 0};
    struct store_report report;
    char error[STORE_ERROR_MAX] = "";
    enum store_status verified;
    bool forged = false;

    life.disk = (choice & 1) != 0 ? sim_disk_new() : real_journal();
    for (int i = 0; i < STEPS_MAX && input_more(&in); i++) {
        forged = damage(life.disk, &in) || forged;
    }
    verified = store_verify(life.disk, &report, error);
    require((verified == STORE_OK) != (error[0] != '\0'));
    salvage(life.disk);
    if ((choice & 4) != 0) {
        store_restore(life.disk, "backup", error);
    }
    start_twice(&life, forged);
    sim_disk_free(&life.disk);
    return 0;
}
