/* SPDX-License-Identifier: Apache-2.0 */
/* xml_body - see xml_body.h. */
#include "xml_body.h"
#include <libxml/parser.h>
#include <libxml/xmlIO.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void xml_body_init(void)
{
    xmlInitParser();
    xmlSetExternalEntityLoader(xmlNoNetExternalEntityLoader);
}

int xml_body_is(const char *type)
{
    size_t n = type ? strcspn(type, "; \t") : 0;
    return (n == 8 && strncasecmp(type, "text/xml", 8) == 0) ||
           (n == 15 && strncasecmp(type, "application/xml", 15) == 0) ||
           (n > 4 && strncasecmp(type + n - 4, "+xml", 4) == 0);
}

int xml_body_personal(const reeve_msg *msg)
{
    const char *type = reeve_msg_get(msg, "type"), *data = reeve_msg_get(msg, "datacategory");
    return (type && strncmp(type, "client.", 7) == 0) || (data && strstr(data, "personal"));
}

/* In the place of what would read the declaration: it ends the reading. */
static void doctype(void *user, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    xmlParserCtxtPtr reading = user;
    (void)name, (void)external, (void)system;
    reading->_private = user; /* the mark that xml_body_read() looks for */
    xmlStopParser(reading);
}

xmlDocPtr xml_body_read(const reeve_msg *msg, char *why, size_t size)
{
    size_t len = 0;
    const char *body = reeve_msg_body(msg, &len), *type = reeve_msg_get(msg, "datacontenttype");
    if (!xml_body_is(type)) {
        (void)snprintf(why, size, "the body is %s and not XML", type ? type : "absent");
        return NULL;
    }
    if (body == NULL || len == 0 || len > INT_MAX) {
        (void)snprintf(why, size, "there is no body");
        return NULL;
    }
    xmlParserCtxtPtr reading = xmlNewParserCtxt();
    if (reading == NULL) {
        (void)snprintf(why, size, "out of memory");
        return NULL;
    }
    reading->sax->internalSubset = doctype;
    xmlDocPtr doc = xmlCtxtReadMemory(reading, body, (int)len, NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (reading->_private != NULL) {
        (void)snprintf(why, size, "the body has a document type declaration, which is not taken");
        xmlFreeDoc(doc);
        doc = NULL;
    } else if (doc == NULL) {
        (void)snprintf(why, size, "the body is not well-formed XML: line %d, libxml2 error %d",
                       reading->lastError.line, reading->lastError.code);
    }
    xmlFreeParserCtxt(reading);
    return doc;
}
