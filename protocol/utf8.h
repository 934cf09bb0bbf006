/* utf8.h - is this text? */
#ifndef MST_UTF8_H
#define MST_UTF8_H

#include "protocol/span.h"

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool mst_utf8_valid(struct mst_span text);

/* The longest beginning of valid text that has at most len_max bytes and cuts no character. */
struct mst_span mst_utf8_cut(struct mst_span text, size_t len_max);

#endif
