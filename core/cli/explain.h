/* SPDX-License-Identifier: Apache-2.0 */
/* explain - one document through intake and route table of a plan: what `explain` prints and `test`
 * compares. */
#ifndef REEVE_CLI_EXPLAIN_H
#define REEVE_CLI_EXPLAIN_H
#include "document.h"

struct explained { /* counts of one document */
    uint64_t accepted, refused, dropped, unrouted;
    struct tree *destinations; /* map: name -> number of messages that go there */
    enum dry_outcome outcome;
};
void explained_done(struct explained *x);
/* per_message (may be NULL) is called for each message: routes as route_explain() gives them,
 * destinations a list of names; both are the callee's. Non-zero stops. */
int explain_document(const struct tree *part, struct dry *d, const struct document_file *f,
                     const char *content_type,
                     int (*per_message)(void *arg, const struct dry_message *m, struct tree *routes,
                                        struct tree *destinations, bool unrouted),
                     void *arg, struct explained *ret, struct err *e);

#endif
