/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes from a peer, as the control, spool and door conversations receive them: cut into
 * pieces, with descriptors where nobody expects them. The first byte says how the rest is cut and
 * when descriptors come along. Payloads are read as fields too. */
#include "base/frame.h"
#include "base/util.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_PAYLOAD 4096
#define MAX_INPUT   16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void read_fields(const struct frame *f)
{
    struct unpack u;
    char text[64];
    size_t len;
    unpack_start(&u, f->p, f->len);
    for (unsigned i = 0; i < 16 && !u.bad && u.p < u.end; i++) {
        switch ((f->type + i) % 5) {
        case 0:
            (void)unpack_u8(&u);
            break;
        case 1:
            (void)unpack_u32(&u);
            break;
        case 2:
            (void)unpack_u64(&u);
            break;
        case 3:
            unpack_str(&u, text, sizeof(text));
            check(memchr(text, '\0', sizeof(text)) != NULL);
            break;
        default:
            check((unpack_bytes(&u, &len) != NULL) == !u.bad);
        }
    }
    check(!u.bad || unpack_end(&u) == -EPROTO);
}

/* Everything the channel has; 0 = go on. A frame that came out must go in again. */
static int drain(struct channel *c, struct channel *echo, size_t *frames)
{
    struct frame f;
    int r = channel_fill(c);
    if (r < 0)
        return r;
    while ((r = channel_next(c, &f)) == 1) {
        check(f.len <= MAX_PAYLOAD);
        read_fields(&f);
        check(channel_send(echo, f.type, f.generation, f.p, f.len, f.fd) == 0);
        if (f.fd >= 0)
            (void)close(f.fd);
        ++*frames;
    }
    return r;
}

static bool put(int sock, const uint8_t *p, size_t len, bool with_fd)
{
    char data[MAX_INPUT];
    memcpy(data, p, len);
    struct iovec iov = {data, len};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (with_fd) {
        memset(&control, 0, sizeof(control));
        m.msg_control = control.space;
        m.msg_controllen = sizeof(control.space);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &sock, sizeof(int));
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/* Sends the input in pieces and reads after each; the answer is what ended it. */
static int feed(const uint8_t *data, size_t size, int sock, struct channel *c, struct channel *echo,
                size_t *frames)
{
    uint8_t how = data[0];
    size_t at = 1, step = how & 7 ? (size_t)(how & 7) * (how & 8 ? 97 : 1) : size;
    for (unsigned n = 0; at < size; n++) {
        size_t len = size - at < step ? size - at : step;
        bool with_fd = (how & 0x80) && (n % ((how >> 4 & 7) + 1)) == 0;
        if (!put(sock, data + at, len, with_fd))
            return -EAGAIN;
        at += len;
        int r = drain(c, echo, frames);
        if (r < 0)
            return r;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int in[2], out[2];
    size_t frames = 0, echoed = 0;
    if (size < 2 || size > MAX_INPUT || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
        return 0;
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0);
    struct channel *c = channel_new(in[0], MAX_PAYLOAD), *echo = channel_new(out[0], MAX_PAYLOAD);
    struct channel *back = channel_new(out[1], MAX_PAYLOAD);
    check(c && echo && back);
    (void)feed(data, size, in[1], c, echo, &frames);
    struct frame f;
    while (echoed < frames) { /* what was accepted comes through a second channel unchanged */
        check(channel_flush(echo) == 0 && channel_fill(back) == 0);
        int r;
        while ((r = channel_next(back, &f)) == 1) {
            if (f.fd >= 0)
                (void)close(f.fd);
            echoed++;
        }
        check(r == 0);
    }
    (void)close(in[1]);
    channel_free(c);
    channel_free(echo);
    channel_free(back);
    return 0;
}
