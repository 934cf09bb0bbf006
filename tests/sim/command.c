/* command.c - what a story can tell a program to do, as text: one row per command.
 *
 *   put jobs x y mode=all priority=3 timeout=5s     get jobs,more auto max=2 lease=1m
 *   done jobs 1.1 2.1                               declare jobs fifo maxsize=2 full=reject
 *
 * First come the arguments that the row names, one letter each:
 *   o object   O objects, by commas   b bodies (all words left)   d delivery ID.N
 *   D deliveries (all words left)     m message id   n a number   k kind   s side   p pattern
 *   P program, for its session        S settings (all words left)
 * A body x*5000 is x*5000 and a filling, 5,000 bytes in all (world_body).
 * A '?' after a letter: may be left out. Then options, by name. Times are in words: 5s, 250ms,
 * forever, default, or bare nanoseconds. `as=` names the call in the transcript, else its command
 * does; `times=` makes it so often. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

#define WORDS_MAX    512
#define SETTINGS_MAX 16

struct command {
    size_t words_count;
    size_t next; /* the first word that is not used yet */
    const char *label;
    long times;
    struct program *program;
    struct mst_request request;
    size_t filled_count;
    const char *problem;
    /* From here on nothing is set before its count says so: clearing it would take longer than all
     * the rest. */
    char *words[WORDS_MAX];
    struct mst_span bodies[WORDS_MAX];
    uint8_t *filled[WORDS_MAX]; /* the long ones of them */
    int64_t priorities[WORDS_MAX];
    struct mst_run runs[WORDS_MAX];
    uint64_t handles[MST_GET_QUEUES_MAX];
    struct mst_fact settings[SETTINGS_MAX];
};

static int64_t time_of(const char *word)
{
    char *unit;
    double number = strtod(word, &unit);

    if (strcmp(word, "forever") == 0) {
        return MST_FOREVER;
    }
    if (strcmp(word, "default") == 0) {
        return MST_DEFAULT_TIMEOUT;
    }
    switch (unit[0]) {
    case 'h': return (int64_t)(number * 3600e9);
    case 'm': return (int64_t)(number * (unit[1] == 's' ? 1e6 : 60e9));
    case 's': return (int64_t)(number * 1e9);
    default: return strtoll(word, NULL, 10);
    }
}

static const char *value_of(const char *word, const char *name)
{
    size_t n = strlen(name);

    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static uint64_t number_in(const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && strcmp(word, names[i]) == 0) {
            return i;
        }
    }
    return strtoull(word, NULL, 10);
}

/* ---- arguments ---- */

static void read_objects(struct command *c, char *word)
{
    char *save = NULL;

    for (char *name = strtok_r(word, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save)) {
        assert_true(c->request.handles_count < MST_GET_QUEUES_MAX);
        c->handles[c->request.handles_count++] = program_handle(c->program, name);
    }
    c->request.handles = c->handles;
}

static void read_deliveries(struct command *c)
{
    char *point;

    c->request.runs = c->runs;
    for (; c->next < c->words_count && (point = strchr(c->words[c->next], '.')) != NULL &&
           strchr(c->words[c->next], '=') == NULL;
         c->next++) {
        c->runs[c->request.runs_count++] = (struct mst_run){strtoull(c->words[c->next], NULL, 10),
                                                            strtoull(point + 1, NULL, 10), 1};
    }
}

void world_body(uint8_t *bytes, size_t len, struct mst_span word)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = i < word.len ? word.data[i] : (uint8_t)(i == word.len ? '.' : 'a' + i * 7 % 26);
    }
}

static struct mst_span body_of(struct command *c, const char *word)
{
    const char *star = strchr(word, '*');
    size_t len = star == NULL ? 0 : (size_t)strtoull(star + 1, NULL, 10);
    uint8_t *bytes;

    if (len <= strlen(word)) {
        return mst_span_text(strcmp(word, "''") == 0 ? "" : word);
    }
    bytes = c->filled[c->filled_count++] = malloc(len);
    assert_non_null(bytes);
    world_body(bytes, len, mst_span_text(word));
    return mst_span_of(bytes, len);
}

static void read_bodies(struct command *c)
{
    c->request.bodies = c->bodies;
    for (; c->next < c->words_count && strchr(c->words[c->next], '=') == NULL; c->next++) {
        c->bodies[c->request.bodies_count++] = body_of(c, c->words[c->next]);
    }
}

static void read_settings(struct command *c)
{
    static const char *const full[] = {"block", "reject", "drop-oldest"};

    c->request.settings = c->settings;
    for (; c->next < c->words_count && c->request.settings_count < SETTINGS_MAX; c->next++) {
        struct mst_fact *fact = &c->settings[c->request.settings_count];
        char *value = strchr(c->words[c->next], '=');

        if (value == NULL || value_of(c->words[c->next], "as") != NULL) {
            return;
        }
        *value++ = '\0';
        memset(fact, 0, sizeof(*fact));
        fact->name = mst_span_text(c->words[c->next]);
        fact->number = strcmp(c->words[c->next], "full") == 0 ? (int64_t)number_in(value, full, 3)
                                                              : time_of(value);
        c->request.settings_count++;
    }
}

