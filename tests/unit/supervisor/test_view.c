/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics and health from status documents, word for word where words matter. That the whole is
 * good OpenMetrics is checked by another's parser in tests/system/test_seeing.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/view.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *metrics_of(const char *json, bool open_metrics)
{
    struct tree *t = NULL;
    struct err e;
    struct buf out = BUF_INIT(1u << 20);
    assert_int_equal(tree_from_json(json, strlen(json), &t, &e), 0);
    assert_int_equal(metrics_write(t, open_metrics, &out), 0);
    tree_free(t);
    return buf_take(&out, NULL);
}

static void has(const char *json, const char *line)
{
    char *text = metrics_of(json, true), wanted[400];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(text, wanted))
        fail_msg("no line %s in:\n%s", line, text);
    free(text);
}

static const char sink[] =
    "{\"since\":\"2026-01-15T09:30:00.123Z\",\"uptime_ms\":61500,\"reload_ok\":true,\"processes\":["
    "{"
    "\"name\":\"a.deliver\",\"kind\":\"sink\",\"state\":\"ready\",\"restarts\":3,\"rss_kb\":4,"
    "\"stats\":{\"destination\":\"a\",\"started_ms\":1768469400500,\"paused\":true,"
    "\"verdicts\":{\"ok\":7,\"retry\":1},\"delivery\":[1,0,0,0,0,2,0,0,0,0,0,0,0,0,0,0,0,0,4,"
    "1500001]}}],\"alarms\":[{\"process\":\"a.deliver\",\"code\":\"down\"},{\"process\":\"a."
    "deliver\",\"code\":\"made-up\"},{\"process\":\"a.deliver\",\"code\":\"made-up-too\"},{"
    "\"code\":\"reload-hub\"},{\"code\":\"oldest\",\"destination\":\"a\"},{\"code\":\"oldest\","
    "\"destination\":"
    "\"b\"}]}";

