/* SPDX-License-Identifier: Apache-2.0 */
/* connect - how a link comes to be: addresses in turn, TLS, login, channel; see rabbit.h. */
#include "rabbit.h"
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#define FRAME_BYTES 131072 /* RabbitMQ's default; a broker may ask for less */
#define CLOSE_MS    1000u
#define CONNECT_MS  10000u /* to all brokers together: a hub that stops waits no longer */
#define BROKERS_MAX 16u

static struct timeval timeval_of(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* Certificates and keys that cannot be read are told apart from a peer that cannot be reached. */
static const char *prepare_tls(reeve_ctx *ctx, amqp_socket_t *s)
{
    const char *ca = reeve_conf(ctx, "ca", 0), *cert = reeve_conf(ctx, "certificate", 0),
               *key = reeve_conf(ctx, "key", 0);
    amqp_ssl_socket_set_verify_peer(s, 1);
    amqp_ssl_socket_set_verify_hostname(s, 1);
    (void)amqp_ssl_socket_set_ssl_versions(s, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    if (ca ? amqp_ssl_socket_set_cacert(s, ca) != AMQP_STATUS_OK
           : SSL_CTX_set_default_verify_paths(amqp_ssl_socket_get_context(s)) != 1)
        return "ca: its certificates cannot be read";
    if (cert && amqp_ssl_socket_set_key(s, cert, key ? key : cert) != AMQP_STATUS_OK)
        return "certificate, key: they cannot be read, or do not belong together";
    return NULL;
}

static void connection_name(reeve_ctx *ctx, char name[300])
{
    const char *queue = reeve_conf(ctx, "queue", 0), *exchange = reeve_conf(ctx, "exchange", 0);
    if (queue)
        (void)snprintf(name, 300, "reeve receives from %.250s", queue);
    else
        (void)snprintf(name, 300, "reeve delivers to %.250s",
                       exchange && *exchange ? exchange : "the default exchange");
}

static amqp_table_entry_t yes(const char *name)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(name),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}};
}

const char *link_user(reeve_ctx *ctx)
{
    const char *user = reeve_conf(ctx, "user", 0);
    if (!reeve_conf(ctx, "password", 0) && reeve_conf(ctx, "certificate", 0))
        return NULL;
    return user ? user : "guest";
}

static bool speaks_tls(reeve_ctx *ctx)
{
    return reeve_conf(ctx, "tls", 0)
               ? reeve_conf_int(ctx, "tls") != 0
               : reeve_conf(ctx, "ca", 0) || reeve_conf(ctx, "certificate", 0);
}

