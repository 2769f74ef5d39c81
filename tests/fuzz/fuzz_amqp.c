/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile publisher can put into the headers of a message, as the library decodes it, and
 * any text as the attribute that carries properties: what is kept survives the way back, and an
 * event's attributes are one JSON object for an adapter to judge. The first byte chooses. */
#include "base/json.h"
#include "base/util.h"
#include "rabbit.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool one_json(const char *p, size_t len)
{
    struct json_scan s;
    json_start(&s, p, len, JSON_DEPTH_MAX);
    return json_value(&s, NULL) == 0 && json_end(&s) == 0;
}

/* What was written is read again, and written it is the same; but for what is not sent on. */
static void there_and_back(const amqp_basic_properties_t *p, amqp_pool_t *pool)
{
    struct text once = {.p = NULL}, twice = {.p = NULL}, thrice = {.p = NULL};
    amqp_basic_properties_t q = {0}, r = {0};
    if (!properties_write(&once, p) && once.len) {
        check(one_json(once.p, once.len));
        check(properties_read(once.p, "user", pool, &q));
        check(!properties_write(&twice, &q));
        if (twice.len) {
            check(properties_read(twice.p, "user", pool, &r));
            check(!properties_write(&thrice, &r));
            check(thrice.len == twice.len && memcmp(thrice.p, twice.p, twice.len) == 0);
        }
    }
    text_free(&once);
    text_free(&twice);
    text_free(&thrice);
}

static void as_event(const amqp_basic_properties_t *p)
{
    const struct wrap w = {.type = "t", .vhost = "/", .queue = "q"};
    struct text out = {.p = NULL};
    if (message_kind(p) == MESSAGE_BINARY)
        event_begin(&out, p);
    else
        event_begin_plain(&out, p, &w);
    event_end(NULL, &out, "text/plain", "x", 1);
    check(!out.bad && out.p[0] == '{' && out.p[out.len - 1] == '}');
    if (bytes_utf8((amqp_bytes_t){out.len, out.p}))
        check(one_json(out.p, out.len));
    text_free(&out);
}

static void from_the_wire(const uint8_t *data, size_t size, amqp_pool_t *pool)
{
    amqp_basic_properties_t p = {0};
    char *encoded = malloc(size + 4); /* of exactly its size: reading past it is found */
    size_t at = 0;
    if (!encoded)
        return;
    const uint32_t len = (uint32_t)size;
    const char prefix[] = {(char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    memcpy(encoded, prefix, 4);
    if (size > 0)
        memcpy(encoded + 4, data, size);
    if (amqp_decode_table((amqp_bytes_t){size + 4, encoded}, pool, &p.headers, &at) == 0) {
        p._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
        p.correlation_id = (amqp_bytes_t){size < 9 ? size : 9, encoded + 4};
        there_and_back(&p, pool);
        as_event(&p);
    }
    free(encoded);
}

static void from_the_attribute(const uint8_t *data, size_t size, amqp_pool_t *pool)
{
    amqp_basic_properties_t p = {0};
    char *text = strndup((const char *)data, size);
    if (text && properties_read(text, "user", pool, &p))
        there_and_back(&p, pool);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    amqp_pool_t pool;
    if (size == 0)
        return 0;
    init_amqp_pool(&pool, 4096);
    if (data[0] % 2)
        from_the_attribute(data + 1, size - 1, &pool);
    else
        from_the_wire(data + 1, size - 1, &pool);
    empty_amqp_pool(&pool);
    return 0;
}
