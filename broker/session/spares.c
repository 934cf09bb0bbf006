/* spares.c - memory of buffers that are empty. See spares.h. */
#include "broker/session/spares.h"

void spares_clear(struct spares *spares)
{
    while (spares->count > 0) {
        mst_buf_clear(&spares->items[--spares->count]);
    }
}

void spares_rest(struct spares *spares)
{
    if (spares->count > 0) {
        mst_buf_clear(&spares->items[--spares->count]);
    }
}
