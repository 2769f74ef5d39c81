/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tables: IATI 2.03 beside the hub record of funding.award, funding.payment and funding.report
 * (adapters/hub). What has no row, or does not fit its row, is kept in `other` of the same object.
 * contact-info has none on purpose: it names people. */
#include "hub.h"
#include <string.h>

#define SHAPE(rows)                            \
    {                                          \
        rows, sizeof(rows) / sizeof((rows)[0]) \
    }
#define ROW(own_, hub_, way_)                 \
    {                                         \
        .own = own_, .hub = hub_, .way = way_ \
    }

/* codelists TransactionType, ActivityStatus, RelatedActivityType, BudgetType, BudgetStatus */
static const struct word transaction_types[] = {{"1", "incoming-funds"},
                                                {"2", "commitment"},
                                                {"3", "disbursement"},
                                                {"4", "expenditure"},
                                                {"5", "interest"},
                                                {"6", "loan-repayment"},
                                                {"7", "reimbursement"},
                                                {"8", "purchase-of-equity"},
                                                {"9", "sale-of-equity"},
                                                {"10", "credit-guarantee"},
                                                {"11", "incoming-commitment"},
                                                {"12", "outgoing-pledge"},
                                                {"13", "incoming-pledge"},
                                                {NULL, NULL}};
static const struct word statuses[] = {{"1", "pending"}, {"2", "active"},    {"3", "finalised"},
                                       {"4", "closed"},  {"5", "cancelled"}, {"6", "suspended"},
                                       {NULL, NULL}};
static const struct word relations[] = {{"1", "parent"},    {"2", "child"},       {"3", "sibling"},
                                        {"4", "co-funded"}, {"5", "third-party"}, {NULL, NULL}};
static const struct word budget_types[] = {{"1", "original"}, {"2", "revised"}, {NULL, NULL}};
static const struct word budget_statuses[] = {{"1", "false"}, {"2", "true"}, {NULL, NULL}};
const char *const hub_date_types[4] = {"1", "3", "2", "4"}; /* codelist ActivityDateType */

static const struct row organisation_rows[] = {
    ROW("ref", "identifiers", WAY_ORG_ID),
    ROW("narrative", "name", WAY_NARRATIVE),
    {.own = "type", .hub = "kind", .way = WAY_CODE, .scheme = "IATI-OrganisationType"},
};
static const struct shape organisation = SHAPE(organisation_rows);
static const struct row partner_rows[] = {
    ROW("ref", "identifiers", WAY_ORG_ID),
    ROW("narrative", "name", WAY_NARRATIVE),
    {.own = "role",
     .hub = "kind",
     .way = WAY_CODE,
     .scheme = "IATI-OrganisationRole",
     .must = true},
};
static const struct shape partner = SHAPE(partner_rows);

static const struct row sector_rows[] = {
    {.own = "vocabulary", .hub = "scheme", .way = WAY_SCHEME, .scheme = "IATI-Sector-"},
    {.own = "code", .hub = "code", .way = WAY_TEXT, .must = true},
    ROW("percentage", "share", WAY_SHARE),
    ROW("narrative", "title", WAY_NARRATIVE),
};
static const struct shape sector = SHAPE(sector_rows);
static const struct row tag_rows[] = {
    {.own = "vocabulary", .hub = "scheme", .way = WAY_OWN, .scheme = "IATI-Tag-"},
    {.own = "code", .hub = "code", .way = WAY_TEXT, .must = true},
    ROW("narrative", "title", WAY_NARRATIVE),
};
static const struct shape tag = SHAPE(tag_rows);

