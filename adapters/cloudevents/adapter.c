/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: CloudEvents 1.0 for the hub. See README.md beside this file. */
#include "events.h"

static const struct reeve_option options[] = {
    {.key = "mode",
     .def = "structured",
     .allowed = "structured|binary",
     .help = "How one event is written: as one JSON document, or as HTTP headers and a body.",
     .type = REEVE_T_CHOICE,
     .flags = REEVE_OPT_DELIVER},
    {.key = NULL},
};

static const struct reeve_emits emits[] = {
    {.type = "*", .attributes = "*"},
    {.type = NULL},
};

REEVE_PLUGIN(.name = "cloudevents", .version = REEVE_VERSION,
             .summary = "CloudEvents 1.0: structured JSON, batches, and HTTP binary mode",
             .options = options, .decode = events_decode, .encode = events_encode, .emits = emits);
