/* disk_file.c - one file of the simulated disk. See disk_file.h. */
#include "tests/sim/disk_file.h"

#include <stdlib.h>
#include <string.h>

void *need(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

struct file *file_new(void)
{
    return need(calloc(1, sizeof(struct file)));
}

void file_drop(struct file *file)
{
    if (--file->references == 0) {
        free(file->bytes);
        free(file->stable);
        free(file->dirty);
        free(file);
    }
}

void file_grow(struct file *file, size_t len)
{
    size_t sectors = (len + SIM_DISK_SECTOR - 1) / SIM_DISK_SECTOR;

    if (len <= file->len) {
        return;
    }
    if (sectors > file->sectors) {
        size_t room = sectors * 2;

        file->bytes = need(realloc(file->bytes, room * SIM_DISK_SECTOR));
        file->dirty = need(realloc(file->dirty, room * sizeof(*file->dirty)));
        memset(file->dirty + file->sectors, 0, (room - file->sectors) * sizeof(*file->dirty));
        file->sectors = room;
    }
    memset(file->bytes + file->len, 0, len - file->len);
    file->len = len;
}

static void stable_grow(struct file *file, size_t len)
{
    if (len > file->stable_len) {
        file->stable = need(realloc(file->stable, len));
        memset(file->stable + file->stable_len, 0, len - file->stable_len);
        file->stable_len = len;
    }
}

static size_t sector_len(const struct file *file, size_t sector)
{
    size_t rest = file->len - sector * SIM_DISK_SECTOR;

    return rest < SIM_DISK_SECTOR ? rest : SIM_DISK_SECTOR;
}

static void sector_keep(struct file *file, size_t sector)
{
    size_t at = sector * SIM_DISK_SECTOR;
    size_t len = sector_len(file, sector);

    stable_grow(file, at + len);
    memcpy(file->stable + at, file->bytes + at, len);
}

void file_sync(struct file *file, bool works)
{
    if (works) {
        stable_grow(file, file->len);
    }
    for (size_t i = 0; i * SIM_DISK_SECTOR < file->len; i++) {
        if (file->dirty[i] && works) {
            sector_keep(file, i);
        }
        file->dirty[i] = false;
    }
}

uint64_t next_chance(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void sector_garble(struct file *file, size_t sector, uint64_t *seed)
{
    sector_keep(file, sector);
    for (size_t i = 0; i < sector_len(file, sector); i++) {
        file->stable[sector * SIM_DISK_SECTOR + i] = (uint8_t)next_chance(seed);
    }
}

/* Mostly one way or the other, so that all combinations have a chance. */
void file_power(struct file *file, uint64_t *seed)
{
    uint64_t manner = next_chance(seed) % 4;

    for (size_t i = 0; i * SIM_DISK_SECTOR < file->len; i++) {
        uint64_t fate = next_chance(seed) % 8;

        if (!file->dirty[i] || manner == 0) {
            continue; /* dropped */
        }
        if (manner == 1 || fate < 4) {
            sector_keep(file, i);
        } else if (fate == 4 && manner == 3) {
            sector_garble(file, i, seed);
        }
    }
    file->len = file->stable_len;
    if (file->sectors > 0) {
        memset(file->dirty, 0, file->sectors * sizeof(*file->dirty));
    }
    if (file->len > 0) {
        memcpy(file->bytes, file->stable, file->len);
    }
}

void file_settle(struct file *file)
{
    stable_grow(file, file->len);
    for (size_t i = 0; i * SIM_DISK_SECTOR < file->len; i++) {
        sector_keep(file, i);
        file->dirty[i] = false;
    }
}

void file_forget(struct file *file)
{
    stable_grow(file, file->len);
    for (size_t i = 0; i * SIM_DISK_SECTOR < file->len; i++) {
        if (!file->dirty[i]) {
            memcpy(file->bytes + i * SIM_DISK_SECTOR, file->stable + i * SIM_DISK_SECTOR,
                   sector_len(file, i));
        }
    }
}
