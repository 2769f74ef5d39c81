/* SPDX-License-Identifier: Apache-2.0 */
/* messages: what a release becomes: one information.contract, and a funding.payment for each
 * transaction of its contracts. */
#include "ocds.h"
#include "lib/attribute.h"
#include "lib/formats.h"
#include "lib/json_write.h"
#include <stdio.h>
#include <string.h>

#define PAYMENT_MAX ((size_t)16 << 20)
#define SUBJECT_MAX 1024

static void set_money(reeve_msg *m, const struct json_node *value)
{
    const struct json_node *amount = node_member(value, "amount");
    attribute_set_money(m, node_is(amount, JSON_NUMBER) ? amount->text : NULL,
                        member_text(value, "currency"));
}

reeve_rc release_emit(struct decoding *d, const struct json_node *release, reeve_msg *m)
{
    const struct json_node *award = first_item(release, "awards"),
                           *item = first_item(node_member(release, "tender"), "items");
    (void)reeve_msg_set(m, "type", "information.contract");
    (void)reeve_msg_set(m, "dataschema", OCDS_SCHEMA);
    attribute_set_escaped(m, "subject", member_text(release, "ocid"));
    attribute_set(m, "funder", id_text(node_member(release, "buyer"), "id"));
    attribute_set(m, "recipient", id_text(first_item(award, "suppliers"), "id"));
    const struct json_node *contract = first_item(release, "contracts");
    set_money(m, node_member(contract, "value"));
    if (contract != NULL && contract->next != NULL)
        (void)reeve_msg_set(m, "exactamount", NULL); /* one of several is not what was contracted */
    attribute_set(m, "category", id_text(node_member(item, "classification"), "id"));
    return reeve_emit(d->doc.out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* ---- payments ---- */
struct payment {
    const struct json_node *release, *contract, *transaction, *value;
    const char *payer, *payee; /* ids, NULL when not said */
    char subject[SUBJECT_MAX];
};

static void copy_member(struct json_write *w, const struct json_node *o, const char *name)
{
    const struct json_node *v = node_member(o, name);
    if (v == NULL)
        return;
    json_write_name(w, name);
    json_write_node(w, v);
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Who pays and who is paid, as `parties` has them. */
static void write_parties(struct json_write *w, const struct payment *p)
{
    bool begun = false;
    for (const struct json_node *o = first_item(p->release, "parties"); o != NULL; o = o->next) {
        const char *id = id_text(o, "id");
        if (!same(id, p->payer) && !same(id, p->payee))
            continue;
        if (!begun) {
            json_write_name(w, "parties");
            json_write_array(w);
        }
        begun = true;
        json_write_node(w, o);
    }
    if (begun)
        json_write_end(w);
}

/* A release with this transaction alone. What changes with every release (its id, its tags, and its
 * date when the transaction has its own) is not in it: the same payment in the next release is the
 * same message. */
static void write_payment(struct json_write *w, const struct payment *p)
{
    const struct json_node *date = node_member(p->transaction, "date");
    json_write_object(w);
    copy_member(w, p->release, "ocid");
    json_write_member(w, "id", p->subject);
    json_write_name(w, "date");
    json_write_node(w, node_is(date, JSON_STRING) ? date : node_member(p->release, "date"));
    json_write_name(w, "tag");
    json_write_array(w);
    json_write_text(w, "implementation", strlen("implementation"));
    json_write_end(w);
    copy_member(w, p->release, "initiationType");
    write_parties(w, p);
    copy_member(w, p->release, "language");
    json_write_name(w, "contracts");
    json_write_array(w);
    json_write_object(w);
    copy_member(w, p->contract, "id");
    copy_member(w, p->contract, "awardID");
    json_write_name(w, "implementation");
    json_write_object(w);
    json_write_name(w, "transactions");
    json_write_array(w);
    json_write_node(w, p->transaction);
    for (int i = 0; i < 5; i++) /* transactions, implementation, contract, contracts, release */
        json_write_end(w);
}

static reeve_rc too_large(struct decoding *d, const struct payment *p)
{
    json_document_issue(&d->doc, REEVE_ISSUE_ERROR, "too-large", "", "a shorter identifier",
                        "a payment cannot be told apart or is larger than a message may be");
    reeve_refuse(d->doc.out, p->subject);
    return REEVE_OK;
}

static reeve_rc payment_emit(struct decoding *d, const struct payment *p,
                             const struct json_write *w)
{
    int fresh = print_set_add(d->payments, text_print(w->p, w->len));
    if (fresh <= 0)
        return fresh == 0 ? REEVE_OK : REEVE_RETRY;
    reeve_msg *m = reeve_msg_new(d->doc.ctx);
    if (m == NULL)
        return REEVE_RETRY;
    if (reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return too_large(d, p);
    }
    (void)reeve_msg_set(m, "type", "funding.payment");
    (void)reeve_msg_set(m, "dataschema", OCDS_SCHEMA);
    attribute_set_escaped(m, "subject", p->subject);
    attribute_set_escaped(m, "correlationid", member_text(p->release, "ocid"));
    attribute_set(m, "funder", p->payer);
    attribute_set(m, "recipient", p->payee);
    set_money(m, p->value);
    return reeve_emit(d->doc.out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* The names of OCDS 1.0 are read where those of 1.1 are absent. */
static reeve_rc transaction_emit(struct decoding *d, const struct json_node *release,
                                 const struct json_node *contract, const struct json_node *t)
{
    struct payment p = {.release = release, .contract = contract, .transaction = t};
    const char *ocid = member_text(release, "ocid"), *contract_id = id_text(contract, "id"),
               *id = id_text(t, "id");
    p.value = node_member(t, node_member(t, "value") != NULL ? "value" : "amount");
    p.payer = id_text(
        node_member(t, node_member(t, "payer") != NULL ? "payer" : "providerOrganization"), "id");
    p.payee = id_text(
        node_member(t, node_member(t, "payee") != NULL ? "payee" : "receiverOrganization"), "id");
    if (ocid == NULL || contract_id == NULL || id == NULL ||
        (size_t)snprintf(p.subject, sizeof p.subject, "%s/%s/%s", ocid, contract_id, id) >=
            sizeof p.subject)
        return too_large(d, &p);
    struct json_write w;
    json_write_init(&w, PAYMENT_MAX);
    write_payment(&w, &p);
    reeve_rc rc = w.failed ? too_large(d, &p) : payment_emit(d, &p, &w);
    json_write_done(&w);
    return rc;
}

reeve_rc payments_emit(struct decoding *d, const struct json_node *release)
{
    reeve_rc rc = REEVE_OK;
    for (const struct json_node *c = first_item(release, "contracts"); c != NULL; c = c->next)
        for (const struct json_node *t =
                 first_item(node_member(c, "implementation"), "transactions");
             t != NULL && rc == REEVE_OK; t = t->next)
            rc = transaction_emit(d, release, c, t);
    return rc;
}
