/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a release package, a record package or a release, streaming. Memory: the largest record,
 * and 28 bytes for each release and payment seen (equal ones, and ids). */
#include "ocds.h"
#include "lib/json_write.h"
#include <string.h>

#define WANTED "an OCDS package: {\"releases\": [ … ]} or {\"records\": [ … ]}"

/* What a package must say of itself besides its releases. */
static const char *const required[] = {"uri", "version", "publishedDate", "publisher"};
#define REQUIRED_N (sizeof required / sizeof required[0])

struct package {
    struct decoding d;
    bool seen[REQUIRED_N], records, array_seen, array_wrong, has_ocid;
    struct json_write alone; /* the members beside the array: a release that stands for itself */
};

/* ---- records ---- */
static reeve_rc releases_of(struct decoding *d, const struct place *list,
                            const struct json_node *first)
{
    reeve_rc rc = REEVE_OK;
    struct place at = {.up = list};
    for (; first != NULL && rc == REEVE_OK; first = first->next, at.index++)
        rc = release_decode(d, &at, first, NULL, 0);
    return rc;
}

static void check_links(struct check *c, const struct place *list, const struct json_node *first)
{
    struct place at = {.up = list};
    for (; first != NULL; first = first->next, at.index++)
        schema_check(c, &ocds_link, &at, first);
}

static bool is_link(const struct json_node *item)
{
    return node_member(item, "url") != NULL && node_member(item, "ocid") == NULL;
}

/* The ocid and the list of releases, which are links or releases. */
static void check_record(struct check *c, const struct place *at, const struct json_node *record,
                         const struct json_node *list)
{
    static const struct field fields[] = {
        {.name = "ocid", .kind = KIND_STRING, .flags = FIELD_REQUIRED},
    };
    static const struct object head = OBJECT(fields);
    struct place here = {.up = at, .name = "releases"};
    schema_check(c, &head, at, record);
    if (!node_is(record, JSON_OBJECT))
        return;
    if (list == NULL)
        check_report(c, REEVE_ISSUE_ERROR, "missing", &here, NULL, "releases",
                     "a required member is missing");
    else if (!node_is(list, JSON_ARRAY))
        check_report(c, REEVE_ISSUE_ERROR, "not-an-array", &here, list, "an array in [ ]",
                     "the value is not an array");
    else if (list->n == 0)
        check_report(c, REEVE_ISSUE_ERROR, "empty-array", &here, list, "at least one item",
                     "the array is empty");
    else if (is_link(list->first))
        check_links(c, &here, list->first);
}

/* What a record says is said once: by its releases when they are there, else by the compiled
 * release. */
static reeve_rc decode_record(struct decoding *d, const struct place *at,
                              const struct json_node *record)
{
    const struct json_node *list = node_member(record, "releases"),
                           *compiled = node_member(record, "compiledRelease");
    struct check c = {.ctx = d->doc.ctx, .subject = member_text(record, "ocid")};
    struct place releases = {.up = at, .name = "releases"},
                 compiled_at = {.up = at, .name = "compiledRelease"};
    check_record(&c, at, record, list);
    bool linked = node_is(list, JSON_ARRAY) && is_link(list->first);
    if (compiled != NULL && !linked)
        schema_check(&c, &ocds_release, &compiled_at, compiled);
    if (print_set_add(d->unique.records, json_print(record)) == 0)
        check_report(&c, REEVE_ISSUE_ERROR, "duplicate-record", at, NULL, "each record once",
                     "the very same record stands in the package before");
    d->doc.taken++;
    if (c.errors > 0) {
        reeve_refuse(d->doc.out, c.subject);
        return REEVE_OK;
    }
    if (!linked)
        return releases_of(d, &releases, list->first);
    if (compiled != NULL)
        return release_decode(d, &compiled_at, compiled, NULL, 0);
    check_report(&c, REEVE_ISSUE_WARNING, "links-only", at, NULL, "releases or a compiledRelease",
                 "the record only links to its releases, so there is nothing to take from it");
    return REEVE_OK;
}

/* ---- the document ---- */
static reeve_rc decode_item(void *arg)
{
    struct package *p = arg;
    struct json_document *doc = &p->d.doc;
    const struct json_node *value = NULL;
    struct place root = {.name = doc->array}, at = {.up = &root, .index = doc->cut.index};
    reeve_rc rc = json_document_parse(doc, &value);
    if (rc != REEVE_OK || value == NULL)
        return rc;
    struct check c = {.ctx = doc->ctx, .subject = member_text(value, "ocid")};
    json_document_repeats(doc, &c, &at);
    return p->records ? decode_record(&p->d, &at, value)
                      : release_decode(&p->d, &at, value, doc->cut.value, doc->cut.value_len);
}

