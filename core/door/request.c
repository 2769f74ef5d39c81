/* SPDX-License-Identifier: Apache-2.0 */
/* request - one request from its head to its answer; see door.h. Knows the worker's wire and the
 * rules, not the library.
 *
 * What is refused costs no upload where that is possible; once a body is under way its rest is
 * thrown away up to a bound, so that the sender can read the reason. */
#include "door.h"
#include "base/door_wire.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/util.h"
#include "problem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define THROW_AWAY_MAX    (4u << 20)
#define ANSWER_BODY_MAX   DOOR_FRAME_MAX
#define ANSWER_FIELDS_MAX (DOOR_HEADERS_MAX * (DOOR_HEADER_NAME_MAX + DOOR_HEADER_VALUE_MAX + 2))

struct request *request_new(struct door *d, struct conn *c, const char *target)
{
    struct request *r = xcalloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->door = d;
    r->conn = c;
    r->body_fd = -1;
    r->query = "";
    buf_init(&r->headers, 64u << 10);
    buf_init(&r->body, DOOR_INLINE_MAX);
    buf_init(&r->answer.body, ANSWER_BODY_MAX);
    buf_init(&r->answer.fields, ANSWER_FIELDS_MAX);
    r->began_us = mono_us();
    r->deadline_ms = r->began_us / 1000 + d->config->deadline_ms;
    r->target = strdup(target);
    if (!r->target) {
        free(r);
        return NULL;
    }
    d->figures.requests++;
    return r;
}

static void stop_waiting(struct request *r)
{
    if (r->phase == PHASE_WAITING)
        (void)map_take(r->door->waiting, (const char *)&r->number, sizeof r->number);
    if (r->counted)
        r->door->under_way[r->at]--;
    r->counted = false;
}

static void cancel(struct request *r)
{
    struct buf b = BUF_INIT(16);
    if (r->phase == PHASE_WAITING && r->upstream && pack_u64(&b, r->number) == 0)
        (void)upstream_send(r->upstream, DOOR_CANCEL, &b, -1);
    buf_done(&b);
}

static void drop_body(struct request *r)
{
    buf_done(&r->body);
    if (r->body_fd >= 0)
        (void)close(r->body_fd);
    r->body_fd = -1;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    if (r->phase == PHASE_WAITING)
        (void)map_take(r->door->waiting, (const char *)&r->number, sizeof r->number);
    cancel(r); /* taken out first: losing the worker meanwhile must not find it */
    if (r->counted)
        r->door->under_way[r->at]--;
    drop_body(r);
    buf_done(&r->headers);
    buf_done(&r->answer.body);
    buf_done(&r->answer.fields);
    free(r->target);
    free(r);
}

/* ---- refusals */

void request_refuse(struct request *r, unsigned status, const char *code, const char *detail,
                    uint32_t retry_after)
{
    struct answer *a = &r->answer;
    a->status = status;
    a->retry_after = retry_after;
    (void)snprintf(a->type, sizeof a->type, "%s", PROBLEM_TYPE);
    buf_reset(&a->fields);
    buf_reset(&a->body);
    if (problem_write(&a->body, status, code, detail) < 0)
        buf_reset(&a->body); /* the status alone says enough */
    drop_body(r);
    /* The decoded path, never the query: people put secrets there. */
    log_info("refused", NULL, "%u %s %s %s: %s", status, code, r->method[0] ? r->method : "-",
             r->path, detail);
}

static bool refuse(struct request *r, const struct refusal *no)
{
    if (no->status == 401)
        r->answer.authenticate = r->access.bad_token
                                     ? "Bearer realm=\"reeve\", error=\"invalid_token\""
                                     : "Bearer realm=\"reeve\"";
    if (no->status == 405)
        r->answer.allow = r->access.allow;
    request_refuse(r, no->status, no->code, no->detail, 0);
    return false;
}

/* ---- the head */

bool request_wants_view(const struct request *r)
{
    return r->access.what == WHAT_HEALTH || r->access.what == WHAT_METRICS;
}

static void answer_live(struct request *r)
{
    r->answer.status = 200;
    (void)snprintf(r->answer.type, sizeof r->answer.type, "application/json");
    (void)buf_adds(&r->answer.body, "{\"status\":\"ok\"}\n");
}

static enum door_view view_of(const struct request *r, const struct header *h, size_t n)
{
    if (r->access.what == WHAT_METRICS)
        return accept_plain_text(h, n) ? DOOR_METRICS_TEXT : DOOR_METRICS;
    return r->door->config->local ? DOOR_HEALTH : DOOR_HEALTH_TERSE;
}

