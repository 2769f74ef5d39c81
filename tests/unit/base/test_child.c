/* SPDX-License-Identifier: Apache-2.0 */
/* The child's end of the control channel, spoken to by a hand-made supervisor over a socketpair:
 * each test forks a child with descriptors 3 and 4 as the supervisor would give them. Also where
 * programs and modules are looked for. */
#include "base/control.h"
#include "base/frame.h"
#include "base/places.h"
#include "base/util.h"
#include "lib/forked.h"
#include "lib/patience.h"
#include "lib/remove_tree.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#define GENERATION 7

struct peer { /* the test's end */
    pid_t pid;
    struct channel *channel;
};

struct in_child {
    struct child *c;
    bool drained, paused;
    uint32_t seconds;
};

static void on_drain(void *arg, uint32_t seconds)
{
    struct in_child *k = arg;
    k->drained = true;
    k->seconds = seconds;
}

static void on_pause(void *arg, bool paused)
{
    struct in_child *k = arg;
    k->paused = paused;
    child_status(k->c, "%s", paused ? "paused" : "running");
}

static void on_stats(void *arg, struct tree *figures)
{
    struct in_child *k = arg;
    (void)tree_putb(figures, "paused", k->paused);
}

/* The program under test: exits with the seconds of the drain, or EXIT_BUG. */
static int child_main(void)
{
    struct in_child k = {0};
    struct child_events events = {
        .arg = &k, .drain = on_drain, .pause = on_pause, .stats = on_stats};
    struct tree *part = NULL;
    struct err e;
    if (child_start(NULL, &events, &k.c, &part, &e) < 0)
        return EXIT_CONFIG;
    if (child_ready(k.c) < 0)
        return EXIT_BUG;
    child_status(k.c, "name is %s", tree_gets(part, "name", "?"));
    while (!k.drained) {
        struct pollfd pfd = {.fd = child_fd(k.c), .events = child_poll_events(k.c)};
        (void)poll(&pfd, 1, 50);
        if (child_run(k.c) < 0)
            return EXIT_BUG;
    }
    (void)err_set(&e, -EIO, "test-fault", "the last words");
    child_fault(k.c, &e);
    child_free(k.c);
    tree_free(part);
    return (int)k.seconds;
}

