/* test_client_allocations.c - a program that uses all of muster.h against a real broker, and whose
 * library is refused its nth allocation, alone or with some behind it: it does not crash, hang,
 * leak or lie, and works as soon as there is memory; nothing that was acknowledged is lost, and
 * nothing is had twice.
 *
 *   test_client_allocations [WAY NTH MORE]    0 in the clear, 1 encrypted; without: a share, or
 *                                             with ALLOCATIONS=all all of them */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fault/client_runs.h"

#define SHARE 23 /* in `make test` one of so many is tried, others each day */

int main(int argc, char **argv)
{
    static const unsigned long more[] = {0, 2, 9};
    struct client_fault fault = {.call = "memory"};
    unsigned long step = getenv("ALLOCATIONS") != NULL ? 1 : SHARE;
    unsigned long first = 1 + (unsigned long)time(NULL) / 86400 % step;
    struct runs *runs = runs_begin();

    if (argc > 3) {
        fault.nth = strtoul(argv[2], NULL, 10);
        fault.more = strtoul(argv[3], NULL, 10);
        runs_try(runs, argv[1][0] == '1' ? RUNS_ENCRYPTED : RUNS_CLEAR, &fault);
        return runs_end(&runs);
    }
    for (enum runs_way way = RUNS_CLEAR; way < RUNS_WAYS; way++) {
        fault.nth = 0;
        unsigned long count = runs_try(runs, way, &fault);

        printf("%lu allocations\n", count);
        for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
            fault.more = more[i];
            for (fault.nth = first + i * step / 3; fault.nth <= count; fault.nth += step) {
                runs_try(runs, way, &fault);
            }
        }
    }
    return runs_end(&runs);
}
