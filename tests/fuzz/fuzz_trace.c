/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as traceparent and as tracestate: what is taken is valid, fits, and is taken again as
 * it is. */
#include "message/trace_context.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void parent(const char *p, size_t len)
{
    char first[TRACEPARENT_LEN], again[TRACEPARENT_LEN];
    if (!traceparent_read(p, len, first))
        return;
    check(strlen(first) == TRACEPARENT_LEN - 1 && first[0] == '0' && first[1] == '0');
    check(traceparent_read(first, strlen(first), again) && strcmp(first, again) == 0);
}

static void state(const char *p, size_t len)
{
    char first[TRACESTATE_MAX + 1], again[TRACESTATE_MAX + 1];
    if (!tracestate_read(p, len, first))
        return;
    check(strlen(first) <= TRACESTATE_MAX && strlen(first) <= len);
    check(tracestate_read(first, strlen(first), again) && strcmp(first, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exactly as long: a step too far is found */
    if (!text)
        return 0;
    memcpy(text, data, size);
    parent(text, size);
    state(text, size);
    free(text);
    return 0;
}
