/* keys.h - keys and tokens as text that survives copying.
 *
 *   mpk1...   a public key: may be shown to everybody
 *   msk1...   a secret key: never leaves the file of its owner
 *   mtk1...   a token: known to the broker and to those who may come with it
 *
 * The prefix says what it is and how it is written (1); then come 56 characters of base32 (RFC
 * 4648, lower case, no padding: a-z and 2-7, so neither 0 nor 1 can be mistaken for o or l): 32
 * bytes and 3 bytes of a checksum over prefix and bytes, BLAKE2b: damage goes unnoticed once in 16
 * million. Capitals are read like small letters, white space around it is ignored. Must not know:
 * files, who has which key. */
#ifndef MST_KEYS_H
#define MST_KEYS_H

#include "protocol/noise.h"

#define MST_KEY_TEXT 60 /* characters, without the NUL */

enum mst_key_kind { MST_KEY_PUBLIC, MST_KEY_SECRET, MST_KEY_TOKEN };

void mst_key_write(char out[MST_KEY_TEXT + 1], enum mst_key_kind kind,
                   const uint8_t key[MST_NOISE_KEY]);

/* NULL, or what is wrong with the text, a static line that tells nothing of what is in it; key_out
 * is zeros then. */
const char *mst_key_read(struct mst_span text, enum mst_key_kind kind,
                         uint8_t key_out[MST_NOISE_KEY]);

/* May the file of a secret have these permission bits? It is for its owner alone; or it is root's,
 * and who reads it is not root and does so through a group: so do secrets come that an orchestrator
 * mounts. */
bool mst_key_mode_is_tight(unsigned mode, bool is_roots, bool reads_root);

/* Puts stars over every secret key and token in a line for people, for files and arguments get
 * mixed up. Also over a part of one. true: there was one. */
bool mst_key_hide(char *text);

#endif
