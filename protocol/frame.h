/* frame.h - where messages begin and end in a byte stream.
 *
 * Both sides first send a preamble of 8 bytes: 0x89 'M' 'S' 'T' 'R' '\n', version, channel
 * (0 = clear, 1 = Noise). The first byte is no ASCII, so no text protocol begins like it. Then come
 * frames: a 32-bit big-endian length (without itself) and one msgpack array. */
#ifndef MST_FRAME_H
#define MST_FRAME_H

#include "protocol/limits.h"
#include "protocol/span.h"

enum mst_channel { MST_CHANNEL_CLEAR = 0, MST_CHANNEL_NOISE = 1 };

void mst_preamble_write(uint8_t out[MST_PREAMBLE_BYTES], enum mst_channel channel);

enum mst_preamble_verdict {
    MST_PREAMBLE_MORE, /* right so far, bytes are missing */
    MST_PREAMBLE_OK,
    MST_PREAMBLE_FOREIGN, /* not this protocol at all: close without a word */
    MST_PREAMBLE_VERSION, /* this protocol in another version: send the own preamble, then close */
    MST_PREAMBLE_CHANNEL  /* a channel that is no mst_channel */
};
enum mst_preamble_verdict mst_preamble_read(struct mst_span in, enum mst_channel *channel_out);

enum mst_frame_verdict {
    MST_FRAME_MORE, /* *need_out: how many bytes the frame has in all, 0 if not yet known */
    MST_FRAME_OK,   /* *payload_out is set, *used_out bytes are done with */
    MST_FRAME_LONG, /* declared length over bytes_max */
    MST_FRAME_EMPTY /* declared length 0 */
};
enum mst_frame_verdict mst_frame_next(struct mst_span in, size_t bytes_max,
                                      struct mst_span *payload_out, size_t *used_out,
                                      size_t *need_out);

#endif
