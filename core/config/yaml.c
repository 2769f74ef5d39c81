/* SPDX-License-Identifier: Apache-2.0 */
/* yaml - one YAML file as a tree with places.
 *
 * A small YAML on purpose: maps with plain text keys, lists, scalars. Anchors, aliases, tags and
 * several documents in one file are refused with a sentence, because they hide from a reader what
 * stands where (profiles are the way to say something once). Every scalar is text; what it means is
 * the grammar's to say, so `no` and `1e3` are what they look like. Guarantees: UTF-8 without zero
 * bytes, no key twice, depth and number of nodes bounded, every node with its place. A syntax error
 * is told in our words; one file has at most one, since nothing behind it can be trusted. */
#include "compile.h"
#include "base/util.h"
#include <string.h>
#include <yaml.h>

struct reader {
    struct compile *c;
    struct source *s;
    yaml_parser_t parser;
    bool failed;
};

static void complain(struct reader *r, yaml_mark_t at, const char *code, const char *text)
{
    if (!r->failed)
        diagnostics_add(r->c->d, SEVERITY_ERROR, r->s->name, (unsigned)at.line + 1,
                        (unsigned)at.column + 1, code, "%s", text);
    r->failed = true;
}

#define WHEN_CURE                                                                                \
    "YAML cuts this `when:` short (a plain value ends at `: ` and ` #`, inside { } at `,`, and " \
    "one that begins with a "                                                                    \
    "quote ends at the next); write `when: >-` and the expression, indented, on the next line"

/* Whether the line (0-based) of the file gives a `when` its value on the same line. */
static bool when_on_line(const struct source *s, size_t line)
{
    if (line >= s->lines_n)
        return false;
    const char *p = s->text + s->lines[line], *end = p + strcspn(p, "\r\n");
    for (; p + 6 <= end; p++) {
        bool starts = p == s->text + s->lines[line] || strchr(" {,\t", p[-1]);
        if (starts && strncmp(p, "when: ", 6) == 0) {
            p += 5 + strspn(p + 5, " ");
            return p < end && *p != '>' && *p != '|' && *p != '#';
        }
    }
    return false;
}

static const char *cannot_start(const struct source *s, yaml_mark_t at)
{
    char c = at.line < s->lines_n
                 ? s->text[s->lines[at.line] + strnlen(s->text + s->lines[at.line], at.column)]
                 : 0;
    if (c == '@' || c == '`')
        return "a value that begins with `@` needs quotes: \"@list.txt\"";
    if (c == '\t')
        return "a tab stands where YAML wants spaces";
    return "a value cannot begin with this character; put it in quotes";
}

static const char *in_our_words(const struct reader *r, yaml_mark_t at)
{
    const char *p = r->parser.problem ? r->parser.problem : "";
    const char *context = r->parser.context ? r->parser.context : "";
    if (strstr(p, "mapping values are not allowed"))
        return "a second `: ` in one line; put the value in quotes, or mend the indentation";
    if (strstr(p, "cannot start any token"))
        return cannot_start(r->s, at);
    if (strstr(p, "tab character"))
        return "a tab stands where YAML wants spaces";
    if (strstr(context, "quoted scalar"))
        return "a quote is opened here and never closed, or closed with other text behind it";
    if (strstr(p, "',' or ']'"))
        return "a list in [ ] needs `,` between its values and `]` at its end";
    if (strstr(p, "',' or '}'"))
        return "a map in { } needs `,` between its keys and `}` at its end";
    if (strstr(p, "expected ':'"))
        return "this line has no `:` behind its key";
    if (strstr(p, "did not find expected key"))
        return "this is no `key: value` of the map around it; mend the indentation or the quotes";
    if (strstr(p, "'-' indicator"))
        return "this is no `- value` of the list around it; mend the indentation";
    if (strstr(p, "node content"))
        return "a value is missing here, or a `[` or `{` was never closed";
    if (strstr(p, "control characters"))
        return "there is a control character in the file";
    if (strstr(p, "nesting") || strstr(p, "depth"))
        return "this is nested too deeply";
    return NULL;
}

static struct tree *no_memory(struct reader *r)
{
    r->c->no_memory = r->failed = true;
    return NULL;
}

