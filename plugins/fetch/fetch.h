/* SPDX-License-Identifier: Apache-2.0 */
/* fetch - the parts of the plugin. One instance, one thread. */
#ifndef REEVE_FETCH_H
#define REEVE_FETCH_H
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX   4096u
#define FIELD_MAX 1024u
#define WHY_MAX   400u

/* For %.*s: a URL without its query, in which some put a key. */
#define URL_SHOWN(url) (int)strcspn((url), "?#"), (url)

/* ---- url.c: URLs and where the next page is; pure ---- */

/* Is it one that the plugin fetches (http, https, sftp, file), without user and password in it? 0,
 * or -1 with a sentence in why[]. */
int url_check(const char *url, char *why, size_t why_size);

/* reference, seen from base, as an absolute URL (RFC 3986 section 5). 0, or -1: not a URL, or too
 * long. */
int url_resolve(const char *base, const char *reference, char out[URL_MAX]);

/* The same scheme, host and port: may it see what the operator meant for the other? */
bool url_same_origin(const char *a, const char *b);

/* May a redirection lead from one to the other: http to http or https, https to https. */
bool url_may_lead(const char *from, const char *to);

/* The target with relation "next" in the value of a Link field (RFC 8288 section 3). 1: found; 0:
 * none. */
int link_next(const char *value, char out[URL_MAX]);

/* The text that a JSON pointer (RFC 6901) finds in a document. 1: found; 0: absent, null or "";
 * -1: the document is not JSON, or it is no text: why[]. */
int pointer_next(const char *json, size_t len, const char *pointer, char out[URL_MAX], char *why,
                 size_t why_size);

/* ---- unpack.c ---- */

/* A file without a name, that goes when it is closed. The descriptor, or -errno. */
int nameless_file(void);

/* Is what stands in the file packed by gzip (RFC 1952)? */
bool is_gzip(int fd);

/* Unpacks the file `from` into `to`, all members. 0; -1 with why[]: cut short, damaged, more than
 * max bytes, or the disk. */
int unpack(int from, int to, uint64_t max, char *why, size_t why_size);

/* SHA-256 of a file, in hexadecimal. 0 or -1. */
int file_digest(int fd, char out[65]);

/* ---- ssh.c: what is different over SFTP ---- */
bool ssh_is(const char *url);

/* Do the options say who we are and whom we trust? FATAL: the reason is recorded. */
reeve_rc ssh_check(reeve_ctx *);

/* Sets credentials and the known hosts on a CURL handle. */
void ssh_prepare(void *curl, reeve_ctx *);

/* Asks for the file's size and time, which change when the file does; as one text. 0, or a
 * CURLcode. */
int ssh_look(void *curl, char state[FIELD_MAX]);

/* ---- transfer.c ---- */

/* What is known of an earlier fetch, so that the server can say "not modified"; empty: nothing.
 * Over SFTP modified is what ssh_look() said. */
struct validators {
    char etag[FIELD_MAX], modified[FIELD_MAX];
};

/* A document as it came. */
struct document {
    int fd;            /* its bytes, to be closed; -1: none */
    bool unmodified;   /* the server says so: there are no bytes */
    char url[URL_MAX]; /* where it was found in the end */
    char type[FIELD_MAX], encoding[FIELD_MAX], link[FIELD_MAX * 4];
    struct validators v;
};

struct transfer;

struct transfer *transfer_new(reeve_ctx *);
void transfer_free(struct transfer *); /* NULL is fine */

/* Fetches one document whole, goes on where a connection broke when the server lets it, follows up
 * to 5 redirections. origin: whose the credentials and header fields of the options are; others get
 * none. OK: *ret holds it; else the reason is recorded. Returns soon when asked to stop. */
reeve_rc transfer_run(struct transfer *, reeve_ctx *, const char *url, const char *origin,
                      const struct validators *known, struct document *ret);

#endif
