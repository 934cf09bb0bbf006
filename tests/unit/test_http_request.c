/* test_http_request.c - requests over HTTP: which page is meant, or why none. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "broker/io/http_request.h"

static struct http_request read_whole(const char *text)
{
    struct http_request request;

    assert_true(http_request_read(mst_span_text(text), &request));
    return request;
}

static void assert_status(const char *text, int status)
{
    assert_int_equal(read_whole(text).status, status);
}

static void three_pages_are_found(void **state)
{
    struct http_request request = read_whole("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");

    (void)state;
    assert_int_equal(request.status, 200);
    assert_int_equal(request.page, HTTP_METRICS);
    assert_false(request.is_head);
    assert_int_equal(read_whole("GET /healthz HTTP/1.0\r\n\r\n").page, HTTP_HEALTHZ);
    assert_int_equal(read_whole("GET /readyz HTTP/1.1\n\n").page, HTTP_READYZ);
    assert_int_equal(read_whole("GET /readyz?verbose=1 HTTP/1.1\r\n\r\n").page, HTTP_READYZ);
    request = read_whole("HEAD /metrics HTTP/1.1\r\n\r\n");
    assert_true(request.status == 200 && request.is_head);
}

static void what_is_not_there_or_not_allowed_is_refused(void **state)
{
    (void)state;
    assert_status("GET / HTTP/1.1\r\n\r\n", 404);
    assert_status("GET /metrics/ HTTP/1.1\r\n\r\n", 404);
    assert_status("GET //metrics HTTP/1.1\r\n\r\n", 404);
    assert_status("POST /metrics HTTP/1.1\r\n\r\n", 405);
    assert_status("get /metrics HTTP/1.1\r\n\r\n", 405);
    assert_status("PURGE /metrics HTTP/1.1\r\n\r\n", 405);
    assert_status("GET /metrics\r\n\r\n", 400);
    assert_status("GET /metrics HTTP/2.0\r\n\r\n", 400);
    assert_status("GET http://example.com/metrics HTTP/1.1\r\n\r\n", 400);
    assert_status("\r\n\r\n", 400);
    assert_status("\x16\x03\x01\n\n", 400);
}

static void a_body_is_refused(void **state)
{
    (void)state;
    assert_status("GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 413);
    assert_status("GET /metrics HTTP/1.1\r\ncontent-length:007\r\n\r\n", 413);
    assert_status("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413);
    assert_status("GET /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200);
}

static void every_prefix_wants_more(void **state)
{
    const char *text = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_request request;

    (void)state;
    for (size_t len = 0; len < strlen(text); len++) {
        assert_false(http_request_read(mst_span_of((const uint8_t *)text, len), &request));
    }
}

static void headers_without_end_are_refused(void **state)
{
    struct http_request request;
    uint8_t *bytes = malloc(HTTP_REQUEST_BYTES_MAX);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'a', HTTP_REQUEST_BYTES_MAX);
    memcpy(bytes, "GET /metrics HTTP/1.1\r\n", 23);
    assert_false(http_request_read(mst_span_of(bytes, HTTP_REQUEST_BYTES_MAX - 1), &request));
    assert_true(http_request_read(mst_span_of(bytes, HTTP_REQUEST_BYTES_MAX), &request));
    assert_int_equal(request.status, 431);
    free(bytes);
}

/* Each in memory of exactly its size, so that a checker of memory sees a step too far. */
static void whatever_comes_is_judged_within_its_bytes(void **state)
{
    static const char pieces[][12] = {
        "GET ", "HEAD", " /metrics", " /",       "?",         " HTTP/1.1", "\r\n",       "\n", ":",
        "\r",   "\0",   "Content-L", "Transfer", "-Encoding", "\xff\xfe",  "GET /readyz"};
    uint32_t chance = 7;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct http_request request;
        uint8_t text[128];
        size_t len = 0;
        uint8_t *bytes;

        for (int i = 0; i < 10; i++) {
            const char *piece;

            chance = chance * 1664525u + 1013904223u;
            piece = pieces[chance >> 28];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        bytes = malloc(len + 1);
        assert_non_null(bytes);
        memcpy(bytes, text, len);
        bytes = realloc(bytes, len == 0 ? 1 : len);
        assert_non_null(bytes);
        if (http_request_read(mst_span_of(bytes, len), &request)) {
            assert_true(request.status >= 200 && request.status < 500);
            assert_non_null(request.reason);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_pages_are_found),
        cmocka_unit_test(what_is_not_there_or_not_allowed_is_refused),
        cmocka_unit_test(a_body_is_refused),
        cmocka_unit_test(every_prefix_wants_more),
        cmocka_unit_test(headers_without_end_are_refused),
        cmocka_unit_test(whatever_comes_is_judged_within_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
