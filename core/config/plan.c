/* SPDX-License-Identifier: Apache-2.0 */
/* plan - the checked configuration as the parts that the processes run (core/README.md "The plan").
 *
 * Deterministic: the same files and the same DATA/key give the same bytes, so that digests say what
 * changed. Everything in the plan belongs to the plan: no pointer into the files remains. Holds
 * secrets: never write it to disk. */
#include "planning.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SOCKET_MAX 107 /* sun_path without its zero */
#define PLAN_MAX   (256u << 20)

void keep(struct planning *p, int r)
{
    if (p->r == 0 && r < 0)
        p->r = r;
}

/* ---- DATA/key ---- */
void config_token(const uint8_t key[SHA256_LEN], const char *name, char out[SHA256_HEX])
{
    struct digest *d = digest_new();
    uint8_t raw[SHA256_LEN] = {0};
    if (d) {
        digest_start(d);
        digest_field(d, key, SHA256_LEN);
        digest_field(d, name, strlen(name));
        digest_end(d, raw);
    }
    digest_free(d);
    hex_lower(raw, sizeof(raw), out);
}

static int key_create(const char *data, const char *path, uint8_t key[SHA256_LEN])
{
    int r = make_dirs(data);
    if (r == 0)
        r = random_bytes(key, SHA256_LEN);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open_private(path, O_WRONLY | O_EXCL);
    if (fd < 0)
        return fd;
    r = write_all(fd, key, SHA256_LEN);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(path);
    return r;
}

static void key_read(struct planning *p)
{
    struct compile *c = p->c;
    _cleanup_free_ char *path = path_join(c->data, "key"), *text = NULL;
    const struct tree *at = tree_get(c->raw, "data");
    size_t len = 0;
    struct stat st;
    if (!path) {
        keep(p, -ENOMEM);
        return;
    }
    int r = read_file(path, 4096, &text, &len);
    if (r == -ENOENT || r == -ENOTDIR)
        r = c->flags & CONFIG_CREATE ? key_create(c->data, path, p->key) : 0;
    else if (r == 0 && len != SHA256_LEN)
        r = -EBADMSG;
    else if (r == 0)
        memcpy(p->key, text, SHA256_LEN);
    if (text)
        explicit_bzero(text, len);
    if (r < 0 && !(r == -EACCES && !(c->flags & CONFIG_CREATE))) {
        error_at(c, at, "data-key", "the hub's key %s: %s", path,
                 r == -EBADMSG ? "not 32 bytes; it is damaged" : strerror(-r));
        keep(p, -EINVAL);
    } else if (r == 0 && stat(path, &st) == 0 && (st.st_mode & 077)) {
        warning_at(c, at, "secret-readable", "%s can be read by others than its owner: chmod 600",
                   path);
    }
}

/* ---- pieces ---- */
/* Frees a copied YAML tree from its file: no borrowed names, and every scalar a JSON string. */
static struct tree *detach(struct tree *t)
{
    if (!t)
        return NULL;
    t->file = NULL;
    t->line = t->col = 0;
    t->plain = false;
    for (size_t i = 0; i < t->n; i++) {
        (void)detach(t->child[i]);
        if (t->key)
            (void)detach(t->key[i]);
    }
    return t;
}

void put(struct planning *p, struct tree *map, const char *key, struct tree *value)
{
    keep(p, tree_put(map, key, value));
}

void put_text(struct planning *p, struct tree *map, const char *key, const char *text)
{
    keep(p, tree_puts(map, key, text));
}

void put_number(struct planning *p, struct tree *map, const char *key, uint64_t n)
{
    keep(p, tree_putu(map, key, n));
}

static char *run_file(const struct planning *p, const char *name, const char *end)
{
    char *s = NULL;
    return asprintf(&s, "%s/%s%s", p->run, name, end) < 0 ? NULL : s;
}

void put_socket(struct planning *p, struct tree *map, const char *name)
{
    _cleanup_free_ char *s = run_file(p, name, ".sock");
    keep(p, s ? 0 : -ENOMEM);
    put_text(p, map, "socket", s);
}

