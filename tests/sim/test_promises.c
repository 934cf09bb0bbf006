/* test_promises.c - PROMISES.md names only tests that exist, in the folder's own programs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/buf.h"
#include "tests/unit/cmocka_all.h"

static void read_into(struct mst_buf *out, const char *folder, const char *name)
{
    char path[600];
    char bytes[4096];
    size_t n;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0) {
        assert_true(mst_buf_append(out, bytes, n));
    }
    fclose(file);
}

static void read_tests(struct mst_buf *out, const char *folder)
{
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);

        if (strncmp(entry->d_name, "test_", 5) == 0 && strcmp(entry->d_name + len - 2, ".c") == 0) {
            read_into(out, folder, entry->d_name);
        }
    }
    closedir(dir);
}

/* It is registered with cmocka, by whatever macro. */
static bool is_a_test(const char *tests, const char *name)
{
    char call[200];

    snprintf(call, sizeof(call), "UNIT(%s)", name);
    if (strstr(tests, call) != NULL) {
        return true;
    }
    snprintf(call, sizeof(call), "cmocka_unit_test(%s)", name);
    return strstr(tests, call) != NULL;
}

static void every_promise_has_a_test_that_exists(void **state)
{
    const char *root = getenv("MUSTER_SOURCE_DIR");
    char folder[500];
    struct mst_buf promises;
    struct mst_buf tests;
    char *save = NULL;
    size_t named = 0;

    (void)state;
    snprintf(folder, sizeof(folder), "%s/tests/sim", root == NULL ? "." : root);
    mst_buf_init(&promises);
    mst_buf_init(&tests);
    read_into(&promises, folder, "PROMISES.md");
    read_tests(&tests, folder);
    assert_true(mst_buf_append(&promises, "", 1) && mst_buf_append(&tests, "", 1));
    for (char *word = strtok_r((char *)promises.data, " \n|,", &save); word != NULL;
         word = strtok_r(NULL, " \n|,", &save)) {
        size_t len = strlen(word);

        if (len > 3 && word[0] == '`' && word[len - 1] == '`' && strchr(word, '.') == NULL &&
            strncmp(word, "`test_", 6) != 0) {
            word[len - 1] = '\0';
            if (!is_a_test((const char *)tests.data, word + 1)) {
                print_error("PROMISES.md names %s, which is no test\n", word + 1);
                fail();
            }
            named++;
        }
    }
    assert_true(named > 200);
    mst_buf_clear(&promises);
    mst_buf_clear(&tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_promise_has_a_test_that_exists)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
