/* SPDX-License-Identifier: Apache-2.0 */
/* stylesheet - see map.h. libxslt 1.1 with EXSLT's functions. The stylesheet's own parts
 * (xsl:import, xsl:include) are read when it is loaded; while it runs nothing is read or written:
 * document(), exsl:document and entities find no file and no network. */
#include "lib/xml_body.h"
#include "map.h"
#include <libexslt/exslt.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/variables.h>
#include <libxslt/xsltutils.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stylesheet {
    xsltStylesheetPtr xslt;
    xsltSecurityPrefsPtr nothing; /* is allowed */
    char type[80];                /* of what it makes */
    char said[300];               /* the last message of libxslt, or of xsl:message */
};

/* libxslt tells an error in pieces: they are put together up to the size. */
static void REEVE_PRINTF(2, 3) on_message(void *user, const char *format, ...)
{
    struct stylesheet *s = user;
    size_t used = strlen(s->said);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->said + used, sizeof s->said - used, format, args);
    va_end(args);
    for (char *p = s->said; *p; p++) {
        if ((unsigned char)*p < ' ')
            *p = ' ';
    }
}

static int forbid_all(xsltSecurityPrefsPtr p)
{
    static const xsltSecurityOption options[] = {
        XSLT_SECPREF_READ_FILE, XSLT_SECPREF_WRITE_FILE, XSLT_SECPREF_CREATE_DIRECTORY,
        XSLT_SECPREF_READ_NETWORK, XSLT_SECPREF_WRITE_NETWORK};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (xsltSetSecurityPrefs(p, options[i], xsltSecurityForbid) != 0)
            return -1;
    }
    return 0;
}

/* xsl:output decides (XSLT 1.0 section 16). */
static void result_type(struct stylesheet *s)
{
    const char *method = (const char *)s->xslt->method, *type = (const char *)s->xslt->mediaType;
    if (type == NULL)
        type = method && strcmp(method, "text") == 0   ? "text/plain"
               : method && strcmp(method, "html") == 0 ? "text/html"
                                                       : "application/xml";
    (void)snprintf(s->type, sizeof s->type, "%s", type);
}

static int load(struct stylesheet *s, const char *path)
{
    s->nothing = xsltNewSecurityPrefs();
    if (s->nothing == NULL || forbid_all(s->nothing) < 0)
        return -1;
    xmlDocPtr doc = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOENT);
    if (doc == NULL)
        return -1;
    s->xslt = xsltParseStylesheetDoc(doc);
    if (s->xslt == NULL) {
        xmlFreeDoc(doc);
        return -1;
    }
    return s->xslt->errors ? -1 : 0;
}

struct stylesheet *stylesheet_new(const char *path, char *why, size_t size)
{
    struct stylesheet *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)snprintf(why, size, "out of memory");
        return NULL;
    }
    xml_body_init();
    exsltRegisterAll();
    xsltSetGenericErrorFunc(s, on_message);
    xmlSetGenericErrorFunc(s, on_message);
    int rc = load(s, path);
    xmlSetGenericErrorFunc(NULL, NULL);
    xsltSetGenericErrorFunc(NULL, NULL);
    if (rc < 0) {
        (void)snprintf(why, size, "%s: %s", path, *s->said ? s->said : "it cannot be read");
        stylesheet_free(s);
        return NULL;
    }
    result_type(s);
    return s;
}

void stylesheet_free(struct stylesheet *s)
{
    if (s == NULL)
        return;
    if (s->xslt)
        xsltFreeStylesheet(s->xslt);
    if (s->nothing)
        xsltFreeSecurityPrefs(s->nothing);
    free(s);
}

/* The result's bytes in *text (xmlFree them); 0, or -1 with the reason in s->said. */
static int transform(struct stylesheet *s, const reeve_msg *in, xmlDocPtr doc, xmlChar **text,
                     int *len)
{
    const char *name;
    *text = NULL;
    *len = 0;
    xsltTransformContextPtr c = xsltNewTransformContext(s->xslt, doc);
    if (c == NULL)
        return -1;
    xsltSetTransformErrorFunc(c, s, on_message);
    int rc = xsltSetCtxtSecurityPrefs(s->nothing, c);
    for (size_t i = 0; rc == 0 && (name = reeve_msg_name(in, i)) != NULL; i++)
        rc = xsltQuoteOneUserParam(c, (const xmlChar *)name,
                                   (const xmlChar *)reeve_msg_get(in, name));
    xmlDocPtr made = rc == 0 ? xsltApplyStylesheetUser(s->xslt, doc, NULL, NULL, NULL, c) : NULL;
    rc = made != NULL && c->state == XSLT_STATE_OK
             ? xsltSaveResultToString(text, len, made, s->xslt)
             : -1;
    xmlFreeDoc(made);
    xsltFreeTransformContext(c);
    return rc;
}

static reeve_rc emit(struct stylesheet *s, reeve_ctx *ctx, const reeve_msg *in, const xmlChar *text,
                     int len, reeve_out *out)
{
    if (text == NULL || len <= 0) {
        map_dropped(ctx, in, "the stylesheet made nothing of it");
        return REEVE_OK;
    }
    reeve_msg *m = reeve_msg_copy(in);
    if (m == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (reeve_msg_set_body(m, s->type, text, (size_t)len) != 0) {
        reeve_msg_free(m);
        return reeve_fail(ctx, REEVE_REJECT, "what the stylesheet made is no body of type %s",
                          s->type);
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

reeve_rc stylesheet_run(struct stylesheet *s, reeve_ctx *ctx, const reeve_msg *in, reeve_out *out)
{
    char why[200];
    xmlChar *text = NULL;
    int len = 0;
    xmlDocPtr doc = xml_body_read(in, why, sizeof why);
    if (doc == NULL)
        return reeve_fail(ctx, REEVE_REJECT, "%s", why);
    s->said[0] = '\0';
    int rc = transform(s, in, doc, &text, &len);
    xmlFreeDoc(doc);
    reeve_rc verdict =
        rc < 0 ? reeve_fail(ctx, REEVE_REJECT, "XSLT: %s", *s->said ? s->said : "it failed")
               : emit(s, ctx, in, text, len, out);
    xmlFree(text);
    return verdict;
}
