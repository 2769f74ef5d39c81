/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin file, delivering: whole files, no second file for a repetition, whole lines, and what the
 * disk refuses. */
#include "fake.h"
#include "file.h"

#define HUB_ID  "0123456789abcdef0123456789abcdef01234567"
#define HUB_ID2 "1123456789abcdef0123456789abcdef01234567"

static struct reeve_job *job(const char *id, const char *source, const char *type, const char *body)
{
    struct reeve_job *j = xcalloc(1, sizeof(*j));
    struct err e;
    j->msg.m = message_new();
    assert_int_equal(message_sets(j->msg.m, "id", id, &e), 0);
    assert_int_equal(message_sets(j->msg.m, "source", source, &e), 0);
    j->attempt = 1;
    j->settings = tree_map();
    assert_int_equal(tree_puts(j->settings, "content-type", type), 0);
    buf_init(&j->body, 1 << 20);
    assert_int_equal(buf_adds(&j->body, body), 0);
    return j;
}

static void job_free(struct reeve_job *j)
{
    message_free(j->msg.m);
    tree_free(j->settings);
    buf_done(&j->body);
    free(j);
}

/* The verdict of the last one; all jobs are freed. */
static reeve_rc deliver(struct reeve_job **jobs, size_t n)
{
    host_ctx_clear(fake.ctx);
    reeve_rc rc = fake.plugin.api.deliver(fake.ctx, fake.inst, jobs, n);
    if (jobs[n - 1]->settled)
        rc = jobs[n - 1]->rc;
    for (size_t i = 0; i < n; i++)
        job_free(jobs[i]);
    return rc;
}

static reeve_rc deliver_one(const char *id, const char *source, const char *type, const char *body)
{
    struct reeve_job *jobs[] = {job(id, source, type, body)};
    return deliver(jobs, 1);
}

static void a_message_is_one_file_and_a_repetition_is_the_same_one(void **state)
{
    (void)state;
    fake_open(NULL);
    assert_int_equal(deliver_one(HUB_ID, "s", "application/json", "{\"a\":1}"), REEVE_OK);
    has_text(HUB_ID ".json", "{\"a\":1}");
    assert_int_equal(deliver_one(HUB_ID, "s", "application/json", "{\"a\":1}"), REEVE_OK);
    assert_int_equal(count_files("."), 1);
    assert_int_equal(deliver_one(HUB_ID2, "s", "text/csv; charset=utf-8", "a"), REEVE_OK);
    has_text(HUB_ID2 ".csv", "a");
    assert_int_equal(count_files("."), 2); /* no temporary file stayed */
}

static void a_batch_is_settled_together(void **state)
{
    (void)state;
    fake_open(NULL);
    struct reeve_job *jobs[] = {job(HUB_ID, "s", "application/json", "1"),
                                job(HUB_ID2, "s", "application/xml", "<a/>")};
    assert_int_equal(deliver(jobs, 2), REEVE_OK);
    assert_true(there(HUB_ID ".json"));
    assert_true(there(HUB_ID2 ".xml"));
}

static void foreign_ids_cannot_leave_the_directory_or_meet(void **state)
{
    (void)state;
    char a[NAME_BYTES], b[NAME_BYTES], longer[2000];
    message_name("../../etc/passwd", "s1", ".json", a);
    assert_null(strchr(a, '/'));
    assert_int_not_equal(a[0], '.');
    message_name("same", "s1", ".json", a);
    message_name("same", "s2", ".json", b);
    assert_string_not_equal(a, b);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    message_name(longer, "s", ".json", a);
    longer[sizeof(longer) - 2] = 'y';
    message_name(longer, "s", ".json", b);
    assert_string_not_equal(a, b);
    assert_true(strlen(a) < 220);
    message_name("", "s", ".json", a);
    assert_int_equal(a[0], '-');
    fake_open(NULL);
    assert_int_equal(deliver_one("../up", "s", "application/json", "1"), REEVE_OK);
    assert_int_equal(count_files("."), 1);
}

