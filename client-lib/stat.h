/* stat.h - the facts of an object, as the application holds them. */
#ifndef MST_STAT_H
#define MST_STAT_H

#include <muster.h>

#include "protocol/message.h"

/* Takes the reply, a copy whose strings end in NUL; NULL: out of memory, and it took nothing. */
muster_stat *mst_stat_new(const struct mst_reply *reply);

#endif