struct tree *part_new(struct planning *p, const char *name, const char *kind)
{
    struct tree *t = tree_map();
    struct process *x = &p->processes[p->n++];
    (void)snprintf(x->name, sizeof(x->name), "%s", name);
    x->kind = kind;
    x->part = t;
    put_text(p, t, "kind", kind);
    put_text(p, t, "name", name);
    put_text(p, t, "hub", p->hub);
    put_text(p, t, "machine", p->c->machine);
    put_text(p, t, "data", p->c->data);
    put_text(p, t, "run", p->run);
    return t;
}

/* name: NULL: the module's own. */
static struct tree *module_tree(struct planning *p, const struct module *m, const char *name,
                                const struct tree *options)
{
    struct tree *t = tree_map();
    put_text(p, t, "name", name ? name : tree_gets(m->about, "name", m->name));
    put_text(p, t, "file", m->file);
    put_text(p, t, "version",
             tree_gets(m->about, "version", NULL)); /* a new version is a change for reload */
    put(p, t, "options", options ? tree_copy(options) : tree_map());
    return t;
}

static struct tree *steps_tree(struct planning *p, const struct side *s)
{
    struct tree *list = tree_list();
    for (size_t i = 0; i < s->steps_n; i++)
        keep(p, tree_append(list, module_tree(p, s->steps[i].module, NULL, s->steps[i].options)));
    return list;
}

static struct tree *agreements_tree(struct planning *p, const struct connector *x)
{
    const struct tree *all = tree_get(x->party, "agreements");
    struct tree *list = tree_list();
    for (size_t i = 0; i < tree_items(all); i++) {
        const struct tree *a = tree_item(all, i), *data = tree_get(a, "data");
        struct tree *t = tree_map();
        put_text(p, t, "purpose", tree_gets(a, "purpose", NULL));
        struct tree *names = tree_is_list(data) ? detach(tree_copy(data)) : tree_list();
        if (tree_text(data))
            keep(p, tree_appends(names, data->text));
        put(p, t, "data", names);
        put_text(p, t, "until", tree_gets(a, "until", NULL));
        keep(p, tree_append(list, t));
    }
    if (party_is_hub(x)) { /* the hub's own party needs no agreement with itself */
        struct tree *t = tree_map(), *names = tree_list();
        keep(p, tree_appends(names, "personal"));
        put_text(p, t, "purpose", "the hub's own work");
        put(p, t, "data", names);
        keep(p, tree_append(list, t));
    }
    return list;
}

static struct tree *party_tree(struct planning *p, const struct connector *x, bool agreements)
{
    struct tree *t = tree_map();
    put_text(p, t, "name", x->party_name);
    put_text(p, t, "title", tree_gets(x->party, "name", NULL));
    put_text(p, t, "role", tree_gets(x->party, "role", NULL));
    put_text(p, t, "identifier", tree_gets(x->party, "identifier", NULL));
    if (agreements)
        put(p, t, "agreements", agreements_tree(p, x));
    return t;
}

static void put_kept(struct planning *p, struct tree *t, const char *key, unsigned days)
{
    char path[64], name[64];
    (void)snprintf(path, sizeof(path), "retention/%s", key);
    (void)snprintf(name, sizeof(name), "%s_ms", key);
    put_number(p, t, name, get_duration(p->c, p->c->raw, path, days * (uint64_t)86400000));
}

struct tree *retention_tree(struct planning *p, const char *kind)
{
    struct tree *t = tree_map();
    if (strcmp(kind, "spool") == 0 || strcmp(kind, "amqp") == 0) {
        put_kept(p, t, "dead", 90);
        put_kept(p, t, "unseen", 365);
        return t;
    }
    put_kept(p, t, "journal", 400);
    if (strcmp(kind, "source") == 0) {
        put_kept(p, t, "receipts", 90);
        put_kept(p, t, "done", 14);
    }
    return t;
}

static struct tree *destinations_tree(struct planning *p)
{
    struct tree *list = tree_list();
    for (size_t i = 0; i < p->c->connectors_n; i++) {
        if (p->c->connectors[i].deliver.present)
            keep(p, tree_appends(list, p->c->connectors[i].name));
    }
    return list;
}

void put_was(struct planning *p, struct tree *map, const struct connector *x, const char *end)
{
    const struct tree *was = tree_get(x->node, "was");
    struct tree *list = was ? tree_list() : NULL;
    for (size_t i = 0; i < tree_items(was); i++) {
        const char *text = tree_text(tree_item(was, i));
        char name[NAME_LEN_MAX + 16];
        (void)snprintf(name, sizeof(name), "%.63s%s", text ? text : "", end);
        keep(p, tree_appends(list, name));
    }
    if (was)
        put(p, map, "was", list);
}

