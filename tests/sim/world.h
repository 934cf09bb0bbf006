/* world.h - a broker and the programs that use it, in one process, in a time that moves when told.
 *
 *   STORY(one_put_wakes_one_getter)
 *   {
 *       tell(w, "a get jobs");
 *       tell(w, "b get jobs");
 *       tell(w, "c put jobs x");
 *       expect(w, "a get OK 1.1 x; c put OK 1");
 *   }
 *
 * The engine and the client machines are the real ones; clock, bytes under way, chance and journal
 * are the world's. A program is a client known by name, connected when first mentioned. Whatever
 * its calls bring is written into the transcript, which `expect` compares as a whole ('*' stands
 * for anything within one entry) and empties. The commands are in command.c.
 *
 * The same calls give the same transcript, always. Each STORY runs in three worlds: in memory; with
 * a journal and bytes that arrive in small pieces; and in memory over encrypted connections, each
 * program with a key of its own name. In the second one the journal's records, applied to another
 * core, must give the state of the real one after every command. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "broker/engine/engine.h"
#include "client-lib/client.h"
#include "tests/sim/disk.h"
#include "tests/sim/jobs.h"
#include "tests/sim/secure.h"
#include "tests/sim/wire.h"
#include "tests/unit/cmocka_all.h"

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

#define WORLD_START_NS (1000 * SECOND)

#define WORLD_PROGRAMS 128
#define PROGRAM_NAME   24
#define LABEL_MAX      24

enum world_storage {
    WORLD_MEMORY,    /* no journal: only memory objects, nothing survives a restart */
    WORLD_JOURNAL,   /* every record is durable at the end of its turn */
    WORLD_SLOW_DISK, /* records become durable when world_sync says so */
    WORLD_DISK       /* the real journal, on a disk that loses power */
};

struct world;
struct program;

/* One connection. The broker's end and the program's end close apart. */
struct wire {
    struct wire *next;
    uint64_t conn;
    struct program *program; /* NULL: its end is closed */
    bool broker_has_it;
    bool dead; /* nothing gets through any more, and nobody is told */
    bool raw;  /* its end is not a program but raw.c */
    struct pipe up;
    struct pipe down;
};

/* A call that a program made and whose outcome it has not seen. */
struct errand {
    struct errand *next;
    struct errand **at; /* what points to it */
    struct mst_call *call;
    char label[LABEL_MAX];
    size_t number; /* for those who watch */
};

struct program {
    char name[PROGRAM_NAME];
    struct world *world;
    struct mst_client *machine;
    struct wire *wire; /* NULL: not connected */
    struct errand *errands;
    struct mst_handle *handles[64];
    size_t handles_count;
    bool stopped;    /* the process stands still: it reads, sends and notices nothing */
    bool holds;      /* deliveries wait for `take` */
    bool has_token;  /* and comes with it, in an encrypted world */
    int64_t back_ns; /* when it connects again by itself; MST_FOREVER: not */
};

struct world {
    enum world_storage storage;
    struct engine_config config;
    struct engine *engine; /* NULL while the broker is down */
    struct journal *journal;
    struct core *follower; /* what the journal's records make */
    size_t followed;       /* batches of the journal that it has applied */
    struct disk *disk;     /* WORLD_DISK, and what follows */
    struct sim_jobs jobs;
    uint64_t segment_bytes;
    bool only_killed; /* its processes end, the power never fails */
    bool is_hungry;   /* there is no memory for all that its broker wants */
    struct sim_keys keys;
    uint64_t crashes;
    uint64_t moves;    /* it went on from a backup */
    uint64_t failures; /* it ended by itself, as its disk failed */
    int64_t now_ns;
    int64_t wall_ahead_ns; /* how far somebody has moved the wall clock */
    uint64_t random;
    bool broker_stands_still;
    uint64_t restart_after_turns; /* the broker dies when it had so many more turns; 0: no */

    /* for the wires made from now on */
    size_t piece_max; /* bytes arrive in random pieces up to this size; 0: whole, 1: one by one */
    int64_t latency_ns;
    uint64_t break_after;  /* it breaks after so many bytes either way; 0: no */
    int64_t back_after_ns; /* programs that lost their connection come back by themselves; 0: no */

    struct program *programs[WORLD_PROGRAMS];
    size_t programs_count;
    struct wire *wires;

    struct mst_buf transcript;
    bool stamps; /* entries begin with the seconds since the start: "[5] " */
    bool quiet;  /* outcomes are only counted */
    bool aloud;  /* commands and outcomes are printed as they happen */
    uint64_t counts[MST_UNKNOWN + 1];
    bool unchecked; /* no comparison with the follower: for crowds */
    /* Sees every outcome before it is written down. */
    void (*watch)(struct world *w, const struct program *program, const struct errand *errand);
    /* Sees every call before it is made, each lost connection, and each end of the broker. */
    void (*watch_begin)(struct world *w, const struct program *program, struct errand *errand);
    void (*watch_lost)(struct world *w, const struct program *program);
    void (*watch_stop)(struct world *w);
    void *watcher;           /* for those who watch */
    struct mst_reply *asked; /* what `ask` returned last */
};

