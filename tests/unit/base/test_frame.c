/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a socket pair: whole, in pieces, with descriptors, and from a peer that lies. */
#include "base/frame.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#define MAX_PAYLOAD 200000

struct pair {
    struct channel *c; /* the end under test */
    int raw;           /* the other end, spoken to by hand */
};

static struct pair open_pair(void)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    struct pair p = {channel_new(fd[0], MAX_PAYLOAD), fd[1]};
    assert_non_null(p.c);
    assert_int_equal(channel_fd(p.c), fd[0]);
    return p;
}

static void close_pair(struct pair *p)
{
    channel_free(p->c);
    if (p->raw >= 0)
        (void)close(p->raw);
}

static void header(uint8_t h[FRAME_HEADER], uint32_t len, uint16_t type, uint16_t flags,
                   uint32_t generation)
{
    const uint8_t raw[FRAME_HEADER] = {(uint8_t)len,
                                       (uint8_t)(len >> 8),
                                       (uint8_t)(len >> 16),
                                       (uint8_t)(len >> 24),
                                       (uint8_t)type,
                                       (uint8_t)(type >> 8),
                                       (uint8_t)flags,
                                       (uint8_t)(flags >> 8),
                                       (uint8_t)generation,
                                       (uint8_t)(generation >> 8),
                                       (uint8_t)(generation >> 16),
                                       (uint8_t)(generation >> 24)};
    memcpy(h, raw, FRAME_HEADER);
}

static void send_fds(int sock, const void *p, size_t len, const int *fds, size_t n)
{
    struct iovec iov;
    memset(&iov, 0, sizeof(iov));
    char data[256];
    assert_true(len <= sizeof(data));
    memcpy(data, p, len);
    iov.iov_base = data;
    iov.iov_len = len;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof(control));
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(h), fds, n * sizeof(int));
    assert_int_equal(sendmsg(sock, &m, MSG_NOSIGNAL), (ssize_t)len);
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void the_wire_form_is_as_documented(void **state)
{
    static const uint8_t wire[] = {3,    0,    0,    0,    0x34, 0x12, 0,  0,
                                   0xef, 0xbe, 0xad, 0xde, 'a',  'b',  'c'};
    struct pair p = open_pair();
    uint8_t got[64];
    (void)state;
    assert_int_equal(channel_send(p.c, 0x1234, 0xdeadbeef, "abc", 3, -1), 0);
    assert_true(channel_wants_write(p.c));
    assert_int_equal(channel_queued(p.c), sizeof(wire));
    assert_int_equal(channel_flush(p.c), 0);
    assert_false(channel_wants_write(p.c));
    assert_int_equal(read(p.raw, got, sizeof(got)), sizeof(wire));
    assert_memory_equal(got, wire, sizeof(wire));
    close_pair(&p);
}

static void a_frame_may_come_byte_by_byte(void **state)
{
    uint8_t wire[FRAME_HEADER + 5];
    struct pair p = open_pair();
    struct frame f;
    (void)state;
    header(wire, 5, 7, 0, 9);
    memcpy(wire + FRAME_HEADER, "hello", 5);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < sizeof(wire); i++) {
            assert_int_equal(channel_fill(p.c), 0);
            assert_int_equal(channel_next(p.c, &f), 0);
            assert_int_equal(write(p.raw, wire + i, 1), 1);
        }
        assert_int_equal(channel_fill(p.c), 0);
        assert_int_equal(channel_next(p.c, &f), 1);
        assert_int_equal(f.type, 7);
        assert_int_equal(f.generation, 9);
        assert_int_equal(f.len, 5);
        assert_int_equal(f.fd, -1);
        assert_memory_equal(f.p, "hello", 5);
        assert_int_equal(channel_next(p.c, &f), 0);
    }
    close_pair(&p);
}

static uint8_t pattern(size_t frame, size_t i)
{
    return (uint8_t)(frame * 31 + i * 7);
}

