/* SPDX-License-Identifier: Apache-2.0 */
/* forked - see forked.h. */
#include "lib/forked.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

pid_t forked(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0 && setenv("CMOCKA_TEST_ABORT", "1", 1) < 0) /* read when an assertion fails */
        _exit(1);
    return pid;
}

void forked_was_killed(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