static bool key_is(const struct json_cut *cut, const char *name)
{
    return cut->key_len == strlen(name) && memcmp(cut->key, name, cut->key_len) == 0;
}

/* Required members of the package are looked for at the end. */
static reeve_rc decode_member(void *arg)
{
    struct package *p = arg;
    struct json_document *doc = &p->d.doc;
    const struct json_node *value = NULL;
    reeve_rc rc = json_document_parse(doc, &value);
    if (rc != REEVE_OK || value == NULL)
        return rc;
    if (key_is(&doc->cut, "releases") || key_is(&doc->cut, "records")) {
        json_document_issue(doc, REEVE_ISSUE_PACKAGE,
                            p->array_seen ? "duplicate-key" : "not-an-array",
                            key_is(&doc->cut, "records") ? "/records" : "/releases",
                            "one array of releases or records",
                            p->array_seen ? "the package has two arrays of releases or records"
                                          : "the value is not an array");
        p->array_seen = p->array_wrong = true;
        return REEVE_OK;
    }
    for (size_t i = 0; i < REQUIRED_N; i++)
        p->seen[i] = p->seen[i] || key_is(&doc->cut, required[i]);
    p->has_ocid = p->has_ocid || key_is(&doc->cut, "ocid");
    json_write_name_len(&p->alone, doc->cut.key, doc->cut.key_len);
    json_write_bare(&p->alone, doc->cut.value, doc->cut.value_len);
    json_document_member(doc, &ocds_package, value);
    return REEVE_OK;
}

static void decode_array(void *arg)
{
    struct package *p = arg;
    if (p->array_seen) /* it stood there before as something else, which was reported */
        p->array_wrong = true;
    p->array_seen = true;
    p->records = key_is(&p->d.doc.cut, "records");
    p->d.doc.array = p->records ? "records" : "releases";
}

/* No array, but an ocid: the document is one release. */
static reeve_rc decode_alone(struct package *p)
{
    json_write_end(&p->alone);
    if (p->alone.failed) {
        json_document_over_limit(&p->d.doc, "too-large", "a release within the message limit",
                                 "the release is larger than a message may be");
        return REEVE_OK;
    }
    const struct json_node *release = json_parse(p->d.doc.parser, p->alone.p, p->alone.len);
    if (release == NULL) {
        json_document_over_limit(&p->d.doc, "too-deep", "at most 63 levels of { } and [ ]",
                                 "values are nested deeper than the hub reads, or too many");
        return REEVE_OK;
    }
    return release_decode(&p->d, NULL, release, p->alone.p, p->alone.len);
}

static reeve_rc decode_end(void *arg)
{
    struct package *p = arg;
    struct json_document *doc = &p->d.doc;
    json_document_bom(doc);
    if (!p->array_seen && p->has_ocid)
        return decode_alone(p);
    for (size_t i = 0; i < REQUIRED_N; i++)
        if (!p->seen[i])
            json_document_issue(doc, REEVE_ISSUE_PACKAGE, "missing", "", required[i],
                                "a required member of the package is missing");
    if (!p->array_seen)
        json_document_issue(doc, REEVE_ISSUE_PACKAGE, "releases-missing", "",
                            "a member `releases` or `records` with an array",
                            "the package has neither releases nor records");
    else if (doc->taken == 0 && !p->array_wrong)
        json_document_issue(doc, REEVE_ISSUE_PACKAGE, "releases-empty",
                            p->records ? "/records" : "/releases", "at least one",
                            "the array is empty");
    return REEVE_OK;
}

reeve_rc ocds_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                     reeve_out *out)
{
    (void)inst;
    (void)content_type; /* the bytes decide: senders label packages in many ways */
    static const struct json_reading reading = {decode_member, decode_array, decode_item,
                                                decode_end};
    struct package p = {
        .d = {.payments = print_set_new(),
              .unique = {.records = print_set_new(),
                         .ids = print_set_new(),
                         .code = "duplicate-release",
                         .wanted = "each release once",
                         .text = "the very same release stands in the document before",
                         .id_wanted = "an id of its own for each release of a process",
                         .id_text = "another release of this process has the same id; the later "
                                    "one is taken as its correction"}}};
    reeve_rc rc = REEVE_RETRY;
    bool ready = json_document_init(&p.d.doc, ctx, r, out, "releases", WANTED);
    p.d.doc.cut.also_wanted = "records";
    json_write_init(&p.alone, p.d.doc.cut.limit);
    json_write_object(&p.alone);
    if (ready && p.d.unique.records != NULL && p.d.unique.ids != NULL && p.d.payments != NULL)
        rc = json_document_read(&p.d.doc, &reading, &p);
    json_write_done(&p.alone);
    print_set_free(p.d.payments);
    print_set_free(p.d.unique.ids);
    print_set_free(p.d.unique.records);
    json_document_done(&p.d.doc);
    return rc;
}
