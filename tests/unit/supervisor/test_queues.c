/* SPDX-License-Identifier: Apache-2.0 */
/* Which queues allow which change of the plan. */
#include "base/util.h"
#include "supervisor/queues.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static struct tree *read_json(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
    return t;
}

/* destinations: of the plan; spool: those of the spool's part. */
static struct plan *plan_of(const char *destinations, const char *spool)
{
    char json[1000];
    struct plan *p = NULL;
    struct err e;
    (void)snprintf(
        json, sizeof json,
        "{\"format\":1,\"hub\":\"h\",\"data\":\"/d\",\"run\":\"/r\",\"destinations\":[%s],"
        "\"processes\":[{\"name\":\"spool\",\"kind\":\"spool\",\"digest\":\"x\",\"part\":{"
        "\"destinations\":[%s]}}]}",
        destinations, spool);
    assert_int_equal(plan_read(read_json(json), &p, &e), 0);
    return p;
}

#define A(n)    "{\"name\":\"a\",\"configured\":true,\"ready\":" #n "}"
#define B(n)    "{\"name\":\"b\",\"configured\":true,\"delayed\":" #n "}"
#define C(more) "{\"name\":\"c\",\"configured\":true" more "}"

static void table_of_changes(void **state)
{
    static const struct {
        const char *name, *queues, *destinations, *spool, *code;
    } table[] = {
        {"nothing changes", "[" A(1) "," B(1) "]", "\"a\",\"b\"", "", ""},
        {"an empty one goes", "[" A(0) "," B(1) "]", "\"b\"", "", ""},
        {"one with messages goes", "[" A(3) "," B(1) "]", "\"b\"", "", "reload-waiting"},
        {"one with delayed messages goes", "[" A(0) "," B(1) "]", "\"a\"", "", "reload-waiting"},
        {"one under way", "[{\"name\":\"a\",\"configured\":true,\"inflight\":1}]", "\"b\"", "",
         "reload-waiting"},
        {"dead letters hold nothing up", "[{\"name\":\"a\",\"configured\":true,\"dead\":9}]",
         "\"b\"", "", ""},
        {"an orphan already", "[{\"name\":\"a\",\"configured\":false,\"ready\":9}]", "\"b\"", "",
         ""},
        {"renamed", "[" A(3) "]", "\"c\"", "{\"name\":\"c\",\"was\":[\"x\",\"a\"]}", ""},
        {"renamed to one that is empty", "[" A(3) "," C("") "]", "\"c\"",
         "{\"name\":\"c\",\"was\":[\"a\"]}", ""},
        {"renamed to one with messages", "[" A(3) "," C(",\"ready\":1") "]", "\"c\"",
         "{\"name\":\"c\",\"was\":[\"a\"]}", "reload-rename"},
        {"renamed to one with dead letters", "[" A(3) "," C(",\"dead\":1") "]", "\"c\"",
         "{\"name\":\"c\",\"was\":[\"a\"]}", "reload-rename"},
        {"two to one", "[" A(3) "," B(1) "]", "\"c\"", "{\"name\":\"c\",\"was\":[\"a\",\"b\"]}",
         "reload-rename"},
        {"two to one, one of them empty", "[" A(0) "," B(1) "]", "\"c\"",
         "{\"name\":\"c\",\"was\":[\"a\",\"b\"]}", ""},
        {"the name of another", "[" A(3) "]", "\"c\"", "{\"name\":\"c\",\"was\":[\"b\"]}",
         "reload-waiting"},
        {"not known, and nothing goes", NULL, "\"a\",\"b\",\"c\"", "", ""},
        {"not known, and one goes", NULL, "\"b\"", "", "reload-unknown"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct plan *now = plan_of("\"a\",\"b\"", ""),
                    *next = plan_of(table[i].destinations, table[i].spool);
        struct tree *queues = table[i].queues ? read_json(table[i].queues) : NULL;
        struct err e = {.code = ""};
        int r = queues_allow(queues, now, next, &e);
        if ((r < 0) != (table[i].code[0] != '\0') || (r < 0 && strcmp(e.code, table[i].code) != 0))
            fail_msg("%s: %d %s: %s", table[i].name, r, e.code, e.text);
        tree_free(queues);
        plan_free(now);
        plan_free(next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_of_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
