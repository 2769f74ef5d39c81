/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_there_and_back - for fuzz_adapter(): what becomes a hub record comes back from it as the
 * same body. */
#ifndef TESTS_FUZZ_FUZZ_THERE_AND_BACK_H
#define TESTS_FUZZ_FUZZ_THERE_AND_BACK_H
#include "lib/json_check.h"
#include "fuzz_adapter.h"

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

#endif
