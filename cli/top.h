/* top.h - `muster top`: looks at the broker, and how they become lines.
 *
 *   top_look.c   one look at the broker; what two of them say about rates (pure but for the asking)
 *   top_view.c   what the person wants to see: pane, order, selection; keys change it (pure)
 *   top_draw.c   a look, seen so, as lines for a screen of a size (pure)
 *   top_watch.c  a thread that looks again and again, so that keys are heard while a call waits
 *   top_screen.c the terminal: taken over, drawn on, given back
 *   top.c        the command, which joins them */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <muster.h>

#include "cli/output.h"

enum { TOP_NAME_MAX = 256, TOP_WHO_MAX = 544, TOP_DETAIL_MAX = 65, TOP_ROLE_MAX = 16 };

/* ---- looks ---- */

#define TOP_RATE_UNKNOWN (-1.0)

struct top_object {
    char name[TOP_NAME_MAX];
    enum muster_kind kind;
    uint64_t ready, unfinished, waiting, leased, delayed, puts, gets;
    int64_t oldest_age_ns;
    double put_rate, get_rate;       /* a second; or TOP_RATE_UNKNOWN */
    uint64_t rated_puts, rated_gets; /* the next rates count from these */
};

struct top_session {
    uint64_t id;
    char who[TOP_WHO_MAX]; /* name@host:pid */
    int64_t age_ns;
    bool connected;
    uint64_t leases, waits;
};

struct top_party {
    char role[TOP_ROLE_MAX];
    char who[TOP_WHO_MAX];
    uint64_t session;
    int64_t since_ns;
    bool connected;
    char detail[TOP_DETAIL_MAX];
};

struct top_look {
    int64_t at_ns;
    int64_t rated_at_ns;
    struct top_object *objects; /* by name */
    size_t objects_count;
    struct top_session *sessions;
    size_t sessions_count;
    bool sessions_hidden;   /* the broker does not let this client see them */
    char who[TOP_NAME_MAX]; /* of this object the parties were asked for; "": of none */
    bool who_gone;          /* there is none of that name */
    struct top_party *parties;
    size_t parties_count;
};

void top_look_clear(struct top_look *look);
/* Asks for everything; who: for the parties of this object too, unless "". look was cleared. */
enum muster_status top_look_take(muster_client *client, const char *who, struct top_look *look);
/* before may be NULL: no rate is known. Rates stay as they were until least_ns have passed, since
 * those of a short time mean little. */
void top_rates(struct top_look *look, const struct top_look *before, int64_t least_ns);

/* ---- what is wanted ---- */

enum top_pane { TOP_OBJECTS, TOP_SESSIONS, TOP_WHO };
/* In the order of the words of --sort. */
enum top_sort { TOP_BY_DEPTH, TOP_BY_RATE, TOP_BY_AGE, TOP_BY_WAITING, TOP_BY_NAME };

struct top_view {
    enum top_pane pane;
    enum top_sort sort;
    size_t at;                   /* row that is selected, or first, from 0 */
    char selected[TOP_NAME_MAX]; /* the object that is selected, wherever its row is; "": by row */
    char who[TOP_NAME_MAX];      /* TOP_WHO: of this object */
    bool quit;
};

/* The rows of objects and of sessions as the view orders them: order[i] is the index of row i. The
 * caller frees it. */
size_t *top_order_objects(const struct top_view *view, const struct top_look *look);
size_t *top_order_sessions(const struct top_view *view, const struct top_look *look);
/* The row that is selected, which view->at becomes. 0 when there is none. */
size_t top_select(struct top_view *view, const struct top_look *look, const size_t *order);
/* What a terminal sent. page: rows that a screen shows. */
void top_keys(struct top_view *view, const struct top_look *look, const char *keys, size_t len,
              size_t page);

/* ---- lines ---- */

struct top_screen {
    size_t rows, columns;
    bool emphasis; /* bold and reverse may be used */
};

struct top_state {
    const char *url;
    const char *version; /* of the broker */
    int64_t interval_ns;
    int64_t away_ns; /* so long without the broker; 0: it is there */
};

/* rows lines, none of them wider than the screen, each ended by a newline. look may be NULL:
 * nothing was seen yet. */
void top_draw(struct top_view *view, const struct top_look *look, const struct top_state *state,
              const struct top_screen *screen, struct out *out);
/* Rows between the head and the foot. */
size_t top_page(const struct top_screen *screen);

/* ---- the thread that looks ---- */

struct top_watch;

struct top_news {
    struct top_look *look; /* the latest, once; NULL: none since the last news. Now the caller's */
    int64_t away_since_ns; /* 0: the broker is there */
    enum muster_status status; /* not OK: watching is over */
    const char *error;         /* then: in one line; valid as long as watch */
};

/* NULL: it cannot be started; errno tells. */
struct top_watch *top_watch_start(muster_client *client, int64_t interval_ns);
int top_watch_fd(const struct top_watch *watch); /* readable when there are news */
struct top_news top_watch_news(struct top_watch *watch);
void top_watch_want(struct top_watch *watch, const char *who); /* look at once */
/* True: ended and freed. False: it waits for a broker that is away, and goes on doing so until the
 * process ends; client and watch are still in use. */
bool top_watch_end(struct top_watch **watch);

/* ---- the terminal ---- */

struct top_terminal;

bool top_terminal_fits(void); /* stdin and stdout are one that can be drawn on */
/* Blocks the signals that end, stop or resize, in this thread and in those it makes from now on;
 * others must not take them. NULL: errno tells. */
struct top_terminal *top_terminal_new(void);
bool top_terminal_enter(struct top_terminal *terminal);
void top_terminal_leave(struct top_terminal *terminal);
void top_terminal_free(struct top_terminal **terminal);
struct top_screen top_terminal_size(void);
bool top_terminal_draw(const struct out *lines); /* false: it is gone */

enum top_what { TOP_NOTHING, TOP_KEYS, TOP_NEWS, TOP_RESIZED, TOP_ENDED };
struct top_event {
    enum top_what what;
    int signal; /* TOP_ENDED */
    char keys[64];
    size_t len;
};
/* Waits for keys, a signal, news on fd, or the time. A stop is carried out within. */
struct top_event top_terminal_wait(struct top_terminal *terminal, int fd, int64_t limit_ns);

#endif
