/* test_protocol_md.c - PROTOCOL.md says what the tables say and what the codec does.
 *
 * With MUSTER_REGENERATE=1 in the environment the parts that are made from them are written anew.
 * MUSTER_SOURCE_DIR is where the sources are; default: the working directory. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/doc.h"

#define BEGIN "<!-- generated: "
#define END   "<!-- end -->"

static void path_of(char *out, size_t size)
{
    const char *dir = getenv("MUSTER_SOURCE_DIR");

    assert_true((size_t)snprintf(out, size, "%s/protocol/PROTOCOL.md", dir == NULL ? "." : dir) <
                size);
}

static void file_read(struct mst_buf *out)
{
    char path[4096];
    char chunk[4096];
    size_t n = 0;

    path_of(path, sizeof(path));
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot read %s: run from the root, or set MUSTER_SOURCE_DIR", path);
    }
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        assert_true(mst_buf_append(out, chunk, n));
    }
    assert_int_equal(fclose(file), 0);
    assert_true(mst_buf_append(out, "", 1)); /* so that it is a string too */
}

static void file_write(const struct mst_buf *text)
{
    char path[4096];

    path_of(path, sizeof(path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

/* The name between BEGIN and " -->" at the start of a line, or an empty one. */
static void name_of(const char *line, char *out, size_t size)
{
    const char *end = strstr(line, " -->");

    out[0] = '\0';
    if (strncmp(line, BEGIN, strlen(BEGIN)) == 0 && end != NULL) {
        line += strlen(BEGIN);
        assert_true(end > line && (size_t)(end - line) < size);
        memcpy(out, line, (size_t)(end - line));
        out[end - line] = '\0';
    }
}

static bool part(const char *name, struct mst_buf *out)
{
    return doc_tables(name, out) || doc_exchange(name, out);
}

/* The document as it should be; compared part by part unless it is to be written anew. */
static void regenerate(const char *document, struct mst_buf *out, bool compare)
{
    const char *at = document;
    char name[64];

    while (*at != '\0') {
        const char *next = strchr(at, '\n');
        next = next == NULL ? at + strlen(at) : next + 1;
        assert_true(mst_buf_append(out, at, (size_t)(next - at)));
        name_of(at, name, sizeof(name));
        at = next;
        if (name[0] == '\0') {
            continue;
        }
        size_t begin = out->len;
        if (!part(name, out)) {
            fail_msg("PROTOCOL.md asks for a part that nobody makes: %s", name);
        }
        const char *end = strstr(at, END);
        if (end == NULL) {
            fail_msg("PROTOCOL.md: the part %s has no %s", name, END);
        }
        if (compare && ((size_t)(end - at) != out->len - begin ||
                        memcmp(at, out->data + begin, out->len - begin) != 0)) {
            fail_msg("PROTOCOL.md differs from the tables in the part \"%s\"; run this test with "
                     "MUSTER_REGENERATE=1 and read what changed",
                     name);
        }
        at = end;
    }
}

static void the_document_says_what_the_tables_say(void **state)
{
    const char *wish = getenv("MUSTER_REGENERATE");
    bool write = wish != NULL && strcmp(wish, "1") == 0;
    struct mst_buf document;
    struct mst_buf wanted;

    (void)state;
    mst_buf_init(&document);
    mst_buf_init(&wanted);
    file_read(&document);
    regenerate((const char *)document.data, &wanted, !write);
    if (write) {
        file_write(&wanted);
    }
    mst_buf_clear(&document);
    mst_buf_clear(&wanted);
}

static void every_part_stands_in_the_document_once(void **state)
{
    const char *const *lists[] = {doc_names(), doc_exchange_names()};
    struct mst_buf document;
    char marker[128];

    (void)state;
    mst_buf_init(&document);
    file_read(&document);
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; lists[l][i] != NULL; i++) {
            snprintf(marker, sizeof(marker), "\n%s%s -->\n", BEGIN, lists[l][i]);
            const char *first = strstr((const char *)document.data, marker);
            if (first == NULL || strstr(first + 1, marker) != NULL) {
                fail_msg("PROTOCOL.md must have the part \"%s\" once", lists[l][i]);
            }
        }
    }
    mst_buf_clear(&document);
}

static void every_field_has_a_meaning(void **state)
{
    (void)state;
    assert_int_equal(doc_meanings_missing(), 0);
}

static void lines_are_short_enough_to_read(void **state)
{
    struct mst_buf document;
    const char *at;

    (void)state;
    mst_buf_init(&document);
    file_read(&document);
    at = (const char *)document.data;
    for (int number = 1; *at != '\0'; number++) {
        const char *end = strchr(at, '\n');
        assert_non_null(end); /* the file ends with a newline */
        if (end - at > 160) {
            fail_msg("PROTOCOL.md, line %d has %d bytes", number, (int)(end - at));
        }
        at = end + 1;
    }
    mst_buf_clear(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_says_what_the_tables_say),
        cmocka_unit_test(every_part_stands_in_the_document_once),
        cmocka_unit_test(every_field_has_a_meaning),
        cmocka_unit_test(lines_are_short_enough_to_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