static void start(struct peer *p, const char *part)
{
    int sv[2], mem = memfd_create("part", MFD_CLOEXEC);
    assert_true(mem >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    assert_int_equal(write_all(mem, part, strlen(part)), 0);
    p->pid = forked();
    if (p->pid == 0) {
        /* The ends may themselves be 3 and 4: move them out of the way first. */
        int a = fcntl(sv[1], F_DUPFD, 20), b = fcntl(mem, F_DUPFD, 21);
        (void)close(sv[0]);
        (void)dup2(a, CONTROL_FD);
        (void)dup2(b, CONTROL_PART_FD);
        (void)close(a);
        (void)close(b);
        for (int fd = 5; fd < 20; fd++)
            (void)close(fd);
        (void)setenv("REEVE_GENERATION", "7", 1);
        _exit(child_main());
    }
    (void)close(sv[1]);
    (void)close(mem);
    p->channel = channel_new(sv[0], FRAME_MAX_DEFAULT);
    assert_non_null(p->channel);
}

/* Its exit code; hang_up: the supervisor goes away first. */
static int finish(struct peer *p, bool hang_up)
{
    int status;
    if (hang_up)
        channel_free(p->channel);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    if (!hang_up)
        channel_free(p->channel);
    p->channel = NULL;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The next frame of this type; others are passed over. */
static struct frame await(struct peer *p, uint16_t type)
{
    struct frame f;
    uint64_t end = patience_ends(5000);
    while (mono_ms() < end) {
        int r = channel_next(p->channel, &f);
        assert_true(r >= 0);
        if (r == 1) {
            assert_int_equal(f.generation, GENERATION);
            if (f.type == type)
                return f;
            continue;
        }
        struct pollfd pfd = {.fd = channel_fd(p->channel), .events = POLLIN};
        (void)poll(&pfd, 1, 100);
        if (channel_fill(p->channel) < 0)
            break;
    }
    fail_msg("no frame of type %u", type);
    return f;
}

static void tell(struct peer *p, uint16_t type, uint32_t generation, const void *payload,
                 size_t len)
{
    assert_int_equal(channel_send(p->channel, type, generation, payload, len, -1), 0);
    assert_int_equal(channel_flush(p->channel), 0);
}

static void says(struct peer *p, uint16_t type, const char *expected)
{
    char text[512];
    struct unpack u;
    struct frame f = await(p, type);
    unpack_start(&u, f.p, f.len);
    unpack_str(&u, text, sizeof text);
    assert_int_equal(unpack_end(&u), 0);
    assert_string_equal(text, expected);
}

static void child_says_ready_reads_its_part_and_beats(void **state)
{
    (void)state;
    struct peer p;
    struct unpack u;
    start(&p, "{\"name\": \"alpha.deliver\"}");
    struct frame f = await(&p, CONTROL_READY);
    unpack_start(&u, f.p, f.len);
    assert_int_equal(unpack_u32(&u), CONTROL_VERSION);
    assert_int_equal(unpack_end(&u), 0);
    says(&p, CONTROL_STATUS, "name is alpha.deliver");
    (void)await(&p, CONTROL_BEAT);
    (void)await(&p, CONTROL_BEAT);
    tell(&p, CONTROL_DRAIN, GENERATION, "\x09\0\0\0", 4);
    (void)await(&p, CONTROL_FAULT);
    assert_int_equal(finish(&p, false), 9);
}

static void child_pauses_resumes_and_gives_figures(void **state)
{
    (void)state;
    struct peer p;
    start(&p, "{}");
    tell(&p, CONTROL_PAUSE, GENERATION, NULL, 0);
    says(&p, CONTROL_STATUS, "name is ?");
    says(&p, CONTROL_STATUS, "paused");
    struct frame f = await(&p, CONTROL_PAUSED);
    assert_int_equal(f.len, 1);
    assert_int_equal(*(const unsigned char *)f.p, 1);
    tell(&p, CONTROL_ASK_STATS, GENERATION, NULL, 0);
    struct unpack u;
    char text[512];
    f = await(&p, CONTROL_STATS);
    unpack_start(&u, f.p, f.len);
    unpack_str(&u, text, sizeof text);
    assert_int_equal(unpack_end(&u), 0);
    assert_memory_equal(text, "{\"started_ms\":1", 15); /* since 2001 and before 2033 */
    assert_non_null(strstr(text, ",\"paused\":true}"));
    tell(&p, CONTROL_RESUME, GENERATION, NULL, 0);
    says(&p, CONTROL_STATUS, "running");
    assert_int_equal(finish(&p, true), 30);
}

/* Once a beat waited until there was nothing to send, and a monitor that looked several times a
 * second had idle processes taken for dead. */
static void child_beats_though_it_is_asked_all_the_time(void **state)
{
    (void)state;
    struct peer p;
    struct frame f;
    start(&p, "{}");
    (void)await(&p, CONTROL_READY);
    int beats = 0, r;
    for (uint64_t end = mono_ms() + 2500; mono_ms() < end;) {
        tell(&p, CONTROL_ASK_STATS, GENERATION, NULL, 0);
        f = await(&p, CONTROL_STATS);
        while ((r = channel_next(p.channel, &f)) == 1)
            beats += f.type == CONTROL_BEAT;
        assert_int_equal(r, 0);
        struct timespec moment = {.tv_nsec = 20000000};
        (void)nanosleep(&moment, NULL);
        assert_true(channel_fill(p.channel) >= 0);
        while ((r = channel_next(p.channel, &f)) == 1)
            beats += f.type == CONTROL_BEAT;
    }
    assert_true(beats > 0);
    assert_int_equal(finish(&p, true), 30);
}

static void child_drains_when_the_supervisor_is_gone(void **state)
{
    (void)state;
    struct peer p;
    start(&p, "{}");
    (void)await(&p, CONTROL_READY);
    assert_int_equal(finish(&p, true), 30);
}

static void child_exits_on_an_unknown_frame(void **state)
{
    (void)state;
    struct peer p;
    start(&p, "{}");
    tell(&p, 99, GENERATION, NULL, 0);
    assert_int_equal(finish(&p, false), EXIT_BUG);
}

static void child_exits_on_another_generation(void **state)
{
    (void)state;
    struct peer p;
    start(&p, "{}");
    tell(&p, CONTROL_PAUSE, GENERATION + 1, NULL, 0);
    assert_int_equal(finish(&p, false), EXIT_BUG);
}

static void child_exits_on_a_frame_with_bytes_left_over(void **state)
{
    (void)state;
    struct peer p;
    start(&p, "{}");
    tell(&p, CONTROL_DRAIN, GENERATION, "\x09\0\0\0\0", 5);
    assert_int_equal(finish(&p, false), EXIT_BUG);
}

static void child_with_a_broken_part_says_so_and_exits(void **state)
{
    (void)state;
    struct peer p;
    struct unpack u;
    char code[64];
    start(&p, "{\"name\": ");
    struct frame f = await(&p, CONTROL_FAULT);
    unpack_start(&u, f.p, f.len);
    unpack_str(&u, code, sizeof code);
    assert_string_equal(code, "json-syntax");
    assert_int_equal(finish(&p, false), EXIT_CONFIG);
}

static void child_by_hand_reads_a_file_and_needs_no_supervisor(void **state)
{
    (void)state;
    char path[] = "/tmp/reeve-part-XXXXXX";
    int fd = mkstemp(path);
    struct child *c = NULL;
    struct tree *part = NULL;
    struct err e;
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, "{\"name\":\"x\"}", 12), 0);
    (void)close(fd);
    assert_int_equal(child_start(path, NULL, &c, &part, &e), 0);
    assert_string_equal(tree_gets(part, "name", ""), "x");
    assert_int_equal(child_fd(c), -1);
    assert_int_equal(child_run(c), 0);
    assert_int_equal(child_ready(c), 0);
    child_status(c, "nobody reads this");
    tree_free(part);
    child_free(c);
    (void)unlink(path);
    assert_true(child_start(path, NULL, &c, &part, &e) < 0);
}