static void read_program(struct command *c, const char *word)
{
    struct program *other = program_of(c->program->world, word);

    c->request.session = mst_client_session(other->machine);
}

static void read_argument(struct command *c, char letter)
{
    static const char *const sides[] = {NULL, "put", "get", "both"};
    char *word = c->words[c->next];

    switch (letter) {
    case 'b': read_bodies(c); return;
    case 'D': read_deliveries(c); return;
    case 'S': read_settings(c); return;
    case 'o': c->request.handle = program_handle(c->program, word); break;
    case 'O': read_objects(c, word); break;
    case 'd':
        c->request.message = strtoull(word, NULL, 10);
        c->request.number = strtoull(strchr(word, '.') + 1, NULL, 10);
        break;
    case 'm': c->request.message = strtoull(word, NULL, 10); break;
    case 'n': c->request.count = strtoull(word, NULL, 10); break;
    case 'k': c->request.kind = number_in(word, mst_kind_names, MST_KIND_BARRIER + 1); break;
    case 's': c->request.sides = number_in(word, sides, 4); break;
    case 'p': c->request.pattern = mst_span_text(word); break;
    case 'P': read_program(c, word); break;
    default: c->problem = "a row of the table is wrong"; break;
    }
    c->next++;
}

static void read_arguments(struct command *c, const char *letters)
{
    for (const char *letter = letters; *letter != '\0' && c->problem == NULL; letter++) {
        bool greedy = strchr("bDS", *letter) != NULL;
        bool optional = letter[1] == '?';
        bool there = c->next < c->words_count && (greedy || strchr(c->words[c->next], '=') == NULL);

        if (there) {
            read_argument(c, *letter);
        } else if (!optional && !greedy) {
            c->problem = "an argument is missing";
        }
        letter += optional ? 1 : 0;
    }
}

/* ---- options ---- */

static bool read_flag(struct mst_request *request, const char *word)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = {{"detached", &request->detached},
                 {"uncounted", &request->uncounted},
                 {"dead", &request->dead},
                 {"immediate", &request->immediate},
                 {"failed", &request->failed}};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(word, flags[i].word) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    if (strcmp(word, "auto") == 0) {
        request->mode = MST_GET_AUTO;
        return true;
    }
    return false;
}

static void read_priorities(struct command *c, const char *value)
{
    c->request.priority = strtoll(value, NULL, 10);
    for (; c->request.bodies_count > 1 && value != NULL && strchr(value, ',') != NULL;
         value = strchr(value, ',') + 1) {
        c->priorities[c->request.priorities_count++] = strtoll(value, NULL, 10);
    }
    if (c->request.priorities_count > 0) {
        c->priorities[c->request.priorities_count++] = strtoll(value, NULL, 10);
        c->request.priorities = c->priorities;
    }
}

static bool read_time(struct mst_request *request, const char *word)
{
    const struct {
        const char *name;
        int64_t *time;
    } times[] = {{"timeout", &request->timeout_ns},
                 {"delay", &request->delay_ns},
                 {"ttl", &request->ttl_ns},
                 {"lease", &request->lease_ns}};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const char *value = value_of(word, times[i].name);

        if (value != NULL) {
            *times[i].time = time_of(value);
            return true;
        }
    }
    return false;
}

static bool read_number(struct mst_request *request, const char *word)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"max", &request->max},         {"count", &request->count},
                   {"parties", &request->parties}, {"after", &request->message},
                   {"kind", &request->kind},       {"gen", &request->generation}};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *value = value_of(word, numbers[i].name);

        if (value != NULL) {
            *numbers[i].number = strtoull(value, NULL, 10);
            request->has_generation =
                request->has_generation || numbers[i].number == &request->generation;
            return true;
        }
    }
    return false;
}