static int pack_headers(struct request *r, const struct header *h, size_t n)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += header_passes(&h[i], r->access.what == WHAT_CONSOLE);
    int e = pack_u32(&r->headers, count);
    for (size_t i = 0; e == 0 && i < n; i++) {
        char name[256];
        if (!header_passes(&h[i], r->access.what == WHAT_CONSOLE))
            continue;
        if (h[i].name_len >= sizeof name)
            return -EFBIG;
        for (size_t k = 0; k < h[i].name_len; k++)
            name[k] = (char)(h[i].name[k] >= 'A' && h[i].name[k] <= 'Z' ? h[i].name[k] | 0x20
                                                                        : h[i].name[k]);
        e = pack_bytes(&r->headers, name, h[i].name_len);
        if (e == 0)
            e = pack_bytes(&r->headers, h[i].value, h[i].value_len);
    }
    return e;
}

static bool disk_has_room(const struct request *r)
{
    struct statvfs fs;
    const struct door_config *c = r->door->config;
    if (r->head.length <= DOOR_INLINE_MAX || statvfs(c->stage, &fs) < 0)
        return true;
    return (uint64_t)fs.f_bavail * fs.f_frsize >= r->head.length + c->keep_free / 2;
}

/* Before the upload, where there is one: what has no body (a receipt, the console) goes on. */
static bool disk_is_low(const struct request *r, char *words, size_t cap)
{
    bool body = r->head.length > 0 || r->head.chunked;
    if (!body || r->access.path->console || !disk_low(&r->door->disk))
        return false;
    (void)disk_words(&r->door->disk, words, cap);
    return true;
}

/* What may pass by the rules may still have to come again later. */
static bool have_room(struct request *r)
{
    char words[ERR_TEXT_MAX];
    r->at = (size_t)(r->access.path - r->door->config->path);
    r->upstream = r->door->upstream[r->at];
    if (r->door->draining)
        request_refuse(r, 503, "draining", "this server is about to restart", 5);
    else if (!upstream_try(r->upstream))
        request_refuse(r, 503, "worker-absent",
                       "the connector of this path is not running at the moment", 1);
    else if (upstream_blocked(r->upstream))
        request_refuse(r, 503, "worker-busy", "the connector of this path is busy", 1);
    else if (r->door->under_way[r->at] >= UNDER_WAY_MAX)
        request_refuse(r, 429, "too-many", "too many requests of this path are under way", 1);
    else if (disk_is_low(r, words, sizeof words))
        request_refuse(r, 503, "disk-nearly-full", words, 60);
    else if (!disk_has_room(r))
        request_refuse(r, 503, "disk-full", "there is no room for a body of this size", 60);
    else
        return true;
    return false;
}

bool request_head(struct request *r, const char *method, const char *version,
                  const struct header *h, size_t n)
{
    struct refusal no = {0};
    r->phase = PHASE_BODY;
    (void)snprintf(r->method, sizeof r->method, "%s", method);
    r->head_bad = !header_check(h, n, version, &r->head, &no);
    if (r->head_bad || !path_check(r->target, r->path, &r->query, &no) ||
        !access_check(r->door->config, method, r->path, r->head.authorization, &r->access, &no))
        return refuse(r, &no);
    if (!body_check(&r->head, method, r->access.path ? r->access.path->max_body : 0, &no))
        return refuse(r, &no);
    r->head.authorization = NULL; /* belongs to this call */
    if (r->access.what == WHAT_LIVE) {
        answer_live(r);
        return false;
    }
    if (request_wants_view(r)) {
        r->view = view_of(r, h, n);
        return true;
    }
    if (!have_room(r))
        return false;
    if (pack_headers(r, h, n) < 0) {
        request_refuse(r, 431, "headers", "the header fields are too large", 0);
        return false;
    }
    r->door->under_way[r->at]++;
    r->counted = true;
    return true;
}

/* ---- the body */

static int to_file(struct request *r, const char *p, size_t len)
{
    if (r->body_fd < 0) {
        r->body_fd = unlinked_file(r->door->config->stage);
        int e = r->body_fd < 0 ? r->body_fd : write_all(r->body_fd, r->body.p, r->body.len);
        buf_done(&r->body);
        if (e < 0)
            return e;
    }
    return write_all(r->body_fd, p, len);
}

bool request_body(struct request *r, const char *p, size_t len)
{
    r->door->figures.bytes_in += len;
    if (r->answer.status) { /* refused already: its rest is of no use */
        r->thrown_away += len;
        return r->thrown_away <= THROW_AWAY_MAX;
    }
    r->body_len += len;
    if (r->body_len > r->access.path->max_body) {
        request_refuse(r, 413, "too-large", "the body is larger than this path takes", 0);
        return true;
    }
    if (r->body_fd < 0 && r->body_len <= DOOR_INLINE_MAX) {
        if (buf_add(&r->body, p, len) == 0)
            return true;
        request_refuse(r, 503, "memory", "there is no memory for this body", 5);
        return true;
    }
    int e = to_file(r, p, len);
    if (e < 0) {
        log_error("stage", NULL, "%s: %s", r->door->config->stage, strerror(-e));
        request_refuse(r, 503, e == -ENOSPC ? "disk-full" : "stage", "the body could not be kept",
                       60);
    }
    return true;
}

