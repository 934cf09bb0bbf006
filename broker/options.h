/* options.h - the table of musterd's options: found by name, their values read and written.
 *
 * A default, an argument and a line of a file pass the same reader, so that none of them means
 * anything else. Must not know: where a value comes from. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "broker/config.h"

enum option_type {
    OPTION_FLAG,
    OPTION_COUNT,
    OPTION_BYTES,
    OPTION_TIME,
    OPTION_LISTEN,
    OPTION_UNIX,
    OPTION_ADDRESS,
    OPTION_CHOICE,
    OPTION_FD,
    OPTION_FILENAME
};

/* When a new value holds. */
enum option_when {
    OPTION_RELOAD,  /* after HUP */
    OPTION_RESTART, /* after a restart */
    OPTION_COMMAND  /* it belongs on the command line alone */
};

enum {
    OPTIONS_COUNT = 0
#define OPTION(...) +1
#include "broker/options.def"
#undef OPTION
};

struct option {
    const char *name;
    enum option_type type;
    enum option_when when;
    const char *value; /* what it is called; "": there is none */
    const char *initial;
    int64_t least;
    int64_t most;
    size_t offset; /* of the member in struct config */
    const char *help;
};

extern const struct option options[OPTIONS_COUNT];

const struct option *option_find(const char *name, size_t len); /* NULL: there is none */
/* The one that was meant, if only a letter or two are wrong; or NULL. */
const struct option *option_near(const char *name, size_t len);

/* NULL, or what is wrong with the value. Texts stay the caller's. NULL as value of a flag: yes. */
const char *option_read(const struct option *option, const char *value, struct config *config);
/* The value as it would be written; equal values give equal texts. NULL: out of memory. */
const char *option_text(const struct option *option, const struct config *config,
                        struct mst_arena *arena);
/* false: out of memory. */
bool option_copy(const struct option *option, struct config *to, const struct config *from);

static inline bool option_is_list(const struct option *option)
{
    return option->type == OPTION_LISTEN || option->type == OPTION_UNIX;
}

#endif
