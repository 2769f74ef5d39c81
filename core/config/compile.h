/* SPDX-License-Identifier: Apache-2.0 */
/* compile - what the files of this room share; nobody else includes it. One struct compile lives
 * for one config_compile(). */
#ifndef REEVE_CONFIG_COMPILE_H
#define REEVE_CONFIG_COMPILE_H
#include "config.h"

#define FILE_MAX_BYTES  (1u << 20)
#define TOTAL_MAX_BYTES (16u << 20)
#define FILES_MAX       1000u
#define DEPTH_MAX       32u
#define NODES_MAX       200000u
#define NAME_LEN_MAX    63u

struct source { /* one file that was read; lives until the end, since trees borrow its name */
    char *name; /* as shown */
    char *dir;  /* absolute, for the paths that it names */
    char *text; /* zero-terminated */
    size_t len;
    size_t *lines; /* byte offset of each line's start */
    size_t lines_n;
    struct tree *root; /* NULL: unreadable, already reported; or an empty file */
};

struct module { /* a plugin or adapter that the configuration uses */
    enum config_kind kind;
    char *name, *file;
    struct tree *about; /* description; NULL: not usable, and why: */
    struct err why;
};

struct step {
    struct module *module;
    struct tree *options;
};

struct side { /* receive or deliver */
    struct connector *connector;
    bool deliver, present, enabled;
    const struct tree *own; /* as written */
    struct tree *effective; /* map: own keys, then the profile's, then the defaults' */
    struct module *plugin, *adapter;
    const char *standard;           /* of the adapter, borrowed; with it, standards.c */
    const struct tree *standard_at; /* where it stands as an option; NULL: it is no option */
    struct tree *plugin_options, *adapter_options; /* normalised; NULL when not checked */
    struct tree *plugin_print, *adapter_print;     /* the same as written, for print */
    struct step *steps;
    size_t steps_n;
};

struct connector {
    const char *name; /* borrowed */
    const struct tree *node, *key;
    const struct tree *party; /* its entry in `parties`, NULL: unknown */
    const char *party_name;
    bool enabled;
    struct side receive, deliver;
};

struct compile {
    const char *path;
    const struct config_env *env;
    unsigned flags;
    struct diagnostics *d;
    char *full;                 /* path, absolute */
    char *root_name, *root_dir; /* of the configuration: shown, absolute */
    struct source **sources;
    size_t sources_n, sources_cap, bytes, nodes;
    struct tree *raw;             /* the merged top level */
    struct connector *connectors; /* in the order of the files */
    size_t connectors_n;
    const char
        *machine;      /* which of `machines` this is, borrowed; NULL: there are none, or unknown */
    struct tree *door; /* of this machine; NULL: none */
    bool door_open,
        door_known; /* open: others than this machine reach it; known: `listen` could be read */
    struct module **modules;
    size_t modules_n, modules_cap;
    struct tree *routes; /* as route.h wants them */
    char *data;          /* absolute */
    bool no_memory,
        partial; /* partial: a file was unusable, so names may be missing for that reason */
};

