/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tables: 360Giving 1.4.3 beside the hub record of funding.award (adapters/hub). A member that
 * has no row, or a value that does not fit its row, is kept in `other` of the same object.
 *
 * contactName has none on purpose: it names a person. */
#include "hub.h"

#define UPDATED                                                  \
    {                                                            \
        .own = "dateModified", .hub = "updated", .way = WAY_DATE \
    }

static const struct answer location_rows[] = {
    SAME("id", WAY_TEXT),
    {.own = "geoCode", .way = WAY_AREA, .group = "identifiers"},
    SAME("name", WAY_TEXT),
    SAME("description", WAY_TEXT),
    {.own = "geoCodeType", .hub = "kind", .way = WAY_CODE},
    {.own = "countryCode", .hub = "country", .way = WAY_COUNTRY},
    SAME("latitude", WAY_DECIMAL),
    SAME("longitude", WAY_DECIMAL),
    UPDATED,
};
static const struct answers location = ANSWERS(location_rows);

static const struct answer organisation_rows[] = {
    {.own = "id", .way = WAY_ORG_ID, .group = "identifiers"},
    {.own = "charityNumber", .way = WAY_NUMBER, .scheme = "charity-number", .group = "identifiers"},
    {.own = "companyNumber", .way = WAY_NUMBER, .scheme = "company-number", .group = "identifiers"},
    SAME("name", WAY_TEXT),
    SAME("alternateName", WAY_TEXT),
    SAME("department", WAY_TEXT),
    SAME("description", WAY_TEXT),
    {.own = "organisationType", .hub = "kind", .way = WAY_TITLE},
    {.own = "streetAddress", .hub = "street", .way = WAY_TEXT, .group = "address"},
    {.own = "addressLocality", .hub = "locality", .way = WAY_TEXT, .group = "address"},
    {.own = "addressRegion", .hub = "region", .way = WAY_TEXT, .group = "address"},
    {.own = "postalCode", .hub = "postcode", .way = WAY_TEXT, .group = "address"},
    {.own = "addressCountry", .hub = "country", .way = WAY_TEXT, .group = "address"},
    {.own = "email", .hub = "email", .way = WAY_TEXT, .group = "contact"},
    {.own = "telephone", .hub = "telephone", .way = WAY_TEXT, .group = "contact"},
    SAME("url", WAY_URL),
    {.own = "location", .hub = "places", .way = WAY_OBJECTS, .of = &location},
    UPDATED,
};
static const struct answers organisation = ANSWERS(organisation_rows);

static const struct answer person_rows[] = {SAME("id", WAY_TEXT), SAME("name", WAY_TEXT)};
static const struct answers person = ANSWERS(person_rows);

static const struct answer event_rows[] = {
    SAME("title", WAY_TEXT),
    {.own = "startDate", .hub = "start", .way = WAY_DATE},
    {.own = "endDate", .hub = "end", .way = WAY_DATE},
    {.own = "duration", .hub = "months", .way = WAY_DECIMAL},
    SAME("description", WAY_TEXT),
    UPDATED,
};
static const struct answers event = ANSWERS(event_rows);

static const struct answer classification_rows[] = {
    {.own = "vocabulary", .hub = "scheme", .way = WAY_TEXT},
    SAME("code", WAY_TEXT),
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    SAME("url", WAY_URL),
    UPDATED,
};
static const struct answers classification = ANSWERS(classification_rows);
/* a programme is a classification without vocabulary */
static const struct answers programme = {
    classification_rows + 1, sizeof classification_rows / sizeof classification_rows[0] - 1};

static const struct answer document_rows[] = {
    SAME("id", WAY_TEXT),
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    SAME("url", WAY_URL),
    {.own = "documentType", .hub = "kind", .way = WAY_TITLE},
    UPDATED,
};
static const struct answers document = ANSWERS(document_rows);