static void frames_of_every_size_keep_order_and_content(void **state)
{
    enum { FRAMES = 400 };
    static uint8_t payload[MAX_PAYLOAD];
    int fd[2];
    size_t sent = 0, got = 0;
    struct frame f;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    struct channel *a = channel_new(fd[0], MAX_PAYLOAD), *b = channel_new(fd[1], MAX_PAYLOAD);
    assert_non_null(a);
    assert_non_null(b);
    while (got < FRAMES) {
        for (int burst = 0; burst < 9 && sent < FRAMES; burst++, sent++) {
            size_t len = sent % 50 == 49 ? MAX_PAYLOAD : (sent * 977) % 5000;
            for (size_t i = 0; i < len; i++)
                payload[i] = pattern(sent, i);
            assert_int_equal(channel_send(a, (uint16_t)sent, (uint32_t)sent, payload, len, -1), 0);
        }
        assert_int_equal(channel_flush(a), 0);
        assert_int_equal(channel_fill(b), 0);
        int r;
        while ((r = channel_next(b, &f)) == 1) {
            size_t len = got % 50 == 49 ? MAX_PAYLOAD : (got * 977) % 5000;
            assert_int_equal(f.type, got);
            assert_int_equal(f.len, len);
            for (size_t i = 0; i < len; i++)
                assert_true(f.p[i] == pattern(got, i));
            got++;
        }
        assert_int_equal(r, 0);
    }
    assert_false(channel_wants_write(a));
    channel_free(a);
    channel_free(b);
}

static void too_large_a_frame_is_refused_both_ways(void **state)
{
    uint8_t h[FRAME_HEADER];
    struct frame f;
    static const uint32_t lengths[] = {MAX_PAYLOAD + 1, 0x7fffffff, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct pair p = open_pair();
        header(h, lengths[i], 1, 0, 0);
        assert_int_equal(write(p.raw, h, sizeof(h)), sizeof(h));
        assert_int_equal(channel_fill(p.c), 0);
        assert_int_equal(channel_next(p.c, &f), -EPROTO);
        assert_int_equal(channel_next(p.c, &f), -EPROTO);
        assert_int_equal(channel_fill(p.c), -EPROTO);
        close_pair(&p);
    }
    struct pair p = open_pair();
    assert_int_equal(channel_send(p.c, 1, 0, h, MAX_PAYLOAD + 1, -1), -EFBIG);
    assert_int_equal(channel_queued(p.c), 0);
    close_pair(&p);
}

static void unknown_flags_are_refused(void **state)
{
    static const uint16_t flags[] = {2, 0x8000, 0xffff, 0x0100};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        uint8_t h[FRAME_HEADER];
        struct frame f;
        struct pair p = open_pair();
        header(h, 0, 1, flags[i], 0);
        assert_int_equal(write(p.raw, h, sizeof(h)), sizeof(h));
        assert_int_equal(channel_fill(p.c), 0);
        assert_int_equal(channel_next(p.c, &f), -EPROTO);
        close_pair(&p);
    }
}

static void a_closed_peer_is_told_after_its_last_frame(void **state)
{
    uint8_t h[FRAME_HEADER];
    struct frame f;
    struct pair p = open_pair();
    (void)state;
    header(h, 0, 5, 0, 0);
    assert_int_equal(write(p.raw, h, sizeof(h)), sizeof(h));
    (void)close(p.raw);
    p.raw = -1;
    assert_int_equal(channel_fill(p.c), 0);
    assert_int_equal(channel_next(p.c, &f), 1);
    assert_int_equal(f.type, 5);
    assert_int_equal(channel_fill(p.c), -EPIPE);
    assert_int_equal(channel_send(p.c, 1, 0, "x", 1, -1), 0);
    assert_int_equal(channel_flush(p.c), -EPIPE); /* and no signal */
    close_pair(&p);
}

