/* fuzz_http.c - requests for the broker's figures: what is decided once stays decided, whatever
 * comes behind it, and enough bytes are always enough. */
#include "broker/io/http_request.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request first = {0};
    bool is_decided = false;

    for (size_t len = 0; len <= size; len++) {
        struct http_request request = {0};
        bool is = http_request_read(mst_span_of(data, len), &request);

        require(is || (!is_decided && len < HTTP_REQUEST_BYTES_MAX));
        require(!is || (request.status >= 200 && request.reason != NULL));
        require(!is_decided || (request.status == first.status && request.page == first.page &&
                                request.is_head == first.is_head));
        first = is ? request : first;
        is_decided = is;
        if (len == 64 && size > 256) {
            len = size - 128; /* the time is quadratic otherwise */
        }
    }
    return 0;
}
