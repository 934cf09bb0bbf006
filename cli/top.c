/* top.c - `muster top`: a live view on a terminal, or plain tables elsewhere.
 *
 * On a terminal two threads share the work (see top.h); whatever ends it, the terminal is given
 * back before anything is told. Elsewhere two looks make the rates of one table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/top.h"

#define INTERVAL_DEFAULT MUSTER_SECOND
#define INTERVAL_LEAST   (100 * MUSTER_MS)
#define TICK             MUSTER_SECOND /* how often the time without a broker is shown anew */

static int64_t interval_of(const struct cli *cli)
{
    return option_number(&cli->options, OPTION_INTERVAL, INTERVAL_DEFAULT);
}

/* ---- plain ---- */

static void rate_cell(struct table *table, double rate)
{
    if (rate < 0) {
        table_cell(table, "-");
    } else {
        table_cell(table, "%.1f", rate);
    }
}

static void object_row(struct table *table, const struct top_object *object)
{
    table_cell(table, "%s", object->name);
    table_cell(table, "%s", muster_kind_name(object->kind));
    table_cell(table, "%llu", (unsigned long long)object->ready);
    table_cell(table, "%llu", (unsigned long long)object->unfinished);
    table_cell(table, "%llu", (unsigned long long)object->waiting);
    table_cell(table, "%llu", (unsigned long long)object->leased);
    table_cell(table, "%llu", (unsigned long long)object->delayed);
    rate_cell(table, object->put_rate);
    rate_cell(table, object->get_rate);
    table_age(table, object->oldest_age_ns);
}

static void rate_json(struct out *out, const char *key, double rate)
{
    if (rate < 0) {
        json_text(out, key, NULL);
    } else {
        json_key(out, key);
        out_printf(out, "%.3f", rate);
    }
}

static void object_json(struct out *out, const struct top_object *object)
{
    json_open(out);
    json_text(out, "name", object->name);
    json_text(out, "kind", muster_kind_name(object->kind));
    json_count(out, "ready", object->ready);
    json_count(out, "unfinished", object->unfinished);
    json_count(out, "waiting", object->waiting);
    json_count(out, "leased", object->leased);
    json_count(out, "delayed", object->delayed);
    rate_json(out, "puts_per_second", object->put_rate);
    rate_json(out, "gets_per_second", object->get_rate);
    json_seconds(out, "oldest_age", object->oldest_age_ns);
    json_end(out);
}

static void show_look(struct cli *cli, const struct top_look *look)
{
    static const char *const titles[] = {"NAME", "KIND",    "READY", "UNFINISHED", "WAITING",
                                         "HELD", "DELAYED", "PUT/S", "GET/S",      "OLDEST"};
    struct top_view view = {.sort = (enum top_sort)option_number(&cli->options, OPTION_SORT, 0)};
    size_t *order = top_order_objects(&view, look);
    struct table table;
    table_begin(&table, &cli->out, 10, titles);
    for (size_t i = 0; i < look->objects_count; i++) {
        if (cli_has(cli, OPTION_JSON)) {
            object_json(&cli->out, &look->objects[order[i]]);
        } else {
            object_row(&table, &look->objects[order[i]]);
        }
    }
    table_end(&table);
    free(order);
}

