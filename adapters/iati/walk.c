/* SPDX-License-Identifier: Apache-2.0 */
/* walk: see iati.h. libxml2 reads the feed as SAX2 events, in pieces: memory is bounded by the
 * largest tag or comment (TAG_MAX, REST_MAX) and by what the feed keeps. A DOCTYPE ends the walk,
 * so no entity but the five of XML is ever known; nothing is fetched.
 *
 * Where an element starts and ends in the bytes: libxml2 calls for a start when it has read the
 * tag's attributes, and a tag has no other '<' than its first; for an end when the tag is read.
 * What is cut so is checked, and the walk fails if a later libxml2 should do otherwise. */
#include "walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TAG_MAX  ((size_t)64 << 10) /* of one tag: libxml2 compares its attributes pair by pair */
#define REST_MAX ((size_t)4 << 20)  /* of one comment or processing instruction */

/* ---- places and issues ---- */

static void path_write(const struct mark *at, const char *attribute, char *out, size_t cap)
{
    size_t len =
        at->line > 0 ? (size_t)snprintf(out, cap, "line %llu, ", (unsigned long long)at->line) : 0;
    out[len] = 0;
    for (size_t i = 0; i < at->n && len < cap; i++) {
        const struct step *s = &at->step[i];
        char index[32] = "";
        if (s->many)
            (void)snprintf(index, sizeof index, "[%zu]", s->index);
        len += (size_t)snprintf(out + len, cap - len, "/%s%s%.100s%s",
                                s->prefix != NULL ? s->prefix : "", s->prefix != NULL ? ":" : "",
                                s->name, index);
    }
    if (attribute != NULL && len < cap)
        (void)snprintf(out + len, cap - len, "/@%.100s", attribute);
}

struct mark walk_mark(const struct walk *w, size_t depth)
{
    struct mark m = {.line = depth > 0 ? w->frame[depth - 1].line : 0,
                     .n = depth < MARK_STEPS ? depth : MARK_STEPS};
    memcpy(m.step, w->step, m.n * sizeof m.step[0]);
    return m;
}

/* What stands there may be about people. */
bool walk_personal(const struct walk *w)
{
    for (size_t i = 0; i < w->depth; i++)
        if (w->frame[i].element != NULL && w->frame[i].element->is == IS_CONTACT)
            return true;
    return false;
}

void walk_issue(struct walk *w, uint32_t severity, const char *code, const struct mark *at,
                const char *attribute, const char *found, const char *wanted, const char *text)
{
    char where[512];
    if (severity != REEVE_ISSUE_WARNING) {
        if (w->activity.index > 0)
            w->activity.errors++;
        else
            w->root_errors++;
    }
    path_write(at, attribute, where, sizeof where);
    if (severity != REEVE_ISSUE_WARNING && w->why[0] == 0)
        (void)snprintf(w->why, sizeof w->why, "%.120s: %.100s%s%.30s", where, text,
                       wanted != NULL ? ", wanted " : "", wanted != NULL ? wanted : "");
    if (w->quiet)
        return;
    struct reeve_issue issue = {.size = sizeof issue,
                                .severity = severity,
                                .flags = walk_personal(w) ? REEVE_ISSUE_PERSONAL : 0,
                                .code = code,
                                .where = where,
                                .subject = activity_text(&w->activity, w->activity.identifier),
                                .found = found,
                                .wanted = wanted,
                                .text = text};
    reeve_issue(w->ctx, &issue);
}

/* A fault of the schema, at the open element of this depth. */
void walk_fault(struct walk *w, size_t depth, const char *code, const char *attribute,
                const char *found, const char *wanted, const char *text)
{
    struct mark at = walk_mark(w, depth);
    walk_issue(w, w->activity.index > 0 ? REEVE_ISSUE_ERROR : REEVE_ISSUE_PACKAGE, code, &at,
               attribute, found, wanted, text);
}

