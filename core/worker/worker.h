/* SPDX-License-Identifier: Apache-2.0 */
/* worker - the two programs inside reeve-worker that carry messages. Each returns the process's
 * exit code (base/control.h).
 *
 * part_file: NULL under the supervisor (the part of the plan is on descriptor 4); a file for a
 * worker started by hand. */
#ifndef REEVE_WORKER_WORKER_H
#define REEVE_WORKER_WORKER_H

int worker_source(const char *part_file);
int worker_sink(const char *part_file);

#endif
