/* SPDX-License-Identifier: Apache-2.0 */
/* validate - a step that lets a message pass when its XML body is valid against a schema of the
 * operator's: W3C XML Schema 1.0 or RELAX NG (XML syntax), both as libxml2 has them. Which of the
 * two is seen from the schema's root element. A schema may include others by relative file names;
 * the network is never asked. */
#include "lib/xml_body.h"
#include <libxml/relaxng.h>
#include <libxml/xmlschemas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XSD        "http://www.w3.org/2001/XMLSchema"
#define RELAXNG    "http://relaxng.org/ns/structure/1.0"
#define ISSUES_MAX 20 /* of one message; all are counted */

struct validate {
    xmlDocPtr doc; /* of the schema; outlives what was made of it */
    xmlSchemaPtr xsd;
    xmlRelaxNGPtr rng;
};

/* What a schema, or a message, is found guilty of. */
struct faults {
    reeve_ctx *ctx;
    const reeve_msg *msg; /* NULL: it is the schema itself that is read */
    size_t n;
    char first[400];
};

/* libxml2's text on one line, without the line break at its end. */
static void one_line(char *to, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++)
        to[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
    while (n > 0 && to[n - 1] == ' ')
        n--;
    to[n] = '\0';
}

/* The n-th of its name among its siblings, from 1. */
static unsigned position(const xmlNode *node)
{
    unsigned n = 1;
    for (const xmlNode *p = node->prev; p; p = p->prev)
        n += p->type == XML_ELEMENT_NODE && xmlStrEqual(p->name, node->name);
    return n;
}

/* "/case/amount[2]" or "/case/amount[2]/@currency": local names, as people write them. Only the
 * last elements when the path is too long. */
static void path_of(const xmlNode *node, char *path, size_t size)
{
    char *at = path + size - 1;
    *at = '\0';
    for (; node && (node->type == XML_ELEMENT_NODE || node->type == XML_ATTRIBUTE_NODE);
         node = node->parent) {
        char one[120];
        int top = !node->parent || node->parent->type != XML_ELEMENT_NODE;
        if (node->type == XML_ATTRIBUTE_NODE)
            (void)snprintf(one, sizeof one, "/@%.100s", (const char *)node->name);
        else if (top)
            (void)snprintf(one, sizeof one, "/%.100s", (const char *)node->name);
        else
            (void)snprintf(one, sizeof one, "/%.90s[%u]", (const char *)node->name, position(node));
        size_t n = strlen(one);
        if ((size_t)(at - path) < n)
            break;
        at -= n;
        memcpy(at, one, n);
    }
    memmove(path, at, strlen(at) + 1);
}

static void say(struct faults *f, const char *where, const char *text)
{
    if (f->n > ISSUES_MAX)
        return;
    reeve_issue(f->ctx, &(struct reeve_issue){.size = sizeof(struct reeve_issue),
                                              .severity = REEVE_ISSUE_ERROR,
                                              .code = "schema-invalid",
                                              .where = where,
                                              .subject = reeve_msg_get(f->msg, "subject"),
                                              .text = text});
}

static void on_fault(void *user, xmlErrorPtr e)
{
    struct faults *f = user;
    char text[300], where[300] = "";
    if (e->level < XML_ERR_ERROR)
        return;
    f->n++;
    if (f->msg && xml_body_personal(f->msg))
        one_line(text, sizeof text,
                 "not valid (what stands there is not shown: it is about people)");
    else
        one_line(text, sizeof text, e->message ? e->message : "not valid");
    if (f->msg)
        path_of(e->node, where, 256);
    else
        (void)snprintf(where, sizeof where, "%.250s", e->file ? e->file : "");
    size_t used = strlen(where);
    (void)snprintf(where + used, sizeof where - used, "%sline %d", used ? ", " : "", e->line);
    if (f->n == 1)
        (void)snprintf(f->first, sizeof f->first, "%.190s: %.200s", where, text);
    if (f->msg)
        say(f, where, text);
}

/* ---- the schema ---- */

static void free_all(struct validate *v)
{
    xmlSchemaFree(v->xsd);
    xmlRelaxNGFree(v->rng);
    xmlFreeDoc(v->doc);
    free(v);
}

static void read_xsd(struct validate *v, struct faults *f)
{
    xmlSchemaParserCtxtPtr p = xmlSchemaNewDocParserCtxt(v->doc);
    if (p == NULL)
        return;
    xmlSchemaSetParserStructuredErrors(p, on_fault, f);
    v->xsd = xmlSchemaParse(p);
    xmlSchemaFreeParserCtxt(p);
}

static void read_rng(struct validate *v, struct faults *f)
{
    xmlRelaxNGParserCtxtPtr p = xmlRelaxNGNewDocParserCtxt(v->doc);
    if (p == NULL)
        return;
    xmlRelaxNGSetParserStructuredErrors(p, on_fault, f);
    v->rng = xmlRelaxNGParse(p);
    xmlRelaxNGFreeParserCtxt(p);
}

