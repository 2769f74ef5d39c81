/* SPDX-License-Identifier: Apache-2.0 */
/* A state that cannot be read is never taken for one that holds nothing: whatever a step, a plugin
 * or an adapter makes of the "absent" it is told, the message or document is tried again. (A sink
 * once let such a message pass.) The store is one of the test's own that fails when it is told to.
 */
#include "worker/sink.h"
#include "worker/source.h"
#include "state/store.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- the store: one value, or a failure ---- */
static const char *stored; /* NULL: absent */
static int failure;        /* negative errno; 0: none */
static unsigned asked, fails_from;

static int fake_get(struct store *t, const char *key, struct buf *ret, struct err *e)
{
    (void)t;
    (void)key;
    asked++;
    if (failure && asked > fails_from)
        return err_set(e, failure, failure == -ENOTCONN ? "state-away" : "db-io", "it is broken");
    return stored ? buf_adds(ret, stored) < 0 ? -ENOMEM : 1 : 0;
}

static const struct store_ops fake_ops = {.get = fake_get};
static struct store fake = {.ops = &fake_ops};
static struct state memory;

/* ---- foreign code, as if it had been loaded ---- */
static struct host_room *room;

static int ask_room(void *host, const char *key, const void **ret, size_t *ret_len)
{
    (void)host;
    return room->state_get(room->arg, key, ret, ret_len);
}

static int put_room(void *host, const char *key, const void *p, size_t len)
{
    (void)host;
    return room->state_put(room->arg, key, p, len);
}

static const struct host_ops host = {.state_get = ask_room, .state_put = put_room};
static reeve_rc says; /* what the foreign code returns at the end */
static bool was_told, could_put;

static void ask_and_put(reeve_ctx *ctx)
{
    size_t len;
    was_told = reeve_state_get(ctx, "seen", &len) != NULL;
    could_put = reeve_state_put(ctx, "seen", "new", 3) == 0;
}

static reeve_rc a_step(reeve_ctx *ctx, void *inst, const reeve_msg *m, reeve_out *out)
{
    (void)inst;
    ask_and_put(ctx);
    if (says != REEVE_OK)
        return reeve_fail(ctx, says, "the step does not like it");
    return reeve_emit(out, reeve_msg_copy(m)) == 0 ? REEVE_OK : REEVE_RETRY;
}

static reeve_rc a_delivery(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    (void)inst;
    for (size_t i = 0; i < n; i++) {
        ask_and_put(ctx);
        reeve_settle(jobs[i], says, 0, "the peer says so");
    }
    return REEVE_OK;
}

static struct plugin loaded = {.api = {.name = "test", .step = a_step, .deliver = a_delivery}};
static char name[] = "test";
static struct instance one = {.plugin = &loaded, .label = name, .name = name};

static int setup(void **state)
{
    (void)state;
    memory = (struct state){.store = &fake};
    buf_init(&memory.value, 1000);
    memory.now.kv = map_new(free);
    memory.frozen.kv = map_new(free);
    stored = NULL;
    failure = 0;
    asked = fails_from = 0;
    says = REEVE_OK;
    one.ctx = host_ctx_new(&loaded, NULL, &host, NULL, 1 << 20);
    return memory.now.kv && memory.frozen.kv && one.ctx ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    map_free(memory.now.kv);
    map_free(memory.frozen.kv);
    buf_done(&memory.value);
    host_ctx_free(one.ctx);
    return 0;
}

/* ---- sinks ---- */
static struct sink sink;
static struct transport_job job;
static struct hand hand;

static void begin_sink(void)
{
    static const char event[] = "{\"specversion\":\"1.0\",\"id\":\"m1\",\"source\":\"s\",\"type\":"
                                "\"funding.report\",\"data\":{\"a\":1}}";
    static struct instance *steps[] = {&one};
    sink = (struct sink){.state = &memory, .message_max = 1 << 20, .batch = 1, .plugin = &one};
    sink.room.arg = &sink;
    sink.steps = (struct steps){.step = steps, .n = 1};
    room = one.room = &sink.room;
    remember_open(&sink);
    job = (struct transport_job){.id = "m1", .bytes = event, .len = sizeof(event) - 1};
    hand = (struct hand){.job = &job, .place = -1};
    hand.deliveries_end = &hand.deliveries;
}

