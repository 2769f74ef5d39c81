/* SPDX-License-Identifier: Apache-2.0 */
/* Control frames as both ends take them: a child that says anything to the supervisor (unit_talk),
 * and the child's end hearing anything. The first byte says in how many pieces the rest comes. */
#include "base/log.h"
#include "base/util.h"
#include "supervisor/unit.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_piece(int fd, const uint8_t *p, size_t n)
{
    (void)send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* In any state that has a channel; nothing runs, so signals go nowhere. */
static void to_supervisor(const uint8_t *data, size_t size)
{
    static const enum restart_state states[] = {RESTART_STARTING, RESTART_UP, RESTART_STUCK,
                                                RESTART_DRAINING};
    struct unit_env env = {.limits = {.start_ms = 1000, .watchdog_ms = 1000, .abort_ms = 1000}};
    struct plan_process p = {
        .name = "x", .digest = "1", .kind = data[0] & 16 ? PROCESS_DOOR : PROCESS_SINK};
    struct tree *part = tree_map();
    int sv[2];
    p.part = part;
    struct unit *u = part ? unit_new(&p) : NULL;
    if (!u || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        abort();
    u->channel = channel_new(sv[0], FRAME_MAX_DEFAULT);
    u->restart.state = states[data[0] >> 2 & 3];
    size_t pieces = (size_t)(data[0] & 3) + 1, each = size / pieces;
    for (size_t i = 0; i < pieces; i++) {
        size_t at = 1 + i * each, n = i + 1 == pieces ? size - at : each;
        if (at >= size)
            break;
        send_piece(sv[1], data + at, n > size - at ? size - at : n);
        unit_talk(u, &env);
    }
    (void)close(sv[1]);
    unit_talk(u, &env);
    if (u->alarms > UNIT_ALARMS)
        abort();
    unit_free(u);
    tree_free(part);
}

static void told(void *arg, const struct child_told *t)
{
    uint64_t *sum = arg;
    if (strlen(t->view) >= CONTROL_VIEW_MAX)
        abort();
    for (size_t i = 0; i < t->len; i++)
        *sum += (unsigned char)t->p[i];
}

/* Out of the way of the child's descriptors. */
static int away(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    if (moved < 0 || close(fd) < 0)
        abort();
    return moved;
}

/* The child's end; its descriptors have fixed numbers. */
static void to_child(const uint8_t *data, size_t size)
{
    struct child *c = NULL;
    struct tree *part = NULL;
    struct err e;
    uint64_t sum = 0;
    struct child_events events = {.arg = &sum, .told = told};
    int sv[2], memory = away(memfd_create("part", MFD_CLOEXEC));
    if (write(memory, "{}", 2) != 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        abort();
    sv[0] = away(sv[0]);
    sv[1] = away(sv[1]);
    if (dup2(memory, CONTROL_PART_FD) < 0 || dup2(sv[1], CONTROL_FD) < 0 ||
        child_start(NULL, &events, &c, &part, &e) < 0)
        abort();
    (void)close(memory);
    (void)close(sv[1]);
    send_piece(sv[0], data, size);
    if (child_run(c) == 0)
        (void)child_ask(c, "metrics");
    (void)close(sv[0]);
    (void)child_run(c);
    child_free(c);
    tree_free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_open("fuzz", 0);
    if (size > 1)
        to_supervisor(data, size);
    to_child(data, size);
    return 0;
}
