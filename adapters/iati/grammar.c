/* SPDX-License-Identifier: Apache-2.0 */
/* grammar: the elements of an IATI 2.03 activity file, as the standard's schema has them
 * (iati-activities-schema.xsd and iati-common.xsd, version 2.03).
 *
 * Each element is either text of a type, or a sequence of parts in this order, behind which any
 * number of elements of other namespaces may stand (xsd:any ##other, lax). Attributes of other
 * namespaces are allowed everywhere but on a `closed` element. Codes are free text to the schema.
 */
#include "iati.h"
#include <string.h>

#define REQUIRED(name_, type_)      \
    {                               \
        (name_), TYPE_##type_, true \
    }
#define OPTIONAL(name_, type_)       \
    {                                \
        (name_), TYPE_##type_, false \
    }

static const struct element iati_identifier = {"iati-identifier", .is = IS_IDENTIFIER,
                                               .text = TYPE_STRING};
static const struct element narrative = {"narrative", .is = IS_NARRATIVE, .text = TYPE_STRING};
static const struct part narratives[] = {{&narrative, 1, MANY}, {0}};
static const struct attribute reporting_org_attributes[] = {REQUIRED("ref", STRING),
                                                            REQUIRED("type", STRING),
                                                            OPTIONAL("secondary-reporter", BOOLEAN),
                                                            {0}};
static const struct element reporting_org = {"reporting-org", .is = IS_REPORTING_ORG,
                                             .attributes = reporting_org_attributes,
                                             .parts = narratives};
static const struct element title = {"title", .is = IS_TITLE, .parts = narratives};
static const struct attribute type_optional[] = {OPTIONAL("type", STRING), {0}};
static const struct element description = {"description", .is = IS_DESCRIPTION,
                                           .attributes = type_optional, .parts = narratives};
static const struct part any_narratives[] = {{&narrative, 0, MANY}, {0}};
static const struct attribute participating_org_attributes[] = {
    OPTIONAL("ref", STRING),
    OPTIONAL("type", STRING),
    REQUIRED("role", STRING),
    OPTIONAL("activity-id", STRING),
    OPTIONAL("crs-channel-code", STRING),
    {0}};
static const struct element participating_org = {"participating-org", .is = IS_PARTICIPATING_ORG,
                                                 .attributes = participating_org_attributes,
                                                 .parts = any_narratives};
static const struct attribute ref_optional[] = {OPTIONAL("ref", STRING), {0}};
static const struct element owner_org = {"owner-org", .is = IS_OWNER_ORG,
                                         .attributes = ref_optional, .parts = any_narratives};
static const struct part other_identifier_parts[] = {{&owner_org, 0, 1}, {0}};
static const struct attribute ref_and_type[] = {
    REQUIRED("ref", STRING), REQUIRED("type", STRING), {0}};
static const struct element other_identifier = {"other-identifier", .is = IS_OTHER_IDENTIFIER,
                                                .attributes = ref_and_type,
                                                .parts = other_identifier_parts};
static const struct attribute code_required[] = {REQUIRED("code", STRING), {0}};
static const struct element activity_status = {"activity-status", .is = IS_STATUS,
                                               .attributes = code_required};
static const struct attribute activity_date_attributes[] = {
    REQUIRED("type", STRING), REQUIRED("iso-date", DATE), {0}};
static const struct element activity_date = {"activity-date", .is = IS_ACTIVITY_DATE,
                                             .attributes = activity_date_attributes,
                                             .parts = any_narratives};
static const struct element organisation = {"organisation", .parts = narratives};
static const struct element department = {"department", .parts = narratives};
static const struct element person_name = {"person-name", .parts = narratives};
static const struct element job_title = {"job-title", .parts = narratives};
static const struct element telephone = {"telephone", .text = TYPE_STRING};
static const struct element email = {"email", .text = TYPE_STRING};
static const struct element website = {"website", .text = TYPE_URI};
static const struct element mailing_address = {"mailing-address", .parts = narratives};
static const struct part contact_info_parts[] = {
    {&organisation, 0, 1}, {&department, 0, 1},         {&person_name, 0, 1},
    {&job_title, 0, 1},    {&telephone, 0, MANY},       {&email, 0, MANY},
    {&website, 0, MANY},   {&mailing_address, 0, MANY}, {0}};
