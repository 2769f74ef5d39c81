/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an IATI activity file: see fuzz_adapter.h; and what becomes a hub record comes back
 * from it as an activity that says the same. */
#include "fuzz_adapter.h"
#include "lib/json_node.h"
#include "lib/json_check.h"
#include "lib/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct print print_of(const struct message *m)
{
    size_t len = 0;
    const char *p = message_body(m, &len);
    struct json_parser *parser = json_parser_new(64);
    const struct json_node *v = json_parse(parser, p, len);
    if (v == NULL || json_parser_repeats(parser))
        abort();
    struct print r = json_print(v);
    json_parser_free(parser);
    return r;
}

static void there_and_back(const struct reeve_plugin *api, reeve_ctx *ctx, const struct message *m)
{
    struct message *record = translated(ctx, m, api->to_hub); /* NULL: no identifier, no money */
    if (record == NULL)
        return;
    struct message *again = translated(ctx, record, api->from_hub);
    struct message *read = again != NULL ? translated(ctx, again, api->to_hub) : NULL;
    if (read == NULL)
        abort();
    struct print was = print_of(record), is = print_of(read);
    if (was.a != is.a || was.b != is.b)
        abort();
    message_free(read);
    message_free(again);
    message_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, there_and_back);
}