static void prepared(bool decided, reeve_rc rc)
{
    begin_sink();
    hand_prepare(&sink, &hand);
    assert_int_equal(hand.decided, decided);
    if (decided)
        assert_int_equal(hand.rc, rc);
    hand_free_deliveries(&hand);
}

static void a_message_whose_step_cannot_read_its_state_waits(void **state)
{
    (void)state;
    static const reeve_rc all[] = {REEVE_OK, REEVE_REJECT, REEVE_RETRY, REEVE_DOWN};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        says = all[i];
        failure = -ENOTCONN; /* no message fares better: the destination pauses */
        prepared(true, REEVE_DOWN);
        assert_false(was_told);
        assert_false(could_put); /* it would take the place of what was not seen */
        assert_non_null(strstr(hand.reason, "it is broken"));
        failure = -EIO;
        prepared(true, REEVE_RETRY);
        assert_false(could_put);
    }
    assert_int_equal(map_count(memory.now.kv), 0);
}

static void a_state_that_holds_nothing_is_absent(void **state)
{
    (void)state;
    prepared(false, REEVE_OK);
    assert_false(was_told);
    assert_true(could_put);
    prepared(false, REEVE_OK); /* staged */
    assert_true(was_told);
    says = REEVE_REJECT;
    prepared(true, REEVE_REJECT);
}

static void a_failure_is_of_one_message(void **state)
{
    (void)state;
    failure = -EIO;
    prepared(true, REEVE_RETRY);
    failure = 0;
    stored = "old";
    hand_prepare(&sink, &hand); /* the next one, of the same sink */
    assert_false(hand.decided);
    assert_true(was_told);
    assert_true(could_put);
    hand_free_deliveries(&hand);
}

static void delivered(reeve_rc want)
{
    struct hand *hands[] = {&hand};
    begin_sink();
    sink.steps.n = 0;
    hand_prepare(&sink, &hand);
    assert_false(hand.decided);
    deliver_batch(&sink, hands, 1);
    assert_int_equal(hand.rc, want);
    hand_free_deliveries(&hand);
}

static void a_delivery_that_could_not_read_its_state_is_not_final(void **state)
{
    (void)state;
    delivered(REEVE_OK);
    map_clear(memory.now.kv);
    failure = -ENOTCONN;
    delivered(REEVE_DOWN);
    failure = -EIO;
    delivered(REEVE_RETRY);
    says = REEVE_REJECT;
    delivered(REEVE_RETRY);
    says = REEVE_DOWN; /* what is not final stands: the peer knows better when to come again */
    delivered(REEVE_DOWN);
    assert_int_equal(map_count(memory.now.kv), 0);
}

/* ---- sources ---- */
static struct source source;

static int get_of_source(void *arg, const char *key, const void **ret, size_t *ret_len)
{
    return call_state_get(arg, key, ret, ret_len);
}

static int put_of_source(void *arg, const char *key, const void *p, size_t len)
{
    return call_state_put(arg, key, p, len);
}

static void begin_source(void)
{
    source = (struct source){.state = &memory, .epoch = EPOCH_ANY, .plugin = &one};
    source.calls_end = &source.calls;
    source.room.arg = &source;
    source.room.state_get = get_of_source;
    source.room.state_put = put_of_source;
    room = one.room = &source.room;
}

static void a_call_that_could_not_read_its_state_is_tried_again(void **state)
{
    (void)state;
    static const reeve_rc given[] = {REEVE_OK, REEVE_REJECT, REEVE_RETRY, REEVE_FATAL},
                          want[] = {REEVE_RETRY, REEVE_RETRY, REEVE_RETRY, REEVE_FATAL};
    for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
        begin_source();
        failure = -ENOTCONN;
        ask_and_put(one.ctx);
        assert_string_equal(source.call->blind.code, "state-away");
        assert_int_equal(call_verdict(&source, &one, given[i]), want[i]);
        (void)calls_apply(&source);
        assert_int_equal(map_count(memory.now.kv), 0); /* what it put is forgotten */
        failure = 0;
        ask_and_put(one.ctx);
        assert_int_equal(call_verdict(&source, &one, given[i]), given[i]);
        assert_true(calls_apply(&source));
        assert_int_equal(map_count(memory.now.kv), 1);
        map_clear(memory.now.kv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_whose_step_cannot_read_its_state_waits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_state_that_holds_nothing_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_of_one_message, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delivery_that_could_not_read_its_state_is_not_final,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_could_not_read_its_state_is_tried_again, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