static const struct element contact_info = {
    "contact-info", .is = IS_CONTACT, .attributes = type_optional, .parts = contact_info_parts};
static const struct element activity_scope = {"activity-scope", .attributes = code_required};
static const struct attribute code_and_percentage[] = {
    REQUIRED("code", STRING), OPTIONAL("percentage", DECIMAL), {0}};
static const struct element recipient_country = {"recipient-country", .is = IS_COUNTRY,
                                                 .attributes = code_and_percentage,
                                                 .parts = any_narratives};
static const struct attribute recipient_region_attributes[] = {REQUIRED("code", STRING),
                                                               OPTIONAL("vocabulary", STRING),
                                                               OPTIONAL("vocabulary-uri", URI),
                                                               OPTIONAL("percentage", DECIMAL),
                                                               {0}};
static const struct element recipient_region = {"recipient-region", .is = IS_REGION,
                                                .attributes = recipient_region_attributes,
                                                .parts = any_narratives};
static const struct element location_reach = {"location-reach", .attributes = code_required};
static const struct attribute location_id_attributes[] = {
    REQUIRED("code", STRING), REQUIRED("vocabulary", STRING), {0}};
static const struct element location_id = {"location-id", .is = IS_LOCATION_CODE,
                                           .attributes = location_id_attributes};
static const struct element location_name = {"name", .parts = narratives};
static const struct element plain_description = {"description", .is = IS_OTHER_DESCRIPTION,
                                                 .parts = narratives};
static const struct element activity_description = {"activity-description", .parts = narratives};
static const struct attribute administrative_attributes[] = {
    REQUIRED("code", STRING), REQUIRED("vocabulary", STRING), OPTIONAL("level", NOT_NEGATIVE), {0}};
static const struct element administrative = {"administrative", .is = IS_LOCATION_CODE,
                                              .attributes = administrative_attributes};
static const struct element pos = {"pos", .text = TYPE_STRING, .closed = true};
static const struct part point_parts[] = {{&pos, 1, 1}, {0}};
static const struct attribute point_attributes[] = {REQUIRED("srsName", STRING), {0}};
static const struct element point = {"point", .attributes = point_attributes, .parts = point_parts};
static const struct element exactness = {"exactness", .attributes = code_required};
static const struct element location_class = {"location-class", .attributes = code_required};
static const struct element feature_designation = {"feature-designation",
                                                   .attributes = code_required};
static const struct part location_parts[] = {{&location_reach, 0, 1},
                                             {&location_id, 0, MANY},
                                             {&location_name, 0, 1},
                                             {&plain_description, 0, 1},
                                             {&activity_description, 0, 1},
                                             {&administrative, 0, MANY},
                                             {&point, 0, 1},
                                             {&exactness, 0, 1},
                                             {&location_class, 0, 1},
                                             {&feature_designation, 0, 1},
                                             {0}};
static const struct element location = {"location", .is = IS_LOCATION, .attributes = ref_optional,
                                        .parts = location_parts};
static const struct attribute sector_attributes[] = {OPTIONAL("vocabulary", STRING),
                                                     OPTIONAL("vocabulary-uri", URI),
                                                     REQUIRED("code", STRING),
                                                     OPTIONAL("percentage", DECIMAL),
                                                     {0}};
static const struct element sector = {"sector", .is = IS_SECTOR, .attributes = sector_attributes,
                                      .parts = any_narratives};
static const struct attribute tag_attributes[] = {
    REQUIRED("code", STRING), REQUIRED("vocabulary", STRING), OPTIONAL("vocabulary-uri", URI), {0}};
