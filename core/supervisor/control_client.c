/* SPDX-License-Identifier: Apache-2.0 */
/* control_client - one question to a running supervisor over DATA/run/control.sock. */
#include "supervisor.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int no_hub(const char *data, struct err *e)
{
    return err_set(e, -ECONNREFUSED, "not-running", "no hub is running in %s", data);
}

/* By way of the directory's descriptor: the path of a socket may not be longer than 107 bytes, that
 * of a data directory may. */
static int connect_to(const char *data, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    _cleanup_free_ char *run = path_join(data, "run");
    if (!run)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    _cleanup_close_ int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT
                   ? no_hub(data, e)
                   : err_set(e, -errno, "control-socket", "%s: %s", run, strerror(errno));
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, -errno, "control-socket", "socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        int r = -errno;
        (void)close(fd);
        if (r == -ENOENT || r == -ECONNREFUSED)
            return no_hub(data, e);
        return err_set(e, r, "control-socket", "%s/control.sock: %s", run, strerror(-r));
    }
    return fd;
}

static int receive_line(int fd, uint64_t deadline, struct buf *line, struct err *e)
{
    char chunk[65536];
    for (;;) {
        uint64_t now = mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= deadline || poll(&p, 1, (int)(deadline - now)) == 0)
            return err_set(e, -ETIMEDOUT, "no-answer", "the supervisor does not answer");
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, -EPIPE, "no-answer",
                           "the supervisor closed the connection without an answer");
        if (buf_add(line, chunk, (size_t)n) < 0)
            return err_set(e, -EFBIG, "no-answer", "the supervisor's answer is too long");
        if (chunk[n - 1] == '\n') /* one line an answer, and one answer a question */
            return 0;
    }
}

int control_call(const char *data, const struct tree *request, unsigned timeout_ms,
                 struct tree **ret, struct err *e)
{
    struct buf out = BUF_INIT(65536), line = BUF_INIT(SUPERVISOR_LINE_MAX);
    _cleanup_close_ int fd = connect_to(data, e);
    int r = fd;
    if (r >= 0 && (tree_to_json(request, &out, false) < 0 || buf_addc(&out, '\n') < 0))
        r = err_set(e, -ENOMEM, "memory", "out of memory");
    if (r >= 0) {
        r = send(fd, out.p, out.len, MSG_NOSIGNAL) == (ssize_t)out.len
                ? 0
                : err_set(e, -EPIPE, "no-answer", "the supervisor closed the connection");
    }
    if (r == 0)
        r = receive_line(fd, mono_ms() + timeout_ms, &line, e);
    if (r == 0)
        r = tree_from_json(line.p, line.len, ret, e);
    buf_done(&out);
    buf_done(&line);
    return r;
}
