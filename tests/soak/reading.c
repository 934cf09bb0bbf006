/* reading.c - see reading.h. */
#include "tests/soak/reading.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/soak/lines.h"

#define LIVES_MOST 64
#define TEXT_MOST  200

struct fault {
    int64_t from_ns;
    int64_t to_ns;
    bool all;
    char program[HISTORY_NAME];
};

struct program {
    char name[HISTORY_NAME];
    struct history_call *calls; /* of all its life; by number */
    size_t count;
    int64_t gone_ns;   /* it is dead */
    int64_t leaves_ns; /* it said goodbye: what ends as cancelled then was not waited for */
};

struct reading {
    struct program *programs;
    size_t programs_count;
    struct fault *faults;
    size_t faults_count;
    int64_t lives[LIVES_MOST + 1]; /* where each begins */
    size_t lives_count;
    int64_t rest_ns;
    bool wall_jumped;
    char misfit[TEXT_MOST];
};

static void *grown(void *items, size_t count, size_t size)
{
    void *out = realloc(items, (count + 1) * size);

    if (out == NULL) {
        abort();
    }
    return out;
}

/* ---- files ---- */

static void read_fault(struct reading *r, const char *line)
{
    struct fault fault = {0, 0, false, ""};
    long long from, to;

    if (sscanf(line, "fault %lld %lld %23s", &from, &to, fault.program) == 3) {
        fault.from_ns = from;
        fault.to_ns = to;
        fault.all = strcmp(fault.program, "*") == 0;
        r->faults = grown(r->faults, r->faults_count, sizeof(*r->faults));
        r->faults[r->faults_count++] = fault;
    }
}

static void read_call(struct program *p, const char *line)
{
    struct history_call call;
    unsigned long long number = 0;

    memset(&call, 0, sizeof(call));
    call.end_ns = INT64_MAX;
    if (sscanf(line, "end %llu", &number) == 1 && number < p->count) {
        lines_read_end(line, &p->calls[number]);
    } else if (lines_read_begin(line, &call)) {
        p->calls = grown(p->calls, p->count, sizeof(*p->calls));
        p->calls[p->count++] = call;
    }
}

static void read_line(struct reading *r, struct program *p, const char *line)
{
    long long when;

    read_fault(r, line);
    read_call(p, line);
    if (sscanf(line, "leaves %lld", &when) == 1) {
        p->leaves_ns = when;
    } else if (sscanf(line, "rest %lld", &when) == 1) {
        r->rest_ns = when;
    } else if (sscanf(line, "restart %lld", &when) == 1 && r->lives_count < LIVES_MOST) {
        r->lives[r->lives_count++] = when;
    } else if (sscanf(line, "gone %lld", &when) == 1) {
        p->gone_ns = when;
    } else if (strcmp(line, "jump\n") == 0) {
        r->wall_jumped = true;
    }
}

static void read_program(struct reading *r, const char *folder, const char *file)
{
    struct program *p;
    char path[512];
    char line[4096];
    FILE *in;

    r->programs = grown(r->programs, r->programs_count, sizeof(*r->programs));
    p = &r->programs[r->programs_count++];
    *p = (struct program){.leaves_ns = INT64_MAX, .gone_ns = INT64_MAX};
    snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(file, "."), file);
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        if (strchr(line, '\n') != NULL) { /* else it is torn */
            read_line(r, p, line);
        }
    }
    if (in != NULL) {
        fclose(in);
    }
}

/* ---- what is certain ---- */

/* Where p is known to have reached the broker again after the fault. */
static int64_t back_ns(const struct program *p, const struct fault *fault)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct history_call *call = &p->calls[i];

        if (call->begin_ns > fault->to_ns && call->end_ns != INT64_MAX &&
            call->status == MUSTER_OK) {
            return call->end_ns;
        }
    }
    return INT64_MAX;
}

static bool strikes(const struct fault *fault, const struct program *p)
{
    return fault->all || strcmp(fault->program, p->name) == 0;
}

static void mark_cut_off(const struct reading *r, const struct program *p)
{
    for (size_t i = 0; i < r->faults_count; i++) {
        const struct fault *fault = &r->faults[i];
        int64_t until_ns = strikes(fault, p) ? back_ns(p, fault) : INT64_MIN;

        for (size_t k = 0; k < p->count; k++) {
            p->calls[k].cut_off = p->calls[k].cut_off || (p->calls[k].begin_ns >= fault->from_ns &&
                                                          p->calls[k].begin_ns <= until_ns);
        }
    }
}

