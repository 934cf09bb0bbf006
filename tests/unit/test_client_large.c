/* test_client_large.c - large bodies are sent from where the caller has them: what it takes back
 * before that is copied, and what comes in parts is put together, or read to where it stays. */
#include "tests/unit/test_client_world.h"

#define LARGE_BYTES 10000u

struct lender {
    uint8_t body[LARGE_BYTES];
    struct mst_span span;
    struct mst_request request;
    struct mst_call call;
};

static void lend(struct world *w, struct lender *lender, uint8_t fill)
{
    memset(lender->body, fill, LARGE_BYTES);
    lender->span = mst_span_of(lender->body, LARGE_BYTES);
    mst_request_init(&lender->request, MST_OP_PUT);
    lender->request.handle = world_handle(w, "jobs");
    lender->request.bodies = &lender->span;
    lender->request.bodies_count = 1;
    mst_call_init(&lender->call, &lender->request, &w->owner);
    mst_client_submit(w->client, &lender->call, w->now);
    mst_client_pump(w->client, w->now);
}

static void take_back(struct lender *lender)
{
    assert_int_equal(lender->call.state, MST_CALL_OVER);
    memset(lender->body, 0xee, LARGE_BYTES);
}

/* All that is still to be sent, as the wire would take it: step bytes at a time. */
static size_t read_out(struct world *w, uint8_t *out, size_t cap, size_t step)
{
    struct mst_span pieces[8];
    size_t len = 0;

    while (mst_client_pieces(w->client, pieces, 8) > 0) {
        size_t n = pieces[0].len < step ? pieces[0].len : step;

        assert_true(len + n <= cap);
        memcpy(out + len, pieces[0].data, n);
        len += n;
        mst_client_sent(w->client, n);
    }
    return len;
}

/* The bodies of the puts among the frames, by their fill; anything else is left out. */
static const char *puts_in(const uint8_t *bytes, size_t len)
{
    static char fills[16];
    struct mst_span rest = mst_span_of(bytes, len);
    struct mst_arena arena;
    size_t count = 0;

    mst_arena_init(&arena);
    while (rest.len > 0) {
        struct mst_request request;
        struct mst_span payload;
        const char *why;
        bool malformed;
        size_t used, need;

        assert_int_equal(mst_frame_next(rest, MST_FRAME_BYTES_MAX, &payload, &used, &need),
                         MST_FRAME_OK);
        assert_int_equal(mst_request_decode(payload, &arena, &request, &malformed, &why), MST_OK);
        for (size_t i = 0; i < request.bodies_count; i++) {
            assert_int_equal(request.bodies[i].len, LARGE_BYTES);
            for (size_t at = 0; at < LARGE_BYTES; at++) {
                assert_int_equal(request.bodies[i].data[at], request.bodies[i].data[0]);
            }
            fills[count++] = (char)request.bodies[i].data[0];
        }
        rest = mst_span_of(rest.data + used, rest.len - used);
    }
    fills[count] = '\0';
    mst_arena_clear(&arena);
    return fills;
}

static void a_large_body_is_not_copied(void **state)
{
    static struct lender lender;
    static uint8_t sent[3 * LARGE_BYTES];
    struct mst_span pieces[8];
    struct world w;
    size_t own = 0;

    (void)state;
    world_up(&w);
    lend(&w, &lender, 'a');
    for (size_t i = 0; i < mst_client_pieces(w.client, pieces, 8); i++) {
        own += pieces[i].data == lender.body ? 0 : pieces[i].len;
    }
    assert_true(own < 100);
    assert_string_equal(puts_in(sent, read_out(&w, sent, sizeof(sent), 999)), "a");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    take_back(&lender);
    world_clear(&w);
}

/* A broker that answers what it has not got, a client that is closed: the caller has its memory
 * back, and what is on its way stays what it was. */
