/* SPDX-License-Identifier: Apache-2.0 */
/* bench_door - the bare side of the door bench: a libmicrohttpd TLS server that answers 202 once
 * the body is durable.
 *
 * bench_door CERTIFICATE KEY DB, or CERTIFICATE KEY amqp PORT VHOST QUEUE: listens on a free
 * loopback port, prints it, ends when its standard input ends. Bodies of all connections are
 * gathered while a batch is made durable, and answered when it is: a transaction of SQLite (WAL,
 * synchronous=FULL), or published to a queue of RabbitMQ (user guest) and confirmed. No
 * authentication, no parsing, no identity, no journal, one process. The hub's side is driven by
 * bench.py. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX 65536

struct request {
    struct MHD_Connection *connection;
    struct request *next;
    size_t len;
    bool queued;
    char body[BODY_MAX];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct request *first;
    bool stop;
    sqlite3 *db;
    sqlite3_stmt *st;
    amqp_connection_state_t broker; /* instead of db */
    const char *queue;
    uint64_t published, confirmed;
} hub = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void die(const char *what)
{
    fprintf(stderr, "bench_door: %s\n", what);
    exit(1);
}

static void run(const char *sql)
{
    if (sqlite3_exec(hub.db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(hub.db));
}

/* ---- making a batch durable ---- */

static void commit(const struct request *all)
{
    run("BEGIN");
    for (const struct request *r = all; r != NULL; r = r->next) {
        sqlite3_bind_blob(hub.st, 1, r->body, (int)r->len, SQLITE_STATIC);
        if (sqlite3_step(hub.st) != SQLITE_DONE)
            die(sqlite3_errmsg(hub.db));
        sqlite3_reset(hub.st);
    }
    run("COMMIT");
}

static void read_confirm(void)
{
    amqp_frame_t f;
    if (amqp_simple_wait_frame(hub.broker, &f) != AMQP_STATUS_OK)
        die("the broker is gone");
    if (f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *a = f.payload.method.decoded;
        if (a->delivery_tag > hub.confirmed) /* one queue: in order */
            hub.confirmed = a->delivery_tag;
    }
    amqp_maybe_release_buffers(hub.broker);
}

static void publish(struct request *all)
{
    amqp_basic_properties_t props = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    for (struct request *r = all; r != NULL; r = r->next, hub.published++)
        if (amqp_basic_publish(hub.broker, 1, amqp_empty_bytes, amqp_cstring_bytes(hub.queue), 1, 0,
                               &props,
                               (amqp_bytes_t){.len = r->len, .bytes = r->body}) != AMQP_STATUS_OK)
            die("publishing");
    while (hub.confirmed < hub.published)
        read_confirm();
}

/* One batch of all that came while the last one was made durable. */
static void *commit_loop(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&hub.lock);
        while (hub.first == NULL && !hub.stop)
            pthread_cond_wait(&hub.more, &hub.lock);
        struct request *all = hub.first;
        hub.first = NULL;
        pthread_mutex_unlock(&hub.lock);
        if (all == NULL)
            return NULL;
        if (hub.broker)
            publish(all);
        else
            commit(all);
        for (struct request *r = all, *next; r != NULL; r = next) {
            next = r->next; /* the request may be gone once it is resumed */
            MHD_resume_connection(r->connection);
        }
    }
}

static enum MHD_Result answer(struct MHD_Connection *c)
{
    static char text[] = "{\"accepted\":1}\n";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result ret = MHD_queue_response(c, MHD_HTTP_ACCEPTED, response);
    MHD_destroy_response(response);
    return ret;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    (void)cls, (void)url, (void)method, (void)version;
    struct request *r = *state;
    if (r == NULL) {
        r = malloc(sizeof *r);
        if (r == NULL)
            return MHD_NO;
        r->connection = c;
        r->len = 0;
        r->queued = false;
        *state = r;
        return MHD_YES;
    }
    if (*size > 0) {
        if (*size > BODY_MAX - r->len)
            return MHD_NO;
        memcpy(r->body + r->len, data, *size);
        r->len += *size;
        *size = 0;
        return MHD_YES;
    }
    if (r->queued)
        return answer(c);
    r->queued = true;
    MHD_suspend_connection(c);
    pthread_mutex_lock(&hub.lock);
    r->next = hub.first;
    hub.first = r;
    pthread_cond_signal(&hub.more);
    pthread_mutex_unlock(&hub.lock);
    return MHD_YES;
}

static void on_done(void *cls, struct MHD_Connection *c, void **state,
                    enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)c, (void)why;
    free(*state);
    *state = NULL;
}

static char *read_file(const char *path)
{
    static char text[2][65536];
    static int n;
    FILE *f = fopen(path, "r");
    if (f == NULL || n == 2)
        die("cannot read the certificate or the key");
    text[n][fread(text[n], 1, sizeof text[n] - 1, f)] = 0;
    fclose(f);
    return text[n++];
}

static void open_db(const char *path)
{
    if (sqlite3_open(path, &hub.db) != SQLITE_OK)
        die("cannot make the data base");
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE message(n INTEGER PRIMARY "
        "KEY, body BLOB);");
    if (sqlite3_prepare_v2(hub.db, "INSERT INTO message(body) VALUES(?)", -1, &hub.st, NULL) !=
        SQLITE_OK)
        die("no statement");
}

static void open_broker(const char *port, const char *vhost, const char *queue)
{
    hub.broker = amqp_new_connection();
    hub.queue = queue;
    amqp_socket_t *socket = amqp_tcp_socket_new(hub.broker);
    if (socket == NULL ||
        amqp_socket_open(socket, "127.0.0.1", (int)strtoul(port, NULL, 10)) != AMQP_STATUS_OK ||
        amqp_login(hub.broker, vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest")
                .reply_type != AMQP_RESPONSE_NORMAL ||
        amqp_channel_open(hub.broker, 1) == NULL || amqp_confirm_select(hub.broker, 1) == NULL)
        die("the broker cannot be reached");
}

int main(int argc, char **argv)
{
    pthread_t committer;
    char byte;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (argc == 4)
        open_db(argv[3]);
    else if (argc == 7)
        open_broker(argv[4], argv[5], argv[6]);
    else
        die("usage: bench_door CERTIFICATE KEY DB | CERTIFICATE KEY amqp PORT VHOST QUEUE");
    if (pthread_create(&committer, NULL, commit_loop, NULL) != 0)
        die("no thread");
    struct MHD_Daemon *d =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME, 0,
                         NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                         MHD_OPTION_HTTPS_MEM_CERT, read_file(argv[1]), MHD_OPTION_HTTPS_MEM_KEY,
                         read_file(argv[2]), MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
    if (d == NULL)
        die("the server does not start");
    printf("%u\n", MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (read(0, &byte, 1) > 0 || errno == EINTR)
        ;
    pthread_mutex_lock(&hub.lock);
    hub.stop = true;
    pthread_cond_signal(&hub.more);
    pthread_mutex_unlock(&hub.lock);
    pthread_join(committer, NULL);
    MHD_stop_daemon(d);
    sqlite3_finalize(hub.st);
    sqlite3_close(hub.db);
    if (hub.broker)
        amqp_destroy_connection(hub.broker);
    return 0;
}