struct reading *reading_new(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct reading *r;

    if (dir == NULL) {
        return NULL;
    }
    r = grown(NULL, 0, sizeof(*r));
    memset(r, 0, sizeof(*r));
    r->rest_ns = INT64_MAX;
    r->lives[r->lives_count++] = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".calls") != NULL) {
            read_program(r, folder, entry->d_name);
        }
    }
    closedir(dir);
    r->lives[r->lives_count] = INT64_MAX;
    for (size_t p = 0; p < r->programs_count; p++) {
        mark_cut_off(r, &r->programs[p]);
    }
    return r;
}

void reading_free(struct reading **owner)
{
    struct reading *r = *owner;

    for (size_t i = 0; r != NULL && i < r->programs_count; i++) {
        for (size_t k = 0; k < r->programs[i].count; k++) {
            free(r->programs[i].calls[k].messages);
        }
        free(r->programs[i].calls);
    }
    if (r != NULL) {
        free(r->programs);
        free(r->faults);
        free(r);
    }
    *owner = NULL;
}

size_t reading_lives(const struct reading *reading)
{
    return reading->lives_count;
}

size_t reading_calls(const struct reading *reading)
{
    size_t count = 0;

    for (size_t i = 0; i < reading->programs_count; i++) {
        count += reading->programs[i].count;
    }
    return count;
}

/* ---- one order of all that happened ---- */

enum happening { BEGINS, STRIKES, RESTS, ENDS }; /* in this order if at one time */

struct event {
    int64_t ns;
    enum happening what;
    size_t program;
    size_t call; /* of the program */
    bool open;   /* nobody may say what came of it in this life */
    bool all;    /* it strikes everybody */
};

struct events {
    struct event *items;
    size_t count;
};

static void happen(struct events *events, struct event event)
{
    events->items = grown(events->items, events->count, sizeof(*events->items));
    events->items[events->count++] = event;
}

static int by_time(const void *left, const void *right)
{
    const struct event *a = left;
    const struct event *b = right;

    if (a->ns != b->ns) {
        return a->ns < b->ns ? -1 : 1;
    }
    return (int)a->what - (int)b->what;
}

static bool is_certain(const struct history_call *call)
{
    return call->session != 0 && call->session == call->session_end;
}

static bool puts_body(const struct history_call *call, const char *body)
{
    for (size_t i = 0; i < call->messages_count && call->op == HISTORY_PUT; i++) {
        if (strcmp(call->messages[i].body, body) == 0) {
            return true;
        }
    }
    return false;
}

/* What a get brought was put in the life in which it was got. INT64_MIN: that is not known. */
static int64_t put_ns(const struct reading *r, const struct history_call *get)
{
    for (size_t p = 0; p < r->programs_count && get->messages_count > 0; p++) {
        for (size_t k = 0; k < r->programs[p].count; k++) {
            const struct history_call *put = &r->programs[p].calls[k];

            if (puts_body(put, get->messages[0].body)) {
                return put->end_ns != INT64_MAX && is_certain(put) ? put->begin_ns : INT64_MIN;
            }
        }
    }
    return INT64_MIN;
}

/* Did the call end in this life? A call that ended in a session that it did not begin in says so
 * only by what it brought. */
static bool ended_in(const struct reading *r, const struct program *p,
                     const struct history_call *call, const int64_t life[2])
{
    int64_t put = call->op == HISTORY_GET && !is_certain(call) ? put_ns(r, call) : INT64_MIN;

    if (call->end_ns == INT64_MAX ||
        (call->end_ns >= p->leaves_ns && call->status == MUSTER_CANCELLED)) {
        return false;
    }
    if (put != INT64_MIN) {
        return put >= life[0] && put < life[1];
    }
    return call->begin_ns >= life[0] && (call->end_ns < life[1] || is_certain(call));
}

/* The call belongs to the life between the two times, or may do so. */
static void add_call(struct events *events, const struct reading *r, size_t p, size_t k,
                     const int64_t life[2])
{
    const struct program *program = &r->programs[p];
    const struct history_call *call = &program->calls[k];
    struct event event = {call->begin_ns, BEGINS, p, k, false, false};
    bool ended = call->end_ns != INT64_MAX;

    if (call->begin_ns >= life[1] || program->gone_ns < life[0] ||
        (call->begin_ns < life[0] && ended && (call->end_ns < life[0] || is_certain(call)))) {
        return;
    }
    event.open = !ended_in(r, program, call, life);
    event.ns = call->begin_ns < life[0] ? life[0] : call->begin_ns;
    happen(events, event);
    if (!event.open) {
        event.what = ENDS;
        event.ns = call->end_ns;
        happen(events, event);
    }
}

