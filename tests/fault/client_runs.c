/* client_runs.c - see client_runs.h. */
#include "tests/fault/client_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <muster.h>

#include "tests/fault/client_script.h"
#include "tests/lib/harness.h"

#define RUN_LIMIT_S 60 /* of one run, on a busy machine */

struct runs {
    void *world;
    struct broker *broker;
    char server_key[MUSTER_KEY_TEXT];
    char socket_url[200];
    char key_file[160];
    unsigned long *calls; /* shared with the processes */
    unsigned long count, passed, failed;
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "cannot %s\n", what);
        abort();
    }
}

static void write_line(const char *folder, const char *name, const char *begin, const char *end)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    must(file != NULL && fprintf(file, "%s%s\n", begin, end) > 0 && fclose(file) == 0,
         "write what the broker reads");
}

/* Who the script is, and what it may do, before the broker reads it. */
static void write_keys(struct runs *runs, const char *keys)
{
    char public_key[MUSTER_KEY_TEXT];

    must(mkdir(keys, 0700) == 0, "make a folder");
    must(muster_key_make(runs->key_file, false, public_key) == MUSTER_OK, "make a key");
    write_line(keys, "allow-keys", "script ", public_key);
    write_line(keys, "permissions", "allow local * **\n", "allow script * **");
}

struct runs *runs_begin(void)
{
    struct runs *runs = calloc(1, sizeof(*runs));
    char keys[120];
    char data[120];
    char path[160];

    setenv("CMOCKA_TEST_ABORT", "1", 1);
    must(runs != NULL && world_setup(&runs->world) == 0, "make a world");
    runs->calls =
        mmap(NULL, sizeof(*runs->calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(runs->calls != MAP_FAILED, "share memory");
    snprintf(keys, sizeof(keys), "%s/keys", world_dir(runs->world));
    snprintf(data, sizeof(data), "%s/data", world_dir(runs->world));
    snprintf(path, sizeof(path), "%s/socket", world_dir(runs->world));
    snprintf(runs->socket_url, sizeof(runs->socket_url), "muster+unix://%s", path);
    snprintf(runs->key_file, sizeof(runs->key_file), "%s/script.key", world_dir(runs->world));
    write_keys(runs, keys);
    const char *args[] = {"--unix",         path, "--keys-dir",  keys,    "--data-dir", data,
                          "--segment-size", "1M", "--log-level", "error", NULL};
    struct broker_options options = {.args = args};

    runs->broker = broker_start(runs->world, &options);
    snprintf(path, sizeof(path), "%s/server.key", keys);
    must(muster_key_show(path, runs->server_key) == MUSTER_OK, "read the server's key");
    return runs;
}

int runs_end(struct runs **runs_in)
{
    struct runs *runs = *runs_in;
    bool good = runs->failed == 0 && runs->passed > 0;

    printf("%lu passed, %lu failed\n", runs->passed, runs->failed);
    world_teardown(&runs->world);
    munmap(runs->calls, sizeof(*runs->calls));
    free(runs);
    *runs_in = NULL;
    return good ? 0 : 1;
}

static void play(const struct runs *runs, enum runs_way way, const struct client_fault *fault)
{
    char name[40];
    struct script_place place = {.url = broker_url(runs->broker),
                                 .clear_url = broker_url(runs->broker),
                                 .dir = world_dir(runs->world),
                                 .name = name};

    snprintf(name, sizeof(name), "run%lu", runs->count);
    if (way == RUNS_ENCRYPTED) {
        place.url = runs->socket_url;
        place.server_key = runs->server_key;
        place.key_file = runs->key_file;
        place.own_loop = true;
    }
    alarm(RUN_LIMIT_S);
    client_fault_begin(fault);
    bool good = script_play(&place);

    *runs->calls = client_fault_calls();
    fflush(NULL);
    exit(good ? 0 : 1); /* so that what watches for leaks looks */
}

unsigned long runs_try(struct runs *runs, enum runs_way way, const struct client_fault *fault)
{
    static const char *const ways[] = {"clear", "encrypted"};
    int status = 0;

    runs->count++;
    *runs->calls = 0;
    fflush(NULL);
    pid_t pid = fork();

    must(pid >= 0, "fork");
    if (pid == 0) {
        play(runs, way, fault);
    }
    must(waitpid(pid, &status, 0) == pid, "wait for a process");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        runs->passed++;
    } else {
        runs->failed++;
        fprintf(stderr, "%s %s %lu %lu %d: ended with %s %d\n", ways[way],
                fault->call == NULL ? "-" : fault->call, fault->nth, fault->more, fault->error,
                WIFEXITED(status) ? "code" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    return *runs->calls;
}
