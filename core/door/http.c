/* SPDX-License-Identifier: Apache-2.0 */
/* http - libmicrohttpd behind the door: its daemon, its callbacks, its answers. The only file that
 * knows how it behaves.
 *
 * It runs in our loop (MHD_run on its epoll descriptor). A first call of the handler has the head
 * and no body: refusing there keeps the body away (and "100 Continue" unsent) and closes the
 * connection; without a body the answer waits for the last call, so that keep-alive lives. A
 * request that waits for its worker is suspended.
 *
 * Known limits of version 0.9.75, which cannot be repaired from here and stay inside the sender's
 * own connection: it takes obs-fold and bare line feeds in heads, after chunk sizes, chunk data and
 * chunk extensions, cuts values at a zero byte, and takes an empty field name for the end of the
 * head. tests/system/test_door.py lists them. */
#include "door.h"
#include "base/door_wire.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PEM_MAX    (1u << 20)
#define POOL_BYTES 16384u /* head of a request, and the window of its body */

/* ---- answers */

static int add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES ? 0 : -ENOMEM;
}

static int add_fields(struct MHD_Response *response, const struct request *r)
{
    const struct answer *a = &r->answer;
    char number[16];
    int e = add(response, "Cache-Control", "no-store");
    if (e == 0)
        e = add(response, "X-Content-Type-Options", "nosniff");
    if (e == 0 && a->type[0])
        e = add(response, "Content-Type", a->type);
    if (e == 0 && a->retry_after) {
        (void)snprintf(number, sizeof number, "%u", a->retry_after);
        e = add(response, "Retry-After", number);
    }
    if (e == 0 && a->allow)
        e = add(response, "Allow", a->allow);
    if (e == 0 && a->authenticate)
        e = add(response, "WWW-Authenticate", a->authenticate);
    for (size_t at = 0; e == 0 && at < a->fields.len;) {
        const char *name = a->fields.p + at, *value = name + strlen(name) + 1;
        e = add(response, name, value);
        at += strlen(name) + strlen(value) + 2;
    }
    if (e == 0 && a->status == 415)
        e = add(response, "Accept-Encoding", "identity");
    if (e == 0 && (r->door->draining || r->door->config->behind_proxy || r->head_bad))
        e = add(response, "Connection", "close");
    return e;
}

static enum MHD_Result queue_answer(struct request *r)
{
    struct buf *b = &r->answer.body;
    union {
        const char *c;
        void *v;
    } text = {.c = buf_str(b)};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(b->len, text.v, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_fields(response, r) == 0)
        result = MHD_queue_response(r->mhd, r->answer.status, response);
    MHD_destroy_response(response);
    r->phase = PHASE_DONE;
    r->conn->answering = true;
    r->door->figures.answers[r->answer.status / 100]++;
    if (r->answer.status == 202 && r->access.path)
        histogram_add(&r->door->accept[r->at], mono_us() - r->began_us);
    conn_deadline(r->conn, WRITE_LIMIT_MS);
    return result;
}

void http_resume(struct request *r)
{
    if (!r->conn->suspended)
        return; /* answered while it was being sent: the handler sees it when we return */
    r->conn->suspended = false;
    conn_deadline(r->conn, WRITE_LIMIT_MS);
    MHD_resume_connection(r->mhd);
    r->door->wake = true;
}

/* ---- the handler */

struct collect {
    struct header *h;
    size_t n;
};

static enum MHD_Result collect_one(void *cls, enum MHD_ValueKind kind, const char *key,
                                   size_t key_len, const char *value, size_t value_len)
{
    struct collect *c = cls;
    (void)kind;
    if (c->n <= HEADERS_MAX) /* one more than allowed, so that the rule sees it */
        c->h[c->n++] = (struct header){.name = key,
                                       .name_len = key_len,
                                       .value = value ? value : "",
                                       .value_len = value ? value_len : 0};
    return MHD_YES;
}

static enum MHD_Result first_call(struct request *r, const char *method, const char *version)
{
    struct header h[HEADERS_MAX + 1];
    struct collect c = {.h = h};
    uint64_t now = mono_ms();
    (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, collect_one, &c);
    conn_deadline(r->conn, r->deadline_ms > now ? r->deadline_ms - now : 1);
    if (request_head(r, method, version, h, c.n))
        return MHD_YES;
    bool body_follows = r->head.chunked || r->head.length > 0 || r->head_bad;
    return body_follows ? queue_answer(r) : MHD_YES;
}

