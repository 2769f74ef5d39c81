/* SPDX-License-Identifier: Apache-2.0 */
/* The facts known of published example events (REEVE_SHARED/fixtures/cloudevents/expected.json):
 * which attributes, what kind of body, valid or not. Skipped where that directory is not there. */
#include "message/message.h"
#include "base/json.h"
#include "base/tree.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define FIXTURES "fixtures/cloudevents/"

static int read_fixture(const char *name, char **ret, size_t *ret_len)
{
    const char *shared = getenv("REEVE_SHARED");
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/" FIXTURES "%s", shared ? shared : "../shared", name);
    return read_file(path, 1 << 20, ret, ret_len);
}

struct facts {
    const struct tree *events;
    size_t seen;
};

static bool kind_is(const struct message *m, const char *kind)
{
    size_t len;
    const char *body = message_body(m, &len);
    if (strcmp(kind, "dict") == 0)
        return message_body_kind(m) == BODY_JSON && body[0] == '{';
    if (strcmp(kind, "str") == 0)
        return message_body_kind(m) == BODY_JSON && body[0] == '"';
    return false;
}

static int check_event(void *arg, size_t index, const char *p, size_t len)
{
    struct facts *f = arg;
    assert_true(index < f->events->n);
    const struct tree *want = f->events->child[index];
    struct message *m = NULL;
    struct err e = {"", ""};
    int r = message_parse(p, len, 0, &m, NULL, &e);
    f->seen++;
    if (tree_get(want, "problems")->n > 0) {
        assert_true(r < 0);
        assert_string_equal(e.code, "event-base64");
        return 0;
    }
    assert_int_equal(r, 0);
    const struct tree *names = tree_get(want, "attributes");
    assert_int_equal(message_count(m), names->n);
    for (size_t i = 0; i < names->n; i++)
        assert_non_null(message_get(m, tree_text(names->child[i])));
    assert_string_equal(message_get(m, "id"), tree_gets(want, "id", ""));
    assert_true(kind_is(m, tree_gets(want, "data_kind", "")));
    message_free(m);
    return 0;
}

static void published_examples_are_read_as_known(void **state)
{
    (void)state;
    char *text = NULL, *file = NULL;
    size_t len;
    struct tree *expected = NULL;
    struct err e;
    if (read_fixture("expected.json", &text, &len) < 0) {
        printf("SKIP: no " FIXTURES "expected.json (set REEVE_SHARED)\n");
        skip();
    }
    assert_int_equal(tree_from_json(text, len, &expected, &e), 0);
    for (size_t i = 0; i < expected->n; i++) {
        const struct tree *t = expected->child[i];
        struct facts f = {tree_get(t, "events"), 0};
        assert_int_equal(read_fixture(tree_text(expected->key[i]), &file, &len), 0);
        if (tree_getb(t, "batch", false))
            assert_int_equal(message_each_in_batch(file, len, check_event, &f, &e), 0);
        else
            (void)check_event(&f, 0, file, len);
        assert_int_equal(f.seen, f.events->n);
        free(TAKE_PTR(file));
    }
    tree_free(expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_examples_are_read_as_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
