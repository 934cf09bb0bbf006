/* connect.c - clients as a whole: opening, closing, flushing, and the application's own loop. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client-lib/run.h"

#define CLOSE_NS     MUSTER_SECOND /* how long closing waits for the broker */
#define ONE_ROUND_NS (5 * MUSTER_SECOND)
#define DEFAULT_URL  "muster://127.0.0.1:6878"

/* ---- opening ---- */

/* A page that the kernel empties in a child process: asking it costs no system call. */
static const uint8_t *make_mark(void)
{
    uint8_t *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        return NULL;
    }
    if (madvise(page, 1, MADV_WIPEONFORK) != 0) {
        munmap(page, 1);
        return NULL;
    }
    *page = 1;
    return page;
}

static struct mst_client *new_machine(const muster_client_options *options)
{
    char host[256] = "";
    struct mst_client_config config;

    if (gethostname(host, sizeof(host) - 1) != 0) {
        snprintf(host, sizeof(host), "unknown");
    }
    config.name = options->name != NULL ? options->name : program_invocation_short_name;
    config.host = host;
    config.pid = (uint64_t)getpid();
    config.ttl_ns = options->ttl_ns;
    return mst_client_new(&config);
}

/* NULL: out of memory, or of descriptors. */
static muster_client *new_client(const muster_client_options *options)
{
    muster_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->references = 1;
    client->own_loop = options->own_loop;
    client->busy_poll_ns = options->busy_poll_ns;
    client->pid = getpid();
    client->mark = make_mark();
    client->link.fd = -1;
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client->background_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client->buffer = malloc(MST_READ_BYTES);
    client->machine = new_machine(options);
    client->on_notice = options->on_notice;
    client->user = options->user;
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->background_cond, NULL);
    if (client->wake_fd < 0 || client->background_fd < 0 || client->buffer == NULL ||
        client->machine == NULL) {
        mst_transport_free(client);
        return NULL;
    }
    return client;
}

static bool is_hopeless(const muster_client *client)
{
    return mst_client_is_hopeless(client->machine) ||
           (client->link.refused && client->link.failures > 0);
}

static bool is_up_or_hopeless(const void *of)
{
    const muster_client *client = of;

    return mst_client_phase(client->machine) == MST_CLIENT_UP || is_hopeless(client);
}

static bool is_up_or_failed(const void *of)
{
    const muster_client *client = of;

    return is_up_or_hopeless(of) || client->link.failures > 0;
}

static enum muster_status first_connection(muster_client *client, const char *url,
                                           int64_t timeout_ns)
{
    struct mst_waiter waiter = MST_WAITER_INIT;
    int64_t now_ns = mst_clock_ns();
    int64_t limit_ns = timeout_ns == 0 ? ONE_ROUND_NS : timeout_ns;
    int64_t until_ns = limit_ns > MUSTER_FOREVER - now_ns ? MUSTER_FOREVER : now_ns + limit_ns;

    pthread_mutex_lock(&client->lock);
    mst_transport_settle(client);
    mst_transport_wait(client, &waiter, timeout_ns == 0 ? is_up_or_failed : is_up_or_hopeless,
                       client, until_ns);
    bool up = mst_client_phase(client->machine) == MST_CLIENT_UP;
    snprintf(client->version, sizeof(client->version), "%s", mst_client_version(client->machine));
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&waiter.cond);
    if (up) {
        return MUSTER_OK;
    }
    enum mst_status refusal = mst_client_refusal(client->machine);
    if (refusal != MST_OK) {
        return mst_complain(refusal, "connect to %.200s: the broker refused: %s", url,
                            mst_client_trouble(client->machine));
    }
    if (client->link.refused) {
        return mst_complain(MST_DENIED, "connect to %.200s: %s", url, client->link.trouble);
    }
    return mst_complain(MST_UNAVAILABLE, "connect to %.200s: %s; see that musterd runs there", url,
                        client->link.trouble[0] != '\0' ? client->link.trouble
                                                        : mst_client_trouble(client->machine));
}

/* A whole number with a unit, as in 50us. -1: it is none. */
static int64_t read_time(const char *text)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"us", 1000}, {"ms", MUSTER_MS}, {"s", MUSTER_SECOND}, {"", MUSTER_SECOND}};
    char *end;
    long number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;

    for (size_t i = 0; number >= 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0) {
            return number > MUSTER_FOREVER / units[i].factor ? MUSTER_FOREVER
                                                             : number * units[i].factor;
        }
    }
    return -1;
}

static enum muster_status read_busy_poll(int64_t *busy_poll_ns)
{
    const char *text = getenv("MUSTER_BUSY_POLL");

