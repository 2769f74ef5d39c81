/* SPDX-License-Identifier: Apache-2.0 */
/* err - why an operation failed: a stable code for machines and one line of text for people.
 *
 * Convention of the whole tree: a function that can fail returns 0 or a negative errno. Where the
 * caller needs words it takes a `struct err *` as last parameter (never NULL in such functions) and
 * fills it exactly when it returns non-zero. Library code does not log; the caller that handles the
 * error does. */
#ifndef REEVE_BASE_ERR_H
#define REEVE_BASE_ERR_H

#define ERR_CODE_MAX 32
#define ERR_TEXT_MAX 480

struct err {
    char code[ERR_CODE_MAX]; /* "disk-full", "json-syntax" …: lower case, hyphens, stable */
    char text[ERR_TEXT_MAX]; /* one line, no line feed, cut with "…" when longer; control characters
                                are escaped */
};

/* Fills *e and returns ret (a negative errno), so that `return err_set(e, -EINVAL, "code", "…",
 * …);` is one line. */
int err_set(struct err *e, int ret, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "WHAT: " in front of the text that is there: context added on the way up. Returns ret. */
int err_prefix(struct err *e, int ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
