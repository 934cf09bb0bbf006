/* test_access.c - who is welcome and who may do what, from the texts alone. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "broker/session/access.h"
#include "protocol/keys.h"

static const uint8_t no_token[MST_TOKEN_ID];

static const uint8_t *key_of(uint8_t seed)
{
    static uint8_t key[MST_NOISE_KEY];

    memset(key, seed, sizeof(key));
    return key;
}

/* A line of a file of keys or tokens. */
static void line(char *out, size_t cap, const char *name, enum mst_key_kind kind, uint8_t seed)
{
    char text[MST_KEY_TEXT + 1];

    mst_key_write(text, kind, key_of(seed));
    snprintf(out + strlen(out), cap - strlen(out), "%s %s\n", name, text);
}

static struct access_text text_of(const char *source, const char *text)
{
    return (struct access_text){source, mst_span_text(text), text != NULL};
}

static struct access *make(const char *keys, const char *tokens, const char *permissions,
                           bool anonymous)
{
    struct access_texts texts = {text_of("keys", keys), text_of("tokens", tokens),
                                 text_of("permissions", permissions), anonymous};
    char error[ACCESS_ERROR_MAX];
    struct access *access = access_new(&texts, error);

    if (access == NULL) {
        fail_msg("%s", error);
    }
    return access;
}

static void refused(const char *keys, const char *tokens, const char *permissions,
                    const char *wanted)
{
    struct access_texts texts = {text_of("keys", keys), text_of("tokens", tokens),
                                 text_of("permissions", permissions), false};
    char error[ACCESS_ERROR_MAX];

    assert_null(access_new(&texts, error));
    if (strstr(error, wanted) == NULL) {
        fail_msg("'%s' does not say '%s'", error, wanted);
    }
    assert_null(strchr(error, '\n'));
    /* No message repeats a key or a token. */
    assert_null(strstr(error, "mtk1a"));
    assert_null(strstr(error, "msk1a"));
    assert_null(strstr(error, "mpk1a"));
}

static struct access_who known(const char *name)
{
    struct access_who who = {.kind = ACCESS_IS_KNOWN};

    snprintf(who.name, sizeof(who.name), "%s", name);
    return who;
}

static bool may(const struct access *access, const char *name, enum mst_verb verb,
                const char *object)
{
    struct access_who who = known(name);

    if (strcmp(name, ACCESS_ANONYMOUS) == 0) {
        who.kind = ACCESS_IS_ANONYMOUS;
    } else if (strcmp(name, ACCESS_LOCAL) == 0) {
        access_local(&who);
    }
    return access_permits(access, &who, verb, mst_span_text(object));
}

/* ---- who ---- */

static void clients_are_known_by_key_by_token_or_not(void **state)
{
    char keys[400] = "# our workers\n\n";
    char tokens[400] = "";
    uint8_t old_id[MST_TOKEN_ID];
    uint8_t new_id[MST_TOKEN_ID];
    struct access_who who;

    (void)state;
    line(keys, sizeof(keys), "mill", MST_KEY_PUBLIC, 1);
    line(keys, sizeof(keys), "\t oven  ", MST_KEY_PUBLIC, 2);
    line(keys, sizeof(keys), "mill", MST_KEY_PUBLIC, 3);
    line(tokens, sizeof(tokens), "fleet", MST_KEY_TOKEN, 4);
    line(tokens, sizeof(tokens), "fleet-next", MST_KEY_TOKEN, 5);
    mst_token_id(old_id, key_of(4));
    mst_token_id(new_id, key_of(5));
    struct access *access = make(keys, tokens, NULL, false);

    assert_true(access_identify(access, key_of(1), no_token, &who));
    assert_string_equal(who.name, "mill");
    assert_true(access_identify(access, key_of(2), no_token, &who));
    assert_string_equal(who.name, "oven");
    assert_true(access_identify(access, key_of(3), no_token, &who));
    assert_string_equal(who.name, "mill");
    assert_true(access_identify(access, key_of(9), old_id, &who));
    assert_string_equal(who.name, "fleet");
    assert_true(access_identify(access, key_of(9), new_id, &who));
    assert_string_equal(who.name, "fleet-next");
    assert_true(access_identify(access, key_of(1), new_id, &who));
    assert_string_equal(who.name, "mill");
    assert_int_equal(who.kind, ACCESS_IS_KNOWN);
    assert_false(access_identify(access, key_of(9), no_token, &who));
    assert_memory_equal(access_token(access, old_id), key_of(4), MST_NOISE_KEY);
    assert_memory_equal(access_token(access, new_id), key_of(5), MST_NOISE_KEY);
    assert_null(access_token(access, no_token));
    access_free(&access);

    access = make(keys, NULL, NULL, true);
    assert_true(access_identify(access, key_of(9), no_token, &who));
    assert_int_equal(who.kind, ACCESS_IS_ANONYMOUS);
    assert_string_equal(who.name, "anonymous");
    assert_null(access_token(access, old_id));
    access_free(&access);
    access_free(&access);
}

