/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_eval - `reeve eval EXPRESSION [--event FILE]`: one CloudEvents SQL expression on one event,
 * through the same code that routes. Prints {"value": …, "errors": […]}; what is wrong with an
 * expression is said on standard error as well. */
#include "cli.h"
#include "base/json.h"
#include "base/util.h"
#include "message/message.h"
#include "routing/cesql.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct evaluation {
    struct symbols *symbols;
    struct cesql *program;
    struct cesql_scratch *scratch;
    struct message *event; /* NULL: none */
    struct value *slots;
};

static int read_event(const char *path, struct message **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    char where[64] = "";
    bool in = strcmp(path, "-") == 0;
    int r = in ? read_fd(STDIN_FILENO, MESSAGE_BYTES_MAX, &text, &len)
               : read_file(path, MESSAGE_BYTES_MAX, &text, &len);
    if (r < 0)
        return err_set(e, r, "read", "%s: %s", path, strerror(-r));
    r = message_parse(text, len, 0, ret, where, e);
    return r < 0 ? err_prefix(e, r, "%s: %s", path, where) : 0;
}

static struct value value_of(const struct message *m, const char *name)
{
    struct attribute a;
    struct value v = {.type = VALUE_ABSENT};
    if (!m || !message_find(m, name, &a))
        return v;
    v.integer = a.integer;
    v.p = a.text;
    v.len = a.text_len;
    v.type = a.type == ATTRIBUTE_INTEGER   ? VALUE_INTEGER
             : a.type == ATTRIBUTE_BOOLEAN ? VALUE_BOOLEAN
                                           : VALUE_STRING;
    return v;
}

static int print_result(const struct value *v, unsigned errors)
{
    struct buf out = BUF_INIT(4u << 20);
    const char *between = "";
    int r = buf_adds(&out, "{\"value\":");
    if (r == 0 && v->type == VALUE_STRING)
        r = json_add_string(&out, v->p, v->len);
    else if (r == 0 && v->type == VALUE_INTEGER)
        r = buf_addf(&out, "%d", (int)v->integer);
    else if (r == 0)
        r = buf_adds(&out, v->type == VALUE_BOOLEAN ? (v->integer ? "true" : "false") : "null");
    if (r == 0)
        r = buf_adds(&out, ",\"errors\":[");
    for (unsigned bit = 1; r == 0 && bit <= CESQL_GENERIC; bit <<= 1)
        if (errors & bit) {
            r = buf_addf(&out, "%s\"%s\"", between, cesql_error_name(bit));
            between = ",";
        }
    if (r == 0)
        r = buf_adds(&out, "]}");
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

static int not_an_expression(const char *text, size_t offset, const struct err *e)
{
    static const struct value no = {.type = VALUE_BOOLEAN};
    char shown[256] = "";
    size_t len = strlen(text);
    offset = offset < len ? offset : len;
    escape_text(shown, sizeof shown, text + offset, len - offset > 40 ? 40 : len - offset);
    fprintf(stderr, "reeve eval: at character %zu, \"%s\": %s [%s]\n", offset + 1, shown, e->text,
            e->code);
    return print_result(&no, CESQL_PARSE);
}

static int evaluate(struct evaluation *v, const char *text, struct err *e)
{
    size_t offset = 0;
    v->symbols = symbols_new();
    v->scratch = cesql_scratch_new();
    if (!v->symbols || !v->scratch)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = cesql_compile(text, strlen(text), v->symbols, &v->program, &offset, e);
    if (r == -EINVAL)
        return not_an_expression(text, offset, e);
    if (r < 0)
        return r;
    size_t n = symbols_count(v->symbols);
    v->slots = xcalloc(n ? n : 1, sizeof *v->slots);
    if (!v->slots)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < n; i++)
        v->slots[i] = value_of(v->event, symbols_name(v->symbols, i));
    struct value result = {.type = VALUE_ABSENT};
    unsigned errors = cesql_eval(v->program, v->slots, v->scratch, &result);
    return print_result(&result, errors);
}

int cmd_eval(int argc, char **argv)
{
    struct evaluation v = {0};
    struct err e;
    const char *event = NULL, *text = NULL;
    int r = 0;
    /* By hand: an expression may begin with a minus sign. */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--event") == 0 && i + 1 < argc)
            event = argv[++i];
        else if (strncmp(argv[i], "--event=", 8) == 0)
            event = argv[i] + 8;
        else if (strcmp(argv[i], "--") == 0 && i + 1 < argc && !text)
            text = argv[++i];
        else if (!text && strcmp(argv[i], "--event") != 0)
            text = argv[i];
        else
            return cli_usage("eval");
    }
    if (!text)
        return cli_usage("eval");
    if (event)
        r = read_event(event, &v.event, &e);
    if (r == 0)
        r = evaluate(&v, text, &e);
    if (r < 0) {
        cli_complain("eval", &e);
        r = CLI_FAILED;
    }
    free(v.slots);
    cesql_free(v.program);
    cesql_scratch_free(v.scratch);
    symbols_free(v.symbols);
    message_free(v.event);
    return r;
}
