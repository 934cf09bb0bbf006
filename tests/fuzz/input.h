/* input.h - the bytes of a fuzzer, read as choices: numbers, texts, and whole messages.
 *
 * Reading goes on for ever: behind the end everything is zero, so a target asks input_more before
 * each step. Messages are made by the tables of protocol/messages.c, so an operation or a field
 * that is added there is fuzzed from that day on. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "protocol/arena.h"
#include "protocol/message.h"

struct input {
    struct mst_span left;
    struct mst_arena *arena; /* what is made lives here */
};

/* Ends the process with a line when it does not hold: the fuzzer keeps the input. */
#define require(holds) ((holds) ? (void)0 : require_failed(#holds, __FILE__, __LINE__))
_Noreturn void require_failed(const char *what, const char *file, int line);

static inline bool input_more(const struct input *in)
{
    return in->left.len > 0;
}

uint8_t input_byte(struct input *in);
uint64_t input_number(struct input *in);                   /* small ones, edges, any */
uint64_t input_below(struct input *in, uint64_t n);        /* n > 0 */
int64_t input_time(struct input *in);                      /* -2 ... hours, and for ever */
struct mst_span input_bytes(struct input *in, size_t max); /* a length, then so many */
struct mst_span input_rest(struct input *in);
/* All up to the next byte of this value, which is taken as well; or the rest. */
struct mst_span input_until(struct input *in, uint8_t end);

enum mst_op input_op(struct input *in);
/* Fills in some of the fields; the others keep their values. */
void input_fields(struct input *in, struct mst_layout layout, void *owner);

/* What each target is; the fuzzer's or the replay's main calls it. 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