static void complain_syntax(struct reader *r)
{
    yaml_mark_t at = r->parser.problem_mark;
    bool quoted = r->parser.context && strstr(r->parser.context, "quoted scalar");
    if (quoted)
        at = r->parser.context_mark;
    if (r->parser.error == YAML_MEMORY_ERROR) {
        (void)no_memory(r);
        return;
    }
    if (when_on_line(r->s, at.line)) {
        complain(r, at, "when-cut", WHEN_CURE);
        return;
    }
    const char *words = in_our_words(r, at);
    char text[200];
    (void)snprintf(text, sizeof(text), "this is not YAML: %s",
                   words               ? words
                   : r->parser.problem ? r->parser.problem
                                       : "?");
    complain(r, at, "yaml-syntax", words ? words : text);
}

static bool next(struct reader *r, yaml_event_t *ev)
{
    if (r->failed)
        return false;
    if (yaml_parser_parse(&r->parser, ev))
        return true;
    complain_syntax(r);
    return false;
}

static void set_place(const struct reader *r, struct tree *t, yaml_mark_t at)
{
    t->file = r->s->name;
    t->line = (unsigned)at.line + 1;
    t->col = (unsigned)at.column + 1;
}

/* What this YAML does without. key: of the value, or NULL. */
static bool plain_enough(struct reader *r, const yaml_event_t *ev, const char *key)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (ev->type == YAML_ALIAS_EVENT)
        anchor = ev->data.alias.anchor;
    if (ev->type == YAML_SCALAR_EVENT)
        anchor = ev->data.scalar.anchor, tag = ev->data.scalar.tag;
    if (ev->type == YAML_SEQUENCE_START_EVENT)
        anchor = ev->data.sequence_start.anchor, tag = ev->data.sequence_start.tag;
    if (ev->type == YAML_MAPPING_START_EVENT)
        anchor = ev->data.mapping_start.anchor, tag = ev->data.mapping_start.tag;
    if (!anchor && !tag)
        return true;
    if (key && strcmp(key, "when") == 0)
        complain(r, ev->start_mark, "when-cut", WHEN_CURE);
    else if (anchor)
        complain(r, ev->start_mark, "yaml-alias",
                 "anchors and aliases (& and *) are not used here; say it twice, or once in "
                 "profiles/ with `use:`");
    else
        complain(r, ev->start_mark, "yaml-tag",
                 "tags (!) are not used here; put the value in quotes if it begins with `!`");
    return false;
}

static struct tree *scalar(struct reader *r, const yaml_event_t *ev)
{
    const char *text = (const char *)ev->data.scalar.value;
    if (strlen(text) != ev->data.scalar.length) {
        complain(r, ev->start_mark, "yaml-zero", "a value cannot hold a zero byte");
        return NULL;
    }
    struct tree *t = tree_scalar(text, ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
    if (!t)
        return no_memory(r);
    set_place(r, t, ev->start_mark);
    return t;
}

static struct tree *value(struct reader *r, yaml_event_t *ev, const char *key, unsigned depth);

static struct tree *list(struct reader *r, yaml_mark_t at, unsigned depth)
{
    struct tree *t = tree_list();
    if (!t)
        return no_memory(r);
    set_place(r, t, at);
    yaml_event_t ev;
    while (next(r, &ev)) {
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return t;
        }
        struct tree *child = value(r, &ev, NULL, depth + 1);
        if (child && tree_append(t, child) < 0)
            (void)no_memory(r);
    }
    tree_free(t);
    return NULL;
}

static void complain_twice(struct reader *r, const struct tree *map, const char *key,
                           yaml_mark_t at)
{
    const struct tree *first = tree_key(map, key);
    char q[QUOTE_MAX], text[300];
    (void)snprintf(text, sizeof(text), "%s stands here a second time; the first is at %s:%u:%u",
                   quote(q, key), r->s->name, first ? first->line : 0, first ? first->col : 0);
    /* the file stays usable: everything else in it is checked too */
    diagnostics_add(r->c->d, SEVERITY_ERROR, r->s->name, (unsigned)at.line + 1,
                    (unsigned)at.column + 1, "duplicate-key", "%s", text);
}

