/* SPDX-License-Identifier: Apache-2.0 */
/* hub_table: what both directions ask of a table. */
#include "lib/hub_table.h"
#include <string.h>

bool way_joins_list(enum way way)
{
    return way >= WAY_ORG_ID;
}

const struct json_node *hub_other(const struct json_node *o, const char *standard)
{
    const struct json_node *other = node_member(node_member(o, "other"), standard);
    return node_is(other, JSON_OBJECT) ? other : NULL;
}

const char *hub_word(const struct answer *a, const char *text, bool own, size_t *ret_len)
{
    size_t len = strlen(text);
    for (const char *p = a->words; *p != 0; p += strspn(p, " ")) {
        size_t n = strcspn(p, " "), left = strcspn(p, "= ");
        const char *right = p[left] == '=' ? p + left + 1 : p;
        size_t right_n = n - (size_t)(right - p);
        const char *from = own ? p : right, *to = own ? right : p;
        if ((own ? left : right_n) == len && memcmp(from, text, len) == 0) {
            *ret_len = own ? right_n : left;
            return to;
        }
        p += n;
    }
    return NULL;
}
