/* SPDX-License-Identifier: Apache-2.0 */
/* help - what `reeve --help`, `reeve COMMAND --help` and `reeve help --json` say of the table in
 * commands.c. */
#include "cli.h"
#include "base/util.h"
#include <string.h>

#define COLUMN 22 /* where the text of an option begins */
#define WIDTH  96

const struct command_help *help_find(const char *name)
{
    for (size_t i = 0; i < command_helps_n; i++)
        if (strcmp(command_helps[i].name, name) == 0)
            return &command_helps[i];
    return NULL;
}

void help_all(FILE *out)
{
    fputs("reeve threads clients, funding and information between the organisations that serve a "
          "place.\n\n"
          "usage: reeve COMMAND [ARGUMENTS]\n\n",
          out);
    for (size_t i = 0; i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            fprintf(out, "  %-11s %s\n", command_helps[i].name, command_helps[i].summary);
    fputs("\n`reeve COMMAND --help` says more, `reeve --version` which one this is. `-` is "
          "standard input.\n",
          out);
}

/* Words from column COLUMN on, broken at WIDTH. */
static void wrapped(FILE *out, const char *text)
{
    int at = COLUMN;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " ");
        bool first = at == COLUMN, fresh = !first && at + 1 + n > WIDTH;
        if (fresh)
            fprintf(out, "\n%*s", COLUMN, "");
        fprintf(out, "%s%.*s", first || fresh ? "" : " ", n, p);
        at = (fresh ? COLUMN : at + !first) + n;
        p += n + (p[n] == ' ');
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct command_option *o)
{
    char left[64], letter[4] = {'-', o->letter, o->name ? ',' : '\0', '\0'};
    int n =
        snprintf(left, sizeof left, "  %-3s%s%s%s%s", o->letter ? letter : "", o->name ? " --" : "",
                 o->name ? o->name : "", o->argument ? " " : "", o->argument ? o->argument : "");
    fputs(left, out);
    fprintf(out, n >= COLUMN ? "\n%*s" : "%*s", n >= COLUMN ? COLUMN : COLUMN - n, "");
    wrapped(out, o->help);
}

static bool is_option(const struct command_option *o)
{
    return o && (o->name || o->letter);
}

void help_one(FILE *out, const struct command_help *h)
{
    fprintf(out, "usage: reeve %s%s%s\n\n%c%s.\n", h->name, *h->arguments ? " " : "", h->arguments,
            h->summary[0] >= 'a' && h->summary[0] <= 'z' ? h->summary[0] - 'a' + 'A'
                                                         : h->summary[0],
            h->summary + 1);
    if (is_option(h->options))
        fputc('\n', out);
    for (const struct command_option *o = h->options; is_option(o); o++)
        print_option(out, o);
    if (h->text)
        fprintf(out, "\n%s", h->text);
}

bool cli_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* ---- as JSON ---- */

static int put_option(struct tree *list, const struct command_option *o)
{
    const char letter[] = {o->letter, '\0'};
    struct tree *t = tree_map();
    int r = t ? 0 : -1;
    if (r == 0)
        r = tree_puts(t, "name", o->name);
    if (r == 0)
        r = tree_puts(t, "letter", o->letter ? letter : NULL);
    if (r == 0)
        r = tree_puts(t, "argument", o->argument);
    if (r == 0)
        r = tree_puts(t, "values", o->values);
    if (r == 0)
        r = tree_puts(t, "help", o->help);
    if (r < 0)
        tree_free(t);
    return r < 0 ? r : tree_append(list, t);
}

static int put_command(struct tree *list, const struct command_help *h)
{
    struct tree *t = tree_map(), *options = tree_list();
    int r = t && options ? 0 : -1;
    for (const struct command_option *o = h->options; r == 0 && is_option(o); o++)
        r = put_option(options, o);
    if (r == 0)
        r = tree_puts(t, "name", h->name);
    if (r == 0)
        r = tree_puts(t, "arguments", h->arguments);
    if (r == 0)
        r = tree_puts(t, "summary", h->summary);
    if (r == 0)
        r = tree_puts(t, "words", h->words);
    if (r == 0)
        r = tree_puts(t, "second", h->second);
    if (r == 0)
        r = tree_puts(t, "values", h->values);
    if (r == 0)
        r = tree_put(t, "options", TAKE_PTR(options));
    tree_free(options);
    if (r < 0)
        tree_free(t);
    return r < 0 ? r : tree_append(list, t);
}

int help_json(FILE *out)
{
    struct tree *all = tree_map(), *list = tree_list();
    struct buf b = BUF_INIT(1u << 20);
    int r = all && list ? 0 : -1;
    for (size_t i = 0; r == 0 && i < command_helps_n; i++)
        if (!command_helps[i].hidden)
            r = put_command(list, &command_helps[i]);
    if (r == 0)
        r = tree_put(all, "commands", TAKE_PTR(list));
    if (r == 0)
        r = tree_to_json(all, &b, true);
    if (r == 0)
        fprintf(out, "%s\n", buf_str(&b));
    tree_free(all);
    tree_free(list);
    buf_done(&b);
    return r == 0 ? CLI_OK : CLI_FAILED;
}