/* Fills *v; 0, or -1 with the first fault told. A schema with faults is no schema, also when
 * libxml2 would go on with the rest. */
static int read_schema(struct validate *v, const char *path, struct faults *f)
{
    v->doc = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlErrorPtr e = xmlGetLastError();
    if (v->doc == NULL) {
        char text[200];
        one_line(text, sizeof text, e && e->message ? e->message : "it cannot be read");
        (void)snprintf(f->first, sizeof f->first, "line %d: %s", e ? e->line : 0, text);
        return -1;
    }
    xmlNodePtr root = xmlDocGetRootElement(v->doc);
    const char *ns = root && root->ns ? (const char *)root->ns->href : "";
    if (strcmp(ns, XSD) == 0) {
        read_xsd(v, f);
    } else if (strcmp(ns, RELAXNG) == 0) {
        read_rng(v, f);
    } else {
        (void)snprintf(f->first, sizeof f->first,
                       "the root element is neither of XML Schema nor of RELAX NG");
        return -1;
    }
    if (f->n == 0 && (v->xsd || v->rng))
        return 0;
    if (f->n == 0)
        (void)snprintf(f->first, sizeof f->first, "libxml2 cannot use it");
    return -1;
}

static reeve_rc validate_open(reeve_ctx *ctx, void **inst)
{
    const char *path = reeve_conf(ctx, "schema", 0);
    struct faults f = {.ctx = ctx};
    struct validate *v = calloc(1, sizeof *v);
    if (v == NULL)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    xml_body_init();
    if (read_schema(v, path, &f) < 0) {
        free_all(v);
        return reeve_fail(ctx, REEVE_FATAL, "the schema %s: %s", path, f.first);
    }
    *inst = v;
    return REEVE_OK;
}

static void validate_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    free_all(inst);
}

/* ---- a message ---- */

/* 0: valid; > 0: not; < 0: could not be told. */
static int by_xsd(xmlSchemaPtr schema, xmlDocPtr doc, struct faults *f)
{
    xmlSchemaValidCtxtPtr c = xmlSchemaNewValidCtxt(schema);
    if (c == NULL)
        return -1;
    xmlSchemaSetValidStructuredErrors(c, on_fault, f);
    int rc = xmlSchemaValidateDoc(c, doc);
    xmlSchemaFreeValidCtxt(c);
    return rc;
}

static int by_rng(xmlRelaxNGPtr schema, xmlDocPtr doc, struct faults *f)
{
    xmlRelaxNGValidCtxtPtr c = xmlRelaxNGNewValidCtxt(schema);
    if (c == NULL)
        return -1;
    xmlRelaxNGSetValidStructuredErrors(c, on_fault, f);
    int rc = xmlRelaxNGValidateDoc(c, doc);
    xmlRelaxNGFreeValidCtxt(c);
    return rc;
}

static reeve_rc judge(reeve_ctx *ctx, const struct validate *v, const reeve_msg *msg)
{
    struct faults f = {.ctx = ctx, .msg = msg};
    char why[200];
    if (!xml_body_is(reeve_msg_get(msg, "datacontenttype")) &&
        strcmp(reeve_conf(ctx, "other", 0), "pass") == 0)
        return REEVE_OK;
    xmlDocPtr doc = xml_body_read(msg, why, sizeof why);
    if (doc == NULL)
        return reeve_fail(ctx, REEVE_REJECT, "%s", why);
    int rc = v->xsd ? by_xsd(v->xsd, doc, &f) : by_rng(v->rng, doc, &f);
    xmlFreeDoc(doc);
    if (rc == 0)
        return REEVE_OK;
    if (rc < 0)
        return reeve_fail(ctx, REEVE_RETRY, "libxml2 could not check the body");
    if (f.n > 1)
        return reeve_fail(ctx, REEVE_REJECT, "%s (and %zu more)", f.first, f.n - 1);
    return reeve_fail(ctx, REEVE_REJECT, "%s", f.n ? f.first : "the body is not valid");
}

static reeve_rc validate_step(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    reeve_rc rc = judge(ctx, inst, in);
    if (rc != REEVE_OK)
        return rc;
    reeve_msg *same = reeve_msg_copy(in);
    return same && reeve_emit(out, same) == 0 ? REEVE_OK : REEVE_RETRY;
}

static const struct reeve_option options[] = {
    {.key = "schema",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_REQUIRED,
     .help = "The file of an XML Schema or of a RELAX NG schema in XML syntax."},
    {.key = "other",
     .type = REEVE_T_CHOICE,
     .allowed = "reject|pass",
     .def = "reject",
     .help = "What becomes of a message whose body is not XML."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "validate", .version = "1.0",
             .summary = "a step that refuses XML which a schema does not allow", .options = options,
             .open = validate_open, .close = validate_close, .step = validate_step);