    if (*busy_poll_ns == MUSTER_DEFAULT) {
        *busy_poll_ns = text == NULL || text[0] == '\0' ? 0 : read_time(text);
        if (*busy_poll_ns < 0 || *busy_poll_ns > MST_BUSY_POLL_MAX_NS) {
            return mst_complain(MST_VALUE,
                                "connect: MUSTER_BUSY_POLL is \"%.40s\"; write a time from 0 to "
                                "10ms, such as 50us",
                                text);
        }
    }
    if (*busy_poll_ns < 0 || *busy_poll_ns > MST_BUSY_POLL_MAX_NS) {
        return mst_complain(MST_VALUE, "connect: options.busy_poll_ns is not from 0 to %lld",
                            (long long)MST_BUSY_POLL_MAX_NS);
    }
    return MUSTER_OK;
}

static enum muster_status check_options(muster_client_options *options)
{
    if (options->ttl_ns < 0 || options->connect_timeout_ns < 0 || options->backoff_max_ns < 0) {
        return mst_complain(MST_VALUE, "connect: a time in the options is negative");
    }
    if (options->name != NULL && strlen(options->name) > MST_CLIENT_NAME_MAX) {
        return mst_complain(MST_VALUE, "connect: the client's name is longer than %d bytes",
                            MST_CLIENT_NAME_MAX);
    }
    return read_busy_poll(&options->busy_poll_ns);
}

enum muster_status muster_connect(const muster_client_options *options_in,
                                  muster_client **client_out)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    char why[300];
    char secrets_why[MST_SECRETS_WHY];

    if (!mst_read_options(&options, sizeof(options), options_in, "connect")) {
        return MUSTER_VALUE;
    }
    if (mst_in_callback()) {
        return mst_complain(MST_VALUE, "connect: this call waits, and was made from a callback");
    }
    enum muster_status status = check_options(&options);
    if (status != MUSTER_OK) {
        return status;
    }
    const char *from_environment = getenv("MUSTER_URL");
    const char *url = options.url != NULL                                       ? options.url
                      : from_environment != NULL && from_environment[0] != '\0' ? from_environment
                                                                                : DEFAULT_URL;
    muster_client *client = sodium_init() < 0 ? NULL : new_client(&options);
    if (client == NULL) {
        return mst_complain(MST_NO_MEMORY, "connect: out of memory or of file descriptors");
    }
    if (mst_link_init(&client->link, url, why, sizeof(why))) {
        client->link.backoff_max_ns = options.backoff_max_ns;
        if (mst_secrets_read(&client->secrets, &client->link, &options, secrets_why)) {
            client->link.insecure = options.insecure || client->secrets.sealed;
            status = first_connection(client, url, options.connect_timeout_ns);
        } else {
            status = mst_complain(MST_VALUE, "connect: %s", secrets_why);
        }
    } else {
        status = mst_complain(MST_VALUE, "connect: %s", why);
    }
    if (status == MUSTER_OK && !options.own_loop && !mst_background_start(client)) {
        status = mst_complain(MST_NO_MEMORY, "connect: cannot start a thread");
    }
    if (status != MUSTER_OK) {
        mst_transport_free(client);
        return status;
    }
    *client_out = client;
    return MUSTER_OK;
}

/* ---- closing ---- */

struct leaving {
    const muster_client *client;
    const struct mst_waiter *me;
};

/* And no other thread is in the socket, which is to be closed. The background thread is waited for
 * by itself; any other has no call any more, and is on its way out. */
static bool is_gone(const void *of)
{
    const struct leaving *leaving = of;
    const muster_client *client = leaving->client;

    return mst_client_is_finished(client->machine) &&
           (client->driver == NULL || client->driver == leaving->me || client->driver == client);
}

void muster_close(muster_client **client_in)
{
    struct mst_waiter waiter = MST_WAITER_INIT;
    muster_client *client = *client_in;

    if (client == NULL) {
        return;
    }
    if (mst_transport_is_foreign(client)) {
        *client_in = NULL;
        mst_transport_drop_handle(client, NULL);
        return;
    }
    if (mst_transport_enter(client, true, "close") != MUSTER_OK) {
        return;
    }
    mst_client_bye(client->machine, mst_clock_ns());
    mst_transport_settle(client);
    struct leaving leaving = {client, &waiter};
    mst_transport_wait(client, &waiter, is_gone, &leaving, mst_clock_ns() + CLOSE_NS);
    client->closed = true;
    mst_background_stop(client);
    mst_transport_run_callbacks(client);
    *client_in = NULL; /* only now: callbacks may have asked it for something */
    mst_link_clear(&client->link);
    mst_client_lost(client->machine, NULL, mst_clock_ns());
    client->references--; /* that of muster_connect */
    pthread_cond_destroy(&waiter.cond);
    mst_transport_leave(client);
}

/* ---- the client as a whole ---- */

struct flush {
    const muster_client *client;
    uint64_t seq;
};

static bool is_flushed(const void *of)
{
    const struct flush *flush = of;
    const muster_client *client = flush->client;

    return !mst_client_is_busy_before(client->machine, flush->seq) &&
           (client->calling_seq == 0 || client->calling_seq > flush->seq);
}

