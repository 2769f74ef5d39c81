/* SPDX-License-Identifier: Apache-2.0 */
/* test_server - clients that break the protocol in every way lose their own connection and nothing
 * else. */
#include "spool/server.h"
#include "lib/forked.h"
#include "base/digest.h"
#include "base/util.h"
#include "transport/spool_wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

static char dir[64], socket_path[128];
static struct server *server;
static struct channel *good, *bad;
static struct buf b;

static struct channel *add_client(void)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(server_add(server, fd[0]), 0);
    struct channel *c = channel_new(fd[1], 2u << 20);
    assert_non_null(c);
    return c;
}

static void turns(unsigned n)
{
    bool also = false;
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(server_turn(server, -1, 0, 0, &also), 0);
}

static void send_buf(struct channel *c, uint16_t type)
{
    assert_int_equal(channel_send(c, type, 0, b.p, b.len, -1), 0);
    (void)channel_flush(c);
    buf_reset(&b);
}

/* The next frame's type, 0 = nothing there, -1 = closed. */
static int next_type(struct channel *c)
{
    struct frame f;
    int r = channel_fill(c);
    if (channel_next(c, &f) == 1)
        return f.type;
    return r < 0 || channel_fill(c) < 0 ? -1 : 0;
}

static void hello(struct channel *c, uint32_t version, const char *name, const char *token)
{
    assert_int_equal(pack_u32(&b, version), 0);
    assert_int_equal(pack_str(&b, name), 0);
    assert_int_equal(pack_str(&b, token), 0);
    send_buf(c, SPOOL_HELLO);
    turns(2);
}

static void welcome(struct channel *c)
{
    hello(c, SPOOL_WIRE_VERSION, "worker", "secret");
    assert_int_equal(next_type(c), SPOOL_WELCOME);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char json[1024], digest[SHA256_HEX];
    struct tree *part = NULL;
    struct err e;
    (void)state;
    (void)snprintf(dir, sizeof dir, "%s/reeve-server-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(socket_path, sizeof socket_path, "%s/s", dir);
    sha256_hex("secret", 6, digest);
    (void)snprintf(json, sizeof json,
                   "{\"data\":\"%s\",\"socket\":\"%s\",\"message_max\":1000000,"
                   "\"destinations\":[{\"name\":\"a\"},{\"name\":\"b\"}],"
                   "\"rights\":[{\"name\":\"worker\",\"token_sha256\":\"%s\",\"publish\":true,"
                   "\"consume\":[\"a\"]}]}",
                   dir, socket_path, digest);
    assert_int_equal(tree_from_json(json, strlen(json), &part, &e), 0);
    int r = server_open(part, &server, &e);
    tree_free(part);
    if (r < 0) {
        print_message("%s\n", e.text);
        return -1;
    }
    buf_init(&b, 4u << 20);
    good = add_client();
    bad = add_client();
    welcome(good);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"spool/spool.db",      "spool/spool.db-wal",
                                        "spool/spool.db-shm",  "spool/spool.lock",
                                        "spool/spool.reserve", "spool"};
    (void)state;
    channel_free(good);
    channel_free(bad);
    server_close(server);
    buf_done(&b);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *p = path_join(dir, files[i]);
        (void)remove(p);
        free(p);
    }
    return rmdir(dir);
}

static void put_publish(const char *event, size_t len, const char *dest)
{
    assert_int_equal(spool_put_publish(&b, 9, "id", event, len, &dest, 1), 0);
}

/* The other client still works. */
static void good_is_served(void)
{
    put_publish("x", 1, "a");
    send_buf(good, SPOOL_PUBLISH);
    turns(2);
    assert_int_equal(next_type(good), SPOOL_CONFIRMED);
}

static void bad_is_closed(void)
{
    turns(5);
    while (next_type(bad) > 0)
        ;
    assert_int_equal(next_type(bad), -1);
    assert_int_equal(server_clients(server), 1);
    good_is_served();
}

