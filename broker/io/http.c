/* http.c - pages over HTTP for those who watch the broker. See http.h.
 *
 * evhttp has the connections and requests; each connection also has one of HTTP_CLIENTS_MAX places
 * here, from being accepted to its end. When the last place is taken, the oldest client that has
 * not asked yet makes way; when all have asked, nobody is accepted until one has its answer. One
 * page of metrics is made at a time, and all who wait get it while it grows.
 * Must not know: what the pages say. */
#include "broker/io/http.h"

#include "broker/engine/metrics.h"
#include "broker/io/process.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>

#define PAGE_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* ACCEPTED: evhttp is about to have it. READING: it has not asked yet. */
enum phase { FREE, ACCEPTED, READING, ASKED };

struct client {
    struct http *http;
    enum phase phase;
    uint64_t number;                      /* later ones are greater */
    struct bufferevent *socket;           /* ACCEPTED: with a reference of ours */
    struct evhttp_connection *connection; /* READING and ASKED */
    struct evhttp_request *waiting; /* ASKED for the page of metrics, of which it has so far */
    size_t sent;                    /* so many bytes */
    struct event limit;
};

struct http {
    struct event_base *base;
    struct engine *engine;
    int64_t started_ns; /* wall clock */
    struct listeners listeners;
    struct evhttp *server;
    struct evconnlistener *acceptors[LISTENERS_MAX]; /* the server's */
    size_t acceptors_count;
    struct event accepted;
    struct event retry; /* accepting goes on */
    struct client clients[HTTP_CLIENTS_MAX];
    uint64_t next_number;
    struct evbuffer *chunk;    /* on its way to one client; empty otherwise */
    struct metrics_page *page; /* being made; or NULL */
    struct event work;         /* goes on with it */
};

static const struct timeval at_once = {0, 0};

/* ---- answers ---- */

/* Every answer is the last on its connection: who watches comes seldom, and places are few. */
static void add_headers(struct evhttp_request *request, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Connection", "close");
}

static void answer_line(struct evhttp_request *request, int status, const char *line)
{
    bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    struct evbuffer *body = is_head ? NULL : evbuffer_new();

    add_headers(request, "text/plain; charset=utf-8");
    if (body != NULL) {
        evbuffer_add_printf(body, "%s\n", line);
    }
    evhttp_send_reply(request, status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

/* ---- places ---- */

static struct client *free_place(struct http *http)
{
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (http->clients[i].phase == FREE) {
            return &http->clients[i];
        }
    }
    return NULL;
}

static void set_accepting(struct http *http, bool accept)
{
    int (*set)(struct evconnlistener *) = accept ? evconnlistener_enable : evconnlistener_disable;

    for (size_t i = 0; i < http->acceptors_count; i++) {
        set(http->acceptors[i]);
    }
}

/* Sees to it that the next who connects finds a place, or that nobody connects. */
static void make_way(struct http *http)
{
    struct client *oldest = NULL;

    if (free_place(http) != NULL) {
        return;
    }
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = &http->clients[i];

        if (client->phase == READING && (oldest == NULL || client->number < oldest->number)) {
            oldest = client;
        }
    }
    if (oldest == NULL) {
        set_accepting(http, false);
    } else {
        evhttp_connection_free(oldest->connection);
    }
}

static void leave(struct client *client)
{
    client->phase = FREE;
    client->connection = NULL;
    set_accepting(client->http, true);
}

/* evhttp ends the connection. A request that was not answered is ours, if the peer went away. */
static void on_end(struct evhttp_connection *connection, void *arg)
{
    struct client *client = arg;

    (void)connection;
    if (client->waiting != NULL && evhttp_request_get_connection(client->waiting) == NULL) {
        evhttp_request_free(client->waiting);
    }
    client->waiting = NULL;
    event_del(&client->limit);
    leave(client);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;

    (void)fd;
    (void)what;
    evhttp_connection_free(client->connection);
}

/* ---- accepting ---- */

/* evhttp has accepted a connection and wants a socket for it. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct http *http = arg;
    struct client *client = free_place(http);
    struct bufferevent *socket = bufferevent_socket_new(base, -1, 0);

    if (socket == NULL || client == NULL) {
        return socket; /* without a place it is answered that there is none */
    }
    bufferevent_setwatermark(socket, EV_READ, 0, 2 * HTTP_HEADER_BYTES_MAX);
    bufferevent_incref(socket);
    client->phase = ACCEPTED;
    client->socket = socket;
    client->number = http->next_number++;
    event_active(&http->accepted, EV_TIMEOUT, 0);
    make_way(http);
    return socket;
}

