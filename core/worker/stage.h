/* SPDX-License-Identifier: Apache-2.0 */
/* stage - where a decoded submission waits until all of it is known to be valid: records in order,
 * first in memory, and in an unlinked file once they are more than 1 MiB. Appended, then read from
 * the start, any number of times. One thread. */
#ifndef REEVE_WORKER_STAGE_H
#define REEVE_WORKER_STAGE_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define STAGE_MEMORY_MAX (1u << 20)

struct stage;
/* dir: for the file, when one is needed (made with its parents). NULL: never a file, everything in
 * memory. */
struct stage *stage_new(const char *dir); /* NULL when out of memory */
void stage_free(struct stage *s);
/* A record made of up to two parts, one behind the other. Codes: "stage-write" (the disk is full
 * …), "out-of-memory". */
int stage_add(struct stage *s, const void *a, size_t a_len, const void *b, size_t b_len,
              struct err *e);
/* After the last stage_add(). 1 = *ret is the next record, borrowed until the next call; 0 = no
 * more; negative errno. */
int stage_next(struct stage *s, const uint8_t **ret, size_t *ret_len, struct err *e);
void stage_rewind(struct stage *s);
/* Where the next record is, and going there again. */
uint64_t stage_tell(const struct stage *s);
void stage_seek(struct stage *s, uint64_t at);
uint64_t stage_count(const struct stage *s);
uint64_t stage_bytes(const struct stage *s);
size_t stage_memory(const struct stage *s); /* the most it takes while it is read */

#endif
