/* SPDX-License-Identifier: Apache-2.0 */
/* decode: an activity file, streaming. Memory: the largest activity, and 28 bytes for each
 * identifier seen. */
#include "iati.h"
#include <string.h>

/* A payment's body repeats the head of its activity. What they repeat together is bounded, so that
 * a small document cannot become an endless one. */
#define REPEATED_MAX ((uint64_t)1 << 30)

struct decoding {
    reeve_out *out;
    struct print_set *identifiers;
};

static void check_identifier(struct decoding *d, struct walk *w)
{
    struct activity *a = &w->activity;
    struct mark at = walk_mark(w, w->depth);
    const char *id = activity_text(a, a->identifier);
    if (id == NULL) {
        walk_issue(w, REEVE_ISSUE_WARNING, "identifier-empty", &at, NULL, NULL,
                   "an iati-identifier",
                   "the activity has no identifier, so every change of it is "
                   "another activity");
        return;
    }
    int fresh = print_set_add(d->identifiers, text_print(id, strlen(id)));
    a->no_memory = a->no_memory || fresh < 0;
    if (fresh == 0)
        walk_issue(w, REEVE_ISSUE_WARNING, "identifier-duplicate", &at, NULL, id,
                   "an identifier of its own for each activity",
                   "another activity of this file has the same identifier; the later one is taken "
                   "as its correction");
}

/* Larger than a message may be, or than what it would become. */
static void check_size(struct walk *w)
{
    struct activity *a = &w->activity;
    struct mark at = walk_mark(w, w->depth);
    uint64_t head = a->tag_end - a->start;
    for (size_t i = 0; i < a->head.n; i++)
        head += a->head.at[i].to - a->head.at[i].from;
    if (a->too_large || a->end - a->start > w->limit)
        walk_issue(w, REEVE_ISSUE_ERROR, "too-large", &at, NULL, NULL,
                   "an activity within the message limit",
                   "the activity is larger than a message may be");
    else if (head * a->payments_n > REPEATED_MAX)
        walk_issue(w, REEVE_ISSUE_ERROR, "too-large", &at, NULL, NULL,
                   "fewer transactions, or shorter texts before them",
                   "the payments of the activity would repeat more than 1 GiB of it");
}

static reeve_rc activity_done(void *arg, struct walk *w)
{
    struct decoding *d = arg;
    struct activity *a = &w->activity;
    check_size(w);
    check_identifier(d, w);
    if (a->no_memory)
        return reeve_fail(w->ctx, REEVE_RETRY, "out of memory");
    if (a->errors == 0)
        return activity_emit(w, d->out);
    reeve_refuse(d->out, activity_text(a, a->identifier));
    return REEVE_OK;
}

reeve_rc iati_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                     reeve_out *out)
{
    (void)content_type; /* the bytes decide: senders label files in many ways */
    uint64_t limit = reeve_limit(ctx, "message");
    const char *rules = reeve_conf(ctx, "rules", 0);
    struct decoding d = {.out = out, .identifiers = print_set_new()};
    struct feed feed;
    struct walk w = {.ctx = ctx,
                     .feed = &feed,
                     .schema = inst,
                     .activity_done = activity_done,
                     .arg = &d,
                     .limit = limit > 0 ? (size_t)limit : (size_t)16 << 20,
                     .rules_refuse = rules != NULL && strcmp(rules, "refuse") == 0};
    bool check = rules == NULL || strcmp(rules, "off") != 0;
    reeve_rc rc = REEVE_RETRY;
    feed_init_reader(&feed, r);
    w.rules = check ? rules_new() : NULL;
    if (d.identifiers != NULL && (w.rules != NULL || !check))
        rc = walk_document(&w);
    else
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    walk_done(&w);
    feed_done(&feed);
    print_set_free(d.identifiers);
    return rc;
}