static enum MHD_Result last_call(struct request *r)
{
    if (r->phase == PHASE_BODY && !r->answer.status) {
        /* Suspended before it is sent: the answer may come from inside the sending. */
        request_complete(r);
        if (!r->answer.status) {
            uint64_t now = mono_ms();
            r->conn->suspended = true;
            MHD_suspend_connection(r->mhd);
            conn_deadline(r->conn, r->deadline_ms > now ? r->deadline_ms - now : 1);
            return MHD_YES;
        }
    }
    return queue_answer(r);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con_cls)
{
    struct request *r = *con_cls;
    (void)cls;
    (void)url;
    if (!r || !r->conn)
        return MHD_NO;
    r->mhd = mhd;
    r->conn->calls++;
    if (r->phase == PHASE_HEAD)
        return first_call(r, method, version);
    if (r->phase == PHASE_DONE)
        return MHD_YES;
    if (*size == 0)
        return last_call(r);
    if (!request_body(r, data, *size))
        return MHD_NO;
    *size = 0;
    return MHD_YES;
}

/* ---- connections and requests come and go */

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

/* The first that is known of a request: its target, as it came. */
static void *begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct conn *c = conn_of(mhd);
    if (!c)
        return NULL;
    c->calls++;
    conn_deadline(c, HEADER_LIMIT_MS);
    c->request = request_new(cls, c, uri);
    if (c->request)
        c->request->mhd = mhd;
    return c->request;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                      enum MHD_RequestTerminationCode code)
{
    struct request *r = *con_cls;
    (void)cls;
    (void)mhd;
    (void)code;
    if (!r)
        return;
    if (r->conn) {
        r->conn->calls++;
        r->conn->request = NULL;
        r->conn->answering = r->conn->suspended = false;
        conn_deadline(r->conn, r->door->draining ? 0 : IDLE_LIMIT_MS);
    }
    request_free(r);
    *con_cls = NULL;
}

static void connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *i =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = i ? conn_open(cls, i->connect_fd) : NULL;
    } else {
        struct conn *c = *socket_context;
        if (c && c->request)
            c->request->conn = NULL;
        conn_close(c);
        *socket_context = NULL;
    }
}

/* The path is decoded by our own rules, once. */
static size_t leave_alone(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

/* ---- start and stop */

static int listen_on(const struct door_config *c, struct err *e)
{
    int one = 1, off = 0;
    int fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, -errno, "door-listen", "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (c->address.ss_family == AF_INET6) /* "all addresses" means both families */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (const struct sockaddr *)&c->address, c->address_len) < 0 || listen(fd, 512) < 0) {
        int r = -errno;
        (void)close(fd);
        return err_set(e, r, "door-listen", "cannot listen on %s: %s", c->listen, strerror(-r));
    }
    return fd;
}

static int read_pem(struct door *d, struct err *e)
{
    const struct door_config *c = d->config;
    size_t len;
    int r;
    if (!c->certificate)
        return 0;
    r = read_file(c->certificate, PEM_MAX, &d->certificate, &len);
    if (r < 0)
        return err_set(e, r, "door-certificate", "%s: %s", c->certificate, strerror(-r));
    r = read_file(c->key, PEM_MAX, &d->key, &len);
    return r < 0 ? err_set(e, r, "door-key", "%s: %s", c->key, strerror(-r)) : 0;
}

int http_start(struct door *d, struct err *e)
{
    const struct door_config *c = d->config;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    bool alone =
        c->behind_proxy || address_is_loopback(&c->address); /* all come from one address then */
    int r = read_pem(d, e);
    if (r < 0)
        return r;
    d->listen_fd = listen_on(c, e);
    if (d->listen_fd < 0)
        return d->listen_fd;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, d->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, d->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (d->certificate)
        flags |= MHD_USE_TLS;
    d->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, d, MHD_OPTION_LISTEN_SOCKET, d->listen_fd,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        c->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        alone ? 0u : c->max_connections / 4 + 1, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_URI_LOG_CALLBACK, begin, d, MHD_OPTION_UNESCAPE_CALLBACK, leave_alone, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, completed, d, MHD_OPTION_NOTIFY_CONNECTION, connection, d,
        MHD_OPTION_ARRAY, d->certificate ? tls : none, MHD_OPTION_END);
    if (!d->mhd)
        return err_set(e, -EIO, "door-start", "the HTTP library does not start%s",
                       d->certificate ? " (do certificate and key belong together?)" : "");
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    d->mhd_fd = i ? i->epoll_fd : -1;
    return d->mhd_fd >= 0
               ? 0
               : err_set(e, -EIO, "door-start", "the HTTP library has no epoll descriptor");
}

void http_drain(struct door *d)
{
    MHD_socket fd = MHD_quiesce_daemon(d->mhd);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd);
    d->listen_fd = -1;
}

void http_stop(struct door *d)
{
    /* A suspended connection must be resumed before the library may stop; its sender is told to
     * come again. */
    for (struct conn *c = d->conns; c; c = c->next)
        if (c->suspended && c->request)
            request_deadline(c->request);
    if (d->mhd) {
        for (int i = 0; i < 3; i++) /* resume, answer, write: one step a turn */
            (void)MHD_run(d->mhd);
        MHD_stop_daemon(d->mhd); /* closes its listening socket */
    }
    d->mhd = NULL;
    if (d->key)
        explicit_bzero(d->key, strlen(d->key));
    free(d->key);
    free(d->certificate);
    d->key = d->certificate = NULL;
}
