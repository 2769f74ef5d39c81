/* SPDX-License-Identifier: Apache-2.0 */
/* test_link - a connection to RabbitMQ: TLS and who is believed, SASL, several addresses, and that
 * nobody who is silent holds us up. */
#include "lib/engine_amqp.h"
#include "lib/patience.h"
#include "base/util.h"
#include <setjmp.h>
#include <dirent.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct engine g;
static struct err e;
static struct amqp_place p;
static amqp_connection_state_t c;

static int setup(void **state)
{
    static const struct engine_dest dests[] = {{.name = "register"}, {.name = NULL}};
    (void)state;
    c = NULL;
    return engine_init(&g, dests) < 0 || engine_start(&g) < 0 ||
           engine_amqp_place(&g, "all", &p) < 0;
}

static int teardown(void **state)
{
    (void)state;
    amqp_link_close(c);
    amqp_place_done(&p);
    engine_done(&g);
    return 0;
}

static void set(char **text, const char *value)
{
    free(*text);
    *text = value ? strdup(value) : NULL;
}

static void broker(size_t i, const char *host, unsigned port)
{
    set(&p.broker[i].host, host);
    p.broker[i].port = (int)port;
    p.brokers_n = i >= p.brokers_n ? i + 1 : p.brokers_n;
}

static char *pem(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *out = path[next++ % 4];
    (void)snprintf(out, sizeof path[0], "%s/tls/%s", engine_amqp_dir(), name);
    return out;
}

static void tls(const char *host)
{
    p.tls = true;
    set(&p.ca, pem("ca.pem"));
    broker(0, host, engine_amqp_port(true));
}

static int open_it(void)
{
    amqp_link_close(c);
    c = NULL;
    return amqp_link_open(&p, &c, &e);
}

static void opens(void)
{
    if (open_it() < 0)
        fail_msg("%s", e.text);
    assert_int_equal(amqp_link_channel(c, 2, &e), 0);
}

static void refused(int r, const char *code, const char *words)
{
    if (open_it() != r)
        fail_msg("%s: %s", e.code, e.text);
    assert_string_equal(e.code, code);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" is not in: %s", words, e.text);
    assert_null(c);
}

static void tls_verifies_the_broker_and_its_name(void **state)
{
    (void)state;
    tls("localhost");
    opens();
    tls("127.1"); /* the same address by a name that the certificate does not have */
    refused(-EIO, "transport", "hostname");
    tls("localhost");
    set(&p.ca, pem("client.pem")); /* signed nothing */
    refused(-EIO, "transport", "SSL");
    set(&p.ca, "/nowhere/ca.pem");
    refused(-EIO, "transport", "/nowhere/ca.pem");
    tls("localhost");
    broker(0, "localhost", engine_amqp_port(false)); /* no TLS there */
    refused(-EIO, "transport", "SSL");
}

static void a_client_certificate_is_shown_and_must_belong_to_its_key(void **state)
{
    (void)state;
    tls("localhost");
    set(&p.certificate, pem("client.pem"));
    set(&p.key, pem("client.key"));
    opens();
    set(&p.key, pem("server.key"));
    refused(-EIO, "transport", "client.pem");
}

static void external_takes_the_name_from_the_certificate(void **state)
{
    char path[128];
    (void)state;
    assert_true(engine_amqp_api("PUT", "users/client", "{\"password\":\"\",\"tags\":\"\"}", NULL) /
                    100 ==
                2);
    (void)snprintf(path, sizeof path, "permissions/%s/client", g.vhost);
    tls("localhost");
    set(&p.certificate, pem("client.pem"));
    set(&p.key, pem("client.key"));
    set(&p.password, NULL);
    set(&p.user, NULL);
    p.external = true;
    refused(-EPERM, "not-allowed", g.vhost); /* known, but not in this virtual host */
    assert_int_equal(
        engine_amqp_api("PUT", path, "{\"configure\":\"\",\"write\":\"\",\"read\":\"\"}", NULL) /
            100,
        2);
    opens();
    set(&p.certificate, pem("server.pem")); /* CN=localhost: nobody's name */
    set(&p.key, pem("server.key"));
    refused(-EPERM, "not-allowed", "EXTERNAL");
}

static void wrong_credentials_and_hosts_are_told_apart(void **state)
{
    (void)state;
    set(&p.password, "wrong-secret");
    refused(-EPERM, "not-allowed", "ACCESS_REFUSED");
    assert_null(strstr(e.text, "wrong-secret"));
    amqp_place_done(&p);
    assert_int_equal(engine_amqp_place(&g, "all", &p), 0);
    set(&p.vhost, "no-such-host");
    refused(-EPERM, "not-allowed", "no-such-host");
    broker(0, "127.0.0.1", 1);
    refused(-EIO, "transport", "127.0.0.1:1");
    broker(0, "no.such.name.invalid", 5672);
    refused(-EIO, "transport", "no.such.name.invalid:5672");
}

