/* SPDX-License-Identifier: Apache-2.0 */
/* guard - who may see the console, and which requests may change something. Pure: no clock, no
 * socket; tested as tables.
 *
 * With tokens: a bearer token (RFC 6750), or a session that the login form gave for one: a cookie
 * with its begin, its end and which token it was for, signed (HMAC-SHA-256) with a secret of the
 * hub. It lasts SESSION_S, is renewed while it is used, and ends after SESSION_MOST_S; a token that
 * is taken out of the configuration ends its sessions. Nothing is stored, so logging out removes
 * the cookie and no more. Without tokens the door is on loopback, and Host must be too: a page of
 * elsewhere whose name was made to point here (DNS rebinding) has another one.
 *
 * What changes something (POST) must come from our own page: Sec-Fetch-Site or Origin say so, and a
 * signed token of the form, bound to the session and valid FORM_S. */
#ifndef REEVE_CONSOLE_GUARD_H
#define REEVE_CONSOLE_GUARD_H
#include "base/digest.h"
#include "base/door_end.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>

#define SESSION_S      3600u
#define SESSION_MOST_S 43200u
#define FORM_S         3600u
#define GUARD_COOKIE   "reeve-console"
#define COOKIE_MAX     256
#define WHO_MAX        32
#define FORM_TOKEN_MAX 96

struct guard {
    uint8_t secret[SHA256_LEN];
    uint8_t (*token)[SHA256_LEN]; /* SHA-256 of each token that opens it */
    size_t tokens;                /* 0: open to this machine */
    bool tls;                     /* the cookie may only travel encrypted */
};

enum guard_answer {
    GUARD_OPEN,  /* may look */
    GUARD_LOGIN, /* must show a token first */
    GUARD_HOST   /* not asked by a name of this machine: 403 */
};
struct visitor {
    char who[WHO_MAX]; /* for the journal: "console", or "console 1a2b3c4d" (of the token) */
    char binding[WHO_MAX * 2]; /* what form tokens are bound to */
    char cookie[COOKIE_MAX];   /* Set-Cookie; "" = none is due */
};

/* part: of the console's process. Code "console-part". */
int guard_read(const struct tree *part, struct guard *ret, struct err *e);
void guard_done(struct guard *g);
enum guard_answer guard_check(const struct guard *g, const struct door_request *r, uint64_t now_s,
                              struct visitor *ret);
/* The session for a token that was typed in; false: it opens nothing. */
bool guard_login(const struct guard *g, const char *token, uint64_t now_s, struct visitor *ret);
void guard_logout(const struct guard *g, char cookie[COOKIE_MAX]);
/* The request comes from a page of ours. */
bool guard_same_origin(const struct door_request *r);
void guard_form_token(const struct guard *g, const struct visitor *v, uint64_t now_s,
                      char out[FORM_TOKEN_MAX]);
bool guard_form_ok(const struct guard *g, const struct visitor *v, uint64_t now_s,
                   const char *token);

#endif