static const struct row country_rows[] = {
    {.own = "code", .hub = "country", .way = WAY_COUNTRY, .must = true},
    ROW("percentage", "share", WAY_SHARE),
    ROW("narrative", "name", WAY_NARRATIVE),
};
static const struct shape country = SHAPE(country_rows);
static const struct row region_rows[] = {
    {.own = "code",
     .hub = "identifiers",
     .way = WAY_REGION,
     .scheme = "IATI-Region-",
     .must = true},
    ROW("percentage", "share", WAY_SHARE),
    ROW("narrative", "name", WAY_NARRATIVE),
};
static const struct shape region = SHAPE(region_rows);
/* schemes of places that the hub record has itself */
static const struct word place_schemes[] = {{"GSS", "GSS"},     {"UPRN", "UPRN"},
                                            {"USRN", "USRN"},   {"postcode", "postcode"},
                                            {"local", "local"}, {NULL, NULL}};
static const struct row location_id_rows[] = {
    {.own = "vocabulary",
     .hub = "scheme",
     .way = WAY_SCHEME,
     .scheme = "IATI-Location-",
     .words = place_schemes,
     .must = true},
    {.own = "code", .hub = "id", .way = WAY_TEXT, .must = true},
};
static const struct shape location_id = SHAPE(location_id_rows);
static const struct row location_rows[] = {
    ROW("ref", "id", WAY_TEXT),
    {.own = "location-id", .hub = "identifiers", .way = WAY_OBJECTS, .of = &location_id},
    ROW("name", "name", WAY_WORDS),
    ROW("description", "description", WAY_WORDS),
    ROW("point", "latitude", WAY_POINT),
};
static const struct shape location = SHAPE(location_rows);

static bool scheme_begins(const struct json_node *item, const char *prefix)
{
    const struct json_node *s = node_member(item, "scheme");
    return node_is(s, JSON_STRING) && strncmp(s->text, prefix, strlen(prefix)) == 0;
}

static bool suits_sector(const struct json_node *item)
{
    return scheme_begins(item, "IATI-Sector-");
}

static bool suits_region(const struct json_node *item)
{
    const struct json_node *list = node_member(item, "identifiers");
    return node_is(list, JSON_ARRAY) && scheme_begins(list->first, "IATI-Region-");
}

/* A country and nothing finer. */
static bool suits_country(const struct json_node *item)
{
    return node_member(item, "country") != NULL && node_member(item, "id") == NULL &&
           node_member(item, "identifiers") == NULL && node_member(item, "latitude") == NULL;
}

static bool suits_kind(const struct json_node *item)
{
    const struct json_node *kind = node_member(item, "kind");
    return node_is(kind, JSON_STRING) && code_for(transaction_types, kind->text) != NULL;
}

#define SECTORS                                                                       \
    {                                                                                 \
        .own = "sector", .hub = "classifications", .way = WAY_OBJECTS, .of = &sector, \
        .suits = suits_sector                                                         \
    }
#define COUNTRIES                                                                        \
    {                                                                                    \
        .own = "recipient-country", .hub = "places", .way = WAY_OBJECTS, .of = &country, \
        .suits = suits_country                                                           \
    }
#define REGIONS                                                                        \
    {                                                                                  \
        .own = "recipient-region", .hub = "places", .way = WAY_OBJECTS, .of = &region, \
        .suits = suits_region                                                          \
    }
#define TRANSACTION_ROWS                                                                          \
    {.own = "transaction-type",                                                                   \
     .hub = "kind",                                                                               \
     .way = WAY_KIND,                                                                             \
     .words = transaction_types,                                                                  \
     .must = true},                                                                               \
        ROW("transaction-date", "date", WAY_DATE), ROW("value", "value", WAY_MONEY),              \
        ROW("description", "description", WAY_WORDS),                                             \
        {.own = "provider-org", .hub = "payer", .way = WAY_OBJECT, .of = &organisation},          \
        {.own = "receiver-org", .hub = "payee", .way = WAY_OBJECT, .of = &organisation}, SECTORS, \
        COUNTRIES, REGIONS

static const struct row transaction_rows[] = {ROW("ref", "id", WAY_TEXT), TRANSACTION_ROWS};
static const struct shape transaction = SHAPE(transaction_rows);
static const struct row payment_rows[] = {ROW("ref", "number", WAY_TEXT), TRANSACTION_ROWS};
const struct shape hub_payment = SHAPE(payment_rows);

