/* SPDX-License-Identifier: Apache-2.0 */
/* map - the two languages of the step, behind one interface each. All functions here belong to one
 * instance and its one thread. */
#ifndef REEVE_MAP_H
#define REEVE_MAP_H
#include <reeve/plugin.h>
#include <stddef.h>

#define OUTPUTS_MAX 10000u /* messages made of one; a program without end reaches it */

/* A jq program, compiled once. */
struct jq_program;

/* text: the program; from: its name for people, "jq" or a file. NULL: why[] holds the reason (the
 * compiler's words). */
struct jq_program *jq_program_new(const char *text, const char *from, char *why, size_t why_size);
void jq_program_free(struct jq_program *); /* NULL is fine */

/* Runs it on one message. whole: its input and outputs are events (CloudEvents JSON format 3: every
 * attribute a member, the body as "data"), else bodies. Emits one message for each output, after
 * the program has ended without an error: all or nothing. */
reeve_rc jq_program_run(struct jq_program *, reeve_ctx *, int whole, const reeve_msg *,
                        reeve_out *);

/* An XSLT 1.0 stylesheet. */
struct stylesheet;

/* NULL: why[] holds the reason. */
struct stylesheet *stylesheet_new(const char *path, char *why, size_t why_size);
void stylesheet_free(struct stylesheet *); /* NULL is fine */

/* Transforms the body; each attribute of the message is a parameter of that name. Emits one
 * message, or none when the result is empty (a drop that is told). */
reeve_rc stylesheet_run(struct stylesheet *, reeve_ctx *, const reeve_msg *, reeve_out *);

/* Tells that a message is dropped because nothing was made of it. */
void map_dropped(reeve_ctx *, const reeve_msg *, const char *text);

/* The first number in a valid JSON text that a binary double does not keep as it is written (more
 * than 15 significant digits, or out of range): jq 1.6 would change it silently. NULL: none. *len
 * is its length. */
const char *unsafe_number(const char *json, size_t json_len, size_t *len);

#endif
