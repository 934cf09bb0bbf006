/* internal.h - what the files of broker/io offer one another. */
#ifndef IO_INTERNAL_H
#define IO_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "broker/io/listen.h"
#include "broker/io/notify.h"
#include "protocol/luck.h"

#define READ_BYTES   (256u << 10)
#define IO_SECOND_NS 1000000000

struct io;

/* A line of a kind that others can cause is told once in a while, with how many were not. */
struct complaint {
    int64_t next_ns;
    uint64_t missed;
};

/* One connection's socket. */
struct wire {
    struct io *io;
    int fd;
    uint64_t conn;
    struct event readable;
    struct event *writable; /* pending while the system's buffer is full; NULL: it never was */
};

struct acceptor {
    struct io *io;
    const struct listener *listener;
    struct event readable;
};

struct io {
    struct config *config; /* what holds; replaced at HUP */
    struct log log;
    struct engine *engine;
    struct event_base *base;
    struct listeners listeners;
    struct http *http;       /* NULL: nobody watches */
    struct storage *storage; /* NULL: none */
    struct acceptor acceptors[LISTENERS_MAX];
    struct wire **wires; /* by engine_slot */
    size_t wires_count;
    uint8_t *buffer; /* READ_BYTES; what one read brings, for whichever socket */

    int timer_fd; /* for the engine's next deadline */
    struct event timer;
    int64_t timer_ns;                   /* what it is armed for; MST_FOREVER: not armed */
    bool came;                          /* something has, since the loop began to wait */
    bool writes;                        /* nobody is kept waiting when the loop writes a batch */
    struct mst_luck luck;               /* with looking for more before it sleeps */
    struct event retry;                 /* accepting goes on */
    bool accepting_paused;              /* the process has no descriptor left */
    struct complaint foreign, short_of; /* of users that may not come; of descriptors */
    struct event term, interrupt, hangup;
    struct event watchdog; /* signs of life for the service manager */
    struct notify notify;
    bool stopping;
    bool has_key; /* the encrypted channel is there */
    uint8_t public_key[MST_NOISE_KEY];
};

/* ---- io.c ---- */

void io_warn_if_few_files(const struct io *io);

/* ---- loop.c ---- */

bool loop_open(struct io *io); /* makes io->base; false: out of memory or of descriptors */
int loop_serve(struct io *io); /* until the broker is to end; its exit code */
void loop_close(struct io *io);

/* ---- wires.c ---- */

int64_t io_now_ns(void);
struct engine_ports io_ports(struct io *io);
bool io_start_accepting(struct io *io); /* false: out of memory */
void io_stop_accepting(struct io *io);  /* for good; the listeners are closed */

#endif
