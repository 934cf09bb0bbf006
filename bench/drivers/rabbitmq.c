/* rabbitmq.c - the driver of RabbitMQ: publisher confirms, prefetch, acknowledgements of all up to
 * the last one taken.
 *
 * A client that does both has a connection for each, as RabbitMQ advises. */
#include "bench/crew.h"
#include "bench/driver.h"

#include <stdint.h>
#include <sys/time.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdlib.h>

enum { CHANNEL = 1, FRAME_MAX = 131072 };

struct wire {
    const struct target *target;
    amqp_connection_state_t publishing; /* NULL: it does not */
    amqp_connection_state_t consuming;
    uint64_t published, confirmed;
    amqp_envelope_t *taken;
    size_t taken_count;
};

static void must(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        die("rabbitmq: %s: %s", what,
            reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                ? amqp_error_string2(reply.library_error)
                : "refused by the server");
    }
}

static amqp_connection_state_t connect_to(const struct target *target)
{
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = need(amqp_tcp_socket_new(connection));
    if (amqp_socket_open(socket, target->host, target->port) != 0) {
        die("rabbitmq: cannot connect");
    }
    must(amqp_login(connection, "/", 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"),
         "log in");
    amqp_channel_open(connection, CHANNEL);
    must(amqp_get_rpc_reply(connection), "open a channel");
    return connection;
}

static void disconnect(amqp_connection_state_t connection)
{
    if (connection != NULL) {
        amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(connection);
    }
}

static struct wire *open_wire(const struct target *target, enum role role)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->target = target;
    wire->taken = need(calloc(target->window, sizeof(*wire->taken)));
    if (role != ROLE_CONSUMER) {
        wire->publishing = connect_to(target);
        amqp_confirm_select(wire->publishing, CHANNEL);
        must(amqp_get_rpc_reply(wire->publishing), "select confirms");
    }
    if (role != ROLE_PRODUCER) {
        wire->consuming = connect_to(target);
        amqp_basic_qos(wire->consuming, CHANNEL, 0, (uint16_t)target->window, 0);
        must(amqp_get_rpc_reply(wire->consuming), "prefetch");
        amqp_basic_consume(wire->consuming, CHANNEL, amqp_cstring_bytes(target->queue),
                           amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
        must(amqp_get_rpc_reply(wire->consuming), "consume");
    }
    return wire;
}

static void drop_taken(struct wire *wire)
{
    for (size_t i = 0; i < wire->taken_count; i++) {
        amqp_destroy_envelope(&wire->taken[i]);
    }
    wire->taken_count = 0;
}

static void close_wire(struct wire *wire)
{
    drop_taken(wire);
    disconnect(wire->publishing);
    disconnect(wire->consuming);
    free(wire->taken);
    free(wire);
}

static void prepare(const struct target *target)
{
    amqp_connection_state_t connection = connect_to(target);
    amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(target->queue), 0, target->durable,
                       0, 0, amqp_empty_table);
    must(amqp_get_rpc_reply(connection), "declare");
    disconnect(connection);
}

static void put(struct wire *wire, const struct message *messages, size_t n)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG};
    properties.delivery_mode = wire->target->durable ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        amqp_bytes_t body = {messages[i].size, (void *)(uintptr_t)messages[i].body};
        int status =
            amqp_basic_publish(wire->publishing, CHANNEL, amqp_empty_bytes,
                               amqp_cstring_bytes(wire->target->queue), 0, 0, &properties, body);
        if (status != AMQP_STATUS_OK) {
            die("rabbitmq: publish: %s", amqp_error_string2(status));
        }
    }
    wire->published += n;
}

static void settle(struct wire *wire, size_t most)
{
    while (wire->published - wire->confirmed > most) {
        amqp_frame_t frame;
        int status = amqp_simple_wait_frame(wire->publishing, &frame);
        if (status != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD ||
            frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
            die("rabbitmq: a publish was not confirmed");
        }
        const amqp_basic_ack_t *confirm = frame.payload.method.decoded;
        wire->confirmed = confirm->multiple ? confirm->delivery_tag : wire->confirmed + 1;
    }
    amqp_maybe_release_buffers(wire->publishing);
}

static bool next(struct wire *wire, int timeout_ms)
{
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    amqp_rpc_reply_t reply =
        amqp_consume_message(wire->consuming, &wire->taken[wire->taken_count], &timeout, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT) {
        return false;
    }
    must(reply, "consume");
    wire->taken_count++;
    return true;
}

static size_t take(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    drop_taken(wire);
    amqp_maybe_release_buffers(wire->consuming);
    if (!next(wire, timeout_ms)) {
        return 0;
    }
    while (wire->taken_count < max &&
           (amqp_data_in_buffer(wire->consuming) || amqp_frames_enqueued(wire->consuming)) &&
           next(wire, 0)) {
    }
    for (size_t i = 0; i < wire->taken_count; i++) {
        const amqp_bytes_t *body = &wire->taken[i].message.body;
        out[i] = (struct message){body->bytes, body->len, 0};
    }
    return wire->taken_count;
}

static void ack(struct wire *wire)
{
    int status = amqp_basic_ack(wire->consuming, CHANNEL,
                                wire->taken[wire->taken_count - 1].delivery_tag, 1);
    if (status != AMQP_STATUS_OK) {
        die("rabbitmq: ack: %s", amqp_error_string2(status));
    }
}

static const struct driver rabbitmq = {
    .name = "rabbitmq",
    .how = "publisher confirms, prefetch, ack of many at once (not answered)",
    .how_one = "publisher confirm, prefetch 1, ack (not answered)",
    .answers = true,
    .acknowledges = true,
    .prepare = prepare,
    .open = open_wire,
    .close = close_wire,
    .put = put,
    .settle = settle,
    .take = take,
    .ack = ack,
};

const struct driver *const drivers[] = {&rabbitmq, NULL};
