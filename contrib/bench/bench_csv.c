/* SPDX-License-Identifier: Apache-2.0 */
/* bench_csv - both sides of the csv bench: a table of grants, read one after the other.
 *
 * bench_csv ours FILE: the decode of 360giving; every message is counted and thrown away.
 * bench_csv bare FILE: what the libraries take for the least: libcsv, a json-c object for each row
 * by its headings (`a:0:b`), serialised, and parsed again strictly as a message's body is. No
 * checks of the standard, no rows put together, no messages. Each prints one JSON line. */
#include "bench_decode.h"
#include <csv.h>
#include <json-c/json.h>

#define COLUMNS_MAX 256

struct table {
    struct found *found;
    char *heading[COLUMNS_MAX];
    json_object *row; /* NULL: the heading is being read */
    size_t n, columns;
};

/* What stands below o at a name, or at the number of an item; made when there is none. */
static json_object *below(json_object *o, const char *part, bool list)
{
    json_object *v = NULL;
    size_t number = strtoul(part, NULL, 10);
    if (json_object_is_type(o, json_type_array))
        v = json_object_array_get_idx(o, number);
    else
        (void)json_object_object_get_ex(o, part, &v);
    if (v != NULL)
        return v;
    v = list ? json_object_new_array() : json_object_new_object();
    if ((json_object_is_type(o, json_type_array) ? json_object_array_put_idx(o, number, v)
                                                 : json_object_object_add(o, part, v)) != 0)
        die("out of memory");
    return v;
}

static json_object *value_of(const char *text, size_t len)
{
    size_t figures = strspn(text, "-.0123456789");
    return figures == len && strchr(text, '-') == NULL
               ? json_object_new_double_s(strtod(text, NULL), text)
               : json_object_new_string_len(text, (int)len);
}

static void put(json_object *row, const char *heading, const char *text, size_t len)
{
    char path[256], *rest = path, *part;
    (void)snprintf(path, sizeof path, "%s", heading);
    while ((part = strsep(&rest, ":")) != NULL && rest != NULL)
        row = below(row, part, *rest >= '0' && *rest <= '9');
    if (part == NULL || json_object_object_add(row, part, value_of(text, len)) != 0)
        die("out of memory");
}

static void on_cell(void *p, size_t len, void *arg)
{
    struct table *t = arg;
    char text[4096];
    if (len >= sizeof text || t->n == COLUMNS_MAX)
        die("the table is larger than this bench reads");
    if (len > 0)
        memcpy(text, p, len);
    text[len] = 0;
    if (t->row == NULL && (t->heading[t->n] = strdup(text)) == NULL)
        die("out of memory");
    if (t->row != NULL && len > 0 && t->n < t->columns)
        put(t->row, t->heading[t->n], text, len);
    t->n++;
}

static void on_row(int end, void *arg)
{
    struct table *t = arg;
    (void)end;
    if (t->row == NULL) {
        t->columns = t->n;
    } else {
        size_t len = 0;
        const char *s = json_object_to_json_string_length(t->row, JSON_C_TO_STRING_PLAIN, &len);
        json_tokener *tokener = json_tokener_new();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        json_object *body = json_tokener_parse_ex(tokener, s, (int)len + 1);
        if (body == NULL)
            die("what was written cannot be read");
        json_object_put(body);
        json_tokener_free(tokener);
        json_object_put(t->row);
        t->found->records++;
        t->found->bytes += len;
    }
    t->row = json_object_new_object();
    t->n = 0;
}

static void bare(const char *path, struct found *f)
{
    struct table t = {.found = f};
    struct csv_parser p;
    static char piece[65536];
    FILE *in = fopen(path, "re");
    if (in == NULL || csv_init(&p, 0) != 0)
        die("the file cannot be read");
    for (size_t n; (n = fread(piece, 1, sizeof piece, in)) > 0;)
        if (csv_parse(&p, piece, n, on_cell, on_row, &t) != n)
            die("the file is no table");
    if (ferror(in) || csv_fini(&p, on_cell, on_row, &t) != 0)
        die("the file is cut");
    (void)fclose(in);
    csv_free(&p);
    json_object_put(t.row);
    for (size_t i = 0; i < t.columns; i++)
        free(t.heading[i]);
}

int main(int argc, char **argv)
{
    struct found f = {0};
    if (argc != 3)
        die("usage: bench_csv ours|bare FILE");
    double start = now();
    if (strcmp(argv[1], "ours") == 0)
        ours(argv[2], &f);
    else
        bare(argv[2], &f);
    tell(&f, now() - start);
    return 0;
}
