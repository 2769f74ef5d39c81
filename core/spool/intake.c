/* SPDX-License-Identifier: Apache-2.0 */
/* intake - what peers ask between two turns: publish, settle, replay, discard. Checked here,
 * written by commit.c.
 *
 * Totals of a destination change as soon as something is accepted, so that limits hold within a
 * turn and the totals that are written are exact for what is written with them. */
#include "spool.h"
#include "spool_types.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct op *op_new(struct spool *s)
{
    void *p = s->ops;
    int r = grow_array(&p, &s->ops_cap, s->ops_n + 1, sizeof *s->ops);
    s->ops = p;
    if (r < 0)
        return NULL;
    struct op *op = &s->ops[s->ops_n++];
    *op = (struct op){.kind = OP_PUBLISH};
    return op;
}

void op_done(struct op *op)
{
    if (op->kind == OP_PUBLISH) {
        body_unref(op->pub.body);
        if (op->pub.n > 1)
            free(op->pub.many);
    } else if (op->kind == OP_SETTLE) {
        free(op->set.code);
        free(op->set.text);
    } else if (op->kind == OP_MOVE) {
        move_done(op);
    }
}

const char *spool_refuses(struct spool *s, const struct dest *d, size_t size, struct err *text)
{
    if (s->refuse_until && s->refuse_until > spool_clock(s)) {
        const char *code = s->disk_full ? "disk-full" : "transport";
        (void)err_set(text, -ENOSPC, code, "%s", s->trouble.text);
        return code;
    }
    if (s->disk.tight) {
        char words[ERR_TEXT_MAX];
        (void)err_set(text, -ENOSPC, "disk-nearly-full", "%s",
                      disk_words(&s->disk, words, sizeof words));
        return "disk-nearly-full";
    }
    bool many = d->limit_messages && d->messages + 1 > d->limit_messages;
    bool big = d->limit_bytes && d->bytes + size > d->limit_bytes;
    if (!many && !big)
        return NULL;
    (void)err_set(text, -ENOSPC, "destination-full",
                  "destination \"%s\" is full: %" PRIu64 " messages wait (limit %" PRIu64
                  "), %" PRIu64 " bytes (limit %" PRIu64 "); this one has %zu bytes",
                  d->name, d->messages, d->limit_messages, d->bytes, d->limit_bytes, size);
    return "destination-full";
}

/* Fills targets[] with the destinations, each once. Returns how many, or 0 with the refusal in
 * *why. */
static uint32_t resolve(struct spool *s, struct spool_publish *in, struct target *targets,
                        struct err *why)
{
    uint32_t n = 0;
    s->stamp++;
    for (uint32_t i = 0; i < in->n; i++) {
        struct spool_text name = spool_next_name(in);
        struct dest *d = spool_dest(s, name.p, name.len);
        if (!d || !d->configured) {
            char shown[128] = "", copy[SPOOL_NAME_MAX];
            memcpy(copy, name.p, name.len);
            copy[name.len] = '\0';
            (void)err_set(why, -ENOENT, "destination-unknown", "there is no destination \"%s\"",
                          escape_text(shown, sizeof shown, copy, name.len));
            return 0;
        }
        if (d->stamp == s->stamp)
            continue;
        d->stamp = s->stamp;
        if (spool_refuses(s, d, in->event.len, why))
            return 0;
        targets[n++].dest = d;
    }
    return n;
}

static void take(struct target *t, size_t size)
{
    t->key = t->dest->next_key++;
    t->dest->messages++;
    t->dest->bytes += size;
    t->dest->dirty = true;
}

static int accept_publish(struct spool *s, struct peer *p, const struct spool_publish *in,
                          const struct target *targets, uint32_t n)
{
    struct target *many = n > 1 ? xcalloc(n, sizeof *many) : NULL;
    struct body *body = body_new(&s->cached, in->id.p, in->id.len, in->event.p, in->event.len);
    struct op *op = body && (many || n == 1) ? op_new(s) : NULL;
    if (!op) {
        free(many);
        body_unref(body);
        return -ENOMEM;
    }
    op->kind = OP_PUBLISH;
    op->peer = p;
    op->no = in->no;
    op->pub.body = body;
    op->pub.first_ms = wall_ms();
    op->pub.n = n;
    if (many) {
        memcpy(many, targets, n * sizeof *many);
        op->pub.many = many;
    } else {
        op->pub.one = targets[0];
    }
    for (uint32_t i = 0; i < n; i++)
        take(many ? &many[i] : &op->pub.one, body->len);
    return 0;
}

