/* http.c - pages over HTTP for those who watch the broker. See http.h.
 *
 * A client is READING its request, WAITING for the page of metrics, WRITING its answer, and ENDING
 * until it closes. One page is made at a time, for all who wait. When all places are taken, the
 * oldest that has not asked yet makes way. Must not know: what the pages say. */
#include "broker/io/http.h"

#include "broker/engine/metrics.h"
#include "broker/io/http_request.h"
#include "broker/io/process.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_BYTES_MAX 256

enum phase { READING, WAITING, WRITING, ENDING };

struct client {
    struct http *http;
    size_t place;
    uint64_t number; /* later ones are greater */
    enum phase phase;
    struct http_request request;
    struct bufferevent *socket;
    struct event limit;
};

struct http_acceptor {
    struct http *http;
    struct event readable;
};

struct http {
    struct event_base *base;
    struct engine *engine;
    const struct log *log;
    int64_t started_ns; /* wall clock */
    struct listeners listeners;
    struct http_acceptor acceptors[LISTENERS_MAX];
    struct event retry; /* accepting goes on */
    struct client *clients[HTTP_CLIENTS_MAX];
    uint64_t next_number;
    struct metrics_page *page; /* being made; or NULL */
    struct event work;         /* goes on with it */
};

/* ---- clients ---- */

static void client_free(struct client *client)
{
    client->http->clients[client->place] = NULL;
    event_del(&client->limit);
    bufferevent_free(client->socket);
    free(client);
}

static void answer(struct client *client, int status, const char *reason, const char *type,
                   struct mst_span body)
{
    struct evbuffer *out = bufferevent_get_output(client->socket);
    char head[HEAD_BYTES_MAX];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "%sConnection: close\r\n\r\n",
                       status, reason, type, body.len, status == 405 ? "Allow: GET, HEAD\r\n" : "");

    client->phase = WRITING;
    if (evbuffer_add(out, head, (size_t)len) != 0 ||
        (!client->request.is_head && evbuffer_add(out, body.data, body.len) != 0)) {
        client_free(client);
    }
}

static void answer_line(struct client *client, int status, const char *reason, const char *line)
{
    char body[HEAD_BYTES_MAX];

    snprintf(body, sizeof(body), "%s\n", line);
    answer(client, status, reason, "text/plain; charset=utf-8", mst_span_text(body));
}

/* ---- the page of metrics ---- */

static void answer_all(struct http *http, struct mst_span text)
{
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = http->clients[i];

        if (client == NULL || client->phase != WAITING) {
            continue;
        }
        if (text.len == 0) {
            answer_line(client, 503, "Service Unavailable", "out of memory; try again later");
        } else {
            answer(client, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", text);
        }
    }
}

static void finish_page(struct http *http)
{
    struct metrics_text text;
    struct mst_span page = metrics_page_text(http->page);

    metrics_text_init(&text);
    process_metrics(&text, http->started_ns);
    text.failed = text.failed || page.len == 0 || !mst_buf_append(&text.out, page.data, page.len);
    metrics_page_free(&http->page);
    answer_all(http, text.failed ? MST_SPAN_NONE : mst_buf_span(&text.out));
    metrics_text_clear(&text);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct timeval now = {0, 0};
    struct http *http = arg;

    (void)fd;
    (void)what;
    if (metrics_page_go_on(http->page)) {
        event_add(&http->work, &now);
    } else {
        finish_page(http);
    }
}

static void wait_for_page(struct client *client)
{
    struct timeval now = {0, 0};
    struct http *http = client->http;

    client->phase = WAITING;
    if (http->page != NULL) {
        return;
    }
    http->page = metrics_page_new(http->engine);
    if (http->page == NULL) {
        answer_all(http, MST_SPAN_NONE);
    } else {
        event_add(&http->work, &now);
    }
}

/* ---- requests ---- */

static void carry_out(struct client *client)
{
    const struct http_request *request = &client->request;
    const char *unready = metrics_unready(client->http->engine);

    if (request->status != 200) {
        answer_line(client, request->status, request->reason,
                    "GET and HEAD of /metrics, /healthz and /readyz are what there is");
    } else if (request->page == HTTP_METRICS) {
        wait_for_page(client);
    } else if (request->page == HTTP_READYZ && unready != NULL) {
        answer_line(client, 503, "Service Unavailable", unready);
    } else {
        answer_line(client, 200, "OK", request->page == HTTP_READYZ ? "ready" : "alive");
    }
}