static void add_troubles(struct events *events, const struct reading *r, size_t p,
                         const int64_t life[2])
{
    for (size_t i = 0; i < r->faults_count; i++) {
        const struct fault *fault = &r->faults[i];
        const int64_t times[] = {fault->from_ns, fault->to_ns, back_ns(&r->programs[p], fault)};

        for (size_t k = 0; k < 3 && strikes(fault, &r->programs[p]); k++) {
            if (times[k] >= life[0] && times[k] < life[1]) {
                happen(events, (struct event){times[k], STRIKES, p, 0, false, fault->all});
            }
        }
    }
}

static struct events events_of(const struct reading *r, const int64_t life[2])
{
    struct events events = {NULL, 0};

    for (size_t p = 0; p < r->programs_count; p++) {
        for (size_t k = 0; k < r->programs[p].count; k++) {
            add_call(&events, r, p, k, life);
        }
        add_troubles(&events, r, p, life);
    }
    if (r->rest_ns >= life[0] && r->rest_ns < life[1]) {
        happen(&events, (struct event){.ns = r->rest_ns, .what = RESTS});
    }
    qsort(events.items, events.count, sizeof(*events.items), by_time);
    return events;
}

/* ---- the history ---- */

/* Position and program stay; what was told is forgotten if the call is open. */
static void copy_call(struct history_call *to, const struct history_call *from, bool open)
{
    struct history_call copy = *from;

    copy.program = to->program;
    copy.session = from->cut_off ? 0 : from->session; /* whether it is that is not certain */
    copy.begin = to->begin;
    copy.begin_ns = to->begin_ns;
    copy.end = HISTORY_NEVER;
    copy.end_ns = copy.taken_ns = INT64_MAX;
    copy.messages = NULL;
    copy.messages_count = 0;
    for (size_t i = 0; i < from->messages_count && (from->op == HISTORY_PUT || !open); i++) {
        *history_message(&copy, from->messages[i].body) = from->messages[i];
        copy.messages[i].id = open ? 0 : copy.messages[i].id;
    }
    if (open) {
        copy.session = copy.session_end = 0;
        copy.taken = copy.duplicate_of = 0;
        copy.already = copy.paused = copy.leads = false;
        copy.generation = copy.index = 0;
    }
    *to = copy;
}

static void end_call(struct history *history, struct history_call *call,
                     const struct history_call *from)
{
    history_end(history, call, from->end_ns);
    call->taken_ns = call->begin_ns;
    if (!is_certain(from)) {
        call->session_end = UINT64_MAX - call->begin;
        call->detached = call->detached || call->op == HISTORY_GET;
    }
}

struct history *reading_history(const struct reading *r, size_t life)
{
    struct events events = events_of(r, &r->lives[life]);
    struct history *history = history_new();
    size_t **numbers = grown(NULL, r->programs_count, sizeof(*numbers));

    for (size_t i = 0; i < SOAK_OBJECTS; i++) {
        history_object(history, soak_name(i));
    }
    history->wall_jumped = r->wall_jumped;
    history->gaps = true;
    for (size_t p = 0; p < r->programs_count; p++) {
        numbers[p] = grown(NULL, r->programs[p].count, sizeof(**numbers));
        history_program(history, r->programs[p].name);
    }
    for (size_t i = 0; i < events.count; i++) {
        const struct event *event = &events.items[i];
        struct program *program = &r->programs[event->program];
        size_t *number = &numbers[event->program][event->call];

        switch (event->what) {
        case BEGINS:
            *number = history->calls_count;
            copy_call(history_begin(history, HISTORY_OTHER, event->program, event->ns),
                      &program->calls[event->call], event->open);
            break;
        case ENDS: end_call(history, &history->calls[*number], &program->calls[event->call]); break;
        case STRIKES: history_trouble(history, event->program)->all = event->all; break;
        case RESTS: history_rests(history); break;
        }
    }
    for (size_t p = 0; p < r->programs_count; p++) {
        free(numbers[p]);
    }
    free(numbers);
    free(events.items);
    return history;
}

/* ---- statuses ---- */

static bool is_allowed(enum muster_status status)
{
    switch (status) {
    case MUSTER_DENIED:
    case MUSTER_LIMIT:
    case MUSTER_NO_MEMORY:
    case MUSTER_NO_SPACE:
    case MUSTER_PROTOCOL:
    case MUSTER_GONE:
    case MUSTER_SHUTDOWN: return false;
    default: return true;
    }
}

const char *reading_misfit(struct reading *r)
{
    for (size_t p = 0; p < r->programs_count; p++) {
        for (size_t k = 0; k < r->programs[p].count; k++) {
            const struct history_call *call = &r->programs[p].calls[k];

            if (call->end_ns != INT64_MAX && !is_allowed(call->status)) {
                snprintf(r->misfit, sizeof(r->misfit), "call %zu of %s ended with %s", k,
                         r->programs[p].name, muster_status_name(call->status));
                return r->misfit;
            }
        }
    }
    return NULL;
}
