/* status.h - how a request ended. The table is status.def; the numbers are on the wire. */
#ifndef MST_STATUS_H
#define MST_STATUS_H

enum mst_status {
#define STATUS(code, name, exit_code, text) MST_##name = code,
#include "protocol/status.def"
#undef STATUS
};
#define MST_STATUS_COUNT 20

const char *mst_status_name(int status); /* "OK"; "?" for a number that is no status */
const char *mst_status_text(int status);
int mst_status_exit_code(int status); /* 70 for a number that is no status */

#endif