/* ---- places */

static void touch(const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void places_knows_both_layouts(void **state)
{
    (void)state;
    char root[] = "/tmp/reeve-places-XXXXXX", out[PATH_MAX], want[PATH_MAX], dir[PATH_MAX];
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(make_dirs("usr/bin"), 0);
    assert_int_equal(make_dirs("usr/libexec/reeve"), 0);
    assert_int_equal(make_dirs("usr/lib/reeve/adapters"), 0);
    assert_int_equal(make_dirs("build/plugins"), 0);
    touch("usr/bin/reeve", 0755);
    touch("usr/libexec/reeve/reeve-worker", 0755);
    touch("build/reeve", 0755);
    touch("build/reeve-door", 0644); /* not executable: not a program */

    (void)snprintf(dir, sizeof dir, "%s/usr/bin", root);
    (void)snprintf(want, sizeof want, "%s/usr/libexec/reeve/reeve-worker", root);
    assert_int_equal(places_from(dir, 'p', "reeve-worker", out, sizeof out), 0);
    assert_string_equal(out, want);
    (void)snprintf(want, sizeof want, "%s/usr/lib/reeve", root);
    assert_int_equal(places_from(dir, 'm', NULL, out, sizeof out), 0);
    assert_string_equal(out, want);

    (void)snprintf(dir, sizeof dir, "%s/usr/libexec/reeve", root); /* seen from the worker */
    assert_int_equal(places_from(dir, 'm', NULL, out, sizeof out), 0);
    assert_string_equal(out, want);
    (void)snprintf(want, sizeof want, "%s/usr/bin/reeve", root);
    assert_int_equal(places_from(dir, 'p', "reeve", out, sizeof out), 0);
    assert_string_equal(out, want);

    (void)snprintf(dir, sizeof dir, "%s/build", root);
    assert_int_equal(places_from(dir, 'm', NULL, out, sizeof out), 0);
    assert_string_equal(out, dir);
    assert_int_equal(places_from(dir, 'p', "reeve-door", out, sizeof out), -ENOENT);
    assert_int_equal(places_from(dir, 'p', "reeve", out, 3), -ENAMETOOLONG);

    assert_int_equal(setenv("REEVE_MODULES", "usr/lib/reeve", 1), 0);
    (void)snprintf(want, sizeof want, "%s/usr/lib/reeve", root);
    assert_int_equal(places_module_dir(out, sizeof out), 0);
    assert_string_equal(out, want);
    assert_int_equal(setenv("REEVE_MODULES", "nowhere", 1), 0);
    assert_int_equal(places_module_dir(out, sizeof out), -ENOENT);
    (void)unsetenv("REEVE_MODULES");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(remove_tree(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_says_ready_reads_its_part_and_beats),
        cmocka_unit_test(child_pauses_resumes_and_gives_figures),
        cmocka_unit_test(child_beats_though_it_is_asked_all_the_time),
        cmocka_unit_test(child_drains_when_the_supervisor_is_gone),
        cmocka_unit_test(child_exits_on_an_unknown_frame),
        cmocka_unit_test(child_exits_on_another_generation),
        cmocka_unit_test(child_exits_on_a_frame_with_bytes_left_over),
        cmocka_unit_test(child_with_a_broken_part_says_so_and_exits),
        cmocka_unit_test(child_by_hand_reads_a_file_and_needs_no_supervisor),
        cmocka_unit_test(places_knows_both_layouts),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
