/* SPDX-License-Identifier: Apache-2.0 */
/* option - see option.h. */
#include "option.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define URL_MAX  2048u
#define TEXT_MAX 65536u

static const char *const type_names[] = {
    [REEVE_T_STR] = "string",       [REEVE_T_INT] = "int",       [REEVE_T_BOOL] = "bool",
    [REEVE_T_SECONDS] = "duration", [REEVE_T_BYTES] = "bytes",   [REEVE_T_URL] = "url",
    [REEVE_T_PATH] = "path",        [REEVE_T_SECRET] = "secret", [REEVE_T_CHOICE] = "choice",
    [REEVE_T_MAP] = "map",
};

const char *option_type_name(uint32_t type)
{
    return type < ARRAY_SIZE(type_names) ? type_names[type] : "string";
}

static int bad(struct err *e, const char *value, const char *wanted)
{
    char shown[128] = "";
    escape_text(shown, sizeof(shown), value, strlen(value));
    return err_set(e, -EINVAL, "option-value", "\"%s\" is not %s", shown, wanted);
}

static int give(char **ret, char *text)
{
    if (!text)
        return -ENOMEM;
    if (ret)
        *ret = text;
    else
        free(text);
    return 0;
}

static int give_number(char **ret, int64_t v)
{
    char *text = NULL;
    if (asprintf(&text, "%" PRId64, v) < 0)
        return -ENOMEM;
    return give(ret, text);
}

/* A number in the option's own unit; negative only where the type has it. */
static int parse_number(uint32_t type, const char *s, int64_t *ret)
{
    uint64_t u;
    if (type == REEVE_T_INT)
        return parse_i64(s, ret);
    int r = type == REEVE_T_SECONDS ? parse_duration_ms(s, &u) : parse_bytes(s, &u);
    if (r == 0 && u > INT64_MAX)
        r = -EINVAL;
    if (r == 0)
        *ret = (int64_t)u;
    return r;
}

/* allowed = "min..max", either may be empty. A bound that is no number of the type does not bind.
 */
static bool in_range(const struct reeve_option *o, int64_t v)
{
    const char *dots = o->allowed ? strstr(o->allowed, "..") : NULL;
    char low[64] = "";
    int64_t bound;
    if (!dots || (size_t)(dots - o->allowed) >= sizeof(low))
        return true;
    memcpy(low, o->allowed, (size_t)(dots - o->allowed));
    if (low[0] && parse_number(o->type, low, &bound) == 0 && v < bound)
        return false;
    return !(dots[2] && parse_number(o->type, dots + 2, &bound) == 0 && v > bound);
}

static int number(const struct reeve_option *o, const char *value, char **ret, struct err *e)
{
    int64_t v;
    if (parse_number(o->type, value, &v) < 0) {
        const char *wanted = "a whole number";
        if (o->type == REEVE_T_SECONDS)
            wanted = "a duration such as 90s, 5m, 2h, 3d or 250ms";
        else if (o->type == REEVE_T_BYTES)
            wanted = "a size such as 512, 64k or 10M";
        return bad(e, value, wanted);
    }
    if (!in_range(o, v))
        return err_set(e, -EINVAL, "option-value", "\"%s\" is not within %s", value, o->allowed);
    return give_number(ret, v);
}

static bool chosen(const char *allowed, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = allowed; len > 0;) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, value, n) == 0)
            return true;
        if (p[n] == '\0')
            return false;
        p += n + 1;
    }
    return false;
}

/* SCHEME://HOST…: enough to tell a typing error; whoever uses it decides which schemes it takes. */
static bool url_ok(const char *s)
{
    size_t n = 0, len = strlen(s);
    if (len > URL_MAX)
        return false;
    while ((s[n] >= 'a' && s[n] <= 'z') || (n > 0 && ((s[n] >= '0' && s[n] <= '9') || s[n] == '+')))
        n++;
    if (n == 0 || strncmp(s + n, "://", 3) != 0 || strchr("/?#", s[n + 3]))
        return false; /* the end of the text is one of them too */
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f ||
            strchr("\"<>\\^`{|}", s[i]))
            return false;
    }
    return true;
}

static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    if (path[0] == '/')
        return strdup(path);
    return getcwd(cwd, sizeof(cwd)) ? path_join(cwd, path) : NULL;
}

static bool text_ok(const char *value)
{
    size_t len = strnlen(value, TEXT_MAX + 1);
    return len <= TEXT_MAX && utf8_valid(value, len);
}

static int give_text(char **ret, const char *text, struct err *e)
{
    int r = give(ret, strdup(text));
    return r < 0 ? err_set(e, r, "out-of-memory", "out of memory") : 0;
}

int option_canonical(const struct reeve_option *o, const char *value, char **ret, struct err *e)
{
    if (!text_ok(value))
        return err_set(e, -EINVAL, "option-value", "it is not UTF-8 text of at most %u bytes",
                       TEXT_MAX);
    int r = 0;
    switch (o->type) {
    case REEVE_T_INT:
    case REEVE_T_SECONDS:
    case REEVE_T_BYTES:
        return number(o, value, ret, e);
    case REEVE_T_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return bad(e, value, "true or false");
        break;
    case REEVE_T_URL:
        if (!url_ok(value))
            return bad(e, value, "a URL (scheme://host/…, with %XX for special characters)");
        break;
    case REEVE_T_CHOICE:
        if (!chosen(o->allowed ? o->allowed : "", value)) {
            r = bad(e, value, "one of ");
            size_t at = strlen(e->text);
            (void)snprintf(e->text + at, sizeof(e->text) - at, "%s", o->allowed ? o->allowed : "");
            return r;
        }
        break;
    case REEVE_T_PATH:
        if (!*value)
            return bad(e, value, "a path");
        r = give(ret, absolute(value));
        return r < 0 ? err_set(e, r, "out-of-memory", "out of memory") : 0;
    default:
        break;
    }
    return give_text(ret, value, e);
}
