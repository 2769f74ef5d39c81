/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_amqp_marks - the properties of a message as they come over the wire, which anybody who may
 * publish has written: decoded by the library, read by us; what was read is written again and must
 * come back the same. */
#include "transport/amqp_link.h"
#include <amqp_framing.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static void there_and_back(const struct amqp_marks *m)
{
    static struct amqp_marks_text hold;
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    struct amqp_marks again;
    amqp_marks_put(m, &props, table);
    must(props.headers.num_entries <= AMQP_HEADERS_MAX);
    amqp_marks_get(&props, &hold, &again);
    must(strcmp(again.id, m->id) == 0 && strcmp(again.code, m->code) == 0 &&
         strcmp(again.text, m->text) == 0);
    must(again.first_ms == m->first_ms && again.attempts == m->attempts);
    must(m->due_ms > INT64_MAX || again.due_ms == m->due_ms);
    must(m->number > INT64_MAX || again.number == m->number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct amqp_marks_text hold;
    amqp_pool_t pool;
    void *decoded = NULL;
    uint8_t *copy = malloc(size ? size : 1); /* exactly as long: a step too far is found */
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    init_amqp_pool(&pool, 4096);
    amqp_bytes_t encoded = {.len = size, .bytes = copy};
    if (amqp_decode_properties(AMQP_BASIC_CLASS, &pool, encoded, &decoded) == AMQP_STATUS_OK) {
        struct amqp_marks m;
        amqp_marks_get(decoded, &hold, &m);
        must(strlen(m.id) <= AMQP_ID_MAX && strlen(m.code) <= AMQP_CODE_MAX &&
             strlen(m.text) <= AMQP_TEXT_MAX);
        must(m.id == hold.id && m.first_ms % 1000 == 0);
        there_and_back(&m);
    }
    empty_amqp_pool(&pool);
    free(copy);
    return 0;
}
