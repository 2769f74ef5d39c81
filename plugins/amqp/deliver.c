/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - a batch is published within a window, mandatory and with confirms, and each message's
 * verdict is what the broker said of it. Whatever is wrong with the broker, or with what it was
 * configured to do, is DOWN: no message is charged for it. */
#include "rabbit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STOP_MS 5000u /* for what is on its way when the hub stops */

struct outbox {
    struct link link;
    uint64_t next_tag, most; /* most: the largest body that the broker takes, 0: not known */
    struct window window;
    const reeve_msg *msg[WINDOW_MESSAGES]; /* by tag, from window.first */
    char key[WINDOW_MESSAGES][SHORTSTR_MAX + 1];
    reeve_job *job[WINDOW_MESSAGES];
    size_t len[WINDOW_MESSAGES];
    size_t published; /* in this call */
    char returned[256];
    unsigned char scratch[131072]; /* to measure a header table before any of it is sent */
};

/* ---- what the broker says; with the lock held ---- */
static void on_answer(void *arg, uint64_t tag, bool multiple, bool taken)
{
    struct outbox *out = arg;
    window_answer(&out->window, tag, multiple, taken);
}

static void on_returned(void *arg, amqp_bytes_t id, amqp_bytes_t key, int code, amqp_bytes_t text)
{
    struct outbox *out = arg;
    window_returned(&out->window, id, key);
    (void)snprintf(out->returned, sizeof(out->returned), "%d %.*s", code,
                   (int)(text.len < 180 ? text.len : 180), (const char *)text.bytes);
}

static const struct link_events events = {.answer = on_answer, .returned = on_returned};

/* ---- what one message is in AMQP ---- */
static amqp_bytes_t pool_bytes(amqp_pool_t *pool, const char *s)
{
    amqp_bytes_t b = {0, NULL};
    size_t len = strlen(s);
    amqp_pool_alloc_bytes(pool, len ? len : 1, &b);
    if (b.bytes && len)
        memcpy(b.bytes, s, len);
    b.len = b.bytes ? len : 0;
    return b;
}

/* One round of percent-decoding: how the adapter writes attributes in header fields. */
static amqp_bytes_t percent_decoded(amqp_pool_t *pool, const char *s)
{
    amqp_bytes_t b = pool_bytes(pool, s);
    char *to = b.bytes;
    for (unsigned n = 0; to && *s; s++) {
        if (*s == '%' && sscanf(s + 1, "%2x", &n) == 1) {
            *to++ = (char)n;
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    b.len = to ? (size_t)(to - (char *)b.bytes) : 0;
    return b;
}

static amqp_field_value_t text_value(amqp_bytes_t b)
{
    return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = b}};
}

/* With the type that the attribute has: Boolean, Integer (32 bits), or its canonical text. */
static amqp_field_value_t attribute_value(amqp_pool_t *pool, const reeve_msg *m, const char *name,
                                          const char *value)
{
    const char *text = reeve_msg_get(m, name);
    switch (reeve_msg_kind(m, name)) {
    case 'b':
        return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BOOLEAN,
                                    .value = {.boolean = strcmp(text, "true") == 0}};
    case 'i':
        return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I32,
                                    .value = {.i32 = (int32_t)strtol(text, NULL, 10)}};
    default:
        return text_value(percent_decoded(pool, value));
    }
}

static bool has_header(const amqp_table_t *t, amqp_bytes_t key)
{
    for (int i = 0; i < t->num_entries; i++) {
        if (t->entries[i].key.len == key.len &&
            memcmp(t->entries[i].key.bytes, key.bytes, key.len) == 0)
            return true;
    }
    return false;
}

/* Header fields of the adapter: attributes of a binary event get the prefix that their receiver
 * wants, or stay away; others go as they are. */
