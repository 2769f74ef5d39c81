/* SPDX-License-Identifier: Apache-2.0 */
/* compile - runs `reeve-worker compile -c PATH --plan-fd 5` and collects the plan, beside the event
 * loop. */
#ifndef REEVE_SUPERVISOR_COMPILE_H
#define REEVE_SUPERVISOR_COMPILE_H
#include "plan.h"
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct compile;
/* quiet: diagnostics are kept for compile_diagnostics() (a reload) instead of going to standard
 * error (a start). */
int compile_start(const char *config, bool quiet, struct compile **ret, struct err *e);
void compile_free(struct compile *c); /* ends the compiler when it still runs. NULL is fine */
#define COMPILE_POLLFDS 3
size_t compile_poll(const struct compile *c, struct pollfd *out); /* how many were filled */
uint64_t compile_deadline(const struct compile *c);               /* monotonic ms */
/* Reads what came. True: it is over, call compile_result(). */
bool compile_run(struct compile *c);
/* 0 and a plan, or negative with *e: code "compile" (diagnostics say more), "compile-…", "plan…".
 */
int compile_result(struct compile *c, struct plan **ret, struct err *e);
const char *compile_diagnostics(const struct compile *c);

#endif