/* ---- to the worker and back */

static int pack_request(const struct request *r, struct buf *b, uint64_t left_ms)
{
    const char *method =
        strcmp(r->method, "HEAD") == 0 ? "GET" : r->method; /* the library leaves the body out */
    int e = pack_u64(b, r->number);
    if (e == 0)
        e = pack_str(b, method);
    if (e == 0)
        e = pack_str(b, r->path);
    if (e == 0)
        e = pack_str(b, r->query);
    if (e == 0)
        e = buf_add(b, r->headers.p, r->headers.len);
    if (e == 0)
        e = pack_u64(b, r->body_len);
    if (e == 0)
        e = pack_bytes(b, buf_str(&r->body), r->body_fd < 0 ? r->body.len : 0);
    return e == 0 ? pack_u64(b, left_ms) : e;
}

static int send_to_worker(struct request *r)
{
    struct buf b = BUF_INIT(DOOR_FRAME_MAX);
    uint64_t now = mono_ms(), left = r->deadline_ms > now ? r->deadline_ms - now : 1;
    int e = pack_request(r, &b, left);
    if (e == 0 && r->body_fd >= 0 && lseek(r->body_fd, 0, SEEK_SET) < 0)
        e = -errno;
    if (e == 0)
        e = map_put(r->door->waiting, (const char *)&r->number, sizeof r->number, r);
    if (e == 0) {
        r->phase = PHASE_WAITING;
        e = upstream_send(r->upstream, DOOR_REQUEST, &b, r->body_fd);
    }
    buf_done(&b);
    return e;
}

void request_complete(struct request *r)
{
    if (r->answer.status)
        return;
    r->number = ++r->door->next_number;
    if (request_wants_view(r)) {
        view_ask(r);
        return;
    }
    int e = send_to_worker(r);
    drop_body(r); /* the frame holds its own descriptor */
    if (r->answer.status || e == 0)
        return; /* on its way; or the loss of the worker has answered it already */
    stop_waiting(r);
    r->phase = PHASE_ANSWER;
    request_refuse(r, 503, "worker-absent",
                   "the connector of this path is not running at the moment", 1);
}

void request_answered(struct request *r)
{
    stop_waiting(r);
    r->phase = PHASE_ANSWER;
    http_resume(r);
}

void request_deadline(struct request *r)
{
    cancel(r);
    if (request_wants_view(r)) {
        view_late(r);
        request_answered(r);
        return;
    }
    if (r->phase != PHASE_WAITING)
        return; /* the cancelling lost the worker, and that answered */
    request_refuse(r, 503, "deadline",
                   "there was no answer in time; the same request again completes it", 5);
    request_answered(r);
}

static void on_answer(void *arg, const struct upstream_answer *a)
{
    struct door *d = arg;
    struct request *r = map_get(d->waiting, (const char *)&a->number, sizeof a->number);
    if (!r)
        return; /* cancelled meanwhile */
    r->answer.status = a->status;
    r->answer.retry_after = a->retry_after;
    (void)snprintf(r->answer.type, sizeof r->answer.type, "%s", a->content_type);
    int e = 0;
    for (size_t i = 0; e == 0 && i < a->fields; i++) {
        e = buf_add(&r->answer.fields, a->field[i].name, strlen(a->field[i].name) + 1);
        e = e ? e : buf_add(&r->answer.fields, a->field[i].value, strlen(a->field[i].value) + 1);
    }
    if (e < 0 || buf_add(&r->answer.body, a->body, a->len) < 0)
        request_refuse(r, 503, "memory", "there is no memory for the answer", 1);
    request_answered(r);
}

struct lost {
    struct upstream *upstream;
    struct request *first;
};

static int find_lost(void *arg, const char *key, size_t len, void *value)
{
    struct lost *l = arg;
    struct request *r = value;
    (void)key;
    (void)len;
    if (r->upstream != l->upstream)
        return 0;
    l->first = r;
    return 1;
}

static void on_lost(void *arg, struct upstream *u)
{
    struct door *d = arg;
    struct lost l = {.upstream = u};
    while (map_each(d->waiting, find_lost, &l) == 1) {
        request_refuse(
            l.first, 503, "worker-gone",
            "the connector ended before it answered; the same request again completes it", 1);
        request_answered(l.first);
    }
}

const struct upstream_events door_upstream_events = {.answer = on_answer, .lost = on_lost};
