/* SPDX-License-Identifier: Apache-2.0 */
/* schema: see walk.h. The operator's own file of the official schema (XML Schema), beside the
 * grammar. libxml2 checks the events as they come, so memory stays bounded; it is asked before an
 * activity is emitted. The network is never asked for what a schema imports. */
#include "walk.h"
#include <libxml/parserInternals.h>
#include <libxml/xmlschemas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct official {
    xmlSchemaPtr schema;
    char why[300]; /* the first fault of the schema itself */
};

static void one_line(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "libxml2 does not say why");
    out[strcspn(out, "\n")] = '\0';
}

/* ---- the schema itself ---- */
static void on_schema_fault(void *user, xmlErrorPtr e)
{
    struct official *o = user;
    char text[200];
    if (o->why[0] != '\0' || e == NULL)
        return;
    one_line(text, sizeof text, e->message);
    (void)snprintf(o->why, sizeof o->why, "line %d: %s", e->line, text);
}

struct official *official_open(reeve_ctx *ctx, const char *path)
{
    struct official *o = calloc(1, sizeof *o);
    if (o == NULL) {
        (void)reeve_fail(ctx, REEVE_FATAL, "out of memory");
        return NULL;
    }
    xmlSetExternalEntityLoader(xmlNoNetExternalEntityLoader);
    xmlSchemaParserCtxtPtr p = xmlSchemaNewParserCtxt(path);
    if (p != NULL) {
        xmlSchemaSetParserStructuredErrors(p, on_schema_fault, o);
        o->schema = xmlSchemaParse(p);
        xmlSchemaFreeParserCtxt(p);
    }
    if (o->schema != NULL && o->why[0] == '\0')
        return o;
    (void)reeve_fail(ctx, REEVE_FATAL, "the schema %s: %s", path,
                     o->why[0] != '\0' ? o->why : "libxml2 cannot use it");
    official_close(o);
    return NULL;
}

void official_close(struct official *o)
{
    if (o == NULL)
        return;
    xmlSchemaFree(o->schema);
    free(o);
}

/* ---- one document ---- */
struct official_check {
    xmlSchemaValidCtxtPtr valid;
    xmlSchemaSAXPlugPtr plug;
    xmlSAXHandler none;   /* what libxml2 would call besides: nothing */
    xmlSAXHandlerPtr sax; /* its own events; takes `user` */
    void *user;
};

static void on_fault(void *user, xmlErrorPtr e)
{
    struct walk *w = user;
    char text[300] = "the official schema does not allow what stands here";
    if (e != NULL && !walk_personal(w)) /* libxml2 repeats values */
        one_line(text, sizeof text, e->message);
    walk_fault(w, w->depth, "schema-invalid", NULL, NULL, NULL, text);
}

bool official_begin(struct walk *w, struct official *o)
{
    struct official_check *c = calloc(1, sizeof *c);
    if (c == NULL)
        return false;
    w->official = c;
    c->none.initialized = XML_SAX2_MAGIC;
    c->sax = &c->none;
    c->user = w;
    c->valid = xmlSchemaNewValidCtxt(o->schema);
    if (c->valid == NULL)
        return false;
    xmlSchemaSetValidStructuredErrors(c->valid, on_fault, w);
    c->plug = xmlSchemaSAXPlug(c->valid, &c->sax, &c->user);
    return c->plug != NULL;
}

void official_end(struct walk *w)
{
    struct official_check *c = w->official;
    if (c == NULL)
        return;
    if (c->plug != NULL)
        (void)xmlSchemaSAXUnplug(c->plug);
    xmlSchemaFreeValidCtxt(c->valid);
    free(c);
    w->official = NULL;
}

void official_start_element(struct walk *w, const xmlChar *name, const xmlChar *prefix,
                            const xmlChar *uri, int ns_n, const xmlChar **ns, int n, int defaulted,
                            const xmlChar **attributes)
{
    const struct official_check *c = w->official;
    if (c != NULL)
        c->sax->startElementNs(c->user, name, prefix, uri, ns_n, ns, n, defaulted, attributes);
}

void official_text(struct walk *w, const xmlChar *text, int len)
{
    const struct official_check *c = w->official;
    if (c != NULL)
        c->sax->characters(c->user, text, len);
}

void official_end_element(struct walk *w, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri)
{
    const struct official_check *c = w->official;
    if (c != NULL)
        c->sax->endElementNs(c->user, name, prefix, uri);
}