void walk_stop(struct walk *w, reeve_rc rc)
{
    if (w->stopped)
        return;
    w->stopped = true;
    w->rc = rc;
    xmlStopParser(w->xml);
}

/* Nothing more can be read: it is not a document of the standard. */
void walk_unreadable(struct walk *w, uint64_t line, const char *code, const char *wanted,
                     const char *text)
{
    struct mark at = walk_mark(w, w->depth);
    if (w->stopped)
        return;
    at.line = line;
    walk_issue(w, REEVE_ISSUE_UNREADABLE, code, &at, NULL, NULL, wanted, text);
    walk_stop(w, REEVE_REJECT);
}

static uint64_t position(const struct walk *w)
{
    long at = xmlByteConsumed(w->xml);
    return at < 0 ? 0 : (uint64_t)at;
}

static uint64_t line_here(struct walk *w)
{
    return feed_line(w->feed, position(w));
}

/* ---- events ---- */

static void root_starts(struct walk *w)
{
    char text[64];
    w->today = walk_get(w, "generated-datetime", text, sizeof text) ? value_day(text) : NO_DAY;
    if (walk_get(w, "version", text, sizeof text) && strcmp(text, "2.01") != 0 &&
        strcmp(text, "2.02") != 0 && strcmp(text, "2.03") != 0) {
        struct mark at = walk_mark(w, w->depth);
        walk_issue(w, REEVE_ISSUE_WARNING, "version-unknown", &at, "version", text,
                   "2.03 (2.01 and 2.02 are read as such)",
                   "the file is read as version 2.03 all the same");
    }
}

/* Depth 2 and of the standard: an activity, also when its place is wrong. */
static bool at_activity(const struct walk *w, const struct frame *f)
{
    return w->depth == 2 && f->element != NULL && f->element->is == IS_ACTIVITY;
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int ns_n, const xmlChar **ns, int n, int defaulted, const xmlChar **attributes)
{
    struct walk *w = user;
    if (w->stopped)
        return;
    uint64_t end = position(w), start = feed_tag_before(w->feed, end);
    if (start == UINT64_MAX) {
        walk_stop(w, reeve_fail(w->ctx, REEVE_FATAL, "libxml2's place in the document is lost"));
        return;
    }
    if (end >= w->feed->valid) { /* libxml2 calls for half a tag too, before it says so */
        walk_unreadable(w, feed_line(w->feed, start), "xml-syntax", "well-formed XML",
                        "the file ends inside a tag");
        return;
    }
    if (w->depth == DEPTH_MAX) {
        walk_unreadable(w, feed_line(w->feed, start), "too-deep", "at most 63 levels of elements",
                        "elements are nested deeper than the hub reads");
        return;
    }
    struct frame *f = &w->frame[w->depth];
    memset(f, 0, sizeof *f);
    w->step[w->depth++] = (struct step){.name = (const char *)name, .prefix = (const char *)prefix};
    f->start = start;
    f->line = feed_line(w->feed, start);
    w->attributes = attributes;
    w->attributes_n = n;
    w->text_len = 0;
    w->text_cut = false;
    grammar_place(w, f, name, prefix, uri);
    if (w->stopped)
        return;
    if (at_activity(w, f)) {
        w->activities++;
        gather_activity_start(w);
        w->activity.tag_end = end;
        if (w->rules != NULL)
            rules_activity_start(w);
    }
    if (f->element != NULL)
        grammar_attributes(w, f->element);
    else if (!f->skipped)
        grammar_lax_attributes(w);
    walk_namespaces(w, prefix, uri, ns_n, ns);
    if (w->depth == 1)
        root_starts(w);
    else if (w->depth > 2 && w->activity.index > 0)
        gather_start(w);
    if (w->depth > 1 && w->rules != NULL && w->activity.index > 0)
        rules_start(w);
    w->attributes_n = 0;
    official_start_element(w, name, prefix, uri, ns_n, ns, n, defaulted, attributes);
}

