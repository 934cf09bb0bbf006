/* access_read.c - the texts of keys, tokens and permissions, line by line.
 *
 * The first wrong line ends it all. What a line of keys or tokens holds is never repeated in a
 * message: it may be a secret, if only by mistake. */
#include "broker/session/access_table.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/name.h"

#define SHOWN_MAX 60 /* bytes of a wrong word that a message repeats */

/* ---- lines and words ---- */

struct reader {
    const struct access_text *text;
    size_t at;
    size_t line; /* of the words below; from 1 */
    struct mst_span rest;
    char *error;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct mst_span without_blanks(struct mst_span span)
{
    while (span.len > 0 && is_blank(span.data[0])) {
        span = mst_span_of(span.data + 1, span.len - 1);
    }
    while (span.len > 0 && is_blank(span.data[span.len - 1])) {
        span.len--;
    }
    return span;
}

/* The next line that says something. */
static bool next_line(struct reader *reader)
{
    struct mst_span all = reader->text->bytes;

    while (reader->at < all.len) {
        const uint8_t *start = all.data + reader->at;
        const uint8_t *newline = memchr(start, '\n', all.len - reader->at);
        size_t len = newline == NULL ? all.len - reader->at : (size_t)(newline - start);

        reader->at += len + 1;
        reader->line++;
        reader->rest = without_blanks(mst_span_of(start, len));
        if (reader->rest.len > 0 && reader->rest.data[0] != '#') {
            return true;
        }
    }
    return false;
}

static struct mst_span next_word(struct reader *reader)
{
    struct mst_span word = mst_span_of(reader->rest.data, 0);

    while (word.len < reader->rest.len && !is_blank(word.data[word.len])) {
        word.len++;
    }
    reader->rest =
        without_blanks(mst_span_of(reader->rest.data + word.len, reader->rest.len - word.len));
    return word;
}

static bool fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    int n = snprintf(reader->error, ACCESS_ERROR_MAX, "%.200s, line %zu: ", reader->text->source,
                     reader->line);

    va_start(arguments, format);
    vsnprintf(reader->error + n, ACCESS_ERROR_MAX - (size_t)n, format, arguments);
    va_end(arguments);
    return false;
}

static int shown(struct mst_span word)
{
    return (int)(word.len < SHOWN_MAX ? word.len : SHOWN_MAX);
}

static size_t lines_most(const struct access_text *text)
{
    size_t count = 1;

    for (size_t i = 0; i < text->bytes.len; i++) {
        count += text->bytes.data[i] == '\n';
    }
    return count;
}

static bool is_word(struct mst_span word, const char *text)
{
    return mst_span_equal(word, mst_span_text(text));
}

/* A name is shown to everybody, so a secret that stands in its place by mistake is none. */
static bool copy_name(char out[ACCESS_NAME_MAX + 1], struct mst_span word)
{
    if (word.len > ACCESS_NAME_MAX || !mst_name_valid(word)) {
        return false;
    }
    memcpy(out, word.data, word.len);
    out[word.len] = '\0';
    return !mst_key_hide(out);
}

/* ---- keys and tokens ---- */

static bool read_entry(struct reader *reader, enum mst_key_kind kind, struct access_entry *entry)
{
    struct mst_span name = next_word(reader);
    uint8_t key[MST_NOISE_KEY];
    const char *why;

    if (reader->rest.len == 0) {
        return fail(reader, "two words are wanted, a name and its %s",
                    kind == MST_KEY_TOKEN ? "token (mtk1...)" : "public key (mpk1...)");
    }
    if (is_word(name, "*") || is_word(name, ACCESS_LOCAL) || is_word(name, ACCESS_ANONYMOUS)) {
        return fail(reader, "'%.*s' cannot be a client's name; choose another", shown(name),
                    (const char *)name.data);
    }
    if (!copy_name(entry->name, name)) {
        return fail(reader, "the name is not plain text of at most %d bytes; choose another",
                    ACCESS_NAME_MAX);
    }
    why = mst_key_read(reader->rest, kind, key);
    if (why != NULL) {
        return fail(reader, "the second word: %s", why);
    }
    if (kind == MST_KEY_TOKEN) {
        mst_token_id(entry->id, key);
        memcpy(entry->token, key, sizeof(key));
        sodium_memzero(key, sizeof(key));
    } else {
        memcpy(entry->id, key, sizeof(key));
    }
    entry->line = reader->line;
    return true;
}

