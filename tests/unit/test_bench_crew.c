/* test_bench_crew.c - what the benchmark says of a server's processor time is what it took, once:
 * of its main thread, of other threads, and of those that have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "bench/crew.h"

#define WORK_NS 250000000LL

static int64_t clock_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void work(void)
{
    int64_t end_ns = clock_of(CLOCK_THREAD_CPUTIME_ID) + WORK_NS;

    while (clock_of(CLOCK_THREAD_CPUTIME_ID) < end_ns) {
    }
}

/* A running thread's account is brought up to date by the tick; a tick is 10 ms at most. */
static void assert_told(int64_t told_ns, int64_t taken_ns)
{
    assert_in_range(told_ns, taken_ns * 3 / 4, taken_ns * 5 / 4);
}

static void one_thread_is_counted_once(void **state)
{
    int64_t told_ns = server_cpu_ns(getpid()), taken_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);

    (void)state;
    work();
    assert_told(server_cpu_ns(getpid()) - told_ns, clock_of(CLOCK_PROCESS_CPUTIME_ID) - taken_ns);
}

struct rest {
    pthread_barrier_t worked;
    pthread_barrier_t asked;
};

static void *work_and_rest(void *arg)
{
    struct rest *rest = arg;

    work();
    pthread_barrier_wait(&rest->worked);
    pthread_barrier_wait(&rest->asked);
    return NULL;
}

static void other_threads_are_counted_too(void **state)
{
    int64_t told_ns = server_cpu_ns(getpid()), taken_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    struct rest rest;
    pthread_t helper;

    (void)state;
    pthread_barrier_init(&rest.worked, NULL, 2);
    pthread_barrier_init(&rest.asked, NULL, 2);
    assert_int_equal(pthread_create(&helper, NULL, work_and_rest, &rest), 0);
    work();
    pthread_barrier_wait(&rest.worked);
    assert_told(server_cpu_ns(getpid()) - told_ns, clock_of(CLOCK_PROCESS_CPUTIME_ID) - taken_ns);
    pthread_barrier_wait(&rest.asked);
    pthread_join(helper, NULL);
    pthread_barrier_destroy(&rest.worked);
    pthread_barrier_destroy(&rest.asked);
}

static void *work_and_end(void *arg)
{
    work();
    return arg;
}

static void a_thread_that_has_ended_is_not_forgotten(void **state)
{
    int64_t told_ns = server_cpu_ns(getpid()), taken_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    pthread_t helper;

    (void)state;
    assert_int_equal(pthread_create(&helper, NULL, work_and_end, NULL), 0);
    pthread_join(helper, NULL);
    assert_told(server_cpu_ns(getpid()) - told_ns, clock_of(CLOCK_PROCESS_CPUTIME_ID) - taken_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_is_counted_once),
        cmocka_unit_test(other_threads_are_counted_too),
        cmocka_unit_test(a_thread_that_has_ended_is_not_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
