/* SPDX-License-Identifier: Apache-2.0 */
/* tables: the 360Giving 1.4.3 JSON Schemas (360-giving-schema.json, 360-giving-package-schema.json)
 * as tables.
 *
 * Facts of the schema that are easy to miss: a nullable date still fails on null, because both
 * halves of its oneOf hold for anything that is not a string; a nullable country does too, because
 * null is not in its enum. Members that are not listed are allowed everywhere. */
#include "giving.h"

#define TEXT(name_)                       \
    {                                     \
        name_, KIND_STRING, 0, NULL, NULL \
    }
#define TEXT_NULL(name_)                           \
    {                                              \
        name_, KIND_STRING, FIELD_NULL, NULL, NULL \
    }
#define TEXT_REQUIRED(name_)                           \
    {                                                  \
        name_, KIND_STRING, FIELD_REQUIRED, NULL, NULL \
    }
#define A(name_, kind_)             \
    {                               \
        name_, kind_, 0, NULL, NULL \
    }
#define MODIFIED                                      \
    {                                                 \
        "dateModified", KIND_DATE_TIME, 0, NULL, NULL \
    }

static const struct field location_fields[] = {
    TEXT("id"),
    TEXT_NULL("name"),
    A("countryCode", KIND_COUNTRY),
    {"latitude", KIND_NUMBER, FIELD_NULL, NULL, NULL},
    {"longitude", KIND_NUMBER, FIELD_NULL, NULL, NULL},
    TEXT_NULL("description"),
    TEXT_NULL("geoCode"),
    TEXT_NULL("geoCodeType"),
    MODIFIED,
};
static const struct object location = OBJECT(location_fields);

static const struct field organisation_fields[] = {
    TEXT_REQUIRED("id"),
    TEXT_REQUIRED("name"),
    TEXT("department"),
    TEXT("contactName"),
    TEXT("charityNumber"),
    TEXT("companyNumber"),
    TEXT("streetAddress"),
    TEXT("addressLocality"),
    TEXT("addressRegion"),
    TEXT("addressCountry"),
    TEXT("postalCode"),
    TEXT("telephone"),
    TEXT("alternateName"),
    TEXT("email"),
    TEXT("description"),
    TEXT_NULL("organisationType"),
    A("url", KIND_URI),
    {"location", KIND_OBJECTS, 0, &location, NULL},
    MODIFIED,
};
static const struct object organisation = OBJECT(organisation_fields);

static const struct field person_fields[] = {TEXT_REQUIRED("id"), TEXT_REQUIRED("name")};
static const struct object person = OBJECT(person_fields);

static const struct field event_fields[] = {
    TEXT("title"),
    A("startDate", KIND_EVENT_DATE),
    A("endDate", KIND_EVENT_DATE),
    {"duration", KIND_NUMBER, FIELD_NOT_NEGATIVE, NULL, NULL},
    TEXT("description"),
    MODIFIED,
};
static const struct object event = OBJECT(event_fields);

static const struct field programme_fields[] = {
    TEXT("code"),
    TEXT_NULL("title"),
    TEXT_NULL("description"),
    {"url", KIND_URI, FIELD_NULL, NULL, NULL},
    MODIFIED,
};
static const struct object programme = OBJECT(programme_fields);

static const struct field classification_fields[] = {
    TEXT("vocabulary"),
    TEXT("code"),
    TEXT_NULL("title"),
    TEXT_NULL("description"),
    {"url", KIND_URI, FIELD_NULL, NULL, NULL},
    MODIFIED,
};
static const struct object classification = OBJECT(classification_fields);

static const struct field document_fields[] = {
    TEXT("id"),
    TEXT_NULL("title"),
    {"url", KIND_URI, FIELD_NULL, NULL, NULL},
    TEXT_NULL("description"),
    TEXT_NULL("documentType"),
    MODIFIED,
};
static const struct object document = OBJECT(document_fields);