/* ---- parts ---- */
static struct tree *unrouted_tree(struct planning *p)
{
    const struct tree *u = tree_get(p->c->raw, "unrouted"), *to = tree_get(u, "to");
    struct tree *t = tree_map();
    if (!to) {
        put_text(p, t, "drop", tree_gets(u, "drop", ""));
        return t;
    }
    struct tree *list = tree_is_list(to) ? detach(tree_copy(to)) : tree_list();
    if (tree_text(to))
        keep(p, tree_appends(list, to->text));
    put(p, t, "to", list);
    return t;
}

static void add_common(struct planning *p, struct tree *part, const struct side *s,
                       const char *process, uint64_t deadline)
{
    put_text(p, part, "connector", s->connector->name);
    put_was(p, part, s->connector, s->deliver ? ".deliver" : ".receive");
    put(p, part, "party", party_tree(p, s->connector, s->deliver));
    put(p, part, "plugin", module_tree(p, s->plugin, NULL, s->plugin_options));
    put(p, part, "adapter", module_tree(p, s->adapter, s->standard, s->adapter_options));
    put(p, part, "steps", steps_tree(p, s));
    put_number(p, part, "deadline_ms", get_duration(p->c, s->effective, "deadline", deadline));
    put_number(p, part, "message_max", p->message_max);
    put(p, part, "transport", transport_tree(p, process));
    if (state_shared(p->c))
        put(p, part, "state", state_tree(p->c));
    put(p, part, "retention", retention_tree(p, tree_gets(part, "kind", "")));
}

static void add_source(struct planning *p, const struct connector *x)
{
    const struct side *s = &x->receive;
    char name[NAME_LEN_MAX + 16];
    if (!side_here(p->c, s))
        return;
    (void)snprintf(name, sizeof(name), "%.63s.receive", x->name);
    struct tree *part = part_new(p, name, "source");
    add_common(p, part, s, name, 600000);
    if (pushed(s)) {
        put_text(p, part, "path", tree_gets(s->effective, "path", NULL));
        put_socket(p, part, name);
    }
    keep(p, tree_putb(part, "partial", get_bool(p->c, s->effective, "partial", false)));
    put_number(p, part, "keep_free", p->keep_free);
    put(p, part, "routes", detach(tree_copy(p->c->routes)));
    put(p, part, "destinations", destinations_tree(p));
    put(p, part, "unrouted", unrouted_tree(p));
    put_text(p, part, "types", tree_gets(s->effective, "types", "closed"));
}

struct translators {
    struct planning *p;
    const struct connector *sink;
    struct tree *list;
};

/* Sides may give an adapter other options, the translator has the defaults; but where the options
 * say which standard it is, they are the same everywhere. */
static void add_translator(void *arg, const struct side *s)
{
    struct translators *t = arg;
    struct compile *c = t->p->c;
    struct tree *options = NULL, *print = NULL;
    if (!sink_needs(c, t->sink, s))
        return;
    if (!s->standard_at)
        options_check(c, s->adapter, true, NULL, NULL, t->sink->key, &options, &print);
    keep(t->p, tree_append(t->list, module_tree(t->p, s->adapter, s->standard,
                                                options ? options : s->adapter_options)));
    tree_free(options);
    tree_free(print);
}

static struct tree *translators(struct planning *p, const struct connector *x)
{
    struct translators t = {.p = p, .sink = x, .list = tree_list()};
    standards_each(p->c, add_translator, &t);
    return t.list;
}

static void add_sink(struct planning *p, const struct connector *x)
{
    const struct side *s = &x->deliver;
    char name[NAME_LEN_MAX + 16];
    if (!side_here(p->c, s))
        return;
    (void)snprintf(name, sizeof(name), "%.63s.deliver", x->name);
    struct tree *part = part_new(p, name, "sink"), *retry = tree_map();
    uint64_t most = tree_getu(s->plugin->about, "max_batch", 1);
    add_common(p, part, s, name, 300000);
    put(p, part, "adapters", translators(p, x));
    put_text(p, part, "destination", x->name);
    put_text(p, part, "order", tree_gets(s->effective, "order", "free"));
    put_number(p, retry, "for_ms",
               get_duration(p->c, s->effective, "retry/for", (uint64_t)7 * 86400000));
    put(p, part, "retry", retry);
    put_number(p, part, "batch", get_int(p->c, s->effective, "batch", most ? most : 1));
}