static void on_read(struct bufferevent *socket, void *arg)
{
    struct client *client = arg;
    struct evbuffer *in = bufferevent_get_input(socket);
    size_t len = evbuffer_get_length(in);

    if (client->phase != READING) {
        evbuffer_drain(in, len); /* nothing more is listened to */
    } else if (http_request_read(mst_span_of(evbuffer_pullup(in, -1), len), &client->request)) {
        evbuffer_drain(in, len);
        carry_out(client);
    }
}

/* All is written: the client closes when it has read it. */
static void on_written(struct bufferevent *socket, void *arg)
{
    struct client *client = arg;

    if (client->phase == WRITING) {
        client->phase = ENDING;
        shutdown(bufferevent_getfd(socket), SHUT_WR);
    }
}

static void on_end(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    (void)what;
    client_free(arg);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    client_free(arg);
}

/* ---- accepting ---- */

/* A free place; the oldest client that has not asked yet makes way. HTTP_CLIENTS_MAX: there is
 * none. */
static size_t find_place(struct http *http)
{
    struct client *oldest = NULL;
    size_t place;

    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        struct client *client = http->clients[i];

        if (client == NULL) {
            return i;
        }
        if (client->phase == READING && (oldest == NULL || client->number < oldest->number)) {
            oldest = client;
        }
    }
    if (oldest == NULL) {
        return HTTP_CLIENTS_MAX;
    }
    place = oldest->place;
    client_free(oldest);
    return place;
}

static bool client_new(struct http *http, int fd)
{
    const struct timeval limit = {HTTP_EXCHANGE_S, 0};
    size_t place = find_place(http);
    struct client *client = place == HTTP_CLIENTS_MAX ? NULL : calloc(1, sizeof(*client));

    if (client == NULL) {
        return false;
    }
    client->socket = bufferevent_socket_new(http->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (client->socket == NULL) {
        free(client);
        return false;
    }
    client->http = http;
    client->place = place;
    client->number = http->next_number++;
    http->clients[place] = client;
    evtimer_assign(&client->limit, http->base, on_limit, client);
    event_add(&client->limit, &limit);
    bufferevent_setwatermark(client->socket, EV_READ, 0, HTTP_REQUEST_BYTES_MAX);
    bufferevent_setcb(client->socket, on_read, on_written, on_end, client);
    bufferevent_enable(client->socket, EV_READ | EV_WRITE);
    return true;
}

static bool accept_again(struct http *http)
{
    bool ok = true;

    for (size_t i = 0; i < http->listeners.count; i++) {
        ok = event_add(&http->acceptors[i].readable, NULL) == 0 && ok;
    }
    return ok;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    accept_again(arg);
}

/* The broker's own clients need the descriptors more. */
static void pause_accepting(struct http *http)
{
    const struct timeval second = {1, 0};

    for (size_t i = 0; i < http->listeners.count; i++) {
        event_del(&http->acceptors[i].readable);
    }
    event_add(&http->retry, &second);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
    struct http_acceptor *acceptor = arg;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        pause_accepting(acceptor->http);
    } else if (fd >= 0 && !client_new(acceptor->http, fd)) {
        close(fd);
    }
}

/* ---- start and end ---- */

int http_open(struct http **out, struct event_base *base, struct engine *engine,
              const struct config *config, const struct log *log)
{
    struct http *http;
    int code;

    *out = NULL;
    if (config->http.host[0] == '\0') {
        return 0;
    }
    http = calloc(1, sizeof(*http));
    if (http == NULL) {
        log_line(log, ENGINE_ERROR, "cannot start: no memory for HTTP");
        return CONFIG_EXIT_FAILED;
    }
    code = listeners_open_http(&http->listeners, &config->http, log);
    if (code != 0) {
        free(http);
        return code;
    }
    http->base = base;
    http->engine = engine;
    http->log = log;
    http->started_ns = process_wall_ns();
    evtimer_assign(&http->work, base, on_work, http);
    evtimer_assign(&http->retry, base, on_retry, http);
    for (size_t i = 0; i < http->listeners.count; i++) {
        http->acceptors[i].http = http;
        event_assign(&http->acceptors[i].readable, base, http->listeners.items[i].fd,
                     EV_READ | EV_PERSIST, on_connection, &http->acceptors[i]);
    }
    *out = http;
    return accept_again(http) ? 0 : CONFIG_EXIT_FAILED;
}

void http_close(struct http **owner)
{
    struct http *http = *owner;

    if (http == NULL) {
        return;
    }
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (http->clients[i] != NULL) {
            client_free(http->clients[i]);
        }
    }
    for (size_t i = 0; i < http->listeners.count; i++) {
        event_del(&http->acceptors[i].readable);
    }
    event_del(&http->retry);
    event_del(&http->work);
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