static void what_the_disk_refuses_is_down(void **state)
{
    (void)state;
    put("taken", "a file, not a directory");
    fake_open(NULL);
    char *whole = fake_path("taken/sub");
    struct tree *t = tree_map(), *list = tree_list();
    assert_int_equal(tree_appends(list, whole), 0);
    assert_int_equal(tree_put(t, "directory", list), 0);
    reeve_ctx *ctx = host_ctx_new(&fake.plugin, t, NULL, NULL, 0);
    void *inst = NULL;
    assert_int_equal(fake.plugin.api.open(ctx, &inst), REEVE_OK);
    struct reeve_job *jobs[] = {job(HUB_ID, "s", "application/json", "1")};
    assert_int_equal(fake.plugin.api.deliver(ctx, inst, jobs, 1), REEVE_DOWN);
    assert_non_null(strstr(host_ctx_reason(ctx), "Not a directory"));
    job_free(jobs[0]);
    fake.plugin.api.close(ctx, inst);
    host_ctx_free(ctx);
    tree_free(t);
    free(whole);
}

static const char *const lines[] = {"mode=lines", NULL};

static void messages_are_whole_lines(void **state)
{
    (void)state;
    fake_open(lines);
    struct reeve_job *jobs[] = {job("1", "s", "application/json", "{\n \"a\": \"x\\n\"\r\n}"),
                                job("2", "s", "application/cloudevents+json", "{}")};
    assert_int_equal(deliver(jobs, 2), REEVE_OK);
    has_text("messages.jsonl", "{  \"a\": \"x\\n\"  }\n{}\n");
}

static void a_torn_last_line_is_cut_off(void **state)
{
    (void)state;
    put("messages.jsonl", "{\"a\":1}\n{\"b\":");
    fake_open(lines);
    assert_int_equal(deliver_one("2", "s", "application/json", "{\"b\":2}"), REEVE_OK);
    has_text("messages.jsonl", "{\"a\":1}\n{\"b\":2}\n");
    fake_close();
    put("messages.jsonl", "{\"never\":\"finished");
    fake_open(lines);
    assert_int_equal(deliver_one("2", "s", "application/json", "{\"b\":2}"), REEVE_OK);
    has_text("messages.jsonl", "{\"b\":2}\n");
}

static void a_long_torn_line_is_cut_off(void **state)
{
    (void)state;
    char *text = malloc(20000);
    memset(text, 'x', 19999);
    text[19999] = '\0';
    memcpy(text, "{}\n", 3);
    put("messages.jsonl", text);
    fake_open(lines);
    assert_int_equal(deliver_one("2", "s", "application/json", "{\"b\":2}"), REEVE_OK);
    has_text("messages.jsonl", "{}\n{\"b\":2}\n");
    free(text);
}

static void a_file_that_is_moved_away_is_made_anew(void **state)
{
    (void)state;
    fake_open(lines);
    assert_int_equal(deliver_one("1", "s", "application/json", "1"), REEVE_OK);
    char *from = fake_path("messages.jsonl"), *to = fake_path("old.jsonl");
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(deliver_one("2", "s", "application/json", "2"), REEVE_OK);
    has_text("old.jsonl", "1\n");
    has_text("messages.jsonl", "2\n");
    free(from);
    free(to);
}

static void what_is_not_json_cannot_be_a_line(void **state)
{
    (void)state;
    fake_open(lines);
    assert_int_equal(deliver_one("1", "s", "text/csv", "a,b\n"), REEVE_DOWN);
    assert_non_null(strstr(host_ctx_reason(fake.ctx), "choose mode files"));
    assert_false(there("messages.jsonl"));
}

static void the_file_of_lines_stays_in_its_directory(void **state)
{
    (void)state;
    static const char *const evil[] = {"mode=lines", "file=../x", NULL};
    fake_open(evil);
    assert_int_equal(deliver_one("1", "s", "application/json", "1"), REEVE_DOWN);
}

#define DELIVER(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELIVER(a_message_is_one_file_and_a_repetition_is_the_same_one),
        DELIVER(a_batch_is_settled_together),
        DELIVER(foreign_ids_cannot_leave_the_directory_or_meet),
        DELIVER(what_the_disk_refuses_is_down),
        DELIVER(messages_are_whole_lines),
        DELIVER(a_torn_last_line_is_cut_off),
        DELIVER(a_long_torn_line_is_cut_off),
        DELIVER(a_file_that_is_moved_away_is_made_anew),
        DELIVER(what_is_not_json_cannot_be_a_line),
        DELIVER(the_file_of_lines_stays_in_its_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
