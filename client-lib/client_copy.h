/* client_copy.h - a message of the protocol that owns what it refers to.
 *
 * Decoded messages borrow from frame and arena, requests from their caller; what has to live longer
 * is copied into one piece of memory, released with free(). Every string is followed by a NUL.
 * Deliveries are not copied: they become messages of the application. */
#ifndef MST_CLIENT_COPY_H
#define MST_CLIENT_COPY_H

#include "protocol/message.h"

struct mst_request *mst_request_copy(const struct mst_request *request); /* NULL: out of memory */
struct mst_reply *mst_reply_copy(const struct mst_reply *reply);
char *mst_text_copy(struct mst_span text); /* NUL-terminated; NULL: out of memory */

#endif
