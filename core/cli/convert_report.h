/* SPDX-License-Identifier: Apache-2.0 */
/* convert_report - what `reeve convert --report` prints: for every message what became of each
 * field, and at the end the same for each field over all messages. */
#ifndef REEVE_CLI_CONVERT_REPORT_H
#define REEVE_CLI_CONVERT_REPORT_H
#include "base/map.h"
#include "base/tree.h"
#include "message/message.h"
#include "worker/fidelity.h"

struct convert_report {
    bool json;
    struct map *fields; /* field to its counts */
    uint64_t messages, refused;
    int rc; /* the first failure, negative errno */
};
int convert_report_open(struct convert_report *r, bool json); /* 0 or -ENOMEM */
void convert_report_close(struct convert_report *r);
/* One record of message m: as it was, and as it was read back from the other standard (NULL:
 * nothing of it was). source_was, source_is (both or neither): the body, and what its own adapter
 * reads back from the record: what differs there was lost before the record. */
void convert_report_record(struct convert_report *r, const struct message *m,
                           const struct tree *was, const struct tree *is,
                           const struct tree *source_was, const struct tree *source_is);
void convert_report_refused(struct convert_report *r, const struct message *m, const char *reason);
/* The totals. 0, or what went wrong on the way. */
int convert_report_end(struct convert_report *r);

#endif
