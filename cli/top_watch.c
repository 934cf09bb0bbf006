/* top_watch.c - a thread that looks at the broker again and again.
 *
 * A call of the library waits until a broker that is away is back; meanwhile keys must be heard, so
 * looking and drawing are two threads. They share what is guarded by the lock, and the descriptor
 * that says there are news. Everything else belongs to the one that looks. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/top.h"

#define END_WITHIN                                                                                 \
    (MUSTER_SECOND / 2)          /* a look that goes on takes no longer, if there is a broker */
#define AWAY_AFTER MUSTER_SECOND /* without an answer */

/* With very many objects a look costs the broker time; between two it has this much more for
 * others. */
enum { REST_FACTOR = 9, LATE_FACTOR = 3 };
#define REST_MOST (10 * MUSTER_SECOND)

struct top_watch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    muster_client *client;
    int64_t interval_ns;
    int fd;
    bool stop;
    bool ended;
    bool at_once; /* what is wanted has changed */
    char who[TOP_NAME_MAX];
    struct top_look *look;
    int64_t asked_ns;      /* the look that goes on began; 0: none does */
    int64_t took_ns;       /* the last look */
    int64_t away_since_ns; /* the first look that failed began; 0: the last one did not */
    enum muster_status status;
    char error[512];
};

static void tell(struct top_watch *watch)
{
    uint64_t one = 1;
    (void)!write(watch->fd, &one, sizeof(one));
}

/* The broker may be back the next time. */
static bool may_pass(enum muster_status status)
{
    return status == MUSTER_UNAVAILABLE || status == MUSTER_UNKNOWN || status == MUSTER_TIMEOUT ||
           status == MUSTER_CANCELLED || status == MUSTER_LIMIT || status == MUSTER_NO_MEMORY;
}

static void free_look(struct top_look **look)
{
    if (*look != NULL) {
        top_look_clear(*look);
        free(*look);
        *look = NULL;
    }
}

/* Under the lock. Takes look. */
static void publish(struct top_watch *watch, struct top_look *look, enum muster_status status)
{
    if (status == MUSTER_OK) {
        free_look(&watch->look);
        watch->look = look;
        watch->away_since_ns = 0;
    } else {
        watch->away_since_ns = watch->away_since_ns > 0 ? watch->away_since_ns : watch->asked_ns;
        free_look(&look);
        watch->status = may_pass(status) ? MUSTER_OK : status;
        snprintf(watch->error, sizeof(watch->error), "%s", muster_last_error());
    }
    watch->asked_ns = 0;
    tell(watch);
}

/* Under the lock. */
static void pause_until_next(struct top_watch *watch)
{
    int64_t most_ns = REST_MOST > watch->interval_ns ? REST_MOST : watch->interval_ns;
    int64_t rest_ns = watch->took_ns * REST_FACTOR;
    rest_ns = rest_ns < most_ns ? rest_ns : most_ns;
    int64_t until_ns = cli_now_ns() + (rest_ns > watch->interval_ns ? rest_ns : watch->interval_ns);
    struct timespec until = {until_ns / MUSTER_SECOND, until_ns % MUSTER_SECOND};
    int error = 0;
    while (!watch->stop && !watch->at_once && error == 0) {
        error = pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    }
    watch->at_once = false;
}

static void *look_again_and_again(void *user)
{
    struct top_watch *watch = user;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stop && watch->status == MUSTER_OK) {
        char who[TOP_NAME_MAX];
        struct top_look *look = cli_grow(NULL, sizeof(*look));
        *look = (struct top_look){0};
        memcpy(who, watch->who, sizeof(who));
        watch->asked_ns = cli_now_ns();
        pthread_mutex_unlock(&watch->lock);
        /* A broker that is away is waited for here, so that what a look takes can be told. */
        enum muster_status status = muster_ping(watch->client, MUSTER_FOREVER, NULL);
        int64_t began_ns = cli_now_ns();
        if (status == MUSTER_OK) {
            status = top_look_take(watch->client, who, look);
        }
        pthread_mutex_lock(&watch->lock);
        watch->took_ns = cli_now_ns() - began_ns;
        publish(watch, look, status);
        pause_until_next(watch);
    }
    watch->ended = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

struct top_watch *top_watch_start(muster_client *client, int64_t interval_ns)
{
    struct top_watch *watch = cli_grow(NULL, sizeof(*watch));
    *watch = (struct top_watch){.client = client, .interval_ns = interval_ns};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watch->lock, NULL);
    watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = watch->fd < 0 ? errno : 0;
    if (error == 0) {
        error = pthread_create(&watch->thread, NULL, look_again_and_again, watch);
    }
    if (error != 0) {
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        free(watch);
        errno = error;
        return NULL;
    }
    return watch;
}

int top_watch_fd(const struct top_watch *watch)
{
    return watch->fd;
}

struct top_news top_watch_news(struct top_watch *watch)
{
    uint64_t count;
    (void)!read(watch->fd, &count, sizeof(count));
    pthread_mutex_lock(&watch->lock);
    int64_t patience_ns =
        watch->took_ns * LATE_FACTOR > AWAY_AFTER ? watch->took_ns * LATE_FACTOR : AWAY_AFTER;
    bool late = watch->asked_ns > 0 && cli_now_ns() - watch->asked_ns >= patience_ns;
    int64_t away_since_ns = watch->away_since_ns > 0 ? watch->away_since_ns
                            : late                   ? watch->asked_ns
                                                     : 0;
    struct top_news news = {watch->look, away_since_ns, watch->status, watch->error};
    watch->look = NULL;
    pthread_mutex_unlock(&watch->lock);
    return news;
}

void top_watch_want(struct top_watch *watch, const char *who)
{
    pthread_mutex_lock(&watch->lock);
    if (strcmp(watch->who, who) != 0) {
        snprintf(watch->who, sizeof(watch->who), "%s", who);
        watch->at_once = true;
        pthread_cond_broadcast(&watch->changed);
    }
    pthread_mutex_unlock(&watch->lock);
}

bool top_watch_end(struct top_watch **watch_io)
{
    struct top_watch *watch = *watch_io;
    int64_t until_ns = cli_now_ns() + END_WITHIN;
    struct timespec until = {until_ns / MUSTER_SECOND, until_ns % MUSTER_SECOND};
    int error = 0;
    pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    pthread_cond_broadcast(&watch->changed);
    while (!watch->ended && error == 0) {
        error = pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    }
    bool ended = watch->ended;
    pthread_mutex_unlock(&watch->lock);
    if (!ended) {
        return false;
    }
    pthread_join(watch->thread, NULL);
    free_look(&watch->look);
    close(watch->fd);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
    *watch_io = NULL;
    return true;
}
