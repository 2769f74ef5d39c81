/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_spool - what a client of the spool may send: frames after a good greeting, or raw bytes,
 * against a real store in a temporary directory. An input is one connection. First byte odd: the
 * rest is raw bytes of the stream; even: frames as u8 type, u8 length, payload. Another client
 * looks at the totals in the end: they must make sense. */
#include "spool/server.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/util.h"
#include "transport/spool_wire.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server *server;
static char dir[64];

static void clean(void)
{
    static const char *const files[] = {"spool/spool.db",      "spool/spool.db-wal",
                                        "spool/spool.db-shm",  "spool/spool.lock",
                                        "spool/spool.reserve", "spool"};
    server_close(server);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *p = path_join(dir, files[i]);
        if (p)
            (void)remove(p);
        free(p);
    }
    (void)rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *tmp = getenv("TMPDIR");
    char json[1024], digest[SHA256_HEX];
    struct tree *part = NULL;
    struct err e;
    (void)argc;
    (void)argv;
    log_open("fuzz", LOG_LEVEL_ERROR);
    (void)snprintf(dir, sizeof dir, "%s/reeve-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        abort();
    sha256_hex("t", 1, digest);
    (void)snprintf(json, sizeof json,
                   "{\"data\":\"%s\",\"socket\":\"%s/s\",\"message_max\":65536,"
                   "\"destinations\":[{\"name\":\"a\",\"limit_messages\":200},"
                   "{\"name\":\"s\",\"order\":\"strict\",\"limit_bytes\":5000}],"
                   "\"rights\":[{\"name\":\"w\",\"token_sha256\":\"%s\",\"publish\":true,"
                   "\"admin\":true,\"consume\":[\"a\",\"s\"]}]}",
                   dir, dir, digest);
    if (tree_from_json(json, strlen(json), &part, &e) < 0 || server_open(part, &server, &e) < 0)
        abort();
    tree_free(part);
    (void)atexit(clean);
    return 0;
}

static void turn(unsigned n)
{
    bool also = false;
    while (n--)
        if (server_turn(server, -1, 0, 0, &also) < 0)
            abort();
}

static void greet(struct channel *c)
{
    static const uint8_t payload[] = {
        SPOOL_WIRE_VERSION, 0, 0, 0, 1, 0, 0, 0, 'w', 1, 0, 0, 0, 't'};
    if (channel_send(c, SPOOL_HELLO, 0, payload, sizeof payload, -1) < 0)
        abort();
}

static void send_frames(struct channel *c, const uint8_t *p, size_t size)
{
    while (size >= 2) {
        size_t len = p[1] < size - 2 ? p[1] : size - 2;
        if (channel_send(c, p[0], 0, p + 2, len, -1) < 0)
            abort();
        p += 2 + len;
        size -= 2 + len;
    }
}

static void check_totals(void)
{
    struct tree *t = server_status(server);
    const struct tree *list = tree_get(t, "destinations");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct tree *d = list->child[i];
        uint64_t n =
            tree_getu(d, "ready", 0) + tree_getu(d, "delayed", 0) + tree_getu(d, "inflight", 0);
        uint64_t most = tree_getu(d, "limit_messages", 0);
        if ((most && n > most) || tree_getu(d, "bytes", 0) > 200u * 65536u ||
            tree_getu(d, "inflight", 0) != 0)
            abort();
    }
    tree_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd[2];
    if (size < 1 || size > 8192 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return 0;
    struct channel *c = channel_new(fd[1], 1u << 20);
    if (!c || server_add(server, fd[0]) < 0)
        abort();
    greet(c);
    if (!(data[0] & 1))
        send_frames(c, data + 1, size - 1);
    (void)channel_flush(c);
    if (data[0] & 1)
        (void)!write(fd[1], data + 1, size - 1);
    turn(3);
    struct frame f;
    (void)channel_fill(c);
    while (channel_next(c, &f) == 1)
        ;
    channel_free(c);
    turn(2);
    if (server_clients(server) != 0)
        abort();
    check_totals();
    return 0;
}
