/* SPDX-License-Identifier: Apache-2.0 */
/* trace_print - the journal of a message or a submission as sentences. */
#ifndef REEVE_CLI_TRACE_PRINT_H
#define REEVE_CLI_TRACE_PRINT_H
#include "base/tree.h"
#include <stdio.h>

/* rows: as journal_trace() gives them. now_ms: wall clock, for "in 5m". */
void trace_print(const struct tree *rows, uint64_t now_ms, FILE *out);

#endif
