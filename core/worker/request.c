/* SPDX-License-Identifier: Apache-2.0 */
/* request - what the hub itself decides about a request before the plugin sees it: method, place,
 * kind of content, and whether the hub can take anything now. */
#include "source.h"
#include "fate.h"
#include "answers.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "sniff.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct request *request_new(struct door_request *door)
{
    struct request *r = xcalloc(1, sizeof(*r));
    if (!r) {
        door_request_free(door);
        return NULL;
    }
    r->item.kind = ITEM_REQUEST;
    r->door = door;
    r->req = (struct reeve_req){.method = door->method,
                                .path = door->path,
                                .query = door->query,
                                .headers = door->headers,
                                .headers_n = door->headers_n,
                                .body = door->body,
                                .body_len = door->body_len,
                                .body_fd = door->fd,
                                .host = r};
    buf_init(&r->body, DOOR_FRAME_MAX - 1024);
    return r;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    door_request_free(r->door);
    buf_done(&r->body);
    free(r);
}

void request_answer(struct source *s, struct request *r, unsigned status, const char *content_type,
                    unsigned retry_after)
{
    r->status = status;
    r->content_type = content_type;
    r->retry_after = retry_after;
    r->item.kind = ITEM_ANSWER;
    thread_queue_push(&s->outbox, &r->item.node);
}

void request_problem(struct source *s, struct request *r, unsigned status, unsigned retry_after,
                     const char *code, const char *text)
{
    buf_reset(&r->body);
    (void)answer_problem(status, code, text, &r->body);
    request_answer(s, r, status, "application/problem+json", retry_after);
}

static bool query_has(const char *query, const char *want)
{
    size_t n = strlen(want);
    while (query && *query) {
        size_t len = strcspn(query, "&");
        if (len == n && memcmp(query, want, n) == 0)
            return true;
        query += len + (query[len] == '&');
    }
    return false;
}

/* `check` alone, =1, =true: asked for; =0, =false: not. Anything else is a slip that must not end
 * in a push. */
static bool check_asked(const char *query, bool *ret_odd)
{
    static const char *const yes[] = {"check", "check=", "check=1", "check=true"};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        if (query_has(query, yes[i]))
            return true;
    *ret_odd = query && (strncmp(query, "check=", 6) == 0 || strstr(query, "&check=")) &&
               !query_has(query, "check=0") && !query_has(query, "check=false");
    return false;
}

/* RFC 7240: a list of preferences; only the one that matters here is looked for. */
static bool prefers_lenient(const char *prefer)
{
    static const char want[] = "handling=lenient";
    while (prefer && *prefer) {
        prefer += strspn(prefer, " \t,;");
        size_t len = strcspn(prefer, ",;");
        size_t n = len;
        while (n && isspace((unsigned char)prefer[n - 1]))
            n--;
        if (n == sizeof(want) - 1 && strncasecmp(prefer, want, n) == 0)
            return true;
        prefer += len;
    }
    return false;
}

/* How far its messages have come, as the journals of all processes tell it. */
static void add_fate(struct source *s, struct request *r, const char *receipt)
{
    char dir[4096];
    struct tree *rows = NULL;
    struct fate f;
    struct err e;
    (void)snprintf(dir, sizeof(dir), "%s/journal", tree_gets(s->part, "data", "."));
    if (journal_trace(dir, receipt, &rows, &e) == 0 && fate_count(rows, &f) == 0)
        (void)buf_addf(&r->body,
                       ",\"deliveries\":{\"delivered\":%llu,\"waiting\":%llu,\"dead\":%llu,"
                       "\"discarded\":%llu,\"partial\":%s}",
                       (unsigned long long)f.delivered, (unsigned long long)f.waiting,
                       (unsigned long long)f.dead, (unsigned long long)f.discarded,
                       f.partial ? "true" : "false");
    tree_free(rows);
}

static bool under_way(const struct submission *list, const uint8_t receipt[SHA256_LEN])
{
    for (; list; list = list->next)
        if (memcmp(list->receipt, receipt, SHA256_LEN) == 0)
            return true;
    return false;
}