static void the_next_broker_is_tried_and_every_reason_is_told(void **state)
{
    unsigned good = engine_amqp_port(false);
    (void)state;
    broker(0, "127.0.0.1", 1);
    broker(1, "127.0.0.1", good);
    broker(2, "127.0.0.1", 2);
    opens();
    assert_int_equal(p.next, 2); /* after a loss the one after it */
    opens();
    assert_int_equal(p.next, 2); /* 2, 0, then 1 again */
    broker(1, "127.0.0.1", 3);
    refused(-EIO, "transport", "127.0.0.1:1: ");
    assert_non_null(strstr(e.text, "127.0.0.1:2: "));
    assert_non_null(strstr(e.text, "127.0.0.1:3: "));
    broker(1, "127.0.0.1", good);
    set(&p.password, "wrong");
    refused(-EPERM, "not-allowed", "ACCESS_REFUSED"); /* weighs more than those who are away */
}

/* A port where connections are taken and nothing is said. */
static int silent_port(unsigned *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void who_is_silent_is_left_in_time(void **state)
{
    unsigned port, good = engine_amqp_port(false);
    (void)state;
    int fd = silent_port(&port);
    broker(0, "127.0.0.1", port);
    broker(1, "127.0.0.1", good);
    uint64_t start = mono_ms();
    opens();
    uint64_t took = mono_ms() - start;
    assert_true(took >= AMQP_WAIT_MS - 100 && took < 2 * AMQP_WAIT_MS);
    (void)close(fd);
}

/* Is any thread of the process still running? A stop takes its time to reach them all. */
static bool still_runs(pid_t pid)
{
    char path[64], line[512];
    struct dirent *entry;
    bool runs = false;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        char stat[400];
        (void)snprintf(stat, sizeof stat, "%s/%.20s/stat", path, entry->d_name);
        FILE *f = entry->d_name[0] != '.' ? fopen(stat, "re") : NULL;
        const char *name = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        runs = runs || (name && name[1] == ' ' && name[2] != 'T');
        if (f)
            (void)fclose(f);
    }
    (void)closedir(tasks);
    return runs;
}

static void a_frozen_broker_holds_up_neither_a_question_nor_the_end(void **state)
{
    (void)state;
    opens();
    assert_int_equal(kill(g.pid, SIGSTOP), 0);
    while (still_runs(g.pid))
        (void)usleep(1000);
    uint64_t start = mono_ms();
    (void)amqp_channel_open(c, 3);
    int r = amqp_link_reply(c, "asking", &e);
    uint64_t asked = mono_ms() - start;
    amqp_link_close(c);
    c = NULL;
    uint64_t took = mono_ms() - start;
    assert_int_equal(kill(g.pid, SIGCONT), 0);
    assert_int_equal(r, -EIO);
    assert_string_equal(e.code, "transport");
    assert_true(asked < 2 * AMQP_WAIT_MS && took < 3 * AMQP_WAIT_MS);
    opens(); /* and on it goes */
}

static void the_broker_knows_our_name_and_what_we_understand(void **state)
{
    static const char *const words[] = {"\"connection_name\":\"all\"",
                                        "\"connection.blocked\":true",
                                        "\"consumer_cancel_notify\":true"};
    struct buf b = BUF_INIT(1u << 20);
    uint64_t until = patience_ends(10000);
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof path, "vhosts/%s/connections", g.vhost);
    opens();
    do {
        (void)usleep(50000);
        buf_reset(&b);
        assert_int_equal(engine_amqp_api("GET", path, NULL, &b), 200);
    } while (!strstr(buf_str(&b), "connection_name") && mono_ms() < until);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (!strstr(buf_str(&b), words[i]))
            fail_msg("%s is not in %s", words[i], buf_str(&b));
    buf_done(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    (void)setenv("REEVE_ENGINE", "amqp", 1);
    static const struct CMUnitTest tests[] = {
        T(tls_verifies_the_broker_and_its_name),
        T(a_client_certificate_is_shown_and_must_belong_to_its_key),
        T(external_takes_the_name_from_the_certificate),
        T(wrong_credentials_and_hosts_are_told_apart),
        T(the_next_broker_is_tried_and_every_reason_is_told),
        T(who_is_silent_is_left_in_time),
        T(a_frozen_broker_holds_up_neither_a_question_nor_the_end),
        T(the_broker_knows_our_name_and_what_we_understand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
