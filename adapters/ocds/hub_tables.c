/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tables: OCDS 1.1 beside the hub records of information.contract and funding.payment
 * (adapters/hub). A member that has no row, or a value that does not fit its row, is kept in
 * `other` of the same object.
 *
 * contactPoint has none on purpose: it may name a person. */
#include "hub.h"

#define ID                                        \
    {                                             \
        .own = "id", .hub = "id", .way = WAY_NAME \
    }
#define DOCUMENTS                                                                   \
    {                                                                               \
        .own = "documents", .hub = "documents", .way = WAY_OBJECTS, .of = &document \
    }
#define MILESTONES                                                                     \
    {                                                                                  \
        .own = "milestones", .hub = "milestones", .way = WAY_OBJECTS, .of = &milestone \
    }
#define ITEMS                                                           \
    {                                                                   \
        .own = "items", .hub = "items", .way = WAY_OBJECTS, .of = &item \
    }
#define PARTY(own_, hub_)                                             \
    {                                                                 \
        .own = own_, .hub = hub_, .way = WAY_OBJECT, .of = &reference \
    }
#define PARTIES(own_, hub_)                                            \
    {                                                                  \
        .own = own_, .hub = hub_, .way = WAY_OBJECTS, .of = &reference \
    }
#define PERIOD(own_, hub_)                                         \
    {                                                              \
        .own = own_, .hub = hub_, .way = WAY_OBJECT, .of = &period \
    }
#define WORD(own_, hub_, words_)                                   \
    {                                                              \
        .own = own_, .hub = hub_, .way = WAY_WORD, .words = words_ \
    }

/* ---- parts ---- */
static const struct answer reference_rows[] = {
    {.own = "id", .way = WAY_ORG_ID, .group = "identifiers"},
    SAME("name", WAY_TEXT),
};
static const struct answers reference = ANSWERS(reference_rows);

/* OCDS 1.0 named who pays and who is paid by an identifier */
static const struct answer old_party_rows[] = {
    {.own = "id", .way = WAY_ORG_ID, .group = "identifiers"},
    {.own = "legalName", .hub = "name", .way = WAY_TEXT},
};
static const struct answers old_party = ANSWERS(old_party_rows);

static const struct answer address_rows[] = {
    {.own = "streetAddress", .hub = "street", .way = WAY_TEXT},
    SAME("locality", WAY_TEXT),
    SAME("region", WAY_TEXT),
    {.own = "postalCode", .hub = "postcode", .way = WAY_TEXT},
    {.own = "countryName", .hub = "country", .way = WAY_TEXT},
};
static const struct answers address = ANSWERS(address_rows);

static const struct answer organisation_rows[] = {
    {.own = "id", .way = WAY_ORG_ID, .group = "identifiers"},
    SAME("name", WAY_TEXT),
    {.own = "address", .hub = "address", .way = WAY_OBJECT, .of = &address},
};
static const struct answers organisation = ANSWERS(organisation_rows);

static const struct answer party_rows[] = {
    {.hub = "organisation", .way = WAY_SELF, .of = &organisation},
    SAME("roles", WAY_TEXTS),
};
static const struct answers party = ANSWERS(party_rows);

static const struct answer period_rows[] = {
    {.own = "startDate", .hub = "start", .way = WAY_DATE},
    {.own = "endDate", .hub = "end", .way = WAY_DATE},
};
static const struct answers period = ANSWERS(period_rows);

static const struct answer document_rows[] = {
    ID,
    {.own = "documentType", .hub = "kind", .way = WAY_CODE},
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    SAME("url", WAY_URL),
    {.own = "datePublished", .hub = "date", .way = WAY_DATE},
    {.own = "dateModified", .hub = "updated", .way = WAY_DATE},
    SAME("format", WAY_TEXT),
    SAME("language", WAY_LANGUAGE),
};
static const struct answers document = ANSWERS(document_rows);

static const struct answer milestone_rows[] = {
    ID,
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    {.own = "dueDate", .hub = "due", .way = WAY_DATE},
    {.own = "dateMet", .hub = "met", .way = WAY_DATE},
    WORD("status", "status", "scheduled met notMet=not-met partiallyMet=partially-met"),
};
static const struct answers milestone = ANSWERS(milestone_rows);

static const struct answer classification_rows[] = {
    SAME("scheme", WAY_TEXT),
    {.own = "id", .hub = "code", .way = WAY_NAME},
    {.own = "description", .hub = "title", .way = WAY_TEXT},
    {.own = "uri", .hub = "url", .way = WAY_URL},
};
static const struct answers classification = ANSWERS(classification_rows);

static const struct answer unit_rows[] = {
    {.own = "name", .hub = "unit", .way = WAY_TEXT},
    {.own = "value", .hub = "unitValue", .way = WAY_VALUE},
};
static const struct answers unit = ANSWERS(unit_rows);

static const struct answer item_rows[] = {
    ID,
    SAME("description", WAY_TEXT),
    {.own = "classification", .way = WAY_ITEM, .of = &classification, .group = "classifications"},
    SAME("quantity", WAY_DECIMAL),
    {.own = "unit", .way = WAY_INTO, .of = &unit},
};
static const struct answers item = ANSWERS(item_rows);

