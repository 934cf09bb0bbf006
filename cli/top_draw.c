/* top_draw.c - a look at the broker as lines for a screen.
 *
 * Every line is as wide as the screen at most, counting each character as one place; what comes
 * from clients is made printable first. A head of three lines and a title, the rows around the
 * selected one, and a foot that names the keys. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"

enum {
    HEAD_LINES = 4, /* with the titles of the columns */
    FOOT_LINES = 1,
    NUMBER_WIDTH = 7,
    NUMBERS = 8,
    KIND_WIDTH = 9,
    NAME_WIDTH_MIN = 12,
    NAME_WIDTH_MAX = 48,
    WHO_WIDTH = 40
};

struct page {
    struct out *out;
    struct out line;
    const struct top_screen *screen;
    size_t lines;
};

/* ---- lines ---- */

/* Bytes of the first places characters; *places_out: how many there are. */
static size_t bytes_of(const char *text, size_t len, size_t places, size_t *places_out)
{
    size_t i = 0;
    size_t seen = 0;
    while (i < len) {
        bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;
        if (begins && seen == places) {
            break;
        }
        seen += begins ? 1 : 0;
        i++;
    }
    *places_out = seen;
    return i;
}

enum look_of_line { PLAIN, BOLD, REVERSE };

static void line_end(struct page *page, enum look_of_line looks)
{
    size_t places = 0;
    size_t len = bytes_of(page->line.data, page->line.len, page->screen->columns, &places);
    bool emphasis = page->screen->emphasis && looks != PLAIN;
    if (page->lines < page->screen->rows) {
        out_text(page->out, !emphasis ? "" : looks == BOLD ? "\033[1m" : "\033[7m");
        out_bytes(page->out, page->line.data, len);
        out_text(page->out, emphasis ? "\033[0m\n" : "\n");
        page->lines++;
    }
    page->line.len = 0;
}

/* Text that takes exactly so many places, and a space behind it. */
static void left(struct page *page, const char *text, size_t width)
{
    struct out printable = {NULL, 0, 0};
    size_t places = 0;
    out_escaped(&printable, text, strlen(text), 0);
    size_t len = bytes_of(printable.data, printable.len, width, &places);
    out_bytes(&page->line, printable.data, len);
    out_printf(&page->line, "%*s", (int)(width - places) + 1, "");
    out_clear(&printable);
}

__attribute__((format(printf, 2, 3))) static void right(struct page *page, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    out_printf(&page->line, "%*s ", NUMBER_WIDTH, text);
}

static void right_rate(struct page *page, double rate)
{
    if (rate < 0) {
        right(page, "-");
    } else {
        right(page, rate < 100 ? "%.1f" : "%.0f", rate);
    }
}

/* -1: not known; 0 of the oldest message: there is none. */
static void right_age(struct page *page, int64_t ns)
{
    struct out text = {NULL, 0, 0};
    if (ns < 0) {
        out_text(&text, "-");
    } else {
        out_age(&text, ns);
    }
    right(page, "%.*s", (int)text.len, text.data);
    out_clear(&text);
}

/* ---- head and foot ---- */

static void draw_sums(struct page *page, const struct top_look *look)
{
    uint64_t ready = 0, leased = 0, delayed = 0, waiting = 0, connected = 0;
    double puts = 0, gets = 0;
    for (size_t i = 0; i < look->objects_count; i++) {
        const struct top_object *object = &look->objects[i];
        bool queue = object->kind != MUSTER_EVENT && object->kind != MUSTER_BARRIER;
        ready += queue ? object->ready : 0;
        leased += object->leased;
        delayed += object->delayed;
        waiting += object->waiting;
        puts += object->put_rate > 0 ? object->put_rate : 0;
        gets += object->get_rate > 0 ? object->get_rate : 0;
    }
    for (size_t i = 0; i < look->sessions_count; i++) {
        connected += look->sessions[i].connected ? 1 : 0;
    }
    out_printf(&page->line,
               "%zu objects: %llu ready, %llu held, %llu delayed, %llu waiting; %.1f put/s, "
               "%.1f get/s",
               look->objects_count, (unsigned long long)ready, (unsigned long long)leased,
               (unsigned long long)delayed, (unsigned long long)waiting, puts, gets);
    if (!look->sessions_hidden) {
        out_printf(&page->line, "; %zu sessions, %llu connected", look->sessions_count,
                   (unsigned long long)connected);
    }
}