/* GET PATH/receipts/RECEIPT */
static void receipt_asked(struct source *s, struct request *r, const char *receipt)
{
    uint8_t sum[SHA256_LEN];
    struct err e;
    bool hex = strlen(receipt) == SHA256_HEX - 1;
    for (size_t i = 0; hex && i < SHA256_HEX - 1; i++) {
        const char *digits = "0123456789abcdef",
                   *d = strchr(digits, tolower((unsigned char)receipt[i]));
        if (!d || !*d)
            hex = false;
        else
            sum[i / 2] = (uint8_t)((i % 2 ? sum[i / 2] << 4 : 0) | (d - digits));
    }
    char *json = NULL, time[RFC3339_MAX], text[SHA256_HEX];
    size_t len;
    uint64_t ms;
    if (hex && (under_way(s->first, sum) || under_way(s->committing, sum))) {
        hex_lower(sum, SHA256_LEN, text);
        (void)buf_addf(&r->body, "{\"receipt\":\"%s\",\"status\":\"processing\"}", text);
        request_answer(s, r, 200, "application/json", 0);
        return;
    }
    int rc = hex ? state_receipt(s->state, sum, &json, &len, &ms, &e) : -ENOENT;
    if (rc < 0 && rc != -ENOENT) {
        request_problem(s, r, 503, 5, e.code, e.text);
        return;
    }
    if (rc < 0) {
        request_problem(s, r, 404, 0, "receipt-unknown",
                        "no submission with this receipt was accepted here (a receipt is the "
                        "SHA-256 of the document's bytes)");
        return;
    }
    rfc3339_ms(ms, time);
    hex_lower(sum, SHA256_LEN, text);
    (void)buf_addf(&r->body,
                   "{\"receipt\":\"%s\",\"status\":\"accepted\",\"time\":\"%s\",\"answer\":", text,
                   time);
    (void)buf_add(&r->body, json, len);
    free(json);
    add_fate(s, r, text);
    (void)buf_addc(&r->body, '}');
    request_answer(s, r, 200, "application/json", 0);
}

/* True when the request is for the connector's own path; else it was answered. */
static bool place(struct source *s, struct request *r)
{
    const char *base = tree_gets(s->part, "path", ""), *rest = r->req.path;
    size_t n = strlen(base);
    bool get = strcmp(r->req.method, "GET") == 0 || strcmp(r->req.method, "HEAD") == 0;
    if (strncmp(rest, base, n) == 0)
        rest += n;
    if (strncmp(rest, "/receipts/", 10) == 0) {
        if (get)
            receipt_asked(s, r, rest + 10);
        else
            request_problem(s, r, 405, 0, "method", "a receipt can only be asked for (GET)");
        return false;
    }
    if (*rest && strcmp(rest, "/") != 0) {
        request_problem(s, r, 404, 0, "not-found", "there is nothing at this path");
        return false;
    }
    bool odd = false;
    if (strcmp(r->req.method, "POST") != 0) {
        request_problem(s, r, 405, 0, "method", "send the document with POST");
        return false;
    }
    (void)check_asked(r->req.query, &odd);
    if (odd)
        request_problem(s, r, 400, 0, "query",
                        "write ?check=1 to have the document looked at only");
    return !odd;
}

static bool content_type_possible(struct source *s, struct request *r)
{
    const char *type = reeve_req_get(&r->req, "h:content-type"), *other = sniff_content_type(type);
    if (!other ||
        reeve_req_get(&r->req, "h:ce-specversion")) /* in binary mode it is the body's own */
        return true;
    char head[SNIFF_BYTES];
    size_t len = r->req.body_len;
    const char *p = sniff_beginning(r->req.body ? -1 : r->req.body_fd, r->req.body, &len, head);
    if (sniff_may_be_csv(type, p, len))
        return true;
    char text[300];
    (void)snprintf(text, sizeof(text),
                   "the Content-Type says that this is %s; what is read here is %s", other,
                   s->intake.adapter->name);
    request_problem(s, r, 415, 0, "content-type", text);
    return false;
}

