/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a submission's messages, counted from journal rows. */
#include "worker/fate.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ACCEPTED(id)                                                           \
    "{\"event\":\"accepted\",\"id\":\"" id "\",\"detail\":{\"destinations\":[" \
    "{\"destination\":\"a\"},{\"destination\":\"b\"}]}}"
#define ROW(event, id, to) "{\"event\":\"" event "\",\"id\":\"" id "\",\"destination\":\"" to "\"}"

static void the_last_row_of_each_copy_counts(void **state)
{
    static const struct {
        const char *rows;
        struct fate want;
    } cases[] = {
        {"[]", {0}},
        {"[" ACCEPTED("1") "]", {.waiting = 2}},
        {"[" ACCEPTED("1") "," ROW("delivered", "1", "a") "]", {.waiting = 1, .delivered = 1}},
        {"[" ACCEPTED("1") "," ROW("delivered", "1", "a") "," ROW("delivered", "1", "a") "]",
         {.waiting = 1, .delivered = 1}},
        {"[" ACCEPTED("1") "," ROW("attempt", "1", "a") "," ROW("down", "1", "b") "]",
         {.waiting = 2}},
        {"[" ACCEPTED("1") "," ROW("dead", "1", "a") "," ROW("replayed", "1", "a") "]",
         {.waiting = 2}},
        {"[" ACCEPTED("1") "," ACCEPTED("2") "," ROW("dead", "1", "a") "," ROW(
             "dead", "2", "b") "," ROW("discarded", "2", "b") "]",
         {.waiting = 2, .dead = 1, .discarded = 1}},
        {"[" ACCEPTED("1") ",{\"event\":\"moved\",\"id\":\"1\",\"destination\":\"c\",\"detail\":{"
                           "\"from\":\"a\"}}]",
         {.waiting = 2}},
        {"[" ACCEPTED("1") ",{\"event\":\"moved\",\"id\":\"1\",\"destination\":\"c\",\"detail\":{"
                           "\"from\":\"a\"}}," ROW("delivered", "1", "c") "]",
         {.waiting = 1, .delivered = 1}},
        {"[" ACCEPTED(
             "1") ",{\"event\":\"delivered\",\"id\":\"1\",\"destination\":\"n\",\"detail\":{"
                  "\"was\":[\"a\"]}}]",
         {.waiting = 1, .delivered = 1}},
        {"[" ACCEPTED("1") ",{\"event\":\"truncated\"}]", {.waiting = 2, .partial = true}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tree *rows = NULL;
        struct fate f;
        struct err e;
        const struct fate *w = &cases[i].want;
        assert_int_equal(tree_from_json(cases[i].rows, strlen(cases[i].rows), &rows, &e), 0);
        assert_int_equal(fate_count(rows, &f), 0);
        if (f.waiting != w->waiting || f.delivered != w->delivered || f.dead != w->dead ||
            f.discarded != w->discarded || f.partial != w->partial)
            fail_msg("case %zu: %s", i, cases[i].rows);
        tree_free(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_row_of_each_copy_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
