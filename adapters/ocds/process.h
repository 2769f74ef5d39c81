/* SPDX-License-Identifier: Apache-2.0 */
/* process - the releases of one contracting process that came so far, kept as one text, so that
 * each new one can be put together with them whatever order they come in. Pure: whoever calls keeps
 * the text. */
#ifndef ADAPTERS_OCDS_PROCESS_H
#define ADAPTERS_OCDS_PROCESS_H
#include "lib/json_node.h"
#include "lib/json_write.h"
#include <stddef.h>

enum process_verdict {
    PROCESS_TAKEN,
    PROCESS_REFUSED, /* never; *ret_why says why */
    PROCESS_FAILED   /* out of memory */
};
/* kept: the text, or NULL: nothing came before. release: text and what was parsed of it; it has
 * ocid, id and a date that are texts within the bounds of merge.h.
 *
 * now: becomes the text to be kept. whole: becomes the release that says what holds now; it stays
 * empty when this release is all there is. Both are writers whose ceiling is the caller's. */
enum process_verdict process_take(const char *kept, size_t kept_len,
                                  const struct json_node *release, const char *text, size_t len,
                                  struct json_write *now, struct json_write *whole,
                                  const char **ret_why);

#endif
