/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: the 360Giving Data Standard 1.4.3 for the hub. See README.md beside this file. */
#include "hub.h"

static const struct reeve_emits emits[] = {
    {.type = "funding.award",
     .schema = GIVING_SCHEMA,
     .attributes = "funder recipient amount exactamount currency category place datacategory",
     .gives = "id title description awarded requested disbursed date funders recipients individual "
              "grounds planned actual programmes openCall kinds places placeScope regrant "
              "classifications transactions related documents url sourceUrl updated",
     .needs = "title description awarded date funders recipients|individual"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "360giving", .version = REEVE_VERSION,
             .summary = "360Giving Data Standard 1.4.3: grants in JSON packages and tables",
             .decode = giving_decode, .encode = giving_encode, .to_hub = giving_to_hub,
             .from_hub = giving_from_hub, .emits = emits);
