/* SPDX-License-Identifier: Apache-2.0 */
/* rules - what the door lets in, decided on the head of a request alone. Pure: no socket, no
 * library; tested as tables.
 *
 * Order of the decision: the head is well formed (400, 414, 417), the path is clean (400), somebody
 * may ask (401), it is theirs and it exists (404), the method fits (405), the body may come (411,
 * 413, 415). */
#ifndef REEVE_DOOR_RULES_H
#define REEVE_DOOR_RULES_H
#include "config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_LEN_MAX  2048u
#define QUERY_LEN_MAX 2048u
#define HEADERS_MAX   100u

struct refusal {
    unsigned status; /* 0: none */
    const char *code, *detail;
};

struct header { /* borrowed */
    const char *name, *value;
    size_t name_len, value_len;
};

struct head { /* what header_check() found; pointers into the headers */
    bool chunked, has_length;
    uint64_t length;
    const struct header *authorization; /* NULL: none */
};

/* RFC 9110 section 5 and RFC 9112 sections 3.2, 6.1, 6.3: names are tokens, values without control
 * characters, one Host, one Content-Length of digits or one Transfer-Encoding: chunked, never both;
 * no field twice that says who, what or how much; the only expectation is 100-continue; no content
 * coding. version: "HTTP/1.1". False: *no says why. */
bool header_check(const struct header *h, size_t n, const char *version, struct head *ret,
                  struct refusal *no);
/* Fields that are passed on: not those that concern this connection only, and credentials and Host
 * to the console alone, which asks who it is by itself. */
bool header_passes(const struct header *h, bool to_console);

/* A header field of an answer from behind the door: only those that a page needs, a value of
 * visible US-ASCII and blanks. All others are the door's own. */
bool answer_field_ok(const char *name, const char *value);

/* Splits a request target (origin-form) and decodes the path once. path: PATH_LEN_MAX + 1 bytes.
 * Refused: what is not a path, %00 and other control characters, %2F, backslashes, dot segments,
 * empty segments, bad escapes, bad UTF-8. The query is borrowed from raw and stays as it came (""
 * when there is none); its escapes are checked. */
bool path_check(const char *raw, char *path, const char **ret_query, struct refusal *no);

enum what { WHAT_HEALTH, WHAT_LIVE, WHAT_METRICS, WHAT_SUBMIT, WHAT_RECEIPT, WHAT_CONSOLE };
struct access {
    enum what what;
    const struct door_path *path; /* NULL for the hub's own paths */
    const char *allow;            /* with 405: the Allow field */
    bool bad_token;               /* with 401: one was shown */
};
/* Who may do what: a bearer token (RFC 6750) opens the paths that list its SHA-256; every
 * comparison is done in full. The hub's own paths: health is for everybody; metrics have tokens of
 * their own, and without one they are there for this machine only; the console's pages ask by
 * themselves. Without a token only paths open to all are there; the rest is 401, whether it exists
 * or not. authorization may be NULL. */
bool access_check(const struct door_config *c, const char *method, const char *path,
                  const struct header *authorization, struct access *ret, struct refusal *no);
/* RFC 9110 section 12.5.1, as far as it matters for metrics: true when the fields `Accept` want
 * text/plain more than application/openmetrics-text. */
bool accept_plain_text(const struct header *h, size_t n);
/* May this body come? limit: bytes. */
bool body_check(const struct head *h, const char *method, uint64_t limit, struct refusal *no);

#endif
