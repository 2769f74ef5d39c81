/* SPDX-License-Identifier: Apache-2.0 */
/* publish - staged records become messages: change detection, id, routes, transport.
 *
 * Several submissions are under way at once and take turns. A record whose subject is under way
 * already waits until that is decided, because its generation depends on it. State and journal are
 * written after the confirm only. */
#include "source.h"
#include "tenure.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define TURN 64 /* messages of one submission before the next has its turn */
#define WINDOW_MESSAGES \
    400u /* with the main thread: the transport's own window and what waits before it */
#define WINDOW_BYTES (4u << 20)

void submission_failed(struct submission *sub, const struct err *why)
{
    if (!sub->failed)
        sub->why = *why;
    sub->failed = true;
}

/* ---- what the state knows ---- */
static const struct deferred *find_deferred(const struct submission *sub, const uint8_t *key)
{
    return sub->deferred ? map_get(sub->deferred, (const char *)key, SHA256_LEN) : NULL;
}

static int defer(struct submission *sub, const uint8_t *key, const uint8_t *content,
                 const struct subject_verdict *v)
{
    if (!sub->deferred && !(sub->deferred = map_new(free)))
        return -ENOMEM;
    struct deferred *d = xcalloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    memcpy(d->content, content, SHA256_LEN);
    d->verdict = *v;
    int rc = map_put(sub->deferred, (const char *)key, SHA256_LEN, d);
    if (rc < 0)
        free(d);
    return rc;
}

static int look_up(struct source *s, const struct submission *sub, const struct staged *r,
                   struct subject_verdict *v, struct err *e)
{
    const struct deferred *d = find_deferred(sub, r->key);
    if (d) { /* an earlier record of this document */
        bool same = memcmp(d->content, r->content, SHA256_LEN) == 0;
        *v = d->verdict;
        v->change = same ? CHANGE_UNCHANGED : CHANGE_CHANGED;
        v->generation += same ? 0 : 1;
        v->resent = false;
        return 0;
    }
    /* A subject that occurs twice: the later one corrects the earlier. When the later one is what
     * is known, nothing is new, or every monthly export with such a pair would send both again and
     * again. */
    const uint8_t *last = twins_last(&sub->twins, r->key);
    if (last) {
        int rc = state_subject(s->state, r->key, last, sub->receipt, v, e);
        if (rc < 0 || v->change == CHANGE_UNCHANGED)
            return rc;
    }
    return state_subject(s->state, r->key, r->content, sub->receipt, v, e);
}

static void counted(struct submission *sub, const struct subject_verdict *v)
{
    sub->accepted++;
    sub->fresh += v->change == CHANGE_NEW;
    sub->changed += v->change == CHANGE_CHANGED;
    sub->unchanged += v->change == CHANGE_UNCHANGED;
    sub->resent += v->resent;
}

static void remember_id(struct submission *sub, const char *id)
{
    if (sub->ids_n == ISSUES_KEPT)
        return;
    if ((sub->ids_n && buf_addc(&sub->ids, ',') < 0) ||
        json_add_string(&sub->ids, id, strlen(id)) < 0)
        return;
    sub->ids_n++;
}

/* ---- making the message ---- */
static int add_text(struct buf *b, const char *s, size_t len)
{
    int rc = buf_add(b, s, len);
    return rc < 0 ? rc : buf_addc(b, '\0');
}

static int attributes_json(const struct staged *r, struct buf *out)
{
    int rc = buf_addc(out, '{');
    for (size_t i = 0; i < r->attributes_n; i++) {
        const struct route_attribute *a = &r->attribute[i];
        rc |= i ? buf_addc(out, ',') : 0;
        rc |= json_add_string(out, a->name, a->name_len) | buf_addc(out, ':');
        if (a->value.type == VALUE_STRING)
            rc |= json_add_string(out, a->value.p, a->value.len);
        else if (a->value.type == VALUE_BOOLEAN)
            rc |= buf_adds(out, a->value.integer ? "true" : "false");
        else
            rc |= buf_addf(out, "%d", (int)a->value.integer);
    }
    return rc | buf_addc(out, '}');
}