static void what_is_taken_back_unsent_is_copied(void **state)
{
    static struct lender lenders[3];
    static uint8_t sent[4 * LARGE_BYTES];
    size_t begun = 0;
    struct mst_span first;
    struct world w;

    (void)state;
    world_up(&w);
    for (size_t i = 0; i < 3; i++) {
        lend(&w, &lenders[i], (uint8_t)('a' + i));
    }
    /* The wire takes the first head and some of the first body. */
    first = mst_client_output(w.client);
    memcpy(sent, first.data, first.len);
    begun = first.len;
    mst_client_sent(w.client, first.len);
    memset(sent + begun, 'a', 500);
    begun += 500;
    mst_client_sent(w.client, 500);
    broker_answers(&w, MST_OP_PUT, 1, 2, MST_OK);
    take_back(&lenders[0]);
    take_back(&lenders[1]);
    mst_client_bye(w.client, w.now);
    take_back(&lenders[2]);
    begun += read_out(&w, sent + begun, sizeof(sent) - begun, 777);
    assert_string_equal(puts_in(sent, begun), "abc");
    world_clear(&w);
}

static void a_lost_connection_forgets_what_was_lent(void **state)
{
    static struct lender lender;
    static uint8_t sent[3 * LARGE_BYTES];
    struct world w;

    (void)state;
    world_up(&w);
    lend(&w, &lender, 'a');
    mst_client_sent(w.client, mst_client_output(w.client).len + 10);
    mst_client_lost(w.client, "cut", w.now);
    assert_int_equal(mst_client_output(w.client).len, 0);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*1\n");
    world_welcome(&w, MST_OP_RESUME);
    mst_client_pump(w.client, w.now);
    assert_string_equal(puts_in(sent, read_out(&w, sent, sizeof(sent), SIZE_MAX)), "a");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    take_back(&lender);
    world_clear(&w);
}

/* Replies of all sizes in one stream, however it is cut. */
static void a_stream_is_read_at_any_cut(void **state)
{
    static const size_t steps[] = {1, 3, 7, 100, 4099, 9000, 30011, SIZE_MAX};
    static uint8_t large[LARGE_BYTES];
    struct mst_delivery delivery = {.id = 5, .number = 1};
    struct mst_reply reply;
    struct mst_buf bytes;

    (void)state;
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        struct mst_call *calls[6];
        struct world w;

        world_up(&w);
        mst_buf_init(&bytes);
        for (size_t i = 0; i < 6; i++) {
            calls[i] = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
            memset(large, (int)('a' + i), sizeof(large));
            mst_reply_init(&reply, MST_OP_GET);
            reply.id = i + 1;
            reply.deliveries = &delivery;
            reply.deliveries_count = 1;
            delivery.body = mst_span_of(large, i % 2 == 0 ? sizeof(large) : 10);
            assert_true(mst_reply_encode(&bytes, &reply));
        }
        world_said(&w);
        while (mst_buf_size(&bytes) > 0) {
            struct mst_span all = mst_buf_span(&bytes);
            size_t n = all.len < steps[s] ? all.len : steps[s];

            assert_true(mst_client_receive(w.client, mst_span_of(all.data, n), w.now));
            mst_buf_consume(&bytes, n);
        }
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(calls[i]->state, MST_CALL_ANSWERED);
            mst_client_take(w.client, calls[i], w.now);
            assert_int_equal(muster_message_size(calls[i]->outcome.messages),
                             i % 2 == 0 ? sizeof(large) : 10);
            assert_int_equal(*(const char *)muster_message_body(calls[i]->outcome.messages),
                             'a' + i);
            world_free(calls[i]);
        }
        mst_buf_clear(&bytes);
        world_clear(&w);
    }
}

/* ---- large frames are read to where they stay ---- */

/* What one read of at most n bytes of the socket does, as a transport has it. lose: the connection
 * ends while it is made. Returns how many bytes it took. */
static size_t read_once(struct world *w, struct mst_span socket, size_t n, bool lose)
{
    struct mst_blob *frame;
    struct mst_room room = mst_client_room(w->client, &frame);
    size_t there = room.data == NULL ? 0 : room.len;

    n = n < socket.len ? n : socket.len;
    there = there < n ? there : n;
    if (lose) {
        mst_client_lost(w->client, NULL, w->now);
    }
    if (frame != NULL) {
        memcpy(room.data, socket.data, there);
    }
    mst_client_filled(w->client, frame, there);
    if (!lose) {
        struct mst_span beyond = mst_span_of(socket.data + there, n - there);

        assert_true(mst_client_receive(w->client, beyond, w->now));
    }
    return n;
}