static bool can_take(struct source *s, struct request *r)
{
    char words[ERR_TEXT_MAX];
    if (atomic_load(&s->flags.stopping))
        request_problem(s, r, 503, 2, "stopping", "this connector is being restarted");
    else if (atomic_load(&s->flags.paused))
        request_problem(s, r, 503, 60, "paused", "this connector is paused by the operator");
    else if (!atomic_load(&s->flags.usable))
        request_problem(s, r, 503, 5, "transport", "the hub's transport is not available now");
    else if (source_disk_low(s))
        request_problem(s, r, 503, 60, "disk-nearly-full",
                        disk_words(&s->disk, words, sizeof(words)));
    else if (mono_ms() > r->door->deadline_ms)
        request_problem(s, r, 503, 5, "too-busy", "the hub could not look at this in time");
    else
        return true;
    return false;
}

/* The hub's side of reeve_submit_request(). */
static reeve_rc submit_request(void *arg, reeve_req *req, uint64_t token)
{
    struct source *s = arg;
    struct request *r = req->host;
    struct err e;
    if (r->taken)
        return REEVE_REJECT;
    bool odd = false;
    char key[260];
    const char *given = reeve_req_get(req, "h:idempotency-key");
    size_t len = given ? strlen(given) : 0;
    if (len >= 2 && given[0] == '"' &&
        given[len - 1] == '"') { /* a structured field string; many send it bare */
        given++;
        len -= 2;
    }
    (void)snprintf(key, sizeof(key), "%.*s", (int)(len < 255 ? len : 255), given ? given : "");
    struct offer o = {.request = r,
                      .has_token = true,
                      .token = token,
                      .content_type = reeve_req_get(req, "h:content-type"),
                      .headers = req->headers,
                      .headers_n = req->headers_n,
                      .fd = req->body ? -1 : req->body_fd,
                      .p = req->body,
                      .len = req->body_len,
                      .idempotency_key = key,
                      .check_only = check_asked(req->query, &odd),
                      .lenient = prefers_lenient(reeve_req_get(req, "h:prefer"))};
    if (submission_start(s, &o, &e) == 0)
        return REEVE_OK;
    log_error(e.code, NULL, "a request could not be taken: %s", e.text);
    return REEVE_RETRY;
}

/* The plugin did not want it, or did nothing: answered here. What it had submitted is not
 * published. */
static void not_taken(struct source *s, struct request *r, reeve_rc rc)
{
    const char *reason = instance_reason(s->plugin, rc);
    unsigned after = (unsigned)((host_ctx_retry_after(s->plugin->ctx) + 999) / 1000);
    if (r->taken) {
        for (struct submission *sub = s->first; sub; sub = sub->next)
            if (sub->request == r && rc != REEVE_OK && sub->status == 0) {
                sub->failed = true;
                (void)err_set(&sub->why, -ECANCELED, "plugin-refused", "%s", reason);
            }
    } else if (rc == REEVE_REJECT) {
        request_problem(s, r, 422, 0, "plugin-refused", reason);
    } else if (rc != REEVE_OK) {
        request_problem(s, r, 503, after ? after : 5, "plugin-failed", reason);
    } else {
        (void)buf_adds(&r->body, "{\"accepted\":0}");
        request_answer(s, r, 202, "application/json", 0);
    }
}

void request_handle(struct source *s, struct request *r)
{
    struct instance *p = s->plugin;
    if (!place(s, r) || !can_take(s, r) || !content_type_possible(s, r))
        return;
    if (!p->plugin->api.request) {
        request_problem(s, r, 404, 0, "not-found", "this connector takes no requests");
        return;
    }
    s->room.submit_request = submit_request;
    struct guard_mark m = instance_enter(p, "request");
    reeve_rc rc = p->plugin->api.request(p->ctx, p->inst, &r->req);
    instance_leave(p, m);
    rc = call_verdict(s, p, rc);
    if (rc != REEVE_OK || !r->taken)
        not_taken(s, r, rc);
    if (rc == REEVE_FATAL)
        atomic_store(&s->flags.fatal, true);
}
