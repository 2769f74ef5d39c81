/* SPDX-License-Identifier: Apache-2.0 */
/* headers - see http.h. The host refuses lines with line feeds again; here they do not even come to
 * be. */
#include "http.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int has(const struct lines *l, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < l->n; i++) {
        if (strncasecmp(l->line[i], name, len) == 0 && l->line[i][len] == ':')
            return 1;
    }
    return 0;
}

int lines_add(struct lines *l, const char *name, const char *value)
{
    char *line = NULL;
    if (!value || has(l, name))
        return 0;
    if (l->n >= LINES_MAX || strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n"))
        return -1;
    if (asprintf(&line, "%s: %s", name, value) < 0)
        return -1;
    l->line[l->n++] = line;
    l->line[l->n] = NULL;
    return 0;
}

void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->line[i]);
    l->n = 0;
    l->line[0] = NULL;
}

char *quoted_string(const char *s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(s);
    char *out = len < SIZE_MAX / 3 - 3 ? malloc(3 * len + 3) : NULL;
    char *p = out;
    if (!out)
        return NULL;
    *p++ = '"';
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c >= 0x7f) {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
            continue;
        }
        if (c == '"' || c == '\\')
            *p++ = '\\';
        *p++ = (char)c;
    }
    *p++ = '"';
    *p = '\0';
    return out;
}

char *basic_credentials(const char *user_password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char prefix[] = "Basic ";
    const unsigned char *s = (const unsigned char *)user_password;
    size_t len = strlen(user_password);
    char *out = len < SIZE_MAX / 4 ? malloc(sizeof(prefix) + (len / 3 + 1) * 4) : NULL;
    if (!out)
        return NULL;
    char *p = stpcpy(out, prefix);
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned v = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0) |
                     (left > 2 ? (unsigned)s[i + 2] : 0);
        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = left > 1 ? digits[v >> 6 & 63] : '=';
        *p++ = left > 2 ? digits[v & 63] : '=';
    }
    *p = '\0';
    return out;
}