static const struct answer transaction_rows[] = {
    SAME("id", WAY_TEXT),
    {.own = "transactionDate", .hub = "date", .way = WAY_DATE},
    SAME("value", WAY_MONEY),
    SAME("currency", WAY_CURRENCY),
    SAME("valueDate", WAY_DATE),
    {.own = "provider", .hub = "payer", .way = WAY_PARTY},
    {.own = "recipient", .hub = "payee", .way = WAY_PARTY},
    SAME("description", WAY_TEXT),
    UPDATED,
};
static const struct answers transaction = ANSWERS(transaction_rows);

static const struct answer grounds_rows[] = {
    {.own = "primaryGrantReason", .hub = "primary", .way = WAY_CODE, .scheme = "360G-GTIR"},
    {.own = "secondaryGrantReason", .hub = "secondary", .way = WAY_CODE, .scheme = "360G-GTIR"},
    {.own = "grantPurpose", .hub = "purposes", .way = WAY_CODES, .scheme = "360G-GTIP"},
};
static const struct answers grounds = ANSWERS(grounds_rows);

static const struct answer grant_rows[] = {
    SAME("id", WAY_ID),
    SAME("title", WAY_TEXT),
    SAME("description", WAY_TEXT),
    {.own = "amountAwarded", .hub = "awarded", .way = WAY_MONEY},
    {.own = "amountAppliedFor", .hub = "requested", .way = WAY_MONEY},
    {.own = "amountDisbursed", .hub = "disbursed", .way = WAY_MONEY},
    SAME("currency", WAY_CURRENCY),
    {.own = "awardDate", .hub = "date", .way = WAY_DATE},
    {.own = "fundingOrganization", .hub = "funders", .way = WAY_OBJECTS, .of = &organisation},
    {.own = "recipientOrganization", .hub = "recipients", .way = WAY_OBJECTS, .of = &organisation},
    {.own = "recipientIndividual", .hub = "individual", .way = WAY_OBJECT, .of = &person},
    {.own = "toIndividualsDetails", .hub = "grounds", .way = WAY_OBJECT, .of = &grounds},
    {.own = "plannedDates", .hub = "planned", .way = WAY_OBJECTS, .of = &event},
    {.own = "actualDates", .hub = "actual", .way = WAY_OBJECTS, .of = &event},
    {.own = "grantProgramme", .hub = "programmes", .way = WAY_OBJECTS, .of = &programme},
    {.own = "fromOpenCall", .hub = "openCall", .way = WAY_YES_NO},
    {.own = "fundingType", .hub = "kinds", .way = WAY_OBJECTS, .of = &classification},
    {.own = "classifications", .hub = "classifications", .way = WAY_OBJECTS, .of = &classification},
    {.own = "beneficiaryLocation", .hub = "places", .way = WAY_OBJECTS, .of = &location},
    {.own = "locationScope", .hub = "placeScope", .way = WAY_CODE, .scheme = "360G-GLS"},
    {.own = "regrantType", .hub = "regrant", .way = WAY_CODE, .scheme = "360G-FRG"},
    {.own = "applicationTransaction",
     .way = WAY_TRANSACTIONS,
     .of = &transaction,
     .scheme = "application",
     .group = "transactions"},
    {.own = "commitmentTransaction",
     .way = WAY_TRANSACTIONS,
     .of = &transaction,
     .scheme = "commitment",
     .group = "transactions"},
    {.own = "disbursementTransaction",
     .way = WAY_TRANSACTIONS,
     .of = &transaction,
     .scheme = "disbursement",
     .group = "transactions"},
    {.own = "relatedActivity", .hub = "related", .way = WAY_RELATED},
    {.own = "relatedDocument", .hub = "documents", .way = WAY_OBJECTS, .of = &document},
    SAME("url", WAY_URL),
    {.own = "dataSource", .hub = "sourceUrl", .way = WAY_URL},
    UPDATED,
};
const struct answers hub_grant = ANSWERS(grant_rows);
