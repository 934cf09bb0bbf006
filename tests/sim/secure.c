/* secure.c - keys for an encrypted world. See secure.h. */
#include "tests/sim/world.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/keys.h"

/* ---- keys follow from names ---- */

static void key_of(uint8_t out[MST_NOISE_KEY], const char *kind, const char *name)
{
    char text[100];

    snprintf(text, sizeof(text), "%s of %s", kind, name);
    crypto_generichash(out, MST_NOISE_KEY, (const uint8_t *)text, strlen(text), NULL, 0);
}

static bool is_onlooker(const char *name)
{
    return name[0] == '?';
}

/* ---- the broker's files: a line for each name ---- */

static char *find(char *lines, const char *name)
{
    size_t len = strlen(name);

    for (char *at = lines; *at != '\0'; at = strchr(at, '\n') + 1) {
        if (strncmp(at, name, len) == 0 && at[len] == ' ') {
            return at;
        }
    }
    return NULL;
}

static void add(char **lines, const char *name, enum mst_key_kind kind)
{
    size_t len = strlen(*lines);
    size_t more = strlen(name) + MST_KEY_TEXT + 3;
    uint8_t key[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];

    if (find(*lines, name) != NULL) {
        return;
    }
    key_of(key, kind == MST_KEY_TOKEN ? "token" : "key", name);
    if (kind == MST_KEY_PUBLIC) {
        mst_noise_public(key, key);
    }
    mst_key_write(text, kind, key);
    *lines = realloc(*lines, len + more);
    assert_non_null(*lines);
    snprintf(*lines + len, more, "%s %s\n", name, text);
}

static void take_out(char *lines, const char *name)
{
    char *at = find(lines, name);
    char *next;

    assert_non_null(at);
    next = strchr(at, '\n') + 1;
    memmove(at, next, strlen(next) + 1);
}

static struct access_text file(const char *name, const char *lines)
{
    return (struct access_text){name, mst_span_text(lines), true};
}

void sim_keys_load(struct world *w)
{
    struct engine_security security = {.server_secret = w->keys.server_secret};
    char error[ACCESS_ERROR_MAX];

    if (!w->keys.encrypted || w->engine == NULL) {
        return;
    }
    security.texts.keys = file("keys", w->keys.keys);
    security.texts.tokens = file("tokens", w->keys.tokens);
    security.texts.permissions = file("permissions", "allow * * **\nallow local * **\n");
    assert_true(engine_secure(w->engine, &security, error));
}

void sim_encrypt(struct world *w)
{
    assert_int_equal(w->programs_count, 0);
    w->keys.encrypted = true;
    w->keys.keys = calloc(1, 1);
    w->keys.tokens = calloc(1, 1);
    assert_true(w->keys.keys != NULL && w->keys.tokens != NULL);
    key_of(w->keys.server_secret, "key", "the broker");
    mst_noise_public(w->keys.server_public, w->keys.server_secret);
    sim_keys_load(w);
}

void sim_keys_clear(struct world *w)
{
    free(w->keys.keys);
    free(w->keys.tokens);
}

void sim_change_server_key(struct world *w)
{
    key_of(w->keys.server_secret, "key", "the broker's other one");
}

void sim_admit(struct world *w, const char *name)
{
    if (w->keys.encrypted && !is_onlooker(name)) {
        add(&w->keys.keys, name, MST_KEY_PUBLIC);
        sim_keys_load(w);
    }
}

void sim_expel(struct world *w, const char *name)
{
    take_out(w->keys.keys, name);
    sim_keys_load(w);
    world_settle(w);
}

void sim_admit_token(struct world *w, const char *name)
{
    add(&w->keys.tokens, name, MST_KEY_TOKEN);
    sim_keys_load(w);
}

void sim_expel_token(struct world *w, const char *name)
{
    take_out(w->keys.tokens, name);
    sim_keys_load(w);
    world_settle(w);
}

/* ---- a program's side ---- */

void sim_secure(struct program *p)
{
    struct world *w = p->world;
    uint8_t secret[MST_NOISE_KEY];
    uint8_t token[MST_NOISE_KEY];
    uint8_t ephemeral[MST_NOISE_KEY];
    struct mst_channel_client keys = {.secret = secret,
                                      .ephemeral = ephemeral,
                                      .server_key = w->keys.server_public,
                                      .token = p->has_token ? token : NULL};

    if (!w->keys.encrypted || is_onlooker(p->name)) {
        return;
    }
    key_of(secret, "key", p->name);
    key_of(token, "token", p->name);
    for (size_t i = 0; i < sizeof(ephemeral); i++) {
        ephemeral[i] = (uint8_t)world_random(w);
    }
    assert_true(mst_client_secure(p->machine, &keys));
}

/* ---- what is told ---- */

static bool belongs_to_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

size_t sim_plain_labels(char *text)
{
    for (char *slash = strchr(text, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char *name = slash;
        size_t len;

        while (name > text && belongs_to_name(name[-1])) {
            name--;
        }
        len = (size_t)(slash - name);
        if (len > 0 && strncmp(name, slash + 1, len) == 0 && !belongs_to_name(slash[1 + len])) {
            memmove(name, slash + 1, strlen(slash + 1) + 1);
            slash = name;
        }
    }
    return strlen(text);
}
