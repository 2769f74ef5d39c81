/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a council's spend file: see fuzz_adapter.h; and what becomes a hub record comes
 * back from it as the same payment. */
#include <reeve/plugin.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool like_a_total(const reeve_msg *m);
#define FUZZ_MAY_REFUSE(m) like_a_total(m)
#include "fuzz_there_and_back.h"

/* A text like "Total" and no date: whoever reads the table would pass it over. */
static bool like_a_total(const reeve_msg *m)
{
    size_t len = 0;
    const char *body = reeve_msg_body(m, &len);
    bool total = false;
    for (size_t i = 0; i + 5 <= len; i++)
        total = total || strncasecmp(body + i, "total", 5) == 0;
    return total && memmem(body, len, "\"date\":", 7) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_adapter(data, size, there_and_back);
}
