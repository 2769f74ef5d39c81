/* SPDX-License-Identifier: Apache-2.0 */
/* bench_iati - both sides of the iati bench: a file of activities, read one after the other.
 *
 * bench_iati ours FILE: the adapter's decode; every message is counted and thrown away.
 * bench_iati bare FILE [SCHEMA]: what libxml2 alone takes: xmlTextReader, each activity expanded,
 * checked by the schema (XML Schema), and serialised. No rules, no messages, no attributes, no
 * places of issues. Each prints one JSON line. */
#include "bench_decode.h"
#include <libxml/tree.h>
#include <libxml/xmlreader.h>
#include <libxml/xmlschemas.h>

static xmlSchemaPtr schema_of(const char *path)
{
    xmlSchemaParserCtxtPtr p = xmlSchemaNewParserCtxt(path);
    xmlSchemaPtr s = p != NULL ? xmlSchemaParse(p) : NULL;
    if (s == NULL)
        die("the schema cannot be read");
    xmlSchemaFreeParserCtxt(p);
    return s;
}

/* ---- bare ---- */
static void take(xmlNodePtr node, xmlSchemaValidCtxtPtr valid, struct found *f)
{
    xmlBufferPtr out = xmlBufferCreate();
    if (node == NULL || out == NULL ||
        (valid != NULL && xmlSchemaValidateOneElement(valid, node) != 0) ||
        xmlNodeDump(out, node->doc, node, 0, 0) < 0)
        die("an activity is not valid");
    f->records++;
    f->bytes += (unsigned long)xmlBufferLength(out);
    xmlBufferFree(out);
}

static void bare(const char *path, xmlSchemaPtr schema, struct found *f)
{
    xmlSchemaValidCtxtPtr valid = schema != NULL ? xmlSchemaNewValidCtxt(schema) : NULL;
    xmlTextReaderPtr r = xmlReaderForFile(path, NULL, XML_PARSE_NONET);
    if (r == NULL || (schema != NULL && valid == NULL))
        die("the file cannot be read");
    int more = xmlTextReaderRead(r);
    while (more == 1) {
        if (xmlTextReaderDepth(r) == 1 && xmlTextReaderNodeType(r) == XML_READER_TYPE_ELEMENT) {
            take(xmlTextReaderExpand(r), valid, f);
            more = xmlTextReaderNext(r);
        } else {
            more = xmlTextReaderRead(r);
        }
    }
    if (more != 0)
        die("the file is cut");
    xmlFreeTextReader(r);
    xmlSchemaFreeValidCtxt(valid);
}

int main(int argc, char **argv)
{
    struct found f = {0};
    if (argc < 3 || argc > 4)
        die("usage: bench_iati ours|bare FILE [SCHEMA]");
    bool is_ours = strcmp(argv[1], "ours") == 0;
    xmlSchemaPtr schema = argc == 4 && !is_ours ? schema_of(argv[3]) : NULL;
    double start = now();
    if (is_ours)
        ours(argv[2], &f);
    else
        bare(argv[2], schema, &f);
    tell(&f, now() - start);
    xmlSchemaFree(schema);
    return 0;
}
