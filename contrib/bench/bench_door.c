/* SPDX-License-Identifier: Apache-2.0 */
/* bench_door - the bare side of the door bench: a libmicrohttpd TLS server that answers 202 once
 * the body is durable.
 *
 * bench_door CERTIFICATE KEY DB: listens on a free loopback port, prints it, ends when its standard
 * input ends. Bodies of all connections are gathered while a transaction is written (group commit;
 * SQLite, WAL, synchronous=FULL) and answered after its commit. No authentication, no parsing, no
 * identity, no journal, one process. The hub's side is driven by bench.py. */
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

/* One transaction for all that came while the last one was written. */
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
        run("BEGIN");
        for (struct request *r = all; r != NULL; r = r->next) {
            sqlite3_bind_blob(hub.st, 1, r->body, (int)r->len, SQLITE_STATIC);
            if (sqlite3_step(hub.st) != SQLITE_DONE)
                die(sqlite3_errmsg(hub.db));
            sqlite3_reset(hub.st);
        }
        run("COMMIT");
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

int main(int argc, char **argv)
{
    pthread_t committer;
    char byte;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (argc != 4)
        die("usage: bench_door CERTIFICATE KEY DB");
    open_db(argv[3]);
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
    return 0;
}
