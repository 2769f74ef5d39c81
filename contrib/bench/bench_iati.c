/* SPDX-License-Identifier: Apache-2.0 */
/* bench_iati - both sides of the iati bench: a file of activities, read one after the other.
 *
 * bench_iati ours FILE: the adapter's decode; every message is counted and thrown away.
 * bench_iati bare FILE [SCHEMA]: what libxml2 alone takes: xmlTextReader, each activity expanded,
 * checked by the schema (XML Schema), and serialised. No rules, no messages, no attributes, no
 * places of issues. Each prints one JSON line. */
#include "message/message.h"
#include "plugin/host.h"
#include <fcntl.h>
#include <libxml/tree.h>
#include <libxml/xmlreader.h>
#include <libxml/xmlschemas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_iati: %s\n", what);
    exit(1);
}

/* VmHWM: ru_maxrss would count what the parent had when it started this. */
static long peak_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f == NULL || fclose(f) != 0 || kib == 0)
        die("/proc/self/status says no VmHWM");
    return kib;
}

static xmlSchemaPtr schema_of(const char *path)
{
    xmlSchemaParserCtxtPtr p = xmlSchemaNewParserCtxt(path);
    xmlSchemaPtr s = p != NULL ? xmlSchemaParse(p) : NULL;
    if (s == NULL)
        die("the schema cannot be read");
    xmlSchemaFreeParserCtxt(p);
    return s;
}

struct found {
    unsigned long records, refused, bytes;
};

/* ---- ours ---- */
static int count_message(void *arg, struct message *m)
{
    struct found *f = arg;
    size_t len = 0;
    (void)message_body(m, &len);
    f->records += strcmp(message_get(m, "type"), "funding.award") == 0;
    f->bytes += len;
    message_free(m);
    return 0;
}

static void count_refusal(void *arg, const char *subject)
{
    (void)subject;
    ((struct found *)arg)->refused++;
}

static void no_issue(void *host, const struct reeve_issue *i)
{
    (void)host, (void)i;
}

const struct reeve_plugin *reeve_plugin_entry(void);

static void ours(const char *path, struct found *f)
{
    static const struct host_ops ops = {.issue = no_issue};
    struct plugin plugin = {.api = *reeve_plugin_entry()};
    struct tree *options = NULL;
    struct err e;
    void *inst = NULL;
    reeve_reader reader;
    struct reeve_out out = {.emit = count_message, .refuse = count_refusal, .arg = f};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || host_options(&plugin, NULL, 0, &options, &e) != 0)
        die("the file or the options cannot be read");
    reeve_ctx *ctx = host_ctx_new(&plugin, options, &ops, NULL, MESSAGE_BYTES_MAX);
    if (ctx == NULL || (plugin.api.open != NULL && plugin.api.open(ctx, &inst) != REEVE_OK))
        die("the adapter does not open");
    host_reader_fd(&reader, fd);
    if (plugin.api.decode(ctx, inst, &reader, "", &out) != REEVE_OK)
        die("the file cannot be read as a whole");
    host_reader_done(&reader);
    if (plugin.api.close != NULL)
        plugin.api.close(ctx, inst);
    host_ctx_free(ctx);
    tree_free(options);
    (void)close(fd);
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
    double took = now() - start;
    printf("{\"records\":%lu,\"refused\":%lu,\"seconds\":%.3f,\"bytes\":%lu,\"peak\":%ld}\n",
           f.records, f.refused, took, f.bytes, peak_kib() * 1024L);
    xmlSchemaFree(schema);
    return 0;
}
