/* test_unpaced.c - within a host neither side paces what it sends, whatever congestion control the
 * system has for others: the system's own table of sockets says what each side has. */
#include "tests/integration/test_client_ground.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME_MAX_BYTES 16
#define ANSWER_BYTES   4096
#define ESTABLISHED    1
#define ANY            0xffffffffu

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 socket;
};

/* What the system knows of the socket whose own address and peer these are. */
static ssize_t ask(const struct sockaddr_in *own, const struct sockaddr_in *peer, void *answer)
{
    struct question question = {.head = {.nlmsg_len = sizeof(question),
                                         .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                         .nlmsg_flags = NLM_F_REQUEST},
                                .socket = {.sdiag_family = AF_INET,
                                           .sdiag_protocol = IPPROTO_TCP,
                                           .idiag_ext = 1 << (INET_DIAG_CONG - 1),
                                           .idiag_states = 1u << ESTABLISHED,
                                           .id = {.idiag_sport = own->sin_port,
                                                  .idiag_dport = peer->sin_port,
                                                  .idiag_src = {own->sin_addr.s_addr},
                                                  .idiag_dst = {peer->sin_addr.s_addr},
                                                  .idiag_cookie = {ANY, ANY}}}};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ssize_t n;

    assert_true(fd >= 0);
    assert_int_equal(send(fd, &question, sizeof(question), 0), sizeof(question));
    n = recv(fd, answer, ANSWER_BYTES, 0);
    close(fd);
    return n;
}

static void congestion_control(const struct sockaddr_in *own, const struct sockaddr_in *peer,
                               char out[NAME_MAX_BYTES])
{
    _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
    const struct nlmsghdr *head = (const void *)answer;
    ssize_t n = ask(own, peer, answer);
    size_t at = NLMSG_SPACE(sizeof(struct inet_diag_msg));

    assert_true(n >= (ssize_t)sizeof(*head));
    assert_int_equal(head->nlmsg_type, SOCK_DIAG_BY_FAMILY);
    while (at + sizeof(struct rtattr) <= head->nlmsg_len) {
        const struct rtattr *fact = (const void *)(answer + at);

        if (fact->rta_type == INET_DIAG_CONG) {
            assert_in_range(RTA_PAYLOAD(fact), 1, NAME_MAX_BYTES);
            memcpy(out, answer + at + RTA_LENGTH(0), RTA_PAYLOAD(fact));
            return;
        }
        at += RTA_ALIGN(fact->rta_len);
    }
    fail_msg("the system does not say what congestion control a socket has");
}

static void neither_side_paces(void **state)
{
    struct broker *broker = broker_start(*state, NULL);
    muster_client *client = client_open(*state, broker_url(broker), LONG_TTL);
    struct sockaddr_in here;
    struct sockaddr_in there;
    socklen_t size = sizeof(here);
    char name[NAME_MAX_BYTES] = "";

    expect_status(muster_ping(client, MUSTER_FOREVER, NULL), MUSTER_OK);
    assert_int_equal(getsockname(muster_fd(client), (void *)&here, &size), 0);
    assert_int_equal(getpeername(muster_fd(client), (void *)&there, &size), 0);
    assert_int_equal(here.sin_family, AF_INET);
    congestion_control(&here, &there, name);
    assert_string_equal(name, "reno");
    memset(name, 0, sizeof(name));
    congestion_control(&there, &here, name);
    assert_string_equal(name, "reno");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(neither_side_paces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