/* ---- a release ---- */
#define OLD_PARTY(own_, hub_)                                                          \
    {                                                                                  \
        .own = own_, .hub = hub_, .way = WAY_OBJECT, .of = &old_party, .instead = hub_ \
    }
#define TRANSACTION                                                              \
    SAME("date", WAY_DATE), SAME("value", WAY_VALUE),                            \
        {.own = "amount", .hub = "value", .way = WAY_VALUE, .instead = "value"}, \
        PARTY("payer", "payer"), OLD_PARTY("providerOrganization", "payer"),     \
        PARTY("payee", "payee"), OLD_PARTY("receiverOrganization", "payee"),     \
    {                                                                            \
        .own = "uri", .hub = "url", .way = WAY_URL                               \
    }

static const struct answer tender_rows[] = {
    ID,
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    WORD("status", "status", "planning planned active cancelled unsuccessful complete withdrawn"),
    WORD("procurementMethod", "method", "open selective limited direct"),
    {.own = "procurementMethodDetails", .hub = "methodText", .way = WAY_TEXT},
    WORD("mainProcurementCategory", "category", "goods works services"),
    SAME("value", WAY_VALUE),
    {.own = "minValue", .hub = "smallest", .way = WAY_VALUE},
    PERIOD("tenderPeriod", "period"),
    PERIOD("enquiryPeriod", "enquiries"),
    PERIOD("contractPeriod", "contractPeriod"),
    PARTIES("tenderers", "tenderers"),
    PARTY("procuringEntity", "procurer"),
    ITEMS,
    MILESTONES,
    DOCUMENTS,
};
static const struct answers tender = ANSWERS(tender_rows);

static const struct answer award_rows[] = {
    ID,
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    WORD("status", "status", "pending active cancelled unsuccessful"),
    SAME("date", WAY_DATE),
    SAME("value", WAY_VALUE),
    PARTIES("suppliers", "suppliers"),
    PERIOD("contractPeriod", "period"),
    ITEMS,
    DOCUMENTS,
};
static const struct answers award = ANSWERS(award_rows);

static const struct answer transaction_rows[] = {ID, TRANSACTION};
static const struct answers transaction = ANSWERS(transaction_rows);

static const struct answer implementation_rows[] = {
    {.own = "transactions",
     .way = WAY_TRANSACTIONS,
     .of = &transaction,
     .scheme = "expenditure",
     .group = "transactions"},
};
static const struct answers implementation = ANSWERS(implementation_rows);

static const struct answer contract_rows[] = {
    ID,
    {.own = "awardID", .hub = "award", .way = WAY_NAME},
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    WORD("status", "status", "pending active cancelled terminated"),
    {.own = "dateSigned", .hub = "signed", .way = WAY_DATE},
    SAME("value", WAY_VALUE),
    PERIOD("period", "period"),
    {.own = "implementation", .way = WAY_INTO, .of = &implementation},
    ITEMS,
    MILESTONES,
    DOCUMENTS,
};
static const struct answers contract = ANSWERS(contract_rows);

static const struct answer budget_rows[] = {
    {.own = "amount", .hub = "budget", .way = WAY_VALUE},
};
static const struct answers budget = ANSWERS(budget_rows);

static const struct answer planning_rows[] = {
    SAME("rationale", WAY_TEXT),
    {.own = "budget", .way = WAY_INTO, .of = &budget},
};
static const struct answers planning = ANSWERS(planning_rows);

static const struct answer release_rows[] = {
    {.own = "ocid", .hub = "id", .way = WAY_ID},
    {.own = "id", .hub = "release", .way = WAY_TEXT},
    SAME("date", WAY_DATE),
    {.own = "tag", .hub = "tags", .way = WAY_TEXTS},
    SAME("language", WAY_LANGUAGE),
    PARTY("buyer", "buyer"),
    {.own = "parties", .hub = "parties", .way = WAY_OBJECTS, .of = &party},
    {.own = "planning", .way = WAY_INTO, .of = &planning},
    {.own = "tender", .hub = "tender", .way = WAY_OBJECT, .of = &tender},
    {.own = "awards", .hub = "awards", .way = WAY_OBJECTS, .of = &award},
    {.own = "contracts", .hub = "contracts", .way = WAY_OBJECTS, .of = &contract},
};
const struct answers hub_contract = ANSWERS(release_rows);

/* ---- a release with one transaction ---- */
static const struct answer paid_rows[] = {{.own = "id", .hub = "number", .way = WAY_NAME},
                                          TRANSACTION};
static const struct answers paid = ANSWERS(paid_rows);

static const struct answer paying_rows[] = {
    {.own = "transactions", .way = WAY_INTO_1, .of = &paid},
};
static const struct answers paying = ANSWERS(paying_rows);

/* The contract's own id is known within its process only: it has no member in the record. */
static const struct answer under_rows[] = {
    {.own = "awardID", .hub = "award", .way = WAY_RELATED_1},
    {.own = "implementation", .way = WAY_INTO, .of = &paying},
};
static const struct answers under = ANSWERS(under_rows);

static const struct answer payment_rows[] = {
    {.own = "ocid", .hub = "contract", .way = WAY_RELATED_1},
    {.own = "id", .hub = "id", .way = WAY_ID},
    SAME("language", WAY_LANGUAGE),
    {.own = "contracts", .way = WAY_INTO_1, .of = &under},
};
const struct answers hub_payment = ANSWERS(payment_rows);
