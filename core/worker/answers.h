/* SPDX-License-Identifier: Apache-2.0 */
/* answers - what a sender is told: JSON for the door, lines for people. Pure. DESIGN.md section 5,
 * "Answers at the door". */
#ifndef REEVE_WORKER_ANSWERS_H
#define REEVE_WORKER_ANSWERS_H
#include "base/buf.h"
#include "issues.h"

#define ANSWER_MAX (1536u << 10) /* below DOOR_FRAME_MAX; issues beyond it are only counted */

struct answer { /* all borrowed */
    unsigned status;
    const char *receipt; /* hex */
    uint64_t accepted, fresh, changed, unchanged, refused, dropped;
    const struct issues *issues;
    const char *ids;      /* inside of a JSON list; "" */
    const char *standard; /* name of the adapter */
    const char *looks_like;
    const char *code, *text; /* of the whole: 503, 422 without issues */
    bool check_only;
};
/* 202 (and 200 of a check): {receipt, accepted, new, changed, unchanged, messages}; others:
 * problem+json (RFC 9457). 0 or a buf error. */
int answer_json(const struct answer *a, struct buf *out);
/* A line on the counts, then a line an issue. */
int answer_text(const struct answer *a, struct buf *out);
/* problem+json with nothing but this. */
int answer_problem(unsigned status, const char *code, const char *text, struct buf *out);
const char *answer_title(unsigned status);

#endif
