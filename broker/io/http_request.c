/* http_request.c - what a request for the broker's figures says. See http_request.h. */
#include "broker/io/http_request.h"

#include <string.h>
#include <strings.h>

static bool refuse(struct http_request *request, int status, const char *reason)
{
    request->status = status;
    request->reason = reason;
    return true;
}

/* Cuts a line off, without its end. false: it has not ended yet. */
static bool cut_line(struct mst_span *bytes, struct mst_span *line)
{
    const uint8_t *end = bytes->len == 0 ? NULL : memchr(bytes->data, '\n', bytes->len);
    size_t len;

    if (end == NULL) {
        return false;
    }
    len = (size_t)(end - bytes->data);
    *line = mst_span_of(bytes->data, len > 0 && end[-1] == '\r' ? len - 1 : len);
    bytes->data += len + 1;
    bytes->len -= len + 1;
    return true;
}

/* Cuts off what is before the next byte of that kind; the rest if there is none. */
static struct mst_span cut_word(struct mst_span *line, char at)
{
    const uint8_t *end = line->len == 0 ? NULL : memchr(line->data, at, line->len);
    size_t len = end == NULL ? line->len : (size_t)(end - line->data);
    struct mst_span word = mst_span_of(line->data, len);

    len += end != NULL;
    line->data += len;
    line->len -= len;
    return word;
}

static bool is(struct mst_span word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

static bool is_header(struct mst_span name, const char *text)
{
    return name.len == strlen(text) && strncasecmp((const char *)name.data, text, name.len) == 0;
}

static bool find_page(struct mst_span path, enum http_page *page)
{
    static const char *const paths[] = {"/metrics", "/healthz", "/readyz"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (is(path, paths[i])) {
            *page = (enum http_page)i;
            return true;
        }
    }
    return false;
}

static bool read_request_line(struct mst_span line, struct http_request *request)
{
    struct mst_span method = cut_word(&line, ' ');
    struct mst_span target = cut_word(&line, ' ');

    if (target.len == 0 || target.data[0] != '/' ||
        (!is(line, "HTTP/1.1") && !is(line, "HTTP/1.0"))) {
        return refuse(request, 400, "Bad Request");
    }
    request->is_head = is(method, "HEAD");
    if (!request->is_head && !is(method, "GET")) {
        return refuse(request, 405, "Method Not Allowed");
    }
    if (!find_page(cut_word(&target, '?'), &request->page)) {
        return refuse(request, 404, "Not Found");
    }
    return refuse(request, 200, "OK");
}

static void read_header(struct mst_span line, struct http_request *request)
{
    struct mst_span name = cut_word(&line, ':');

    while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '0')) {
        line.data++;
        line.len--;
    }
    if (is_header(name, "Transfer-Encoding") ||
        (is_header(name, "Content-Length") && line.len > 0)) {
        refuse(request, 413, "Content Too Large");
    }
}

bool http_request_read(struct mst_span bytes, struct http_request *request)
{
    struct mst_span rest = bytes;
    struct mst_span line;

    memset(request, 0, sizeof(*request));
    if (cut_line(&rest, &line)) {
        read_request_line(line, request);
        while (cut_line(&rest, &line)) {
            if (line.len == 0) {
                return true;
            }
            read_header(line, request);
        }
    }
    return bytes.len >= HTTP_REQUEST_BYTES_MAX &&
           refuse(request, 431, "Request Header Fields Too Large");
}
