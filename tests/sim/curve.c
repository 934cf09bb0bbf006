/* curve.c - a curve for random worlds: as X25519 to whoever uses it, and no secret to anybody.
 *
 * A handshake takes eight multiplications, which were a fifth of what encrypted and clear worlds
 * took together. Only test_mix is linked with this, in front of libsodium; stories, unit tests and
 * everything else have the real one.
 *
 * Four numbers modulo 2^61 - 1, each multiplied by its own: so that a(bG) = b(aG), and another key
 * gives another secret. Must not know: what keys are for. */
#include <sodium.h>
#include <string.h>

#define LANES 4
#define PRIME ((UINT64_C(1) << 61) - 1)
#define BASE  9

static uint64_t lane(const unsigned char *bytes, size_t i)
{
    uint64_t number;

    memcpy(&number, bytes + i * sizeof(number), sizeof(number));
    return number % PRIME;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)(product % PRIME);
}

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n)
{
    for (size_t i = 0; i < LANES; i++) {
        uint64_t number = multiply(lane(n, i), BASE);

        memcpy(q + i * sizeof(number), &number, sizeof(number));
    }
    return 0;
}

/* As the real one, refuses to give away that the other key was nothing. */
int crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
    uint64_t any = 0;

    for (size_t i = 0; i < LANES; i++) {
        uint64_t number = multiply(lane(n, i), lane(p, i));

        any |= number;
        memcpy(q + i * sizeof(number), &number, sizeof(number));
    }
    return any == 0 ? -1 : 0;
}
