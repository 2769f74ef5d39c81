/* SPDX-License-Identifier: Apache-2.0 */
/* channel - frames in and out of a local stream socket.
 *
 * Both directions are one contiguous buffer each: many frames go in one system call and none costs
 * an allocation. A descriptor is tied to its frame by position in the stream: a sending call that
 * carries one begins exactly at its frame, and a descriptor that arrived must be claimed by a frame
 * which begins inside the bytes it arrived with. One that nobody claims is closed and the peer is
 * refused. An error stays: every later call gives it again. Known limits: at most FDS_MAX unclaimed
 * descriptors and QUEUE_MAX bytes of output beyond two frames are held. */
#include "frame.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define READ_FIRST 65536u
#define QUEUE_MAX  ((size_t)64 << 20)
#define FDS_MAX    32
#define FLAG_FD    1u

struct in_fd {
    int fd;
    uint64_t low, high; /* it came with the stream's bytes low..high-1 */
};

struct out_fd {
    int fd;
    size_t at; /* its frame begins here in out */
};

struct channel {
    int fd, broken; /* 0, or the error that ended it */
    size_t max;
    uint8_t *in;
    size_t in_cap, in_at, in_len; /* unread: in[in_at .. in_len) */
    uint64_t in_pos;              /* the stream's position of in[0] */
    struct in_fd in_fds[FDS_MAX];
    size_t in_nfds;
    uint8_t *out;
    size_t out_cap, out_at, out_len;
    struct out_fd *out_fds; /* from out_fd_at on */
    size_t out_fds_cap, out_fd_at, out_nfds;
};

static void put_header(uint8_t *p, uint32_t len, uint16_t type, uint16_t flags, uint32_t generation)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(len >> (8 * i));
        p[8 + i] = (uint8_t)(generation >> (8 * i));
    }
    p[4] = (uint8_t)type;
    p[5] = (uint8_t)(type >> 8);
    p[6] = (uint8_t)flags;
    p[7] = (uint8_t)(flags >> 8);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

struct channel *channel_new(int fd, size_t max_payload)
{
    int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fd_flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC) < 0)
        return NULL;
    struct channel *c = xcalloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->in = malloc(READ_FIRST);
    if (!c->in) {
        free(c);
        return NULL;
    }
    c->in_cap = READ_FIRST;
    c->fd = fd;
    c->max = max_payload < UINT32_MAX - FRAME_HEADER ? max_payload : UINT32_MAX - FRAME_HEADER;
    return c;
}

void channel_free(struct channel *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->in_nfds; i++)
        (void)close(c->in_fds[i].fd);
    for (size_t i = c->out_fd_at; i < c->out_nfds; i++)
        (void)close(c->out_fds[i].fd);
    (void)close(c->fd);
    free(c->in);
    free(c->out);
    free(c->out_fds);
    free(c);
}

int channel_fd(const struct channel *c)
{
    return c->fd;
}

bool channel_wants_write(const struct channel *c)
{
    return c->out_at < c->out_len;
}

size_t channel_queued(const struct channel *c)
{
    return c->out_len - c->out_at;
}

static int break_off(struct channel *c, int r)
{
    c->broken = r;
    return r;
}

/* Takes every descriptor of a message, also those too many. Returns false when there was anything
 * wrong. */
static bool take_fds(struct channel *c, struct msghdr *m, uint64_t low, uint64_t high)
{
    bool good = !(m->msg_flags & MSG_CTRUNC);
    size_t n = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++, n++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            if (n == 0 && good && c->in_nfds < FDS_MAX)
                c->in_fds[c->in_nfds++] = (struct in_fd){fd, low, high};
            else
                (void)close(fd);
        }
    }
    return good && n <= 1;
}

/* Room behind in_len: what was read is forgotten, and the buffer grows to hold a frame whose header
 * is known. */
static int make_room(struct channel *c)
{
    size_t left = c->in_len - c->in_at;
    if (c->in_at > 0 && (left == 0 || c->in_cap - c->in_len < READ_FIRST / 2)) {
        memmove(c->in, c->in + c->in_at, left);
        c->in_pos += c->in_at;
        c->in_at = 0;
        c->in_len = left;
    }
    if (left < FRAME_HEADER)
        return 0;
    uint32_t len = le32(c->in + c->in_at);
    size_t need = c->in_at + FRAME_HEADER + len;
    if (len > c->max || need <= c->in_cap) /* too long a frame is refused by channel_next */
        return 0;
    uint8_t *p = realloc(c->in, need);
    if (!p)
        return -ENOMEM;
    c->in = p;
    c->in_cap = need;
    return 0;
}

/* One recvmsg. 1 = there may be more, 0 = not now, negative errno (-EPIPE: closed). */
static int read_once(struct channel *c)
{
    size_t room = c->in_cap - c->in_len;
    if (room == 0 || c->in_nfds == FDS_MAX)
        return 0;
    struct iovec iov = {c->in + c->in_len, room};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0) {
        if (errno == EINTR)
            return 1;
        if (errno == EAGAIN)
            return 0;
        return errno == ECONNRESET ? -EPIPE : -errno;
    }
    uint64_t low = c->in_pos + c->in_len;
    if (!take_fds(c, &m, low, low + (uint64_t)n))
        return -EPROTO;
    if (n == 0)
        return -EPIPE;
    c->in_len += (size_t)n;
    /* the kernel ends a read behind bytes that carried a descriptor: a short read says nothing then
     */
    return (size_t)n == room || m.msg_controllen > 0;
}

