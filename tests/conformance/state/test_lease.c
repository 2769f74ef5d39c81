/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes want to do what only one may: who holds the lease writes down that it does, in
 * a commit that the lease guards. A trigger keeps all that was written: who, under which epoch,
 * when by the server's clock. */
#include "lib/forked.h"
#include "lib/patience.h"
#include "lib/store.h"
#include "state/lease.h"
#include "base/util.h"
#include <errno.h>
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define HUBS 3

static struct err e;
static struct hub { /* shared with the children */
    atomic_uint taken, lost, written, refused, away, old_written;
    _Atomic(uint64_t) epoch;
    atomic_bool begun, held, quiet; /* quiet: writes nothing, which would wait for the server */
} * hub;
static pid_t pid[HUBS];

static void pause_ms(unsigned ms)
{
    struct timespec d = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&d, NULL);
}

static int setup(void **state)
{
    void *p =
        mmap(NULL, HUBS * sizeof(*hub), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || store_init(state) < 0)
        return -1;
    hub = p;
    memset(pid, 0, sizeof(pid));
    if (!store_is_shared())
        return 0;
    state_close(store_open_as("feed.receive")); /* makes the tables */
    (void)store_sql("CREATE TABLE told(n bigserial, who text, epoch bigint, at timestamptz)");
    (void)store_sql(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO"
        " told(who, epoch, at) SELECT split_part(w, ' ', 1), split_part(w, ' ', 2)::bigint,"
        " clock_timestamp() FROM convert_from(NEW.value, 'UTF8') w; RETURN NEW; END $$");
    (void)store_sql("CREATE TRIGGER tell AFTER INSERT OR UPDATE ON reeve_kv FOR EACH ROW"
                    " EXECUTE FUNCTION tell()");
    return 0;
}

static void end(int i, int sig)
{
    if (pid[i] > 0) {
        (void)kill(pid[i], sig);
        (void)waitpid(pid[i], NULL, 0);
    }
    pid[i] = 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < HUBS; i++)
        end(i, SIGKILL);
    (void)munmap(hub, HUBS * sizeof(*hub));
    return store_done(state);
}

/* ---- a hub ---- */
struct child {
    int i;
    struct state *s;
    struct lease *l;
};

static bool write_down(const struct child *c, uint64_t epoch)
{
    char text[64];
    struct err why;
    int n = snprintf(text, sizeof(text), "%c %llu", 'a' + c->i, (unsigned long long)epoch);
    if (state_guard(c->s, "feed", epoch, &why) < 0 ||
        state_put(c->s, "who", text, (size_t)n, &why) < 0)
        _exit(2);
    if (state_commit(c->s, &why) == 0)
        return true;
    if (strcmp(why.code, "lease-lost") == 0)
        hub[c->i].refused++;
    else if (strcmp(why.code, "state-away") == 0)
        hub[c->i].away++;
    else
        _exit(3);
    state_rollback(c->s);
    return false;
}

static void on_taken(void *arg, uint64_t epoch)
{
    const struct child *c = arg;
    hub[c->i].taken++;
    hub[c->i].epoch = epoch;
}

static void on_lost(void *arg, const char *why)
{
    const struct child *c = arg;
    (void)why;
    hub[c->i].held = false;
    hub[c->i].lost++;
}

static volatile sig_atomic_t asked, woken;

static void on_term(int sig)
{
    if (sig == SIGTERM)
        asked = 1;
    else
        woken = 1;
}

