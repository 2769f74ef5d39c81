/* SPDX-License-Identifier: Apache-2.0 */
/* agreement - see agreement.h. An agreement covers personal data when its `data` list names
 * "personal". */
#include "agreement.h"
#include "message/identity.h"
#include <errno.h>
#include <string.h>

/* The last day, in *ret_over, when all there are have ended. */
static bool current(const struct tree *party, const char *today, const char **ret_over)
{
    const struct tree *list = tree_get(party, "agreements");
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        const struct tree *a = list->child[i];
        if (!tree_has(tree_get(a, "data"), "personal"))
            continue;
        const char *until = tree_gets(a, "until", NULL);
        if (!until || strcmp(today, until) <= 0) /* ISO dates sort as text */
            return true;
        if (!*ret_over || strcmp(*ret_over, until) < 0)
            *ret_over = until;
    }
    return false;
}

bool agreement_covers_personal(const struct tree *party, const char *today)
{
    const char *over = NULL;
    return strcmp(tree_gets(party, "role", ""), "hub") == 0 || current(party, today, &over);
}

bool agreement_allows(const struct tree *party, const struct message *m, const char *today,
                      struct err *why)
{
    const char *over = NULL;
    if (!message_is_personal(m) || strcmp(tree_gets(party, "role", ""), "hub") == 0 ||
        current(party, today, &over))
        return true;
    const char *name = tree_gets(party, "name", "?"), *type = message_get(m, "type");
    if (over)
        (void)err_set(why, -EACCES, "no-agreement",
                      "%s is about people, and the agreement with party %s ended on %s",
                      type ? type : "this message", name, over);
    else
        (void)err_set(
            why, -EACCES, "no-agreement",
            "%s is about people, and party %s has no agreement whose data names \"personal\"",
            type ? type : "this message", name);
    return false;
}
