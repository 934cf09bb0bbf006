/* format.c - the bytes of the journal's files. See format.h and JOURNAL.md.
 *
 * Invariant: what is encoded decodes to the same; nothing is believed whose checksum was not right.
 */
#include "broker/journal/format.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECKSUM_BYTES crypto_shorthash_siphashx24_BYTES

/* Offsets in a file's header. */
enum {
    HEADER_MAGIC = 0,
    HEADER_VERSION = 8,
    HEADER_KIND = 12,
    HEADER_NUMBER = 16,
    HEADER_BYTES = 24,
    HEADER_PREVIOUS = 32,
    HEADER_NEXT_SEGMENT = 40,
    HEADER_NEXT_BATCH = 48,
    HEADER_FLAGS = 56,
    HEADER_ID = 64,
    HEADER_KEY = 80,
    HEADER_CHECKSUM = STORE_SECTOR - CHECKSUM_BYTES
};

/* Offsets in a batch's header. */
enum {
    BATCH_MAGIC = 0,
    BATCH_FLAGS = 4,
    BATCH_INDEX = 8,
    BATCH_SEQ = 16,
    BATCH_LEN = 24,
    BATCH_CHECKSUM = 32
};

enum { HEADER_RECYCLED = 1 };

#define MAGIC_BYTES 8
static const uint8_t file_magic[MAGIC_BYTES] = {'m', 'u', 's', 't', 'e', 'r', 'J', '\n'};
static const uint8_t header_key[FORMAT_KEY_BYTES] = "muster file head";
#define BATCH_MAGIC_WORD UINT32_C(0x68637462) /* "btch" */

static_assert(FORMAT_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "a key is a key");
static_assert(BATCH_CHECKSUM + CHECKSUM_BYTES == BATCH_HEADER_BYTES, "the header's parts fit");

/* ---- numbers ---- */

static void put_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(number >> 8 * i);
    }
}

static uint64_t get_number(const uint8_t *in, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = bytes; i-- > 0;) {
        number = number << 8 | in[i];
    }
    return number;
}

static uint32_t get32(const uint8_t *in)
{
    return (uint32_t)get_number(in, 4);
}

static uint64_t get64(const uint8_t *in)
{
    return get_number(in, 8);
}

/* ---- the header of a file ---- */

static void header_checksum(const uint8_t *sector, uint8_t out[CHECKSUM_BYTES])
{
    crypto_shorthash_siphashx24(out, sector, HEADER_CHECKSUM, header_key);
}

void format_header_encode(const struct file_header *header, uint8_t out[STORE_SECTOR])
{
    memset(out, 0, STORE_SECTOR);
    memcpy(out + HEADER_MAGIC, file_magic, MAGIC_BYTES);
    put_number(out + HEADER_VERSION, FORMAT_VERSION, 4);
    put_number(out + HEADER_KIND, (uint64_t)header->kind, 4);
    put_number(out + HEADER_NUMBER, header->number, 8);
    put_number(out + HEADER_BYTES, header->bytes, 8);
    put_number(out + HEADER_PREVIOUS, header->previous, 8);
    put_number(out + HEADER_NEXT_SEGMENT, header->next_segment, 8);
    put_number(out + HEADER_NEXT_BATCH, header->next_batch, 8);
    put_number(out + HEADER_FLAGS, header->is_recycled ? HEADER_RECYCLED : 0, 4);
    memcpy(out + HEADER_ID, header->id, FORMAT_ID_BYTES);
    memcpy(out + HEADER_KEY, header->key, FORMAT_KEY_BYTES);
    header_checksum(out, out + HEADER_CHECKSUM);
}

static bool is_all_zero(struct mst_span bytes)
{
    return bytes.len == 0 ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.len - 1) == 0);
}

/* Magic, version and checksum stand where they are in every version, so that a damaged header can
 * be told from one of another version. */
static enum format_status header_judge(struct mst_span sector)
{
    uint8_t checksum[CHECKSUM_BYTES];

    if (is_all_zero(sector)) {
        return FORMAT_EMPTY;
    }
    if (sector.len < MAGIC_BYTES ||
        memcmp(sector.data + HEADER_MAGIC, file_magic, MAGIC_BYTES) != 0) {
        return FORMAT_NOT_OURS;
    }
    if (sector.len < STORE_SECTOR) {
        return FORMAT_DAMAGED;
    }
    header_checksum(sector.data, checksum);
    if (memcmp(checksum, sector.data + HEADER_CHECKSUM, CHECKSUM_BYTES) != 0) {
        return FORMAT_DAMAGED;
    }
    return get32(sector.data + HEADER_VERSION) == FORMAT_VERSION ? FORMAT_OK : FORMAT_VERSION_OTHER;
}

enum format_status format_header_decode(struct mst_span sector, struct file_header *out)
{
    enum format_status status = header_judge(sector);
    const uint8_t *in = sector.data;
    uint32_t kind;

    *out = (struct file_header){0};
    if (status == FORMAT_OK || status == FORMAT_VERSION_OTHER) {
        out->version = get32(in + HEADER_VERSION);
    }
    if (status != FORMAT_OK) {
        return status;
    }
    kind = get32(in + HEADER_KIND);
    if (kind < FILE_SEGMENT || kind > FILE_BACKUP) {
        return FORMAT_NOT_OURS;
    }
    out->kind = (enum file_kind)kind;
    out->number = get64(in + HEADER_NUMBER);
    out->bytes = get64(in + HEADER_BYTES);
    out->previous = get64(in + HEADER_PREVIOUS);
    out->next_segment = get64(in + HEADER_NEXT_SEGMENT);
    out->next_batch = get64(in + HEADER_NEXT_BATCH);
    out->is_recycled = (get32(in + HEADER_FLAGS) & HEADER_RECYCLED) != 0;
    memcpy(out->id, in + HEADER_ID, FORMAT_ID_BYTES);
    memcpy(out->key, in + HEADER_KEY, FORMAT_KEY_BYTES);
    return FORMAT_OK;
}