static int detail_json(const struct source *s, const struct route_hit *hits, size_t n,
                       struct buf *out)
{
    int rc = buf_adds(out, "{\"destinations\":[");
    for (size_t i = 0; i < n; i++) {
        const char *d = s->destinations[hits[i].destination],
                   *r = route_name(s->routes, hits[i].route);
        rc |= buf_adds(out, i ? ",{\"destination\":" : "{\"destination\":");
        rc |= json_add_string(out, d, strlen(d)) | buf_adds(out, ",\"route\":") |
              json_add_string(out, r, strlen(r));
        if (hits[i].alternative >= 0)
            rc |= buf_addf(out, ",\"alternative\":%d", (int)hits[i].alternative);
        rc |= buf_addc(out, '}');
    }
    for (size_t i = 0; n == 0 && i < s->unrouted_n; i++) {
        const char *d = s->unrouted_to[i];
        rc |= buf_adds(out, i ? ",{\"destination\":" : "{\"destination\":");
        rc |= json_add_string(out, d, strlen(d)) | buf_adds(out, ",\"route\":null}");
    }
    return rc | buf_adds(out, "]}");
}

/* One allocation: the struct, the destinations, the event and all texts. */
static struct publish *make(struct source *s, const struct staged *r, const char *id,
                            const struct route_hit *hits, size_t n)
{
    size_t dest_n = n ? n : s->unrouted_n;
    struct buf *b = &s->scratch;
    buf_reset(b);
    int rc = 0;
    if (!r->own_id)
        rc = buf_adds(b, "{\"id\":\"") | buf_adds(b, id) | buf_adds(b, "\",");
    rc |= add_text(b, r->tail + (r->own_id ? 0 : 1), r->tail_len - (r->own_id ? 0 : 1));
    size_t len = b->len - 1, at[7];
    const char *subject = r->subject ? r->subject : "";
    at[0] = b->len, rc |= add_text(b, id, strlen(id));
    at[1] = b->len, rc |= add_text(b, r->source, strlen(r->source));
    at[2] = b->len, rc |= add_text(b, subject, strlen(subject));
    at[3] = b->len, rc |= add_text(b, r->type, strlen(r->type));
    at[4] = b->len, rc |= attributes_json(r, b) | buf_addc(b, '\0');
    at[5] = b->len, rc |= detail_json(s, hits, n, b) | buf_addc(b, '\0');
    struct publish *p = rc ? NULL : malloc(sizeof(*p) + dest_n * sizeof(char *) + b->len);
    if (!p)
        return NULL;
    const char **dest = (const char **)(p + 1);
    char *text = (char *)(dest + dest_n);
    memcpy(text, b->p, b->len);
    for (size_t i = 0; i < dest_n; i++)
        dest[i] = n ? s->destinations[hits[i].destination] : s->unrouted_to[i];
    *p = (struct publish){.item.kind = ITEM_PUBLISH,
                          .destinations = dest,
                          .destinations_n = dest_n,
                          .bytes = text,
                          .len = len,
                          .id = text + at[0],
                          .source = text + at[1],
                          .subject = *subject ? text + at[2] : NULL,
                          .type = text + at[3],
                          .attributes = text + at[4],
                          .detail = text + at[5],
                          .unrouted = n == 0};
    memcpy(p->key, r->key, SHA256_LEN);
    memcpy(p->content, r->content, SHA256_LEN);
    return p;
}

static void row_of(const struct source *s, const struct submission *sub, const struct staged *r,
                   const char *id, const char *event, struct journal_row *row)
{
    *row = (struct journal_row){.event = event,
                                .id = id,
                                .source = r->source,
                                .subject = r->subject,
                                .type = r->type,
                                .receipt = sub->hex,
                                .party = s->party,
                                .connector = s->connector};
}

/* Remembers what became of a subject, once that is durable elsewhere (or nowhere, on purpose). */
static int remember(struct source *s, struct submission *sub, const uint8_t *key,
                    const uint8_t *content, const struct subject_verdict *v, struct err *e)
{
    if (twins_twice(&sub->twins, key))
        return defer(sub, key, content, v);
    return state_subject_put(s->state, key, content, v, sub->receipt, e);
}

