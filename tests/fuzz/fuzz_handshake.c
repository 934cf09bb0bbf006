/* fuzz_handshake.c - two ends of an encrypted channel with somebody in between who cuts, drops,
 * repeats, changes and adds bytes; or an end that somebody made up altogether.
 *
 * What arrives is always a beginning of what was sent; as long as nobody meddled all of it arrives;
 * an end that failed stays so. */
#include "protocol/channel.h"
#include "tests/fuzz/input.h"

#define STEPS_MAX 60
#define WAY_MAX   (32u << 10)
#define TEXT      "all that the one end says, over and over, in the order in which it was said. "

struct end {
    struct mst_secure_channel channel;
    struct mst_buf way; /* from it, under way to the other */
    struct mst_buf plain;
    size_t said;
    bool met_a_stranger; /* bytes came to it that the other end had not sent so */
    bool failed;
};

static const uint8_t server_secret[MST_NOISE_KEY] = {7, 7, 7};
static const uint8_t client_secret[MST_NOISE_KEY] = {5, 5, 5};
static const uint8_t ephemerals[2][MST_NOISE_KEY] = {{1, 2, 3}, {3, 2, 1}};
static const uint8_t token[MST_NOISE_KEY] = {9};

static uint8_t text_at(size_t i)
{
    return (uint8_t)TEXT[i % (sizeof(TEXT) - 1)];
}

static void collect(struct end *end)
{
    require(mst_buf_append(&end->way, mst_buf_span(&end->channel.output).data,
                           mst_buf_size(&end->channel.output)));
    mst_buf_reset(&end->channel.output);
}

static void open_both(struct end ends[2], struct input *in)
{
    uint8_t public_key[MST_NOISE_KEY];
    uint8_t choice = input_byte(in);
    struct mst_channel_client client = {client_secret, ephemerals[0], public_key,
                                        (choice & 1) != 0 ? token : NULL};

    mst_noise_public(public_key, server_secret);
    memset(ends, 0, 2 * sizeof(*ends));
    require(mst_channel_open(&ends[0].channel, &client));
    mst_channel_accept(&ends[1].channel, server_secret, public_key);
    collect(&ends[0]);
}

static void arrived(const struct end *from, struct end *to)
{
    struct mst_span plain = mst_buf_span(&to->plain);

    require(plain.len <= from->said);
    for (size_t i = 0; i < plain.len; i++) {
        require(plain.data[i] == text_at(i));
    }
}

static void receive(struct end *from, struct end *to, struct mst_span bytes)
{
    enum mst_channel_state state = to->channel.state;

    while (bytes.len > 0 && (state == MST_CHANNEL_WAITS || state == MST_CHANNEL_OPEN)) {
        state = mst_channel_receive(&to->channel, &bytes, &to->plain);
        if (state == MST_CHANNEL_ASKED) {
            static const uint8_t none[MST_NOISE_KEY];
            uint8_t id[MST_TOKEN_ID];

            mst_token_id(id, token);
            require(mst_channel_answer(
                &to->channel, memcmp(id, to->channel.token_id, sizeof(id)) == 0 ? token : none,
                ephemerals[1]));
            state = to->channel.state;
        }
    }
    require(!to->failed || state == MST_CHANNEL_FAILED);
    to->failed = state == MST_CHANNEL_FAILED;
    require(!to->failed || (to->channel.why != NULL && to->met_a_stranger));
    arrived(from, to);
    collect(to);
}

static void say(struct end *end, struct input *in)
{
    uint8_t text[600];
    size_t len = 1 + input_byte(in) * 2u;

    if (end->channel.state != MST_CHANNEL_OPEN || end->channel.finished) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = text_at(end->said + i);
    }
    require(mst_channel_seal(&end->channel, mst_span_of(text, len)));
    end->said += len;
    collect(end);
}

static void meddle(struct end *from, struct end *to, struct input *in, uint8_t how)
{
    struct mst_span way = mst_buf_span(&from->way);
    size_t at = way.len == 0 ? 0 : (size_t)(input_number(in) % way.len);

    if (how > 0 && (way.len == 0 || way.len > WAY_MAX)) {
        return;
    }
    to->met_a_stranger = true;
    switch (how) {
    case 0: receive(from, to, input_bytes(in, 4096)); break;
    case 1: from->way.data[from->way.start + at] ^= (uint8_t)(1 + input_byte(in) % 255); break;
    case 2: mst_buf_consume(&from->way, at + 1); break;
    default:
        require(mst_buf_reserve(&from->way, way.len));
        way = mst_buf_span(&from->way);
        require(mst_buf_append(&from->way, way.data + at, way.len - at));
        break;
    }
}

static void step(struct end ends[2], struct input *in)
{
    uint8_t what = input_byte(in);
    struct end *from = &ends[what & 1];
    struct end *to = &ends[1 - (what & 1)];
    size_t n;

    switch (what >> 1 & 7) {
    case 0:
    case 1:
        n = mst_buf_size(&from->way);
        receive(from, to, mst_buf_span(&from->way));
        mst_buf_consume(&from->way, n);
        break;
    case 2:
        n = (size_t)input_number(in);
        n = n < mst_buf_size(&from->way) ? n : mst_buf_size(&from->way);
        receive(from, to, mst_span_of(mst_buf_span(&from->way).data, n));
        mst_buf_consume(&from->way, n);
        break;
    case 3:
    case 4: say(from, in); break;
    case 5:
        if (from->channel.state == MST_CHANNEL_OPEN && !from->channel.finished) {
            require(mst_channel_finish(&from->channel));
            collect(from);
        }
        break;
    default: meddle(from, to, in, what >> 4 & 3); break;
    }
}

/* Nobody has meddled: both get all that was said. */
static void finish(struct end ends[2])
{
    for (int i = 0; i < 6; i++) {
        struct end *from = &ends[i & 1];
        size_t n = mst_buf_size(&from->way);

        if (ends[0].met_a_stranger || ends[1].met_a_stranger) {
            return;
        }
        receive(from, &ends[1 - (i & 1)], mst_buf_span(&from->way));
        mst_buf_consume(&from->way, n);
    }
    for (int i = 0; i < 2; i++) {
        require(ends[i].channel.state == MST_CHANNEL_OPEN ||
                ends[i].channel.state == MST_CHANNEL_ENDED);
        require(mst_buf_size(&ends[1 - i].plain) == ends[i].said);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {mst_span_of(data, size), NULL};
    struct end ends[2];

    open_both(ends, &in);
    for (int i = 0; i < STEPS_MAX && input_more(&in); i++) {
        step(ends, &in);
    }
    finish(ends);
    for (int i = 0; i < 2; i++) {
        mst_channel_clear(&ends[i].channel);
        mst_buf_clear(&ends[i].way);
        mst_buf_clear(&ends[i].plain);
    }
    return 0;
}