struct world *world_open(enum world_storage storage);
void world_close(struct world **w);
void world_configure(struct world *w); /* w->config has changed */

/* ---- telling the story ---- */

void tell(struct world *w, const char *command);
void tellf(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pass(struct world *w, int64_t ns); /* lets time go by */
/* At a moment counted from the beginning, for stories that are a time table. */
void at(struct world *w, int64_t seconds, const char *command);
void world_settle(struct world *w); /* until nothing happens any more at this moment */

#define expect(w, text) expect_transcript(w, text, __FILE__, __LINE__)
void expect_transcript(struct world *w, const char *text, const char *file, int line);
/* The transcript so far, to be compared by hand; NUL-terminated. */
const char *transcript(struct world *w);
void forget_transcript(struct world *w);
void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A reading request of an onlooker that is no part of the story. Valid until the next one. */
const struct mst_reply *ask(struct world *w, const char *command);
int64_t fact(struct world *w, const char *object, const char *name); /* a number of STAT */

/* ---- the broker ---- */

void world_stop(struct world *w);    /* its process ends; what is durable stays */
void world_start(struct world *w);   /* again: from the journal, if there is one */
void world_restart(struct world *w); /* both */
void world_drain(struct world *w);   /* it goes away in an orderly way */
void world_sync(struct world *w);    /* WORLD_SLOW_DISK: what was written is durable now */
/* WORLD_DISK: the machine stops before the nth change of its disk from now on, and starts again. */
void world_stop_disk(struct world *w, uint64_t nth);
/* The system has so many bytes more for the broker; negative: as many as it likes, as after each
 * start. For worlds that were opened with ration_count (ration.h). */
void world_feed(struct world *w, int64_t bytes);
void world_check_disk(struct world *w); /* at rest: what the disk has is what the broker has */
/* WORLD_DISK: a backup is made and restored elsewhere, and the broker starts again from that, if it
 * can be made now. */
void world_move(struct world *w);
bool world_serves(const struct world *w, uint64_t conn);

/* ---- programs and wires ---- */

struct program *program_of(struct world *w, const char *name); /* connected, if it is new */
struct program *program_new(struct world *w, const char *name, int64_t ttl_ns);
void program_connect(struct program *p);
void program_cut(struct program *p);    /* the connection breaks; both ends are told */
void program_vanish(struct program *p); /* nobody is told: as if a network went dark */
void program_die(struct program **p);   /* the process is killed; its system closes the socket */
void program_submit(struct program *p, const struct mst_request *request, const char *label);
struct errand *program_find(const struct program *p, const char *label);
void program_take(struct program *p); /* the application takes what was delivered */
/* One round: what it has to say goes into its wire. true: something happened. */
bool program_step(struct program *p);
bool program_receive(struct program *p); /* the same for what it hears */
int64_t program_deadline_ns(const struct program *p);
uint64_t program_handle(struct program *p, const char *object);

/* world_disk.c */
bool world_disk_start(struct world *w);
void world_disk_let_go(struct world *w); /* reads under way come out: an engine frees them */
void world_disk_stop(struct world *w, bool power_fails);
/* At rest: a disk with a journal made of a backup, which has the state that the broker has; NULL:
 * no backup can be made now. */
struct disk *world_disk_restored(struct world *w);
bool world_disk_move(struct world *w);
bool world_disk_is_full(const struct world *w); /* as the journal sees it */
bool world_disk_waits(const struct world *w);   /* for room: not all is durable, and cannot be */

/* command.c */
bool command_run(struct program *p, char *line, const char **problem_out);
/* A body of len bytes that begins with a word, a point, and goes on with what follows from len. */
void world_body(uint8_t *bytes, size_t len, struct mst_span word);
void outcome_write(struct mst_buf *out, const struct world *w,
                   const struct mst_call *call); /* outcome.c */

uint64_t world_random(struct world *w);
struct wire *world_wire(struct world *w, uint64_t conn);
uint64_t world_accept(struct world *w);

/* ---- stories as cmocka tests ---- */

void story_run(void (*story)(struct world *w), enum world_storage storage, size_t piece_max);
void story_run_encrypted(void (*story)(struct world *w), enum world_storage storage);

#define STORY_WORLDS(name, ...)                                                                    \
    static void name##_story(struct world *w);                                                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        __VA_ARGS__                                                                                \
    }                                                                                              \
    static void name##_story(struct world *w)

#define STORY(name)                                                                                \
    STORY_WORLDS(name, story_run(name##_story, WORLD_MEMORY, 0);                                   \
                 story_run(name##_story, WORLD_JOURNAL, 7);                                        \
                 story_run_encrypted(name##_story, WORLD_MEMORY);)
/* For what is promised only with, or only without, a journal. */
#define STORY_IN(storage, name) STORY_WORLDS(name, story_run(name##_story, storage, 0);)
#define STORY_ENCRYPTED(name)   STORY_WORLDS(name, story_run_encrypted(name##_story, WORLD_MEMORY);)

#endif
