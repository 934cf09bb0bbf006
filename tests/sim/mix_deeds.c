/* mix_deeds.c - what the programs of a mix do, by chance. See mix.h. */
#include "tests/sim/mix_chance.h"

#include <stdio.h>
#include <stdlib.h>

static const char *any_timeout(struct mix *m)
{
    static const char *const words[] = {"timeout=0", "timeout=1s", "timeout=7s", ""};

    return words[below(m, 4)];
}

/* In a calm world who does something is there. */
static void be_there(struct mix *m, const char *who)
{
    if (m->calm && program_of(m->world, who)->wire == NULL) {
        mix_do(m, "! back %s", who);
    }
}

static void do_put(struct mix *m, const char *who)
{
    uint64_t queue = below(m, MIX_QUEUES);
    char more[128] = "";
    char bodies[64];
    size_t count = one_in(m, 5) ? 1 + below(m, 3) : 1;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, "b%u", m->next_body++);
        if (m->body_max > 0 && !one_in(m, 3)) {
            len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, "*%d",
                                    (int)below(m, m->body_max));
        }
        len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, " ");
    }
    if (count > 1) {
        strcat(more, one_in(m, 2) ? " mode=all" : " mode=fit");
    } else if (one_in(m, 8)) {
        snprintf(more, sizeof(more), " dedup=k%d", (int)below(m, 3));
    }
    strcat(more, one_in(m, 6) ? " delay=2s" : "");
    strcat(more, one_in(m, 6) ? " ttl=4s" : "");
    if (queue == 2) { /* the priority queue */
        snprintf(more + strlen(more), sizeof(more) - strlen(more), " priority=%d",
                 (int)below(m, 3));
    }
    mix_do(m, "%s put q%d %s%s %s", who, (int)queue, bodies, any_timeout(m), more);
}

static void do_get(struct mix *m, const char *who)
{
    static const char *const modes[] = {"auto", "", "", "lease=3s", "lease=20s detached"};
    static const char *const from[] = {"q0", "q1", "q2", "q0,q1", "q2,q0,q1"};

    const char *source = from[below(m, 5)];
    const char *mode = modes[below(m, 5)];
    const char *timeout = any_timeout(m);

    mix_do(m, "%s get %s %s %s max=%d", who, source, mode, timeout, one_in(m, 4) ? 3 : 1);
}

