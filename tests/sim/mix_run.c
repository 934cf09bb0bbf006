/* mix_run.c - the script of a mix: carries out a line, and remembers it. See mix.h.
 *
 * Lines that do not begin with '!' are commands of programs (command.c). A line about somebody who
 * is not there is passed over, so that any part of a script is a script. */
#include "tests/sim/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/core/core.h"
#include "tests/sim/nonsense.h"
#include "tests/sim/ration.h"
#include "tests/sim/witness.h"

/* ---- who writes the history ---- */

static void begins(struct world *w, const struct program *program, struct errand *errand)
{
    struct mix *m = w->watcher;

    if (program->name[0] != '?') {
        witness_begins(m->history, program, errand);
        if (m->model != NULL) {
            model_call(m->model, errand->number, w->now_ns);
        }
    }
}

static void ends(struct world *w, const struct program *program, const struct errand *errand)
{
    struct mix *m = w->watcher;

    witness_ends(m->history, program, errand);
    mix_watch(w, program, errand);
}

static struct history_trouble *trouble(struct mix *m, const char *name)
{
    return history_trouble(m->history, history_program(m->history, name));
}

static void stopped(struct world *w)
{
    struct mix *m = w->watcher;

    history_trouble(m->history, 0)->all = true;
}

static void lost(struct world *w, const struct program *program)
{
    if (program->name[0] != '?') {
        trouble(w->watcher, program->name);
    }
}

/* With a broker in memory all is gone: what was told by the next one is another history, in which
 * the calls under way begin anew. */
static void begin_anew(struct mix *m)
{
    struct world *w = m->world;

    mix_judge(m);
    history_free(&m->history);
    m->history = history_new();
    m->messages_count = 0;
    memset(m->held, 0, sizeof(m->held));
    for (size_t i = 0; i < w->programs_count; i++) {
        for (struct errand *e = w->programs[i]->errands; e != NULL; e = e->next) {
            begins(w, w->programs[i], e);
            m->history->calls[m->history->calls_count - 1].session = 0;
            m->history->calls[m->history->calls_count - 1].timeout_ns = -1; /* it counts on */
        }
    }
}

/* ---- what befalls a program ---- */

static struct program *find(const struct mix *m, const char *name)
{
    for (size_t i = 0; i < m->world->programs_count; i++) {
        if (strcmp(m->world->programs[i]->name, name) == 0) {
            return m->world->programs[i];
        }
    }
    return NULL;
}

static void come_back(struct mix *m, struct program *p)
{
    p->stopped = false;
    world_settle(m->world);
    p->holds = false;
    for (int i = 0; i < 20; i++) {
        program_take(p);
    }
    if (p->wire != NULL) {
        p->wire->up.stalled = p->wire->down.stalled = false;
    } else {
        program_connect(p);
        world_settle(m->world);
    }
}

static bool befall(struct mix *m, const char *what, const char *who, int64_t number)
{
    struct program *p = find(m, who);

    if (strcmp(what, "new") == 0) {
        if (m->model != NULL && p == NULL) {
            model_program(m->model, history_program(m->history, who), number);
        }
        program_connect(p == NULL ? program_new(m->world, who, number) : p);
        return true;
    }
    if (p == NULL || who[0] == '\0') {
        return p == NULL && who[0] == 'p';
    }
    trouble(m, who)->back = strcmp(what, "back") == 0;
    if (strcmp(what, "back") == 0) {
        if (m->model != NULL && p->wire == NULL) {
            model_back(m->model, history_program(m->history, who), m->world->now_ns);
        }
        come_back(m, p);
    } else if (strcmp(what, "hear-nothing") == 0) {
        if (p->wire != NULL) {
            p->wire->down.stalled = true;
        }
    } else if (strcmp(what, "say-nothing") == 0) {
        if (p->wire != NULL) {
            p->wire->up.stalled = true;
        }
    } else if (strcmp(what, "break") == 0) {
        if (p->wire != NULL) {
            p->wire->down.break_after = p->wire->down.passed + (uint64_t)number;
        }
    } else {
        return false;
    }
    return true;
}

/* ---- what befalls the world ---- */

static uint64_t value_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static uint64_t number_or(uint64_t number, uint64_t otherwise)
{
    return number == 0 ? otherwise : number;
}

static void make_world(struct mix *m, const char *line)
{
    struct world *w;

    ration_count(value_of(line, "rationed=") != 0);
    m->world = w = world_open((enum world_storage)value_of(line, "world "));
    if (value_of(line, "encrypted=") != 0) {
        sim_encrypt(w);
    }
    w->aloud = m->aloud;
    w->only_killed = value_of(line, "killed=") != 0;
    w->piece_max = value_of(line, "piece=");
    w->random = value_of(line, "random=");
    w->unchecked = true; /* but in mix_check */
    w->config.memory_max = number_or(value_of(line, "memory="), w->config.memory_max);
    w->config.put_credit = number_or(value_of(line, "credit="), w->config.put_credit);
    w->config.put_credit_bytes = number_or(value_of(line, "bytes="), w->config.put_credit_bytes);
    world_configure(w);
    w->watch = ends;
    w->watch_begin = begins;
    w->watch_lost = lost;
    w->watch_stop = stopped;
    w->watcher = m;
    if (value_of(line, "calm=") != 0) {
        m->model = model_new(m->history);
    }
}