static const struct field transaction_fields[] = {
    TEXT("id"),
    A("transactionDate", KIND_DATE),
    A("currency", KIND_CURRENCY),
    A("value", KIND_NUMBER),
    A("valueDate", KIND_DATE),
    TEXT_NULL("description"),
    TEXT_NULL("provider"),
    TEXT_NULL("recipient"),
    MODIFIED,
};
static const struct object transaction = OBJECT(transaction_fields);

static const struct field individuals_fields[] = {
    {"primaryGrantReason", KIND_STRING, 0, NULL, &codes_reason},
    {"secondaryGrantReason", KIND_STRING, 0, NULL, &codes_reason},
    {"grantPurpose", KIND_STRINGS, 0, NULL, &codes_purpose},
};
static const struct object individuals = OBJECT(individuals_fields);

/* recipientOrganization and recipientIndividual: exactly one; schema_check's caller (decode.c) says
 * so */
static const struct field grant_fields[] = {
    TEXT_REQUIRED("id"),
    TEXT_REQUIRED("title"),
    TEXT_REQUIRED("description"),
    {"currency", KIND_CURRENCY, FIELD_REQUIRED, NULL, NULL},
    A("amountAppliedFor", KIND_NUMBER),
    {"amountAwarded", KIND_NUMBER, FIELD_REQUIRED, NULL, NULL},
    A("amountDisbursed", KIND_NUMBER),
    {"awardDate", KIND_DATE, FIELD_REQUIRED, NULL, NULL},
    A("url", KIND_URI),
    {"plannedDates", KIND_OBJECTS, 0, &event, NULL},
    {"actualDates", KIND_OBJECTS, 0, &event, NULL},
    {"recipientIndividual", KIND_OBJECT, 0, &person, NULL},
    {"toIndividualsDetails", KIND_OBJECT, 0, &individuals, NULL},
    {"recipientOrganization", KIND_OBJECTS, FIELD_SOME, &organisation, NULL},
    {"beneficiaryLocation", KIND_OBJECTS, 0, &location, NULL},
    {"fundingOrganization", KIND_OBJECTS, FIELD_REQUIRED | FIELD_SOME, &organisation, NULL},
    {"grantProgramme", KIND_OBJECTS, 0, &programme, NULL},
    A("fromOpenCall", KIND_YES_NO),
    {"fundingType", KIND_OBJECTS, 0, &classification, NULL},
    {"classifications", KIND_OBJECTS, 0, &classification, NULL},
    {"relatedDocument", KIND_OBJECTS, 0, &document, NULL},
    {"applicationTransaction", KIND_OBJECTS, 0, &transaction, NULL},
    {"commitmentTransaction", KIND_OBJECTS, 0, &transaction, NULL},
    {"disbursementTransaction", KIND_OBJECTS, 0, &transaction, NULL},
    A("relatedActivity", KIND_STRINGS),
    MODIFIED,
    {"dataSource", KIND_URI, FIELD_NULL, NULL, NULL},
    {"regrantType", KIND_STRING, 0, NULL, &codes_regrant},
    {"locationScope", KIND_STRING, 0, NULL, &codes_scope},
};
const struct object giving_grant = OBJECT(grant_fields);

static const struct field publisher_fields[] = {
    TEXT("identifier"),
    TEXT_REQUIRED("name"),
    A("website", KIND_URI),
    A("logo", KIND_URI),
};
static const struct object publisher = OBJECT(publisher_fields);

/* without `grants`, which decode.c cuts out of the stream */
static const struct field package_fields[] = {
    A("version", KIND_VERSION),
    {"extensions", KIND_STRINGS, FIELD_UNIQUE, NULL, NULL},
    TEXT("title"),
    TEXT("description"),
    A("issued", KIND_DATE),
    A("modified", KIND_DATE),
    TEXT("identifier"),
    {"publisher", KIND_OBJECT, 0, &publisher, NULL},
    A("downloadURL", KIND_URI),
    A("accessURL", KIND_URI),
    A("license", KIND_URI),
};
const struct object giving_package = OBJECT(package_fields);
