/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_link - one connection to RabbitMQ: reach a broker of the list, greet, open channels, end;
 * and what the broker says against something as one sentence. See amqp_link.h.
 *
 * Guarantees: every wait is bounded (AMQP_WAIT_MS each for connecting, greeting and answers), the
 * broker's certificate and host name are verified whenever TLS is configured, and a peer that
 * vanishes ends the connection by heartbeat or TCP_USER_TIMEOUT: the library's publish has no
 * time-out of its own, so the kernel's is what frees one that the broker never reads.
 * Known limit: looking a host name up waits as long as the resolver is configured to. */
#include "amqp_link.h"
#include "base/buf.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define UNSENT_MS     (2u * AMQP_HEARTBEAT_S * 1000)
#define CHANNELS_MAX  16
#define CLOSE_WAIT_MS 1000u
#define NOT_ALLOWED   530 /* AMQP 0-9-1: virtual host unknown or not this user's */

int amqp_close_reason(uint16_t code, amqp_bytes_t text, const char *what, struct err *e)
{
    static const struct {
        uint16_t code;
        int r;
        const char *word;
    } known[] = {{AMQP_NOT_FOUND, -ENOENT, "destination-unknown"},
                 {AMQP_ACCESS_REFUSED, -EPERM, "not-allowed"},
                 {NOT_ALLOWED, -EPERM, "not-allowed"},
                 {AMQP_RESOURCE_LOCKED, -EBUSY, "queue-busy"},
                 {AMQP_PRECONDITION_FAILED, -EINVAL, "topology"}};
    int r = -EIO;
    const char *word = "transport";
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i].code == code) {
            r = known[i].r;
            word = known[i].word;
        }
    int len = text.bytes ? (int)(text.len < 400 ? text.len : 400) : 0;
    return err_set(e, r, word, "%s: the broker refuses: %.*s (%u)", what, len,
                   len ? (const char *)text.bytes : "", code);
}

static int reply_err(const amqp_rpc_reply_t *reply, const char *what, struct err *e)
{
    switch (reply->reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return 0;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return err_set(e, -EIO, "transport", "%s: %s", what,
                       amqp_error_string2(reply->library_error));
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        if (reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
            const amqp_channel_close_t *m = reply->reply.decoded;
            return amqp_close_reason(m->reply_code, m->reply_text, what, e);
        }
        if (reply->reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            const amqp_connection_close_t *m = reply->reply.decoded;
            return amqp_close_reason(m->reply_code, m->reply_text, what, e);
        }
        break;
    case AMQP_RESPONSE_NONE:
        break;
    }
    return err_set(e, -EIO, "transport", "%s: the broker's answer is none", what);
}

int amqp_link_reply(amqp_connection_state_t c, const char *what, struct err *e)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(c);
    return reply_err(&reply, what, e);
}

static int library_err(int status, const char *what, struct err *e)
{
    return err_set(e, -EIO, "transport", "%s: %s", what, amqp_error_string2(status));
}

static int secure(amqp_socket_t *s, const struct amqp_place *p, struct err *e)
{
    amqp_ssl_socket_set_verify_peer(s, 1);
    amqp_ssl_socket_set_verify_hostname(s, 1);
    int r = amqp_ssl_socket_set_ssl_versions(s, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    if (r != AMQP_STATUS_OK)
        return library_err(r, "TLS 1.2", e);
    r = amqp_ssl_socket_set_cacert(s, p->ca);
    if (r != AMQP_STATUS_OK)
        return err_set(e, -EIO, "transport", "cannot use the CA file %s", p->ca);
    if (p->certificate && amqp_ssl_socket_set_key(s, p->certificate, p->key) != AMQP_STATUS_OK)
        return err_set(e, -EIO, "transport", "cannot use the certificate %s with the key %s",
                       p->certificate, p->key);
    return 0;
}

/* Failing to set one of these leaves a connection that works, only less watchful. */
static void watch(int fd)
{
    int on = 1, idle = AMQP_HEARTBEAT_S, count = 3;
    unsigned unsent = UNSENT_MS;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent, sizeof unsent);
}

static amqp_table_entry_t flag(const char *name)
{
    return (amqp_table_entry_t){
        .key = amqp_text(name),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}};
}

