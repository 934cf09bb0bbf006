/* frame.c - where messages begin and end in a byte stream.
 *
 * Decides from the bytes alone and allocates nothing. Must not know what a frame says. */
#include "protocol/frame.h"

static const uint8_t magic[] = {0x89, 'M', 'S', 'T', 'R', '\n'};

enum { VERSION_AT = sizeof(magic), CHANNEL_AT = VERSION_AT + 1 };

_Static_assert(CHANNEL_AT + 1 == MST_PREAMBLE_BYTES,
               "magic, version and channel fill the preamble");

void mst_preamble_write(uint8_t out[MST_PREAMBLE_BYTES], enum mst_channel channel)
{
    memcpy(out, magic, sizeof(magic));
    out[VERSION_AT] = MST_PROTOCOL_VERSION;
    out[CHANNEL_AT] = (uint8_t)channel;
}

enum mst_preamble_verdict mst_preamble_read(struct mst_span in, enum mst_channel *channel_out)
{
    size_t known = in.len < sizeof(magic) ? in.len : sizeof(magic);

    /* A stranger is told apart by its first wrong byte, without waiting for eight. */
    if (known > 0 && memcmp(in.data, magic, known) != 0) {
        return MST_PREAMBLE_FOREIGN;
    }
    if (in.len > VERSION_AT && in.data[VERSION_AT] != MST_PROTOCOL_VERSION) {
        return MST_PREAMBLE_VERSION;
    }
    if (in.len < MST_PREAMBLE_BYTES) {
        return MST_PREAMBLE_MORE;
    }
    if (in.data[CHANNEL_AT] > MST_CHANNEL_NOISE) {
        return MST_PREAMBLE_CHANNEL;
    }
    *channel_out = (enum mst_channel)in.data[CHANNEL_AT];
    return MST_PREAMBLE_OK;
}

enum mst_frame_verdict mst_frame_next(struct mst_span in, size_t bytes_max,
                                      struct mst_span *payload_out, size_t *used_out,
                                      size_t *need_out)
{
    if (in.len < MST_FRAME_HEADER_BYTES) {
        *need_out = 0;
        return MST_FRAME_MORE;
    }
    uint32_t declared = (uint32_t)in.data[0] << 24 | (uint32_t)in.data[1] << 16 |
                        (uint32_t)in.data[2] << 8 | in.data[3];
    if (declared == 0) {
        return MST_FRAME_EMPTY;
    }
    if (declared > bytes_max) {
        return MST_FRAME_LONG;
    }
    if (in.len - MST_FRAME_HEADER_BYTES < declared) {
        *need_out = MST_FRAME_HEADER_BYTES + (size_t)declared;
        return MST_FRAME_MORE;
    }
    *payload_out = mst_span_of(in.data + MST_FRAME_HEADER_BYTES, declared);
    *used_out = MST_FRAME_HEADER_BYTES + (size_t)declared;
    return MST_FRAME_OK;
}