static void many_keys_are_all_found(void **state)
{
    static char keys[300 * 80];
    struct access_who who;
    char name[16];

    (void)state;
    keys[0] = '\0';
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "n%u", (i * 77) % 256);
        line(keys, sizeof(keys), name, MST_KEY_PUBLIC, (uint8_t)(i * 77));
    }
    struct access *access = make(keys, NULL, NULL, false);

    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_true(access_identify(access, key_of((uint8_t)i), no_token, &who));
        assert_string_equal(who.name, name);
    }
    access_free(&access);
}

/* ---- what ---- */

static void without_permissions_each_kind_has_its_own(void **state)
{
    struct access *access = make(NULL, NULL, NULL, true);
    struct access_who local;
    struct access_who mill = known("mill");

    (void)state;
    access_local(&local);
    assert_true(access_is_open(access, &local));
    assert_false(access_is_open(access, &mill));
    assert_false(access_has_permissions(access));
    for (int verb = MST_VERB_CREATE; verb <= MST_VERB_STAT; verb++) {
        assert_true(may(access, ACCESS_LOCAL, (enum mst_verb)verb, "jobs"));
        assert_true(may(access, ACCESS_LOCAL, (enum mst_verb)verb, ""));
        assert_true(may(access, "mill", (enum mst_verb)verb, "jobs") == (verb != MST_VERB_ADMIN));
        assert_false(may(access, ACCESS_ANONYMOUS, (enum mst_verb)verb, "jobs"));
    }
    assert_true(may(access, ACCESS_ANONYMOUS, MST_VERB_NONE, ""));
    access_free(&access);
}

static void deny_wins_and_nothing_is_allowed_by_itself(void **state)
{
    struct access *access = make(NULL, NULL,
                                 "# comment\n"
                                 "deny  *    put       jobs/secret/**\r\n"
                                 "allow mill put,get   jobs/**\n"
                                 "\n"
                                 "allow mill peek      *\n"
                                 "allow boss *         **\n"
                                 "deny  boss delete    precious\n"
                                 "allow anonymous put  jobs/**\n"
                                 "allow *    stat      a b  \n",
                                 true);

    (void)state;
    assert_true(may(access, "mill", MST_VERB_PUT, "jobs/a"));
    assert_true(may(access, "mill", MST_VERB_GET, "jobs/a/b"));
    assert_false(may(access, "mill", MST_VERB_PUT, "jobs/secret/a"));
    assert_true(may(access, "mill", MST_VERB_GET, "jobs/secret/a"));
    assert_false(may(access, "mill", MST_VERB_PUT, "job"));
    assert_false(may(access, "mill", MST_VERB_STAT, "jobs/a"));
    assert_true(may(access, "mill", MST_VERB_PEEK, "jobs"));
    assert_false(may(access, "mill", MST_VERB_PEEK, "jobs/a"));
    assert_true(may(access, "mill", MST_VERB_STAT, "a b"));
    assert_false(may(access, "mill", MST_VERB_ADMIN, ""));
    assert_true(may(access, "boss", MST_VERB_ADMIN, ""));
    assert_true(may(access, "boss", MST_VERB_ADMIN, "precious"));
    assert_false(may(access, "boss", MST_VERB_DELETE, "precious"));
    assert_false(may(access, "boss", MST_VERB_PUT, "jobs/secret/x"));
    /* `allow *` is not for anonymous, `deny *` is. */
    assert_true(may(access, ACCESS_ANONYMOUS, MST_VERB_PUT, "jobs/a"));
    assert_false(may(access, ACCESS_ANONYMOUS, MST_VERB_PUT, "jobs/secret/a"));
    assert_false(may(access, ACCESS_ANONYMOUS, MST_VERB_STAT, "a b"));
    /* With permissions local has what they say, like everybody. */
    assert_false(may(access, ACCESS_LOCAL, MST_VERB_PUT, "jobs/a"));
    assert_true(may(access, ACCESS_LOCAL, MST_VERB_STAT, "a b"));
    access_free(&access);
}

