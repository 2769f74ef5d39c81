/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a 360Giving package: see fuzz_adapter.h; and what becomes a hub record comes back
 * from it as the same grant. */
#include "360giving/giving.h"
#include "fuzz_adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* false: the body could not be compared, since a member stands twice in it */
static bool print_of(const struct message *m, struct print *ret)
{
    size_t len = 0;
    const char *p = message_body(m, &len);
    struct json_parser *parser = json_parser_new(64);
    const struct json_node *v = json_parse(parser, p, len);
    if (v == NULL)
        abort();
    bool once = !json_parser_repeats(parser);
    *ret = json_print(v);
    json_parser_free(parser);
    return once;
}

static void there_and_back(const struct reeve_plugin *api, reeve_ctx *ctx, const struct message *m)
{
    struct print was, is;
    struct message *record = translated(ctx, m, api->to_hub); /* NULL: no id, or too deep */
    if (record == NULL)
        return;
    struct message *again = translated(ctx, record, api->from_hub);
    if (again == NULL)
        abort();
    if (print_of(m, &was) && print_of(again, &is) && (was.a != is.a || was.b != is.b))
        abort();
    message_free(again);
    message_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, there_and_back);
}
