/* config.h - what musterd was asked to be, read from its command line.
 *
 * Everything derives from options.def. Nothing here opens anything: names of hosts are looked up,
 * and addresses judged, by broker/io. */
#ifndef CONFIG_H
#define CONFIG_H

#include "broker/engine/engine.h"

#define MUSTERD_VERSION    "0.1.0" /* as MUSTER_VERSION of the library, which a test compares */
#define CONFIG_LISTENS_MAX 16
#define CONFIG_ERROR_MAX   256
#define CONFIG_HOST_MAX    255
#define CONFIG_EXIT_USAGE  64
#define CONFIG_EXIT_LISTEN 69
#define CONFIG_EXIT_FAILED 70
#define CONFIG_EXIT_DENIED 77

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
    bool insecure_listen;
    const char *keys_dir; /* NULL: none, as for the files */
    const char *server_key_file;
    const char *allow_keys;
    const char *tokens;
    const char *permissions;
    bool allow_anonymous;
    enum engine_log_level log_level;
    int ready_fd; /* -1: none */
    bool help;
    bool show_version;
};

/* Reads argv[1] and on. false: error has one line that says what was wrong and what to do. Texts in
 * config are argv's. */
bool config_read(struct config *config, int argc, char *const argv[], char error[CONFIG_ERROR_MAX]);

/* Help, made from the table, in lines for a terminal of 80 columns. false: it did not fit. */
bool config_help(char *out, size_t cap);

#endif
