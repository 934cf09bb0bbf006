/* alone.c - limits that need no server: what a sync and what the cipher cost on this machine.
 *
 *   load-alone --driver NAME [what others take, unread] SCENARIO
 *
 * A durable put can be no faster than one sync, times the puts that share it; an encrypted byte no
 * cheaper than the cipher (sealed and opened, as a message is). */
#include "bench/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SYNCS = 2000, RECORD = 4096, FILE_BYTES = SYNCS * RECORD, CIPHER_BYTES = 1 << 28 };

static void print(const char *name, double rate, double bytes)
{
    printf("{\"driver\":\"%s\",\"scenario\":\"alone\",\"rate\":%.9g,\"bytes_rate\":%.9g,"
           "\"each_us\":%.9g,\"cpu_us\":0}\n",
           name, rate, rate * bytes, 1e6 / rate);
}

/* In the working folder, which the runner puts on the disk that the servers use. */
static void syncs(const char *name, bool overwrite)
{
    char path[] = "muster-sync-XXXXXX", record[RECORD];
    int fd = mkstemp(path);
    if (fd < 0 || unlink(path) != 0) {
        die("cannot make a file here: %s", strerror(errno));
    }
    memset(record, 'x', sizeof(record));
    /* Written once, so that the blocks are there and not merely promised. */
    for (int i = 0; overwrite && i < SYNCS; i++) {
        if (pwrite(fd, record, RECORD, (off_t)i * RECORD) != RECORD) {
            die("cannot write: %s", strerror(errno));
        }
    }
    fsync(fd);
    int64_t begin_ns = clock_ns();
    for (int i = 0; i < SYNCS; i++) {
        if (pwrite(fd, record, RECORD, (off_t)i * RECORD) != RECORD || fdatasync(fd) != 0) {
            die("cannot write: %s", strerror(errno));
        }
    }
    print(name, SYNCS * 1e9 / (double)(clock_ns() - begin_ns), RECORD);
    close(fd);
}

static void cipher(const char *name, size_t size)
{
    enum { AD = crypto_aead_chacha20poly1305_ietf_ABYTES };
    unsigned char key[32] = {1}, nonce[12] = {0};
    unsigned char *clear = need(calloc(1, size)), *sealed = need(calloc(1, size + AD));
    size_t times = CIPHER_BYTES / (size + 400);
    if (sodium_init() < 0) {
        die("libsodium does not start");
    }
    int64_t begin_ns = clock_ns();
    for (size_t i = 0; i < times; i++) {
        memcpy(nonce, &i, sizeof(i));
        crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, clear, size, NULL, 0, NULL, nonce,
                                                  key);
        if (crypto_aead_chacha20poly1305_ietf_decrypt(clear, NULL, NULL, sealed, size + AD, NULL, 0,
                                                      nonce, key) != 0) {
            die("the cipher does not open what it sealed");
        }
    }
    print(name, (double)times * 1e9 / (double)(clock_ns() - begin_ns), (double)size);
    free(clear);
    free(sealed);
}

static const struct {
    const char *name;
    const char *how;
    void (*run)(const char *name, size_t number);
    size_t number;
} limits[] = {
    {"limit: fdatasync overwrite", "4 KiB into blocks that are there", NULL, true},
    {"limit: fdatasync append", "4 KiB at the end of a file", NULL, false},
    {"limit: cipher 100 B", "ChaCha20-Poly1305, sealed and opened", cipher, 100},
    {"limit: cipher 64 KiB", "ChaCha20-Poly1305, sealed and opened", cipher, 65536},
};

int main(int count, char **words)
{
    const char *name = count > 2 && strcmp(words[1], "--driver") == 0 ? words[2] : NULL;
    bool list = count == 2 && strcmp(words[1], "--drivers") == 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (list) {
            printf("{\"driver\":\"%s\",\"how\":\"%s\",\"how_one\":\"%s\",\"answers\":false,"
                   "\"acknowledges\":false}\n",
                   limits[i].name, limits[i].how, limits[i].how);
        } else if (name != NULL && strcmp(limits[i].name, name) == 0) {
            if (limits[i].run != NULL) {
                limits[i].run(name, limits[i].number);
            } else {
                syncs(name, limits[i].number);
            }
            return 0;
        }
    }
    if (!list) {
        die("usage: load-alone --driver NAME; see --drivers");
    }
    return 0;
}
