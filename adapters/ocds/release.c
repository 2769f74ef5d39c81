/* SPDX-License-Identifier: Apache-2.0 */
/* release: one release on its way from a document to messages. */
#include "ocds.h"
#include "lib/json_write.h"
#include <string.h>

/* Package rule uniqueItems; and the same id with other content, which the schema lets pass. */
static bool check_unique(struct decoding *d, struct check *c, const struct place *at,
                         const struct json_node *release)
{
    const char *ocid = member_text(release, "ocid"), *id = member_text(release, "id");
    if (ocid == NULL || id == NULL)
        return json_document_unique(&d->unique, c, at, release, NULL);
    struct print key = text_print(ocid, strlen(ocid));
    print_join(&key, text_print(id, strlen(id)));
    return json_document_unique(&d->unique, c, at, release, &key);
}

/* NULL and OK: it is over the limit, which was reported as an error of the release. */
static reeve_rc body_of(struct decoding *d, struct check *c, const struct place *at,
                        const struct json_node *release, const char *body, size_t len,
                        reeve_msg **ret)
{
    struct json_write w;
    json_write_init(&w, (size_t)d->doc.cut.limit);
    if (body == NULL)
        json_write_node(&w, release);
    *ret = reeve_msg_new(d->doc.ctx);
    reeve_rc rc = *ret != NULL ? REEVE_OK : REEVE_RETRY;
    if (rc == REEVE_OK &&
        (w.failed || reeve_msg_set_body(*ret, "application/json", body != NULL ? body : w.p,
                                        body != NULL ? len : w.len) != 0)) {
        check_report(c, REEVE_ISSUE_ERROR, "not-strict", at, NULL, "strict JSON (RFC 8259)",
                     "the release is not strict JSON, or larger than a message may be");
        reeve_msg_free(*ret);
        *ret = NULL;
    }
    json_write_done(&w);
    return rc;
}

reeve_rc release_decode(struct decoding *d, const struct place *at, const struct json_node *release,
                        const char *body, size_t len)
{
    struct check c = {.ctx = d->doc.ctx, .subject = member_text(release, "ocid")};
    reeve_msg *m = NULL;
    schema_check(&c, &ocds_release, at, release);
    if (!check_unique(d, &c, at, release))
        return REEVE_RETRY;
    if (node_is(release, JSON_OBJECT))
        rules_check(&c, at, release);
    reeve_rc rc = body_of(d, &c, at, release, body, len, &m);
    d->doc.taken++;
    if (rc != REEVE_OK)
        return rc;
    if (c.errors > 0) {
        reeve_msg_free(m);
        reeve_refuse(d->doc.out, c.subject);
        return REEVE_OK;
    }
    rc = release_emit(d, release, m);
    return rc == REEVE_OK ? payments_emit(d, release) : rc;
}