static void draw_head(struct page *page, const struct top_view *view, const struct top_look *look,
                      const struct top_state *state)
{
    static const char *const sorts[] = {"depth", "rate", "age", "waiting", "name"};
    out_printf(&page->line, "muster top: %s, musterd %s, every ", state->url, state->version);
    out_age(&page->line, state->interval_ns);
    out_printf(&page->line, ", by %s", sorts[view->sort]);
    line_end(page, PLAIN);
    if (state->away_ns > 0) {
        out_text(&page->line, "reconnecting: the broker has not answered for ");
        out_age(&page->line, state->away_ns);
        out_text(&page->line, look != NULL ? "; this is how it was before" : "");
        line_end(page, BOLD);
    } else {
        if (look != NULL) {
            draw_sums(page, look);
        }
        line_end(page, PLAIN);
    }
    line_end(page, PLAIN);
}

static void draw_foot(struct page *page, const struct top_view *view)
{
    static const char *const panes[] = {
        [TOP_OBJECTS] = "Tab sessions  Enter who  ",
        [TOP_SESSIONS] = "Tab objects  ",
        [TOP_WHO] = "Esc back",
    };
    while (page->lines + FOOT_LINES < page->screen->rows) {
        line_end(page, PLAIN);
    }
    out_printf(&page->line, "q quit  %s%s", panes[view->pane],
               view->pane == TOP_WHO ? "" : "d depth  r rate  a age  w waiting  n name");
    line_end(page, BOLD);
}

/* ---- objects ---- */

static size_t name_width(const struct top_screen *screen)
{
    size_t fixed = 2 + KIND_WIDTH + 2 + NUMBERS * (NUMBER_WIDTH + 1);
    size_t width = screen->columns > fixed ? screen->columns - fixed : 0;
    return width < NAME_WIDTH_MIN   ? NAME_WIDTH_MIN
           : width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX
                                    : width;
}

static void draw_queue(struct page *page, const struct top_object *object)
{
    right(page, "%llu", (unsigned long long)object->ready);
    right_rate(page, object->put_rate);
    right_rate(page, object->get_rate);
    right_age(page, object->oldest_age_ns > 0 ? object->oldest_age_ns : -1);
    right(page, "%llu", (unsigned long long)object->waiting);
    right(page, "%llu", (unsigned long long)object->leased);
    right(page, "%llu", (unsigned long long)object->delayed);
    right(page, "%llu", (unsigned long long)object->unfinished);
}

/* An event is set or clear, at a barrier some of its parties have arrived; nothing lies in them. */
static void draw_sync(struct page *page, const struct top_object *object)
{
    if (object->kind == MUSTER_EVENT) {
        right(page, object->ready != 0 ? "set" : "clear");
    } else {
        right(page, "%llu/%llu", (unsigned long long)object->ready,
              (unsigned long long)object->unfinished);
    }
    for (int i = 0; i < 3; i++) {
        right(page, "-");
    }
    right(page, "%llu", (unsigned long long)object->waiting);
}

static void draw_object(struct page *page, const struct top_object *object, bool selected)
{
    bool queue = object->kind != MUSTER_EVENT && object->kind != MUSTER_BARRIER;
    out_text(&page->line, selected ? "> " : "  ");
    left(page, object->name, name_width(page->screen));
    left(page, muster_kind_name(object->kind), KIND_WIDTH);
    if (queue) {
        draw_queue(page, object);
    } else {
        draw_sync(page, object);
    }
    line_end(page, selected ? REVERSE : PLAIN);
}

static void draw_titles(struct page *page, size_t columns, const char *const *titles)
{
    for (size_t i = 0; i < columns; i++) {
        right(page, "%s", titles[i]);
    }
    line_end(page, BOLD);
}

/* The first row to be shown, so that the selected one is seen. */
static size_t first_row(size_t selected, size_t page)
{
    return page == 0 ? selected : selected / page * page;
}

static void draw_objects(struct page *page, struct top_view *view, const struct top_look *look)
{
    static const char *const titles[] = {"READY",   "PUT/S", "GET/S",   "OLDEST",
                                         "WAITING", "HELD",  "DELAYED", "UNFIN."};
    size_t *order = top_order_objects(view, look);
    size_t selected = top_select(view, look, order);
    size_t rows = top_page(page->screen);
    size_t first = first_row(selected, rows);
    out_text(&page->line, "  ");
    left(page, "NAME", name_width(page->screen));
    left(page, "KIND", KIND_WIDTH);
    draw_titles(page, NUMBERS, titles);
    for (size_t i = first; i < look->objects_count && i < first + rows; i++) {
        draw_object(page, &look->objects[order[i]], i == selected);
    }
    free(order);
}