static void figures_become_samples(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "reeve_start_time_seconds 1768469400.123",
        "reeve_uptime_seconds 61.500",
        "reeve_config_last_reload_successful 1",
        "reeve_process_up{process=\"a.deliver\"} 1",
        "reeve_process_restarts_total{process=\"a.deliver\"} 3",
        "reeve_process_restarts_created{process=\"a.deliver\"} 1768469400.123",
        "reeve_process_resident_memory_bytes{process=\"a.deliver\"} 4096",
        "reeve_verdicts_total{destination=\"a\",verdict=\"ok\"} 7",
        "reeve_verdicts_created{destination=\"a\",verdict=\"ok\"} 1768469400.500",
        "reeve_sink_paused{destination=\"a\"} 1",
        "reeve_delivery_seconds_bucket{destination=\"a\",le=\"0.001\"} 1",
        "reeve_delivery_seconds_bucket{destination=\"a\",le=\"0.05\"} 3",
        "reeve_delivery_seconds_bucket{destination=\"a\",le=\"86400.0\"} 3",
        "reeve_delivery_seconds_bucket{destination=\"a\",le=\"+Inf\"} 7",
        "reeve_delivery_seconds_count{destination=\"a\"} 7",
        "reeve_delivery_seconds_sum{destination=\"a\"} 1.500001",
        "reeve_alarms{process=\"a.deliver\",code=\"down\"} 1",
        "reeve_alarms{process=\"a.deliver\",code=\"other\"} 2",
        "reeve_alarms{process=\"supervisor\",code=\"other\"} 1",
        "reeve_alarms{process=\"supervisor\",destination=\"a\",code=\"oldest\"} 1",
        "reeve_alarms{process=\"supervisor\",destination=\"b\",code=\"oldest\"} 1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        has(sink, lines[i]);
    char *text = metrics_of(sink, true);
    assert_null(strstr(text, "made-up"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
}

static void the_older_text_has_other_names_and_no_end(void **state)
{
    (void)state;
    char *text = metrics_of(sink, false);
    assert_non_null(strstr(text, "# TYPE reeve_verdicts_total counter\n"));
    assert_null(strstr(text, "_created"));
    assert_null(strstr(text, "# UNIT"));
    assert_null(strstr(text, "# EOF"));
    free(text);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    has("{\"processes\":[{\"name\":\"q\\\"\\\\\\n\",\"state\":\"stuck\"}]}",
        "reeve_process_up{process=\"q\\\"\\\\\\n\"} 0");
}

/* What a process says can be anything that is JSON. */
static void odd_figures_break_nothing(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"processes\":7,\"alarms\":\"x\"}",
        "{\"since\":\"no time\",\"processes\":[[],3,{\"kind\":\"sink\",\"stats\":[1]}]}",
        "{\"processes\":[{\"kind\":\"sink\",\"stats\":{\"delivery\":[1,2],\"verdicts\":[]}}]}",
        "{\"processes\":[{\"kind\":\"spool\",\"stats\":{\"destinations\":[3,{\"ready\":\"x\"}]}}]}",
        "{\"processes\":[{\"kind\":\"sink\",\"stats\":{\"dead\":-1,\"delivery\":[\"\",-1,[],0,0,0,"
        "0,0,0,0,0,0,0,0,0,0,0,0,0,99999999999999999999]}}],\"alarms\":[{},3]}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        free(metrics_of(odd[i], true));
        struct tree *t = NULL;
        struct err e;
        struct buf out = BUF_INIT(1u << 20);
        uint32_t status = 0;
        assert_int_equal(tree_from_json(odd[i], strlen(odd[i]), &t, &e), 0);
        assert_int_equal(health_write(t, false, &out, &status), 0);
        assert_int_equal(status, 503); /* no spool is up */
        tree_free(t);
        buf_done(&out);
    }
}

#define SPOOL_UP  "{\"name\":\"spool\",\"kind\":\"spool\",\"state\":\"ready\"}"
#define SOURCE(s) "{\"name\":\"a.receive\",\"kind\":\"source\",\"state\":\"" s "\"}"
static void health_in_one_word(void **state)
{
    (void)state;
    static const struct {
        const char *status, *word;
        uint32_t code;
    } cases[] = {
        {"{\"processes\":[" SPOOL_UP "," SOURCE("ready") "],\"alarms\":[]}", "ok", 200},
        {"{\"processes\":[" SPOOL_UP "],\"alarms\":[]}", "ok", 200},
        {"{\"processes\":[" SPOOL_UP "," SOURCE("ready") "],\"alarms\":[{\"code\":\"down\"}]}",
         "degraded", 200},
        {"{\"processes\":[" SPOOL_UP "," SOURCE("ready") "," SOURCE("waiting") "],\"alarms\":[]}",
         "degraded", 200},
        {"{\"processes\":[" SPOOL_UP "," SOURCE("waiting") "],\"alarms\":[]}", "down", 503},
        {"{\"processes\":[{\"kind\":\"spool\",\"state\":\"waiting\"}," SOURCE("ready") "]}", "down",
         503},
        {"{\"state\":\"draining\",\"processes\":[" SPOOL_UP "," SOURCE("ready") "]}", "down", 503},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tree *t = NULL, *got = NULL;
        struct err e;
        struct buf out = BUF_INIT(1u << 20);
        uint32_t status = 0;
        assert_int_equal(tree_from_json(cases[i].status, strlen(cases[i].status), &t, &e), 0);
        assert_int_equal(health_write(t, false, &out, &status), 0);
        assert_int_equal(tree_from_json(out.p, out.len - 1, &got, &e), 0);
        assert_string_equal(tree_gets(got, "status", ""), cases[i].word);
        assert_int_equal(status, cases[i].code);
        tree_free(t);
        tree_free(got);
        buf_done(&out);
    }
}

static void terse_health_names_codes_only(void **state)
{
    (void)state;
    static const char status[] =
        "{\"processes\":[" SPOOL_UP
        "],\"alarms\":[{\"process\":\"secret.deliver\",\"code\":\"down\","
        "\"text\":\"secret\"},{\"process\":\"x\",\"code\":\"down\",\"text\":\"secret\"},{\"code\":"
        "\"compile\"}]}";
    struct tree *t = NULL;
    struct err e;
    struct buf out = BUF_INIT(1u << 20);
    uint32_t code;
    assert_int_equal(tree_from_json(status, strlen(status), &t, &e), 0);
    assert_int_equal(health_write(t, true, &out, &code), 0);
    assert_string_equal(buf_str(&out), "{\"status\":\"degraded\",\"processes\":1,\"ready\":1,"
                                       "\"alarms\":[\"down\",\"compile\"]}\n");
    buf_reset(&out);
    assert_int_equal(health_write(t, false, &out, &code), 0);
    assert_non_null(strstr(buf_str(&out), "{\"process\":\"secret.deliver\",\"code\":\"down\"}"));
    assert_null(strstr(buf_str(&out), "text"));
    tree_free(t);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_become_samples),
        cmocka_unit_test(the_older_text_has_other_names_and_no_end),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(odd_figures_break_nothing),
        cmocka_unit_test(health_in_one_word),
        cmocka_unit_test(terse_health_names_codes_only),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