static void add_delivery(struct mst_buf *out, uint64_t id, struct mst_span body,
                         const char *headers)
{
    struct mst_delivery delivery = {.id = id, .number = 1, .age_ns = 1, .body = body};
    struct mst_reply reply;

    delivery.headers = mst_span_text(headers);
    mst_reply_init(&reply, MST_OP_GET);
    reply.id = id;
    reply.deliveries = &delivery;
    reply.deliveries_count = 1;
    assert_true(mst_reply_encode(out, &reply));
}

#define FRAMES     6u
#define FRAME_BODY 70000u

/* Large bodies, large headers, small messages in between; a NUL stands behind every body. */
static void what_is_read_to_its_place_is_what_was_sent(void **state)
{
    static const size_t steps[] = {1, 5, 4099, 30011, 40000, 74100, SIZE_MAX};
    static uint8_t large[FRAME_BODY];
    static char headers[40000];
    size_t stayed = 0;

    (void)state;
    memset(headers, 'h', sizeof(headers) - 1);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        struct mst_call *calls[FRAMES];
        struct mst_buf bytes;
        struct world w;

        world_up(&w);
        mst_buf_init(&bytes);
        for (size_t i = 0; i < FRAMES; i++) {
            calls[i] = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
            memset(large, (int)('a' + i), sizeof(large));
            add_delivery(&bytes, i + 1, mst_span_of(large, i == 2 ? 10 : sizeof(large)),
                         i == 4   ? headers
                         : i == 5 ? "one"
                                  : NULL);
        }
        world_said(&w);
        while (mst_buf_size(&bytes) > 0) {
            mst_buf_consume(&bytes, read_once(&w, mst_buf_span(&bytes), steps[s], false));
        }
        for (size_t i = 0; i < FRAMES; i++) {
            const struct muster_message *message = calls[i]->outcome.messages;
            const char *body = muster_message_body(message);
            size_t size = i == 2 ? 10 : FRAME_BODY;

            assert_int_equal(calls[i]->state, MST_CALL_ANSWERED);
            assert_int_equal(muster_message_size(message), size);
            assert_int_equal(strspn(body, (char[]){(char)('a' + i), 0}), size);
            assert_int_equal(message->headers.len, i == 4 ? sizeof(headers) - 1 : i == 5 ? 3 : 0);
            stayed += message->frame != NULL;
            mst_client_take(w.client, calls[i], w.now);
            world_free(calls[i]);
        }
        mst_buf_clear(&bytes);
        world_clear(&w);
    }
    assert_true(stayed > 10);
}

static void a_connection_that_ends_within_a_read_leaves_the_memory_to_it(void **state)
{
    static uint8_t large[FRAME_BODY];
    struct mst_buf bytes;
    struct world w;

    (void)state;
    world_up(&w);
    struct mst_call *call = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    mst_buf_init(&bytes);
    add_delivery(&bytes, 1, mst_span_of(large, sizeof(large)), NULL);
    mst_buf_consume(&bytes, read_once(&w, mst_buf_span(&bytes), 100, false));
    mst_buf_consume(&bytes, read_once(&w, mst_buf_span(&bytes), 50000, false));
    read_once(&w, mst_buf_span(&bytes), SIZE_MAX, true);
    assert_int_equal(call->state, MST_CALL_SENT);
    mst_buf_reset(&bytes);

    world_connect(&w); /* and the answer comes again, from its beginning */
    world_said(&w);
    world_welcome(&w, MST_OP_RESUME);
    world_said(&w);
    add_delivery(&bytes, 1, mst_span_of(large, sizeof(large)), NULL);
    while (mst_buf_size(&bytes) > 0) {
        mst_buf_consume(&bytes, read_once(&w, mst_buf_span(&bytes), 60000, false));
    }
    assert_int_equal(call->state, MST_CALL_ANSWERED);
    mst_client_take(w.client, call, w.now);
    world_free(call);
    mst_buf_clear(&bytes);
    world_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_body_is_not_copied),
        cmocka_unit_test(what_is_taken_back_unsent_is_copied),
        cmocka_unit_test(a_lost_connection_forgets_what_was_lent),
        cmocka_unit_test(a_stream_is_read_at_any_cut),
        cmocka_unit_test(what_is_read_to_its_place_is_what_was_sent),
        cmocka_unit_test(a_connection_that_ends_within_a_read_leaves_the_memory_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
