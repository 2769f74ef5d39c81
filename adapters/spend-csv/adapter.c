/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: councils' spend files for the hub. See README.md beside this file. */
#include "spend.h"

static const struct reeve_emits emits[] = {
    {.type = "funding.payment",
     .schema = SPEND_SCHEMA,
     .attributes = "funder recipient amount currency category datacategory line columns"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "spend-csv", .version = REEVE_VERSION,
             .summary = "councils' spend over 500 pounds, as CSV", .decode = spend_decode,
             .emits = emits);
