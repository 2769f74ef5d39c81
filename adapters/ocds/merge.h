/* SPDX-License-Identifier: Apache-2.0 */
/* merge - releases of one process into the one that says what holds now (OCDS 1.1, "Merging":
 * https://standard.open-contracting.org/1.1/en/schema/merging/). Pure. */
#ifndef ADAPTERS_OCDS_MERGE_H
#define ADAPTERS_OCDS_MERGE_H
#include "lib/json_node.h"
#include "lib/json_write.h"
#include <stdbool.h>
#include <stddef.h>

#define OCID_MAX         1024u
#define RELEASE_DATE_MAX 64u /* bytes; RFC 3339 sets no bound for a second's fraction */

/* A compiled release of n >= 1 releases, the oldest first. false: out of memory; what was written
 * is then of no use. The last one's ocid and date stand in it, and its id is made of both:
 * they must be texts within these bounds. */
bool merge_write(struct json_write *w, const struct json_node *const *releases, size_t n);
/* It is the state of a whole process: one of its tags is `compiled`. */
bool is_compiled(const struct json_node *release);

#endif
