/* SPDX-License-Identifier: Apache-2.0 */
/* Any status document as metrics and as health: every line is a comment or a sample of ours, the
 * end stands at the end, and health is one of three words. */
#include "supervisor/view.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const char *text, bool open_metrics)
{
    const char *p = text;
    while (*p) {
        const char *end = strchr(p, '\n');
        if (!end || (strncmp(p, "# ", 2) != 0 && strncmp(p, "reeve_", 6) != 0))
            abort();
        if (strncmp(p, "# EOF", 5) == 0 && (!open_metrics || end[1]))
            abort();
        p = end + 1;
    }
}

static void check_health(const struct tree *status, bool terse)
{
    struct buf out = BUF_INIT(16u << 20);
    struct tree *t = NULL;
    struct err e;
    uint32_t code = 0;
    if (health_write(status, terse, &out, &code) == 0) {
        if (tree_from_json(out.p, out.len - 1, &t, &e) < 0)
            abort();
        const char *word = tree_gets(t, "status", "");
        bool down = strcmp(word, "down") == 0;
        if ((!down && strcmp(word, "ok") != 0 && strcmp(word, "degraded") != 0) ||
            code != (down ? 503 : 200))
            abort();
    }
    tree_free(t);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree *t = NULL;
    struct err e;
    union {
        const uint8_t *u;
        const char *c;
    } text = {.u = data};
    if (tree_from_json(text.c, size, &t, &e) < 0)
        return 0;
    for (int i = 0; i < 2; i++) {
        struct buf out = BUF_INIT(16u << 20);
        if (metrics_write(t, i, &out) == 0)
            check_lines(buf_str(&out), i);
        buf_done(&out);
        check_health(t, i);
    }
    tree_free(t);
    return 0;
}