static void on_text(void *user, const xmlChar *text, int text_len)
{
    struct walk *w = user;
    if (w->stopped || w->depth == 0 || text_len <= 0)
        return;
    struct frame *f = &w->frame[w->depth - 1];
    const char *p = (const char *)text;
    size_t len = (size_t)text_len;
    official_text(w, text, text_len);
    if (w->activity.index > 0)
        gather_text(w, p, len);
    if (f->element == NULL || (f->text && f->element->is == IS_NARRATIVE))
        return;
    bool solid = !value_all_space(p, len);
    f->text = f->text || solid;
    if (f->element->text == TYPE_NONE) {
        if (solid && !f->stray)
            walk_fault(w, w->depth, "text-unexpected", NULL, NULL, NULL,
                       "text stands where only elements may");
        f->stray = f->stray || solid;
        return;
    }
    size_t room = TEXT_MAX - 1 - w->text_len, n = len < room ? len : room;
    memcpy(w->text + w->text_len, p, n);
    w->text_len += n;
    w->text_cut = w->text_cut || n < len;
}

static void activity_ends(struct walk *w, uint64_t end)
{
    w->activity.end = end;
    if (w->rules != NULL)
        rules_activity_end(w);
    if (w->activity.no_memory) {
        walk_stop(w, reeve_fail(w->ctx, REEVE_RETRY, "out of memory"));
        return;
    }
    reeve_rc rc = w->activity_done(w->arg, w);
    if (rc != REEVE_OK)
        walk_stop(w, rc);
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct walk *w = user;
    if (w->stopped || w->depth == 0)
        return;
    struct frame *f = &w->frame[w->depth - 1];
    uint64_t end = position(w);
    w->text[w->text_len] = 0;
    if (f->element != NULL) {
        const struct element *e = f->element;
        if (e->text > TYPE_STRING && (w->text_cut || !value_valid(e->text, w->text)))
            walk_fault(w, w->depth, value_code(e->text), NULL, w->text, value_wanted(e->text),
                       "the value is not of its type");
        grammar_missing(w, w->depth, f->part, SIZE_MAX);
    }
    official_end_element(w, name, prefix, uri);
    if (w->activity.index > 0) {
        if (w->depth > 2)
            gather_end(w, end);
        if (w->rules != NULL)
            rules_end(w);
        if (at_activity(w, f))
            activity_ends(w, end);
    }
    if (w->depth == 2) {
        gather_reset(&w->activity);
        feed_keep(w->feed, end);
    }
    w->text_len = 0;
    w->text_cut = false;
    w->depth--;
}

/* ---- what is refused at once ---- */

static void on_doctype(void *user, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    struct walk *w = user;
    (void)name, (void)external, (void)system;
    walk_unreadable(w, line_here(w), "doctype", "a file without a document type declaration",
                    "document type declarations and entities are refused");
}

/* The first error that ends a document. Those of namespaces do not: the grammar sees them. */
static void on_error(void *user, xmlErrorPtr error)
{
    struct walk *w = user;
    char text[200];
    if (w->stopped || error == NULL || error->level != XML_ERR_FATAL)
        return;
    if (error->code == XML_ERR_NO_MEMORY) {
        w->no_memory = true;
        return;
    }
    (void)snprintf(text, sizeof text, "%.180s",
                   error->message != NULL ? error->message : "not well-formed");
    text[strcspn(text, "\n")] = 0;
    walk_unreadable(w, line_here(w), "xml-syntax", "well-formed XML", text);
}

/* ---- the loop ---- */

static bool parser_new(struct walk *w)
{
    static const xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .internalSubset = on_doctype,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .serror = on_error,
    };
    xmlSAXHandler sax = handler;
    w->xml = xmlCreatePushParserCtxt(&sax, w, NULL, 0, NULL);
    if (w->xml == NULL)
        return false;
    (void)xmlCtxtUseOptions(w->xml, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);
    return true;
}