static const struct element tag = {"tag", .attributes = tag_attributes, .parts = any_narratives};
static const struct part budget_item_parts[] = {{&plain_description, 0, 1}, {0}};
static const struct element budget_item = {"budget-item", .is = IS_BUDGET_ITEM,
                                           .attributes = code_and_percentage,
                                           .parts = budget_item_parts};
static const struct part country_budget_items_parts[] = {{&budget_item, 1, MANY}, {0}};
static const struct attribute country_budget_items_attributes[] = {REQUIRED("vocabulary", STRING),
                                                                   {0}};
static const struct element country_budget_items = {"country-budget-items", .is = IS_BUDGET_ITEMS,
                                                    .attributes = country_budget_items_attributes,
                                                    .parts = country_budget_items_parts};
static const struct attribute humanitarian_scope_attributes[] = {REQUIRED("type", STRING),
                                                                 REQUIRED("vocabulary", STRING),
                                                                 OPTIONAL("vocabulary-uri", URI),
                                                                 REQUIRED("code", STRING),
                                                                 {0}};
static const struct element humanitarian_scope = {
    "humanitarian-scope", .attributes = humanitarian_scope_attributes, .parts = any_narratives};
static const struct attribute policy_marker_attributes[] = {OPTIONAL("vocabulary", STRING),
                                                            OPTIONAL("vocabulary-uri", URI),
                                                            REQUIRED("code", STRING),
                                                            OPTIONAL("significance", STRING),
                                                            {0}};
static const struct element policy_marker = {"policy-marker", .is = IS_POLICY_MARKER,
                                             .attributes = policy_marker_attributes,
                                             .parts = any_narratives};
static const struct element collaboration_type = {"collaboration-type",
                                                  .attributes = code_required};
static const struct element default_flow_type = {"default-flow-type", .attributes = code_required};
static const struct element default_finance_type = {"default-finance-type",
                                                    .attributes = code_required};
static const struct attribute code_in_vocabulary[] = {
    REQUIRED("code", STRING), OPTIONAL("vocabulary", STRING), {0}};
static const struct element default_aid_type = {"default-aid-type", .is = IS_DEFAULT_AID_TYPE,
                                                .attributes = code_in_vocabulary};
static const struct element default_tied_status = {"default-tied-status",
                                                   .attributes = code_required};
static const struct attribute iso_date_required[] = {REQUIRED("iso-date", DATE), {0}};
static const struct element period_start = {"period-start", .is = IS_PERIOD_START,
                                            .attributes = iso_date_required};
static const struct element period_end = {"period-end", .is = IS_PERIOD_END,
                                          .attributes = iso_date_required};
static const struct attribute value_attributes[] = {
    OPTIONAL("currency", STRING), REQUIRED("value-date", DATE), {0}};
static const struct element value = {"value", .is = IS_VALUE, .text = TYPE_DECIMAL,
                                     .attributes = value_attributes};
static const struct part budget_parts[] = {
    {&period_start, 1, 1}, {&period_end, 1, 1}, {&value, 1, 1}, {0}};
static const struct attribute budget_attributes[] = {
    OPTIONAL("type", STRING), OPTIONAL("status", STRING), {0}};
static const struct element budget = {"budget", .is = IS_BUDGET, .attributes = budget_attributes,
                                      .parts = budget_parts};
static const struct attribute provider_org_attributes[] = {OPTIONAL("ref", STRING),
                                                           OPTIONAL("provider-activity-id", STRING),
                                                           OPTIONAL("type", STRING),
                                                           {0}};
static const struct element provider_org = {"provider-org", .is = IS_PROVIDER,
                                            .attributes = provider_org_attributes,
                                            .parts = any_narratives};
static const struct attribute receiver_org_attributes[] = {OPTIONAL("ref", STRING),
                                                           OPTIONAL("receiver-activity-id", STRING),
                                                           OPTIONAL("type", STRING),
                                                           {0}};