static int greet(amqp_connection_state_t c, const struct amqp_place *p, struct err *e)
{
    amqp_table_entry_t can[] = {flag("connection.blocked"), flag("consumer_cancel_notify"),
                                flag("publisher_confirms"), flag("basic.nack")};
    amqp_table_entry_t about[] = {
        {.key = amqp_text("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value = {.table = {.num_entries = ARRAY_SIZE(can), .entries = can}}}},
        {.key = amqp_text("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_text(p->name)}}}};
    /* RabbitMQ takes the name from the certificate and not from here, and the library takes an
     * empty text for a lack of memory. */
    const char *identity = p->user && *p->user ? p->user : "external";
    amqp_table_t properties = {.num_entries = ARRAY_SIZE(about), .entries = about};
    amqp_rpc_reply_t reply =
        p->external ? amqp_login_with_properties(c, p->vhost, CHANNELS_MAX, AMQP_FRAME_MAX,
                                                 AMQP_HEARTBEAT_S, &properties,
                                                 AMQP_SASL_METHOD_EXTERNAL, identity)
                    : amqp_login_with_properties(c, p->vhost, CHANNELS_MAX, AMQP_FRAME_MAX,
                                                 AMQP_HEARTBEAT_S, &properties,
                                                 AMQP_SASL_METHOD_PLAIN, p->user, p->password);
    return reply_err(&reply, "login", e);
}

int amqp_link_channel(amqp_connection_state_t c, amqp_channel_t channel, struct err *e)
{
    (void)amqp_channel_open(c, channel);
    return amqp_link_reply(c, "opening a channel", e);
}

static int reach(amqp_connection_state_t c, const struct amqp_place *p, size_t i, struct err *e)
{
    struct timeval wait = amqp_wait_of(AMQP_WAIT_MS);
    amqp_socket_t *s = p->tls ? amqp_ssl_socket_new(c) : amqp_tcp_socket_new(c);
    if (!s)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = p->tls ? secure(s, p, e) : 0;
    if (r < 0)
        return r;
    r = amqp_socket_open_noblock(s, p->broker[i].host, p->broker[i].port, &wait);
    if (r != AMQP_STATUS_OK)
        return library_err(r, "cannot connect", e);
    watch(amqp_get_sockfd(c));
    r = amqp_set_handshake_timeout(c, &wait);
    r = r == AMQP_STATUS_OK ? amqp_set_rpc_timeout(c, &wait) : r;
    if (r != AMQP_STATUS_OK)
        return library_err(r, "cannot bound the waits", e);
    r = greet(c, p, e);
    return r < 0 ? r : amqp_link_channel(c, 1, e);
}

int amqp_link_open(struct amqp_place *place, amqp_connection_state_t *ret, struct err *e)
{
    struct buf reasons = BUF_INIT(4096); /* what does not fit is not said */
    int worst = -EIO, r = -EIO;
    for (size_t k = 0; k < place->brokers_n; k++) {
        size_t i = place->next % place->brokers_n;
        place->next = (i + 1) % place->brokers_n;
        amqp_connection_state_t c = amqp_new_connection();
        r = c ? reach(c, place, i, e) : err_set(e, -ENOMEM, "memory", "out of memory");
        if (r == 0) {
            *ret = c;
            break;
        }
        if (c)
            (void)amqp_destroy_connection(c);
        (void)buf_addf(&reasons, "%s%s:%d: %s", reasons.len ? "; " : "", place->broker[i].host,
                       place->broker[i].port, e->text);
        worst = r == -EPERM ? r : worst; /* an answer weighs more than none */
    }
    if (r < 0)
        r = err_set(e, worst, worst == -EPERM ? "not-allowed" : "transport", "%s",
                    buf_str(&reasons));
    buf_done(&reasons);
    return r;
}

void amqp_link_close(amqp_connection_state_t c)
{
    if (!c)
        return;
    struct timeval wait = amqp_wait_of(CLOSE_WAIT_MS);
    unsigned unsent = CLOSE_WAIT_MS; /* what waits to be sent must not hold up the end */
    int fd = amqp_get_sockfd(c);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent, sizeof unsent);
    (void)amqp_set_rpc_timeout(c, &wait);
    (void)amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(c);
}