static bool add_headers(reeve_ctx *ctx, const reeve_job *job, amqp_pool_t *pool,
                        amqp_basic_properties_t *p)
{
    const char *prefix = reeve_conf(ctx, "prefix", 0), *value = NULL, *name;
    const reeve_msg *m = reeve_job_msg(job);
    char full[SHORTSTR_MAX + 1];
    bool none = prefix && strcmp(prefix, "none") == 0;
    for (size_t i = 0; (name = reeve_job_header(job, i, &value)); i++) {
        bool attribute = strncmp(name, "ce-", 3) == 0;
        const char *plain = attribute ? name + 3 : name;
        if (attribute && (none || strcmp(plain, KEPT_ATTRIBUTE) == 0))
            continue;
        int n = snprintf(full, sizeof(full), "%s%s",
                         attribute ? (prefix ? prefix : "cloudEvents_") : "", plain);
        amqp_field_value_t v = attribute ? attribute_value(pool, m, plain, value)
                                         : text_value(pool_bytes(pool, value));
        amqp_bytes_t key = pool_bytes(pool, full);
        if (n < 0 || (size_t)n >= sizeof(full) || !key.bytes)
            return false;
        if (!has_header(&p->headers, key) && !table_add(pool, &p->headers, key, v))
            return false;
    }
    if (p->headers.num_entries > 0)
        p->_flags |= AMQP_BASIC_HEADERS_FLAG;
    return true;
}

static void set_text(amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t *to,
                     const char *text)
{
    if (!text || !*text || strlen(text) > SHORTSTR_MAX)
        return;
    *to = amqp_cstring_bytes(text);
    p->_flags |= flag;
}

/* NULL, or why this message can never be sent. */
static const char *make_properties(reeve_ctx *ctx, const reeve_job *job, amqp_pool_t *pool,
                                   amqp_basic_properties_t *p)
{
    const reeve_msg *m = reeve_job_msg(job);
    const char *kept = reeve_msg_get(m, KEPT_ATTRIBUTE), *user = link_user(ctx);
    memset(p, 0, sizeof(*p));
    p->_flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    p->delivery_mode = 2;
    set_text(p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p->content_type, reeve_job_get(job, "content-type"));
    set_text(p, AMQP_BASIC_MESSAGE_ID_FLAG, &p->message_id, reeve_msg_id(m));
    if (!add_headers(ctx, job, pool, p))
        return "its header fields cannot be sent";
    if (kept && !properties_read(kept, user, pool, p))
        return "its attribute " KEPT_ATTRIBUTE " is none that this plugin wrote";
    if (!(p->_flags & AMQP_BASIC_TYPE_FLAG) && !kept)
        set_text(p, AMQP_BASIC_TYPE_FLAG, &p->type, reeve_msg_get(m, "type"));
    return NULL;
}

/* The content header is one frame (AMQP 0-9-1, 4.2.6.1). */
static bool header_fits(struct outbox *out, const amqp_basic_properties_t *p)
{
    amqp_basic_properties_t copy = *p;
    const amqp_bytes_t all[] = {p->content_type, p->content_encoding, p->correlation_id,
                                p->reply_to,     p->expiration,       p->message_id,
                                p->type,         p->user_id,          p->app_id,
                                p->cluster_id};
    size_t most = (size_t)amqp_get_frame_max(out->link.conn), at = 0, total = 64;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        total += all[i].len + 1;
    if (amqp_encode_table((amqp_bytes_t){sizeof(out->scratch), out->scratch}, &copy.headers, &at) <
        0)
        return false;
    return total + at <= (most ? most : sizeof(out->scratch));
}

/* ---- connecting ---- */
static reeve_rc ready(reeve_ctx *ctx, struct outbox *out)
{
    struct link *l = &out->link;
    if (link_up(l) && link_turn(l))
        return REEVE_OK;
    link_close(l);
    window_clear(&out->window, 1);
    out->next_tag = 1;
    reeve_rc rc = link_open(ctx, l);
    if (rc != REEVE_OK)
        return rc;
    (void)amqp_confirm_select(l->conn, 1);
    if (link_reply(l, "asking for confirms", amqp_get_rpc_reply(l->conn)))
        return REEVE_OK;
    rc = reeve_fail(ctx, REEVE_DOWN, "%s", l->why);
    link_close(l);
    return rc;
}