static const struct element receiver_org = {"receiver-org", .is = IS_RECEIVER,
                                            .attributes = receiver_org_attributes,
                                            .parts = any_narratives};
static const struct part planned_disbursement_parts[] = {
    {&period_start, 1, 1}, {&period_end, 0, 1},   {&value, 1, 1},
    {&provider_org, 0, 1}, {&receiver_org, 0, 1}, {0}};
static const struct element planned_disbursement = {"planned-disbursement", .is = IS_PLANNED,
                                                    .attributes = type_optional,
                                                    .parts = planned_disbursement_parts};
static const struct attribute capital_spend_attributes[] = {REQUIRED("percentage", DECIMAL), {0}};
static const struct element capital_spend = {"capital-spend", .is = IS_CAPITAL_SPEND,
                                             .attributes = capital_spend_attributes};
static const struct element transaction_type = {"transaction-type", .is = IS_TRANSACTION_TYPE,
                                                .attributes = code_required};
static const struct element transaction_date = {"transaction-date", .is = IS_TRANSACTION_DATE,
                                                .attributes = iso_date_required};
static const struct element disbursement_channel = {"disbursement-channel",
                                                    .attributes = code_required};
static const struct attribute transaction_sector_attributes[] = {
    OPTIONAL("vocabulary", STRING), OPTIONAL("vocabulary-uri", URI), REQUIRED("code", STRING), {0}};
static const struct element transaction_sector = {"sector", .is = IS_TRANSACTION_SECTOR,
                                                  .attributes = transaction_sector_attributes,
                                                  .parts = any_narratives};
static const struct element transaction_country = {
    "recipient-country", .is = IS_TRANSACTION_COUNTRY, .attributes = code_required,
    .parts = any_narratives};
static const struct attribute transaction_region_attributes[] = {
    REQUIRED("code", STRING), OPTIONAL("vocabulary", STRING), OPTIONAL("vocabulary-uri", URI), {0}};
static const struct element transaction_region = {"recipient-region", .is = IS_TRANSACTION_REGION,
                                                  .attributes = transaction_region_attributes,
                                                  .parts = any_narratives};
static const struct element flow_type = {"flow-type", .attributes = code_required};
static const struct element finance_type = {"finance-type", .attributes = code_required};
static const struct element aid_type = {"aid-type", .is = IS_AID_TYPE,
                                        .attributes = code_in_vocabulary};
static const struct element tied_status = {"tied-status", .attributes = code_required};
static const struct part transaction_parts[] = {{&transaction_type, 1, 1},
                                                {&transaction_date, 1, 1},
                                                {&value, 1, 1},
                                                {&plain_description, 0, 1},
                                                {&provider_org, 0, 1},
                                                {&receiver_org, 0, 1},
                                                {&disbursement_channel, 0, 1},
                                                {&transaction_sector, 0, MANY},
                                                {&transaction_country, 0, 1},
                                                {&transaction_region, 0, 1},
                                                {&flow_type, 0, 1},
                                                {&finance_type, 0, 1},
                                                {&aid_type, 0, MANY},
                                                {&tied_status, 0, 1},
                                                {0}};
static const struct attribute transaction_attributes[] = {
    OPTIONAL("ref", STRING), OPTIONAL("humanitarian", BOOLEAN), {0}};
static const struct element transaction = {"transaction", .is = IS_TRANSACTION,
                                           .attributes = transaction_attributes,
                                           .parts = transaction_parts};
static const struct element category = {"category", .attributes = code_required};
static const struct element language = {"language", .attributes = code_required};
static const struct element document_date = {"document-date", .attributes = iso_date_required};
static const struct part document_link_parts[] = {
    {&title, 1, 1},       {&plain_description, 0, 1}, {&category, 1, MANY},
    {&language, 0, MANY}, {&document_date, 0, 1},     {0}};
static const struct attribute document_link_attributes[] = {
    REQUIRED("url", URI), REQUIRED("format", STRING), {0}};