/* ---- batches ---- */

/* Over the header before the checksum, and the checksum of the payload alone: so neither has to
 * stand beside the other in memory. */
static void batch_checksum(const uint8_t key[FORMAT_KEY_BYTES], const uint8_t *header,
                           struct mst_span payload, uint8_t out[CHECKSUM_BYTES])
{
    uint8_t both[BATCH_CHECKSUM + CHECKSUM_BYTES];

    memcpy(both, header, BATCH_CHECKSUM);
    crypto_shorthash_siphashx24(both + BATCH_CHECKSUM, payload.data, payload.len, key);
    crypto_shorthash_siphashx24(out, both, sizeof(both), key);
}

void format_batch_encode(const uint8_t key[FORMAT_KEY_BYTES], const struct batch_header *header,
                         struct mst_span payload, uint8_t out[BATCH_HEADER_BYTES])
{
    assert(header->len == payload.len && header->len <= BATCH_PAYLOAD_MAX);
    memset(out, 0, BATCH_HEADER_BYTES);
    put_number(out + BATCH_MAGIC, BATCH_MAGIC_WORD, 4);
    put_number(out + BATCH_FLAGS, header->flags, 4);
    put_number(out + BATCH_INDEX, header->index, 8);
    put_number(out + BATCH_SEQ, header->seq, 8);
    put_number(out + BATCH_LEN, header->len, 4);
    batch_checksum(key, out, payload, out + BATCH_CHECKSUM);
}

bool format_batch_peek(struct mst_span bytes, struct batch_header *out)
{
    const uint8_t *in = bytes.data;

    if (bytes.len < BATCH_HEADER_BYTES || get32(in + BATCH_MAGIC) != BATCH_MAGIC_WORD) {
        return false;
    }
    out->flags = get32(in + BATCH_FLAGS);
    out->index = get64(in + BATCH_INDEX);
    out->seq = get64(in + BATCH_SEQ);
    out->len = get32(in + BATCH_LEN);
    return out->len <= BATCH_PAYLOAD_MAX;
}

bool format_batch_check(const uint8_t key[FORMAT_KEY_BYTES], struct mst_span bytes)
{
    uint8_t checksum[CHECKSUM_BYTES];
    struct batch_header header;
    struct mst_span payload;

    if (!format_batch_peek(bytes, &header) || bytes.len - BATCH_HEADER_BYTES < header.len) {
        return false;
    }
    payload = mst_span_of(bytes.data + BATCH_HEADER_BYTES, header.len);
    batch_checksum(key, bytes.data, payload, checksum);
    return memcmp(checksum, bytes.data + BATCH_CHECKSUM, CHECKSUM_BYTES) == 0;
}

void format_entry_encode(const struct files_entry *entry, uint8_t out[FILES_ENTRY_BYTES])
{
    put_number(out, entry->number, 8);
    put_number(out + 8, entry->end, 8);
}

struct files_entry format_entry_decode(const uint8_t in[FILES_ENTRY_BYTES])
{
    return (struct files_entry){get64(in), get64(in + 8)};
}

/* ---- names ---- */

/* A backup is one file of one directory, without a number. */
static const char *const kind_names[] = {
    [FILE_SEGMENT] = "segment-", [FILE_CHECKPOINT] = "checkpoint-", [FILE_BACKUP] = "backup"};
#define NUMBER_DIGITS 10
#define NEW_SUFFIX    ".new"

void format_name(enum file_kind kind, uint64_t number, char out[DISK_NAME_MAX + 1])
{
    if (kind == FILE_BACKUP) {
        snprintf(out, DISK_NAME_MAX + 1, "%s", kind_names[kind]);
    } else {
        snprintf(out, DISK_NAME_MAX + 1, "%s%0*llu", kind_names[kind], NUMBER_DIGITS,
                 (unsigned long long)number);
    }
}

void format_name_new(enum file_kind kind, uint64_t number, char out[DISK_NAME_MAX + 1])
{
    format_name(kind, number, out);
    memcpy(out + strlen(out), NEW_SUFFIX, sizeof(NEW_SUFFIX));
}

bool format_name_is_new(const char *name)
{
    size_t len = strlen(name);
    size_t suffix = sizeof(NEW_SUFFIX) - 1;
    char whole[DISK_NAME_MAX + 1];
    enum file_kind kind;
    uint64_t number;

    if (len <= suffix || len > DISK_NAME_MAX || strcmp(name + len - suffix, NEW_SUFFIX) != 0) {
        return false;
    }
    memcpy(whole, name, len - suffix);
    whole[len - suffix] = '\0';
    return format_name_parse(whole, &kind, &number);
}

bool format_name_parse(const char *name, enum file_kind *kind, uint64_t *number)
{
    char again[DISK_NAME_MAX + 1];

    *number = 0;
    for (int i = FILE_SEGMENT; i <= FILE_BACKUP; i++) {
        size_t len = strlen(kind_names[i]);

        if (strncmp(name, kind_names[i], len) == 0) {
            *kind = (enum file_kind)i;
            *number = i == FILE_BACKUP ? 0 : strtoull(name + len, NULL, 10);
            format_name(*kind, *number, again);
            return strcmp(name, again) == 0 && *number < JOURNAL_FILES_MAX &&
                   (i == FILE_BACKUP || *number > 0);
        }
    }
    return false;
}
