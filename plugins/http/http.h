/* SPDX-License-Identifier: Apache-2.0 */
/* http - what the files of this plugin share. */
#ifndef HTTP_H
#define HTTP_H
#include <reeve/plugin.h>

#define HTTP_BATCH 64u

/* ---- headers.c: the lines of one request, at most LINES_MAX, each made once ---- */
#define LINES_MAX 128u
struct lines {
    char *line[LINES_MAX + 1]; /* ends with NULL */
    size_t n;
};
/* Adds "NAME: VALUE" unless a line of that name is there already (the first that speaks wins). 0,
 * or -1: out of memory, too many, or not one line. */
int lines_add(struct lines *l, const char *name, const char *value);
void lines_free(struct lines *l);
/* A Structured Field string (RFC 8941 section 3.3.3): quoted; bytes that it cannot hold as %XX.
 * free() it. */
char *quoted_string(const char *s);
/* Authorization of user:password (RFC 7617). free() it. */
char *basic_credentials(const char *user_password);

/* ---- reason.c ---- */
#define REASON_MAX 256u
/* What to tell about an answer: its status, and for messages that are not about people at most 200
 * bytes of the title and detail of an application/problem+json (RFC 9457). */
void answer_reason(const reeve_resp *r, int personal, char out[REASON_MAX]);

/* ---- deliver.c ---- */
reeve_rc http_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n);
reeve_rc http_check(reeve_ctx *ctx, void *inst);

#endif