static void descriptors_travel_with_their_frames(void **state)
{
    enum { FRAMES = 60 };
    size_t before = open_descriptors();
    int fd[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    struct channel *a = channel_new(fd[0], MAX_PAYLOAD), *b = channel_new(fd[1], MAX_PAYLOAD);
    assert_non_null(a);
    assert_non_null(b);
    for (unsigned i = 0; i < FRAMES; i++) { /* runs with and without, some next to each other */
        int mine = -1;
        if (i % 3 != 1) {
            mine = memfd_create("frame", 0);
            assert_true(mine >= 0);
            assert_int_equal(write_all(mine, &i, sizeof(i)), 0);
        }
        assert_int_equal(channel_send(a, (uint16_t)i, 0, "payload", i % 8, mine), 0);
        if (mine >= 0)
            (void)close(mine);
        if (i % 7 == 0)
            assert_int_equal(channel_flush(a), 0);
    }
    assert_int_equal(channel_flush(a), 0);
    for (unsigned i = 0; i < FRAMES;) {
        struct frame f;
        unsigned inside = 0;
        assert_int_equal(channel_fill(b), 0);
        int r;
        while ((r = channel_next(b, &f)) == 1) {
            assert_int_equal(f.type, i);
            assert_int_equal(f.fd >= 0, i % 3 != 1);
            if (f.fd >= 0) {
                assert_true(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
                assert_int_equal(pread(f.fd, &inside, sizeof(inside), 0), sizeof(inside));
                assert_int_equal(inside, i);
                (void)close(f.fd);
            }
            i++;
        }
        assert_int_equal(r, 0);
    }
    channel_free(a);
    channel_free(b);
    assert_int_equal(open_descriptors(), before);
}

static void an_announced_descriptor_that_did_not_come_is_refused(void **state)
{
    uint8_t h[FRAME_HEADER];
    struct frame f;
    struct pair p = open_pair();
    (void)state;
    header(h, 0, 1, 1, 0);
    assert_int_equal(write(p.raw, h, sizeof(h)), sizeof(h));
    assert_int_equal(channel_fill(p.c), 0);
    assert_int_equal(channel_next(p.c, &f), -EPROTO);
    close_pair(&p);
}

static void a_descriptor_no_frame_announced_is_closed_and_refused(void **state)
{
    size_t before = open_descriptors();
    uint8_t h[FRAME_HEADER + 4] = {0};
    struct frame f;
    struct pair p = open_pair();
    (void)state;
    header(h, 4, 1, 0, 0);
    send_fds(p.raw, h, sizeof(h), &p.raw, 1);
    assert_int_equal(channel_fill(p.c), 0);
    assert_int_equal(channel_next(p.c, &f), 1); /* the frame itself is whole */
    assert_int_equal(f.fd, -1);
    assert_int_equal(channel_next(p.c, &f), -EPROTO);
    assert_int_equal(open_descriptors(), before + 2);
    close_pair(&p);
    assert_int_equal(open_descriptors(), before);
}

static void a_late_descriptor_is_refused(void **state)
{
    size_t before = open_descriptors();
    uint8_t h[FRAME_HEADER];
    struct frame f;
    struct pair p = open_pair();
    (void)state;
    header(h, 0, 1, 1, 0);
    assert_int_equal(write(p.raw, h, 6), 6);
    assert_int_equal(channel_fill(p.c), 0);
    send_fds(p.raw, h + 6, 6, &p.raw, 1); /* with the seventh byte instead of the first */
    assert_int_equal(channel_fill(p.c), 0);
    assert_int_equal(channel_next(p.c, &f), -EPROTO);
    close_pair(&p);
    assert_int_equal(open_descriptors(), before);
}

static void more_than_one_descriptor_at_once_is_refused(void **state)
{
    for (size_t n = 2; n <= 8; n++) {
        size_t before = open_descriptors();
        uint8_t h[FRAME_HEADER];
        struct pair p = open_pair();
        int fds[8];
        for (size_t i = 0; i < n; i++)
            fds[i] = p.raw;
        header(h, 0, 1, 1, 0);
        send_fds(p.raw, h, sizeof(h), fds, n);
        assert_int_equal(channel_fill(p.c), -EPROTO);
        close_pair(&p);
        assert_int_equal(open_descriptors(), before);
    }
    (void)state;
}

static void what_was_not_sent_or_taken_is_closed_with_the_channel(void **state)
{
    size_t before = open_descriptors();
    struct pair p = open_pair();
    uint8_t h[FRAME_HEADER];
    (void)state;
    header(h, 0, 1, 1, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(channel_send(p.c, 1, 0, NULL, 0, p.raw), 0);
        send_fds(p.raw, h, sizeof(h), &p.raw, 1);
    }
    assert_int_equal(channel_fill(p.c), 0);
    close_pair(&p);
    assert_int_equal(open_descriptors(), before);
}

static void a_full_socket_keeps_the_rest_queued(void **state)
{
    static uint8_t payload[MAX_PAYLOAD];
    struct pair p = open_pair();
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(channel_send(p.c, 1, 0, payload, sizeof(payload), -1), 0);
    assert_int_equal(channel_flush(p.c), 0);
    assert_true(channel_wants_write(p.c));
    size_t left = channel_queued(p.c);
    assert_true(left > 0 && left < 10 * (sizeof(payload) + FRAME_HEADER));
    close_pair(&p);
}

static void the_output_queue_has_a_ceiling(void **state)
{
    static uint8_t payload[MAX_PAYLOAD];
    struct pair p = open_pair();
    int r = 0;
    (void)state;
    for (int i = 0; i < 1000 && r == 0; i++)
        r = channel_send(p.c, 1, 0, payload, sizeof(payload), -1);
    assert_int_equal(r, -ENOMEM);
    close_pair(&p);
}

static void a_bad_descriptor_makes_no_channel(void **state)
{
    (void)state;
    assert_null(channel_new(-1, 10));
    channel_free(NULL);
}

static void fields_come_back_in_order(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct unpack u;
    char text[16], empty[1];
    size_t len;
    (void)state;
    assert_int_equal(pack_u8(&b, 200), 0);
    assert_int_equal(pack_u32(&b, 0x01020304), 0);
    assert_memory_equal(b.p + 1, "\4\3\2\1", 4);
    assert_int_equal(pack_u64(&b, UINT64_MAX - 1), 0);
    assert_int_equal(pack_bytes(&b, "a\0b", 3), 0);
    assert_int_equal(pack_str(&b, "text"), 0);
    assert_int_equal(pack_str(&b, NULL), 0);
    unpack_start(&u, b.p, b.len);
    assert_int_equal(unpack_u8(&u), 200);
    assert_int_equal(unpack_u32(&u), 0x01020304);
    assert_true(unpack_u64(&u) == UINT64_MAX - 1);
    assert_memory_equal(unpack_bytes(&u, &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_int_equal(unpack_end(&u), -EPROTO); /* bytes are left over */
    unpack_str(&u, text, sizeof(text));
    assert_string_equal(text, "text");
    unpack_str(&u, empty, sizeof(empty));
    assert_string_equal(empty, "");
    assert_int_equal(unpack_end(&u), 0);
    buf_done(&b);
}

static void a_broken_payload_is_told_at_the_end(void **state)
{
    static const struct {
        const char *p;
        size_t len;
    } rows[] = {{"", 0},
                {"\1\0\0", 3},
                {"\1\0\0\0", 4},
                {"\xff\xff\xff\xff"
                 "abc",
                 7},
                {"\2\0\0\0a\0", 6},
                {"\4\0\0\0abcd", 8}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct unpack u;
        char text[4] = "old"; /* "abcd" is one byte too long for it */
        unpack_start(&u, rows[i].p, rows[i].len);
        unpack_str(&u, text, sizeof(text));
        assert_string_equal(text, "");
        assert_int_equal(unpack_end(&u), -EPROTO);
        size_t len = 1;
        assert_int_equal(unpack_u8(&u) + unpack_u32(&u) + unpack_u64(&u), 0);
        assert_null(unpack_bytes(&u, &len));
        assert_int_equal(len, 0);
    }
}

static void packing_is_all_or_nothing(void **state)
{
    struct buf b = BUF_INIT(8);
    (void)state;
    assert_int_equal(pack_bytes(&b, "12345", 5), -EFBIG);
    assert_int_equal(b.len, 0);
    assert_int_equal(pack_bytes(&b, "1234", 4), 0);
    assert_int_equal(pack_u8(&b, 1), -EFBIG);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wire_form_is_as_documented),
        cmocka_unit_test(a_frame_may_come_byte_by_byte),
        cmocka_unit_test(frames_of_every_size_keep_order_and_content),
        cmocka_unit_test(too_large_a_frame_is_refused_both_ways),
        cmocka_unit_test(unknown_flags_are_refused),
        cmocka_unit_test(a_closed_peer_is_told_after_its_last_frame),
        cmocka_unit_test(descriptors_travel_with_their_frames),
        cmocka_unit_test(an_announced_descriptor_that_did_not_come_is_refused),
        cmocka_unit_test(a_descriptor_no_frame_announced_is_closed_and_refused),
        cmocka_unit_test(a_late_descriptor_is_refused),
        cmocka_unit_test(more_than_one_descriptor_at_once_is_refused),
        cmocka_unit_test(what_was_not_sent_or_taken_is_closed_with_the_channel),
        cmocka_unit_test(a_full_socket_keeps_the_rest_queued),
        cmocka_unit_test(the_output_queue_has_a_ceiling),
        cmocka_unit_test(a_bad_descriptor_makes_no_channel),
        cmocka_unit_test(fields_come_back_in_order),
        cmocka_unit_test(a_broken_payload_is_told_at_the_end),
        cmocka_unit_test(packing_is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
