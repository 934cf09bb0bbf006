/* noise_patterns.c - handshake patterns as the specification writes them, and their psk modifiers.
 *
 * Each row: name, whose static key is known beforehand ("i" the initiator's, "r" the responder's),
 * and the messages, beginning with the initiator's; tokens are joined by commas. */
#include "protocol/noise.h"

#include <stdlib.h>

static const struct pattern {
    const char *name;
    const char *known;
    const char *messages;
} patterns[] = {
    {"N", "r", "e,es"},
    {"K", "ir", "e,es,ss"},
    {"X", "r", "e,es,s,ss"},
    {"NN", "", "e e,ee"},
    {"NK", "r", "e,es e,ee"},
    {"NX", "", "e e,ee,s,es"},
    {"XN", "", "e e,ee s,se"},
    {"XK", "r", "e,es e,ee s,se"},
    {"XX", "", "e e,ee,s,es s,se"},
    {"KN", "i", "e e,ee,se"},
    {"KK", "ir", "e,es,ss e,ee,se"},
    {"KX", "i", "e e,ee,se,s,es"},
    {"IN", "", "e,s e,ee,se"},
    {"IK", "r", "e,es,s,ss e,ee,se"},
    {"IX", "", "e,s e,ee,se,s,es"},
    {"NK1", "r", "e e,ee,es"},
    {"NX1", "", "e e,ee,s es"},
    {"X1N", "", "e e,ee s se"},
    {"X1K", "r", "e,es e,ee s se"},
    {"XK1", "r", "e e,ee,es s,se"},
    {"X1K1", "r", "e e,ee,es s se"},
    {"X1X", "", "e e,ee,s,es s se"},
    {"XX1", "", "e e,ee,s es,s,se"},
    {"X1X1", "", "e e,ee,s es,s se"},
    {"K1N", "i", "e e,ee se"},
    {"K1K", "ir", "e,es e,ee se"},
    {"KK1", "ir", "e e,ee,se,es"},
    {"K1K1", "ir", "e e,ee,es se"},
    {"K1X", "i", "e e,ee,s,es se"},
    {"KX1", "i", "e e,ee,se,s es"},
    {"K1X1", "i", "e e,ee,s se,es"},
    {"I1N", "", "e,s e,ee se"},
    {"I1K", "r", "e,es,s e,ee se"},
    {"IK1", "r", "e,s e,ee,se,es"},
    {"I1K1", "r", "e,s e,ee,es se"},
    {"I1X", "", "e,s e,ee,s,es se"},
    {"IX1", "", "e,s e,ee,se,s es"},
    {"I1X1", "", "e,s e,ee,s se,es"},
};

#define PREFIX "Noise_"
#define SUFFIX "_25519_ChaChaPoly_BLAKE2b"

static const char *const token_names[] = {"e", "s", "ee", "es", "se", "ss"};

static bool add_token(struct mst_noise *noise, unsigned message, enum mst_noise_token token)
{
    if (message >= MST_NOISE_MESSAGES || noise->tokens_count[message] == MST_NOISE_TOKENS) {
        return false;
    }
    noise->tokens[message][noise->tokens_count[message]++] = (uint8_t)token;
    return true;
}

static void read_messages(struct mst_noise *noise, const char *text)
{
    noise->messages = 1;
    while (*text != '\0') {
        size_t n = strcspn(text, ", ");

        for (int t = MST_T_E; t < MST_T_PSK; t++) {
            if (strlen(token_names[t]) == n && memcmp(token_names[t], text, n) == 0) {
                add_token(noise, noise->messages - 1, (enum mst_noise_token)t);
            }
        }
        text += n;
        noise->messages += *text == ' ';
        text += *text != '\0';
    }
}

/* psk0 is the first token of the first message; pskN the last of the N-th. */
static bool read_psks(struct mst_noise *noise, const char *text, const char *end)
{
    while (text < end) {
        unsigned place = 0;

        if (end - text < 4 || memcmp(text, "psk", 3) != 0 || text[3] < '0' || text[3] > '9') {
            return false;
        }
        place = (unsigned)(text[3] - '0');
        noise->has_psk = true;
        if (place > noise->messages || !add_token(noise, place == 0 ? 0 : place - 1, MST_T_PSK)) {
            return false;
        }
        if (place == 0) {
            memmove(noise->tokens[0] + 1, noise->tokens[0], noise->tokens_count[0] - 1u);
            noise->tokens[0][0] = MST_T_PSK;
        }
        text += 4;
        text += text < end && *text == '+';
    }
    return true;
}

bool mst_noise_pattern(struct mst_noise *noise, const char *protocol, bool *pre_initiator,
                       bool *pre_responder)
{
    size_t len = strlen(protocol);
    size_t around = sizeof(PREFIX) - 1 + sizeof(SUFFIX) - 1;
    const char *name = protocol + sizeof(PREFIX) - 1;
    const char *end = protocol + len - (sizeof(SUFFIX) - 1);
    const char *modifiers = name;

    if (len <= around || memcmp(protocol, PREFIX, sizeof(PREFIX) - 1) != 0 ||
        memcmp(end, SUFFIX, sizeof(SUFFIX) - 1) != 0) {
        return false;
    }
    while (modifiers < end && *modifiers != 'p') {
        modifiers++;
    }
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const struct pattern *pattern = &patterns[i];

        if (strlen(pattern->name) == (size_t)(modifiers - name) &&
            memcmp(pattern->name, name, (size_t)(modifiers - name)) == 0) {
            *pre_initiator = strchr(pattern->known, 'i') != NULL;
            *pre_responder = strchr(pattern->known, 'r') != NULL;
            noise->one_way = strlen(pattern->name) == 1;
            read_messages(noise, pattern->messages);
            return read_psks(noise, modifiers, end);
        }
    }
    return false;
}
