/* SPDX-License-Identifier: Apache-2.0 */
/* loader - see loader.h. What is believed of a plugin: nothing but its own sizes, and those only
 * after they were checked against what ABI 1 began with. Everything that is read from it later was
 * looked at here once: texts, types, defaults, ends of tables.
 *
 * Known limits: loading runs the object's constructors in this process (plugin_describe_file is for
 * files nobody vouches for); a table without its end is noticed only after OPTIONS_MAX rows. */
#include "loader.h"
#include "base/util.h"
#include "option.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What the first release of ABI 1 had; these never change (tests/unit/plugin/test_layout.c). */
#define FIRST_OPTION_SIZE 40u
#define FIRST_EMITS_SIZE  32u
/* The fields before the first callback: without them there is nothing to show. */
#define LEAST_PLUGIN_SIZE offsetof(struct reeve_plugin, open)
#define STRUCT_SIZE_MAX   65536u
#define OPTIONS_MAX       256u
#define EMITS_MAX         256u
#define NAME_MAX_LEN      64u

typedef const struct reeve_plugin *(*entry_fn)(void);

bool plugin_option(const struct plugin *p, size_t i, struct reeve_option *ret)
{
    if (!p->api.options || i >= OPTIONS_MAX)
        return false;
    const char *row = (const char *)p->api.options + i * p->api.option_size;
    struct reeve_option o = {0};
    size_t n = p->api.option_size < sizeof(o) ? p->api.option_size : sizeof(o);
    memcpy(&o, row, n);
    if (!o.key)
        return false;
    *ret = o;
    return true;
}

bool plugin_emits(const struct plugin *p, size_t i, struct reeve_emits *ret)
{
    if (!p->api.emits || i >= EMITS_MAX)
        return false;
    const char *row = (const char *)p->api.emits + i * p->api.emits_size;
    struct reeve_emits m = {0};
    size_t n = p->api.emits_size < sizeof(m) ? p->api.emits_size : sizeof(m);
    memcpy(&m, row, n);
    if (!m.type)
        return false;
    *ret = m;
    return true;
}

bool plugin_is_named(const struct plugin *p)
{
    return p->api.adapter_flags & REEVE_ADAPTER_NAMED;
}

static bool name_ok(const char *s, const char *more)
{
    size_t len = s ? strnlen(s, NAME_MAX_LEN + 1) : 0;
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    for (; *s; s++) {
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || strchr(more, *s)))
            return false;
    }
    return true;
}

bool plugin_name_ok(const char *name)
{
    return name_ok(name, "-");
}

/* ---- checks; each says one sentence ---- */

static int check_sizes(const struct reeve_plugin *theirs, struct err *e)
{
    if (theirs->struct_size < LEAST_PLUGIN_SIZE || theirs->struct_size > STRUCT_SIZE_MAX)
        return err_set(e, -ENOEXEC, "plugin-size",
                       "its table says it is %u bytes long, which cannot hold even its own name",
                       theirs->struct_size);
    if (theirs->abi != REEVE_ABI)
        return err_set(e, -ENOEXEC, "plugin-abi",
                       "it was built for ABI %u of reeve/plugin.h; this reeve has ABI %u",
                       theirs->abi, REEVE_ABI);
    return 0;
}

static int check_stride(const char *what, uint32_t stride, size_t first, struct err *e)
{
    if (stride < first || stride % sizeof(void *) != 0 || stride > STRUCT_SIZE_MAX)
        return err_set(e, -ENOEXEC, "plugin-size",
                       "the rows of its table of %s are %u bytes long; ABI 1 began with %zu", what,
                       stride, first);
    return 0;
}

static int check_option(const struct plugin *p, size_t i, const struct reeve_option *o,
                        struct err *e)
{
    struct reeve_option other;
    struct err why;
    if (!name_ok(o->key, "_-"))
        return err_set(e, -ENOEXEC, "plugin-option",
                       "option %zu: \"%s\" is not a name (a-z, 0-9, - and _)", i + 1, o->key);
    for (size_t j = 0; j < i && plugin_option(p, j, &other); j++) {
        if (strcmp(o->key, other.key) == 0)
            return err_set(e, -ENOEXEC, "plugin-option", "option %s stands twice in its table",
                           o->key);
    }
    if (o->type == REEVE_T_CHOICE && (!o->allowed || !*o->allowed))
        return err_set(e, -ENOEXEC, "plugin-option",
                       "option %s is a choice, but `allowed` names nothing to choose from", o->key);
    if (o->def && option_canonical(o, o->def, NULL, &why) < 0)
        return err_set(e, -ENOEXEC, "plugin-option", "option %s: its own default is wrong: %s",
                       o->key, why.text);
    return 0;
}

static int check_options(const struct plugin *p, struct err *e)
{
    struct reeve_option o;
    size_t i = 0;
    int r = check_stride("options", p->api.option_size, FIRST_OPTION_SIZE, e);
    for (; r == 0 && plugin_option(p, i, &o); i++)
        r = check_option(p, i, &o, e);
    if (r == 0 && i >= OPTIONS_MAX)
        r = err_set(e, -ENOEXEC, "plugin-option",
                    "its table of options has no end (a row whose key is NULL) within %u rows",
                    OPTIONS_MAX);
    return r;
}