static void sleep_for(int64_t ns)
{
    struct timespec left = {ns / MUSTER_SECOND, ns % MUSTER_SECOND};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* Tables are divided by an empty line. */
static int run_plain(struct cli *cli)
{
    struct top_look before = {0};
    struct top_look look = {0};
    int64_t rounds = option_number(&cli->options, OPTION_ROUNDS, 1);
    int code = cli_status(cli, top_look_take(cli->client, "", &before), NULL);
    top_rates(&before, NULL, 0);
    for (int64_t i = 0; i < rounds && code == EXIT_OK; i++) {
        sleep_for(interval_of(cli));
        code = cli_status(cli, top_look_take(cli->client, "", &look), NULL);
        if (code != EXIT_OK) {
            break;
        }
        top_rates(&look, &before, 0);
        out_text(&cli->out, i > 0 && !cli_has(cli, OPTION_JSON) ? "\n" : "");
        show_look(cli, &look);
        code = cli_flush(cli);
        top_look_clear(&before);
        before = look;
        look = (struct top_look){0};
    }
    top_look_clear(&before);
    top_look_clear(&look);
    return code;
}

/* ---- live ---- */

struct live {
    struct cli *cli;
    struct top_terminal *terminal;
    struct top_watch *watch;
    struct top_view view;
    struct top_look *look; /* the latest, or NULL */
    struct top_state state;
    int64_t rounds_left;
    int code; /* of the exit, once view.quit is set */
    enum muster_status status;
    const char *error;
};

static void drop_look(struct top_look *look)
{
    if (look != NULL) {
        top_look_clear(look);
        free(look);
    }
}

static void take_news(struct live *live)
{
    struct top_news news = top_watch_news(live->watch);
    live->state.away_ns = news.away_since_ns > 0 ? cli_now_ns() - news.away_since_ns : 0;
    if (news.look != NULL) {
        top_rates(news.look, live->look, live->state.interval_ns / 2);
        drop_look(live->look);
        live->look = news.look;
        live->rounds_left--;
        live->view.quit = live->view.quit || live->rounds_left == 0;
    }
    if (news.status != MUSTER_OK) {
        live->view.quit = true;
        live->status = news.status;
        live->error = news.error;
    }
}

static void draw(struct live *live)
{
    struct out lines = {NULL, 0, 0};
    struct top_screen screen = top_terminal_size();
    top_draw(&live->view, live->look, &live->state, &screen, &lines);
    if (!top_terminal_draw(&lines)) {
        live->view.quit = true;
        live->code = EXIT_OUTPUT;
    }
    out_clear(&lines);
}

static void handle(struct live *live, const struct top_event *event)
{
    if (event->what == TOP_ENDED) {
        live->view.quit = true;
        live->code = 128 + event->signal;
    } else if (event->what == TOP_KEYS) {
        struct top_screen screen = top_terminal_size();
        top_keys(&live->view, live->look, event->keys, event->len, top_page(&screen));
        top_watch_want(live->watch, live->view.pane == TOP_WHO ? live->view.who : "");
    }
    take_news(live);
}

static void watch_live(struct live *live)
{
    while (!live->view.quit) {
        draw(live);
        struct top_event event = top_terminal_wait(live->terminal, top_watch_fd(live->watch), TICK);
        handle(live, &event);
    }
}

/* The terminal is given back before a line is told. */
static int run_on(struct cli *cli, struct live *live)
{
    live->watch = top_watch_start(cli->client, live->state.interval_ns);
    if (live->watch == NULL) {
        return cli_fail(cli, EXIT_OTHER, "cannot start a thread: %s; end other programs",
                        strerror(errno));
    }
    if (top_terminal_enter(live->terminal)) {
        watch_live(live);
    } else {
        live->code = EXIT_OUTPUT;
    }
    top_terminal_leave(live->terminal);
    drop_look(live->look);
    int code = live->code;
    if (live->status != MUSTER_OK) {
        code = cli_fail(cli, cli_exit_code(cli, live->status), "%s", live->error);
    } else if (code == EXIT_OUTPUT) {
        code =
            cli_fail(cli, EXIT_OUTPUT, "cannot draw on the terminal; see that it is still there");
    }
    if (!top_watch_end(&live->watch)) {
        cli->client = NULL; /* still in use by the thread; it ends with the process */
    }
    return code;
}

static const char *url_of(const struct cli *cli)
{
    const char *given = cli->options.text[OPTION_URL];
    const char *url = given != NULL ? given : getenv("MUSTER_URL");
    return url != NULL && url[0] != '\0' ? url : "muster://127.0.0.1:6878";
}

/* The client's own threads take no signals, so those blocked from here on are this one's. */
static int run_live(struct cli *cli)
{
    struct live live = {
        .cli = cli,
        .terminal = top_terminal_new(),
        .view = {.sort = (enum top_sort)option_number(&cli->options, OPTION_SORT, 0)},
        .state = {.url = url_of(cli),
                  .version = muster_broker_version(cli->client),
                  .interval_ns = interval_of(cli)},
        .rounds_left = option_number(&cli->options, OPTION_ROUNDS, INT64_MAX),
    };
    if (live.terminal == NULL) {
        return cli_fail(cli, EXIT_OTHER, "cannot watch for signals: %s; close some files",
                        strerror(errno));
    }
    int code = run_on(cli, &live);
    top_terminal_free(&live.terminal);
    return code;
}

int command_top(struct cli *cli)
{
    if (interval_of(cli) < INTERVAL_LEAST) {
        return cli_fail(cli, EXIT_USAGE,
                        "--interval: looking more often than every 100ms is a load to the broker; "
                        "give it a longer one");
    }
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    bool live = !cli_has(cli, OPTION_JSON) && top_terminal_fits();
    return live ? run_live(cli) : run_plain(cli);
}