static bool login(reeve_ctx *ctx, struct link *l)
{
    char name[300];
    const char *vhost = reeve_conf(ctx, "vhost", 0), *user = link_user(ctx),
               *password = reeve_conf(ctx, "password", 0);
    int beat = (int)(reeve_conf_int(ctx, "heartbeat") / 1000);
    connection_name(ctx, name);
    amqp_table_entry_t can[] = {yes("connection.blocked"), yes("consumer_cancel_notify"),
                                yes("basic.nack"), yes("publisher_confirms"),
                                yes("authentication_failure_close")};
    amqp_table_entry_t say[] = {
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value = {.table = {sizeof(can) / sizeof(can[0]), can}}}},
        {.key = amqp_cstring_bytes("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(name)}}}};
    amqp_table_t properties = {sizeof(say) / sizeof(say[0]), say};
    vhost = vhost ? vhost : "/";
    /* EXTERNAL: the library takes no empty identity, and RabbitMQ passes over it. */
    amqp_rpc_reply_t r =
        user ? amqp_login_with_properties(l->conn, vhost, 0, FRAME_BYTES, beat, &properties,
                                          AMQP_SASL_METHOD_PLAIN, user,
                                          password ? password : "guest")
             : amqp_login_with_properties(l->conn, vhost, 0, FRAME_BYTES, beat, &properties,
                                          AMQP_SASL_METHOD_EXTERNAL, "certificate");
    return link_reply(l, "login", r);
}

static bool dial(reeve_ctx *ctx, struct link *l, const struct address *a, uint64_t ms)
{
    bool tls = speaks_tls(ctx);
    const char *bad = NULL;
    struct timeval limit = timeval_of(ms);
    l->conn = amqp_new_connection();
    amqp_socket_t *s = !l->conn ? NULL
                       : tls    ? amqp_ssl_socket_new(l->conn)
                                : amqp_tcp_socket_new(l->conn);
    if (s && tls)
        bad = prepare_tls(ctx, s);
    if (!s || bad) {
        l->lost = true;
        (void)snprintf(l->why, sizeof(l->why), "%s", bad ? bad : "out of memory");
        return false;
    }
    if (!link_status(l, "connecting", amqp_socket_open_noblock(s, a->host, a->port, &limit)))
        return false;
    (void)pthread_mutex_lock(&l->fd_lock);
    l->fd = amqp_get_sockfd(l->conn);
    (void)pthread_mutex_unlock(&l->fd_lock);
    link_guard(l, 2 * ms);
    (void)amqp_set_handshake_timeout(l->conn, &limit);
    (void)amqp_set_rpc_timeout(l->conn, &limit);
    if (!login(ctx, l))
        return false;
    (void)amqp_channel_open(l->conn, 1);
    return link_reply(l, "opening a channel", amqp_get_rpc_reply(l->conn));
}

void link_close(struct link *l)
{
    if (!l->conn)
        return;
    link_guard(l, 2 * CLOSE_MS);
    if (!l->lost) {
        struct timeval limit = timeval_of(CLOSE_MS);
        (void)amqp_set_rpc_timeout(l->conn, &limit);
        (void)amqp_connection_close(l->conn, AMQP_REPLY_SUCCESS);
    }
    (void)pthread_mutex_lock(&l->fd_lock);
    l->fd = -1;
    (void)amqp_destroy_connection(l->conn);
    (void)pthread_mutex_unlock(&l->fd_lock);
    l->conn = NULL;
    l->lost = l->blocked = l->hold = l->in_body = false;
    l->content = CONTENT_NONE;
    link_guard(l, 0);
}

static size_t brokers(reeve_ctx *ctx)
{
    size_t n = 0;
    while (n < BROKERS_MAX && reeve_conf(ctx, "brokers", n))
        n++;
    return n;
}

reeve_rc link_open(reeve_ctx *ctx, struct link *l)
{
    size_t n = brokers(ctx);
    char first[300] = "no address";
    uint64_t all = (uint64_t)reeve_conf_int(ctx, "timeout");
    uint64_t each = (all < CONNECT_MS ? all : CONNECT_MS) / (n ? n : 1);
    link_close(l);
    for (size_t i = 0; i < n; i++) {
        size_t at = (l->at + i) % n;
        const char *broker = reeve_conf(ctx, "brokers", at);
        struct address a;
        l->why[0] = '\0';
        l->code = 0;
        l->lost = false;
        if (!address_parse(broker, speaks_tls(ctx) ? 5671 : 5672, &a))
            return reeve_fail(ctx, REEVE_DOWN, "brokers: %.100s is no address", broker);
        if (!speaks_tls(ctx) && !reeve_conf(ctx, "tls", 0) && !address_is_here(&a))
            return reeve_fail(ctx, REEVE_DOWN,
                              "brokers: %.100s is another machine: set ca, or tls: true; or tls: "
                              "false when passwords may cross the network in the clear",
                              broker);
        bool up = dial(ctx, l, &a, each > 100 ? each : 100);
        link_guard(l, 0);
        if (up) {
            l->at = at;
            l->heartbeat_ms = (uint64_t)amqp_get_heartbeat(l->conn) * 1000u;
            l->last_turn = l->last_beat = monotonic_ms();
            return REEVE_OK;
        }
        if (i == 0)
            (void)snprintf(first, sizeof(first), "%.60s: %.220s", broker, l->why);
        link_close(l);
    }
    return n > 1 ? reeve_fail(ctx, REEVE_DOWN, "none of %zu brokers: %s", n, first)
                 : reeve_fail(ctx, REEVE_DOWN, "%s", first);
}
