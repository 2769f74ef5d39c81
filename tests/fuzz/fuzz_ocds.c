/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an OCDS package: see fuzz_adapter.h; and what becomes a hub record comes back from
 * it as a release or payment of OCDS 1.1 (names of 1.0 are read only), which then stays the same.
 */
#include "fuzz_there_and_back.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void settles(const struct reeve_plugin *api, reeve_ctx *ctx, const struct message *m)
{
    struct print print;
    if (!print_of(m, &print)) /* a member stands twice in it: such a record is not written */
        return;
    struct message *record = translated(ctx, m, api->to_hub); /* NULL: no value, or too deep */
    if (record == NULL)
        return;
    struct message *again = translated(ctx, record, api->from_hub);
    if (again == NULL)
        abort();
    there_and_back(api, ctx, again);
    message_free(again);
    message_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, settles);
}
