/* SPDX-License-Identifier: Apache-2.0 */
/* Which figures are an alarm under which rules, and when an alarm begins and ends. */
#include "base/util.h"
#include "supervisor/alarm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#define NOW 1770000000000ull /* 2026-02-02T02:40:00Z */

static struct tree *read_json(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    if (!text)
        return NULL;
    assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
    return t;
}

/* "code about" of each, in order. */
static void names_of(const struct tree *list, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < list->n; i++)
        n += (size_t)snprintf(
            out + n, cap - n, "%s%s %s", i ? ", " : "", tree_gets(list->child[i], "code", "?"),
            tree_gets(list->child[i], "destination", tree_gets(list->child[i], "connector", "?")));
}

#define QUEUE(more)  "[{\"name\":\"a\",\"configured\":true," more "}]"
#define OLD          "{\"queues\":[{\"destination\":\"a\",\"oldest_ms\":60000}]}"
#define EVERY(more)  "{\"sources\":[{\"process\":\"s.receive\",\"connector\":\"s\"," more "}]}"
#define MONTH        "\"every\":\"1 month\",\"every_months\":1,\"every_ms\":0,\"grace_ms\":1000"
#define MINUTE       "\"every\":\"1 minute\",\"every_months\":0,\"every_ms\":60000,\"grace_ms\":0"
#define SOURCE(more) "[{\"process\":\"s.receive\"," more "}]"

