/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_mend - a move that was cut off: the note of it, the mark on what it moved, and taking out
 * what is in both queues. Private to this room. The lock AMQP_LOCK_MOVE is held for all of these.
 */
#ifndef REEVE_TRANSPORT_AMQP_MEND_H
#define REEVE_TRANSPORT_AMQP_MEND_H
#include "amqp_link.h"
#include <amqp_framing.h>

#define AMQP_MOVE_TOKEN 33 /* with the zero */

/* Makes a token and writes the note, durably; c's channel 1 is in confirm mode. */
int amqp_move_note(amqp_connection_state_t c, const char *from, const char *to,
                   char ret_token[AMQP_MOVE_TOKEN], struct err *e);
/* Adds the token to what amqp_marks_put() has filled in. */
void amqp_move_mark(amqp_basic_properties_t *props, amqp_table_entry_t *table, const char *token);
int amqp_move_forget(amqp_connection_state_t c, struct err *e); /* the move has ended well */
/* amqp_move_mend() for who has the lock. */
int amqp_move_mend_locked(amqp_connection_state_t c, struct err *e);

#endif