static const struct element document_link = {
    "document-link", .attributes = document_link_attributes, .parts = document_link_parts};
static const struct element related_activity = {"related-activity", .is = IS_RELATED,
                                                .closed = true, .attributes = ref_and_type};
static const struct attribute legacy_data_attributes[] = {
    REQUIRED("name", STRING), REQUIRED("value", STRING), OPTIONAL("iati-equivalent", NMTOKEN), {0}};
static const struct element legacy_data = {"legacy-data", .closed = true,
                                           .attributes = legacy_data_attributes};
static const struct attribute condition_attributes[] = {REQUIRED("type", STRING), {0}};
static const struct element condition = {"condition", .closed = true,
                                         .attributes = condition_attributes, .parts = narratives};
static const struct part conditions_parts[] = {{&condition, 0, MANY}, {0}};
static const struct attribute conditions_attributes[] = {REQUIRED("attached", BOOLEAN), {0}};
static const struct element conditions = {"conditions", .attributes = conditions_attributes,
                                          .parts = conditions_parts};
static const struct element reference = {"reference", .is = IS_REFERENCE,
                                         .attributes = tag_attributes};
static const struct attribute indicator_reference_attributes[] = {
    REQUIRED("vocabulary", STRING), REQUIRED("code", STRING), OPTIONAL("indicator-uri", URI), {0}};
static const struct element indicator_reference = {"reference", .is = IS_INDICATOR_REFERENCE,
                                                   .attributes = indicator_reference_attributes};
static const struct element result_location = {"location", .attributes = ref_optional};
static const struct attribute dimension_attributes[] = {
    OPTIONAL("name", STRING), OPTIONAL("value", STRING), {0}};
static const struct element dimension = {"dimension", .attributes = dimension_attributes};
static const struct element comment = {"comment", .parts = narratives};
static const struct part baseline_parts[] = {{&result_location, 0, MANY},
                                             {&dimension, 0, MANY},
                                             {&document_link, 0, MANY},
                                             {&comment, 0, 1},
                                             {0}};
static const struct attribute baseline_attributes[] = {
    OPTIONAL("iso-date", DATE), REQUIRED("year", POSITIVE), OPTIONAL("value", STRING), {0}};
static const struct element baseline = {"baseline", .is = IS_BASELINE,
                                        .attributes = baseline_attributes, .parts = baseline_parts};
static const struct part target_parts[] = {{&result_location, 0, MANY},
                                           {&dimension, 0, MANY},
                                           {&comment, 0, 1},
                                           {&document_link, 0, MANY},
                                           {0}};
static const struct attribute target_attributes[] = {OPTIONAL("value", STRING), {0}};
static const struct element target = {"target", .is = IS_TARGET, .closed = true,
                                      .attributes = target_attributes, .parts = target_parts};
static const struct element actual = {"actual", .is = IS_ACTUAL, .closed = true,
                                      .attributes = target_attributes, .parts = target_parts};
static const struct part period_parts[] = {
    {&period_start, 1, 1}, {&period_end, 1, 1}, {&target, 0, MANY}, {&actual, 0, MANY}, {0}};
static const struct element period = {"period", .is = IS_PERIOD, .parts = period_parts};
static const struct part indicator_parts[] = {{&title, 1, 1},
                                              {&plain_description, 0, 1},
                                              {&document_link, 0, MANY},
                                              {&indicator_reference, 0, MANY},
                                              {&baseline, 0, MANY},
                                              {&period, 0, MANY},
                                              {0}};
static const struct attribute indicator_attributes[] = {REQUIRED("measure", STRING),
                                                        OPTIONAL("ascending", BOOLEAN),
                                                        OPTIONAL("aggregation-status", BOOLEAN),
                                                        {0}};
static const struct element indicator = {
    "indicator", .is = IS_INDICATOR, .attributes = indicator_attributes, .parts = indicator_parts};
