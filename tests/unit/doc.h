/* doc.h - the parts of protocol/PROTOCOL.md that are made from the tables and by the codec.
 *
 * A part stands in the document between "<!-- generated: NAME -->" and "<!-- end -->". */
#ifndef DOC_H
#define DOC_H

#include "protocol/buf.h"

/* printf at the end of out. */
void doc_put(struct mst_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the part of this name; false: there is none. */
bool doc_tables(const char *name, struct mst_buf *out);
bool doc_exchange(const char *name, struct mst_buf *out);

/* The random bytes that the welcome of the exchanges has: MST_BOOT_BYTES and MST_SECRET_BYTES. */
void doc_random(uint8_t *boot_out, uint8_t *secret_out);

/* Names of all parts, NULL at the end. */
const char *const *doc_names(void);
const char *const *doc_exchange_names(void);

/* How many fields have no meaning in meanings.def, and how many meanings no field; each is told. */
int doc_meanings_missing(void);

#endif
