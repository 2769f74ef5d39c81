/* SPDX-License-Identifier: Apache-2.0 */
/* side - see side.h. */
#include "side.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static void complain(struct child *child, const struct err *e)
{
    log_error(e->code, NULL, "%s", e->text);
    child_fault(child, e);
}

int side_run(const char *part_file, const struct child_events *events, const struct side *side)
{
    struct err e = {.code = ""};
    pthread_t thread;
    int rc = child_start(part_file, events, side->child, side->part, &e);
    if (rc < 0) {
        log_error(e.code, NULL, "%s", e.text);
        return EXIT_CONFIG;
    }
    rc = side->start(side->arg, &e);
    if (rc == 0 && pthread_create(&thread, NULL, side->plugin_thread, side->plugin_arg) != 0)
        rc = err_set(&e, -EAGAIN, "thread", "no thread for the plugin");
    if (rc < 0) {
        complain(*side->child, &e);
        return rc == -EINVAL ? EXIT_CONFIG : EXIT_RETRY;
    }
    int code = side->run(side->arg, &e);
    if (code == EXIT_BUG) {
        complain(*side->child, &e);
        _exit(EXIT_BUG);
    }
    (void)pthread_join(thread, NULL);
    if (*side->fault->code)
        complain(*side->child, side->fault);
    side->finish(side->arg);
    return code;
}

int side_open_failed(int rc)
{
    return rc == -EINVAL || rc == -ENOENT || rc == -ENOEXEC || rc == -ENOTSUP ? EXIT_CONFIG
                                                                              : EXIT_RETRY;
}
