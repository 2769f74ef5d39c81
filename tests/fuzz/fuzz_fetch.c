/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Link field, as a page in which the next is named, and as a reference: what is
 * found is short, whole, and resolves or not without harm. */
#include "fetch.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(const char *reference)
{
    char out[URL_MAX];
    if (strlen(reference) >= URL_MAX)
        abort();
    if (url_resolve("https://a.example/feed?page=1", reference, out) == 0)
        (void)(url_same_origin(out, "https://a.example/") && url_may_lead("https://b/", out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[URL_MAX], why[WHY_MAX];
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (link_next(text, out) == 1)
        follow(out);
    if (pointer_next(text, size, "/links/next", out, why, sizeof why) == 1)
        follow(out);
    (void)url_check(text, why, sizeof why);
    free(text);
    return 0;
}
