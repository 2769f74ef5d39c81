/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: the IATI Standard 2.03 for the hub. See README.md beside this file. */
#include "iati.h"

static const struct reeve_option options[] = {
    {.key = "rules",
     .type = REEVE_T_CHOICE,
     .def = "warn",
     .allowed = "warn|refuse|off",
     .help = "what becomes of an activity that breaks a rule of the standard's ruleset which is an "
             "error there: a warning, or refused."},
    {.key = NULL},
};

static const struct reeve_emits emits[] = {
    {.type = "funding.award",
     .schema = IATI_SCHEMA,
     .attributes = "funder recipient amount currency category place status"},
    {.type = "funding.payment",
     .schema = IATI_SCHEMA,
     .attributes = "funder recipient amount currency category place status correlationid"},
    {.type = "funding.report",
     .schema = IATI_SCHEMA,
     .attributes = "funder recipient amount currency category place status correlationid"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "iati", .version = REEVE_VERSION,
             .summary = "IATI Standard 2.03: activity files in XML", .options = options,
             .decode = iati_decode, .encode = iati_encode, .emits = emits);