static void bad_is_refused(void)
{
    int type;
    turns(3);
    while ((type = next_type(bad)) > 0 && type != SPOOL_REFUSED)
        ;
    assert_int_equal(type, SPOOL_REFUSED);
    bad_is_closed();
}

static void the_socket_is_private(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void anything_before_the_greeting(void **state)
{
    (void)state;
    put_publish("x", 1, "a");
    send_buf(bad, SPOOL_PUBLISH);
    bad_is_refused();
}

static void a_wrong_token(void **state)
{
    (void)state;
    hello(bad, SPOOL_WIRE_VERSION, "worker", "secreT");
    bad_is_refused();
}

static void another_version(void **state)
{
    (void)state;
    hello(bad, SPOOL_WIRE_VERSION + 1, "worker", "secret");
    bad_is_refused();
}

static void a_second_greeting(void **state)
{
    (void)state;
    welcome(bad);
    hello(bad, SPOOL_WIRE_VERSION, "worker", "secret");
    bad_is_refused();
}

static void an_unknown_frame(void **state)
{
    (void)state;
    welcome(bad);
    send_buf(bad, 999);
    bad_is_refused();
}

static void a_handle_it_never_had(void **state)
{
    (void)state;
    welcome(bad);
    assert_int_equal(pack_u64(&b, 0x10000), 0);
    send_buf(bad, SPOOL_DONE);
    bad_is_refused();
}

static void half_a_handle(void **state)
{
    (void)state;
    welcome(bad);
    assert_int_equal(pack_u32(&b, 1), 0);
    send_buf(bad, SPOOL_DONE);
    bad_is_refused();
}

static void put_consume(uint32_t sub, uint32_t prefetch, const char *dest)
{
    assert_int_equal(pack_u32(&b, sub), 0);
    assert_int_equal(pack_u32(&b, prefetch), 0);
    assert_int_equal(pack_str(&b, dest), 0);
}

static void the_queue_of_another(void **state)
{
    (void)state;
    welcome(bad);
    put_consume(0, 10, "b");
    send_buf(bad, SPOOL_CONSUME);
    bad_is_refused();
}

static void more_consumers_than_destinations(void **state)
{
    (void)state;
    welcome(bad);
    put_consume(0, 10, "a");
    send_buf(bad, SPOOL_CONSUME);
    put_consume(1, 10, "a");
    send_buf(bad, SPOOL_CONSUME);
    bad_is_refused();
}

static void a_job_settled_twice(void **state)
{
    struct frame f;
    struct spool_job j = {.handle = 0};
    (void)state;
    good_is_served();
    welcome(bad);
    put_consume(0, 10, "a");
    send_buf(bad, SPOOL_CONSUME);
    turns(2);
    assert_int_equal(channel_fill(bad), 0);
    assert_int_equal(channel_next(bad, &f), 1);
    assert_int_equal(f.type, SPOOL_JOB);
    assert_int_equal(spool_get_job(&f, &j), 0);
    assert_int_equal(pack_u64(&b, j.handle), 0);
    assert_int_equal(pack_u64(&b, j.handle), 0);
    send_buf(bad, SPOOL_DONE);
    bad_is_refused(); /* the first of the two counts */
}

static pid_t connected_by(struct channel **ret)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(strlen(socket_path) < sizeof a.sun_path);
    memcpy(a.sun_path, socket_path, strlen(socket_path));
    assert_true(fd >= 0);
    pid_t pid = forked();
    if (pid == 0) { /* the connection is this process's, and stays open in the other */
        (void)connect(fd, (const struct sockaddr *)&a, sizeof a);
        for (;;)
            (void)pause();
    }
    *ret = channel_new(fd, 2u << 20);
    for (unsigned i = 0; i < 5000 && server_clients(server) < 3; i++) {
        turns(1);
        (void)usleep(1000);
    }
    assert_int_equal(server_clients(server), 3);
    return pid;
}

/* What a dead process has in flight goes to its successor, though the connection was never closed.
 */