/* ---- the whole ---- */
static int by_name(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* RUN is DATA/run, unless a socket's path would be too long for the system. */
static void choose_run(struct planning *p)
{
    size_t longest = strlen("spool");
    for (size_t i = 0; i < p->c->connectors_n; i++) {
        size_t n = strlen(p->c->connectors[i].name) + strlen(".receive");
        longest = n > longest ? n : longest;
    }
    p->run = path_join(p->c->data, "run");
    if (p->run && strlen(p->run) + 1 + longest + strlen(".sock") > SOCKET_MAX) {
        char hash[SHA256_HEX];
        sha256_hex(p->c->data, strlen(p->c->data), hash);
        free(p->run);
        if (asprintf(&p->run, "/tmp/reeve-%u-%.16s", (unsigned)getuid(), hash) < 0)
            p->run = NULL;
    }
    keep(p, p->run ? 0 : -ENOMEM);
}

static struct tree *process_tree(struct planning *p, struct process *x)
{
    struct tree *t = tree_map();
    struct buf json = BUF_INIT(PLAN_MAX);
    char hash[SHA256_HEX];
    keep(p, p->r == 0 ? tree_to_json(x->part, &json, false) : 0);
    sha256_hex(buf_str(&json), json.len, hash);
    if (json.p)
        explicit_bzero(json.p, json.len);
    buf_done(&json);
    put_text(p, t, "name", x->name);
    put_text(p, t, "kind", x->kind);
    put_text(p, t, "digest", hash);
    put(p, t, "part", TAKE_PTR(x->part));
    return t;
}

static struct tree *assemble(struct planning *p)
{
    struct tree *plan = tree_map(), *list = tree_list();
    for (size_t i = 0; i < p->n; i++)
        keep(p, tree_append(list, process_tree(p, &p->processes[i])));
    put_number(p, plan, "format", 1);
    put_text(p, plan, "hub", p->hub);
    put_text(p, plan, "machine", p->c->machine);
    if (machines_count(p->c) > 0)
        put(p, plan, "machines", machines_names(p->c));
    put_text(p, plan, "config", p->c->full);
    put_text(p, plan, "data", p->c->data);
    put_text(p, plan, "run", p->run);
    put(p, plan, "processes", list);
    put(p, plan, "destinations", destinations_tree(p));
    put(p, plan, "alarms", alarms_tree(p));
    if (tree_get(p->c->raw, "log"))
        put(p, plan, "log", detach(tree_copy(tree_get(p->c->raw, "log"))));
    return plan;
}

int plan_write(struct compile *c, struct tree **ret)
{
    struct planning p = {.c = c, .hub = tree_gets(c->raw, "hub", "")};
    c->data = data_path(c);
    p.message_max = get_bytes(c, c->raw, "limits/message", 16u << 20);
    p.keep_free = get_bytes(c, c->raw, "limits/keep_free", 256u << 20);
    p.processes = xcalloc(2 * c->connectors_n + 3, sizeof(*p.processes));
    if (!c->data || !p.processes)
        p.r = -ENOMEM;
    if (p.r == 0)
        choose_run(&p);
    if (p.r == 0)
        key_read(&p);
    if (p.r == 0) {
        add_queues(&p);
        add_door(&p);
        add_console(&p);
    }
    for (size_t i = 0; p.r == 0 && i < c->connectors_n; i++) {
        add_source(&p, &c->connectors[i]);
        add_sink(&p, &c->connectors[i]);
    }
    if (p.r == 0)
        qsort(p.processes, p.n, sizeof(*p.processes), by_name);
    struct tree *plan = p.r == 0 ? assemble(&p) : NULL;
    for (size_t i = 0; i < p.n; i++)
        tree_free(p.processes[i].part);
    free(p.processes);
    free(p.run);
    explicit_bzero(p.key, sizeof(p.key));
    if (p.r == 0)
        *ret = plan;
    else
        tree_free(plan);
    return p.r;
}
