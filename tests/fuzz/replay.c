/* replay.c - a target without a fuzzer: every file of its corpus, once. Part of `make test`, so
 * that what a fuzzer once found stays mended under every compiler. */
#include "tests/fuzz/input.h"

#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)

static bool replay(const char *path)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    uint8_t *exact;
    size_t len;

    if (file == NULL) {
        perror(path);
        return false;
    }
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    exact = malloc(len + 1); /* so that a sanitizer sees where it ends */
    require(exact != NULL);
    memcpy(exact, bytes, len);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return true;
}

static int replay_all(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[2048];
    int passed = 0;
    int failed = 0;

    if (dir == NULL) {
        perror(folder);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            *(replay(path) ? &passed : &failed) += 1;
        }
    }
    closedir(dir);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

int main(int argc, char **argv)
{
    const char *source = getenv("MUSTER_SOURCE_DIR");
    char folder[1024];

    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (argc > 1) {
        return replay(argv[1]) ? 0 : 1;
    }
    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", source == NULL ? "." : source,
             basename(argv[0]));
    return replay_all(folder);
}
