/* SPDX-License-Identifier: Apache-2.0 */
/* err - filling struct err. Whatever the format produced becomes one printable line; the arguments
 * may point into the struct that is being filled. Known limit: more than 1 KiB of raw text is not
 * even looked at. */
#include "err.h"
#include "util.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RAW_MAX 1024

static void put_text(struct err *e, const char *raw)
{
    static const char dots[] = "\xe2\x80\xa6";
    char line[4 * RAW_MAX + 1];
    line[0] = '\0';
    escape_text(line, sizeof(line), raw, strlen(raw));
    size_t len = strlen(line);
    if (len >= ERR_TEXT_MAX) {
        len = ERR_TEXT_MAX - sizeof(dots);
        while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
            len--;
        memcpy(line + len, dots, sizeof(dots));
        len += sizeof(dots) - 1;
    }
    memcpy(e->text, line, len + 1);
}

int err_set(struct err *e, int ret, const char *code, const char *fmt, ...)
{
    char raw[RAW_MAX];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
        raw[0] = '\0';
    va_end(ap);
    char kept[ERR_CODE_MAX];
    (void)snprintf(kept, sizeof(kept), "%s", code);
    memcpy(e->code, kept, sizeof(kept));
    put_text(e, raw);
    return ret;
}

int err_prefix(struct err *e, int ret, const char *fmt, ...)
{
    char raw[RAW_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    if (n < 0)
        return ret;
    size_t len = strlen(raw);
    (void)snprintf(raw + len, sizeof(raw) - len, ": %s", e->text);
    put_text(e, raw);
    return ret;
}
