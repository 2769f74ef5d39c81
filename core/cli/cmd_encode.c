/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_encode - `reeve encode ADAPTER [FILE|-] [-o KEY=VALUE]`: CloudEvents, one JSON a line (or one
 * JSON array of them), become a document of the adapter's standard on standard output; messages of
 * another standard are translated through the hub record, where both adapters can. Exit: 0, 1 some
 * messages were left out (the rest is written), 2 nothing could be written. */
#include "cli.h"
#include "encoding.h"
#include "base/util.h"
#include "message/message.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX (1u << 30)

static int add_event(struct encoding *x, const char *where, const char *p, size_t len)
{
    struct message *m = NULL;
    char pointer[64] = "", full[128];
    struct err e;
    struct steps_result r;
    if (message_parse(p, len, 0, &m, pointer, &e) < 0) {
        (void)snprintf(full, sizeof(full), "%s%s%s", where, *pointer ? " " : "", pointer);
        encoding_left_out(x, full, e.code, e.text);
        return 0;
    }
    encoding_need(x, standard_of(m, NULL));
    translate(&x->t, m, encoding_take, x, &r);
    if (r.rc != REEVE_OK)
        encoding_left_out(x, where, r.code ? r.code : "translation", r.reason);
    return 0;
}

static int in_batch(void *arg, size_t index, const char *p, size_t len)
{
    char where[40];
    (void)snprintf(where, sizeof(where), "/%zu", index);
    return add_event(arg, where, p, len);
}

static void read_events(struct encoding *x, const char *p, size_t len)
{
    struct err e;
    const char *end = p + len;
    size_t line = 0;
    while (p < end && strchr(" \t\r\n", *p))
        p++;
    if (p < end && *p == '[') {
        if (message_each_in_batch(p, (size_t)(end - p), in_batch, x, &e) < 0)
            encoding_left_out(x, "document", e.code, e.text);
        return;
    }
    struct message *one = NULL;
    if (message_parse(p, (size_t)(end - p), 0, &one, NULL, &e) ==
        0) { /* one event, perhaps over many lines */
        message_free(one);
        (void)add_event(x, "line 1", p, (size_t)(end - p));
        return;
    }
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = eol ? (size_t)(eol - p) : (size_t)(end - p), text = 0;
        char where[40];
        (void)snprintf(where, sizeof(where), "line %zu", ++line);
        while (text < n && strchr(" \t\r", p[text]))
            text++;
        if (text < n)
            (void)add_event(x, where, p, n);
        p += n + (eol ? 1 : 0);
    }
}

static int encode(struct encoding *x, const char *path)
{
    char *p = NULL;
    size_t len;
    int rc = strcmp(path, "-") == 0 ? read_fd(STDIN_FILENO, INPUT_MAX, &p, &len)
                                    : read_file(path, INPUT_MAX, &p, &len);
    if (rc < 0) {
        fprintf(stderr, "reeve encode: %s: %s [file]\n", path, strerror(-rc));
        return CLI_UNREADABLE;
    }
    read_events(x, p, len);
    free(p);
    if (x->n == 0) {
        if (x->refused == 0)
            fprintf(stderr, "%s: document: error: there is no message in it [empty]\n", path);
        return CLI_UNREADABLE;
    }
    if (encoding_write(x) < 0)
        return x->refused ? CLI_UNREADABLE : CLI_FAILED;
    return x->refused ? CLI_FAILED : CLI_OK;
}

int cmd_encode(int argc, char **argv)
{
    static struct encoding x;
    struct adapter_choice a = {.n = 0};
    struct err e;
    int rc = CLI_UNREADABLE;
    if (!adapter_choice_options(&a, argc, argv) || argc - optind < 1 || argc - optind > 2)
        return cli_usage("encode");
    const char *file = argc - optind == 2 ? argv[optind + 1] : "-";
    a.name = argv[optind];
    if (encoding_open(&x, &a, file, &e) < 0 || encoding_remember(&x, &e) < 0)
        cli_complain("encode", &e);
    else
        rc = encode(&x, file);
    encoding_close(&x);
    return rc;
}
