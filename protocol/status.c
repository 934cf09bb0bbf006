/* status.c - the texts and exit codes of the statuses, read from status.def. */
#include "protocol/status.h"

#include <stddef.h>

struct row {
    const char *name;
    const char *text;
    int exit_code;
};

static const struct row rows[MST_STATUS_COUNT] = {
#define STATUS(code, name, exit_code, text) [code] = {#name, text, exit_code},
#include "protocol/status.def"
#undef STATUS
};

static const struct row unknown = {"?", "a status this version does not know", 70};

static const struct row *row_of(int status)
{
    return status >= 0 && status < MST_STATUS_COUNT ? &rows[status] : &unknown;
}

const char *mst_status_name(int status)
{
    return row_of(status)->name;
}

const char *mst_status_text(int status)
{
    return row_of(status)->text;
}

int mst_status_exit_code(int status)
{
    return row_of(status)->exit_code;
}
