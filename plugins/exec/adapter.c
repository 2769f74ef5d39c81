/* SPDX-License-Identifier: Apache-2.0 */
/* adapter - a program that knows a standard: it writes documents (encode), and translates between
 * its standard and the hub record (to_hub, from_hub). Reading them: adapter_decode.c.
 *
 * Not every program does everything, and which calls it offers is known only when it runs: what it
 * does not offer is refused, with that reason. */
#include "exec.h"
#include <stdio.h>
#include <string.h>

reeve_rc adapter_ready(struct exec *x, reeve_ctx *ctx, unsigned offer)
{
    char wanted[16], has[64];
    reeve_rc rc = program_ready(&x->program, ctx, "adapter", NULL, WAIT_PLAIN);
    if (rc != REEVE_OK || (x->program.offers & offer))
        return rc;
    offers_words(offer, wanted, sizeof wanted);
    offers_words(x->program.offers, has, sizeof has);
    return reeve_fail(ctx, REEVE_REJECT, "the program offers no %s, only: %s", wanted, has);
}

int adapter_begin(struct exec *x, const char *call)
{
    char head[64];
    int n = snprintf(head, sizeof head, "{\"seq\":%llu,\"call\":\"%s\"",
                     (unsigned long long)++x->seq, call);
    return reeve_buf_add(x->program.to, head, (size_t)n);
}

int adapter_end(struct talk *t)
{
    char line[64];
    int n =
        snprintf(line, sizeof line, "{\"seq\":%llu,\"end\":true}\n", (unsigned long long)t->x->seq);
    return reeve_buf_add(t->x->program.to, line, (size_t)n);
}

/* ---- encode ---- */

struct encoding {
    const reeve_msg *const *msgs;
    size_t n, at;
};

static int next_event(struct talk *t)
{
    struct encoding *e = t->arg;
    struct program *p = &t->x->program;
    bool last = e->at == e->n;
    if ((last ? adapter_end(t) : program_send(p, t->x->seq, 0, NULL, e->msgs[e->at++])) == 0)
        return last ? 0 : 1;
    program_because(p, "a message cannot be written for it");
    return -1;
}

/* Its answer to encode as the document's bytes. */
static int add_document(const struct said *s, reeve_buf *b)
{
    bool base64 = s->document_base64.p != NULL;
    struct said_text text;
    int rc = -2;
    if ((s->document.p != NULL) != base64 &&
        said_whole_text(base64 ? s->document_base64 : s->document, &text)) {
        rc = base64 ? add_bytes_of_base64(b, text.p, text.len) : reeve_buf_add(b, text.p, text.len);
        said_text_done(&text);
    }
    return rc;
}

static int set_text(reeve_buf *b, const char *what, struct slice v, const char *otherwise)
{
    char text[256];
    if (v.p != NULL && !said_cut_text(v, text, sizeof text))
        return -1;
    return reeve_buf_set(b, what, v.p != NULL ? text : otherwise);
}

static reeve_rc written(struct talk *t, const struct said *s, reeve_buf *b)
{
    struct program *p = &t->x->program;
    const char *otherwise =
        s->document.p != NULL ? "text/plain;charset=utf-8" : "application/octet-stream";
    int rc = add_document(s, b);
    if (rc == -1) {
        program_good(p);
        return reeve_fail(t->ctx, REEVE_REJECT, "the program made a document that is too large");
    }
    if (rc < 0)
        program_because(p, "it gave the verdict ok without a document (one of document, a text, "
                           "and document_base64)");
    else if (set_text(b, "content-type", s->content_type, otherwise) < 0)
        program_because(p, "its content_type cannot be that of a document");
    else if (*s->name != '\0' && reeve_buf_set(b, "name", s->name) < 0)
        program_because(p, "its name cannot be that of a document");
    else {
        program_good(p);
        return REEVE_OK;
    }
    return talk_failed(t, "message");
}

reeve_rc exec_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *b)
{
    struct exec *x = inst;
    struct encoding e = {.msgs = msgs, .n = n};
    struct talk t = {.x = x, .ctx = ctx, .more = next_event, .arg = &e};
    struct said s;
    reeve_rc rc = adapter_ready(x, ctx, OFFER_ENCODE);
    if (rc != REEVE_OK)
        return rc;
    enum heard h = HEARD_FAULT;
    if ((adapter_begin(x, "encode") | reeve_buf_add(x->program.to, "}\n", 2)) != 0)
        program_because(&x->program, "out of memory");
    else
        h = talk(&t, &s);
    if (h != HEARD)
        return talk_failed(&t, "message");
    if (s.verdict == SAID_OK)
        return written(&t, &s, b);
    program_good(&x->program);
    return verdict_other(ctx, &s);
}

/* ---- the hub record ---- */

static reeve_rc translate(struct exec *x, reeve_ctx *ctx, unsigned offer, const reeve_msg *in,
                          reeve_out *out)
{
    struct said s;
    char call[16];
    size_t made = 0;
    offers_words(offer, call, sizeof call);
    reeve_rc rc = adapter_ready(x, ctx, offer);
    if (rc == REEVE_OK)
        rc = talk_message(x, ctx, call, in, &s);
    if (rc == REEVE_OK)
        rc = made_emit(ctx, in, s.emit, out, &made);
    if (rc == REEVE_OK && made == 0) /* a translation loses no message without a word */
        rc = reeve_fail(ctx, REEVE_REJECT, "the program made nothing of the message");
    return rc;
}

reeve_rc exec_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    return translate(inst, ctx, OFFER_TO_HUB, in, out);
}

reeve_rc exec_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    return translate(inst, ctx, OFFER_FROM_HUB, in, out);
}
