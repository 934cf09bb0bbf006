/* marks.c - what libraries that are not instrumented have written, told to MemorySanitizer.
 *
 * Linked only with SAN=memory, by --wrap: a call of f from our objects comes here as __wrap_f, and
 * __real_f is the library's. Each says which bytes are known afterwards; nothing else changes. A
 * function that our code begins to use gets a MARKED row, or its results are false alarms. */
#include <dlfcn.h>
#include <msgpack.h>
#include <sanitizer/msan_interface.h>
#include <sodium.h>
#include <string.h>

/* NAME, what it returns, its parameters, the call, what is known afterwards. Alone in its line up
 * to the bracket: msan.mk reads the names. */
#define MARKED(name) /* for msan.mk */
#define WRAP(returns, name, parameters, arguments, known)                                          \
    returns __real_##name parameters;                                                              \
    returns __wrap_##name parameters;                                                              \
    returns __wrap_##name parameters                                                               \
    {                                                                                              \
        returns result = __real_##name arguments;                                                  \
                                                                                                   \
        known;                                                                                     \
        return result;                                                                             \
    }
#define WRAP_VOID(name, parameters, arguments, known)                                              \
    void __real_##name parameters;                                                                 \
    void __wrap_##name parameters;                                                                 \
    void __wrap_##name parameters                                                                  \
    {                                                                                              \
        __real_##name arguments;                                                                   \
        known;                                                                                     \
    }

typedef unsigned char u8;
typedef unsigned long long u64;

/* ---- cmocka: a test that fails says so, with memory of its own ---- */

MARKED(_fail)
void __wrap__fail(const char *file, int line);
void __wrap__fail(const char *file, int line)
{
    /* Looked for only now: musterd is linked with this as well, and not with cmocka. */
    void *found = dlsym(RTLD_DEFAULT, "_fail");
    void (*real)(const char *file, int line);

    memcpy(&real, &found, sizeof(real));
    __msan_scoped_disable_interceptor_checks();
    real(file, line);
}

/* ---- libsodium ---- */

MARKED(randombytes_buf)
WRAP_VOID(randombytes_buf, (void *out, size_t len), (out, len), __msan_unpoison(out, len))

MARKED(sodium_memzero)
WRAP_VOID(sodium_memzero, (void *out, size_t len), (out, len), __msan_unpoison(out, len))

MARKED(sodium_bin2hex)
WRAP(char *, sodium_bin2hex, (char *hex, size_t max, const u8 *bin, size_t len),
     (hex, max, bin, len), __msan_unpoison(hex, 2 * len + 1))

MARKED(sodium_hex2bin)
WRAP(int, sodium_hex2bin,
     (u8 * bin, size_t max, const char *hex, size_t len, const char *ignore, size_t *bin_len,
      const char **end),
     (bin, max, hex, len, ignore, bin_len, end),
     (__msan_unpoison(bin, max),
      bin_len == NULL ? (void)0 : __msan_unpoison(bin_len, sizeof(*bin_len)),
      end == NULL ? (void)0 : __msan_unpoison(end, sizeof(*end))))

MARKED(crypto_generichash)
WRAP(int, crypto_generichash,
     (u8 * out, size_t len, const u8 *in, u64 in_len, const u8 *key, size_t key_len),
     (out, len, in, in_len, key, key_len), __msan_unpoison(out, len))

MARKED(crypto_generichash_init)
WRAP(int, crypto_generichash_init,
     (crypto_generichash_state * state, const u8 *key, size_t key_len, size_t len),
     (state, key, key_len, len), __msan_unpoison(state, sizeof(*state)))

MARKED(crypto_generichash_update)
WRAP(int, crypto_generichash_update, (crypto_generichash_state * state, const u8 *in, u64 len),
     (state, in, len), __msan_unpoison(state, sizeof(*state)))

MARKED(crypto_generichash_final)
WRAP(int, crypto_generichash_final, (crypto_generichash_state * state, u8 *out, size_t len),
     (state, out, len), __msan_unpoison(out, len))

MARKED(crypto_shorthash)
WRAP(int, crypto_shorthash, (u8 * out, const u8 *in, u64 len, const u8 *key), (out, in, len, key),
     __msan_unpoison(out, crypto_shorthash_BYTES))

