/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: the Open Contracting Data Standard 1.1 for the hub. See README.md beside this file. */
#include "ocds.h"

static const struct reeve_emits emits[] = {
    {.type = "information.contract",
     .schema = OCDS_SCHEMA,
     .attributes = "funder recipient amount exactamount currency category"},
    {.type = "funding.payment",
     .schema = OCDS_SCHEMA,
     .attributes = "funder recipient amount exactamount currency correlationid"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "ocds", .version = REEVE_VERSION,
             .summary = "Open Contracting Data Standard 1.1: release and record packages in JSON",
             .decode = ocds_decode, .encode = ocds_encode, .emits = emits);