static void run_hub(int i)
{
    struct child c = {.i = i};
    const struct lease_events events = {&c, on_taken, on_lost};
    const char name[2] = {(char)('a' + i), '\0'};
    const struct sigaction act = {.sa_handler = on_term};
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigaction(SIGCONT, &act, NULL);
    c.s = store_open_as("feed.receive");
    if (lease_open(store_conninfo(), "feed", name, &events, &c.l, &e) < 0)
        _exit(1);
    hub[i].begun = true;
    while (!asked) {
        short want = 0;
        uint64_t most = lease_timeout(c.l);
        struct pollfd f = {.fd = lease_fd(c.l, &want)};
        f.events = want;
        (void)poll(&f, 1, most < 10 ? (int)most : 10);
        if (woken) { /* before it knows anything: does what it was about to do */
            woken = 0;
            hub[i].old_written += lease_held(c.l) || write_down(&c, lease_epoch(c.l));
        }
        lease_run(c.l);
        hub[i].held = lease_held(c.l);
        if (hub[i].held && !hub[i].quiet && write_down(&c, lease_epoch(c.l)))
            hub[i].written++;
    }
    lease_close(c.l);
    state_close(c.s);
    _exit(0);
}

/* Returns when it has opened its state, for which it needs the server. */
static void begin(int i)
{
    pid[i] = forked();
    if (pid[i] == 0)
        run_hub(i);
    for (uint64_t until = patience_ends(10000); !hub[i].begun; pause_ms(5))
        if (mono_ms() > until)
            fail_msg("hub %c does not begin", 'a' + i);
}

/* The one that holds it, having written something since; waits. */
static int holder_within(unsigned ms, int other_than)
{
    uint64_t until = mono_ms() + ms;
    unsigned before[HUBS];
    for (int i = 0; i < HUBS; i++)
        before[i] = hub[i].written;
    while (mono_ms() < until) {
        for (int i = 0; i < HUBS; i++)
            if (i != other_than && hub[i].held && hub[i].written > before[i])
                return i;
        pause_ms(5);
    }
    fail_msg("nobody took over within %u ms", ms);
    return -1;
}

/* What the server saw: in the order of commits an epoch never comes back, and each has one holder.
 */
static void nobody_held_it_twice(void)
{
    assert_true(store_sql("SELECT count(*) FROM told") > 0);
    assert_int_equal(store_sql("SELECT count(*) FROM (SELECT epoch, lag(epoch) OVER (ORDER BY n) AS"
                               " before FROM told) x WHERE epoch < before"),
                     0);
    assert_int_equal(store_sql("SELECT count(*) FROM (SELECT epoch FROM told GROUP BY epoch HAVING"
                               " count(DISTINCT who) > 1) x"),
                     0);
}

/* ---- tests ---- */
static void a_killed_holder_is_replaced_within_ten_seconds(void **state)
{
    (void)state;
    store_needs_server();
    begin(0);
    begin(1);
    int first = holder_within(patience_ms(10000), -1);
    pause_ms(2500); /* over a renewal */
    assert_true(hub[first].held && hub[first].lost == 0);
    assert_false(hub[!first].held);
    end(first, SIGKILL);
    uint64_t killed = mono_ms();
    assert_int_equal(holder_within(10000, first), !first);
    print_message("moved after %llu ms\n", (unsigned long long)(mono_ms() - killed));
    assert_true(hub[!first].epoch == hub[first].epoch + 1);
    nobody_held_it_twice();
}

static void a_paused_holder_that_wakes_does_no_harm(void **state)
{
    (void)state;
    store_needs_server();
    for (int i = 0; i < HUBS; i++)
        begin(i);
    int first = holder_within(patience_ms(10000), -1);
    (void)kill(pid[first], SIGSTOP);
    hub[first].held = false; /* it cannot say so itself */
    int second = holder_within(patience_ms(10000), first);
    unsigned written = hub[first].written, refused = hub[first].refused;
    (void)kill(pid[first], SIGCONT);
    uint64_t until = patience_ends(5000);
    while ((hub[first].refused == refused || hub[first].lost == 0) && mono_ms() < until)
        pause_ms(5);
    pause_ms(1000);
    assert_true(hub[first].refused >
                refused); /* a commit by the old epoch, or one more before it knew */
    assert_int_equal(hub[first].lost, 1);
    assert_int_equal(hub[first].old_written, 0);
    assert_int_equal(hub[first].written, written);
    assert_false(hub[first].held);
    assert_true(hub[second].held);
    nobody_held_it_twice();
}

