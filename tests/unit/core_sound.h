/* core_sound.h - looks inside a core and fails when something there does not add up: counters that
 * differ from what they count, orders that are broken, somebody who waits for what is there. */
#ifndef CORE_SOUND_H
#define CORE_SOUND_H

#include "broker/core/core.h"

/* Between two steps. */
void expect_sound(const struct core *core);
/* Nobody and nothing is left: every figure is zero. */
void expect_empty(const struct core *core);

#endif