static bool read_text(struct command *c, const char *word)
{
    static const char *const modes[] = {"each", "all", "fit"};
    const char *value;

    if ((value = value_of(word, "dedup")) != NULL) {
        c->request.dedup = mst_span_text(value);
    } else if ((value = value_of(word, "headers")) != NULL) {
        c->request.headers = mst_span_text(value);
    } else if ((value = value_of(word, "value")) != NULL) {
        c->request.value = mst_span_text(value);
    } else if ((value = value_of(word, "mode")) != NULL) {
        c->request.mode = number_in(value, modes, 3);
    } else if ((value = value_of(word, "priority")) != NULL) {
        read_priorities(c, value);
    } else if ((value = value_of(word, "as")) != NULL) {
        c->label = value;
    } else if ((value = value_of(word, "times")) != NULL) {
        c->times = strtol(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

/* ---- what a program does beside its calls ---- */

static void do_cancel(struct program *p, const char *label, enum mst_status status)
{
    struct errand *errand = program_find(p, label);

    assert_non_null(errand);
    mst_client_cancel(p->machine, errand->call, status, p->world->now_ns);
}

static bool run_own(struct program *p, const char *word, const char *argument)
{
    if (strcmp(word, "cut") == 0) {
        program_cut(p);
    } else if (strcmp(word, "vanish") == 0) {
        program_vanish(p);
    } else if (strcmp(word, "back") == 0) {
        program_connect(p);
    } else if (strcmp(word, "stop") == 0) {
        p->stopped = true;
    } else if (strcmp(word, "go") == 0) {
        p->stopped = false;
    } else if (strcmp(word, "hold") == 0) {
        p->holds = true;
    } else if (strcmp(word, "take") == 0) {
        program_take(p);
    } else if (strcmp(word, "bye") == 0) {
        mst_client_bye(p->machine, p->world->now_ns);
    } else if (strcmp(word, "cancel") == 0) {
        do_cancel(p, argument, MST_CANCELLED);
    } else {
        return false;
    }
    return true;
}

/* ---- the table ---- */

static const struct row {
    const char *word;
    enum mst_op op;
    const char *arguments;
} rows[] = {
    {"put", MST_OP_PUT, "ob"},
    {"get", MST_OP_GET, "O"},
    {"done", MST_OP_DONE, "oD"},
    {"task_done", MST_OP_TASK_DONE, "on?"},
    {"nack", MST_OP_NACK, "od"},
    {"extend", MST_OP_EXTEND, "od"},
    {"join", MST_OP_JOIN, "o"},
    {"qsize", MST_OP_QSIZE, "o"},
    {"peek", MST_OP_PEEK, "on?"},
    {"purge", MST_OP_PURGE, "o"},
    {"delete", MST_OP_DELETE, "om"},
    {"pause", MST_OP_PAUSE, "os"},
    {"unpause", MST_OP_UNPAUSE, "os"},
    {"shutdown", MST_OP_SHUTDOWN, "o"},
    {"redrive", MST_OP_REDRIVE, "on?"},
    {"set", MST_OP_EVENT_SET, "o"},
    {"clear", MST_OP_EVENT_CLEAR, "o"},
    {"is_set", MST_OP_EVENT_IS_SET, "o"},
    {"wait", MST_OP_EVENT_WAIT, "o"},
    {"barrier", MST_OP_BARRIER_WAIT, "o"},
    {"report", MST_OP_BARRIER_DONE, "o"},
    {"abort", MST_OP_BARRIER_ABORT, "o"},
    {"reset", MST_OP_BARRIER_RESET, "o"},
    {"declare", MST_OP_DECLARE, "okS"},
    {"update", MST_OP_UPDATE, "oS"},
    {"remove", MST_OP_REMOVE, "o"},
    {"stat", MST_OP_STAT, "o"},
    {"list", MST_OP_LIST, "p?"},
    {"sessions", MST_OP_SESSIONS, ""},
    {"kill", MST_OP_KILL, "P"},
    {"ping", MST_OP_PING, ""},
};

static const struct row *row_of(const char *word)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].word, word) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static void read_command(struct command *c, const struct row *row)
{
    mst_request_init(&c->request, row->op);
    c->next = 1;
    read_arguments(c, row->arguments);
    for (; c->next < c->words_count && c->problem == NULL; c->next++) {
        const char *word = c->words[c->next];

        if (!read_flag(&c->request, word) && !read_time(&c->request, word) &&
            !read_number(&c->request, word) && !read_text(c, word)) {
            c->problem = word;
        }
    }
}

/* Several bodies without a mode are so many puts. */
static void submit(struct command *c)
{
    size_t puts = c->request.op == MST_OP_PUT && c->request.mode == MST_PUT_EACH
                      ? c->request.bodies_count
                      : 1;
    struct mst_request request = c->request;

    for (size_t i = 0; i < puts; i++) {
        if (puts > 1) {
            request.bodies = &c->bodies[i];
            request.bodies_count = 1;
            request.priority =
                c->request.priorities_count > 0 ? c->priorities[i] : request.priority;
            request.priorities_count = 0;
        }
        program_submit(c->program, &request, c->label);
    }
}

bool command_run(struct program *p, char *line, const char **problem_out)
{
    struct command c;
    const struct row *row;
    char *save = NULL;

    memset(&c, 0, offsetof(struct command, words));
    c.program = p;
    c.times = 1;
    for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        assert_true(c.words_count < WORDS_MAX);
        c.words[c.words_count++] = word;
    }
    if (run_own(p, c.words[0], c.words_count > 1 ? c.words[1] : NULL)) {
        return true;
    }
    row = row_of(c.words[0]);
    if (row == NULL) {
        *problem_out = "no such command";
        return false;
    }
    c.label = row->word;
    read_command(&c, row);
    for (long i = 0; i < c.times && c.problem == NULL; i++) {
        submit(&c);
    }
    while (c.filled_count > 0) {
        free(c.filled[--c.filled_count]);
    }
    *problem_out = c.problem;
    return c.problem == NULL;
}
