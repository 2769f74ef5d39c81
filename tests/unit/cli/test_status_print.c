/* SPDX-License-Identifier: Apache-2.0 */
/* The people's form of a status: the table, the bars, colours only when asked for, nothing from
 * outside unescaped. */
#include "base/util.h"
#include "cli/cli.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static char *print(const char *json, bool colours, int exit_code)
{
    struct tree *t = NULL;
    struct err e;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(tree_from_json(json, strlen(json), &t, &e), 0);
    assert_int_equal(status_print(t, out, colours), exit_code);
    assert_int_equal(fclose(out), 0);
    tree_free(t);
    return text;
}

static void a_queue_has_a_bar_for_its_length(void **state)
{
    static const struct {
        const char *figures, *line;
    } table[] = {
        {"\"ready\":0,\"limit_messages\":1000000", "q            ..........        0"},
        {"\"ready\":1,\"limit_messages\":1000000", "q            #.........        1"},
        {"\"ready\":1000,\"limit_messages\":1000000", "q            #####.....     1000"},
        {"\"ready\":999999,\"limit_messages\":1000000", "q            #########.   999999"},
        {"\"ready\":1000000,\"limit_messages\":1000000", "q            ##########  1000000"},
        {"\"ready\":2000000,\"limit_messages\":1000000", "q            ##########  2000000"},
        {"\"ready\":1,\"limit_messages\":1", "q            ##########        1"},
        {"\"ready\":5,\"limit_messages\":0", "q            ##........        5"},
        {"\"ready\":5,\"delayed\":995,\"limit_messages\":1000", "q            ##########        5"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char json[300];
        (void)snprintf(json, sizeof json, "{\"destinations\":[{\"name\":\"q\",%s}]}",
                       table[i].figures);
        char *text = print(json, false, 0);
        if (!strstr(text, table[i].line))
            fail_msg("no \"%s\" in\n%s", table[i].line, text);
        free(text);
    }
}

static void colours_only_when_asked_for(void **state)
{
    static const char json[] =
        "{\"hub\":\"h\",\"state\":\"running\",\"processes\":[{\"name\":\"spool\",\"state\":"
        "\"ready\"},"
        "{\"name\":\"x\",\"state\":\"waiting\",\"last_exit\":\"exit 1\"}],"
        "\"destinations\":[{\"name\":\"q\",\"ready\":950,\"limit_messages\":1000,\"dead\":1,"
        "\"configured\":false}],\"alarms\":[{\"code\":\"oldest\",\"destination\":\"q\",\"text\":"
        "\"t\"}]}";
    char *plain = print(json, false, 1), *coloured = print(json, true, 1);
    (void)state;
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(coloured, "\033[31m#########.\033[0m"));
    assert_non_null(strstr(coloured, "\033[32mready"));
    assert_non_null(strstr(plain, "ALARM q: t [oldest]"));
    assert_non_null(strstr(plain, "orphan: no connector delivers these"));
    assert_non_null(strstr(plain, "last: exit 1"));
    char *w = plain;
    for (const char *p = coloured; *p; p++) { /* the colours are all that differs */
        if (*p == '\033')
            p = strchr(p, 'm');
        else
            assert_int_equal(*p, *w++);
    }
    free(plain);
    free(coloured);
}

static void what_comes_from_outside_is_escaped(void **state)
{
    char *text = print("{\"hub\":\"h\",\"state\":\"running\",\"destinations\":[{\"name\":\"q\","
                       "\"last_error\":{\"code\":\"c\",\"text\":\"a\\u001b[31mb\\nc\"}}]}",
                       true, 0);
    (void)state;
    assert_null(strstr(text, "a\033"));
    assert_null(strstr(text, "b\nc"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_has_a_bar_for_its_length),
        cmocka_unit_test(colours_only_when_asked_for),
        cmocka_unit_test(what_comes_from_outside_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