void spool_publish(struct spool *s, struct peer *p, struct spool_publish *in)
{
    static struct target targets[SPOOL_DESTINATIONS_MAX];
    struct err why = {.code = ""};
    if (in->event.len > s->message_max) {
        (void)err_set(&why, -EFBIG, "too-large", "the message has %zu bytes, more than %zu",
                      in->event.len, s->message_max);
    } else {
        uint32_t n = resolve(s, in, targets, &why);
        if (n && accept_publish(s, p, in, targets, n) == 0)
            return;
        if (n)
            (void)err_set(&why, -ENOMEM, "transport", "the spool is out of memory");
    }
    p->ops->failed(p, in->no, why.code, why.text);
}

/* ---- settlement ---- */

static uint64_t with_jitter(uint64_t ms)
{
    static uint64_t x; /* xorshift; spreads load, guards nothing */
    while (x == 0)
        if (random_bytes(&x, sizeof x) < 0)
            x = mono_ms() | 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return ms + (ms / 10 ? x % (ms / 10) : 0);
}

static char *text_dup(struct spool_text t)
{
    char *p = malloc(t.len + 1);
    if (p) {
        memcpy(p, t.p, t.len);
        p[t.len] = '\0';
    }
    return p;
}

static void note_error(struct dest *d, const char *code, const char *text)
{
    d->last_error.code[0] = d->last_error.text[0] = '\0';
    (void)escape_text(d->last_error.code, sizeof d->last_error.code, code, strlen(code));
    (void)escape_text(d->last_error.text, sizeof d->last_error.text, text, strlen(text));
    d->last_error.at_ms = wall_ms();
}

static int fill_settle(struct spool *s, struct op *op, const struct spool_settle *in)
{
    struct dest *d = op->set.dest;
    struct copy *c = op->set.copy;
    op->set.attempts = c->attempts + (in->how == SETTLE_RETRY);
    if (in->how == SETTLE_RETRY || in->how == SETTLE_RELEASE) {
        uint64_t delay = with_jitter(transport_rung(in->delay_ms));
        op->set.due = op->set.due_at = delay ? spool_clock(s) + delay : 0;
    }
    if (in->how == SETTLE_RETRY || in->how == SETTLE_DEAD) {
        op->set.code = text_dup(in->code);
        op->set.text = text_dup(in->text);
        if (!op->set.code || !op->set.text)
            return -ENOMEM;
        note_error(d, op->set.code, op->set.text);
    }
    return 0;
}

int spool_settle(struct spool *s, struct consumer *c, const struct spool_settle *in)
{
    uint32_t slot = (uint32_t)(in->handle & 0xffff), serial = (uint32_t)(in->handle >> 16);
    if (slot >= c->prefetch || !c->slots[slot].copy || c->slots[slot].serial != serial ||
        c->slots[slot].settling)
        return -EPROTO;
    struct op *op = op_new(s);
    if (!op)
        return -ENOMEM;
    op->kind = OP_SETTLE;
    op->how = in->how;
    op->peer = c->peer;
    op->no = in->handle;
    op->set.consumer = c;
    op->set.dest = c->dest;
    op->set.copy = c->slots[slot].copy;
    op->set.slot = slot;
    if (fill_settle(s, op, in) < 0) {
        op_done(op);
        s->ops_n--;
        return -ENOMEM;
    }
    c->slots[slot].settling = true;
    struct dest *d = c->dest;
    d->settling++;
    if (in->how == SETTLE_DONE || in->how == SETTLE_DEAD) {
        d->messages--;
        d->bytes -= op->set.copy->size;
        d->dead += in->how == SETTLE_DEAD;
        d->dirty = true;
    }
    return 0;
}

void spool_gone(struct spool *s, struct peer *p, struct consumer *const *consumers, size_t n)
{
    for (size_t i = 0; i < s->ops_n; i++) {
        struct op *op = &s->ops[i];
        if (op->peer != p)
            continue;
        op->peer = NULL;
        if (op->kind == OP_SETTLE)
            op->set.consumer = NULL;
    }
    for (size_t i = 0; i < n; i++)
        consumer_free(consumers[i]);
}
