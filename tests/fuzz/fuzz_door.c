/* SPDX-License-Identifier: Apache-2.0 */
/* The door's rules on any head: method, target, then fields as "name: value" lines. What is let in
 * must be what was promised: no control characters in the path, no dot segments, one length at
 * most. When the first byte is a zero or a one, the rest is the payload of an answer or of a
 * request on the wire behind the door instead. */
#include "door/rules.h"
#include "door/upstream.h"
#include "base/frame.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct door_config *config(void)
{
    static const char text[] =
        "{\"data\":\"/d\",\"listen\":\"127.0.0.1:0\",\"paths\":[{\"path\":\"/"
        "grants\",\"socket\":\"/s\",\"bearer_sha256\":["
        "\"0000000000000000000000000000000000000000000000000000000000000000\"]},{\"path\":\"/"
        "open\",\"socket\":\"/s\"}],\"console\":{\"socket\":\"/c\"}}";
    static struct door_config *c;
    static struct tree *t;
    struct err e;
    if (!c)
        check(tree_from_json(text, sizeof text - 1, &t, &e) == 0 &&
              door_config_read(t, &c, &e) == 0);
    return c;
}

static void check_path(const char *path)
{
    for (const char *p = path; *p; p++)
        check((unsigned char)*p >= 0x20 && *p != 0x7f && *p != '\\');
    check(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./"));
    check(utf8_valid(path, strlen(path)) && strlen(path) <= PATH_LEN_MAX);
}

static void one_head(char *text)
{
    struct header h[HEADERS_MAX + 1];
    struct head head;
    struct refusal no = {0};
    struct access a;
    char path[PATH_LEN_MAX + 1], *save = NULL;
    const char *query, *method = strtok_r(text, "\n", &save), *target = strtok_r(NULL, "\n", &save);
    size_t n = 0;
    for (char *line; n <= HEADERS_MAX && (line = strtok_r(NULL, "\n", &save));) {
        char *colon = strchr(line, ':');
        size_t name = colon ? (size_t)(colon - line) : strlen(line);
        const char *value = colon ? colon + 1 : "";
        h[n++] = (struct header){
            .name = line, .name_len = name, .value = value, .value_len = strlen(value)};
    }
    bool ok = header_check(h, n, "HTTP/1.1", &head, &no);
    check(ok == (no.status == 0));
    (void)accept_plain_text(h, n);
    if (ok)
        check(!(head.chunked && head.has_length));
    if (!target || !path_check(target, path, &query, &no))
        return;
    check_path(path);
    if (access_check(config(), method, path, ok ? head.authorization : NULL, &a, &no) && a.path)
        check(a.path->bearer.n == 0); /* nobody has the other one's token */
    (void)(ok && body_check(&head, method, 1000, &no));
}

static void one_answer(const uint8_t *data, size_t size)
{
    static struct upstream_space space;
    const struct frame f = {.type = DOOR_ANSWER, .p = data, .len = size, .fd = -1};
    struct upstream_answer a;
    if (upstream_read_answer(&f, &space, &a) < 0)
        return;
    check(a.status >= 200 && a.status <= 599 && a.fields <= DOOR_HEADERS_MAX && a.len <= size);
    for (size_t i = 0; i < a.fields; i++)
        check(answer_field_ok(a.field[i].name, a.field[i].value) &&
              !strpbrk(a.field[i].value, "\r\n"));
}

static void one_request(const uint8_t *data, size_t size)
{
    const struct frame f = {.type = DOOR_REQUEST, .p = data, .len = size, .fd = -1};
    struct door_request *r;
    if (door_request_read(&f, &r) < 0)
        return;
    size_t all = strlen(r->method) + strlen(r->path) + strlen(r->query) + r->body_len;
    for (size_t i = 0; i < r->headers_n; i++)
        all += strlen(r->headers[i].name) + strlen(r->headers[i].value);
    check(all <= size && r->body && r->body[r->body_len] == '\0');
    (void)door_request_header(r, "host");
    door_request_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] < 2) {
        (data[0] == 0 ? one_answer : one_request)(data + 1, size - 1);
        return 0;
    }
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    one_head(text);
    free(text);
    return 0;
}
