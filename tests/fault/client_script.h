/* client_script.h - one program that uses everything of muster.h, whatever it is refused.
 *
 * It goes on whatever it is told. Each call must end with a status that its manual names and a line
 * that says why; without faults each must end as it should. Afterwards, with nothing refused any
 * more, the same client works; and somebody else finds what client_ledger.h says. */
#ifndef FAULT_CLIENT_SCRIPT_H
#define FAULT_CLIENT_SCRIPT_H

#include <stdbool.h>

#include "tests/fault/client_faults.h"

struct script_place {
    const char *url;        /* where the program connects */
    const char *clear_url;  /* where one that looks afterwards does */
    const char *server_key; /* NULL: in the clear */
    const char *key_file;
    const char *dir;  /* a folder for files of its own */
    const char *name; /* of this run: all objects have it before theirs */
    bool own_loop;
};

/* true: all holds. Faults have begun, and are armed here. */
bool script_play(const struct script_place *place);

#endif
