/* SPDX-License-Identifier: Apache-2.0 */
/* process: see process.h.
 *
 * The text is a JSON array of releases by date, of those with one date in the order they came in.
 * A release with the id of another takes its place. What stands before a compiled release counts no
 * more and is left out. When the text gets long its older half is put together into one, and then
 * the array begins with a text: the date up to which this was done. A release from before that
 * comes too late to be put in its place. */
#include "process.h"
#include "lib/formats.h"
#include "merge.h"
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX ((size_t)4 << 20) /* from here on the older half is put together */

struct item {
    const struct json_node *release;
    const char *text; /* of the new one, as it came; NULL: written from its values */
    size_t len;
};
struct process {
    struct json_parser *parser;
    struct item *item; /* by date */
    size_t n;
    const char *sealed; /* NULL: all that came stand here by themselves */
    const char *why;
};

static int by_date(const char *a, const char *b)
{
    int64_t x = instant_us(a, strlen(a)), y = instant_us(b, strlen(b));
    return (x > y) - (x < y);
}

static const char *date_of(const struct json_node *release)
{
    return member_text(release, "date");
}

static bool same_id(const struct json_node *a, const struct json_node *b)
{
    const char *x = member_text(a, "id"), *y = member_text(b, "id");
    return x != NULL && y != NULL && strcmp(x, y) == 0;
}

static enum process_verdict refused(struct process *p, const char *why)
{
    p->why = why;
    return PROCESS_REFUSED;
}

/* ---- reading ---- */

/* The kept releases but the one that the new one takes the place of; room for one more. */
static enum process_verdict read_kept(struct process *p, const char *kept, size_t len,
                                      const struct json_node *release)
{
    const struct json_node *list = kept != NULL ? json_parse(p->parser, kept, len) : NULL;
    if (kept != NULL && !node_is(list, JSON_ARRAY))
        return refused(p, "what is kept of the process cannot be read: its releases hold more "
                          "values than can be looked at together");
    p->item = calloc(list != NULL ? list->n + 1 : 1, sizeof *p->item);
    if (p->item == NULL)
        return PROCESS_FAILED;
    for (const struct json_node *v = list != NULL ? list->first : NULL; v != NULL; v = v->next) {
        if (v->kind == JSON_STRING)
            p->sealed = v->text;
        else if (!same_id(v, release))
            p->item[p->n++].release = v;
    }
    return PROCESS_TAKEN;
}

static enum process_verdict insert(struct process *p, const struct json_node *release,
                                   const char *text, size_t len)
{
    size_t at = p->n;
    if (p->sealed != NULL && by_date(date_of(release), p->sealed) < 0)
        return refused(p, "it is older than the releases of its process that were put together "
                          "for good, and cannot be put in its place");
    while (at > 0 && by_date(date_of(release), date_of(p->item[at - 1].release)) < 0)
        at--;
    memmove(p->item + at + 1, p->item + at, (p->n - at) * sizeof *p->item);
    p->item[at] = (struct item){release, text, len};
    p->n++;
    return PROCESS_TAKEN;
}

/* Everything before the last compiled release stands in it. The one that is made here is the first
 * of all: any other is the publisher's, and whatever is older than that has its place in it. */
static void drop_covered(struct process *p)
{
    size_t from = p->n - 1;
    while (from > 0 && !is_compiled(p->item[from].release))
        from--;
    if (from > 0)
        p->sealed = NULL;
    memmove(p->item, p->item + from, (p->n - from) * sizeof *p->item);
    p->n -= from;
}

/* ---- writing ---- */

static enum process_verdict merge(struct process *p, size_t n, struct json_write *w)
{
    const struct json_node **all = calloc(n, sizeof *all);
    if (all == NULL)
        return PROCESS_FAILED;
    for (size_t i = 0; i < n; i++)
        all[i] = p->item[i].release;
    bool ok = merge_write(w, all, n);
    free(all);
    if (!ok)
        return PROCESS_FAILED;
    return w->failed ? refused(p, "the releases of its process, put together, are over the message "
                                  "limit or nested too deep")
                     : PROCESS_TAKEN;
}

static void write_item(struct json_write *w, const struct item *i)
{
    if (i->text != NULL)
        json_write_bare(w, i->text, i->len);
    else
        json_write_node(w, i->release);
}

/* The first `half` as one release, the others as they are. */
static enum process_verdict write_sealed(struct process *p, size_t half, struct json_write *now)
{
    const char *date = date_of(p->item[half - 1].release);
    json_write_array(now);
    json_write_text(now, date, strlen(date));
    enum process_verdict v = merge(p, half, now);
    for (size_t i = half; i < p->n; i++)
        write_item(now, &p->item[i]);
    json_write_end(now);
    return v;
}

static enum process_verdict write_kept(struct process *p, struct json_write *now)
{
    json_write_array(now);
    if (p->sealed != NULL)
        json_write_text(now, p->sealed, strlen(p->sealed));
    for (size_t i = 0; i < p->n; i++)
        write_item(now, &p->item[i]);
    json_write_end(now);
    enum process_verdict v = PROCESS_TAKEN;
    if (p->n > 1 && (now->failed || now->len > KEPT_MAX)) {
        size_t max = now->max;
        json_write_done(now);
        json_write_init(now, max);
        v = write_sealed(p, p->n - p->n / 2, now);
    }
    return v == PROCESS_TAKEN && now->failed
               ? refused(p, "the releases of its process are more than can be kept")
               : v;
}

enum process_verdict process_take(const char *kept, size_t kept_len,
                                  const struct json_node *release, const char *text, size_t len,
                                  struct json_write *now, struct json_write *whole,
                                  const char **ret_why)
{
    struct process p = {.parser = json_parser_new(BODY_DEPTH_MAX + 1)};
    enum process_verdict v =
        p.parser != NULL ? read_kept(&p, kept, kept_len, release) : PROCESS_FAILED;
    if (v == PROCESS_TAKEN)
        v = insert(&p, release, text, len);
    if (v == PROCESS_TAKEN) {
        drop_covered(&p);
        v = write_kept(&p, now);
    }
    if (v == PROCESS_TAKEN && (p.n > 1 || p.item[0].text == NULL))
        v = merge(&p, p.n, whole);
    free(p.item);
    json_parser_free(p.parser);
    *ret_why = p.why;
    return v;
}
