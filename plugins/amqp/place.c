/* SPDX-License-Identifier: Apache-2.0 */
/* place - where a broker is and where a message goes; see rabbit.h. */
#include "rabbit.h"
#include <stdio.h>
#include <string.h>

static bool port_parse(const char *s, int *ret)
{
    int port = 0;
    for (; *s >= '0' && *s <= '9' && port < 65536; s++)
        port = port * 10 + (*s - '0');
    *ret = port;
    return *s == '\0' && port > 0 && port < 65536;
}

bool address_parse(const char *s, int port, struct address *ret)
{
    const char *begin = s, *end = strrchr(s, ':'), *digits = NULL;
    if (*s == '[') { /* RFC 3986 section 3.2.2 */
        begin = s + 1;
        end = strchr(s, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        digits = end[1] == ':' ? end + 2 : NULL;
    } else if (end && strchr(s, ':') == end) {
        digits = end + 1;
    } else {
        end = s + strlen(s); /* no port; several colons: an IPv6 address by itself */
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len >= sizeof(ret->host))
        return false;
    memcpy(ret->host, begin, len);
    ret->host[len] = '\0';
    ret->port = port;
    return !digits || port_parse(digits, &ret->port);
}

bool address_is_here(const struct address *a)
{
    return strcmp(a->host, "localhost") == 0 || strncmp(a->host, "127.", 4) == 0 ||
           strcmp(a->host, "::1") == 0;
}

const char *key_expand(const char *pattern, const reeve_msg *m, char out[SHORTSTR_MAX + 1])
{
    size_t at = 0;
    for (const char *p = pattern; *p;) {
        char name[64];
        const char *piece = p, *end = *p == '{' ? strchr(p, '}') : NULL;
        size_t len = 1;
        if (end) {
            if (end - p - 1 == 0 || (size_t)(end - p) > sizeof(name))
                return "the routing key's pattern names no attribute";
            (void)snprintf(name, sizeof(name), "%.*s", (int)(end - p - 1), p + 1);
            piece = reeve_msg_get(m, name);
            if (!piece)
                return "the message lacks an attribute that its routing key is made of";
            len = strlen(piece);
        }
        if (at + len > SHORTSTR_MAX)
            return "its routing key would be longer than 255 bytes";
        memcpy(out + at, piece, len);
        at += len;
        p = end ? end + 1 : p + 1;
    }
    out[at] = '\0';
    return NULL;
}