static void fail_with(struct submission *sub, int rc, const struct err *e)
{
    struct err why;
    if (rc == -ENOMEM || !e) {
        (void)err_set(&why, -ENOMEM, "out-of-memory", "out of memory");
        e = &why;
    }
    submission_failed(sub, e);
}

static int drop_unrouted(struct source *s, struct submission *sub, const struct staged *r,
                         const char *id, const struct subject_verdict *v, struct err *e)
{
    struct journal_row row;
    char trace[TRACE_ID_LEN];
    row_of(s, sub, r, id, JOURNAL_UNROUTED, &row);
    trace_id_of(r->traceparent ? r->traceparent : sub->trace.parent, trace);
    row.trace = trace;
    buf_reset(&s->scratch);
    if (attributes_json(r, &s->scratch))
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    row.attributes = buf_str(&s->scratch);
    row.text = s->unrouted_drop ? s->unrouted_drop
                                : "no route matched and nothing is said for unrouted messages";
    sub->unrouted++;
    int rc = journal_row_add(s, &row);
    return rc < 0 ? rc : remember(s, sub, r->key, r->content, v, e);
}

/* 1 = went on; 0 = must wait (window, a subject under way, or the disk). */
static int publish_one(struct source *s, struct submission *sub, const struct staged *given)
{
    struct staged r = *given;
    struct subject_verdict v;
    struct err e;
    if (map_has(s->pending, (const char *)r.key, SHA256_LEN) ||
        (s->committer.busy && s->uncommitted >= 2 * ROWS_MAX))
        return 0;
    int rc = look_up(s, sub, &r, &v, &e);
    if (rc == 0 && !tenure_stands(s, sub->epoch)) /* asked after the look-up */
        rc = err_set(&e, -EOWNERDEAD, "lease-lost", "the lease on what is polled was lost");
    if (rc < 0)
        return fail_with(sub, rc, &e), 1;
    if (r.own_id && v.change == CHANGE_CHANGED) { /* two at once with the same id: the next try will
                                                     see it while checking */
        (void)err_set(&e, -EEXIST, "id-reused",
                      "another submission has just used the id %s for something else", r.id);
        return fail_with(sub, -EEXIST, &e), 1;
    }
    char made[MESSAGE_ID_LEN];
    const char *id = r.own_id ? r.id : made;
    if (!r.own_id) {
        message_make_id(r.source, r.type, r.subject ? r.subject : r.hex, r.content, v.generation,
                        s->digest, made);
        r.attribute[r.attributes_n++] = (struct route_attribute){
            .name = "id",
            .name_len = 2,
            .value = {.type = VALUE_STRING, .p = made, .len = MESSAGE_ID_LEN - 1}};
    }
    struct journal_row row;
    if (v.change == CHANGE_UNCHANGED || v.resent) {
        counted(sub, &v);
        remember_id(sub, id);
        row_of(s, sub, &r, id, JOURNAL_UNCHANGED, &row);
        if (!v.resent && journal_row_add(s, &row) < 0)
            fail_with(sub, -ENOMEM, NULL);
        return 1;
    }
    const struct route_hit *hits = NULL;
    size_t n = route_eval(s->routes, s->route_work, r.attribute, r.attributes_n, &hits);
    if (n == 0 && s->unrouted_n == 0) {
        rc = drop_unrouted(s, sub, &r, id, &v, &e);
        if (rc < 0)
            return fail_with(sub, rc, &e), 1;
        counted(sub, &v);
        remember_id(sub, id);
        return 1;
    }
    if (s->window_n > 0 &&
        (s->window_n >= WINDOW_MESSAGES || s->window_bytes + r.tail_len > WINDOW_BYTES))
        return 0;
    struct publish *p = make(s, &r, id, hits, n);
    if (!p || map_put(s->pending, (const char *)r.key, SHA256_LEN, p) < 0) {
        free(p);
        return fail_with(sub, -ENOMEM, NULL), 1;
    }
    p->of = sub;
    trace_id_of(r.traceparent ? r.traceparent : sub->trace.parent, p->trace);
    p->wall_ms = wall_ms();
    p->verdict = v;
    counted(sub, &v);
    remember_id(sub, id);
    sub->in_flight++;
    sub->unrouted += n == 0;
    s->window_n++;
    s->window_bytes += p->len;
    thread_queue_push(&s->outbox, &p->item.node);
    return 1;
}