/* The disk fails, once: at the nth call of its kind from now on. */
static bool fail_disk(struct world *w, const char *what, uint64_t nth)
{
    static const struct {
        const char *what;
        enum sim_disk_call call;
    } faults[] = {{"fail-write", SIM_DISK_WRITE},   {"fail-sync", SIM_DISK_SYNC},
                  {"fail-rename", SIM_DISK_RENAME}, {"fail-sync-dir", SIM_DISK_SYNC_DIR},
                  {"fail-create", SIM_DISK_CREATE}, {"fail-read", SIM_DISK_READ}};

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(what, faults[i].what) == 0) {
            if (w->storage == WORLD_DISK) {
                sim_disk_fail(w->disk, faults[i].call, nth, EIO);
            }
            return true;
        }
    }
    return false;
}

/* Somebody else's files leave so many bytes of the disk; -1: they are gone. */
static void fill_disk(struct world *w, int64_t room)
{
    if (w->storage == WORLD_DISK) {
        sim_disk_set_capacity(w->disk,
                              room < 0 ? UINT64_MAX : sim_disk_bytes(w->disk) + (uint64_t)room);
    }
}

/* From now on it works, whatever was to befall it. */
static void heal_disk(struct world *w)
{
    fill_disk(w, -1);
    world_stop_disk(w, 0);
    for (int call = 0; call < SIM_DISK_CALLS; call++) {
        sim_disk_fail(w->disk, (enum sim_disk_call)call, 0, 0);
    }
}

static void leave(struct mix *m);

static bool happen(struct mix *m, const char *what, int64_t number)
{
    struct world *w = m->world;

    if (strcmp(what, "pass") == 0) {
        pass(w, number);
    } else if (strcmp(what, "latency") == 0) {
        w->latency_ns = number;
    } else if (strcmp(what, "sync") == 0) {
        if (w->storage == WORLD_SLOW_DISK) {
            world_sync(w);
        }
    } else if (strcmp(what, "restart") == 0) {
        if (w->storage == WORLD_MEMORY) {
            begin_anew(m);
        }
        world_restart(w);
    } else if (strcmp(what, "drain") == 0) {
        world_drain(w);
    } else if (strcmp(what, "power") == 0) {
        if (w->storage == WORLD_DISK) {
            world_stop_disk(w, (uint64_t)number);
        }
    } else if (strcmp(what, "wall") == 0) { /* what a restart makes of it is allowed to differ */
        w->wall_ahead_ns += number;
        m->history->wall_jumped = m->history->wall_jumped || w->storage != WORLD_MEMORY;
    } else if (strcmp(what, "still") == 0 || strcmp(what, "moves") == 0) {
        w->broker_stands_still = what[0] == 's';
    } else if (strcmp(what, "room") == 0) {
        fill_disk(w, number);
    } else if (strcmp(what, "move") == 0) {
        if (w->storage == WORLD_DISK) {
            world_move(w);
        }
    } else if (strcmp(what, "memory") == 0) {
        world_feed(w, number);
    } else if (strcmp(what, "nonsense") == 0) {
        if (!w->is_hungry) { /* strangers would be turned away */
            nonsense(w, (uint64_t)number);
        }
    } else if (strcmp(what, "check") == 0) {
        mix_check(m);
    } else if (strcmp(what, "leave") == 0) {
        leave(m);
    } else {
        return fail_disk(w, what, (uint64_t)number);
    }
    return true;
}

/* ---- a line ---- */

/* What the model has to know beside the calls themselves. */
static void tell_model(struct mix *m, const char *who, const char *command)
{
    size_t program = history_program(m->history, who);
    int64_t now_ns = m->world->now_ns;
    const struct program *p = find(m, who);
    const struct errand *errand = p == NULL ? NULL : program_find(p, NULL);

    if (strcmp(command, "cut") == 0) {
        model_away(m->model, program, now_ns);
    } else if (strcmp(command, "bye") == 0) {
        model_leaves(m->model, program, now_ns);
    } else if (strcmp(command, "die") == 0) {
        model_dies(m->model, program, now_ns);
    } else if (strcmp(command, "cancel") == 0 && errand != NULL) {
        model_cancel(m->model, errand->number, now_ns);
    }
}

static void run_command(struct mix *m, const char *line)
{
    const char *rest = strchr(line, ' ');
    char who[PROGRAM_NAME];

    assert_non_null(rest);
    snprintf(who, sizeof(who), "%.*s", (int)(rest - line), line);
    rest++;
    if (strcmp(rest, "stop") == 0 || strcmp(rest, "hold") == 0) {
        trouble(m, who);
    } else if (strcmp(rest, "bye") == 0 || strcmp(rest, "die") == 0) {
        history_program_ends(m->history, history_program(m->history, who));
    } else if (strncmp(rest, "kill ", 5) == 0) {
        trouble(m, rest + 5);
    } else if (strcmp(rest, "cancel") == 0 &&
               (find(m, who) == NULL || program_find(find(m, who), NULL) == NULL)) {
        return;
    }
    if (m->model != NULL) {
        tell_model(m, who, rest);
    }
    tell(m->world, line);
    if (strcmp(rest, "cut") == 0) {
        trouble(m, who)->away = true;
    }
}

