/* fuzz_access.c - the texts of keys, tokens and permissions: read as a whole or refused in one
 * line; then every question has the same answer however it is asked. */
#include <stdio.h>

#include "broker/session/access.h"
#include "protocol/keys.h"
#include "tests/fuzz/input.h"

static void asked(const struct access *access, struct input *in)
{
    static const uint8_t none[MST_TOKEN_ID];
    struct access_who who = {.kind = ACCESS_IS_KNOWN};
    struct mst_span name = input_until(in, 0);
    struct mst_span object = input_rest(in);
    unsigned verbs;

    if (name.len == 0) {
        access_local(&who);
    } else {
        snprintf(who.name, sizeof(who.name), "%.*s", (int)name.len, (const char *)name.data);
    }
    verbs = access_verbs(access, &who, object);
    for (int verb = MST_VERB_CREATE; verb <= MST_VERB_STAT; verb++) {
        bool may = access_permits(access, &who, (enum mst_verb)verb, object);

        require(may == ((verbs >> verb & 1) != 0));
        require(may || !access_is_open(access, &who));
    }
    access_unused_name(access);
    access_knows(access, name);
    access_token(access, none);
    if (access_identify(access, (const uint8_t[MST_NOISE_KEY]){0}, none, &who)) {
        require(who.name[0] != '\0');
    }
}

static void keys(struct mst_span text)
{
    for (int kind = MST_KEY_PUBLIC; kind <= MST_KEY_TOKEN; kind++) {
        uint8_t key[MST_NOISE_KEY];
        uint8_t again[MST_NOISE_KEY];
        char written[MST_KEY_TEXT + 1];

        if (mst_key_read(text, (enum mst_key_kind)kind, key) == NULL) {
            mst_key_write(written, (enum mst_key_kind)kind, key);
            require(mst_key_read(mst_span_text(written), (enum mst_key_kind)kind, again) == NULL);
            require(memcmp(key, again, sizeof(key)) == 0);
        }
    }
}

/* A byte of choices, three texts and a name, a zero behind each, then the name of an object. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    uint8_t choice = input_byte(&in);
    struct access_texts texts = {
        .keys = {"keys", input_until(&in, 0), (choice & 1) != 0},
        .anonymous = (choice & 8) != 0,
    };
    char error[ACCESS_ERROR_MAX] = "";
    struct access *access;

    texts.tokens = (struct access_text){"tokens", input_until(&in, 0), (choice & 2) != 0};
    texts.permissions = (struct access_text){"permissions", input_until(&in, 0), (choice & 4) != 0};
    keys(texts.keys.bytes);
    access = access_new(&texts, error);
    if (access == NULL) {
        require(error[0] != '\0' && strchr(error, '\n') == NULL);
        return 0;
    }
    asked(access, &in);
    access_free(&access);
    return 0;
}
