/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a program says: they are cut into lines whatever pieces they come in, and what
 * a line says lies within it. */
#include "exec.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct slice s, const char *line, size_t len)
{
    if (s.p != NULL && (s.len == 0 || s.p < line || s.p + s.len > line + len))
        abort();
}

/* Bytes from outside get no further than the room they are given. */
static void look_adapter(const struct said *s, const char *line, size_t len)
{
    struct slice rest = s->event, key, value;
    struct said_issue issue;
    struct said_text text;
    char why[WHY_MAX] = "";
    for (size_t i = 0; i < sizeof s->of_adapter / sizeof s->of_adapter[0]; i++) {
        within(s->of_adapter[i], line, len);
        (void)said_whole_text(s->of_adapter[i], &text);
        said_text_done(&text);
    }
    while (rest.p != NULL && said_member(&rest, &key, &value) == 1)
        within(value, line, len);
    if (said_offers(s->offers, why, sizeof why) == 0 && *why == '\0')
        abort();
    why[0] = '\0';
    if (s->issue.p != NULL && said_issue_read(s->issue, &issue, why, sizeof why) < 0 &&
        *why == '\0')
        abort();
}

static void look(const char *line, size_t len)
{
    struct said s;
    struct slice item;
    char why[WHY_MAX] = "", reason[WHY_MAX];
    if (said_read(line, len, &s, why, sizeof why) < 0) {
        if (*why == '\0')
            abort();
        return;
    }
    within(s.event, line, len);
    within(s.emit, line, len);
    within(s.position, line, len);
    said_reason(&s, reason, sizeof reason);
    look_adapter(&s, line, len);
    while (s.emit.p != NULL && said_item(&s.emit, &item) == 1)
        within(item, line, len);
}

/* The first byte says in which pieces the others come. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines l = {.max = 4096};
    const char *line = NULL;
    size_t len = 0, room = 0, piece = size > 0 ? data[0] + 1u : 1, n = 0;
    for (size_t at = 1; at < size; at += n) {
        char *to = lines_room(&l, &room);
        if (to == NULL)
            break;
        n = size - at < piece ? size - at : piece;
        n = n < room ? n : room;
        memcpy(to, data + at, n);
        lines_filled(&l, n);
        while (lines_next(&l, &line, &len)) {
            char *copy = malloc(len); /* so that a look beyond its end is noticed */
            if (copy == NULL && len > 0)
                break;
            if (len > 0)
                memcpy(copy, line, len);
            look(copy != NULL ? copy : "", len);
            free(copy);
        }
    }
    lines_free(&l);
    return 0;
}
