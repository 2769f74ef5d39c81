/* SPDX-License-Identifier: Apache-2.0 */
/* problem - refusals as application/problem+json (RFC 9457): about:blank, so the title is the
 * status phrase. */
#ifndef REEVE_DOOR_PROBLEM_H
#define REEVE_DOOR_PROBLEM_H
#include "base/buf.h"

#define PROBLEM_TYPE "application/problem+json"
/* {"type","title","status","detail","code"} into out. 0 or a buf error. */
int problem_write(struct buf *out, unsigned status, const char *code, const char *detail);
const char *status_phrase(unsigned status);

#endif
