/* SPDX-License-Identifier: Apache-2.0 */
/* hub - how a release's members and those of the hub record answer to each other: one table for
 * both directions. */
#ifndef ADAPTERS_OCDS_HUB_H
#define ADAPTERS_OCDS_HUB_H
#include "lib/hub_record.h"
#include "lib/hub_table.h"
#include "ocds.h"

extern const struct answers hub_contract; /* a release */
extern const struct answers hub_payment;  /* a release with one transaction, as decode makes it */

#endif