/* ---- compile.c ---- */
/* Reports at a node. An error if severity says so; c->d counts. */
void say(struct compile *c, enum severity severity, const struct tree *at, const char *code,
         const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define error_at(c, at, ...)   say(c, SEVERITY_ERROR, at, __VA_ARGS__)
#define warning_at(c, at, ...) say(c, SEVERITY_WARNING, at, __VA_ARGS__)
const struct tree *tree_key(const struct tree *map,
                            const char *key); /* the key's node; NULL: absent */
/* For messages: p escaped and cut to 60 characters, in one of four static-per-call buffers given by
 * the caller. */
#define QUOTE_MAX 96
const char *quote(char out[QUOTE_MAX], const char *p);
bool name_ok(const char *s);
/* Puts a copy of value into map under the key node's text, keeping the key's place. 0 or -ENOMEM or
 * -EEXIST. */
int put_copy(struct tree *map, const struct tree *key, const struct tree *value);
/* An empty map with a place of its own; NULL: out of memory, which is noted. */
struct tree *placed_map(struct compile *c, const struct tree *at);
/* ", did you mean `x`?" or "" */
const char *suggest(char out[QUOTE_MAX], const char *s, const char *const *names, size_t n);
/* The same against the keys of a map. */
const char *suggest_key(char out[QUOTE_MAX], const char *s, const struct tree *map);
/* The file that a node came from; NULL for nodes made by code. */
const struct source *source_of(const struct compile *c, const struct tree *t);

/* ---- yaml.c ---- */
/* Parses s->text into s->root; problems are reported. false: not usable. An empty document gives
 * root NULL and true. */
bool yaml_parse(struct compile *c, struct source *s);

/* ---- place.c ---- */
/* Where byte `offset` of a scalar's value stands in its file: the value may be folded, quoted or
 * escaped there. */
void place_in_scalar(const struct compile *c, const struct tree *t, size_t offset, unsigned *line,
                     unsigned *col);
/* What stands directly behind a plain scalar on its last line, for finding expressions that YAML
 * has cut: '#', ',' (of a flow map), or 0. */
char cut_behind(const struct compile *c, const struct tree *t);

/* ---- source.c ---- */
struct source *source_read(struct compile *c, const char *shown, const char *path,
                           const struct tree *named_at);
bool sources_load(struct compile *c); /* all files of c->path into c->raw */
void source_free(struct source *s);
int list_yaml(const char *dir,
              struct tree **ret); /* sorted names of *.yaml and *.yml; 0 or negative errno */

/* ---- grammar.c ---- */
enum shape {
    SHAPE_TEXT,
    SHAPE_NAME,
    SHAPE_INT,
    SHAPE_BOOL,
    SHAPE_DURATION,
    SHAPE_PERIOD, /* base/period.h; canonical as written */
    SHAPE_BYTES,
    SHAPE_PATH,
    SHAPE_CHOICE,
    SHAPE_DATE,
    SHAPE_SECRET,
    SHAPE_URL,
    SHAPE_MAP,   /* of `sub` */
    SHAPE_NAMED, /* names to maps of `sub` */
    SHAPE_ANY    /* looked at elsewhere */
};
#define FIELD_REQUIRED 1u
#define FIELD_LIST     2u  /* one or a list */
#define FIELD_REF      4u  /* ${…} allowed */
#define FIELD_LATER    8u  /* reserved: refused for now */
#define FIELD_FREE     16u /* NAMED: the names are looked at elsewhere */
struct field {
    const char *key;
    enum shape shape;
    unsigned flags;
    const char *allowed; /* CHOICE: "a|b"; INT, DURATION, BYTES: "min..max" */
    const struct field *sub;
};
/* "between 1 and 9", "one of a, b": the wording of what value_canonical wants. */
const char *wanted_words(char *out, size_t cap, const char *allowed, const char *why);
extern const struct field grammar_top[], grammar_receive[], grammar_deliver[], grammar_route[],
    grammar_alternative[], grammar_case[], grammar_console[], grammar_transport[], grammar_state[];
/* Checks a map against a table. what: for messages, "connector `x`". rest: may be NULL: keys that
 * are not in the table are errors; else they are left to the caller. */
void grammar_check(struct compile *c, const struct field *fields, const struct tree *map,
                   const char *what, bool open);
const struct field *field_find(const struct field *fields, const char *key);
/* Values of checked fields; the default when absent or wrong (reported before). */
uint64_t get_duration(struct compile *c, const struct tree *map, const char *path, uint64_t def);
uint64_t get_bytes(struct compile *c, const struct tree *map, const char *path, uint64_t def);
uint64_t get_int(struct compile *c, const struct tree *map, const char *path, uint64_t def);
bool get_bool(struct compile *c, const struct tree *map, const char *path, bool def);
/* free() it; NULL: absent or unresolved. */
char *get_text(struct compile *c, const struct tree *map, const char *path);
char *get_path(struct compile *c, const struct tree *map, const char *path); /* absolute */

/* ---- values.c ---- */
enum resolved {
    RESOLVED,
    RESOLVED_NOT,
    RESOLVED_BAD
}; /* NOT: a reference is open, and that is allowed now; BAD: reported */
/* The text of a scalar with ${file:…} and ${env:…} put in. */
enum resolved value_resolve(struct compile *c, const struct tree *t, struct buf *out);
bool value_has_reference(const struct tree *t);
/* Checks text against a shape and brings it into canonical form (core/README.md "Options"). NULL or
 * why not ("a duration such as 20s"). base: directory for paths. */
const char *value_canonical(enum shape shape, const char *allowed, const char *base,
                            const char *text, struct buf *out);
char *absolute(const char *dir, const char *name); /* lexical; free() it */
/* Appends the values of a `@file` list to list. */
void value_list_file(struct compile *c, const struct tree *t, struct tree *list);

/* ---- options.c ---- */
struct module *module_get(struct compile *c, enum config_kind kind, const struct tree *name);
bool module_has(const struct module *m, const char *role);
bool module_is_named(const struct module *m); /* an adapter whose option names the standard */
/* Checks the keys of given (those for which skip() is false) against the description: *ret
 * normalised, *ret_print as written. */
void options_check(struct compile *c, const struct module *m, bool deliver,
                   const struct tree *given, const struct field *host_keys, const struct tree *at,
                   struct tree **ret, struct tree **ret_print);

/* ---- standards.c ---- */
/* What the side's adapter speaks: the name by which the hub knows who understands whom. given: its
 * options as written. After options_check(). */
void standard_check(struct compile *c, struct side *s, const struct tree *given);
/* Calls each(arg, side) for the first side of every standard that is spoken. */
void standards_each(const struct compile *c, void (*each)(void *arg, const struct side *s),
                    void *arg);

/* ---- connectors.c, routes.c, plan.c, print.c ---- */
void connectors_check(struct compile *c);
void connectors_free(struct compile *c);
void side_check(struct compile *c, struct side *s); /* side.c */
void side_free(struct side *s);
void door_check(struct compile *c); /* door.c: each machine's `door`, paths and tokens behind it */
void tokens_check(struct compile *c, const struct tree *t); /* one bearer token, or a list */
/* ADDRESS:PORT with an address in numbers, or localhost; *ret_loopback: of this machine. */
bool address_parse(const char *text, bool *ret_loopback);
/* Whether a PEM file can be read and holds a block that says `begin`. key: the key that names it */
void pem_check(struct compile *c, const struct tree *t, const char *file, const char *key,
               const char *begin);
/* machines.c */
void machines_check(struct compile *c);    /* what they must share, and: */
void machines_choose(struct compile *c);   /* which one this is */
void machines_check_on(struct compile *c); /* `on`, once the connectors are known */
size_t machines_count(const struct compile *c);
const char *machine_name(const struct compile *c, size_t i);
struct tree *machines_names(const struct compile *c); /* NULL: out of memory */
/* The hub's door with what is written for this machine over it; tree_free() it. machine NULL: the
 * hub's own. NULL: there is none. */
struct tree *machine_door(struct compile *c, const char *machine);
bool console_anywhere(struct compile *c);                      /* on any machine */
bool side_on(const struct side *s, const char *machine);       /* may it run there? */
bool side_here(const struct compile *c, const struct side *s); /* has it a process here? */
/* The data directory: this machine's, else that of all. free() it; NULL: a reference in it is open.
 */
char *data_path(struct compile *c);
/* state.c: where is kept what connectors remember. */
void state_check(struct compile *c);
bool state_shared(const struct compile *c); /* in PostgreSQL */
struct tree *state_tree(struct compile *c); /* "state" of a part; NULL: out of memory */
/* One more " key='value'" of a libpq conninfo. 0 or a buf error. */
int conninfo_put(struct buf *out, const char *key, const char *value);
/* transport.c: where the queues are. */
void transport_check(struct compile *c);
void transport_users_check(struct compile *c); /* `users`, once the connectors are known */
bool amqp_wanted(const struct compile *c);
/* The "transport" map of a process's part (core/README.md), put into t. 0 or -ENOMEM. */
int amqp_place_tree(struct compile *c, const char *process, uint64_t message_max, struct tree *t);
char *amqp_user(struct compile *c, const char *process); /* free() it; NULL: a certificate says */
/* Name, order and limits of every destination. NULL: out of memory. */
struct tree *queue_list(struct compile *c);
bool console_wanted(const struct tree *door);                   /* console.c: `door: {console:}` */
void console_check(struct compile *c, const struct tree *door); /* after `listen` was looked at */
/* What the console's process is told: parties, connectors, routes, unrouted. 0 or -ENOMEM. */
int console_shape(const struct compile *c, struct tree *part);
const struct connector *connector_find(const struct compile *c, const char *name);
void routes_check(struct compile *c);
bool destination_used(const struct compile *c, const char *name); /* by a route or `unrouted` */
/* pairs.c: what can be seen of which source's messages come to which destination. */
void pairs_check(
    struct compile *c); /* agreements and translation, of every (source, route, destination) */
/* Whether the sink may have to translate from the standard of this side. */
bool sink_needs(struct compile *c, const struct connector *sink, const struct side *s);
bool party_is_hub(const struct connector *x);
int plan_write(struct compile *c, struct tree **ret);
int print_write(struct compile *c, struct buf *out);

#endif