static void an_orderly_end_hands_it_over_at_once(void **state)
{
    (void)state;
    store_needs_server();
    begin(0);
    begin(1);
    int first = holder_within(patience_ms(10000), -1);
    (void)store_sql("CREATE TABLE at_the_end AS SELECT epoch, expires FROM reeve_lease");
    end(first, SIGTERM);
    uint64_t ended = mono_ms();
    (void)holder_within(patience_ms(10000), first);
    print_message("moved after %llu ms\n", (unsigned long long)(mono_ms() - ended));
    assert_true(store_sql("SELECT count(*) FROM told, at_the_end x WHERE told.epoch = x.epoch + 1"
                          " AND at < expires") > 0); /* it did not run out */
    nobody_held_it_twice();
}

static void it_goes_on_after_the_server_was_killed(void **state)
{
    (void)state;
    store_needs_server();
    for (int i = 0; i < HUBS; i++)
        begin(i);
    (void)holder_within(patience_ms(10000), -1);
    store_server("kill");
    store_server("start");
    (void)holder_within(patience_ms(10000), -1);
    for (int i = 0; i < HUBS; i++)
        hub[i].quiet = true;
    pause_ms(100);
    store_server("kill"); /* for longer than it lasts: the holder has to let go by itself */
    uint64_t until = mono_ms() + LEASE_TTL_MS;
    bool any = true;
    while (any && mono_ms() < until) {
        any = hub[0].held || hub[1].held || hub[2].held;
        pause_ms(10);
    }
    store_server("start");
    assert_false(any);
    for (int i = 0; i < HUBS; i++)
        hub[i].quiet = false;
    (void)holder_within(patience_ms(10000), -1);
    nobody_held_it_twice();
}

static void without_a_server_nothing_is_held(void **state)
{
    struct lease *l = NULL;
    const struct lease_events none = {.arg = NULL};
    (void)state;
    assert_true(lease_open("host=127.0.0.1 porto=1", "feed", "a", &none, &l, &e) < 0);
    assert_string_equal(e.code, "state-refused");
    assert_int_equal(lease_open("host=127.0.0.1 port=1", "feed", "a", &none, &l, &e), 0);
    for (int i = 0; i < 20; i++) {
        assert_false(lease_held(l));
        lease_run(l);
        pause_ms(lease_timeout(l) < 20 ? (unsigned)lease_timeout(l) : 20);
    }
    assert_true(strlen(lease_trouble(l)) > 0);
    assert_string_equal(lease_holder(l), "");
    lease_close(l);
    lease_close(NULL);
}

static void count_taken(void *arg, uint64_t epoch)
{
    (void)epoch;
    (*(unsigned *)arg)++;
}

/* The first server of the list takes connections and says nothing. */
static void a_server_that_is_silent_is_passed_over(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    char conninfo[2048];
    const char *port = strstr(store_conninfo(), "port=");
    unsigned taken = 0;
    const struct lease_events events = {&taken, count_taken, NULL};
    struct lease *l = NULL;
    (void)state;
    store_needs_server();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    assert_non_null(port);
    (void)snprintf(conninfo, sizeof(conninfo), "%s host=127.0.0.1,127.0.0.1 port=%d,%ld",
                   store_conninfo(), ntohs(at.sin_port), strtol(port + 5, NULL, 10));
    assert_int_equal(lease_open(conninfo, "feed", "a", &events, &l, &e), 0);
    uint64_t until = patience_ends(5000);
    while (!taken && mono_ms() < until) {
        lease_run(l);
        pause_ms(lease_timeout(l) < 5 ? (unsigned)lease_timeout(l) : 5);
    }
    assert_int_equal(taken, 1);
    assert_true(lease_held(l));
    lease_close(l);
    (void)close(fd);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_killed_holder_is_replaced_within_ten_seconds),
        CASE(a_paused_holder_that_wakes_does_no_harm),
        CASE(an_orderly_end_hands_it_over_at_once),
        CASE(it_goes_on_after_the_server_was_killed),
        CASE(without_a_server_nothing_is_held),
        CASE(a_server_that_is_silent_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
