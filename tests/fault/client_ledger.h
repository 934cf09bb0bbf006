/* client_ledger.h - what one program put and got, and whether that can be.
 *
 * A message is its number, told by its body. Whatever was refused: what was acknowledged is there
 * until it is finished, what was not put is never seen, and nobody has a message twice. Whether a
 * done, or a nack, that failed was carried out may be left open. From any thread. */
#ifndef FAULT_CLIENT_LEDGER_H
#define FAULT_CLIENT_LEDGER_H

#include <muster.h>
#include <stdbool.h>
#include <stddef.h>

#define LEDGER_BODY 24

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger **ledger);
/* A line on stderr; ledger_is_good is false from then on. */
void ledger_complain(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool ledger_is_good(struct ledger *ledger);

/* A message that is about to be put. Returns its number. */
size_t ledger_new_message(struct ledger *ledger, char body[LEDGER_BODY]);
void ledger_put(struct ledger *ledger, size_t number, enum muster_status status);
void ledger_got(struct ledger *ledger, const muster_message *message);
void ledger_finished(struct ledger *ledger, const muster_message *message,
                     enum muster_status status);
void ledger_returned(struct ledger *ledger, const muster_message *message,
                     enum muster_status status);

/* The program has ended; what is left is got by somebody else. */
void ledger_end(struct ledger *ledger);
bool ledger_lacks(struct ledger *ledger); /* something that must be there still */

#endif
