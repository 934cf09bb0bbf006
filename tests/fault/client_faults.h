/* client_faults.h - what libmuster asks of the system, and one thing that it is refused.
 *
 * The library is linked through fault.mk: its own objects, and only those, call these in place of
 * malloc, send and their kin. While armed, calls of the chosen kind are counted, and the nth and
 * some behind it fail with the error. What the library has of memory is counted all the time, so
 * that in the end none may be left. From any thread. */
#ifndef FAULT_CLIENT_FAULTS_H
#define FAULT_CLIENT_FAULTS_H

#include <stdbool.h>

struct client_fault {
    const char *call; /* "memory" stands for all allocations; NULL: nothing fails */
    unsigned long nth;
    unsigned long more; /* so many behind it fail as well */
    int error;          /* errno; of getaddrinfo and pthread_create what they return */
};

void client_fault_begin(const struct client_fault *fault); /* not armed */
void client_fault_arm(bool on);
unsigned long client_fault_calls(void); /* of that kind, while armed */
bool client_fault_came(void);           /* something did fail */
long client_fault_blocks(void);         /* allocated by the library, and not freed */

#endif