static bool sort_entries(struct reader *reader, struct access_list *list, enum mst_key_kind kind)
{
    for (size_t i = 0; i < list->count; i++) {
        list->order[i] = &list->items[i];
    }
    qsort((void *)list->order, list->count, sizeof(struct access_entry *), access_compare_id);
    for (size_t i = 1; i < list->count; i++) {
        size_t one = list->order[i - 1]->line;
        size_t other = list->order[i]->line;

        if (access_compare_id(&list->order[i - 1], &list->order[i]) == 0) {
            reader->line = one < other ? other : one;
            return fail(reader, "the same %s stands on line %zu already; remove one of them",
                        kind == MST_KEY_TOKEN ? "token" : "key", one < other ? one : other);
        }
    }
    return true;
}

bool access_read_entries(struct access_list *list, const struct access_text *text,
                         enum mst_key_kind kind, char error[ACCESS_ERROR_MAX])
{
    struct reader reader = {.text = text, .error = error};

    if (!text->given) {
        return true;
    }
    list->cap = lines_most(text);
    list->items = calloc(list->cap, sizeof(*list->items));
    list->order = calloc(list->cap, sizeof(struct access_entry *));
    if (list->items == NULL || list->order == NULL) {
        return fail(&reader, "out of memory");
    }
    while (next_line(&reader)) {
        if (!read_entry(&reader, kind, &list->items[list->count])) {
            return false;
        }
        list->count++;
    }
    return sort_entries(&reader, list, kind);
}

/* ---- permissions ---- */

static bool read_verb(struct reader *reader, struct mst_span word, unsigned *verbs)
{
    char name[16] = "";
    enum mst_verb verb = MST_VERB_NONE;

    if (word.len < sizeof(name)) {
        memcpy(name, word.data, word.len);
    }
    if (!mst_verb_find(name, &verb) || verb == MST_VERB_NONE) {
        return fail(reader,
                    "'%.*s' is no verb; there are create, delete, put, get, peek, sync, admin, "
                    "stat, and * for all",
                    shown(word), (const char *)word.data);
    }
    *verbs |= 1u << verb;
    return true;
}

static bool read_verbs(struct reader *reader, struct mst_span words, unsigned *verbs)
{
    *verbs = 0;
    if (is_word(words, "*")) {
        *verbs = ~0u;
        return true;
    }
    for (;;) {
        struct mst_span word = mst_span_of(words.data, 0);

        while (word.len < words.len && word.data[word.len] != ',') {
            word.len++;
        }
        if (!read_verb(reader, word, verbs)) {
            return false;
        }
        if (word.len == words.len) {
            return true;
        }
        words = mst_span_of(words.data + word.len + 1, words.len - word.len - 1);
    }
}

static bool read_rule(struct reader *reader, struct access_rule *rule)
{
    struct mst_span action = next_word(reader);
    struct mst_span name = next_word(reader);
    struct mst_span verbs = next_word(reader);

    rule->pattern = reader->rest;
    rule->allows = is_word(action, "allow");
    if (!rule->allows && !is_word(action, "deny")) {
        return fail(reader, "it begins with '%.*s'; allow or deny is wanted", shown(action),
                    (const char *)action.data);
    }
    if (rule->pattern.len == 0) {
        return fail(reader, "four words are wanted: %s NAME VERB[,VERB...] PATTERN",
                    rule->allows ? "allow" : "deny");
    }
    if (!copy_name(rule->name, name)) {
        return fail(reader, "the name is not plain text of at most %d bytes", ACCESS_NAME_MAX);
    }
    if (!mst_name_valid(rule->pattern)) {
        return fail(reader, "the pattern is not plain text of at most %d bytes",
                    MST_NAME_BYTES_MAX);
    }
    return read_verbs(reader, verbs, &rule->verbs);
}

bool access_read_rules(struct access *access, const struct access_text *text,
                       char error[ACCESS_ERROR_MAX])
{
    struct access_text own = *text;
    struct reader reader = {.text = &own, .error = error};

    if (!text->given) {
        return true;
    }
    access->text = malloc(text->bytes.len + 1);
    access->rules = calloc(lines_most(text), sizeof(*access->rules));
    if (access->text == NULL || access->rules == NULL) {
        return fail(&reader, "out of memory");
    }
    if (text->bytes.len > 0) {
        memcpy(access->text, text->bytes.data, text->bytes.len);
    }
    own.bytes = mst_span_of(access->text, text->bytes.len);
    while (next_line(&reader)) {
        if (!read_rule(&reader, &access->rules[access->rules_count])) {
            return false;
        }
        access->rules_count++;
    }
    return true;
}