static int check_emits(const struct plugin *p, struct err *e)
{
    struct reeve_emits m;
    size_t i = 0;
    int r = check_stride("emits", p->api.emits_size, FIRST_EMITS_SIZE, e);
    if (r < 0)
        return r;
    while (plugin_emits(p, i, &m))
        i++;
    if (i >= EMITS_MAX)
        return err_set(e, -ENOEXEC, "plugin-emits",
                       "its table of what it emits has no end (a row whose type is NULL) within "
                       "%u rows",
                       EMITS_MAX);
    return 0;
}

static int check_named(const struct plugin *p, struct err *e)
{
    const uint32_t flags = REEVE_OPT_REQUIRED | REEVE_OPT_ADAPTER;
    struct reeve_option o;
    for (size_t i = 0; plugin_option(p, i, &o); i++) {
        if (strcmp(o.key, PLUGIN_STANDARD) == 0 && o.type == REEVE_T_STR &&
            (o.flags & (flags | REEVE_OPT_LIST)) == flags)
            return 0;
    }
    return err_set(e, -ENOEXEC, "plugin-role",
                   "it is an adapter of standards that are named (REEVE_ADAPTER_NAMED), but has no "
                   "option `" PLUGIN_STANDARD "` that is one text, required of adapters");
}

static int check_roles(const struct plugin *p, struct err *e)
{
    const struct reeve_plugin *a = &p->api;
    if (!a->poll && !a->request && !a->deliver && !a->decode && !a->encode && !a->to_hub &&
        !a->from_hub && !a->step)
        return err_set(e, -ENOEXEC, "plugin-role",
                       "it provides none of poll, request, deliver, decode, encode, to_hub, "
                       "from_hub, step: there is nothing it could do");
    if (a->decode && !a->emits)
        return err_set(e, -ENOEXEC, "plugin-role",
                       "it has decode, but no table `emits` of the types it makes");
    if (a->close && !a->open)
        return err_set(e, -ENOEXEC, "plugin-role", "it has close, but no open");
    return plugin_is_named(p) ? check_named(p, e) : 0;
}

static int check(const struct plugin *p, struct err *e)
{
    if (!plugin_name_ok(p->api.name))
        return err_set(e, -ENOEXEC, "plugin-name", "its name \"%s\" is not one (a-z, 0-9 and -)",
                       p->api.name ? p->api.name : "");
    if (!p->api.version || !*p->api.version)
        return err_set(e, -ENOEXEC, "plugin-name", "it has no version");
    int r = p->api.options ? check_options(p, e) : 0;
    if (r == 0 && p->api.emits)
        r = check_emits(p, e);
    return r < 0 ? r : check_roles(p, e);
}

/* ---- loading ---- */

static int open_object(const char *file, struct plugin *p, struct err *e)
{
    struct stat st;
    p->file = realpath(file, NULL);
    if (!p->file || stat(p->file, &st) < 0)
        return err_set(e, -errno, "plugin-file", "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, -ENOEXEC, "plugin-file", "it is not a file");
    p->dl = dlopen(p->file, RTLD_NOW | RTLD_LOCAL);
    if (p->dl)
        return 0;
    /* The loader's sentence begins with the path, which the caller says already. */
    const char *why = dlerror();
    size_t len = strlen(p->file);
    if (why && strncmp(why, p->file, len) == 0 && strncmp(why + len, ": ", 2) == 0)
        why += len + 2;
    const char *missing = why ? strstr(why, "undefined symbol: ") : NULL;
    if (missing)
        return err_set(e, -ENOEXEC, "plugin-symbol",
                       "it needs `%s`, which neither this reeve (%s) nor a library of it provides",
                       missing + strlen("undefined symbol: "), REEVE_VERSION);
    return err_set(e, -ENOEXEC, "plugin-file", "it is not a shared object that can be loaded: %s",
                   why ? why : "no reason given");
}

static int read_table(struct plugin *p, struct err *e)
{
    entry_fn entry;
    void *symbol = dlsym(p->dl, "reeve_plugin_entry");
    if (!symbol)
        return err_set(e, -ENOEXEC, "plugin-entry",
                       "it has no symbol reeve_plugin_entry: a plugin of reeve defines it with "
                       "REEVE_PLUGIN(…)");
    memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast from object to function pointer */
    const struct reeve_plugin *theirs = entry();
    if (!theirs)
        return err_set(e, -ENOEXEC, "plugin-entry", "its reeve_plugin_entry gives no table");
    int r = check_sizes(theirs, e);
    if (r < 0)
        return r;
    size_t n = theirs->struct_size < sizeof(p->api) ? theirs->struct_size : sizeof(p->api);
    memcpy(&p->api, theirs, n);
    return 0;
}

int plugin_load(const char *file, struct plugin **ret, struct err *e)
{
    struct plugin *p = xcalloc(1, sizeof(*p));
    if (!p)
        return err_set(e, -ENOMEM, "out-of-memory", "%s: out of memory", file);
    int r = open_object(file, p, e);
    if (r == 0)
        r = read_table(p, e);
    if (r == 0)
        r = check(p, e);
    if (r < 0) {
        plugin_unload(p);
        return err_prefix(e, r, "%s", file);
    }
    *ret = p;
    return 0;
}

void plugin_unload(struct plugin *p)
{
    if (!p)
        return;
    free(p->file);
    free(p);
}
