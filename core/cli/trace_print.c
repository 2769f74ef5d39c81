/* SPDX-License-Identifier: Apache-2.0 */
/* trace_print - see trace_print.h. The sentences are the journal's (story.h). */
#include "trace_print.h"
#include "base/util.h"
#include "journal/journal.h"
#include "journal/story.h"
#include <string.h>

#define TEXT 700

static const char *get(const struct tree *row, const char *key, char out[TEXT])
{
    const char *s = tree_gets(row, key, "");
    out[0] = '\0';
    return escape_text(out, TEXT, s, strlen(s));
}

static void submission(void *arg, const char *receipt)
{
    fprintf(arg, "submission %s\n", receipt);
}

static void message(void *arg, const struct tree *row)
{
    char a[TEXT], b[TEXT], c[TEXT], d[TEXT];
    fprintf(arg, "message %s\n  %s %s from %s\n", get(row, "id", a), get(row, "type", b),
            get(row, "subject", c), get(row, "source", d));
}

static void line(void *arg, enum story_tone tone, const char *time, const char *text)
{
    (void)tone;
    fprintf(arg, "  %s  %s\n", time, text);
}

static void fate(void *arg, enum story_tone tone, const char *destination, const struct tree *last,
                 const char *text)
{
    char a[TEXT];
    (void)tone;
    fprintf(arg, "  => %s: %s", destination, text);
    if (strcmp(tree_gets(last, "event", ""), JOURNAL_DEAD) == 0)
        fprintf(arg, "; `reeve dead list --id %s` shows it", get(last, "id", a));
    fputc('\n', arg);
}

static void many(void *arg, size_t messages, size_t told)
{
    fprintf(arg, "%zu messages in all; the first %zu are above, --json has every row\n", messages,
            told);
}

void trace_print(const struct tree *rows, uint64_t now_ms, FILE *out)
{
    const struct story_teller to = {.arg = out,
                                    .submission = submission,
                                    .message = message,
                                    .line = line,
                                    .fate = fate,
                                    .many = many};
    story_tell(rows, now_ms, &to);
}
