/* sizes.c - takes names of files from the queue "files" and prints their sizes, until that queue is
 * shut down. Start as many as you like, on as many hosts as you like. */
#include <err.h>
#include <stdio.h>
#include <sys/stat.h>

#include <muster.h>

static void check(enum muster_status status)
{
    if (status != MUSTER_OK) {
        errx(1, "%s", muster_last_error());
    }
}

int main(void)
{
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    muster_message *message = NULL;
    enum muster_status status;
    struct stat file;

    check(muster_connect(NULL, &client)); /* $MUSTER_URL, else muster://127.0.0.1:6878 */
    check(muster_queue_open(client, "files", &queue));
    while ((status = muster_get(queue, NULL, &message)) == MUSTER_OK) {
        const char *name = muster_message_body(message); /* a NUL follows the body */

        if (stat(name, &file) == 0) {
            printf("%s: %lld bytes\n", name, (long long)file.st_size);
            check(muster_done(message)); /* had we died before this, somebody else would get it */
        } else {
            muster_nack_options options = MUSTER_NACK_OPTIONS;
            options.dead = true;
            options.reason = "no such file";
            check(muster_nack(message, &options));
        }
        muster_message_free(&message);
    }
    if (status != MUSTER_SHUTDOWN) {
        check(status);
    }
    muster_queue_close(&queue);
    muster_close(&client);
    return 0;
}