/* The feed must keep what the parser has not read yet, and the activity that is open. */
static void keep_what_is_needed(struct walk *w)
{
    uint64_t at = position(w);
    struct activity *a = &w->activity;
    if (a->index > 0 && !a->too_large && w->feed->valid - a->start > w->limit + TAG_MAX)
        a->too_large = true;
    feed_keep(w->feed, a->index > 0 && !a->too_large ? a->start : at);
    size_t waiting = (size_t)(w->feed->valid - at);
    const char *p = feed_at(w->feed, at);
    if (waiting <= TAG_MAX || p == NULL)
        return;
    bool tag = p[0] == '<' && p[1] != '!' && p[1] != '?';
    if (tag || waiting > REST_MAX)
        walk_unreadable(w, feed_line(w->feed, at), "too-large",
                        tag ? "a tag of at most 64 KiB" : "a comment of at most 4 MiB",
                        "a tag or a comment is longer than the hub reads");
}

static void feed_is_wrong(struct walk *w)
{
    walk_unreadable(w, feed_line(w->feed, w->feed->valid), "encoding",
                    "UTF-8, or the encoding declared", w->feed->fault);
}

reeve_rc walk_document(struct walk *w)
{
    w->today = NO_DAY;
    if (!parser_new(w) || (w->schema != NULL && !official_begin(w, w->schema)))
        return reeve_fail(w->ctx, REEVE_RETRY, "out of memory");
    enum feed_rc got = FEED_MORE;
    while (!w->stopped && got == FEED_MORE) {
        uint64_t from = w->feed->valid;
        got = feed_more(w->feed);
        if (got == FEED_FAILED)
            return reeve_fail(w->ctx, REEVE_RETRY, "the document could not be read to its end");
        const char *p = feed_at(w->feed, from);
        int n = (int)(w->feed->valid - from); /* a few chunks at most */
        if (n > 0 && p != NULL)
            (void)xmlParseChunk(w->xml, p, n, 0);
        if (!w->stopped && got == FEED_WRONG)
            feed_is_wrong(w);
        if (!w->stopped && got == FEED_END)
            (void)xmlParseChunk(w->xml, NULL, 0, 1);
        if (w->no_memory || (!w->stopped && w->xml->errNo == XML_ERR_NO_MEMORY))
            return reeve_fail(w->ctx, REEVE_RETRY, "out of memory");
        if (!w->stopped && got == FEED_MORE)
            keep_what_is_needed(w);
    }
    if (!w->stopped && !w->xml->wellFormed)
        walk_unreadable(w, line_here(w), "xml-syntax", "well-formed XML", "the file is not whole");
    return w->stopped ? w->rc : REEVE_OK;
}

const struct frame *walk_up(const struct walk *w, size_t up)
{
    return up < w->depth ? &w->frame[w->depth - 1 - up] : NULL;
}

enum is walk_is(const struct walk *w, size_t up)
{
    const struct frame *f = walk_up(w, up);
    return f != NULL && f->element != NULL ? f->element->is : IS_OTHER;
}

void walk_done(struct walk *w)
{
    if (w->xml != NULL)
        xmlFreeParserCtxt(w->xml);
    w->xml = NULL;
    official_end(w);
    gather_free(&w->activity);
    rules_free(w->rules);
    w->rules = NULL;
}

reeve_rc walk_body(struct walk *w, const char *body, size_t len)
{
    struct bytes file = {0};
    struct feed feed;
    bytes_adds(&file, ROOT_OPENING);
    bytes_add(&file, body, len);
    bytes_adds(&file, "</iati-activities>");
    if (file.failed) {
        free(file.p);
        return REEVE_RETRY;
    }
    feed_init_memory(&feed, file.p, file.len);
    w->feed = &feed;
    reeve_rc rc = walk_document(w);
    w->feed = NULL;
    feed_done(&feed);
    free(file.p);
    return rc;
}
