/* SPDX-License-Identifier: Apache-2.0 */
/* messages: what a release becomes: one information.contract, and a funding.payment for each
 * transaction of its contracts. */
#include "ocds.h"
#include "lib/attribute.h"
#include "lib/formats.h"
#include "lib/json_write.h"
#include "lib/node_index.h"
#include <stdio.h>
#include <string.h>

#define PAYMENT_MAX ((size_t)16 << 20)
#define SUBJECT_MAX 1024
/* What every payment repeats is bounded, or a release of a megabyte becomes gigabytes. By a figure
 * for each payment, so that it looks the same whatever else the release says. */
#define SHARED_MAX     1024u      /* each of the texts that all payments share */
#define PARTIES_MAX    (8u << 10) /* payer and payee together, else their ids and names alone */
#define PARTY_NAME_MAX 1024u

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
/* What the payments of a release share is looked for once: there may be very many of both, members
 * and payments. */
struct payments {
    struct decoding *d;
    const struct json_node *ocid, *date, *initiation, *language; /* of the release */
    const struct json_node *contract_id, *award_id; /* of the contract that is looked at */
    struct node_index *parties;
};
struct payment {
    const struct payments *of;
    const struct json_node *transaction, *value;
    const char *payer, *payee; /* ids, NULL when not said */
    char subject[SUBJECT_MAX];
};

static void write_value(struct json_write *w, const char *name, const struct json_node *v)
{
    if (v == NULL)
        return;
    json_write_name(w, name);
    json_write_node(w, v);
}

static struct print print_of_id(const char *id)
{
    return id != NULL ? text_print(id, strlen(id)) : (struct print){0, 0};
}

static struct print party_key(const struct json_node *party)
{
    return print_of_id(id_text(party, "id"));
}

struct found { /* parties of one id that are not written yet */
    const struct node_entry *next;
    size_t left;
};

static struct found find_parties(const struct payment *p, const char *id)
{
    struct found f = {NULL, 0};
    if (id != NULL)
        f.next = node_index_find(p->of->parties, print_of_id(id), &f.left);
    return f;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void write_short(struct json_write *w, const struct json_node *party)
{
    const struct json_node *name = node_member(party, "name");
    json_write_object(w);
    write_value(w, "id", node_member(party, "id"));
    if (node_is(name, JSON_STRING) && name->len <= PARTY_NAME_MAX)
        write_value(w, "name", name);
    json_write_end(w);
}

/* Who pays and who is paid, in the order of `parties`: as they stand there, or in short, and then
 * each once. */
static void write_list(struct json_write *w, const struct payment *p, bool whole)
{
    struct found payers = find_parties(p, p->payer), payees = {NULL, 0};
    if (!same(p->payer, p->payee))
        payees = find_parties(p, p->payee);
    json_write_array(w);
    while (payers.left + payees.left > 0 && !w->failed) {
        bool payer = payees.left == 0 || (payers.left > 0 && payers.next->at < payees.next->at);
        struct found *f = payer ? &payers : &payees;
        const struct json_node *party = f->next->item;
        f->next++;
        f->left--;
        if (!same(id_text(party, "id"), payer ? p->payer : p->payee))
            continue;
        if (whole) {
            json_write_node(w, party);
        } else {
            write_short(w, party);
            f->left = 0;
        }
    }
    json_write_end(w);
}

static void write_parties(struct json_write *w, const struct payment *p)
{
    struct json_write list;
    json_write_init(&list, PARTIES_MAX);
    write_list(&list, p, true);
    if (list.failed) {
        json_write_done(&list);
        json_write_init(&list, PAYMENT_MAX);
        write_list(&list, p, false);
    }
    w->failed = w->failed || list.failed;
    if (list.len > strlen("[]") && !list.failed) {
        json_write_name(w, "parties");
        json_write_bare(w, list.p, list.len);
    }
    json_write_done(&list);
}

/* A release with this transaction alone. What changes with every release (its id, its tags, and its
 * date when the transaction has its own) is not in it: the same payment in the next release is the
 * same message. */
static void write_payment(struct json_write *w, const struct payment *p)
{
    const struct json_node *date = node_member(p->transaction, "date");
    json_write_object(w);
    write_value(w, "ocid", p->of->ocid);
    json_write_member(w, "id", p->subject);
    json_write_name(w, "date");
    json_write_node(w, node_is(date, JSON_STRING) ? date : p->of->date);
    json_write_name(w, "tag");
    json_write_array(w);
    json_write_text(w, "implementation", strlen("implementation"));
    json_write_end(w);
    write_value(w, "initiationType", p->of->initiation);
    write_parties(w, p);
    write_value(w, "language", p->of->language);
    json_write_name(w, "contracts");
    json_write_array(w);
    json_write_object(w);
    write_value(w, "id", p->of->contract_id);
    write_value(w, "awardID", p->of->award_id);
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
    attribute_set_escaped(m, "correlationid", node_text(p->of->ocid));
    attribute_set(m, "funder", p->payer);
    attribute_set(m, "recipient", p->payee);
    set_money(m, p->value);
    return reeve_emit(d->doc.out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

static bool too_long(const struct json_node *shared)
{
    return shared != NULL && shared->len > SHARED_MAX;
}

/* The names of OCDS 1.0 are read where those of 1.1 are absent. */
static reeve_rc transaction_emit(const struct payments *of, const struct json_node *t)
{
    struct payment p = {.of = of, .transaction = t};
    const char *ocid = node_text(of->ocid), *contract_id = node_id(of->contract_id),
               *id = id_text(t, "id");
    p.value = node_member(t, node_member(t, "value") != NULL ? "value" : "amount");
    p.payer = id_text(
        node_member(t, node_member(t, "payer") != NULL ? "payer" : "providerOrganization"), "id");
    p.payee = id_text(
        node_member(t, node_member(t, "payee") != NULL ? "payee" : "receiverOrganization"), "id");
    if (ocid == NULL || contract_id == NULL || id == NULL || too_long(of->date) ||
        too_long(of->award_id) || too_long(of->language) ||
        (size_t)snprintf(p.subject, sizeof p.subject, "%s/%s/%s", ocid, contract_id, id) >=
            sizeof p.subject)
        return too_large(of->d, &p);
    struct json_write w;
    json_write_init(&w, PAYMENT_MAX);
    write_payment(&w, &p);
    reeve_rc rc = w.failed ? too_large(of->d, &p) : payment_emit(of->d, &p, &w);
    json_write_done(&w);
    return rc;
}

reeve_rc payments_emit(struct decoding *d, const struct json_node *release)
{
    struct payments p = {.d = d,
                         .ocid = node_member(release, "ocid"),
                         .date = node_member(release, "date"),
                         .initiation = node_member(release, "initiationType"),
                         .language = node_member(release, "language"),
                         .parties = node_index_new(first_item(release, "parties"), party_key)};
    reeve_rc rc = p.parties != NULL ? REEVE_OK : REEVE_RETRY;
    for (const struct json_node *c = first_item(release, "contracts"); c != NULL; c = c->next) {
        p.contract_id = node_member(c, "id");
        p.award_id = node_member(c, "awardID");
        for (const struct json_node *t =
                 first_item(node_member(c, "implementation"), "transactions");
             t != NULL && rc == REEVE_OK; t = t->next)
            rc = transaction_emit(&p, t);
    }
    node_index_free(p.parties);
    return rc;
}