static const struct row budget_rows[] = {
    {.own = "type", .hub = "kind", .way = WAY_WORD, .words = budget_types},
    {.own = "status", .hub = "committed", .way = WAY_YES_NO, .words = budget_statuses},
    ROW("period-start", "period", WAY_PERIOD),
    {.own = "value", .hub = "value", .way = WAY_MONEY, .must = true},
};
static const struct shape budget = SHAPE(budget_rows);

static const struct row document_rows[] = {
    {.own = "url", .hub = "url", .way = WAY_URL, .must = true},
    ROW("format", "format", WAY_TEXT),
    ROW("title", "title", WAY_WORDS),
    ROW("description", "description", WAY_WORDS),
    {.own = "category", .hub = "kind", .way = WAY_CODED, .scheme = "IATI-DocumentCategory"},
    ROW("language", "language", WAY_LANGUAGE),
    ROW("document-date", "date", WAY_DATE),
};
static const struct shape document = SHAPE(document_rows);

static const struct row related_rows[] = {
    {.own = "ref", .hub = "id", .way = WAY_TEXT, .must = true},
    {.own = "type", .hub = "relation", .way = WAY_WORD, .words = relations},
};
static const struct shape related = SHAPE(related_rows);

/* Its indicators stay in `other`: a result of the record has one figure for each of baseline,
 * target and actual, an indicator any number for periods, places and dimensions. */
static const struct row result_rows[] = {
    ROW("title", "title", WAY_WORDS),
    ROW("description", "description", WAY_WORDS),
};
static const struct shape result = SHAPE(result_rows);

#define PARTICIPANTS(role_, hub_, of_)                                                        \
    {                                                                                         \
        .own = "participating-org", .hub = hub_, .way = WAY_OBJECTS, .of = of_, .role = role_ \
    }
static const struct row award_rows[] = {
    ROW("title", "title", WAY_WORDS),
    ROW("description", "description", WAY_WORDS),
    {.own = "activity-status", .hub = "status", .way = WAY_KIND, .words = statuses},
    PARTICIPANTS("1", "funders", &organisation),
    PARTICIPANTS("4", "recipients", &organisation),
    PARTICIPANTS(NULL, "partners", &partner),
    COUNTRIES,
    REGIONS,
    {.own = "location", .hub = "places", .way = WAY_OBJECTS, .of = &location},
    SECTORS,
    {.own = "tag", .hub = "classifications", .way = WAY_OBJECTS, .of = &tag},
    {.own = "budget", .hub = "budgets", .way = WAY_OBJECTS, .of = &budget},
    {.own = "transaction",
     .hub = "transactions",
     .way = WAY_OBJECTS,
     .of = &transaction,
     .suits = suits_kind},
    {.own = "document-link", .hub = "documents", .way = WAY_OBJECTS, .of = &document},
    {.own = "related-activity", .hub = "related", .way = WAY_OBJECTS, .of = &related},
    {.own = "result", .hub = "results", .way = WAY_OBJECTS, .of = &result},
    ROW("linked-data-uri", "url", WAY_URL),
    ROW("last-updated-datetime", "updated", WAY_TIME),
};
const struct shape hub_award = SHAPE(award_rows);

static const struct row report_rows[] = {
    {.own = "result", .hub = "results", .way = WAY_OBJECTS, .of = &result},
};
const struct shape hub_report = SHAPE(report_rows);

bool hub_translates(const char *type)
{
    return type != NULL &&
           (strcmp(type, "funding.award") == 0 || strcmp(type, "funding.payment") == 0 ||
            strcmp(type, "funding.report") == 0);
}

bool way_is_attribute(enum way way)
{
    return way < WAY_NARRATIVE;
}

const char *word_of(const struct word *words, const char *code)
{
    for (; words->code != NULL; words++)
        if (strcmp(words->code, code) == 0)
            return words->word;
    return NULL;
}

const char *code_for(const struct word *words, const char *word)
{
    for (; words->code != NULL; words++)
        if (strcmp(words->word, word) == 0)
            return words->code;
    return NULL;
}
