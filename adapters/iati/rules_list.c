/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_list.h"

#define ID_SYMBOLS "the identifier holds one of the symbols / & | ?"
#define ID_SPACES  "the identifier begins or ends with white space"
#define SUM_100    "the percentages do not add up to 100"
#define EACH_ONE   "of several, each needs a percentage"
#define SINGLE_100 "the percentage of a single one is 100 or left out"
#define RANGE_100  "a percentage lies between 0 and 100"
#define ORG_EMPTY  "the organisation needs an identifier or a narrative"
#define FUTURE     "the date lies after the file was generated"
#define ORDER      "it ends before it starts"
#define VALUE_NONE "a qualitative indicator has no value here"
#define VALUE_MISS "the indicator is a number, so a value is needed here"
#define VALUE_NUM  "the indicator is a number, and this value is none"

const struct rule_text rule_texts[] = {
    [RULE_ID_IS_ORG] = {"rule-1-1-3", true,
                        "the activity has the identifier of its reporting organisation"},
    [RULE_ID_PREFIX] = {"rule-1-1-21", false,
                        "the identifier does not begin with that of the reporting organisation "
                        "and a hyphen"},
    [RULE_ID_SYMBOLS] = {"rule-1-3-13", false, ID_SYMBOLS},
    [RULE_REPORTING_SYMBOLS] = {"rule-1-14-13", false, ID_SYMBOLS},
    [RULE_PARTICIPATING_SYMBOLS] = {"rule-1-8-13", false, ID_SYMBOLS},
    [RULE_PROVIDER_SYMBOLS] = {"rule-1-10-13", false, ID_SYMBOLS},
    [RULE_RECEIVER_SYMBOLS] = {"rule-1-15-13", false, ID_SYMBOLS},
    [RULE_OWNER_SYMBOLS] = {"rule-1-11-13", false, ID_SYMBOLS},
    [RULE_ID_SPACES] = {"rule-1-3-1", false, ID_SPACES},
    [RULE_REPORTING_SPACES] = {"rule-1-14-1", false, ID_SPACES},
    [RULE_FORMER_ORG_SPACES] = {"rule-1-16-1", false, ID_SPACES},
    [RULE_FORMER_ID_SPACES] = {"rule-1-6-1", false, ID_SPACES},
    [RULE_RELATED_SPACES] = {"rule-1-7-1", false, ID_SPACES},
    [RULE_PARTICIPATING_SPACES] = {"rule-1-8-1", false, ID_SPACES},
    [RULE_PARTICIPATING_ID_SPACES] = {"rule-1-9-1", false, ID_SPACES},
    [RULE_PROVIDER_SPACES] = {"rule-1-10-1", false, ID_SPACES},
    [RULE_PROVIDER_ID_SPACES] = {"rule-1-4-1", false, ID_SPACES},
    [RULE_RECEIVER_SPACES] = {"rule-1-15-1", false, ID_SPACES},
    [RULE_RECEIVER_ID_SPACES] = {"rule-1-5-1", false, ID_SPACES},
    [RULE_OWNER_SPACES] = {"rule-1-11-1", false, ID_SPACES},
    [RULE_START] = {"rule-6-11-1", true, "the activity has no planned and no actual start date"},
    [RULE_SECTOR_SOME] = {"rule-6-2-2", true,
                          "the activity has no sector, and its transactions have none"},
    [RULE_SECTOR_ALL] = {"rule-6-7-2", true,
                         "the sector is given with some transactions and not with this one"},
    [RULE_SECTOR_BOTH] = {"rule-6-6-2", true,
                          "sectors stand at the activity and at transactions; one of the two"},
    [RULE_LANGUAGE] = {"rule-4-1-1", true,
                       "neither the activity nor this narrative says its language"},
    [RULE_CURRENCY] = {"rule-7-8-1", true, "neither the activity nor this value says its currency"},
    [RULE_UPDATED_FUTURE] = {"rule-11-1-1", true, FUTURE},
    [RULE_PLANNED_ORDER] = {"rule-11-1-2", true, "the planned start lies after the planned end"},
    [RULE_ACTUAL_ORDER] = {"rule-11-1-3", true, "the actual start lies after the actual end"},
    [RULE_STARTED_FUTURE] = {"rule-11-1-4", true, FUTURE},
    [RULE_ENDED_FUTURE] = {"rule-11-1-5", true, FUTURE},
    [RULE_TRANSACTION_FUTURE] = {"rule-11-2-1", true, FUTURE},
    [RULE_VALUE_FUTURE] = {"rule-11-2-2", true, FUTURE},
    [RULE_SECTOR_EACH] = {"rule-2-1-1", true, EACH_ONE},
    [RULE_SECTOR_SUM] = {"rule-2-1-2", true, SUM_100},
    [RULE_SECTOR_ONE] = {"rule-2-1-4", true, SINGLE_100},
    [RULE_SECTOR_NARRATIVE] = {"rule-2-2-1", true,
                               "a sector code of the organisation's own needs a narrative"},
    [RULE_SECTOR_DAC] = {"rule-102-1-1", false,
                         "sectors of other vocabularies, and none of OECD DAC (1) beside them"},
    [RULE_COUNTRY_EACH] = {"rule-3-1-1", true, EACH_ONE},
    [RULE_COUNTRY_SUM] = {"rule-3-1-2", true, SUM_100},
    [RULE_COUNTRY_ONE] = {"rule-3-1-4", true, SINGLE_100},
    [RULE_REGION_EACH] = {"rule-3-4-1", true, EACH_ONE},
    [RULE_REGION_SUM] = {"rule-3-4-2", true, SUM_100},
    [RULE_REGION_ONE] = {"rule-3-4-4", true, SINGLE_100},
    [RULE_COUNTRY_BOTH] = {"rule-3-6-2", true,
                           "countries or regions stand at the activity and at transactions; one of "
                           "the two"},
    [RULE_COUNTRY_NONE] = {"rule-3-7-1", true,
                           "no country and no region, at the activity or at a transaction"},
    [RULE_COUNTRY_ALL] = {"rule-3-7-2", true,
                          "the country or region is given with some transactions and not with "
                          "this one"},
    [RULE_ITEM_EACH] = {"rule-7-9-1", false, EACH_ONE},
    [RULE_ITEM_SUM] = {"rule-7-9-2", false, SUM_100},
    [RULE_ITEM_ONE] = {"rule-7-9-4", false, SINGLE_100},
    [RULE_COUNTRY_RANGE] = {"rule-12-1-1", true, RANGE_100},
    [RULE_SECTOR_RANGE] = {"rule-12-3-1", true, RANGE_100},
    [RULE_SPEND_RANGE] = {"rule-12-2-1", true, RANGE_100},
    [RULE_AID_ONCE] = {"rule-107-1-2", false, "an aid type of this vocabulary stands there before"},
    [RULE_AID_DAC] = {"rule-107-1-1", false,
                      "aid types of other vocabularies, and none of OECD DAC (1) beside them"},
    [RULE_TRANSACTION_AID_ONCE] = {"rule-107-2-2", false,
                                   "an aid type of this vocabulary stands there before"},
    [RULE_TRANSACTION_AID_DAC] =
        {"rule-107-2-1", false,
         "aid types of other vocabularies, and none of OECD DAC (1) beside "
         "them"},
    [RULE_OWNER] = {"rule-6-8-1", true, ORG_EMPTY},
    [RULE_PROVIDER] = {"rule-6-9-1", true, ORG_EMPTY},
    [RULE_RECEIVER] = {"rule-6-9-2", true, ORG_EMPTY},
    [RULE_PARTICIPATING] = {"rule-6-10-1", true, ORG_EMPTY},
    [RULE_MARKER_SIGNIFICANCE] = {"rule-6-14-1", true,
                                  "a policy marker of vocabulary 1 needs its significance"},
    [RULE_MARKER_NARRATIVE] = {"rule-6-13-1", true,
                               "a policy marker of the organisation's own needs a narrative"},
    [RULE_PERIOD_ORDER] = {"rule-8-6-3", true, ORDER},
    [RULE_BUDGET_YEAR] = {"rule-7-5-3", true, "a budget's period is longer than one year"},
    [RULE_INDICATOR_PERIOD] = {"rule-8-6-1", true, ORDER},
    [RULE_REFERENCE] = {"rule-8-11-1", true,
                        "the reference stands at the result already; one of the two"},
    [RULE_BASELINE_MISSING] = {"rule-8-8-1", true, VALUE_MISS},
    [RULE_BASELINE_NUMBER] = {"rule-8-8-2", false, VALUE_NUM},
    [RULE_BASELINE_NONE] = {"rule-8-8-3", false, VALUE_NONE},
    [RULE_TARGET_MISSING] = {"rule-8-9-1", true, VALUE_MISS},
    [RULE_TARGET_NUMBER] = {"rule-8-9-2", false, VALUE_NUM},
    [RULE_TARGET_NONE] = {"rule-8-9-3", false, VALUE_NONE},
    [RULE_ACTUAL_MISSING] = {"rule-8-10-1", true, VALUE_MISS},
    [RULE_ACTUAL_NUMBER] = {"rule-8-10-2", false, VALUE_NUM},
    [RULE_ACTUAL_NONE] = {"rule-8-10-3", false, VALUE_NONE},
    [RULE_TITLE] = {"rule-4-3-1", true, "the title is empty"},
    [RULE_DESCRIPTION] = {"rule-4-4-1", true, "the description is empty"},
};
