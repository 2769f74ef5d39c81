/* SPDX-License-Identifier: Apache-2.0 */
/* tables: the release, the package and their parts as the official JSON Schemas of OCDS 1.1.5 have
 * them (https://standard.open-contracting.org/schema/1__1__5/). Code lists that the standard closes
 * are enforced by its schema; a code outside an open one is a warning. */
#include "ocds.h"

static const struct codelist codes_tender_status = {
    .words = "planning planned active cancelled unsuccessful complete withdrawn", .closed = true};
static const struct codelist codes_method = {.words = "open selective limited direct",
                                             .closed = true};
static const struct codelist codes_category = {.words = "goods works services", .closed = true};
static const struct codelist codes_award_status = {.words = "pending active cancelled unsuccessful",
                                                   .closed = true};
static const struct codelist codes_contract_status = {
    .words = "pending active cancelled terminated", .closed = true};
static const struct codelist codes_milestone_status = {.words = "scheduled met notMet partiallyMet",
                                                       .closed = true};
static const struct codelist codes_tag = {
    .words = "planning planningUpdate tender tenderAmendment tenderUpdate "
             "tenderCancellation award awardUpdate awardCancellation contract "
             "contractUpdate contractAmendment implementation implementationUpdate "
             "contractTermination compiled",
    .closed = true};
static const struct codelist codes_initiation = {.words = "tender", .closed = true};
static const struct codelist codes_criteria = {
    .words = "priceOnly costOnly qualityOnly ratedCriteria lowestCost bestProposal "
             "bestValueToGovernment singleBidOnly"};
static const struct codelist codes_submission = {
    .words = "electronicSubmission electronicAuction written inPerson"};
static const struct codelist codes_milestone_type = {
    .words = "preProcurement approval engagement assessment delivery reporting "
             "financing payment"};
static const struct codelist codes_role = {
    .words = "buyer procuringEntity supplier tenderer funder enquirer payer payee "
             "reviewBody interestedParty"};
static const struct codelist codes_relationship = {
    .words = "framework planning parent prior unsuccessfulProcess subContract "
             "replacementProcess renewalProcess"};
static const struct codelist codes_currency = {.words = "UYW"};

static const struct object anything = {.fields = NULL};

static const struct field ocds_value_fields[] = {
    {.name = "amount", .kind = KIND_NUMBER, .flags = FIELD_NULL},
    {.name = "currency", .kind = KIND_CURRENCY, .flags = FIELD_NULL, .codes = &codes_currency},
};
const struct object ocds_value = OBJECT(ocds_value_fields);

static const struct field ocds_period_fields[] = {
    {.name = "startDate", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "endDate", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "maxExtentDate", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "durationInDays", .kind = KIND_INTEGER, .flags = FIELD_NULL},
};
const struct object ocds_period = OBJECT(ocds_period_fields);

