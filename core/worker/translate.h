/* SPDX-License-Identifier: Apache-2.0 */
/* translate - from the standard a message came in to the one its receiver speaks, through the hub
 * record of its type. For a sink, and for `reeve encode`. One thread. */
#ifndef REEVE_WORKER_TRANSLATE_H
#define REEVE_WORKER_TRANSLATE_H
#include "instance.h"

struct translator {
    const char *hub;          /* whose //HUB/PARTY/STANDARD sources count; NULL: any */
    struct instance *adapter; /* of the receiver; NULL: it takes bodies as they are */
    struct instance **others; /* adapters that may be needed */
    size_t others_n;
};
/* Takes m; calls emit (which takes its message) with messages of the standard that the receiver's
 * adapter speaks. When there is no way, *ret has REJECT and code "no-translation". */
void translate(const struct translator *t, struct message *m,
               int (*emit)(void *arg, struct message *m), void *arg, struct steps_result *ret);
/* One half of the way, for `reeve convert`: m (borrowed) through the adapter's to_hub or from_hub,
 * which it must have. 0, or -ECANCELED: *result says why (unless it already did). */
enum translate_leg { LEG_TO_HUB, LEG_FROM_HUB };
int translate_leg(struct instance *i, enum translate_leg leg, struct message *m,
                  int (*emit)(void *arg, struct message *m), void *arg,
                  struct steps_result *result);
/* What identifies the message stays what it was, whatever the adapters set. 0 or -ENOMEM. */
int translate_inherit(const struct message *from, struct message *m);
/* The standard that a message is in: the last part of a source of this hub, else "cloudevents".
 * Borrowed from m or static. */
const char *standard_of(const struct message *m, const char *hub);

#endif
