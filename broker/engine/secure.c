/* secure.c - who a member is, and what it may do. What the texts of keys, tokens and permissions
 * mean is access.h's; this is when they are asked.
 *
 * Must not know: files, what the bytes say. */
#include "broker/engine/internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/keys.h"

#define GRANTS 16u /* names whose permissions a member keeps */

struct grant {
    uint64_t access_number; /* of the texts it was made from; 0: none */
    unsigned verbs;
    size_t len;
    uint8_t name[];
};

/* ---- who ---- */

void member_forget_rights(struct member *member)
{
    for (size_t i = 0; member->grants != NULL && i < GRANTS; i++) {
        free(member->grants[i]);
    }
    free((void *)member->grants);
    free(member->who);
}

struct mst_span member_identity(const struct member *member)
{
    return mst_span_text(member->who == NULL ? "" : member->who->name);
}

/* Clear text is local, whoever it is. */
static const struct access_who *who_of(const struct member *member)
{
    static const struct access_who local = {ACCESS_IS_LOCAL, ACCESS_LOCAL};

    return member->who == NULL ? &local : member->who;
}

bool member_is_securing(const struct member *member)
{
    enum connection_phase phase = member->connection.phase;

    return phase == CONNECTION_PREAMBLE || phase == CONNECTION_SECURING;
}

void member_answer(struct engine *engine, struct member *member)
{
    static const uint8_t none[MST_TOKEN_ID];
    const uint8_t *id = member->connection.channel->token_id;
    const uint8_t *token = engine->access == NULL ? NULL : access_token(engine->access, id);
    uint8_t psk[MST_NOISE_KEY] = {0};
    uint8_t ephemeral[MST_NOISE_KEY];

    if (token != NULL) {
        memcpy(psk, token, sizeof(psk));
    } else if (memcmp(id, none, sizeof(none)) != 0) {
        /* An unknown token fails as a wrong one does: nobody learns which ids there are. */
        engine->ports.entropy(engine->ports.user, psk, sizeof(psk));
    }
    engine->ports.entropy(engine->ports.user, ephemeral, sizeof(ephemeral));
    connection_answer(&member->connection, psk, ephemeral);
    sodium_memzero(psk, sizeof(psk));
    sodium_memzero(ephemeral, sizeof(ephemeral));
}

static bool identify(const struct engine *engine, const struct member *member,
                     struct access_who *who)
{
    const struct mst_secure_channel *channel = member->connection.channel;

    return engine->access != NULL &&
           access_identify(engine->access, channel->remote, channel->token_id, who);
}

void member_identify(struct engine *engine, struct member *member)
{
    bool welcome;

    member->who = calloc(1, sizeof(*member->who));
    if (member->who == NULL) {
        connection_drop(&member->connection, "out of memory", false);
        return;
    }
    welcome = identify(engine, member, member->who);
    connection_identified(&member->connection, !welcome);
    if (welcome) {
        engine_tell(engine, ENGINE_DEBUG, &(struct topic){.member = member},
                    "connection is known by its key or token");
    }
}

/* It has proven that it has its key, so it may be told which one that is. */
void member_refuse(struct engine *engine, struct member *member, const struct mst_request *request)
{
    struct mst_reply reply;
    char key[MST_KEY_TEXT + 1];
    char why[MST_CAUSE_BYTES_MAX];

    mst_key_write(key, MST_KEY_PUBLIC, member->connection.channel->remote);
    snprintf(why, sizeof(why),
             "the broker knows neither your key nor a token from you; come with a token, or have "
             "the line 'NAME %s' added to its --allow-keys file",
             key);
    mst_reply_init(&reply, request->op);
    reply.status = MST_DENIED;
    reply.cause = mst_span_text(why);
    reply.boot = mst_span_of(engine->boot, MST_BOOT_BYTES);
    engine->metrics.handshake_failures[HANDSHAKE_UNKNOWN]++;
    member_reply(engine, member, &reply, 0);
    engine_tell(engine, ENGINE_INFO,
                &(struct topic){.member = member, .limiter = &engine->strangers},
                "a stranger came; to let it in, add the line 'NAME %s' to the --allow-keys file "
                "and send HUP",
                key);
    connection_close(&member->connection, "neither its key nor its token is known", true);
    member_settle(engine, member);
}

/* ---- what ---- */

/* NULL: out of memory, which costs time only. */
static struct grant *grant_for(const struct member *member, const struct access_who *who,
                               struct mst_span name)
{
    size_t at = name.len == 0 ? 0 : (name.len + name.data[name.len - 1]) % GRANTS;
    struct grant *grant = member->grants[at];
    bool right = grant != NULL && mst_span_equal(mst_span_of(grant->name, grant->len), name);

    if (!right) {
        free(grant);
        grant = member->grants[at] = malloc(sizeof(*grant) + name.len);
        if (grant == NULL) {
            return NULL;
        }
        *grant = (struct grant){.len = name.len};
        if (name.len > 0) {
            memcpy(grant->name, name.data, name.len);
        }
    }
    if (grant->access_number != member->engine->access_number) {
        grant->access_number = member->engine->access_number;
        grant->verbs = access_verbs(member->engine->access, who, name);
    }
    return grant;
}

static bool may(const void *of, enum mst_verb verb, struct mst_span name)
{
    const struct member *member = of;
    const struct access_who *who = who_of(member);
    const struct grant *grant = NULL;

    if (member->grants != NULL && name.len <= MST_NAME_BYTES_MAX) {
        grant = grant_for(member, who, name);
    }
    return grant == NULL ? access_permits(member->engine->access, who, verb, name)
                         : (grant->verbs >> verb & 1) != 0;
}

struct core_permit member_permit(struct member *member)
{
    const struct access *access = member->engine->access;

    if (access == NULL || access_is_open(access, who_of(member))) {
        return (struct core_permit){NULL, NULL};
    }
    if (member->grants == NULL && access_has_permissions(access)) {
        member->grants = (struct grant **)calloc(GRANTS, sizeof(struct grant *));
    }
    return (struct core_permit){may, member};
}

/* ---- the texts ---- */

static void look_again(struct engine *engine, struct member *member)
{
    struct access_who who = {0};

    if (member->who == NULL || member->connection.phase == CONNECTION_CLOSING) {
        return;
    }
    if (!identify(engine, member, &who) || strcmp(who.name, member->who->name) != 0 ||
        member->connection.stranger) {
        connection_close(&member->connection, "its key or token was removed or renamed", false);
        member_settle(engine, member);
    }
}

bool engine_secure(struct engine *engine, const struct engine_security *security,
                   char error[ACCESS_ERROR_MAX])
{
    struct access *access = access_new(&security->texts, error);
    bool first = engine->access == NULL;

    if (access == NULL) {
        return false;
    }
    access_free(&engine->access);
    engine->access = access;
    engine->access_number++;
    if (access_unused_name(access) != NULL) {
        engine_log(engine, ENGINE_WARNING, "%s speaks of '%s', a name that no key and no token has",
                   security->texts.permissions.source, access_unused_name(access));
    }
    if (!engine->has_key && security->server_secret != NULL) {
        engine->has_key = true;
        memcpy(engine->secret, security->server_secret, MST_NOISE_KEY);
        mst_noise_public(engine->public_key, engine->secret);
        engine->common.secret = engine->secret;
        engine->common.public_key = engine->public_key;
    }
    if (!first) {
        engine_look_at_clock(engine);
        step_expel(engine);
    }
    for (uint32_t i = 0; i < engine->places_count; i++) {
        if (engine->places[i].member != NULL) {
            look_again(engine, engine->places[i].member);
        }
    }
    return true;
}
