/* memory_calls.h - what calls of malloc and its kin become in objects whose symbols fault.mk has
 * renamed. Whoever refuses memory defines them: allocations.c, client_faults.c, sim/ration.c. */
#ifndef FAULT_MEMORY_CALLS_H
#define FAULT_MEMORY_CALLS_H

#include <stddef.h>

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *memory, size_t size);
int fault_posix_memalign(void **memory, size_t alignment, size_t size);
char *fault_strdup(const char *text);
char *fault_strndup(const char *text, size_t len);
void fault_free(void *memory);

#endif