/* evhttp tells of a connection not before it asks. But it serves the socket by callbacks, and they
 * have the connection as their argument; none: it is gone again, for lack of memory. */
static void watch(struct client *client)
{
    const struct timeval limit = {HTTP_EXCHANGE_S, 0};
    void *connection = NULL;

    bufferevent_getcb(client->socket, NULL, NULL, NULL, &connection);
    bufferevent_decref(client->socket);
    client->socket = NULL;
    if (connection == NULL) {
        leave(client);
        return;
    }
    client->phase = READING;
    client->connection = connection;
    evhttp_connection_set_closecb(client->connection, on_end, client);
    event_add(&client->limit, &limit);
}

static void on_accepted(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (http->clients[i].phase == ACCEPTED) {
            watch(&http->clients[i]);
        }
    }
    make_way(http);
}

/* No descriptor is left: the broker's own clients need them more. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct timeval second = {1, 0};
    struct http *http = arg;

    (void)listener;
    set_accepting(http, false);
    event_add(&http->retry, &second);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;

    (void)fd;
    (void)what;
    set_accepting(http, free_place(http) != NULL);
}

/* ---- the page of metrics ---- */

/* Half a page must not look like a whole one: the connection is cut. false: it was, no memory. */
static bool send_bytes(struct client *client, const uint8_t *data, size_t len)
{
    struct evbuffer *chunk = client->http->chunk;

    if (len > 0 && evbuffer_add(chunk, data, len) != 0) {
        evhttp_connection_free(client->connection);
        return false;
    }
    evhttp_send_reply_chunk(client->waiting, chunk);
    client->sent += len;
    return true;
}

/* The page is whole but for its last part. */
static void end_answer(struct client *client, struct mst_span last)
{
    struct evhttp_request *request = client->waiting;

    if (send_bytes(client, last.data, last.len)) {
        client->waiting = NULL; /* evhttp's again */
        evhttp_send_reply_end(request);
    }
}

static void finish_page(struct http *http)
{
    bool failed = metrics_page_text(http->page).len == 0;
    struct metrics_text last;

    metrics_text_init(&last);
    process_metrics(&last, http->started_ns);
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = &http->clients[i];

        if (client->waiting != NULL && (failed || last.failed)) {
            evhttp_connection_free(client->connection);
        } else if (client->waiting != NULL) {
            end_answer(client, mst_buf_span(&last.out));
        }
    }
    metrics_text_clear(&last);
    metrics_page_free(&http->page);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    bool more = metrics_page_go_on(http->page);
    struct mst_span text = metrics_page_text(http->page);
    bool somebody_waits = false;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = &http->clients[i];

        if (client->waiting != NULL && client->sent < text.len) {
            send_bytes(client, text.data + client->sent, text.len - client->sent);
        }
        somebody_waits = somebody_waits || client->waiting != NULL;
    }
    if (!more) {
        finish_page(http);
    } else if (somebody_waits) {
        event_add(&http->work, &at_once);
    } else {
        metrics_page_free(&http->page);
    }
}

static void wait_for_page(struct client *client, struct evhttp_request *request)
{
    struct http *http = client->http;

    if (http->page == NULL) {
        http->page = metrics_page_new(http->engine);
        if (http->page == NULL) {
            answer_line(request, HTTP_SERVUNAVAIL, "out of memory; try again later");
            return;
        }
        event_add(&http->work, &at_once);
    }
    client->waiting = request;
    client->sent = 0;
    add_headers(request, PAGE_TYPE);
    evhttp_send_reply_start(request, HTTP_OK, NULL);
}

/* ---- requests ---- */

/* NULL: it came when there was no place, and has been told so. */
static struct client *asking(struct http *http, struct evhttp_request *request)
{
    const struct evhttp_connection *connection = evhttp_request_get_connection(request);

    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = &http->clients[i];

        if (client->connection == connection) {
            client->phase = ASKED;
            return client;
        }
    }
    answer_line(request, HTTP_SERVUNAVAIL, "too many connections; try again later");
    return NULL;
}

static void on_metrics(struct evhttp_request *request, void *arg)
{
    struct http *http = arg;
    struct client *client = asking(http, request);

    if (client == NULL) {
        return;
    }
    if (metrics_recovering(http->engine)) {
        answer_line(request, HTTP_SERVUNAVAIL, metrics_unready(http->engine));
    } else if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        add_headers(request, PAGE_TYPE);
        evhttp_send_reply(request, HTTP_OK, NULL, NULL);
    } else {
        wait_for_page(client, request);
    }
}

