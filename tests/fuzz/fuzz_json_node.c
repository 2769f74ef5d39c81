/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON, for an adapter: the tree takes exactly what the hub's own scanner takes, every
 * text in it is valid UTF-8 with a zero behind it, and its counts are right. */
#include "lib/json_node.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void look(const struct json_node *v)
{
    uint32_t n = 0;
    if (v->name != NULL)
        check(utf8_valid(v->name, v->name_len) && v->name[v->name_len] == 0);
    if (node_is(v, JSON_STRING) || node_is(v, JSON_NUMBER))
        check(utf8_valid(v->text, v->len) && v->text[v->len] == 0);
    for (const struct json_node *m = v->first; m != NULL; m = m->next, n++)
        look(m);
    check(n == v->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_scan s;
    struct json_parser *parser = json_parser_new(JSON_DEPTH_MAX);
    char *p = malloc(size ? size : 1);
    if (!p || !parser)
        return 0;
    if (size > 0)
        memcpy(p, data, size);
    json_start(&s, p, size, JSON_DEPTH_MAX);
    bool valid = json_value(&s, NULL) == 0 && json_end(&s) == 0;
    const struct json_node *v = json_parse(parser, p, size);
    free(p);
    check((v != NULL) == valid);
    if (v != NULL)
        look(v);
    json_parser_free(parser);
    return 0;
}