/* Something with a delivery that was given lately, mostly by the one who got it. */
static void do_finish(struct mix *m, const char *who)
{
    static const char *const verbs[] = {"done", "done", "done", "nack",
                                        "nack", "nack", "nack", "extend"};
    static const char *const more[] = {"", "", "", "", "delay=2s", "uncounted", "dead", "lease=5s"};
    const struct mix_delivery *delivery = &m->held[below(m, MIX_HELD)];
    size_t way = below(m, 8);

    if (delivery->program[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < MIX_PROGRAMS && !one_in(m, 20); i++) {
        if (strcmp(m->programs[i], delivery->program) == 0) {
            who = m->programs[i];
        }
    }
    be_there(m, who);
    mix_do(m, "%s %s q%d %d.%d %s", who, verbs[way], delivery->queue, (int)delivery->id,
           (int)delivery->number, more[way]);
}

static void do_administer(struct mix *m, const char *who)
{
    int queue = (int)below(m, MIX_QUEUES);

    if (!m->rough && one_in(m, 2)) { /* what takes messages away hides what loses them */
        mix_do(m, "%s unpause q%d both", who, queue);
        return;
    }
    switch (m->rough ? below(m, 8) : 2 + below(m, 3)) {
    case 0: mix_do(m, "%s purge q%d", who, queue); break;
    case 1: mix_do(m, "%s delete q%d %d", who, queue, (int)below(m, 40)); break;
    case 2: mix_do(m, "%s pause q%d %s", who, queue, one_in(m, 2) ? "put" : "get"); break;
    case 3: mix_do(m, "%s update q%d maxsize=%d", who, queue, (int)below(m, 5)); break;
    case 4: mix_do(m, "%s redrive q%d", who, queue); break;
    case 5:
        if (one_in(m, 10)) {
            mix_do(m, "%s shutdown q%d%s", who, queue, one_in(m, 2) ? " immediate" : "");
        }
        break;
    case 6:
        if (one_in(m, 10) && !m->calm) {
            mix_do(m, "%s remove q%d", who, queue);
        }
        break;
    default: mix_do(m, "%s unpause q%d both", who, queue); break;
    }
}

/* Says what is answered at once: whatever it asked before has arrived. */
static void say_something(struct mix *m, const char *who)
{
    mix_do(m, "%s ping", who);
    wait_a_little(m);
}

/* Several wait in one line, go away, and come back in turn, while others wait behind them. */
static void line_up(struct mix *m)
{
    size_t first = below(m, MIX_PROGRAMS);
    int queue = (int)below(m, MIX_QUEUES);
    size_t turn = below(m, 3);

    for (size_t i = 0; i < 4; i++) {
        const char *who = m->programs[(first + i) % MIX_PROGRAMS];

        mix_do(m, "! back %s", who);
        wait_a_little(m);
        mix_do(m, "%s get q%d auto timeout=60s", who, queue);
        say_something(m, who);
    }
    for (size_t i = 0; i < 3 && m->failures; i++) {
        mix_do(m, "%s cut", m->programs[(first + i) % MIX_PROGRAMS]);
    }
    for (size_t i = 0; i < 3; i++) {
        const char *who = m->programs[(first + (turn + i) % 3) % MIX_PROGRAMS];

        mix_do(m, "! back %s", who);
        wait_a_little(m);
        say_something(m, who);
        if (one_in(m, 2)) {
            be_there(m, m->programs[(first + 4) % MIX_PROGRAMS]);
            mix_do(m, "%s put q%d b%u timeout=0", m->programs[(first + 4) % MIX_PROGRAMS], queue,
                   m->next_body++);
        }
    }
}

/* A put too large for the room that is left stands at the head of the line, and smaller ones that
 * would fit come later. */
static void pile_up(struct mix *m)
{
    size_t first = below(m, MIX_PROGRAMS);
    int queue = (int)below(m, MIX_QUEUES);
    const char *large = m->programs[first];
    const char *small = m->programs[(first + 1) % MIX_PROGRAMS];
    unsigned body = m->next_body;

    m->next_body += 6;
    mix_do(m, "! back %s", large);
    mix_do(m, "! back %s", small);
    mix_do(m, "%s update q%d maxsize=%d full=0", small, queue, 3 + (int)below(m, 2));
    mix_do(m, "%s put q%d b%u timeout=0", small, queue, body);
    say_something(m, small);
    mix_do(m, "%s put q%d b%u b%u b%u mode=all timeout=40s", large, queue, body + 1, body + 2,
           body + 3);
    say_something(m, large);
    if (m->failures && one_in(m, 3)) {
        mix_do(m, "%s cut", large);
    }
    mix_do(m, "%s put q%d b%u timeout=%ds", small, queue, body + 4, one_in(m, 2) ? 0 : 30);
    say_something(m, small);
    mix_do(m, "%s get q%d timeout=0 auto", small, queue);
    say_something(m, small);
    mix_do(m, "%s put q%d b%u timeout=30s", small, queue, body + 5);
}

/* As many as it takes, one of whom may be away for a while. */
static void meet(struct mix *m, const char *who)
{
    size_t first = below(m, MIX_PROGRAMS);

    mix_do(m, "%s reset gate", who);
    for (size_t i = 0; i < 3; i++) {
        const char *party = m->programs[(first + i) % MIX_PROGRAMS];

        mix_do(m, "! back %s", party);
        wait_a_little(m);
        mix_do(m, "%s barrier gate timeout=9s", party);
        if (m->failures && one_in(m, 4)) {
            wait_a_little(m);
            mix_do(m, "%s cut", party);
        }
    }
}

static void do_together(struct mix *m, const char *who)
{
    switch (below(m, 8)) {
    case 0: mix_do(m, "%s set go", who); break;
    case 1: mix_do(m, "%s clear go", who); break;
    case 2: mix_do(m, "%s wait go %s", who, any_timeout(m)); break;
    case 3: mix_do(m, "%s reset gate", who); break;
    case 4: mix_do(m, "%s report gate", who); break;
    case 5: mix_do(m, "%s is_set go", who); break;
    case 6: meet(m, who); break;
    default: mix_do(m, "%s barrier gate %s", who, any_timeout(m)); break;
    }
}

/* What is asked seldom, or only looks. */
static void do_seldom(struct mix *m, const char *who)
{
    static const char *const modes[] = {"auto", "", "lease=3s"};
    static const char *const settings[] = {"full=reject", "full=block", "max-deliveries=1",
                                           "max-deliveries=3"};
    int queue = (int)below(m, MIX_QUEUES);

    switch (below(m, 10)) {
    case 0: mix_do(m, "%s peek q%d 5", who, queue); break;
    case 1: mix_do(m, "%s qsize q%d", who, queue); break;
    case 2: mix_do(m, "%s list q*", who); break;
    case 3: mix_do(m, "%s sessions", who); break;
    case 4: mix_do(m, "%s task_done q%d %d", who, queue, 1 + (int)below(m, 3)); break;
    case 5: mix_do(m, "%s get q%d.dead timeout=0 %s", who, queue, modes[below(m, 3)]); break;
    case 6: mix_do(m, "%s abort gate", who); break;
    case 7: mix_do(m, "%s kill %s", who, any_program(m)); break;
    case 8: mix_do(m, "%s update q%d %s", who, queue, settings[below(m, 4)]); break;
    default:
        mix_do(m, "%s put q2 b%u b%u mode=all timeout=1s priority=2,0", who, m->next_body,
               m->next_body + 1);
        m->next_body += 2;
        break;
    }
}

void mix_do_something(struct mix *m, const char *who)
{
    struct program *p = program_of(m->world, who);
    const char *timeout;

    be_there(m, who);
    if (!m->calm && one_in(m, 20)) {
        do_seldom(m, who);
        return;
    }
    switch (m->hoards && one_in(m, 2) ? 0 : below(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3: do_put(m, who); break;
    case 4:
    case 5:
    case 6:
    case 7: do_get(m, who); break;
    case 8:
    case 9:
    case 10: do_finish(m, who); break;
    case 11: mix_do(m, "%s task_done q%d", who, (int)below(m, MIX_QUEUES)); break;
    case 12:
        timeout = any_timeout(m);
        mix_do(m, "%s join q%d %s", who, (int)below(m, MIX_QUEUES), timeout);
        break;
    case 13: do_administer(m, who); break;
    case 14: do_together(m, who); break;
    case 15:
        if (one_in(m, 3)) {
            one_in(m, 2) ? line_up(m) : pile_up(m);
            break;
        }
        /* fallthrough */
    default:
        if (program_find(p, NULL) != NULL) {
            mix_do(m, "%s cancel", who);
        }
        break;
    }
}