static const struct part result_parts[] = {
    {&title, 1, 1},        {&plain_description, 0, 1}, {&document_link, 0, MANY},
    {&reference, 0, MANY}, {&indicator, 1, MANY},      {0}};
static const struct attribute result_attributes[] = {
    REQUIRED("type", STRING), OPTIONAL("aggregation-status", BOOLEAN), {0}};
static const struct element result = {"result", .is = IS_RESULT, .attributes = result_attributes,
                                      .parts = result_parts};
static const struct attribute other_flags_attributes[] = {
    REQUIRED("code", STRING), REQUIRED("significance", BOOLEAN), {0}};
static const struct element other_flags = {"other-flags", .attributes = other_flags_attributes};
static const struct element repayment_type = {"repayment-type", .attributes = code_required};
static const struct element repayment_plan = {"repayment-plan", .attributes = code_required};
static const struct element commitment_date = {"commitment-date", .attributes = iso_date_required};
static const struct element repayment_first_date = {"repayment-first-date",
                                                    .attributes = iso_date_required};
static const struct element repayment_final_date = {"repayment-final-date",
                                                    .attributes = iso_date_required};
static const struct part loan_terms_parts[] = {
    {&repayment_type, 0, 1},       {&repayment_plan, 0, 1},       {&commitment_date, 0, 1},
    {&repayment_first_date, 0, 1}, {&repayment_final_date, 0, 1}, {0}};
static const struct attribute loan_terms_attributes[] = {
    OPTIONAL("rate-1", DECIMAL), OPTIONAL("rate-2", DECIMAL), {0}};
static const struct element loan_terms = {"loan-terms", .attributes = loan_terms_attributes,
                                          .parts = loan_terms_parts};
static const struct element interest_received = {"interest-received", .text = TYPE_DECIMAL,
                                                 .closed = true};
static const struct element principal_outstanding = {"principal-outstanding", .text = TYPE_DECIMAL,
                                                     .closed = true};
static const struct element principal_arrears = {"principal-arrears", .text = TYPE_DECIMAL,
                                                 .closed = true};
static const struct element interest_arrears = {"interest-arrears", .text = TYPE_DECIMAL,
                                                .closed = true};
static const struct part loan_status_parts[] = {{&interest_received, 0, 1},
                                                {&principal_outstanding, 0, 1},
                                                {&principal_arrears, 0, 1},
                                                {&interest_arrears, 0, 1},
                                                {0}};
static const struct attribute loan_status_attributes[] = {
    REQUIRED("year", DECIMAL), OPTIONAL("currency", STRING), REQUIRED("value-date", DATE), {0}};
static const struct element loan_status = {"loan-status", .attributes = loan_status_attributes,
                                           .parts = loan_status_parts};
static const struct element channel_code = {"channel-code", .text = TYPE_STRING, .closed = true};
static const struct part crs_add_parts[] = {
    {&other_flags, 0, MANY}, {&loan_terms, 0, 1}, {&loan_status, 0, 1}, {&channel_code, 0, 1}, {0}};
static const struct element crs_add = {"crs-add", .parts = crs_add_parts};
static const struct attribute forecast_attributes[] = {
    REQUIRED("year", DECIMAL), OPTIONAL("currency", STRING), OPTIONAL("value-date", DATE), {0}};
static const struct element forecast = {"forecast", .is = IS_FORECAST, .text = TYPE_DECIMAL,
                                        .attributes = forecast_attributes};
static const struct part fss_parts[] = {{&forecast, 0, MANY}, {0}};
static const struct attribute fss_attributes[] = {REQUIRED("extraction-date", DATE),
                                                  OPTIONAL("priority", BOOLEAN),
                                                  OPTIONAL("phaseout-year", DECIMAL),
                                                  {0}};
