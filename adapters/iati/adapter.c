/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: the IATI Standard 2.03 for the hub. See README.md beside this file. */
#include "hub.h"

static const struct reeve_option options[] = {
    {.key = "rules",
     .type = REEVE_T_CHOICE,
     .def = "warn",
     .allowed = "warn|refuse|off",
     .help = "what becomes of an activity that breaks a rule of the standard's ruleset which is an "
             "error there: a warning, or refused."},
    {.key = "schema",
     .type = REEVE_T_PATH,
     .help = "A file of the official schema (iati-activities-schema.xsd, with those that it "
             "includes beside it), by which activities are checked, too."},
    {.key = NULL},
};

/* The instance is the official schema, or NULL. */
static reeve_rc iati_open(reeve_ctx *ctx, void **inst)
{
    const char *path = reeve_conf(ctx, "schema", 0);
    if (path == NULL)
        return REEVE_OK;
    *inst = official_open(ctx, path);
    return *inst != NULL ? REEVE_OK : REEVE_FATAL;
}

static void iati_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    official_close(inst);
}

static const struct reeve_emits emits[] = {
    {.type = "funding.award",
     .schema = IATI_SCHEMA,
     .attributes = "funder recipient amount exactamount currency category place status "
                   "correlationid",
     .gives = "id title description language translations status awarded date planned actual "
              "funders recipients partners places classifications budgets transactions documents "
              "related results url updated",
     .needs = "title description funders date|planned|actual"},
    {.type = "funding.payment",
     .schema = IATI_SCHEMA,
     .attributes =
         "funder recipient amount exactamount currency category place status correlationid",
     .gives = "id language award kind date value valueDate payer payee description number "
              "classifications places",
     .needs = "award kind date value payer title|description"},
    {.type = "funding.report",
     .schema = IATI_SCHEMA,
     .attributes =
         "funder recipient amount exactamount currency category place status correlationid",
     .gives = "id language award results",
     .needs = "award results"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "iati", .version = REEVE_VERSION,
             .summary = "IATI Standard 2.03: activity files in XML", .options = options,
             .open = iati_open, .close = iati_close, .decode = iati_decode, .encode = iati_encode,
             .to_hub = iati_to_hub, .from_hub = iati_from_hub, .emits = emits);
