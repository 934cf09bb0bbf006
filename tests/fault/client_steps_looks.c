/* client_steps_looks.c - what changes nothing: looking at messages and objects, a backup; and what
 * dead letters say. */
#include <string.h>

#include "tests/fault/client_steps.h"

/* ---- messages ---- */

void script_see(struct script *s, const muster_message *message, bool is_dead)
{
    const char *body = muster_message_body(message);
    size_t size = 0;
    const char *kind = muster_message_header(message, "kind", &size);

    if (body[muster_message_size(message)] != '\0' || muster_message_queue(message)[0] == '\0' ||
        muster_message_state(message)[0] == '\0' || muster_message_id(message) == 0) {
        ledger_complain(s->ledger, "a message lacks something");
    }
    if (muster_message_age_ns(message) < 0 || muster_message_priority(message) != 0 ||
        (kind != NULL && (size != 4 || memcmp(kind, "test", 4) != 0))) {
        ledger_complain(s->ledger, "a message is not as it was put");
    }
    if (is_dead != (muster_message_died_of(message) != NULL) ||
        is_dead != (muster_message_last_holder(message) != NULL) ||
        (is_dead && strcmp(muster_message_died_of(message), "no good") != 0)) {
        ledger_complain(s->ledger, "a message does not know whether it died");
    }
}

void script_dead_letters(struct script *s)
{
    struct script_name name = script_name(s, "spare.dead");
    muster_get_options at_once = MUSTER_GET_OPTIONS;
    muster_nack_options dead = MUSTER_NACK_OPTIONS;
    muster_queue *letters = NULL;
    muster_message *message = NULL;

    at_once.timeout_ns = 0;
    dead.dead = true;
    dead.reason = "no good";
    EXPECT(muster_put(s->spare, "bad", 3, NULL, NULL), OK, 0);
    if (EXPECT(muster_get(s->spare, &at_once, &message), OK, AS(EMPTY) | AS(TIMEOUT))) {
        script_see(s, message, false);
        EXPECT(muster_nack_async(message, &dead, NULL, NULL, NULL), OK, 0);
        muster_message_free(&message);
    }
    script_flush(s);
    if (EXPECT(muster_queue_open(s->client, name.text, &letters), OK, 0) &&
        EXPECT(muster_get(letters, &at_once, &message), OK,
               AS(EMPTY) | AS(TIMEOUT) | AS(NOT_FOUND))) {
        script_see(s, message, true);
        EXPECT(muster_done(message), OK, 0);
        muster_message_free(&message);
    }
    muster_queue_close(&letters);
}

/* ---- a backup ---- */

struct copy {
    bool stops; /* after its first piece */
    uint64_t bytes, size;
};

static bool take_piece(const void *bytes, size_t len, uint64_t size, void *user)
{
    struct copy *copy = user;

    (void)bytes;
    copy->bytes += len;
    copy->size = size;
    return !copy->stops;
}

void script_backup(struct script *s)
{
    struct copy some = {.stops = true};
    struct copy all = {.stops = false};
    /* Its connection broke, and the broker may still be putting the remains away. */
    unsigned also = AS(GONE) | AS(CONFLICT);

    EXPECT(muster_backup(s->client, take_piece, &some), OK, also);
    if (EXPECT(muster_backup(s->client, take_piece, &all), OK, also) &&
        (all.bytes != all.size || all.size == 0)) {
        ledger_complain(s->ledger, "a backup of %lu bytes has %lu", (unsigned long)all.size,
                        (unsigned long)all.bytes);
    }
}

/* ---- objects ---- */

static bool is_row(const muster_entry *entry, void *user)
{
    struct script *s = user;

    if (entry->name == NULL || entry->name[0] == '\0') {
        ledger_complain(s->ledger, "a row of list has no name");
    }
    return true;
}

static bool is_session(const muster_session_info *info, void *user)
{
    struct script *s = user;

    if (info->id == 0 || info->name == NULL) {
        ledger_complain(s->ledger, "a row of sessions has no id");
    }
    return true;
}

static void read_stat(struct script *s, const muster_stat *stat)
{
    int64_t number;

    if (strcmp(muster_kind_name(muster_stat_kind(stat)), "fifo") != 0 ||
        !muster_stat_number(stat, "ready", &number)) {
        ledger_complain(s->ledger, "a stat has no kind, or no number of ready messages");
    }
    for (size_t i = 0; i < muster_stat_facts(stat); i++) {
        const char *text = NULL;
        const char *name = muster_stat_fact(stat, i, &number, &text);

        if (name == NULL || name[0] == '\0') {
            ledger_complain(s->ledger, "fact %zu of a stat has no name", i);
        }
    }
    for (size_t i = 0; i < muster_stat_parties(stat); i++) {
        const muster_party *party = muster_stat_party(stat, i);

        if (party->role == NULL || strcmp(party->role, "gets") != 0 || party->session == 0 ||
            party->name == NULL || party->host == NULL || party->detail == NULL) {
            ledger_complain(s->ledger, "party %zu of a stat lacks something", i);
        }
    }
}

static void on_nothing(enum muster_status status, muster_result *result, void *user)
{
    (void)status;
    (void)result;
    (void)user;
}

/* Somebody waits meanwhile. */
static void stats(struct script *s)
{
    struct script_name name = script_name(s, "quiet");
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_queue *quiet = NULL;
    muster_call *call = NULL;
    muster_stat *stat = NULL;

    if (EXPECT(muster_queue_open(s->client, name.text, &quiet), OK, 0) &&
        EXPECT(muster_get_async(quiet, &options, on_nothing, s, &call), OK, 0)) {
        EXPECT(muster_ping(s->client, WAIT_NS, NULL), OK, 0);
        if (EXPECT(muster_stat_get(s->client, name.text, &stat), OK, AS(NOT_FOUND))) {
            read_stat(s, stat);
            muster_stat_free(&stat);
        }
        muster_call_cancel(call);
        muster_call_release(&call);
    }
    script_flush(s);
    muster_queue_close(&quiet);
    EXPECT(muster_remove(s->client, name.text), OK, AS(NOT_FOUND));
}

void script_looks(struct script *s)
{
    struct script_name all = script_name(s, "**");
    muster_message *seen[4];
    size_t count = 0;
    uint64_t ready;
    bool yes;

    EXPECT(muster_ping(s->client, WAIT_NS, NULL), OK, 0);
    EXPECT(muster_qsize(s->jobs, &ready), OK, 0);
    EXPECT(muster_empty(s->jobs, &yes), OK, 0);
    EXPECT(muster_full(s->jobs, &yes), OK, 0);
    EXPECT(muster_peek(s->jobs, 4, 0, seen, &count), OK, AS(NOT_FOUND));
    for (size_t i = 0; i < count; i++) {
        script_see(s, seen[i], false);
        muster_message_free(&seen[i]);
    }
    stats(s);
    EXPECT(muster_list(s->client, all.text, is_row, s), OK, 0);
    EXPECT(muster_sessions(s->client, is_session, s), OK, 0);
    EXPECT(muster_session_kill(s->client, UINT64_MAX), NOT_FOUND, 0);
    if (strcmp(muster_broker_version(s->client), muster_version()) != 0) {
        ledger_complain(s->ledger, "the broker has another version");
    }
}
