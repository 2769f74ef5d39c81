/* SPDX-License-Identifier: Apache-2.0 */
/* rules: what the schema lets pass and the standard does not. Warnings only. Sources: OCDS 1.1,
 * "Identifiers", "Merging", "Reference: schema", in our own words. */
#include "ocds.h"
#include "lib/formats.h"
#include <ctype.h>
#include <string.h>

struct rules {
    struct check *check;
    const struct json_node *release;
    struct print_set *parties; /* NULL: out of memory, then nobody is missed */
};

static void warn(struct rules *r, const char *code, const struct place *up, const char *member,
                 const struct json_node *v, const char *wanted, const char *text)
{
    struct place here = {.up = up, .name = member};
    check_report(r->check, REEVE_ISSUE_WARNING, code, member != NULL ? &here : up, v, wanted, text);
}

const char *node_id(const struct json_node *v)
{
    return node_is(v, JSON_NUMBER) ? v->text : node_text(v);
}

const char *id_text(const struct json_node *o, const char *name)
{
    return node_id(node_member(o, name));
}

static void check_value(struct rules *r, const struct place *at, const struct json_node *value)
{
    const struct json_node *amount = node_member(value, "amount");
    if (node_is(amount, JSON_NUMBER) && !node_is(node_member(value, "currency"), JSON_STRING))
        warn(r, "currency-missing", at, "currency", NULL, "an ISO 4217 code such as GBP",
             "an amount without its currency is no money");
    if (node_is(amount, JSON_NUMBER) && number_decimals(amount->text) > 4)
        warn(r, "amount-noise", at, "amount", amount, "as many digits as the currency has",
             "the amount has more digits behind the point than any currency");
}

/* Compared where both are given in one zone: then the texts have the order of the times. */
static void check_period(struct rules *r, const struct place *at, const struct json_node *period)
{
    const char *start = member_text(period, "startDate"), *end = member_text(period, "endDate");
    if (start != NULL && end != NULL && strlen(start) >= 19 && strlen(end) >= 19 &&
        strcmp(start + 19, end + 19) == 0 && strncmp(end, start, 19) < 0)
        warn(r, "date-order", at, "endDate", node_member(period, "endDate"), start,
             "it ends before it starts");
}

static void check_reference(struct rules *r, const struct place *at, const struct json_node *ref)
{
    const char *id = id_text(ref, "id");
    if (id == NULL)
        warn(r, "reference-without-id", at, "id", NULL, "the id of one of the parties",
             "the organisation is named without its id");
    else if (r->parties != NULL && !print_set_has(r->parties, text_print(id, strlen(id))))
        warn(r, "party-unknown", at, "id", node_member(ref, "id"), "the id of one of the parties",
             "the organisation does not stand in `parties`");
}

/* Merging goes by ids: two items with one id become one. */
static void check_ids(struct rules *r, const struct place *at, const struct json_node *array)
{
    struct print_set *seen = array->n > 1 ? print_set_new() : NULL;
    size_t i = 0;
    for (const struct json_node *item = array->first; item != NULL && seen != NULL;
         item = item->next, i++) {
        struct place here = {.up = at, .index = i};
        const char *id = id_text(item, "id");
        if (id != NULL && print_set_add(seen, text_print(id, strlen(id))) == 0)
            warn(r, "duplicate-id", &here, "id", node_member(item, "id"),
                 "an id of its own for each item",
                 "another item of this list has the same id; merging makes one of them");
    }
    print_set_free(seen);
}

static void walk(struct rules *r, const struct object *o, const struct place *at,
                 const struct json_node *v)
{
    if (!node_is(v, JSON_OBJECT))
        return;
    if (o == &ocds_value)
        check_value(r, at, v);
    else if (o == &ocds_period)
        check_period(r, at, v);
    else if (o == &ocds_reference)
        check_reference(r, at, v);
    bool personal = r->check->personal;
    for (size_t f = 0; f < o->n; f++) {
        const struct field *field = &o->fields[f];
        const struct json_node *m = node_member(v, field->name);
        struct place here = {.up = at, .name = field->name};
        r->check->personal = personal || (field->flags & FIELD_PERSONAL) != 0;
        if (m != NULL && field->kind == KIND_OBJECT) {
            walk(r, field->of, &here, m);
        } else if (node_is(m, JSON_ARRAY) && field->kind == KIND_OBJECTS) {
            size_t i = 0;
            check_ids(r, &here, m);
            for (const struct json_node *item = m->first; item != NULL; item = item->next, i++) {
                struct place one = {.up = &here, .index = i};
                walk(r, field->of, &one, item);
            }
        }
    }
    r->check->personal = personal;
}

/* "ocds-" and six letters or digits, a hyphen, and the publisher's own identifier. */
static bool ocid_prefixed(const char *s)
{
    if (strncmp(s, "ocds-", 5) != 0)
        return false;
    for (size_t i = 5; i < 11; i++)
        if (!isalnum((unsigned char)s[i]))
            return false;
    return s[11] == '-' && s[12] != 0;
}

static void check_head(struct rules *r, const struct place *at)
{
    const char *ocid = member_text(r->release, "ocid"), *id = member_text(r->release, "id");
    if (ocid != NULL && !ocid_prefixed(ocid))
        warn(r, "ocid-prefix", at, "ocid", node_member(r->release, "ocid"),
             "a registered prefix and an own part, such as ocds-213czf-1",
             "the identifier of the process has no registered prefix");
    if (id != NULL && strchr(id, '#') != NULL)
        warn(r, "id-hash", at, "id", node_member(r->release, "id"), "no # in it",
             "the id of a release becomes the fragment of a link and must not contain #");
}

static void check_deprecated(struct rules *r, const struct place *at)
{
    struct place contracts = {.up = at, .name = "contracts"};
    size_t i = 0;
    for (const struct json_node *c = first_item(r->release, "contracts"); c != NULL;
         c = c->next, i++) {
        struct place contract = {.up = &contracts, .index = i},
                     implementation = {.up = &contract, .name = "implementation"},
                     list = {.up = &implementation, .name = "transactions"};
        size_t k = 0;
        for (const struct json_node *t =
                 first_item(node_member(c, "implementation"), "transactions");
             t != NULL; t = t->next, k++) {
            static const char *const old[][2] = {{"amount", "value"},
                                                 {"providerOrganization", "payer"},
                                                 {"receiverOrganization", "payee"}};
            struct place here = {.up = &list, .index = k};
            for (size_t o = 0; o < sizeof old / sizeof old[0]; o++)
                if (node_member(t, old[o][0]) != NULL)
                    warn(r, "deprecated", &here, old[o][0], NULL, old[o][1],
                         "the member has another name since OCDS 1.1");
        }
    }
}

void rules_check(struct check *c, const struct place *at, const struct json_node *release)
{
    struct rules r = {.check = c, .release = release, .parties = print_set_new()};
    for (const struct json_node *p = first_item(release, "parties"); p != NULL; p = p->next) {
        const char *id = id_text(p, "id");
        if (id != NULL && r.parties != NULL)
            (void)print_set_add(r.parties, text_print(id, strlen(id)));
    }
    check_head(&r, at);
    check_deprecated(&r, at);
    walk(&r, &ocds_release, at, release);
    print_set_free(r.parties);
}