static const struct element fss = {"fss", .attributes = fss_attributes, .parts = fss_parts};
static const struct part iati_activity_parts[] = {{&iati_identifier, 1, 1},
                                                  {&reporting_org, 1, 1},
                                                  {&title, 1, 1},
                                                  {&description, 1, MANY},
                                                  {&participating_org, 1, MANY},
                                                  {&other_identifier, 0, MANY},
                                                  {&activity_status, 1, 1},
                                                  {&activity_date, 1, MANY},
                                                  {&contact_info, 0, MANY},
                                                  {&activity_scope, 0, 1},
                                                  {&recipient_country, 0, MANY},
                                                  {&recipient_region, 0, MANY},
                                                  {&location, 0, MANY},
                                                  {&sector, 0, MANY},
                                                  {&tag, 0, MANY},
                                                  {&country_budget_items, 0, 1},
                                                  {&humanitarian_scope, 0, MANY},
                                                  {&policy_marker, 0, MANY},
                                                  {&collaboration_type, 0, 1},
                                                  {&default_flow_type, 0, 1},
                                                  {&default_finance_type, 0, 1},
                                                  {&default_aid_type, 0, MANY},
                                                  {&default_tied_status, 0, 1},
                                                  {&budget, 0, MANY},
                                                  {&planned_disbursement, 0, MANY},
                                                  {&capital_spend, 0, 1},
                                                  {&transaction, 0, MANY},
                                                  {&document_link, 0, MANY},
                                                  {&related_activity, 0, MANY},
                                                  {&legacy_data, 0, MANY},
                                                  {&conditions, 0, 1},
                                                  {&result, 0, MANY},
                                                  {&crs_add, 0, 1},
                                                  {&fss, 0, 1},
                                                  {0}};
static const struct attribute iati_activity_attributes[] = {
    OPTIONAL("last-updated-datetime", DATE_TIME),
    OPTIONAL("default-currency", STRING),
    OPTIONAL("humanitarian", BOOLEAN),
    OPTIONAL("hierarchy", INT),
    OPTIONAL("linked-data-uri", URI),
    OPTIONAL("budget-not-provided", STRING),
    {0}};
static const struct element iati_activity = {"iati-activity", .is = IS_ACTIVITY,
                                             .attributes = iati_activity_attributes,
                                             .parts = iati_activity_parts};
static const struct part iati_activities_parts[] = {{&iati_activity, 1, MANY}, {0}};
static const struct attribute iati_activities_attributes[] = {
    REQUIRED("version", STRING),
    OPTIONAL("generated-datetime", DATE_TIME),
    OPTIONAL("linked-data-default", URI),
    {0}};
const struct element grammar_root = {"iati-activities", .is = IS_ACTIVITIES,
                                     .attributes = iati_activities_attributes,
                                     .parts = iati_activities_parts};

/* Declared at the top of the schema: what stands in an element of another namespace is checked by
 * its name where one of these has it (processContents="lax"). */
static const struct element *const globals[] = {&activity_date,
                                                &activity_scope,
                                                &activity_status,
                                                &budget,
                                                &capital_spend,
                                                &collaboration_type,
                                                &comment,
                                                &conditions,
                                                &contact_info,
                                                &country_budget_items,
                                                &crs_add,
                                                &default_aid_type,
                                                &default_finance_type,
                                                &default_flow_type,
                                                &default_tied_status,
                                                &plain_description,
                                                &dimension,
                                                &fss,
                                                &humanitarian_scope,
                                                &grammar_root,
                                                &iati_activity,
                                                &iati_identifier,
                                                &legacy_data,
                                                &location,
                                                &narrative,
                                                &other_identifier,
                                                &participating_org,
                                                &planned_disbursement,
                                                &policy_marker,
                                                &recipient_country,
                                                &recipient_region,
                                                &related_activity,
                                                &reporting_org,
                                                &result,
                                                &sector,
                                                &tag,
                                                &title,
                                                &transaction};

const struct element *grammar_global(const char *name)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (strcmp(globals[i]->name, name) == 0)
            return globals[i];
    return NULL;
}
