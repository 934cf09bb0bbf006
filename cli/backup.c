/* backup.c - `muster backup`: all that is durable, as of now, in one file.
 *
 * The file gets its name only when all of it is on the disk: what was there before stays until
 * then, and a backup that was interrupted is never taken for a whole one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define UNFINISHED   ".unfinished"
#define PATH_MAX_LEN 4096

struct backup {
    int file;
    int error; /* errno of writing */
    uint64_t size;
};

static bool write_piece(const void *bytes, size_t len, uint64_t size, void *user)
{
    struct backup *backup = user;
    size_t done = 0;

    backup->size = size;
    while (done < len) {
        ssize_t n = write(backup->file, (const char *)bytes + done, len - done);
        if (n < 0 && errno != EINTR) {
            backup->error = errno;
            return false;
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    return true;
}

static int fail_to_write(const struct cli *cli, const char *path, int error)
{
    return cli_fail(cli, EXIT_OUTPUT, "cannot write '%s': %s; name a file where there is room",
                    path, strerror(error));
}

static int fetch(struct cli *cli, struct backup *backup, const char *path)
{
    enum muster_status status = muster_backup(cli->client, write_piece, backup);

    if (status != MUSTER_OK) {
        return cli_status(cli, status, NULL);
    }
    return backup->error != 0 ? fail_to_write(cli, path, backup->error) : EXIT_OK;
}

/* Its bytes, its name, and the name's directory. */
static int finish(const struct cli *cli, const struct backup *backup, const char *unfinished,
                  const char *path)
{
    char folder[PATH_MAX_LEN];
    const char *slash = strrchr(path, '/');
    int at;

    if (fsync(backup->file) != 0 || rename(unfinished, path) != 0) {
        return fail_to_write(cli, path, errno);
    }
    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0) {
        fsync(at);
        close(at);
    }
    cli_note(cli, "%llu bytes are in %s", (unsigned long long)backup->size, path);
    return EXIT_OK;
}

static int back_up_into(struct cli *cli, const char *path)
{
    struct backup backup = {0};
    char unfinished[PATH_MAX_LEN];
    int code;

    if (snprintf(unfinished, sizeof(unfinished), "%s" UNFINISHED, path) >=
        (int)sizeof(unfinished)) {
        return cli_fail(cli, EXIT_USAGE, "the name of the file is too long");
    }
    backup.file = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (backup.file < 0) {
        return fail_to_write(cli, unfinished, errno);
    }
    code = fetch(cli, &backup, unfinished);
    if (code == EXIT_OK) {
        code = finish(cli, &backup, unfinished, path);
    }
    close(backup.file);
    if (code != EXIT_OK) {
        unlink(unfinished);
    }
    return code;
}

int command_backup(struct cli *cli)
{
    const char *path = cli_operand(cli, 0);
    struct backup out = {.file = STDOUT_FILENO};
    int code = cli_connect(cli, 0);

    if (code != EXIT_OK) {
        return code;
    }
    return strcmp(path, "-") == 0 ? fetch(cli, &out, "stdout") : back_up_into(cli, path);
}
