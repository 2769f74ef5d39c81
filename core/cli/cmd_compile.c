/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_compile - `reeve-worker compile -c PATH --plan-fd N`, executed by the supervisor: findings on
 * standard error, the plan as one JSON document on the descriptor. The descriptor gets all of a
 * plan or nothing. It holds secrets and never a file. */
#include "cli.h"
#include "base/util.h"
#include "config/config.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PLAN_MAX (256u << 20)

static int hand_over(int fd, const struct tree *plan)
{
    struct buf json = BUF_INIT(PLAN_MAX);
    int r = tree_to_json(plan, &json, false);
    if (r == 0)
        r = write_all(fd, json.p, json.len);
    if (json.p)
        explicit_bzero(json.p, json.len);
    buf_done(&json);
    return r;
}

int cmd_compile(int argc, char **argv)
{
    const char *path = NULL;
    int64_t fd = -1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-c") == 0)
            path = argv[i + 1];
        else if (strcmp(argv[i], "--plan-fd") != 0 || parse_i64(argv[i + 1], &fd) < 0)
            return cli_usage("compile");
    }
    if (argc != 5 || !path || fd < 0 || fd > 1023 || fcntl((int)fd, F_GETFD) < 0)
        return cli_usage("compile");
    (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* not for the children that describe modules */
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(16u << 20);
    int r = cli_compile(path, CONFIG_CREATE, &d, &plan, NULL);
    if (diagnostics_write(&d, &text) == 0)
        (void)write_all(STDERR_FILENO, buf_str(&text), text.len);
    if (r == 0)
        r = hand_over((int)fd, plan);
    if (r < 0 && d.errors == 0) {
        struct err e;
        (void)err_set(&e, r, "compile", "the plan could not be made: %s", strerror(-r));
        cli_complain("compile", &e);
    }
    tree_free(plan);
    buf_done(&text);
    diagnostics_done(&d);
    return r == 0 ? CLI_OK : CLI_FAILED;
}