/* ---- publishing ---- */
static bool usable(struct outbox *out)
{
    return link_turn(&out->link) && !out->link.blocked;
}

/* Until something comes, within the call's time. false: the time is over, or the link is lost. */
static bool wait_turn(reeve_ctx *ctx, struct outbox *out, uint64_t *until)
{
    uint64_t now = monotonic_ms();
    if (now >= *until)
        return false;
    uint64_t left = *until - now, ms = link_patience(&out->link);
    bool waiting = amqp_data_in_buffer(out->link.conn) || amqp_frames_enqueued(out->link.conn);
    if (!waiting && reeve_wait(ctx, out->link.fd, ms < left ? ms : left) < 0) {
        if (*until > now + STOP_MS)
            *until = now + STOP_MS;
        const struct timespec moment = {.tv_nsec = 10000000};
        (void)nanosleep(&moment, NULL);
    }
    return usable(out);
}

static void take_in(struct outbox *out, reeve_job *job, size_t len)
{
    size_t i = (size_t)(out->window.next - out->window.first);
    out->job[i] = job;
    out->len[i] = len;
    window_add(&out->window, reeve_msg_id(reeve_job_msg(job)), out->key[i], len);
    out->next_tag = out->window.next;
    out->published++;
}

/* One message. It was settled, or published, or (false) the link is of no more use. */
static bool publish(reeve_ctx *ctx, struct outbox *out, reeve_job *job)
{
    amqp_basic_properties_t p;
    amqp_pool_t pool;
    const char *exchange = reeve_conf(ctx, "exchange", 0);
    size_t len = 0, i = (size_t)(out->window.next - out->window.first);
    const void *body = reeve_job_body(job, &len);
    const char *bad =
        key_expand(reeve_conf(ctx, "routing_key", 0), reeve_job_msg(job), out->key[i]);
    init_amqp_pool(&pool, 4096);
    bad = bad ? bad : make_properties(ctx, job, &pool, &p);
    bad = bad || header_fits(out, &p) ? bad : "its header fields do not fit into a frame";
    if (!bad && out->most && len > out->most)
        bad = "it is larger than the broker takes";
    bool ok = true;
    if (bad) {
        reeve_settle(job, REEVE_REJECT, 0, "%s", bad);
    } else {
        int r = amqp_basic_publish(out->link.conn, 1, amqp_cstring_bytes(exchange ? exchange : ""),
                                   amqp_cstring_bytes(out->key[i]), 1, 0, &p,
                                   (amqp_bytes_t){len, (void *)(uintptr_t)body});
        take_in(out, job, len); /* also when it failed: how much of it went is not known */
        ok = link_status(&out->link, "publishing", r);
    }
    empty_amqp_pool(&pool);
    return ok;
}

static size_t publish_all(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n,
                          uint64_t *until)
{
    size_t done = 0;
    bool good = usable(out);
    while (good && done < n) {
        size_t len = 0;
        (void)reeve_job_body(jobs[done], &len);
        if (!window_has_room(&out->window, len)) {
            good = wait_turn(ctx, out, until);
            continue;
        }
        good = publish(ctx, out, jobs[done++]);
        if (good && done % 16 == 0)
            good = usable(out);
    }
    while (out->window.open > 0 && link_up(&out->link) && wait_turn(ctx, out, until))
        ;
    return done;
}

/* ---- verdicts ---- */
/* RabbitMQ closes the channel with 406 and says the limit last in its text. */
static uint64_t limit_in(const char *why)
{
    const char *p = strstr(why, "message size"), *last = NULL;
    for (p = p ? strpbrk(p, "0123456789") : NULL; p;
         p = strpbrk(p + strspn(p, "0123456789"), "0123456789"))
        last = p;
    return last ? strtoull(last, NULL, 10) : 0;
}

