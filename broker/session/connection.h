/* connection.h - one connection: bytes in become requests for the core, replies become bytes out.
 *
 *   PREAMBLE --its version is ours, in the clear--> GREETING --welcome--> RUNNING
 *       |                                           ^   |                     ^
 *       +--encrypted--> SECURING --its key is known-+  RESUME refused      welcome
 *                                                       +--> DISCARDING ------+
 *
 *   any --fault, refused hello, goodbye, closed--> CLOSING: output is flushed, input ignored
 *
 * After a refused RESUME whatever was pipelined behind it belonged to the session that is gone; it
 * is discarded until the HELLO that begins a new one.
 *
 * Invariants
 *   1. Memory grows with bytes received, never with a declared length (protocol/large.h); input is
 *      kept only of a frame that is not complete, and empty buffers have no memory.
 *   2. An answered id is numbered when its bytes enter the output: `confirm` counts what was sent.
 *   3. Nothing overtakes the welcome.
 * An encrypted channel lies between this and the wire: secure.h. Must not know: objects, sockets,
 * clocks, which keys are welcome. */
#ifndef SESSION_CONNECTION_H
#define SESSION_CONNECTION_H

#include "broker/session/held.h"
#include "broker/session/sent.h"
#include "broker/session/spares.h"
#include "protocol/arena.h"
#include "protocol/channel.h"
#include "protocol/large.h"

#define SESSION_GREETING_BYTES_MAX (128u << 10) /* a frame before the welcome: RESUME names ids */
#define SESSION_OUTPUT_BYTES_MAX   (64u << 20)  /* default of --max-output */
#define SESSION_UNCONFIRMED_MAX    (2u * MST_IN_FLIGHT_MAX)

enum connection_phase {
    CONNECTION_PREAMBLE,
    CONNECTION_SECURING, /* the handshake of the encrypted channel */
    CONNECTION_GREETING,
    CONNECTION_DISCARDING,
    CONNECTION_RUNNING,
    CONNECTION_CLOSING
};

struct connection_limits {
    size_t frame_bytes_max;
    size_t output_bytes_max;
};

/* What all connections of a broker share. */
struct connection_common {
    const uint8_t *secret; /* the server's, borrowed; NULL: there is only clear text */
    const uint8_t *public_key;
    struct spares spares;
    /* Gives the allocator memory that was set aside, for input that the system has none for: what
     * came is heard then, and refused in words. false: nothing is left. NULL: there was none. */
    bool (*lend_memory)(void *lender);
    void *lender;
};

struct connection {
    enum connection_phase phase;
    bool clear_refused; /* it must come through the encrypted channel */
    bool stranger;      /* nobody who is welcome: only refused */
    bool welcome_held;
    bool fault; /* the peer did what it must not */
    struct connection_common *common;
    struct connection_limits limits;
    struct mst_buf input;   /* the beginning of a frame; with a channel: all that came out of it */
    size_t input_used;      /* bytes of it that the last event was made of */
    struct mst_large large; /* a large frame, which the input goes to then */
    struct mst_gather output;
    struct held *held;                  /* NULL: there was nothing to hold lately */
    struct mst_secure_channel *channel; /* NULL: clear text */
    struct sent sent;
    uint64_t confirmed; /* ids; confirmed + sent.ids were sent in all */
    const char *why;    /* CLOSING: static text for the log; never NULL then */
};

enum connection_news {
    CONNECTION_SPEAKS, /* a frame came */
    CONNECTION_ASKS, /* which token belongs to channel->token_id? connection_answer is to follow */
    CONNECTION_SECURED /* is it welcome? connection_identified is to follow */
};

/* What one frame tells the core: first the receipts, then the request. */
struct connection_input {
    enum connection_news news;
    struct mst_range *confirmed;
    size_t confirmed_count;
    bool has_request;
    struct mst_request request;
};

void connection_init(struct connection *connection, const struct connection_limits *limits,
                     struct connection_common *common);
void connection_clear(struct connection *connection);

/* Where the next bytes should be read to: straight to their place, if they are of a large frame.
 * After that read connection_filled says how many of them came, be it none. */
struct mst_room connection_room(struct connection *connection);
void connection_filled(struct connection *connection, size_t n);

/* Takes bytes from *in until something for the core came out of them (true: `out` is set, valid
 * until in, connection or scratch change) or all are taken (false). Call again until false: the
 * reply to one frame decides how the next is read. */
bool connection_next(struct connection *connection, struct mst_span *in, struct mst_arena *scratch,
                     struct connection_input *out);

/* After CONNECTION_ASKS, with the token or what stands for it; and after CONNECTION_SECURED: a
 * stranger is heard once more, to be refused in words. */
void connection_answer(struct connection *connection, const uint8_t token[MST_NOISE_KEY],
                       const uint8_t ephemeral[MST_NOISE_KEY]);
void connection_identified(struct connection *connection, bool stranger);

/* Encodes a reply. It enters the output when record seq is durable: at once when it is already. A
 * delivery with a place has a blob whose bytes are still to be read: the reply, and all that comes
 * after it, waits until held_filled has been called for each. */
void connection_reply(struct connection *connection, const struct mst_reply *reply, uint64_t seq,
                      uint64_t durable_seq);
void connection_release(struct connection *connection, uint64_t durable_seq);
/* Nothing is read or answered from now on; what is pending still leaves. */
void connection_close(struct connection *connection, const char *why, bool fault);
/* The same, and what is pending is dropped. */
void connection_drop(struct connection *connection, const char *why, bool fault);

/* What is to be sent now, as pieces; it is sealed here. */
size_t connection_output(struct connection *connection, struct mst_span *out, size_t max);
void connection_sent(struct connection *connection, size_t len);
/* Nothing was sent for a while: gives back the memory of empty buffers. */
void connection_rest(struct connection *connection);

static inline bool connection_holds(const struct connection *connection)
{
    return connection->held != NULL && connection->held->count > 0;
}

bool connection_is_empty(const struct connection *connection); /* everything was sent */

#endif
