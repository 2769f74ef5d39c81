/* SPDX-License-Identifier: Apache-2.0 */
/* reason - words for an answer that was not a success. The peer's own text is shown only where it
 * says that it is meant for that (application/problem+json), only a little of it, and never with
 * messages about people: a detail likes to quote what was sent. The host escapes what is shown. */
#include "http.h"
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PROBLEM_MAX 65536u
#define SHOWN_MAX   200u
#define DEPTH_MAX   16

static const char *text_of(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
        return NULL;
    return json_object_get_string(v);
}

/* Cut to max bytes, not in the middle of a character. */
static void cut(char *s, size_t max)
{
    size_t len = strlen(s);
    if (len <= max)
        return;
    while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
        max--;
    s[max] = '\0';
}

static void add_problem(const reeve_resp *r, char shown[SHOWN_MAX + 8])
{
    const char *type = reeve_resp_header(r, "content-type");
    size_t len = 0;
    const char *body = reeve_resp_body(r, &len);
    if (!type || strncasecmp(type, "application/problem+json", 24) != 0 || len == 0 ||
        len > PROBLEM_MAX)
        return;
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *o = t ? json_tokener_parse_ex(t, body, (int)len) : NULL;
    if (o && json_object_is_type(o, json_type_object)) {
        const char *title = text_of(o, "title"), *detail = text_of(o, "detail");
        (void)snprintf(shown, SHOWN_MAX + 8, "%s%s%s", title ? title : "",
                       title && detail ? ": " : "", detail ? detail : "");
        cut(shown, SHOWN_MAX);
    }
    json_object_put(o);
    if (t)
        json_tokener_free(t);
}

void answer_reason(const reeve_resp *r, int personal, char out[REASON_MAX])
{
    char shown[SHOWN_MAX + 8] = "";
    if (reeve_resp_status(r) == 0) {
        (void)snprintf(out, REASON_MAX, "%s", reeve_resp_error(r));
        return;
    }
    if (!personal)
        add_problem(r, shown);
    (void)snprintf(out, REASON_MAX, "HTTP %d%s%s", reeve_resp_status(r), shown[0] ? ": " : "",
                   shown);
}
