/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: the Open Contracting Data Standard 1.1 for the hub. See README.md beside this file. */
#include "ocds.h"

static const struct reeve_emits emits[] = {
    {.type = "information.contract",
     .schema = OCDS_SCHEMA,
     .attributes = "funder recipient amount exactamount currency category",
     .gives = "id release date stages tags language buyer parties rationale budget tender awards "
              "contracts",
     .needs = "release date tags"},
    {.type = "funding.payment",
     .schema = OCDS_SCHEMA,
     .attributes = "funder recipient amount exactamount currency correlationid",
     .gives = "id language award contract kind date value payer payee number url",
     .needs = "contract award number date"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "ocds", .version = REEVE_VERSION,
             .summary = "Open Contracting Data Standard 1.1: release and record packages in JSON",
             .decode = ocds_decode, .encode = ocds_encode, .to_hub = ocds_to_hub,
             .from_hub = ocds_from_hub, .emits = emits);
