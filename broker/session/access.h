/* access.h - who is welcome, and who may do what: three texts, read as a whole.
 *
 *   keys          NAME PUBLICKEY                              a client known by its key
 *   tokens        NAME TOKEN                                  clients known by what they were given
 *   permissions   allow|deny NAME VERB[,VERB...] PATTERN      NAME, VERB: `*` means all
 *
 * One entry a line, fields parted by blanks; empty lines and those beginning with # say nothing.
 * A name may have several keys and tokens, so that they can be rotated. The pattern is the rest of
 * its line: `*` within a part of an object's name, `**` any rest. Two names are nobody's: `local`
 * are connections in the clear, `anonymous` those that came with neither key nor token.
 *
 * What is denied by any line is denied; what no line allows is denied too. `allow *` is for all but
 * anonymous, `deny *` for all. Without permissions: local may do everything, whoever has a key or a
 * token everything but admin, anonymous nothing. What concerns the broker as a whole (sessions,
 * kill) is asked for the empty name, which only `*` and `**` mean.
 *
 * Immutable once made; a reload makes a new one. Must not know: files, connections, objects. */
#ifndef SESSION_ACCESS_H
#define SESSION_ACCESS_H

#include "protocol/channel.h"
#include "protocol/ops.h"

#define ACCESS_NAME_MAX  64
#define ACCESS_ERROR_MAX 512
#define ACCESS_LOCAL     "local"
#define ACCESS_ANONYMOUS "anonymous"

struct access;

struct access_text {
    const char *source; /* for messages: the file's name */
    struct mst_span bytes;
    bool given;
};

struct access_texts {
    struct access_text keys, tokens, permissions;
    bool anonymous; /* welcome without key and token */
};

enum access_kind { ACCESS_IS_LOCAL, ACCESS_IS_ANONYMOUS, ACCESS_IS_KNOWN };

struct access_who {
    enum access_kind kind;
    char name[ACCESS_NAME_MAX + 1];
};

/* NULL: error has one line that says what is wrong where. It has nothing of a key or a token. */
struct access *access_new(const struct access_texts *texts, char error[ACCESS_ERROR_MAX]);
void access_free(struct access **access); /* wipes the tokens */

/* A name in the permissions that nobody has, by mistake or because its key was removed; or NULL. */
const char *access_unused_name(const struct access *access);

/* The token of this id; NULL: there is none. */
const uint8_t *access_token(const struct access *access, const uint8_t id[MST_TOKEN_ID]);
/* Who came with this key and has proven to have the token of this id (zeros: none). By the name of
 * its key if that is listed, else of its token. false: nobody who is welcome. */
bool access_identify(const struct access *access, const uint8_t key[MST_NOISE_KEY],
                     const uint8_t token_id[MST_TOKEN_ID], struct access_who *who_out);
void access_local(struct access_who *who_out);
/* Is there a key or a token of this name, or is it anonymous and welcome? */
bool access_knows(const struct access *access, struct mst_span name);

/* Everything that may be done to an object, as bits 1 << enum mst_verb, to be kept per handle. */
unsigned access_verbs(const struct access *access, const struct access_who *who,
                      struct mst_span object);
bool access_permits(const struct access *access, const struct access_who *who, enum mst_verb verb,
                    struct mst_span object);
/* Nothing can be denied to who; nothing needs to be asked. */
bool access_is_open(const struct access *access, const struct access_who *who);
bool access_has_permissions(const struct access *access);

#endif
