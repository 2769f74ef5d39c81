/* SPDX-License-Identifier: Apache-2.0 */
/* former - see former.h. */
#include "former.h"
#include "base/log.h"
#include <errno.h>

/* Where the state of a process of this name lies. tree_free() it; NULL: out of memory. */
static struct tree *place_of(const struct tree *part, const char *name)
{
    const struct tree *shared = tree_get(part, "state");
    struct tree *t = shared ? tree_copy(shared) : tree_map();
    int rc =
        !t ? -ENOMEM
        : shared
            ? tree_puts(t, "process", name)
            : tree_put(t, "path",
                       tree_scalarf(false, "%s/state/%s.db", tree_gets(part, "data", ""), name));
    if (rc == 0)
        return t;
    tree_free(t);
    return NULL;
}

static int take_over(const struct tree *part, const struct tree *place, const char *name,
                     struct err *e)
{
    struct tree *old = place_of(part, name);
    int rc = old ? state_take_over(old, place, e)
                 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    tree_free(old);
    return rc;
}

int former_state_open(const struct tree *part, struct state **ret, const char **ret_former,
                      struct err *e)
{
    const struct tree *was = tree_get(part, "was");
    struct tree *place = place_of(part, tree_gets(part, "name", ""));
    int rc = place ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    *ret_former = NULL;
    for (size_t i = 0; rc == 0 && tree_is_list(was) && i < was->n; i++) {
        const char *name = tree_text(was->child[i]);
        rc = name ? take_over(part, place, name, e) : 0;
        if (rc == 1) {
            *ret_former = name;
            log_info("renamed", NULL, "goes on with what %s remembered", name);
        }
    }
    rc = rc < 0 ? rc : state_open(place, ret, e);
    tree_free(place);
    return rc;
}
