/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: councils' spend files for the hub. See README.md beside this file. */
#include "spend.h"

static const struct reeve_emits emits[] = {
    {.type = "funding.payment",
     .schema = SPEND_SCHEMA,
     .attributes =
         "funder recipient amount exactamount currency category datacategory line columns",
     .gives = "id contract date value vat payer payee description number line card classifications",
     .needs = "value"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "spend-csv", .version = REEVE_VERSION,
             .summary = "councils' spend over 500 pounds, as CSV", .decode = spend_decode,
             .encode = spend_encode, .to_hub = spend_to_hub, .from_hub = spend_from_hub,
             .emits = emits);