int channel_fill(struct channel *c)
{
    if (c->broken)
        return c->broken;
    size_t before = c->in_pos + c->in_len;
    int r;
    do {
        r = make_room(c);
        if (r < 0)
            return r; /* out of memory may pass */
        r = read_once(c);
    } while (r > 0);
    /* the end is told only when all that came before it was told */
    if (r == -EPIPE && c->in_pos + c->in_len > before)
        return 0;
    return r < 0 && r != -EPIPE ? break_off(c, r) : r;
}

static void close_first_fd(struct channel *c, bool also_close)
{
    if (also_close)
        (void)close(c->in_fds[0].fd);
    c->in_nfds--;
    memmove(&c->in_fds[0], &c->in_fds[1], c->in_nfds * sizeof(c->in_fds[0]));
}

/* Gives the descriptor of the frame at stream position `at`, or -1. */
static int claim_fd(struct channel *c, uint64_t at)
{
    if (c->in_nfds == 0 || at < c->in_fds[0].low || at >= c->in_fds[0].high)
        return -1;
    int fd = c->in_fds[0].fd;
    close_first_fd(c, false);
    return fd;
}

int channel_next(struct channel *c, struct frame *ret)
{
    if (c->broken)
        return c->broken;
    uint64_t at = c->in_pos + c->in_at;
    if (c->in_nfds > 0 &&
        c->in_fds[0].high <= at) { /* no frame has claimed it, and none can any more */
        close_first_fd(c, true);
        return break_off(c, -EPROTO);
    }
    size_t left = c->in_len - c->in_at;
    if (left < FRAME_HEADER)
        return 0;
    const uint8_t *p = c->in + c->in_at;
    uint32_t len = le32(p);
    uint16_t flags = le16(p + 6);
    if (len > c->max || (flags & ~FLAG_FD))
        return break_off(c, -EPROTO);
    if (left - FRAME_HEADER < len)
        return 0;
    int fd = -1;
    if (flags & FLAG_FD) {
        fd = claim_fd(c, at);
        if (fd < 0)
            return break_off(c, -EPROTO);
    }
    c->in_at += FRAME_HEADER + len;
    *ret = (struct frame){le16(p + 4), le32(p + 8), p + FRAME_HEADER, len, fd};
    return 1;
}

/* Room for one frame more behind out_len. */
static int make_out_room(struct channel *c, size_t more)
{
    size_t left = c->out_len - c->out_at;
    if (left > QUEUE_MAX + c->max)
        return -ENOMEM;
    if (c->out_cap - c->out_len >= more)
        return 0;
    if (c->out_at >= left) { /* moving costs no more than what was already written */
        if (left > 0)
            memmove(c->out, c->out + c->out_at, left);
        for (size_t i = c->out_fd_at; i < c->out_nfds; i++)
            c->out_fds[i].at -= c->out_at;
        c->out_at = 0;
        c->out_len = left;
    }
    void *p = c->out;
    int r = grow_array(&p, &c->out_cap, c->out_len + more, 1);
    c->out = p;
    return r;
}

static int queue_fd(struct channel *c, int fd)
{
    if (c->out_fd_at == c->out_nfds)
        c->out_fd_at = c->out_nfds = 0;
    void *p = c->out_fds;
    int r = grow_array(&p, &c->out_fds_cap, c->out_nfds + 1, sizeof(struct out_fd));
    c->out_fds = p;
    if (r < 0)
        return r;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    c->out_fds[c->out_nfds++] = (struct out_fd){copy, c->out_len};
    return 0;
}

int channel_send(struct channel *c, uint16_t type, uint32_t generation, const void *p, size_t len,
                 int fd)
{
    if (len > c->max)
        return -EFBIG;
    int r = make_out_room(c, FRAME_HEADER + len);
    if (r == 0 && fd >= 0)
        r = queue_fd(c, fd);
    if (r < 0)
        return r;
    put_header(c->out + c->out_len, (uint32_t)len, type, fd >= 0 ? FLAG_FD : 0, generation);
    if (len > 0)
        memcpy(c->out + c->out_len + FRAME_HEADER, p, len);
    c->out_len += FRAME_HEADER + len;
    return 0;
}

/* One sendmsg: up to the next frame with a descriptor, or from such a frame on. */
static ssize_t write_once(struct channel *c)
{
    struct out_fd *next = c->out_fd_at < c->out_nfds ? &c->out_fds[c->out_fd_at] : NULL;
    bool with_fd = next && next->at == c->out_at;
    size_t end = c->out_len;
    if (with_fd && c->out_fd_at + 1 < c->out_nfds)
        end = c->out_fds[c->out_fd_at + 1].at;
    else if (next && !with_fd)
        end = next->at;
    struct iovec iov = {c->out + c->out_at, end - c->out_at};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    if (with_fd) {
        memset(&control, 0, sizeof(control));
        m.msg_control = control.space;
        m.msg_controllen = sizeof(control.space);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &next->fd, sizeof(int));
    }
    ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    if (n > 0 && with_fd) { /* it went with the first byte */
        (void)close(next->fd);
        c->out_fd_at++;
    }
    return n;
}

int channel_flush(struct channel *c)
{
    if (c->broken)
        return c->broken;
    while (c->out_at < c->out_len) {
        ssize_t n = write_once(c);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN)
                return 0;
            return errno == ECONNRESET ? -EPIPE : -errno;
        }
        c->out_at += (size_t)n;
    }
    c->out_at = c->out_len = 0;
    return 0;
}
