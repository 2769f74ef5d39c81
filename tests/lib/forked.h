/* SPDX-License-Identifier: Apache-2.0 */
/* forked - another process of a test. */
#ifndef TESTS_LIB_FORKED_H
#define TESTS_LIB_FORKED_H
#include <sys/types.h>

/* fork() that fails the test when it fails. An assertion that fails in the child ends the child, by
 * SIGABRT, once it has said what failed: it would else return to cmocka there, which would tear
 * down what the parent still uses and go on with the tests behind this one, twice. */
pid_t forked(void);
/* Waits for the end of a child; fails the test unless it was SIGKILL that ended it. */
void forked_was_killed(pid_t pid);

#endif