MARKED(crypto_shorthash_siphashx24)
WRAP(int, crypto_shorthash_siphashx24, (u8 * out, const u8 *in, u64 len, const u8 *key),
     (out, in, len, key), __msan_unpoison(out, crypto_shorthash_siphashx24_BYTES))

MARKED(crypto_scalarmult)
WRAP(int, crypto_scalarmult, (u8 * out, const u8 *secret, const u8 *public), (out, secret, public),
     __msan_unpoison(out, crypto_scalarmult_BYTES))

MARKED(crypto_scalarmult_base)
WRAP(int, crypto_scalarmult_base, (u8 * out, const u8 *secret), (out, secret),
     __msan_unpoison(out, crypto_scalarmult_BYTES))

MARKED(crypto_aead_chacha20poly1305_ietf_encrypt)
WRAP(int, crypto_aead_chacha20poly1305_ietf_encrypt,
     (u8 * out, u64 *out_len, const u8 *in, u64 len, const u8 *ad, u64 ad_len, const u8 *nsec,
      const u8 *nonce, const u8 *key),
     (out, out_len, in, len, ad, ad_len, nsec, nonce, key),
     (__msan_unpoison(out, (size_t)len + crypto_aead_chacha20poly1305_ietf_ABYTES),
      out_len == NULL ? (void)0 : __msan_unpoison(out_len, sizeof(*out_len))))

MARKED(crypto_aead_chacha20poly1305_ietf_decrypt)
WRAP(int, crypto_aead_chacha20poly1305_ietf_decrypt,
     (u8 * out, u64 *out_len, u8 *nsec, const u8 *in, u64 len, const u8 *ad, u64 ad_len,
      const u8 *nonce, const u8 *key),
     (out, out_len, nsec, in, len, ad, ad_len, nonce, key),
     (__msan_unpoison(out, len < crypto_aead_chacha20poly1305_ietf_ABYTES
                               ? 0
                               : (size_t)len - crypto_aead_chacha20poly1305_ietf_ABYTES),
      out_len == NULL ? (void)0 : __msan_unpoison(out_len, sizeof(*out_len))))

/* ---- msgpack-c: what it made of a text, with all that hangs on it ---- */

static void know_object(const msgpack_object *object);

static void know_children(const msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            know_object(&object->via.array.ptr[i]);
        }
    } else if (object->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            know_object(&object->via.map.ptr[i].key);
            know_object(&object->via.map.ptr[i].val);
        }
    }
}

/* Nothing of the union but what its type has: who reads more is to be caught. */
static size_t known_bytes(msgpack_object_type type)
{
    switch (type) {
    case MSGPACK_OBJECT_NIL: return 0;
    case MSGPACK_OBJECT_BOOLEAN: return sizeof(bool);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return sizeof(uint64_t);
    default: return sizeof(msgpack_object_union);
    }
}

static void know_object(const msgpack_object *object)
{
    __msan_unpoison(&object->type, sizeof(object->type));
    __msan_unpoison(&object->via, known_bytes(object->type));
    know_children(object);
}

static void know_unpacked(msgpack_unpack_return result, msgpack_zone *zone, msgpack_object *object)
{
    __msan_unpoison(zone, sizeof(*zone));
    if (result == MSGPACK_UNPACK_SUCCESS || result == MSGPACK_UNPACK_EXTRA_BYTES) {
        know_object(object);
    }
}

MARKED(msgpack_unpack)
WRAP(msgpack_unpack_return, msgpack_unpack,
     (const char *data, size_t len, size_t *off, msgpack_zone *zone, msgpack_object *object),
     (data, len, off, zone, object),
     (off == NULL ? (void)0 : __msan_unpoison(off, sizeof(*off)),
      know_unpacked(result, zone, object)))

MARKED(msgpack_zone_init)
WRAP(bool, msgpack_zone_init, (msgpack_zone * zone, size_t size), (zone, size),
     __msan_unpoison(zone, sizeof(*zone)))

MARKED(msgpack_zone_clear)
WRAP_VOID(msgpack_zone_clear, (msgpack_zone * zone), (zone), __msan_unpoison(zone, sizeof(*zone)))

MARKED(msgpack_zone_new)
WRAP(msgpack_zone *, msgpack_zone_new, (size_t size), (size),
     result == NULL ? (void)0 : __msan_unpoison(result, sizeof(*result)))