static void a_successor_takes_over_what_was_in_flight(void **state)
{
    int type;
    struct channel *dead = NULL;
    (void)state;
    pid_t pid = connected_by(&dead);
    welcome(dead);
    put_consume(0, 10, "a");
    send_buf(dead, SPOOL_CONSUME);
    put_publish("x", 1, "a");
    send_buf(dead, SPOOL_PUBLISH);
    turns(2);
    while ((type = next_type(dead)) > 0 && type != SPOOL_JOB)
        ;
    assert_int_equal(type, SPOOL_JOB);
    put_consume(0, 10, "a"); /* a second consumer of the name is welcome while the first lives */
    send_buf(good, SPOOL_CONSUME);
    turns(2);
    assert_int_equal(server_clients(server), 3);
    assert_int_equal(next_type(good), 0);
    (void)kill(pid, SIGKILL);
    forked_was_killed(pid);
    welcome(bad);
    put_consume(0, 10, "a");
    send_buf(bad, SPOOL_CONSUME);
    turns(3);
    assert_int_equal(server_clients(server), 2);
    int first = next_type(good), second = next_type(bad);
    assert_true((first == SPOOL_JOB) != (second == SPOOL_JOB));
    while ((type = next_type(dead)) > 0)
        ;
    assert_int_equal(type, -1);
    channel_free(dead);
}

static void a_frame_over_the_limit(void **state)
{
    (void)state;
    welcome(bad);
    static const uint8_t head[FRAME_HEADER] = {0xff, 0xff, 0xff, 0x7f, SPOOL_PUBLISH};
    assert_int_equal(write_all(channel_fd(bad), head, sizeof head), 0);
    bad_is_closed();
}

static void noise(void **state)
{
    uint8_t junk[4096];
    (void)state;
    assert_int_equal(random_bytes(junk, sizeof junk), 0);
    junk[3] = 0xff; /* no such length */
    assert_int_equal(write_all(channel_fd(bad), junk, sizeof junk), 0);
    bad_is_closed();
}

static void one_that_hangs_up_in_mid_frame(void **state)
{
    (void)state;
    welcome(bad);
    put_publish("half", 4, "a");
    assert_int_equal(channel_send(bad, SPOOL_PUBLISH, 0, b.p, b.len, -1), 0);
    buf_reset(&b);
    static const uint8_t head[FRAME_HEADER + 2] = {100, 0, 0, 0, SPOOL_PUBLISH};
    assert_int_equal(channel_flush(bad), 0);
    assert_int_equal(write_all(channel_fd(bad), head, sizeof head), 0);
    channel_free(bad);
    bad = NULL;
    turns(3);
    assert_int_equal(server_clients(server), 1);
    good_is_served();
}

static void an_admin_question_without_the_right_is_answered_no(void **state)
{
    (void)state;
    send_buf(good, SPOOL_STATUS);
    turns(2);
    assert_int_equal(next_type(good), SPOOL_ANSWER);
    good_is_served();
}

static void a_message_over_the_maximum_fails_alone(void **state)
{
    static char big[1000001];
    (void)state;
    put_publish(big, sizeof big, "a");
    send_buf(good, SPOOL_PUBLISH);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(channel_flush(good), 0);
        turns(1);
    }
    assert_int_equal(next_type(good), SPOOL_FAILED);
    good_is_served();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(the_socket_is_private),
        T(anything_before_the_greeting),
        T(a_wrong_token),
        T(another_version),
        T(a_second_greeting),
        T(an_unknown_frame),
        T(a_handle_it_never_had),
        T(a_successor_takes_over_what_was_in_flight),
        T(half_a_handle),
        T(the_queue_of_another),
        T(more_consumers_than_destinations),
        T(a_job_settled_twice),
        T(a_frame_over_the_limit),
        T(noise),
        T(one_that_hangs_up_in_mid_frame),
        T(an_admin_question_without_the_right_is_answered_no),
        T(a_message_over_the_maximum_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