static void table_of_what_is_wrong(void **state)
{
    static const struct {
        const char *name, *rules, *queues, *sources, *alarms;
    } table[] = {
        {"nothing known", NULL, NULL, NULL, ""},
        {"rules and no figures", OLD, NULL, NULL, ""},
        {"no rule", "{}", QUEUE("\"ready\":9,\"oldest_ms\":99999999"), NULL, ""},
        {"rule of another", "{\"queues\":[{\"destination\":\"b\",\"oldest_ms\":1}]}",
         QUEUE("\"ready\":9,\"oldest_ms\":99999999"), NULL, ""},
        {"just old enough", OLD, QUEUE("\"ready\":1,\"oldest_ms\":60000"), NULL, ""},
        {"too old", OLD, QUEUE("\"ready\":1,\"oldest_ms\":60001"), NULL, "oldest a"},
        {"too old and delayed", OLD, QUEUE("\"delayed\":1,\"oldest_ms\":60001"), NULL, "oldest a"},
        {"too old in hand", OLD, QUEUE("\"inflight\":1,\"oldest_ms\":60001"), NULL, "oldest a"},
        {"empty", OLD, QUEUE("\"ready\":0,\"oldest_ms\":0"), NULL, ""},
        {"dead letters are not waiting", OLD, QUEUE("\"dead\":7,\"oldest_ms\":0"), NULL, ""},
        {"orphan with messages", NULL, "[{\"name\":\"o\",\"configured\":false,\"ready\":2}]", NULL,
         "orphan-queue o"},
        {"orphan with dead letters only", NULL,
         "[{\"name\":\"o\",\"configured\":false,\"dead\":2}]", NULL, ""},
        {"an orphan is one alarm", "{\"queues\":[{\"destination\":\"o\",\"oldest_ms\":1}]}",
         "[{\"name\":\"o\",\"configured\":false,\"delayed\":1,\"oldest_ms\":99}]", NULL,
         "orphan-queue o"},
        {"heard in time", EVERY(MINUTE), NULL, SOURCE("\"heard_ms\":1769999940000"), ""},
        {"silent", EVERY(MINUTE), NULL, SOURCE("\"heard_ms\":1769999939999"), "silent s"},
        {"never heard, but not watched for long", EVERY(MINUTE), NULL,
         SOURCE("\"heard_ms\":0,\"watched_ms\":1769999990000"), ""},
        {"never heard", EVERY(MINUTE), NULL, SOURCE("\"heard_ms\":0,\"watched_ms\":1769000000000"),
         "silent s"},
        {"heard counts, not since when it is watched", EVERY(MINUTE), NULL,
         SOURCE("\"heard_ms\":1769999990000,\"watched_ms\":1"), ""},
        {"has not told yet", EVERY(MINUTE), NULL, SOURCE("\"heard_ms\":0"), ""},
        {"is not there", EVERY(MINUTE), NULL, "[]", ""},
        {"a month ago", EVERY(MONTH), NULL, SOURCE("\"heard_ms\":1767321600000"), ""},
        {"a month ago and within the grace", EVERY(MONTH), NULL,
         SOURCE("\"heard_ms\":1767321599000"), ""},
        {"a month ago and no grace left", EVERY(MONTH), NULL, SOURCE("\"heard_ms\":1767321598999"),
         "silent s"},
        {"heard in the future", EVERY(MINUTE), NULL, SOURCE("\"heard_ms\":1870000000000"), ""},
        {"both kinds",
         "{\"queues\":[{\"destination\":\"a\",\"oldest_ms\":1}],\"sources\":[{\"process\":\"s."
         "receive\",\"connector\":\"s\"," MINUTE "}]}",
         QUEUE("\"ready\":1,\"oldest_ms\":5"), SOURCE("\"heard_ms\":5"), "oldest a, silent s"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct tree *rules = read_json(table[i].rules), *queues = read_json(table[i].queues),
                    *sources = read_json(table[i].sources), *alarms = NULL;
        char got[400];
        assert_int_equal(alarm_judge(rules, queues, sources, NOW, &alarms), 0);
        names_of(alarms, got, sizeof got);
        if (strcmp(got, table[i].alarms) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", table[i].name, got, table[i].alarms);
        tree_free(rules);
        tree_free(queues);
        tree_free(sources);
        tree_free(alarms);
    }
}

static void texts_say_what_to_do(void **state)
{
    struct tree *rules = read_json(EVERY(MONTH)),
                *queues = read_json("[{\"name\":\"o\",\"configured\":false,\"ready\":2}]"),
                *sources = read_json(SOURCE("\"heard_ms\":0,\"watched_ms\":1735689600000")),
                *alarms = NULL;
    (void)state;
    assert_int_equal(alarm_judge(rules, queues, sources, NOW, &alarms), 0);
    assert_string_equal(tree_gets(alarms->child[0], "text", ""),
                        "2 messages wait in o, which no connector delivers (`reeve queue move o "
                        "OTHER`, or a connector with `was: o`)");
    assert_string_equal(tree_gets(alarms->child[1], "text", ""),
                        "nothing was accepted from s since 2025-01-01T00:00:00Z, when it was first "
                        "looked for; expected every 1 month");
    tree_free(rules);
    tree_free(queues);
    tree_free(sources);
    tree_free(alarms);
}

static void note(void *arg, const struct tree *alarm, bool over)
{
    char *out = arg;
    size_t n = strlen(out);
    (void)snprintf(out + n, 200 - n, "%c%s/%s ", over ? '-' : '+', tree_gets(alarm, "code", "?"),
                   tree_gets(alarm, "destination", tree_gets(alarm, "process", "?")));
}

static void an_alarm_begins_once_keeps_its_time_and_ends(void **state)
{
    static const struct {
        const char *fresh, *said;
        const char *since; /* of the first */
    } steps[] = {
        {"[{\"code\":\"oldest\",\"destination\":\"a\",\"text\":\"1\"}]", "+oldest/a ",
         "1970-01-01T00:00:01.000Z"},
        {"[{\"code\":\"oldest\",\"destination\":\"a\",\"text\":\"2\"}]", "",
         "1970-01-01T00:00:01.000Z"},
        {"[{\"code\":\"oldest\",\"destination\":\"a\"},{\"code\":\"oldest\",\"destination\":\"b\"},"
         "{\"code\":\"silent\",\"process\":\"a\"}]",
         "+oldest/b +silent/a ", "1970-01-01T00:00:01.000Z"},
        {"[{\"code\":\"oldest\",\"destination\":\"b\"}]", "-oldest/a -silent/a ",
         "1970-01-01T00:00:03.000Z"},
        {"[]", "-oldest/b ", NULL},
        {"[{\"code\":\"oldest\",\"destination\":\"a\"}]", "+oldest/a ", "1970-01-01T00:00:06.000Z"},
    };
    struct tree *before = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct tree *fresh = read_json(steps[i].fresh);
        char said[200] = "";
        assert_int_equal(alarm_follow(before, fresh, (i + 1) * 1000, note, said), 0);
        assert_string_equal(said, steps[i].said);
        if (steps[i].since)
            assert_string_equal(tree_gets(fresh->child[0], "since", ""), steps[i].since);
        tree_free(before);
        before = fresh;
    }
    tree_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_what_is_wrong),
        cmocka_unit_test(texts_say_what_to_do),
        cmocka_unit_test(an_alarm_begins_once_keeps_its_time_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
