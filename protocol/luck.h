/* luck.h - does it pay to look for more before sleeping? Whoever looked in vain looks less often.
 *
 * Where the other side has no processor to answer on meanwhile, looking only keeps it from one; and
 * where it answers later, sleeping is as good. After the n-th time in vain in a row, 2^n - 1 waits
 * go by without a look, MST_LUCK_REST_MAX at most; one that was not in vain ends that. Must not
 * know: what is looked for, time. */
#ifndef MST_LUCK_H
#define MST_LUCK_H

#include <stdbool.h>

#define MST_LUCK_REST_MAX 63

struct mst_luck {
    unsigned rest; /* waits without a look after the last in vain; 0: it was not */
    unsigned left; /* of them */
};

/* Before each wait. */
static inline bool mst_luck_says_look(struct mst_luck *luck)
{
    if (luck->left == 0) {
        return true;
    }
    luck->left--;
    return false;
}

/* After each look. */
static inline void mst_luck_learn(struct mst_luck *luck, bool found)
{
    unsigned more = 2 * luck->rest + 1;

    luck->rest = found ? 0 : more > MST_LUCK_REST_MAX ? MST_LUCK_REST_MAX : more;
    luck->left = luck->rest;
}

#endif
