/* SPDX-License-Identifier: Apache-2.0 */
/* language_tag: tags of languages by RFC 5646 section 2.1, as the schemas write the form down. A
 * part can be one thing only by its length and its letters, so one look at each is enough. */
#include "lib/formats.h"
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* Passes over a hyphen and min to max of these characters, if that is the whole next part. */
static bool part(const char **s, const char *of, size_t min, size_t max)
{
    size_t n = **s == '-' ? strspn(*s + 1, of) : 0;
    if (n == 0 || n < min || n > max || ((*s)[n + 1] != '-' && (*s)[n + 1] != 0))
        return false;
    *s += n + 1;
    return true;
}

static bool variant(const char **s)
{
    return part(s, LETTERS DIGITS, 5, 8) ||
           ((*s)[0] == '-' && strchr(DIGITS, (*s)[1]) != NULL && part(s, LETTERS DIGITS, 4, 4));
}

/* A single character and what belongs to it; x begins what is private. */
static bool extension(const char **s, bool private)
{
    const char *p = *s;
    if (!part(&p, LETTERS DIGITS, 1, 1) ||
        (private ? p[-1] != 'x' : p[-1] == 'x' || p[-1] == 'X') ||
        !part(&p, LETTERS DIGITS, private ? 1 : 2, 8))
        return false;
    while (part(&p, LETTERS DIGITS, private ? 1 : 2, 8))
        ;
    *s = p;
    return true;
}

bool format_language_tag(const char *s)
{
    size_t n = strspn(s, LETTERS);
    if (s[0] == 'x' && n == 1) {
        const char *p = s + 1;
        while (part(&p, LETTERS DIGITS, 1, 8))
            ;
        return p > s + 1 && *p == 0;
    }
    if (n < 2 || n > 8)
        return false;
    s += n;
    for (int i = 0; n < 4 && i < 3; i++)
        (void)part(&s, LETTERS, 3, 3);
    (void)part(&s, LETTERS, 4, 4);
    (void)(part(&s, LETTERS, 2, 2) || part(&s, DIGITS, 3, 3));
    while (variant(&s))
        ;
    while (extension(&s, false))
        ;
    (void)extension(&s, true);
    return *s == 0;
}
