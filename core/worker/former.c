/* SPDX-License-Identifier: Apache-2.0 */
/* former - see former.h. */
#include "former.h"
#include "base/log.h"
#include <limits.h>
#include <stdio.h>

static void path_of(const struct tree *part, const char *name, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/state/%s.db", tree_gets(part, "data", ""), name);
}

int former_state_open(const struct tree *part, struct state **ret, const char **ret_former,
                      struct err *e)
{
    const struct tree *was = tree_get(part, "was");
    char path[PATH_MAX], old[PATH_MAX];
    int rc = 0;
    *ret_former = NULL;
    path_of(part, tree_gets(part, "name", ""), path);
    for (size_t i = 0; rc == 0 && tree_is_list(was) && i < was->n; i++) {
        const char *name = tree_text(was->child[i]);
        path_of(part, name ? name : "", old);
        rc = name ? state_take_over(old, path, e) : 0;
        if (rc == 1) {
            *ret_former = name;
            log_info("renamed", NULL, "goes on with what %s remembered", name);
        }
    }
    return rc < 0 ? rc : state_open(path, ret, e);
}
