/* client_ledger.c - see client_ledger.h. */
#include "tests/fault/client_ledger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 256

enum there { ASKED, THERE, REFUSED };
enum taken { FREE, HELD, FINISHED, OPEN }; /* OPEN: its holder asked, and was not told the end */

struct ledger {
    pthread_mutex_t lock;
    bool bad;
    bool ended;
    size_t count;
    struct {
        enum there there;
        enum taken taken;
        bool left; /* got after the end */
    } messages[MESSAGES_MAX];
};

struct ledger *ledger_new(void)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (ledger == NULL) {
        abort();
    }
    pthread_mutex_init(&ledger->lock, NULL);
    return ledger;
}

void ledger_free(struct ledger **ledger)
{
    pthread_mutex_destroy(&(*ledger)->lock);
    free(*ledger);
    *ledger = NULL;
}

static void complain(struct ledger *ledger, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void complain(struct ledger *ledger, const char *format, va_list arguments)
{
    fputs("does not hold: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    ledger->bad = true;
}

/* With the lock held. */
static void accuse(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void accuse(struct ledger *ledger, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(ledger, format, arguments);
    va_end(arguments);
}

void ledger_complain(struct ledger *ledger, const char *format, ...)
{
    va_list arguments;

    pthread_mutex_lock(&ledger->lock);
    va_start(arguments, format);
    complain(ledger, format, arguments);
    va_end(arguments);
    pthread_mutex_unlock(&ledger->lock);
}

bool ledger_is_good(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    bool good = !ledger->bad;
    pthread_mutex_unlock(&ledger->lock);
    return good;
}

/* ---- what happened ---- */

size_t ledger_new_message(struct ledger *ledger, char body[LEDGER_BODY])
{
    pthread_mutex_lock(&ledger->lock);
    size_t number = ledger->count++;
    pthread_mutex_unlock(&ledger->lock);
    if (number >= MESSAGES_MAX) {
        abort();
    }
    snprintf(body, LEDGER_BODY, "message %zu", number);
    return number;
}

/* SIZE_MAX: it is none of ours. With the lock held. */
static size_t number_of(struct ledger *ledger, const muster_message *message)
{
    size_t number;

    if (sscanf(muster_message_body(message), "message %zu", &number) != 1 ||
        number >= ledger->count) {
        accuse(ledger, "a message that nobody put: %.40s",
               (const char *)muster_message_body(message));
        return SIZE_MAX;
    }
    return number;
}

void ledger_put(struct ledger *ledger, size_t number, enum muster_status status)
{
    pthread_mutex_lock(&ledger->lock);
    ledger->messages[number].there = status == MUSTER_OK ? THERE : REFUSED;
    if (status != MUSTER_OK && ledger->messages[number].taken != FREE) {
        accuse(ledger, "message %zu was got, though its put ended with %s", number,
               muster_status_name(status));
    }
    pthread_mutex_unlock(&ledger->lock);
}

void ledger_got(struct ledger *ledger, const muster_message *message)
{
    pthread_mutex_lock(&ledger->lock);
    size_t number = number_of(ledger, message);

    if (number != SIZE_MAX) {
        if (ledger->messages[number].there == REFUSED) {
            accuse(ledger, "message %zu was got, and was not put", number);
        }
        enum taken taken = ledger->messages[number].taken;

        if (ledger->messages[number].left || taken == FINISHED ||
            (taken == HELD && !ledger->ended)) {
            accuse(ledger, "message %zu was got twice (%s)", number,
                   taken == FINISHED ? "and finished before" : "and is held");
        }
        ledger->messages[number].left = ledger->ended;
        ledger->messages[number].taken = HELD;
    }
    pthread_mutex_unlock(&ledger->lock);
}

static void settle(struct ledger *ledger, const muster_message *message, enum taken taken)
{
    pthread_mutex_lock(&ledger->lock);
    size_t number = number_of(ledger, message);

    if (number != SIZE_MAX) {
        ledger->messages[number].taken = taken;
    }
    pthread_mutex_unlock(&ledger->lock);
}

void ledger_finished(struct ledger *ledger, const muster_message *message,
                     enum muster_status status)
{
    settle(ledger, message, status == MUSTER_OK ? FINISHED : OPEN);
}

void ledger_returned(struct ledger *ledger, const muster_message *message,
                     enum muster_status status)
{
    settle(ledger, message, status == MUSTER_OK ? FREE : OPEN);
}

/* ---- the end ---- */

void ledger_end(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    ledger->ended = true;
    for (size_t i = 0; i < ledger->count; i++) {
        if (ledger->messages[i].there == ASKED) {
            accuse(ledger, "the put of message %zu never ended", i);
        }
    }
    pthread_mutex_unlock(&ledger->lock);
}

bool ledger_lacks(struct ledger *ledger)
{
    bool lacks = false;

    pthread_mutex_lock(&ledger->lock);
    for (size_t i = 0; i < ledger->count; i++) {
        enum taken taken = ledger->messages[i].taken;

        lacks = lacks || (ledger->messages[i].there == THERE && !ledger->messages[i].left &&
                          (taken == FREE || taken == HELD));
    }
    pthread_mutex_unlock(&ledger->lock);
    return lacks;
}