/* One `key: value`; ev holds the key. */
static void member(struct reader *r, struct tree *map, yaml_event_t *ev, unsigned depth)
{
    yaml_mark_t at = ev->start_mark;
    if (!plain_enough(r, ev, NULL)) {
        yaml_event_delete(ev);
        return;
    }
    if (ev->type != YAML_SCALAR_EVENT) {
        complain(r, at, "yaml-key", "a key must be a word, not a list or a map");
        yaml_event_delete(ev);
        return;
    }
    struct tree *key = scalar(r, ev);
    yaml_event_delete(ev);
    struct tree *child = key && next(r, ev) ? value(r, ev, key->text, depth + 1) : NULL;
    if (child && tree_get(map, key->text)) {
        complain_twice(r, map, key->text, at);
        tree_free(child);
    } else if (child) {
        if (tree_put(map, key->text, child) < 0) {
            (void)no_memory(r);
        } else {
            set_place(r, map->key[map->n - 1], at);
            map->key[map->n - 1]->plain = key->plain;
        }
    }
    tree_free(key);
}

static struct tree *map(struct reader *r, yaml_mark_t at, unsigned depth)
{
    struct tree *t = tree_map();
    if (!t)
        return no_memory(r);
    set_place(r, t, at);
    yaml_event_t ev;
    while (next(r, &ev)) {
        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            return t;
        }
        member(r, t, &ev, depth);
    }
    tree_free(t);
    return NULL;
}

/* Takes the event. */
static struct tree *value(struct reader *r, yaml_event_t *ev, const char *key, unsigned depth)
{
    yaml_mark_t at = ev->start_mark;
    enum yaml_event_type_e type = ev->type;
    struct tree *t = NULL;
    if (!plain_enough(r, ev, key))
        type = YAML_NO_EVENT;
    else if (depth > DEPTH_MAX)
        complain(r, at, "yaml-depth", "this is nested too deeply (more than 32 levels)");
    else if (++r->c->nodes > NODES_MAX)
        complain(r, at, "yaml-size",
                 "the configuration has more than 200,000 values; large value lists belong into "
                 "`@file`s");
    else if (type == YAML_SCALAR_EVENT)
        t = scalar(r, ev);
    yaml_event_delete(ev);
    if (r->failed)
        return t;
    if (type == YAML_SEQUENCE_START_EVENT)
        t = list(r, at, depth);
    else if (type == YAML_MAPPING_START_EVENT)
        t = map(r, at, depth);
    return t;
}

static void documents(struct reader *r)
{
    yaml_event_t ev;
    unsigned n = 0;
    while (next(r, &ev)) {
        yaml_mark_t at = ev.start_mark;
        enum yaml_event_type_e type = ev.type;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            type == YAML_DOCUMENT_START_EVENT) {
            yaml_event_delete(&ev);
            if (type == YAML_DOCUMENT_START_EVENT && ++n > 1)
                complain(r, at, "yaml-documents",
                         "a second document (`---`) begins here; use one file for each");
        } else if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&ev);
            return;
        } else {
            r->s->root = value(r, &ev, NULL, 0);
        }
    }
}

static bool text_ok(struct compile *c, const struct source *s)
{
    const char *why = NULL;
    size_t line = 0;
    while (line < s->lines_n) { /* the first line that is not UTF-8 */
        size_t end = line + 1 < s->lines_n ? s->lines[line + 1] : s->len;
        if (!utf8_valid(s->text + s->lines[line], end - s->lines[line]))
            break;
        line++;
    }
    if (memchr(s->text, '\0', s->len))
        why = "there are zero bytes in this file: it is not text (or UTF-16); save it as UTF-8";
    else if (!utf8_valid(s->text, s->len))
        why = "this file is not UTF-8; save it as UTF-8";
    if (why)
        diagnostics_add(c->d, SEVERITY_ERROR, s->name, line < s->lines_n ? (unsigned)line + 1 : 1,
                        1, "yaml-encoding", "%s", why);
    return !why;
}

bool yaml_parse(struct compile *c, struct source *s)
{
    if (!text_ok(c, s))
        return false;
    struct reader r = {.c = c, .s = s};
    if (!yaml_parser_initialize(&r.parser)) {
        c->no_memory = true;
        return false;
    }
    size_t bom = s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)s->text + bom, s->len - bom);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    documents(&r);
    yaml_parser_delete(&r.parser);
    if (r.failed) {
        tree_free(s->root);
        s->root = NULL;
    }
    return !r.failed;
}
