/* SPDX-License-Identifier: Apache-2.0 */
/* form - what a message looks like in memory; private to this room.
 *
 * A message read from JSON is one block (struct, slots, names and values) and the body's buffer. An
 * attribute that is set later has its own piece of memory, so that setting one again and again
 * cannot make a message grow. */
#ifndef REEVE_MESSAGE_FORM_H
#define REEVE_MESSAGE_FORM_H
#include "message.h"

#define SLOTS_NEW 16 /* an adapter's message rarely has more */

struct slot {
    struct attribute a;
    char *own; /* NULL: the text lies in the message's own block */
};

struct message {
    struct slot *slot; /* in the block behind this struct, or grown */
    size_t n, cap;
    size_t attribute_bytes; /* names and texts */
    bool grown;             /* slot was allocated by itself */
    enum body_kind kind;
    struct buf body;
};

/* An empty message with room for `slots` slots and `text` bytes behind them (*ret_text). NULL when
 * out of memory. */
struct message *message_block(size_t slots, size_t text, char **ret_text);
/* Appends a slot (room must be there) whose name and value are copied to *text, which is moved on
 * by both + 2. */
void message_fill(struct message *m, const struct attribute *a, char **text);
/* The attribute's number or -1. */
int message_index(const struct message *m, const char *name, size_t len);
/* Would a body of this kind fit this datacontenttype (NULL: absent; need not be terminated)? */
bool message_body_fits(enum body_kind kind, const char *content_type, size_t len);

#endif