static void why_not(reeve_ctx *ctx, const struct outbox *out, char why[512])
{
    const struct link *l = &out->link;
    if (l->lost)
        (void)snprintf(why, 512, "%s", l->why);
    else if (l->blocked)
        (void)snprintf(why, 512, "the broker takes no messages now: %s", l->said);
    else
        (void)snprintf(why, 512, "the broker did not confirm within %lld s",
                       (long long)(reeve_conf_int(ctx, "timeout") / 1000));
}

static void settle_one(const struct outbox *out, size_t i, const char *why)
{
    const struct sent *s = &out->window.sent[i];
    if (s->fate == FATE_TAKEN)
        reeve_settle(out->job[i], REEVE_OK, 0, "confirmed");
    else if (s->fate == FATE_RETURNED)
        reeve_settle(out->job[i], REEVE_DOWN, 0, "no queue takes it: %s, routing key %s",
                     out->returned, out->key[i]);
    else if (s->fate == FATE_REFUSED)
        reeve_settle(out->job[i], REEVE_RETRY, 0, "the broker refused it (basic.nack)");
    else if (out->most && out->len[i] > out->most)
        reeve_settle(out->job[i], REEVE_REJECT, 0, "it is larger than the broker takes: %s", why);
    else
        reeve_settle(out->job[i], REEVE_DOWN, 0, "%s", why);
}

static reeve_rc settle_all(reeve_ctx *ctx, struct outbox *out)
{
    char why[512] = "";
    bool over = out->window.open == 0 && link_up(&out->link) && !out->link.blocked;
    if (!over)
        why_not(ctx, out, why);
    if (out->link.lost && out->link.code == 406 && limit_in(why))
        out->most = limit_in(why);
    for (size_t i = 0; i < out->published; i++)
        settle_one(out, i, why);
    /* Blocked, it stays open: nothing more is sent before the broker takes messages again, and what
     * it still says of these is passed over, their tags being gone. */
    if (out->window.open > 0 && !out->link.blocked) {
        out->link.lost = true; /* no goodbye is waited for */
        link_close(&out->link);
    }
    return over ? REEVE_OK : reeve_fail(ctx, REEVE_DOWN, "%s", why);
}

reeve_rc outbox_deliver(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n)
{
    uint64_t ms = (uint64_t)reeve_conf_int(ctx, "timeout");
    if (n > WINDOW_MESSAGES)
        n = WINDOW_MESSAGES; /* the host keeps to max_batch */
    link_lock(&out->link);
    reeve_rc rc = ready(ctx, out);
    if (rc == REEVE_OK) {
        uint64_t until = monotonic_ms() + ms;
        window_clear(&out->window, out->next_tag);
        out->published = 0;
        link_guard(&out->link,
                   ms + 500); /* after the last wait; only a blocked write is still there */
        size_t done = publish_all(ctx, out, jobs, n, &until);
        link_guard(&out->link, 0);
        rc = settle_all(ctx, out);
        if (rc == REEVE_OK && done < n)
            rc =
                reeve_fail(ctx, REEVE_DOWN, "the broker takes no messages now: %s", out->link.said);
    }
    link_unlock(&out->link);
    return rc;
}

struct outbox *outbox_new(reeve_ctx *ctx)
{
    struct outbox *out = calloc(1, sizeof(*out));
    if (out && link_init(&out->link, &events, out) == 0)
        return out;
    free(out);
    (void)reeve_fail(ctx, REEVE_FATAL, "no memory or no thread for a connection");
    return NULL;
}

void outbox_free(struct outbox *out)
{
    if (!out)
        return;
    link_lock(&out->link);
    link_close(&out->link);
    link_unlock(&out->link);
    link_done(&out->link);
    free(out);
}
