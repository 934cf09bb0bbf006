/* keys.c - keys and tokens as text. See keys.h. */
#include "protocol/keys.h"

#include <sodium.h>

enum { PREFIX = 4, CHECKSUM = 3, BYTES = MST_NOISE_KEY + CHECKSUM, BITS = 5, KINDS = 3 };
enum { HIDDEN_MIN = 8 }; /* fewer characters behind a prefix give nothing away */

_Static_assert(BYTES * 8 % BITS == 0 && PREFIX + BYTES * 8 / BITS == MST_KEY_TEXT,
               "a key fills its characters, so each has one spelling");

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char *const prefixes[KINDS] = {"mpk1", "msk1", "mtk1"};
static const char *const wanted[KINDS] = {
    "it does not begin with mpk1; a public key is wanted",
    "it does not begin with msk1; a secret key is wanted",
    "it does not begin with mtk1; a token is wanted",
};
/* [what it is][what is wanted] */
static const char *const mistaken[KINDS][KINDS] = {
    {NULL, "it is a public key (mpk1); the secret one (msk1) is wanted",
     "it is a public key (mpk1); a token (mtk1) is wanted"},
    {"it is a secret key (msk1), to be kept in its file; the public one (mpk1) is wanted", NULL,
     "it is a secret key (msk1), to be kept in its file; a token (mtk1) is wanted"},
    {"it is a token (mtk1); a public key (mpk1) is wanted",
     "it is a token (mtk1); a secret key (msk1) is wanted", NULL},
};

static void checksum(uint8_t out[CHECKSUM], enum mst_key_kind kind,
                     const uint8_t key[MST_NOISE_KEY])
{
    crypto_generichash_state state;
    uint8_t hash[MST_NOISE_KEY];

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)prefixes[kind], PREFIX);
    crypto_generichash_update(&state, key, MST_NOISE_KEY);
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(out, hash, CHECKSUM);
    sodium_memzero(hash, sizeof(hash));
    sodium_memzero(&state, sizeof(state));
}

void mst_key_write(char out[MST_KEY_TEXT + 1], enum mst_key_kind kind,
                   const uint8_t key[MST_NOISE_KEY])
{
    uint8_t bytes[BYTES];
    unsigned held = 0; /* bits that are not written yet, and how many */
    unsigned bits = 0;
    char *at = out + PREFIX;

    memcpy(out, prefixes[kind], PREFIX);
    memcpy(bytes, key, MST_NOISE_KEY);
    checksum(bytes + MST_NOISE_KEY, kind, key);
    for (size_t i = 0; i < BYTES; i++) {
        held = (held << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= BITS; bits -= BITS) {
            *at++ = letters[held >> (bits - BITS) & 31];
        }
    }
    *at = '\0';
    sodium_memzero(bytes, sizeof(bytes));
}

static char small(uint8_t letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

static int value_of(uint8_t byte)
{
    char letter = small(byte);

    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a';
    }
    return letter >= '2' && letter <= '7' ? letter - '2' + 26 : -1;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct mst_span trimmed(struct mst_span text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text = mst_span_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool begins(struct mst_span text, enum mst_key_kind kind)
{
    for (size_t i = 0; i < PREFIX; i++) {
        if (i == text.len || small(text.data[i]) != prefixes[kind][i]) {
            return false;
        }
    }
    return true;
}

static bool unpack(struct mst_span text, uint8_t out[BYTES])
{
    unsigned held = 0;
    unsigned bits = 0;

    for (size_t i = PREFIX; i < text.len; i++) {
        int value = value_of(text.data[i]);

        if (value < 0) {
            return false;
        }
        held = (held << BITS | (unsigned)value) & 0xfff;
        bits += BITS;
        if (bits >= 8) {
            bits -= 8;
            *out++ = (uint8_t)(held >> bits);
        }
    }
    return true;
}

const char *mst_key_read(struct mst_span text, enum mst_key_kind kind,
                         uint8_t key_out[MST_NOISE_KEY])
{
    uint8_t bytes[BYTES] = {0};
    uint8_t sum[CHECKSUM];
    const char *why = NULL;

    memset(key_out, 0, MST_NOISE_KEY);
    text = trimmed(text);
    for (int is = 0; is < KINDS; is++) {
        if (is != (int)kind && begins(text, (enum mst_key_kind)is)) {
            return mistaken[is][kind];
        }
    }
    if (!begins(text, kind)) {
        return wanted[kind];
    }
    if (text.len != MST_KEY_TEXT) {
        return text.len < MST_KEY_TEXT ? "a part of it is missing: it has 60 characters"
                                       : "it is too long: it has 60 characters";
    }
    if (!unpack(text, bytes)) {
        why = "it has a character that is none of a-z and 2-7";
    } else {
        checksum(sum, kind, bytes);
        if (sodium_memcmp(sum, bytes + MST_NOISE_KEY, CHECKSUM) != 0) {
            why = "a character of it is wrong: its checksum does not fit; copy it again";
        } else {
            memcpy(key_out, bytes, MST_NOISE_KEY);
        }
    }
    sodium_memzero(bytes, sizeof(bytes));
    return why;
}

bool mst_key_mode_is_tight(unsigned mode, bool is_roots, bool reads_root)
{
    return (mode & (is_roots && !reads_root ? 037u : 077u)) == 0;
}

bool mst_key_hide(char *text)
{
    bool any = false;

    for (char *at = text; *at != '\0'; at++) {
        size_t len = strlen(at);
        struct mst_span rest = mst_span_of(at, len);
        size_t end = PREFIX;

        if (!begins(rest, MST_KEY_SECRET) && !begins(rest, MST_KEY_TOKEN)) {
            continue;
        }
        while (end < len && value_of((uint8_t)at[end]) >= 0) {
            end++;
        }
        if (end >= PREFIX + HIDDEN_MIN) {
            memset(at + PREFIX, '*', end - PREFIX);
            any = true;
        }
    }
    return any;
}
