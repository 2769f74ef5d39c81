/* SPDX-License-Identifier: Apache-2.0 */
/* encode: releases become a release package again, each as its message has it. A payment whose
 * release is in the same document is part of it already; another one is written as the release with
 * this transaction alone. Every body is checked first: what leaves is valid. */
#include "ocds.h"
#include "lib/json_write.h"
#include <stdio.h>
#include <string.h>

struct encoding {
    reeve_ctx *ctx;
    struct json_parser *parser;
    struct print_set *releases, *payments; /* by all that they say; that contracts have */
    struct json_write list;
    char published[64], publisher[256], first[17];
};

static bool is_type(const reeve_msg *m, const char *type)
{
    const char *t = reeve_msg_get(m, "type");
    return t != NULL && strcmp(t, type) == 0;
}

static reeve_rc read_body(struct encoding *e, const reeve_msg *m, const struct json_node **ret)
{
    size_t len = 0;
    const char *body = reeve_msg_body(m, &len), *type = reeve_msg_get(m, "type");
    char fault[FAULT_MAX] = "";
    struct check c = {.ctx = e->ctx, .first = fault};
    if (!is_type(m, "information.contract") && !is_type(m, "funding.payment"))
        return reeve_fail(e->ctx, REEVE_REJECT,
                          "a release package holds information.contract and funding.payment only, "
                          "this is %s",
                          type != NULL ? type : "untyped");
    *ret = body != NULL ? json_parse(e->parser, body, len) : NULL;
    if (*ret == NULL)
        return reeve_fail(e->ctx, REEVE_REJECT, "message %s has no release as its body",
                          reeve_msg_id(m));
    schema_check(&c, &ocds_release, NULL, *ret);
    if (c.errors > 0)
        return reeve_fail(e->ctx, REEVE_REJECT, "message %s is no valid release: %s",
                          reeve_msg_id(m), fault);
    return REEVE_OK;
}

/* false: out of memory. *ret_known: all of the release's transactions were seen before, each by its
 * process, its contract and all that it says. */
static bool transactions(struct encoding *e, const struct json_node *release, bool add,
                         bool *ret_known)
{
    const struct print ocid = json_print(node_member(release, "ocid"));
    *ret_known = true;
    for (const struct json_node *c = first_item(release, "contracts"); c != NULL; c = c->next) {
        const struct print contract = json_print(node_member(c, "id"));
        for (const struct json_node *t =
                 first_item(node_member(c, "implementation"), "transactions");
             t != NULL; t = t->next) {
            struct print key = {0, 0};
            print_join(&key, ocid);
            print_join(&key, contract);
            print_join(&key, json_print(t));
            if (add && print_set_add(e->payments, key) < 0)
                return false;
            *ret_known = *ret_known && print_set_has(e->payments, key);
        }
    }
    return true;
}

/* The latest date, compared as text, is the day of the package: an adapter has no clock. */
static void describe(struct encoding *e, const struct json_node *release)
{
    const char *date = member_text(release, "date"), *id = member_text(release, "id"),
               *buyer = member_text(node_member(release, "buyer"), "name");
    if (date != NULL && strcmp(date, e->published) > 0)
        (void)snprintf(e->published, sizeof e->published, "%s", date);
    if (e->first[0] == 0 && id != NULL)
        (void)snprintf(e->first, sizeof e->first, "%016llx",
                       (unsigned long long)json_print(release).a);
    if (e->publisher[0] == 0 && buyer != NULL && strlen(buyer) < sizeof e->publisher)
        memcpy(e->publisher, buyer, strlen(buyer) + 1);
}

static reeve_rc add_one(struct encoding *e, const reeve_msg *m, bool payment)
{
    const struct json_node *release = NULL;
    size_t len = 0;
    bool known = false;
    reeve_rc rc = read_body(e, m, &release);
    if (rc != REEVE_OK)
        return rc;
    if (!transactions(e, release, !payment, &known))
        return REEVE_RETRY;
    if (payment && known)
        return REEVE_OK;
    int fresh = print_set_add(e->releases, json_print(release));
    if (fresh <= 0) /* a package has each release once */
        return fresh == 0 ? REEVE_OK : REEVE_RETRY;
    describe(e, release);
    const char *body = reeve_msg_body(m, &len);
    json_write_bare(&e->list, body, len);
    return REEVE_OK;
}

static reeve_rc write_package(struct encoding *e, reeve_buf *out)
{
    char uri[sizeof "urn:reeve:ocds:" + 16];
    struct json_write w;
    (void)snprintf(uri, sizeof uri, "urn:reeve:ocds:%s", e->first);
    json_write_end(&e->list);
    json_write_init(&w, SIZE_MAX);
    json_write_object(&w);
    json_write_member(&w, "uri", uri);
    json_write_member(&w, "version", "1.1");
    json_write_member(&w, "publishedDate", e->published);
    json_write_name(&w, "publisher");
    json_write_object(&w);
    json_write_member(&w, "name", e->publisher[0] != 0 ? e->publisher : "not stated");
    json_write_end(&w);
    json_write_name(&w, "releases");
    json_write_bare(&w, e->list.p, e->list.len);
    json_write_end(&w);
    reeve_rc rc = REEVE_OK;
    if (e->list.failed || w.failed)
        rc = REEVE_RETRY;
    else if (reeve_buf_set(out, "content-type", "application/json") != 0 ||
             reeve_buf_add(out, w.p, w.len) != 0 || reeve_buf_add(out, "\n", 1) != 0)
        rc = reeve_fail(e->ctx, REEVE_REJECT, "the package would be over the message limit");
    json_write_done(&w);
    return rc;
}

/* Contracts first: which payments are part of them is known then. */
static reeve_rc encode_all(struct encoding *e, const reeve_msg *const *msgs, size_t n,
                           reeve_buf *out)
{
    reeve_rc rc = REEVE_OK;
    for (size_t i = 0; i < n && rc == REEVE_OK; i++)
        if (!is_type(msgs[i], "funding.payment"))
            rc = add_one(e, msgs[i], false);
    for (size_t i = 0; i < n && rc == REEVE_OK; i++)
        if (is_type(msgs[i], "funding.payment"))
            rc = add_one(e, msgs[i], true);
    return rc == REEVE_OK ? write_package(e, out) : rc;
}

reeve_rc ocds_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *out)
{
    (void)inst;
    struct encoding e = {.ctx = ctx,
                         .parser = json_parser_new(BODY_DEPTH_MAX),
                         .releases = print_set_new(),
                         .payments = print_set_new()};
    json_write_init(&e.list, SIZE_MAX);
    json_write_array(&e.list);
    reeve_rc rc = REEVE_RETRY;
    if (e.parser != NULL && e.releases != NULL && e.payments != NULL)
        rc = encode_all(&e, msgs, n, out);
    json_write_done(&e.list);
    print_set_free(e.payments);
    print_set_free(e.releases);
    json_parser_free(e.parser);
    return rc;
}
