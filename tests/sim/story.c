/* story.c - telling the world what happens, and comparing what came of it. See world.h. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

#define LINE_MAX_BYTES 65536
#define ASK_TRIES      3

/* ---- the transcript ---- */

static void say_aloud(const struct world *w, const char *text)
{
    if (w->aloud) {
        fprintf(stderr, "%12.6f %s\n", (double)(w->now_ns - WORLD_START_NS) / 1e9, text);
    }
}

void note(struct world *w, const char *format, ...)
{
    char text[4096];
    int n = 0;
    va_list arguments;

    if (mst_buf_size(&w->transcript) > 0) {
        assert_true(mst_buf_append(&w->transcript, "; ", 2));
    }
    if (w->stamps) {
        n = snprintf(text, sizeof(text), "[%lld] ",
                     (long long)((w->now_ns - WORLD_START_NS) / SECOND));
        assert_true(mst_buf_append(&w->transcript, text, (size_t)n));
    }
    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
    if (w->keys.encrypted) {
        n = (int)sim_plain_labels(text);
    }
    say_aloud(w, text);
    for (int i = 0; i < n; i++) {
        text[i] = text[i] == ';' ? ',' : text[i]; /* which ends an entry */
    }
    assert_true(mst_buf_append(&w->transcript, text, (size_t)n));
}

const char *transcript(struct world *w)
{
    assert_true(mst_buf_append(&w->transcript, "", 1));
    w->transcript.len--;
    return (const char *)mst_buf_span(&w->transcript).data;
}

void forget_transcript(struct world *w)
{
    mst_buf_reset(&w->transcript);
}

/* '*' stands for any text that does not end an entry. */
static bool matches(const char *pattern, const char *text)
{
    while (*pattern != '*') {
        if (*pattern != *text) {
            return false;
        }
        if (*pattern == '\0') {
            return true;
        }
        pattern++;
        text++;
    }
    do {
        if (matches(pattern + 1, text)) {
            return true;
        }
    } while (*text != ';' && *text++ != '\0');
    return false;
}

void expect_transcript(struct world *w, const char *text, const char *file, int line)
{
    if (!matches(text, transcript(w))) {
        fprintf(stderr, "expected: %s\nhappened: %s\n", text, transcript(w));
        _fail(file, line);
    }
    forget_transcript(w);
}

/* ---- commands ---- */

static void say(struct world *w, const char *command)
{
    char line[LINE_MAX_BYTES];
    const char *problem = NULL;
    char *rest;

    assert_true(strlen(command) < sizeof(line));
    if (command[0] != '?') {
        say_aloud(w, command);
    }
    strcpy(line, command);
    rest = strchr(line, ' ');
    assert_non_null(rest);
    *rest++ = '\0';
    if (strcmp(rest, "die") == 0) {
        struct program *p = program_of(w, line);

        program_die(&p);
    } else if (!command_run(program_of(w, line), rest, &problem)) {
        print_error("cannot tell '%s': %s\n", command, problem);
        fail();
    }
}

void tell(struct world *w, const char *command)
{
    say(w, command);
    world_settle(w);
}

void tellf(struct world *w, const char *format, ...)
{
    char command[LINE_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    tell(w, command);
}

/* ---- an onlooker ---- */

static bool answers(struct world *w, struct program *onlooker, const char *line)
{
    if (onlooker->wire == NULL) {
        program_connect(onlooker); /* the broker was restarted */
    }
    tell(w, line);
    for (int i = 0; i < 4 && w->asked == NULL && w->storage == WORLD_SLOW_DISK; i++) {
        world_sync(w);
    }
    return w->asked != NULL;
}

const struct mst_reply *ask(struct world *w, const char *command)
{
    struct program *onlooker = program_of(w, "?");
    char line[LINE_MAX_BYTES];

    snprintf(line, sizeof(line), "? %s", command);
    free(w->asked);
    w->asked = NULL;
    /* Its disk may fail just now, and the onlooker lose first its connection, then its session. */
    for (int tries = 0; tries < ASK_TRIES && !answers(w, onlooker, line); tries++) {
    }
    if (w->asked == NULL) {
        print_error("'%s' was not answered\n", command);
        fail();
    }
    return w->asked;
}

int64_t fact(struct world *w, const char *object, const char *name)
{
    char line[512];
    const struct mst_reply *reply;

    snprintf(line, sizeof(line), "stat %s", object);
    reply = ask(w, line);
    for (size_t i = 0; i < reply->facts_count; i++) {
        if (mst_span_equal(reply->facts[i].name, mst_span_text(name))) {
            return reply->facts[i].number;
        }
    }
    print_error("%s has no fact %s\n", object, name);
    fail();
    return 0;
}

void story_run(void (*story)(struct world *w), enum world_storage storage, size_t piece_max)
{
    struct world *w = world_open(storage);

    w->piece_max = piece_max;
    story(w);
    world_close(&w);
}

void story_run_encrypted(void (*story)(struct world *w), enum world_storage storage)
{
    struct world *w = world_open(storage);

    sim_encrypt(w);
    story(w);
    world_close(&w);
}