static const struct field identifier_fields[] = {
    {.name = "scheme", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "id", .kind = KIND_ID, .flags = FIELD_NULL},
    {.name = "legalName", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object identifier = OBJECT_TRANSLATED(identifier_fields, "legalName");

static const struct field address_fields[] = {
    {.name = "streetAddress", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "locality", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "region", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "postalCode", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "countryName", .kind = KIND_STRING, .flags = FIELD_NULL},
};
static const struct object address = OBJECT_TRANSLATED(address_fields, "countryName");

static const struct field contact_fields[] = {
    {.name = "name", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "email", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "telephone", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "faxNumber", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "url", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object contact = OBJECT_TRANSLATED(contact_fields, "name");

static const struct field ocds_reference_fields[] = {
    {.name = "name", .kind = KIND_STRING, .flags = FIELD_NULL | FIELD_TEXT},
    {.name = "id", .kind = KIND_ID},
    {.name = "identifier", .kind = KIND_OBJECT, .of = &identifier},
    {.name = "address", .kind = KIND_OBJECT, .of = &address},
    {.name = "additionalIdentifiers",
     .kind = KIND_OBJECTS,
     .flags = FIELD_UNIQUE,
     .of = &identifier},
    {.name = "contactPoint", .kind = KIND_OBJECT, .flags = FIELD_PERSONAL, .of = &contact},
};
const struct object ocds_reference = OBJECT(ocds_reference_fields);

static const struct field ocds_party_fields[] = {
    {.name = "name", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "id", .kind = KIND_STRING},
    {.name = "identifier", .kind = KIND_OBJECT, .of = &identifier},
    {.name = "additionalIdentifiers",
     .kind = KIND_OBJECTS,
     .flags = FIELD_UNIQUE,
     .of = &identifier},
    {.name = "address", .kind = KIND_OBJECT, .of = &address},
    {.name = "contactPoint", .kind = KIND_OBJECT, .flags = FIELD_PERSONAL, .of = &contact},
    {.name = "roles", .kind = KIND_STRINGS, .flags = FIELD_NULL, .codes = &codes_role},
    {.name = "details", .kind = KIND_OBJECT, .flags = FIELD_NULL, .of = &anything},
};
const struct object ocds_party = OBJECT_TRANSLATED(ocds_party_fields, "name");

static const struct field classification_fields[] = {
    {.name = "scheme", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "id", .kind = KIND_ID, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object classification = OBJECT_TRANSLATED(classification_fields, "description");

static const struct field unit_fields[] = {
    {.name = "scheme", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "id", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "name", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "value", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object unit = OBJECT_TRANSLATED(unit_fields, "name");

static const struct field change_fields[] = {
    {.name = "property", .kind = KIND_STRING},
};
static const struct object change = OBJECT(change_fields);

static const struct field item_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "classification", .kind = KIND_OBJECT, .of = &classification},
    {.name = "additionalClassifications",
     .kind = KIND_OBJECTS,
     .flags = FIELD_UNIQUE,
     .of = &classification},
    {.name = "quantity", .kind = KIND_NUMBER, .flags = FIELD_NULL},
    {.name = "unit", .kind = KIND_OBJECT, .of = &unit},
};
static const struct object item = OBJECT_TRANSLATED(item_fields, "description");

static const struct field document_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "documentType", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "url", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "datePublished", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "dateModified", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "format", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "language", .kind = KIND_STRING, .flags = FIELD_NULL},
};
static const struct object document = OBJECT_TRANSLATED(document_fields, "title description");

static const struct field milestone_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "type", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_milestone_type},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "code", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "dueDate", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "dateMet", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "dateModified", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "status", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_milestone_status},
    {.name = "documents", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &document},
};
static const struct object milestone = OBJECT_TRANSLATED(milestone_fields, "title description");

static const struct field amendment_fields[] = {
    {.name = "date", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "rationale", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "id", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "amendsReleaseID", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "releaseID", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "changes", .kind = KIND_OBJECTS, .of = &change},
};
static const struct object amendment = OBJECT_TRANSLATED(amendment_fields, "rationale");

static const struct field budget_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "amount", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "project", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "projectID", .kind = KIND_ID, .flags = FIELD_NULL},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "source", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object budget = OBJECT_TRANSLATED(budget_fields, "source description project");

static const struct field planning_fields[] = {
    {.name = "rationale", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "budget", .kind = KIND_OBJECT, .of = &budget},
    {.name = "documents", .kind = KIND_OBJECTS, .of = &document},
    {.name = "milestones", .kind = KIND_OBJECTS, .of = &milestone},
};
static const struct object planning = OBJECT_TRANSLATED(planning_fields, "rationale");

static const struct field related_fields[] = {
    {.name = "id", .kind = KIND_STRING},
    {.name = "relationship",
     .kind = KIND_STRINGS,
     .flags = FIELD_NULL,
     .codes = &codes_relationship},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "scheme", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "identifier", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object related = OBJECT(related_fields);

static const struct field transaction_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "source", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "date", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "value", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "payer", .kind = KIND_OBJECT, .of = &ocds_reference},
    {.name = "payee", .kind = KIND_OBJECT, .of = &ocds_reference},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "amount", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "providerOrganization", .kind = KIND_OBJECT, .of = &identifier},
    {.name = "receiverOrganization", .kind = KIND_OBJECT, .of = &identifier},
};
static const struct object transaction = OBJECT(transaction_fields);

static const struct field implementation_fields[] = {
    {.name = "transactions", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &transaction},
    {.name = "milestones", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &milestone},
    {.name = "documents", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &document},
};
static const struct object implementation = OBJECT(implementation_fields);

static const struct field award_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "status", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_award_status},
    {.name = "date", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "value", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "suppliers", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &ocds_reference},
    {.name = "items", .kind = KIND_OBJECTS, .flags = FIELD_SOME | FIELD_UNIQUE, .of = &item},
    {.name = "contractPeriod", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "documents", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &document},
    {.name = "amendments", .kind = KIND_OBJECTS, .of = &amendment},
    {.name = "amendment", .kind = KIND_OBJECT, .of = &amendment},
};
static const struct object award = OBJECT_TRANSLATED(award_fields, "title description");

static const struct field contract_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "awardID", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "status", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_contract_status},
    {.name = "period", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "value", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "items", .kind = KIND_OBJECTS, .flags = FIELD_SOME | FIELD_UNIQUE, .of = &item},
    {.name = "dateSigned", .kind = KIND_DATE_TIME, .flags = FIELD_NULL},
    {.name = "documents", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &document},
    {.name = "implementation", .kind = KIND_OBJECT, .of = &implementation},
    {.name = "relatedProcesses", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &related},
    {.name = "milestones", .kind = KIND_OBJECTS, .of = &milestone},
    {.name = "amendments", .kind = KIND_OBJECTS, .of = &amendment},
    {.name = "amendment", .kind = KIND_OBJECT, .of = &amendment},
};
static const struct object contract = OBJECT_TRANSLATED(contract_fields, "title description");