void mix_run(struct mix *m, const char *line)
{
    char what[24] = "";
    char who[PROGRAM_NAME] = "";
    long long number = 0;

    if (line[0] == '#' || line[0] == '\0') {
        return;
    }
    if (m->aloud && line[0] == '!') {
        fprintf(stderr, "%s\n", line);
    }
    if (line[0] != '!') {
        run_command(m, line);
    } else if (strncmp(line, "! world ", 8) == 0) {
        make_world(m, line);
    } else if (sscanf(line, "! %23s %lld", what, &number) >= 1 && happen(m, what, number)) {
        world_settle(m->world);
    } else if (sscanf(line, "! %23s %23s %lld", what, who, &number) >= 2 &&
               befall(m, what, who, number)) {
        world_settle(m->world);
    } else {
        fail_msg("the script says '%s', which means nothing", line);
    }
    if (m->model != NULL && (line[0] != '!' || strncmp(line, "! back", 6) == 0)) {
        pass(m->world, MIX_CALM_NS);
    }
}

void mix_do(struct mix *m, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    assert_true(n < (int)sizeof(line));
    assert_true(mst_buf_append(&m->script, line, (size_t)n) && mst_buf_append(&m->script, "\n", 1));
    if (m->script_file != NULL) {
        fprintf(m->script_file, "%s\n", line);
        fflush(m->script_file);
    }
    mix_run(m, line);
}

const char *mix_script(struct mix *m)
{
    assert_true(mst_buf_append(&m->script, "", 1));
    m->script.len--;
    return (const char *)mst_buf_span(&m->script).data;
}

/* ---- beginning and end ---- */

void mix_open(struct mix *m, bool aloud)
{
    memset(m, 0, sizeof(*m));
    m->aloud = aloud;
    mst_buf_init(&m->script);
    m->history = history_new();
}

static void let_it_rest(struct mix *m)
{
    for (int i = 0; i < 4; i++) {
        pass(m->world, SECOND);
        if (m->world->storage == WORLD_SLOW_DISK) {
            world_sync(m->world);
        }
    }
}

/* Gets all that is left, so that what is missing shows. */
static void drain(struct mix *m, const char *queue)
{
    struct world *w = m->world;
    uint64_t got;

    tellf(w, "z unpause %s both", queue);
    let_it_rest(m);
    do {
        got = w->counts[MST_OK];
        tellf(w, "z get %s auto timeout=0 max=100", queue);
        let_it_rest(m);
    } while (w->counts[MST_OK] > got);
    assert_int_equal(w->counts[MST_TIMEOUT] + w->counts[MST_UNAVAILABLE], 0);
}

static void everybody_leaves(struct mix *m)
{
    struct world *w = m->world;

    for (size_t i = w->programs_count; i-- > 0;) {
        struct program *p = w->programs[i];

        if (p->name[0] != 'p') {
            continue;
        }
        trouble(m, p->name)->back = true;
        come_back(m, p);
        world_settle(w);
        history_program_ends(m->history, history_program(m->history, p->name));
        mst_client_bye(p->machine, w->now_ns);
        world_settle(w);
        program_die(&p);
    }
    for (int i = 0; i < 10; i++) {
        pass(w, 15 * SECOND);
        if (w->storage == WORLD_SLOW_DISK) {
            world_sync(w);
        }
    }
}

static void leave(struct mix *m)
{
    static const char *const queues[] = {"q0", "q0.dead", "q1", "q1.dead", "q2", "q2.dead"};
    struct world *w = m->world;
    struct core_figures figures;

    w->broker_stands_still = false;
    world_feed(w, -1);
    if (w->storage == WORLD_DISK) {
        heal_disk(w);
    }
    world_settle(w);
    mix_check(m);
    mix_ask(m, true);
    model_free(&m->model); /* what follows is not calm */
    everybody_leaves(m);
    mix_check(m);
    mix_ask(m, true);
    figures = core_figures(engine_core(w->engine));
    assert_true(figures.sessions <= 2); /* z and the onlooker */
    assert_int_equal(figures.waits, 0);
    tell(w, "z go");
    if (program_of(w, "z")->wire == NULL) {
        tell(w, "z back");
    }
    let_it_rest(m);
    history_rests(m->history);
    memset(w->counts, 0, sizeof(w->counts));
    for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        drain(m, queues[i]);
    }
    mix_judge(m);
}

void mix_close(struct mix *m)
{
    world_close(&m->world);
    model_free(&m->model);
    history_free(&m->history);
    mst_buf_clear(&m->script);
    free(m->messages);
}
