/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told, and when; that nothing else than a good address is spoken to.
 */
#include "base/util.h"
#include "supervisor/notify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>

static void the_rule(void **unused)
{
    (void)unused;
    static const struct {
        enum notify_told told;
        bool ending, reloading, settled;
        enum notify_told next;
    } rows[] = {
        {NOTIFY_NOTHING, false, false, false, NOTIFY_NOTHING},
        {NOTIFY_NOTHING, false, false, true, NOTIFY_READY},
        {NOTIFY_NOTHING, false, true, true, NOTIFY_NOTHING},
        {NOTIFY_NOTHING, true, false, false, NOTIFY_STOPPING},
        {NOTIFY_READY, false, false, false,
         NOTIFY_READY}, /* a process that dies takes nothing back */
        {NOTIFY_READY, false, true, true, NOTIFY_RELOADING},
        {NOTIFY_RELOADING, false, true, false, NOTIFY_RELOADING},
        {NOTIFY_RELOADING, false, false, false, NOTIFY_READY},
        {NOTIFY_RELOADING, true, true, false, NOTIFY_STOPPING},
        {NOTIFY_READY, true, false, true, NOTIFY_STOPPING},
        {NOTIFY_STOPPING, false, false, true, NOTIFY_STOPPING},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct notify_view v = {
            .ending = rows[i].ending, .reloading = rows[i].reloading, .settled = rows[i].settled};
        if (notify_next(rows[i].told, &v) != rows[i].next)
            fail_msg("row %zu", i);
    }
}

static int listener(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    return fd;
}

static const char *heard(int fd)
{
    static char text[500];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void each_change_is_one_datagram(void **unused)
{
    (void)unused;
    char name[80];
    (void)snprintf(name, sizeof(name), "@reeve-test-notify-%ld", (long)getpid());
    int fd = listener(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "2000000", 1), 0);
    struct notify *n = notify_open();
    assert_non_null(n);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    struct notify_view v = {.hub = ""};
    uint64_t before = mono_ms();
    notify_follow(n, &v);
    assert_string_equal(heard(fd), "STATUS=reading the configuration\n");
    assert_string_equal(heard(fd), "WATCHDOG=1\n");
    assert_true(notify_deadline(n) >= before + 1000 && notify_deadline(n) <= mono_ms() + 1000);
    v = (struct notify_view){.hub = "h", .n = 2, .ready = 2, .settled = true};
    notify_follow(n, &v);
    assert_string_equal(heard(fd), "READY=1\nSTATUS=h: 2 of 2 processes ready\n");
    notify_follow(n, &v);
    assert_string_equal(heard(fd), "");
    v.ready = 1;
    notify_follow(n, &v);
    assert_string_equal(heard(fd), "STATUS=h: 1 of 2 processes ready\n");
    v.reloading = true;
    notify_follow(n, &v);
    const char *text = heard(fd);
    assert_int_equal(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    assert_true(strtoull(text + 27, NULL, 10) / 1000 <= mono_ms());
    v.reloading = false;
    v.reload_bad = true;
    notify_follow(n, &v);
    assert_string_equal(heard(fd),
                        "READY=1\nSTATUS=h: 1 of 2 processes ready; the last reload failed\n");
    while (mono_ms() < notify_deadline(n))
        ;
    v.ending = true;
    notify_follow(n, &v);
    assert_string_equal(heard(fd), "STOPPING=1\nSTATUS=h: draining\n");
    assert_string_equal(heard(fd), "WATCHDOG=1\n");
    notify_free(n);
    (void)close(fd);
}

static void without_a_good_address_nobody_is_told(void **unused)
{
    (void)unused;
    static const char *const names[] = {"", "/", "@", "relative", "vsock:2:1"};
    char longer[200];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
        const char *name = i < ARRAY_SIZE(names) ? names[i] : longer;
        assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        assert_null(notify_open());
        assert_null(getenv("NOTIFY_SOCKET"));
    }
    assert_null(notify_open());
    struct notify_view v = {.hub = ""};
    notify_follow(NULL, &v);
    notify_free(NULL);
    assert_true(notify_deadline(NULL) == UINT64_MAX);
}

static void the_watchdog_of_another_process_is_not_ours(void **unused)
{
    (void)unused;
    assert_int_equal(setenv("NOTIFY_SOCKET", "@reeve-test-nobody", 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    struct notify *n = notify_open();
    assert_non_null(n);
    assert_true(notify_deadline(n) == UINT64_MAX);
    struct notify_view v = {.hub = "h", .settled = true};
    notify_follow(n, &v); /* nobody there: passed over */
    notify_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule),
        cmocka_unit_test(each_change_is_one_datagram),
        cmocka_unit_test(without_a_good_address_nobody_is_told),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
