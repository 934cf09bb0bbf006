/* config.h - what musterd was asked to be: by its command line, by a file, by the defaults.
 *
 * Everything derives from options.def. The command line wins over the file, the file over the
 * defaults. Nothing here opens anything: the file's text is given, names of hosts are looked up and
 * addresses judged by broker/io. */
#ifndef CONFIG_H
#define CONFIG_H

#include "broker/engine/engine.h"
#include "protocol/arena.h"

#define MUSTERD_VERSION       "0.1.0" /* as MUSTER_VERSION of the library, which a test compares */
#define CONFIG_LISTENS_MAX    16
#define CONFIG_ERROR_MAX      512
#define CONFIG_ERRORS_MAX     10 /* mistakes that are told; of the rest the number */
#define CONFIG_CHANGES_MAX    64 /* as many as there are options, at least */
#define CONFIG_FILE_BYTES_MAX (64u << 10)
#define CONFIG_HOST_MAX       255
#define CONFIG_HTTP_PORT      6879
#define CONFIG_EXIT_USAGE     64
#define CONFIG_EXIT_CORRUPT   65
#define CONFIG_EXIT_LISTEN    69
#define CONFIG_EXIT_FAILED    70
#define CONFIG_EXIT_IN_USE    73
#define CONFIG_EXIT_DISK      74
#define CONFIG_EXIT_DENIED    77

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

struct config_listen {
    const char *path; /* a Unix socket; NULL: TCP */
    char host[CONFIG_HOST_MAX + 1];
    uint16_t port;
};

struct config_listens {
    struct config_listen items[CONFIG_LISTENS_MAX];
    size_t count;
};

struct config {
    struct engine_config engine;
    struct config_listens listens;
    struct config_listen http; /* host "": nowhere */
    bool insecure_listen;
    int64_t busy_poll_ns;   /* how long to look for more before sleeping; 0: not */
    const char *data_dir;   /* NULL: everything is in memory */
    uint64_t segment_bytes; /* 0: the journal decides */
    const char *restore, *verify_data, *salvage, *into;
    const char *keys_dir; /* NULL: none, as for the files */
    const char *server_key_file;
    const char *allow_keys;
    const char *tokens;
    const char *permissions;
    bool allow_anonymous;
    enum engine_log_level log_level;
    enum config_log_format log_format;
    const char *file; /* of the configuration; NULL: none */
    bool check;
    int ready_fd; /* -1: none */
    bool help;
    bool show_version;
    int argc;
    char *const *argv;      /* the command line it was made of, which outlives it */
    struct mst_arena texts; /* holds those above that are not the command line's */
};

struct config_sources {
    int argc; /* the command line; it outlives every config made of it */
    char *const *argv;
    const char *file; /* for messages; NULL: there is no file */
    struct mst_span text;
};

/* What is wrong, a line each: what was tried, what is wrong with it, what to do. */
struct config_errors {
    size_t count; /* may be more than there are lines */
    char lines[CONFIG_ERRORS_MAX][CONFIG_ERROR_MAX];
};

/* false: errors has lines, all of a file and the first of the command line; config is cleared. */
bool config_read(struct config *config, const struct config_sources *sources,
                 struct config_errors *errors);
void config_clear(struct config *config);

/* One option of which the value that is asked for is not the one that held. */
struct config_change {
    const char *name;
    bool restart;       /* the new one holds after a restart only */
    const char *before; /* "": none */
    const char *after;
};

struct config_changes { /* borrowed from the config that was read anew */
    size_t count;
    struct config_change items[CONFIG_CHANGES_MAX];
};

/* Turns next, which was read anew, into what may hold while running goes on: what needs a restart
 * stays as it is. false: out of memory. */
bool config_reload(struct config *next, const struct config *running,
                   struct config_changes *changes);

/* Help, made from the table, in lines for a terminal of 80 columns. false: it did not fit. */
bool config_help(char *out, size_t cap);

#endif