/* ---- sessions ---- */

static void draw_sessions(struct page *page, struct top_view *view, const struct top_look *look)
{
    static const char *const titles[] = {"AGE", "HOLDS", "WAITS"};
    size_t *order = top_order_sessions(view, look);
    size_t selected = top_select(view, look, order);
    size_t rows = top_page(page->screen);
    size_t first = first_row(selected, rows);
    out_printf(&page->line, "  %*s ", NUMBER_WIDTH, "SESSION");
    left(page, "WHO", WHO_WIDTH);
    left(page, "STATE", KIND_WIDTH);
    draw_titles(page, 3, titles);
    if (look->sessions_hidden) {
        out_text(&page->line, "  not permitted");
        line_end(page, PLAIN);
    }
    for (size_t i = first; i < look->sessions_count && i < first + rows; i++) {
        const struct top_session *session = &look->sessions[order[i]];
        out_text(&page->line, i == selected ? "> " : "  ");
        right(page, "%llu", (unsigned long long)session->id);
        left(page, session->who, WHO_WIDTH);
        left(page, session->connected ? "connected" : "away", KIND_WIDTH);
        right_age(page, session->age_ns);
        right(page, "%llu", (unsigned long long)session->leases);
        right(page, "%llu", (unsigned long long)session->waits);
        line_end(page, i == selected ? REVERSE : PLAIN);
    }
    free(order);
}

/* ---- who holds and who waits ---- */

static void draw_party(struct page *page, const struct top_party *party, bool selected)
{
    out_text(&page->line, selected ? "> " : "  ");
    left(page, party->role, KIND_WIDTH);
    left(page, party->who, WHO_WIDTH);
    right(page, "%llu", (unsigned long long)party->session);
    right_age(page, party->since_ns);
    left(page, party->connected ? "connected" : "away", KIND_WIDTH);
    left(page, party->detail, strlen(party->detail));
    line_end(page, selected ? REVERSE : PLAIN);
}

static void draw_who(struct page *page, struct top_view *view, const struct top_look *look)
{
    bool asked = strcmp(look->who, view->who) == 0;
    size_t rows = top_page(page->screen);
    rows = rows > 1 ? rows - 1 : 0;
    out_text(&page->line, "Who holds and who waits: ");
    left(page, view->who, strlen(view->who));
    line_end(page, BOLD);
    if (!asked || look->who_gone || look->parties_count == 0) {
        out_text(&page->line, !asked           ? "  asking"
                              : look->who_gone ? "  it is not there any more"
                                               : "  nobody");
        line_end(page, PLAIN);
        return;
    }
    out_text(&page->line, "  ");
    left(page, "ROLE", KIND_WIDTH);
    left(page, "WHO", WHO_WIDTH);
    right(page, "SESSION");
    right(page, "SINCE");
    left(page, "STATE", KIND_WIDTH);
    left(page, "DETAIL", strlen("DETAIL"));
    line_end(page, BOLD);
    size_t selected = top_select(view, look, NULL);
    size_t first = first_row(selected, rows);
    for (size_t i = first; i < look->parties_count && i < first + rows; i++) {
        draw_party(page, &look->parties[i], i == selected);
    }
}

/* ---- the whole ---- */

size_t top_page(const struct top_screen *screen)
{
    size_t frame = HEAD_LINES + FOOT_LINES;
    return screen->rows > frame ? screen->rows - frame : 0;
}

void top_draw(struct top_view *view, const struct top_look *look, const struct top_state *state,
              const struct top_screen *screen, struct out *out)
{
    struct page page = {.out = out, .screen = screen};
    draw_head(&page, view, look, state);
    if (look != NULL && view->pane == TOP_OBJECTS) {
        draw_objects(&page, view, look);
    } else if (look != NULL && view->pane == TOP_SESSIONS) {
        draw_sessions(&page, view, look);
    } else if (look != NULL) {
        draw_who(&page, view, look);
    }
    draw_foot(&page, view);
    out_clear(&page.line);
}
