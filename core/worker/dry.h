/* SPDX-License-Identifier: Apache-2.0 */
/* dry - a document through the very intake that a source runs, outside a hub: for `decode`,
 * `explain` and `test`.
 *
 * Every message is as on its first sending (generation 0): there is no memory of earlier
 * submissions here. */
#ifndef REEVE_WORKER_DRY_H
#define REEVE_WORKER_DRY_H
#include "intake.h"
#include "plugin/memory.h"
#include "routing/route.h"
#include "stage.h"

struct dry {
    struct host_room room;
    struct intake intake;
    struct stage *stage;
    struct issues *issues;
    struct intake_result result; /* of the last document */
    struct twins *twins;
    struct buf scratch;
    uint64_t message_max;
    struct map *memory; /* NULL: adapter and steps remember nothing */
    bool asked_state; /* a step or the adapter looked for state: what a running hub does may differ
                       */
};
/* part: as for intake_open(). Steps and adapter are loaded and opened. Nothing to undo on failure.
 */
int dry_open(const struct tree *part, struct dry *ret, struct err *e);
void dry_close(struct dry *d);
/* From now on adapter and steps remember what they put, from document to document. 0 or *e. */
int dry_remember(struct dry *d, struct err *e);
/* Reads the document: p, len in memory, or fd >= 0. name may be NULL. Results: issues, result, and
 * dry_next(). */
void dry_document(struct dry *d, const char *content_type, const char *name, int fd, const char *p,
                  size_t len);

enum dry_outcome { DRY_GOOD, DRY_REFUSED, DRY_UNREADABLE, DRY_FAILED };
/* What a source would say of the document that was read (without lenient handling). */
enum dry_outcome dry_outcome(const struct dry *d);

struct dry_message {                          /* borrowed until the next dry_next() */
    const char *id, *source, *type, *subject; /* subject may be NULL */
    const struct route_attribute *attributes; /* with id */
    size_t attributes_n;
    const char *json; /* structured */
    size_t len;
};
/* The messages that were taken, in order. 1, 0 at the end, negative errno. */
int dry_next(struct dry *d, struct dry_message *ret, struct err *e);

#endif