static void the_bits_of_a_name_are_what_each_question_answers(void **state)
{
    struct access *access =
        make(NULL, NULL, "allow mill put,create jobs/*\ndeny mill create jobs/x\n", false);
    struct access_who mill = known("mill");
    unsigned bits = access_verbs(access, &mill, mst_span_text("jobs/x"));

    (void)state;
    for (int verb = MST_VERB_NONE; verb <= MST_VERB_STAT; verb++) {
        assert_true(may(access, "mill", (enum mst_verb)verb, "jobs/x") == (bits >> verb & 1));
    }
    assert_int_equal(bits, 1u << MST_VERB_PUT | 1u << MST_VERB_NONE);
    access_free(&access);
}

static void an_empty_file_of_permissions_allows_nothing(void **state)
{
    struct access *access = make(NULL, NULL, "", false);

    (void)state;
    assert_false(may(access, ACCESS_LOCAL, MST_VERB_PUT, "jobs"));
    assert_false(may(access, "mill", MST_VERB_STAT, "jobs"));
    access_free(&access);
}

/* ---- what is wrong ---- */

static void wrong_lines_are_named(void **state)
{
    char text[600];
    char zeros[70] = "";

    (void)state;
    text[0] = '\0';
    line(text, sizeof(text), "mill", MST_KEY_TOKEN, 1);
    refused(text, NULL, NULL, "keys, line 1: the second word: it is a token");
    text[0] = '\0';
    line(text, sizeof(text), "mill", MST_KEY_SECRET, 1);
    refused(text, NULL, NULL, "keys, line 1: the second word: it is a secret key");
    text[0] = '\0';
    line(text, sizeof(text), "one", MST_KEY_PUBLIC, 1);
    line(text, sizeof(text), "two", MST_KEY_PUBLIC, 2);
    line(text, sizeof(text), "three", MST_KEY_PUBLIC, 1);
    refused(text, NULL, NULL, "keys, line 3: the same key stands on line 1 already");
    text[0] = '\0';
    line(text, sizeof(text), "*", MST_KEY_TOKEN, 1);
    refused(NULL, text, NULL, "tokens, line 1: '*' cannot be a client's name");
    text[0] = '\0';
    line(text, sizeof(text), "local", MST_KEY_TOKEN, 1);
    refused(NULL, text, NULL, "'local' cannot be");
    refused("mill\n", NULL, NULL, "line 1: two words are wanted");
    refused("# a\n\nmill mpk1abc", NULL, NULL, "line 3: the second word: a part of it is missing");
    text[0] = '\0';
    line(text, sizeof(text), "", MST_KEY_TOKEN, 1);
    refused(NULL, text, NULL, "tokens, line 1: two words are wanted");
    memset(zeros, 'n', ACCESS_NAME_MAX + 1);
    text[0] = '\0';
    line(text, sizeof(text), zeros, MST_KEY_PUBLIC, 1);
    refused(text, NULL, NULL, "the name is not plain text");
}

static void wrong_permissions_are_named(void **state)
{
    (void)state;
    refused(NULL, NULL, "allow mill put jobs\npermit mill put jobs\n",
            "permissions, line 2: it begins with 'permit'; allow or deny is wanted");
    refused(NULL, NULL, "allow mill put\n", "line 1: four words are wanted");
    refused(NULL, NULL, "allow mill putt jobs\n", "line 1: 'putt' is no verb");
    refused(NULL, NULL, "allow mill put,,get jobs\n", "line 1: '' is no verb");
    refused(NULL, NULL, "allow mill put, get jobs\n", "line 1: '' is no verb");
    refused(NULL, NULL, "allow mill none jobs\n", "line 1: 'none' is no verb");
    refused(NULL, NULL, "allow mill put \x01\n", "line 1: the pattern is not plain text");
    refused(NULL, NULL, "deny m\xff put jobs\n", "line 1: the name is not plain text");
    refused(NULL, NULL, "allow\n", "four words are wanted");
}

static void a_name_that_nobody_has_is_told(void **state)
{
    char keys[100] = "";

    (void)state;
    line(keys, sizeof(keys), "mill", MST_KEY_PUBLIC, 1);
    struct access *access =
        make(keys, NULL,
             "allow mill put a\nallow * get b\nallow local * **\ndeny anonymous put a\n", false);
    assert_null(access_unused_name(access));
    access_free(&access);
    access = make(keys, NULL, "allow mill put a\nallow mil get b\n", false);
    assert_string_equal(access_unused_name(access), "mil");
    access_free(&access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_known_by_key_by_token_or_not),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(without_permissions_each_kind_has_its_own),
        cmocka_unit_test(deny_wins_and_nothing_is_allowed_by_itself),
        cmocka_unit_test(the_bits_of_a_name_are_what_each_question_answers),
        cmocka_unit_test(an_empty_file_of_permissions_allows_nothing),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(wrong_permissions_are_named),
        cmocka_unit_test(a_name_that_nobody_has_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