enum muster_status muster_flush(muster_client *client, int64_t timeout_ns)
{
    struct mst_waiter waiter = {.cond = PTHREAD_COND_INITIALIZER, .for_async = true};

    if (!mst_time_is_valid(timeout_ns, "flush")) {
        return MUSTER_VALUE;
    }
    enum muster_status status = mst_transport_enter(client, true, "flush");
    if (status != MUSTER_OK) {
        return status;
    }
    int64_t now_ns = mst_clock_ns();
    int64_t until_ns = timeout_ns > MUSTER_FOREVER - now_ns ? MUSTER_FOREVER : now_ns + timeout_ns;
    struct flush flush = {client, mst_client_last_seq(client->machine)};

    mst_transport_settle(client);
    mst_transport_wait(client, &waiter, is_flushed, &flush, until_ns);
    if (client->failure != MST_OK) {
        status = mst_fail(client->failure, client->failure_text, "an asynchronous call");
        client->failure = MST_OK;
    } else if (!is_flushed(&flush)) {
        status = mst_fail(MST_TIMEOUT, NULL, "flush");
    }
    pthread_cond_destroy(&waiter.cond);
    mst_transport_leave(client);
    return status;
}

static bool is_over(const void *of)
{
    const struct mst_call *call = of;

    return call->state == MST_CALL_OVER;
}

enum muster_status muster_ping(muster_client *client, int64_t timeout_ns,
                               int64_t *round_trip_ns_out)
{
    struct mst_waiter waiter = MST_WAITER_INIT;
    struct mst_request ping;

    if (!mst_time_is_valid(timeout_ns, "ping")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&ping, MST_OP_PING);
    struct mst_call *call = mst_call_new(&ping, &waiter);
    if (call == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "ping");
    }
    enum muster_status status = mst_transport_enter(client, true, "ping");
    if (status != MUSTER_OK) {
        mst_call_clear(call);
        return status;
    }
    int64_t begin_ns = mst_clock_ns();
    mst_client_submit(client->machine, call, begin_ns);
    mst_transport_settle(client);
    mst_transport_wait(client, &waiter, is_over, call,
                       timeout_ns > MUSTER_FOREVER - begin_ns ? MUSTER_FOREVER
                                                              : begin_ns + timeout_ns);
    if (call->state != MST_CALL_OVER) {
        mst_client_forget(client->machine, call, mst_clock_ns());
        status = mst_fail(MST_TIMEOUT, NULL, "ping");
    } else {
        status = call->status == MST_OK ? MUSTER_OK : mst_fail(call->status, call->cause, "ping");
        mst_call_clear(call);
    }
    if (status == MUSTER_OK && round_trip_ns_out != NULL) {
        *round_trip_ns_out = mst_clock_ns() - begin_ns;
    }
    pthread_cond_destroy(&waiter.cond);
    mst_transport_leave(client);
    return status;
}

const char *muster_broker_version(muster_client *client)
{
    return client->version;
}

uint64_t muster_session_id(muster_client *client)
{
    uint64_t session = 0;

    if (mst_transport_enter(client, false, "session_id") == MUSTER_OK) {
        session = mst_client_session(client->machine);
        mst_transport_leave(client);
    }
    return session;
}

/* ---- the application's own loop ---- */

int muster_fd(muster_client *client)
{
    int fd = -1;

    if (mst_transport_enter(client, false, "fd") == MUSTER_OK) {
        fd = client->link.fd;
        mst_transport_leave(client);
    }
    return fd;
}

bool muster_wants_write(muster_client *client)
{
    bool wants = false;

    if (mst_transport_enter(client, false, "wants_write") == MUSTER_OK) {
        mst_client_pump(client->machine, mst_clock_ns());
        wants = mst_transport_wants_write(client);
        mst_transport_leave(client);
    }
    return wants;
}

int64_t muster_deadline_ns(muster_client *client)
{
    int64_t deadline_ns = MUSTER_FOREVER;

    if (mst_transport_enter(client, false, "deadline_ns") == MUSTER_OK) {
        bool now =
            mst_client_has_results(client->machine) || mst_client_has_notices(client->machine);

        deadline_ns = now ? 0 : mst_transport_next_look_ns(client);
        mst_transport_leave(client);
    }
    return deadline_ns;
}

enum muster_status muster_process(muster_client *client)
{
    struct mst_waiter me = MST_WAITER_INIT;
    enum muster_status status = mst_transport_enter(client, true, "process");

    if (status != MUSTER_OK) {
        return status;
    }
    if (client->driver == NULL) {
        client->driver = &me;
        mst_transport_drive(client, &me, 0, false);
        client->driver = NULL;
        mst_transport_hand_over(client);
    }
    mst_transport_run_callbacks(client);
    mst_transport_leave(client);
    return MUSTER_OK;
}