static void on_healthz(struct evhttp_request *request, void *arg)
{
    if (asking(arg, request) != NULL) {
        answer_line(request, HTTP_OK, "alive");
    }
}

static void on_readyz(struct evhttp_request *request, void *arg)
{
    const char *unready = metrics_unready(((struct http *)arg)->engine);

    if (asking(arg, request) != NULL) {
        answer_line(request, unready == NULL ? HTTP_OK : HTTP_SERVUNAVAIL,
                    unready == NULL ? "ready" : unready);
    }
}

static void on_other(struct evhttp_request *request, void *arg)
{
    if (asking(arg, request) != NULL) {
        answer_line(request, HTTP_NOTFOUND, "/metrics, /healthz and /readyz are what there is");
    }
}

/* ---- start and end ---- */

static bool start(struct http *http)
{
    evhttp_set_allowed_methods(http->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http->server, HTTP_HEADER_BYTES_MAX);
    evhttp_set_max_body_size(http->server, 0);
    evhttp_set_timeout(http->server, HTTP_EXCHANGE_S);
    evhttp_set_bevcb(http->server, on_connection, http);
    evhttp_set_gencb(http->server, on_other, http);
    if (evhttp_set_cb(http->server, "/metrics", on_metrics, http) != 0 ||
        evhttp_set_cb(http->server, "/healthz", on_healthz, http) != 0 ||
        evhttp_set_cb(http->server, "/readyz", on_readyz, http) != 0) {
        return false;
    }
    for (size_t i = 0; i < http->listeners.count; i++) {
        struct evconnlistener *acceptor = evconnlistener_new(
            http->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, http->listeners.items[i].fd);

        if (acceptor == NULL || evhttp_bind_listener(http->server, acceptor) == NULL) {
            return false;
        }
        evconnlistener_set_error_cb(acceptor, on_accept_error);
        http->acceptors[http->acceptors_count++] = acceptor;
    }
    return true;
}

static struct http *http_new(struct event_base *base, struct engine *engine)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        return NULL;
    }
    http->base = base;
    http->engine = engine;
    http->started_ns = process_wall_ns();
    evtimer_assign(&http->work, base, on_work, http);
    evtimer_assign(&http->retry, base, on_retry, http);
    evtimer_assign(&http->accepted, base, on_accepted, http);
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        http->clients[i].http = http;
        evtimer_assign(&http->clients[i].limit, base, on_limit, &http->clients[i]);
    }
    http->server = evhttp_new(base);
    http->chunk = evbuffer_new();
    if (http->server == NULL || http->chunk == NULL) {
        http_close(&http);
    }
    return http;
}

int http_open(struct http **out, struct event_base *base, struct engine *engine,
              const struct config *config, const struct log *log)
{
    struct http *http;
    int code;

    *out = NULL;
    if (config->http.host[0] == '\0') {
        return 0;
    }
    http = http_new(base, engine);
    code = http == NULL ? 0 : listeners_open_http(&http->listeners, &config->http, log);
    if (http == NULL || (code == 0 && !start(http))) {
        log_line(log, ENGINE_ERROR, "cannot start: no memory for HTTP");
        code = CONFIG_EXIT_FAILED;
    }
    if (code != 0) {
        http_close(&http);
        return code;
    }
    for (size_t i = 0; i < http->listeners.count; i++) {
        log_line(log, ENGINE_INFO, "metrics and health over HTTP on %s",
                 http->listeners.items[i].text);
    }
    *out = http;
    return 0;
}

void http_close(struct http **owner)
{
    struct http *http = *owner;

    if (http == NULL) {
        return;
    }
    http->acceptors_count = 0; /* the server ends them first */
    if (http->server != NULL) {
        evhttp_free(http->server);
    }
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (http->clients[i].phase == ACCEPTED) {
            bufferevent_decref(http->clients[i].socket);
        }
    }
    event_del(&http->accepted);
    event_del(&http->retry);
    event_del(&http->work);
    if (http->chunk != NULL) {
        evbuffer_free(http->chunk);
    }
    metrics_page_free(&http->page);
    listeners_close(&http->listeners);
    free(http);
    *owner = NULL;
}

size_t http_listeners(const struct http *http)
{
    return http == NULL ? 0 : http->listeners.count;
}

const char *http_listener_text(const struct http *http, size_t i)
{
    return http->listeners.items[i].text;
}
