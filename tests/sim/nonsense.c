/* nonsense.c - a stranger who says what no client says. See nonsense.h.
 *
 * All of it is refused, or ends the connection: nothing that a broker might carry out is said. The
 * random half of what is said wrongly is left to the fuzzers (tests/fuzz). */
#include "tests/sim/nonsense.h"

#include "tests/sim/raw.h"

#define SAYINGS 10

static uint64_t next(uint64_t *chance)
{
    *chance ^= *chance >> 12;
    *chance ^= *chance << 25;
    *chance ^= *chance >> 27;
    return (*chance * UINT64_C(2685821657736338717)) >> 20;
}

static void say_bytes(struct raw *r, uint64_t *chance)
{
    uint8_t bytes[200];
    size_t len = 1 + next(chance) % sizeof(bytes);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)next(chance);
    }
    raw_bytes(r, bytes, len);
}

/* A length that no frame may have, or one that is never filled. */
static void say_length(struct raw *r, uint64_t *chance)
{
    uint8_t length[4] = {(uint8_t)(next(chance) % 2 == 0 ? 0xff : 0), 0x01, 0, 0};

    raw_bytes(r, length, sizeof(length));
}

static void come_as_somebody_else(struct raw *r, uint64_t *chance)
{
    struct mst_request *resume = raw_ask(r, MST_OP_RESUME, 0);
    uint8_t secret[MST_SECRET_BYTES];

    for (size_t i = 0; i < sizeof(secret); i++) {
        secret[i] = (uint8_t)next(chance);
    }
    resume->session = 1 + next(chance) % 12;
    resume->secret = mst_span_of(secret, sizeof(secret));
    raw_send(r);
}

/* Behind a welcome: what is wrong with it is in what it says. */
static void say_to_a_queue(struct raw *r, uint64_t *chance)
{
    struct mst_request *put;

    raw_name(r, 0, "q0");
    put = raw_ask(r, MST_OP_PUT, 1);
    switch (next(chance) % 5) {
    case 0: put->mode = 9; break;
    case 1: put->bodies_count = 0; break;
    case 2: put->timeout_ns = -7; break;
    case 3: put->ttl_ns = 0; break;
    default: put->priority = 5; break; /* a fifo takes none */
    }
    raw_send(r);
    raw_ask(r, MST_OP_GET, 2)->max = next(chance) % 2 == 0 ? 0 : MST_MESSAGES_MAX + 1;
    raw_send(r);
}

static void say(struct raw *r, uint64_t saying, uint64_t *chance)
{
    switch (saying) {
    case 0: say_bytes(r, chance); break;
    case 1: say_length(r, chance); break;
    case 2: say_to_a_queue(r, chance); break;
    case 3: /* ids that fall */
        raw_ask(r, MST_OP_PING, 5);
        raw_send(r);
        raw_ask(r, MST_OP_PING, 3);
        raw_send(r);
        break;
    case 4: /* a receipt for what was never sent */
        raw_ask(r, MST_OP_PING, 1)->confirm = 1 + next(chance) % 5000;
        raw_send(r);
        break;
    case 5: /* a handle that was never opened */
        raw_ask(r, MST_OP_PUT, 1)->handle = 1 + next(chance) % 70000;
        raw_send(r);
        break;
    case 6: /* a second welcome */ raw_hello(r, SECOND); break;
    case 7: /* an ordinary request without an id */
        raw_ask(r, MST_OP_PING, 0);
        raw_send(r);
        break;
    default: /* a time-to-live that is none */ raw_hello(r, -(int64_t)next(chance)); break;
    }
}

void nonsense(struct world *w, uint64_t chance)
{
    struct raw r;
    uint64_t saying;

    chance = chance * UINT64_C(0x9e3779b97f4a7c15) + 1;
    saying = next(&chance) % SAYINGS;
    raw_open(&r, w, "nobody");
    r.wire->up.latency_ns = r.wire->down.latency_ns = 0;
    if (saying == SAYINGS - 1) {
        come_as_somebody_else(&r, &chance);
    } else {
        if (next(&chance) % 4 != 0) {
            raw_hello(&r, 0);
        }
        say(&r, saying, &chance);
    }
    raw_close(&r);
}
