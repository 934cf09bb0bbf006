/* test_monitoring.c - what is made for those who watch names the metrics that there are: the
 * dashboard, the alert rules and docs/OPERATIONS.md. */
#include "tests/unit/engine_pipes.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/engine/metrics.h"
#include "broker/io/process.h"

#define NAME_MAX_   64
#define METRICS_MAX 128

/* Names of metrics, each once. */
struct names {
    char items[METRICS_MAX][NAME_MAX_];
    size_t count;
};

static bool has(const struct names *names, const char *name, size_t len)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strlen(names->items[i]) == len && memcmp(names->items[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct names *names, const char *name, size_t len)
{
    if (!has(names, name, len)) {
        assert_true(names->count < METRICS_MAX && len < NAME_MAX_);
        memcpy(names->items[names->count], name, len);
        names->items[names->count++][len] = '\0';
    }
}

static size_t name_len(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_') {
        len++;
    }
    return len;
}

/* What begins as metrics of the broker do. The parts of a histogram count as the whole. */
static void add_named(struct names *names, const char *text)
{
    static const char *const parts[] = {"_bucket", "_sum", "_count"};

    for (size_t len; *text != '\0'; text += len == 0 ? 1 : len) {
        len = name_len(text);
        if (strncmp(text, "muster_", 7) != 0 && strncmp(text, "process_", 8) != 0) {
            continue;
        }
        size_t whole = len;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            size_t part = strlen(parts[i]);
            whole =
                len > part && memcmp(text + len - part, parts[i], part) == 0 ? len - part : whole;
        }
        add(names, text, whole);
    }
}

static char *file_text(const char *path)
{
    const char *root = getenv("MUSTER_SOURCE_DIR");
    char full[4096];
    char *text = calloc(1, 1u << 20);
    FILE *file;

    snprintf(full, sizeof(full), "%s/%s", root == NULL ? "." : root, path);
    file = fopen(full, "r");
    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1u << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* As the page says them. */
static struct names *names_of_page(struct pipes *pipes)
{
    struct names *names = calloc(1, sizeof(*names));
    struct metrics_page *page = metrics_page_new(pipes->engine);
    struct metrics_text text;
    const char *at;

    assert_non_null(names);
    metrics_text_init(&text);
    process_metrics(&text, 0);
    while (metrics_page_go_on(page)) {
    }
    assert_true(
        mst_buf_append(&text.out, metrics_page_text(page).data, metrics_page_text(page).len) &&
        mst_buf_append(&text.out, "", 1));
    at = (const char *)mst_buf_span(&text.out).data;
    while ((at = strstr(at, "# TYPE ")) != NULL) {
        at += strlen("# TYPE ");
        add(names, at, name_len(at));
    }
    metrics_page_free(&page);
    metrics_text_clear(&text);
    assert_true(names->count > 30);
    return names;
}

static void assert_all_exist(struct pipes *pipes, const struct names *named, const char *where)
{
    struct names *there = names_of_page(pipes);

    assert_true(named->count > 5);
    for (size_t i = 0; i < named->count; i++) {
        if (!has(there, named->items[i], strlen(named->items[i]))) {
            fail_msg("%s names %s, which /metrics does not have", where, named->items[i]);
        }
    }
    free(there);
}

/* ---- the dashboard ---- */

static void add_expressions(struct names *names, const json_t *value, size_t *panels)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            add_expressions(names, member, panels);
        }
    }
    if (!json_is_object(value)) {
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        bool asks = strcmp(key, "expr") == 0 || strcmp(key, "query") == 0;

        if (asks && json_is_string(member)) {
            add_named(names, json_string_value(member));
            *panels += strcmp(key, "expr") == 0;
        }
        add_expressions(names, member, panels);
    }
}

static void the_dashboard_is_json_and_shows_what_there_is(void **state)
{
    char *text = file_text("docs/monitoring/dashboard.json");
    struct names *names = calloc(1, sizeof(*names));
    json_error_t error;
    json_t *dashboard = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    size_t expressions = 0;

    assert_non_null(names);
    if (dashboard == NULL) {
        fail_msg("dashboard.json:%d: %s", error.line, error.text);
    }
    add_expressions(names, dashboard, &expressions);
    assert_true(expressions > 30);
    assert_true(json_is_array(json_object_get(dashboard, "panels")));
    assert_all_exist(*state, names, "dashboard.json");
    json_decref(dashboard);
    free(names);
    free(text);
}

static void panels_have_numbers_of_their_own_and_do_not_overlap(void **state)
{
    char *text = file_text("docs/monitoring/dashboard.json");
    json_t *dashboard = json_loads(text, 0, NULL);
    bool taken[256][24] = {{false}};
    bool seen[256] = {false};
    json_t *panel;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(dashboard, "panels"), i, panel)
    {
        const json_t *at = json_object_get(panel, "gridPos");
        json_int_t x = json_integer_value(json_object_get(at, "x"));
        json_int_t y = json_integer_value(json_object_get(at, "y"));
        json_int_t id = json_integer_value(json_object_get(panel, "id"));
        json_int_t cells = json_integer_value(json_object_get(at, "w")) *
                           json_integer_value(json_object_get(at, "h"));
        json_int_t w = json_integer_value(json_object_get(at, "w"));

        assert_true(id > 0 && id < 256 && !seen[id]);
        seen[id] = true;
        assert_true(cells > 0 && x >= 0 && x + w <= 24);
        for (json_int_t cell = 0; cell < cells; cell++) {
            assert_false(taken[y + cell / w][x + cell % w]);
            taken[y + cell / w][x + cell % w] = true;
        }
    }
    json_decref(dashboard);
    free(text);
}

/* ---- rules and documents ---- */

static void the_alert_rules_ask_for_what_there_is(void **state)
{
    char *text = file_text("docs/monitoring/alerts.yml");
    struct names *names = calloc(1, sizeof(*names));

    assert_non_null(names);
    add_named(names, text);
    assert_all_exist(*state, names, "alerts.yml");
    free(names);
    free(text);
}

static void operations_md_explains_every_metric_and_no_other(void **state)
{
    char *text = file_text("docs/OPERATIONS.md");
    struct names *there = names_of_page(*state);
    struct names *explained = calloc(1, sizeof(*explained));

    assert_non_null(explained);
    add_named(explained, text);
    assert_all_exist(*state, explained, "OPERATIONS.md");
    for (size_t i = 0; i < there->count; i++) {
        if (!has(explained, there->items[i], strlen(there->items[i]))) {
            fail_msg("OPERATIONS.md does not say what %s means", there->items[i]);
        }
    }
    free(explained);
    free(there);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ON_AN_ENGINE(test) cmocka_unit_test_setup_teardown(test, pipes_setup, pipes_teardown)
        ON_AN_ENGINE(the_dashboard_is_json_and_shows_what_there_is),
        cmocka_unit_test(panels_have_numbers_of_their_own_and_do_not_overlap),
        ON_AN_ENGINE(the_alert_rules_ask_for_what_there_is),
        ON_AN_ENGINE(operations_md_explains_every_metric_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