static int take_current(struct submission *sub, struct err *e)
{
    sub->current_at = stage_tell(sub->stage);
    return stage_next(sub->stage, &sub->current, &sub->current_len, e);
}

/* What is known of the current record's subject and of those that follow, in one question. The
 * current record is read again. */
static int look_ahead(struct source *s, struct submission *sub, struct err *e)
{
    uint8_t keys[STATE_PREFETCH_MAX][SHA256_LEN];
    size_t n = 0, len;
    const uint8_t *p;
    int rc = 1;
    stage_seek(sub->stage, sub->current_at);
    while (n < STATE_PREFETCH_MAX && (rc = stage_next(sub->stage, &p, &len, e)) > 0) {
        struct staged r;
        record_read(p, len, &r);
        memcpy(keys[n++], r.key, SHA256_LEN);
    }
    stage_seek(sub->stage, sub->current_at);
    if (rc >= 0)
        rc = take_current(sub, e);
    return rc < 0 ? rc : state_prefetch(s->state, sub->receipt, keys[0], n, e);
}

int publish_next(struct source *s, struct submission *sub, struct staged *ret, struct err *e)
{
    int rc = sub->current ? 1 : take_current(sub, e);
    if (rc <= 0)
        return rc;
    record_read(sub->current, sub->current_len, ret);
    if (state_at_hand(s->state, ret->key, sub->receipt))
        return 1;
    rc = look_ahead(s, sub, e);
    if (rc < 0)
        return rc;
    record_read(sub->current, sub->current_len, ret);
    return 1;
}

static bool advance(struct source *s, struct submission *sub)
{
    struct err e;
    for (int i = 0; i < TURN && !sub->failed && !sub->all_published; i++) {
        struct staged r;
        int rc = publish_next(s, sub, &r, &e);
        if (rc == 0)
            sub->all_published = true;
        if (rc < 0)
            fail_with(sub, rc, &e);
        if (rc <= 0)
            return true;
        if (publish_one(s, sub, &r) == 0)
            return i > 0;
        sub->current = NULL;
    }
    return !sub->failed;
}

void publish_advance(struct source *s)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (struct submission *sub = s->first; sub; sub = sub->next)
            if (sub->status == 0 && !sub->failed &&
                !sub->all_published) /* decided already: nothing of it goes out */
                moved |= advance(s, sub);
    }
}

static void landed(struct source *s, struct publish *p)
{
    (void)map_take(s->pending, (const char *)p->key, SHA256_LEN);
    s->window_n--;
    s->window_bytes -= p->len;
    p->of->in_flight--;
}

void publish_confirmed(struct source *s, struct publish *p)
{
    struct submission *sub = p->of;
    struct err e;
    landed(s, p);
    struct journal_row row = {.wall_ms = p->wall_ms,
                              .event = JOURNAL_ACCEPTED,
                              .trace = p->trace,
                              .id = p->id,
                              .source = p->source,
                              .subject = p->subject,
                              .type = p->type,
                              .receipt = sub->hex,
                              .party = s->party,
                              .connector = s->connector,
                              .attributes = p->attributes,
                              .detail = p->detail};
    int rc = journal_row_add(s, &row);
    for (size_t i = 0; rc == 0 && p->unrouted && i < p->destinations_n; i++) {
        row.event = JOURNAL_UNROUTED;
        row.destination = p->destinations[i];
        row.text = "no route matched";
        row.attributes = row.detail = NULL;
        rc = journal_row_add(s, &row);
    }
    if (rc == 0 && tenure_same(s, sub->epoch)) /* else: whoever polls now remembers it */
        rc = remember(s, sub, p->key, p->content, &p->verdict, &e);
    else if (rc < 0)
        (void)err_set(&e, rc, "journal", "the journal cannot be written");
    if (rc < 0)
        fail_with(sub, rc, &e);
    atomic_fetch_add(&s->flags.messages, 1);
    free(p);
}

void publish_failed(struct source *s, struct publish *p)
{
    landed(s, p);
    log_warning(p->why.code, p->id, "not taken by the transport: %s", p->why.text);
    submission_failed(p->of, &p->why);
    free(p);
}
