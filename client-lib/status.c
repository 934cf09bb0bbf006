/* status.c - the statuses as the application sees them: protocol/status.def under public names. */
#include <assert.h>

#include <muster.h>

#include "protocol/status.h"

#define STATUS(code, name, exit_code, text)                                                        \
    static_assert(MUSTER_##name == code, "muster.h and status.def differ in " #name);
#include "protocol/status.def"
#undef STATUS
static_assert(MUSTER_UNKNOWN == MST_STATUS_COUNT - 1, "muster.h lacks a status");

const char *muster_status_name(enum muster_status status)
{
    return mst_status_name((int)status);
}

const char *muster_status_text(enum muster_status status)
{
    return mst_status_text((int)status);
}

int muster_status_exit_code(enum muster_status status)
{
    return mst_status_exit_code((int)status);
}

const char *muster_version(void)
{
    return MUSTER_VERSION;
}