static const struct field tender_fields[] = {
    {.name = "id", .kind = KIND_ID, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "title", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "description", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "status", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_tender_status},
    {.name = "procuringEntity", .kind = KIND_OBJECT, .of = &ocds_reference},
    {.name = "items", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &item},
    {.name = "value", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "minValue", .kind = KIND_OBJECT, .of = &ocds_value},
    {.name = "procurementMethod", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_method},
    {.name = "procurementMethodDetails", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "procurementMethodRationale", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "mainProcurementCategory",
     .kind = KIND_STRING,
     .flags = FIELD_NULL,
     .codes = &codes_category},
    {.name = "additionalProcurementCategories", .kind = KIND_STRINGS, .flags = FIELD_NULL},
    {.name = "awardCriteria", .kind = KIND_STRING, .flags = FIELD_NULL, .codes = &codes_criteria},
    {.name = "awardCriteriaDetails", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "submissionMethod",
     .kind = KIND_STRINGS,
     .flags = FIELD_NULL,
     .codes = &codes_submission},
    {.name = "submissionMethodDetails", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "tenderPeriod", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "enquiryPeriod", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "hasEnquiries", .kind = KIND_BOOLEAN, .flags = FIELD_NULL},
    {.name = "eligibilityCriteria", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "awardPeriod", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "contractPeriod", .kind = KIND_OBJECT, .of = &ocds_period},
    {.name = "numberOfTenderers", .kind = KIND_INTEGER, .flags = FIELD_NULL},
    {.name = "tenderers", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &ocds_reference},
    {.name = "documents", .kind = KIND_OBJECTS, .of = &document},
    {.name = "milestones", .kind = KIND_OBJECTS, .of = &milestone},
    {.name = "amendments", .kind = KIND_OBJECTS, .of = &amendment},
    {.name = "amendment", .kind = KIND_OBJECT, .of = &amendment},
};
static const struct object tender = OBJECT_TRANSLATED(
    tender_fields, "title description procurementMethodRationale awardCriteriaDetails "
                   "submissionMethodDetails eligibilityCriteria");

static const struct field ocds_release_fields[] = {
    {.name = "ocid", .kind = KIND_STRING, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "id", .kind = KIND_STRING, .flags = FIELD_REQUIRED | FIELD_TEXT},
    {.name = "date", .kind = KIND_DATE_TIME, .flags = FIELD_REQUIRED},
    {.name = "tag",
     .kind = KIND_STRINGS,
     .flags = FIELD_REQUIRED | FIELD_SOME,
     .codes = &codes_tag},
    {.name = "initiationType",
     .kind = KIND_STRING,
     .flags = FIELD_REQUIRED,
     .codes = &codes_initiation},
    {.name = "parties", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &ocds_party},
    {.name = "buyer", .kind = KIND_OBJECT, .of = &ocds_reference},
    {.name = "planning", .kind = KIND_OBJECT, .of = &planning},
    {.name = "tender", .kind = KIND_OBJECT, .of = &tender},
    {.name = "awards", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &award},
    {.name = "contracts", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &contract},
    {.name = "language", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "relatedProcesses", .kind = KIND_OBJECTS, .flags = FIELD_UNIQUE, .of = &related},
};
const struct object ocds_release = OBJECT(ocds_release_fields);

static const struct field publisher_fields[] = {
    {.name = "name", .kind = KIND_STRING, .flags = FIELD_REQUIRED},
    {.name = "scheme", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "uid", .kind = KIND_STRING, .flags = FIELD_NULL},
    {.name = "uri", .kind = KIND_URI, .flags = FIELD_NULL},
};
static const struct object publisher = OBJECT(publisher_fields);

static const struct field ocds_package_fields[] = {
    {.name = "publisher", .kind = KIND_OBJECT, .of = &publisher},
    {.name = "uri", .kind = KIND_URI},
    {.name = "version", .kind = KIND_VERSION},
    {.name = "extensions", .kind = KIND_URIS},
    {.name = "publishedDate", .kind = KIND_DATE_TIME},
    {.name = "license", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "publicationPolicy", .kind = KIND_URI, .flags = FIELD_NULL},
    {.name = "packages", .kind = KIND_URIS, .flags = FIELD_SOME | FIELD_UNIQUE},
};
const struct object ocds_package = OBJECT(ocds_package_fields);

static const struct field ocds_link_fields[] = {
    {.name = "url", .kind = KIND_URI, .flags = FIELD_NULL | FIELD_REQUIRED},
    {.name = "date", .kind = KIND_DATE_TIME, .flags = FIELD_REQUIRED},
    {.name = "tag", .kind = KIND_STRINGS, .flags = FIELD_SOME, .codes = &codes_tag},
};
const struct object ocds_link = OBJECT(ocds_link_fields);
