/* SPDX-License-Identifier: Apache-2.0 */
/* door - the door's own state, shared by the files of this room: connections with their deadlines,
 * requests with their way from head to answer. One thread; nothing blocks but writing a body to its
 * file.
 *
 * A request's way: head (first call of the library; refused here if at all) → body (memory, then an
 * unlinked file) → waiting (sent to the worker, connection suspended) → answer (queued; the library
 * writes it) → done. */
#ifndef REEVE_DOOR_DOOR_H
#define REEVE_DOOR_DOOR_H
#include "base/buf.h"
#include "base/control.h"
#include "base/disk.h"
#include "base/histogram.h"
#include "base/map.h"
#include "config.h"
#include "rules.h"
#include "upstream.h"
#include <microhttpd.h>

#define HEADER_LIMIT_MS \
    15000u /* from the first byte to the end of the head; the TLS handshake too */
#define IDLE_LIMIT_MS  60000u /* between requests */
#define WRITE_LIMIT_MS 30000u /* to take our answer */
#define SCAN_MS        100u
#define STALE_SCANS    3u   /* scans with unread input and no progress: the library spins */
#define UNDER_WAY_MAX  256u /* requests of one path at a time: more get 429 */

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_WAITING, PHASE_ANSWER, PHASE_DONE };

struct conn { /* one TCP connection, from accept to close */
    struct door *door;
    struct conn *prev, *next;
    struct request *request; /* the present one, or NULL */
    int fd;
    uint64_t deadline_ms;
    unsigned calls, calls_seen, stale; /* for the watchdog */
    bool suspended, answering;
};

struct answer {
    unsigned status; /* 0: none yet */
    char type[256];
    uint32_t retry_after;
    const char *allow;        /* 405 */
    const char *authenticate; /* 401 */
    struct buf fields;        /* of the worker: name, zero, value, zero … */
    struct buf body;
};

enum door_view { DOOR_METRICS, DOOR_METRICS_TEXT, DOOR_HEALTH, DOOR_HEALTH_TERSE, DOOR_VIEWS };

struct view { /* a text of the supervisor, for a short while */
    struct buf text, coming;
    unsigned status;
    bool cut;                   /* a piece of what is coming could not be kept */
    uint64_t told_ms, asked_ms; /* mono_ms(); asked: 0 = not under way */
};

struct request {
    struct door *door;
    struct conn *conn;
    struct MHD_Connection *mhd;
    enum phase phase;
    char *target; /* as it came */
    char path[PATH_LEN_MAX + 1];
    const char *query; /* in target */
    char method[16];
    struct head head; /* numbers only: its pointers live for one call */
    struct access access;
    size_t at; /* index of its path */
    struct upstream *upstream;
    struct buf headers; /* packed: u32 count, (name, value)* */
    struct buf body;    /* the first DOOR_INLINE_MAX bytes, then empty */
    int body_fd;        /* -1: in memory */
    uint64_t body_len, thrown_away;
    uint64_t number, deadline_ms, began_us;
    enum door_view view; /* WHAT_HEALTH, WHAT_METRICS */
    bool counted;        /* in under_way */
    bool head_bad; /* nobody knows where the next request begins: the connection must be closed */
    struct answer answer;
};

struct door_figures {
    uint64_t connections, requests, answers[6], bytes_in, deadlines, stale;
};

struct door {
    struct door_config *config;
    struct disk disk;
    struct child *child;
    struct MHD_Daemon *mhd;
    int mhd_fd, listen_fd; /* listen_fd: ours until the library closes it */
    char *certificate, *key;
    struct conn *conns;
    unsigned open_conns;
    struct upstream **upstream; /* one a path, same index */
    unsigned *under_way;        /* requests of a path that hold a body or wait for an answer */
    struct histogram *accept;   /* one a path: request to 202 */
    struct view view[DOOR_VIEWS];
    struct map *waiting; /* u64 number → struct request in PHASE_WAITING */
    uint64_t next_number, next_scan_ms;
    bool draining;
    bool wake; /* a connection was resumed: the library must run before the next wait */
    uint64_t drain_end_ms;
    struct door_figures figures;
};

/* ---- http.c: the library's callbacks and its start */
int http_start(struct door *d, struct err *e);
void http_drain(struct door *d); /* no new connections */
void http_stop(struct door *d);
/* The answer is there: goes on with a suspended connection. */
void http_resume(struct request *r);

/* ---- request.c */
struct request *request_new(struct door *d, struct conn *c, const char *target);
void request_free(struct request *r); /* tells the worker when it was still waiting */
/* The head is complete. False: refused, r->answer says how. */
bool request_head(struct request *r, const char *method, const char *version,
                  const struct header *h, size_t n);
/* A piece of the body. False: close the connection, nothing can be said any more. */
bool request_body(struct request *r, const char *p, size_t len);
/* The body is complete: to the worker, or answered here. */
void request_complete(struct request *r);
void request_refuse(struct request *r, unsigned status, const char *code, const char *detail,
                    uint32_t retry_after);
void request_deadline(struct request *r);                 /* waiting too long */
extern const struct upstream_events door_upstream_events; /* arg is to be set to the door */

void request_answered(struct request *r); /* the answer is there */
bool request_wants_view(const struct request *r);

/* ---- views.c */
void views_init(struct door *d);
void views_done(struct door *d);
void view_ask(struct request *r);  /* answers it, or makes it wait for what the supervisor says */
void view_late(struct request *r); /* it waited too long */
void views_told(void *arg, const struct child_told *t); /* arg: the door */

/* ---- conns.c */
struct conn *conn_open(struct door *d, int fd);
void conn_close(struct conn *c);
void conn_deadline(struct conn *c, uint64_t ms); /* from now */
void conns_scan(struct door *d);                 /* deadlines and the watchdog, every SCAN_MS */
void conns_close_idle(struct door *d);

#endif
