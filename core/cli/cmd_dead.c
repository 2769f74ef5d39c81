/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_dead - `reeve dead list|show|replay|discard`: dead letters through the queue's admin
 * connection. Sending again, throwing away and showing a body are written to the journal before
 * they are done, with who did it.
 *
 * Works page by page, so a million dead letters cost no memory; a list of numbers on the command
 * line is looked up one by one. What comes in meanwhile may or may not be included. */
#include "cli.h"
#include "base/json.h"
#include "base/util.h"
#include "hub.h"
#include "message/message.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

#define PAGE 200u

enum what { LIST, SHOW, REPLAY, DISCARD };

struct dead {
    enum what what;
    struct hub_options where;
    struct dead_filter filter;
    bool json, dry_run, body, all;
    const char *type; /* only these; looked for in the events themselves: the queue does not know */
    const char *reason;
    const char *who;
    struct hub hub;
    struct transport *transport;
    struct journal *journal;
    uint64_t *number; /* of one page */
    size_t numbers, done, failed;
    struct err e;
};

/* ---- printing */

static int put_text(struct buf *b, const char *key, const char *value)
{
    int r = buf_addf(b, ",\"%s\":", key);
    return r == 0 ? json_add_string(b, value ? value : "", value ? strlen(value) : 0) : r;
}

static int print_json(const struct dead_letter *l, bool body)
{
    struct buf b = BUF_INIT(64u << 20);
    char first[RFC3339_MAX], dead[RFC3339_MAX];
    rfc3339_ms(l->first_ms, first);
    rfc3339_ms(l->dead_ms, dead);
    int r = buf_addf(&b, "{\"number\":%llu,\"attempts\":%u,\"bytes\":%zu",
                     (unsigned long long)l->number, l->attempts, l->len);
    r = r ? r : put_text(&b, "destination", l->destination);
    r = r ? r : put_text(&b, "id", l->id);
    r = r ? r : put_text(&b, "code", l->code);
    r = r ? r : put_text(&b, "text", l->text);
    r = r ? r : put_text(&b, "accepted", first);
    r = r ? r : put_text(&b, "dead", dead);
    if (r == 0 && body && l->bytes) {
        r = buf_adds(&b, ",\"event\":");
        r = r ? r : buf_add(&b, l->bytes, l->len);
    }
    r = r ? r : buf_addc(&b, '}');
    if (r == 0)
        puts(buf_str(&b));
    buf_done(&b);
    return r;
}

static void print_line(const struct dead_letter *l)
{
    char dead[RFC3339_MAX], id[128] = "", text[600] = "", code[80] = "";
    rfc3339_ms(l->dead_ms, dead);
    escape_text(id, sizeof id, l->id, strlen(l->id));
    escape_text(text, sizeof text, l->text ? l->text : "", l->text ? strlen(l->text) : 0);
    escape_text(code, sizeof code, l->code ? l->code : "", l->code ? strlen(l->code) : 0);
    printf("%llu  %s  %s  %s  retries %u: %s [%s]\n", (unsigned long long)l->number, dead,
           l->destination, id, l->attempts, text, code);
}

static int show(struct dead *d, const struct dead_letter *l)
{
    if (d->json)
        return print_json(l, d->body);
    print_line(l);
    if (d->body && l->bytes)
        printf("%.*s\n", l->len > INT_MAX ? INT_MAX : (int)l->len, l->bytes);
    return 0;
}

/* ---- doing */

static int note(struct dead *d, const struct dead_letter *l, const char *event)
{
    char detail[256];
    struct journal_row row = {.event = event,
                              .id = l->id,
                              .destination = l->destination,
                              .code = l->code,
                              .text = d->reason,
                              .detail = detail};
    (void)snprintf(detail, sizeof detail, "{\"by\":\"%s\",\"number\":%llu}", d->who,
                   (unsigned long long)l->number);
    int r = journal_add(d->journal, &row, &d->e);
    return r < 0 ? r : journal_commit(d->journal, &d->e);
}

static bool fits_type(const struct dead *d, const struct dead_letter *l)
{
    struct message *m = NULL;
    struct err e;
    if (!d->type)
        return true;
    bool fits = l->bytes && message_parse(l->bytes, l->len, l->len, &m, NULL, &e) == 0 &&
                strcmp(message_get(m, "type"), d->type) == 0;
    message_free(m);
    return fits;
}

static int one(void *arg, const struct dead_letter *l)
{
    struct dead *d = arg;
    if (!fits_type(d, l))
        return 0;
    if (d->what == LIST || d->what == SHOW || d->dry_run) {
        int r = d->body && !d->dry_run ? note(d, l, "shown") : 0;
        d->done += r == 0;
        return r == 0 ? show(d, l) : r;
    }
    /* Only noted here: the connection answers one question at a time. */
    d->number[d->numbers++] = l->number;
    int r = note(d, l, d->what == REPLAY ? JOURNAL_REPLAYED : JOURNAL_DISCARDED);
    return r;
}

static int carry_out(struct dead *d)
{
    for (size_t i = 0; i < d->numbers; i++) {
        int r = d->what == REPLAY ? transport_dead_replay(d->transport, d->number[i], &d->e)
                                  : transport_dead_discard(d->transport, d->number[i], &d->e);
        if (r == -ENOENT) /* somebody else was quicker */
            continue;
        if (r < 0)
            return r;
        d->done++;
    }
    d->numbers = 0;
    return 0;
}

struct page {
    struct dead *d;
    uint64_t last;
    size_t n;
};

static int one_of_page(void *arg, const struct dead_letter *l)
{
    struct page *p = arg;
    p->last = l->number;
    p->n++;
    return one(p->d, l);
}

static int pages(struct dead *d)
{
    struct page p = {.d = d};
    do {
        p.n = 0;
        int r = transport_dead_list(d->transport, &d->filter, p.last, PAGE, d->body || d->type,
                                    one_of_page, &p, &d->e);
        if (r == 0)
            r = carry_out(d);
        if (r < 0)
            return r;
    } while (p.n == PAGE);
    return 0;
}

static int one_of_number(void *arg, const struct dead_letter *l)
{
    struct page *p = arg;
    p->n += l->number == p->last && fits_type(p->d, l);
    return l->number == p->last ? one(p->d, l) : 0;
}

static int numbers(struct dead *d, char **text, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t number;
        if (parse_i64(text[i], &number) < 0 || number < 1)
            return err_set(&d->e, -EINVAL, "dead-number",
                           "\"%.40s\" is not the number of a dead letter", text[i]);
        struct page p = {.d = d, .last = (uint64_t)number};
        int r = transport_dead_list(d->transport, &d->filter, p.last - 1, 1, d->body || d->type,
                                    one_of_number, &p, &d->e);
        if (r == 0)
            r = carry_out(d);
        if (r < 0)
            return r;
        if (p.n == 0) {
            fprintf(stderr, "reeve dead: there is no dead letter %lld%s\n", (long long)number,
                    d->filter.destination || d->filter.code || d->filter.id || d->type
                        ? " that fits"
                        : "");
            d->failed++;
        }
    }
    return 0;
}

/* ---- arguments */

static bool take_option(struct dead *d, int c)
{
    switch (c) {
    case 'c':
        d->where.config = optarg;
        return true;
    case 'd':
        d->where.data = optarg;
        return true;
    case 'D':
        d->filter.destination = optarg;
        return true;
    case 'C':
        d->filter.code = optarg;
        return true;
    case 'i':
        d->filter.id = optarg;
        return true;
    case 's':
        return parse_when(optarg, wall_ms(), &d->filter.from_ms) == 0;
    case 'u':
        return parse_when(optarg, wall_ms(), &d->filter.to_ms) == 0;
    case 't':
        d->type = optarg;
        d->filter.search = true;
        return true;
    case 'r':
        d->reason = optarg;
        return true;
    case 'j':
        d->json = true;
        return true;
    case 'n':
        d->dry_run = true;
        return true;
    case 'b':
        d->body = true;
        return true;
    case 'a':
        d->all = true;
        return true;
    default:
        return false;
    }
}

static bool take_what(struct dead *d, const char *word)
{
    static const char *const words[] = {"list", "show", "replay", "discard"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i], word) == 0) {
            d->what = (enum what)i;
            return true;
        }
    const char *near = did_you_mean(word, words, ARRAY_SIZE(words));
    fprintf(stderr, "reeve dead: list, show, replay or discard%s%s%s\n",
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return false;
}

/* What is dangerous must be asked for in full. */
static int check(const struct dead *d, int n)
{
    const struct dead_filter *f = &d->filter;
    bool chosen = n > 0 || f->destination || f->code || d->type || f->id || f->from_ms || f->to_ms;
    if (d->what == SHOW && n == 0 && !f->id) {
        fputs("reeve dead show: say which: a NUMBER or --id ID\n", stderr);
        return CLI_USAGE;
    }
    if ((d->what == REPLAY || d->what == DISCARD) && !chosen && !d->all) {
        fputs("reeve dead: say which: a NUMBER, --destination, --code, --type, --id, --since, "
              "--until, or --all\n",
              stderr);
        return CLI_USAGE;
    }
    if (d->body && (d->what != SHOW || !d->reason)) {
        fputs("reeve dead: --body goes with show and needs --reason TEXT; it is kept in the "
              "journal\n",
              stderr);
        return CLI_USAGE;
    }
    if (d->what == DISCARD && !d->dry_run && !d->reason) {
        fputs("reeve dead discard: needs --reason TEXT; it is kept in the journal\n", stderr);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int work(struct dead *d, char **text, int n)
{
    int r = hub_open(&d->where, &d->hub, &d->e);
    if (r == 0)
        r = hub_transport(&d->hub, &d->transport, &d->e);
    if (r == 0 && !d->dry_run && (d->body || d->what == REPLAY || d->what == DISCARD))
        r = hub_journal(&d->hub, &d->journal, &d->e);
    if (r == 0)
        r = n > 0 ? numbers(d, text, n) : pages(d);
    transport_close(d->transport);
    journal_close(d->journal);
    if (r < 0) {
        cli_complain("dead", &d->e);
        return r == -ECONNREFUSED ? CLI_NOT_RUNNING : CLI_FAILED;
    }
    if (d->what == REPLAY || d->what == DISCARD)
        printf("%zu %s%s\n", d->done, d->dry_run ? "would be " : "",
               d->what == REPLAY ? "sent again" : "thrown away");
    bool nothing = d->done == 0 && d->what != LIST;
    return d->failed || nothing ? CLI_FAILED : CLI_OK;
}

int cmd_dead(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"destination", required_argument, NULL, 'D'},
                                            {"code", required_argument, NULL, 'C'},
                                            {"type", required_argument, NULL, 't'},
                                            {"id", required_argument, NULL, 'i'},
                                            {"since", required_argument, NULL, 's'},
                                            {"until", required_argument, NULL, 'u'},
                                            {"reason", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"dry-run", no_argument, NULL, 'n'},
                                            {"body", no_argument, NULL, 'b'},
                                            {"all", no_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    char who[64];
    struct dead d = {.who = cli_user_name(who)};
    int c;
    while ((c = getopt_long(argc, argv, "c:n", options, NULL)) != -1)
        if (!take_option(&d, c))
            return cli_usage("dead");
    if (optind >= argc)
        return cli_usage("dead");
    if (!take_what(&d, argv[optind++]))
        return CLI_USAGE;
    int r = check(&d, argc - optind);
    if (r != CLI_OK)
        return r;
    d.number = xcalloc(PAGE, sizeof *d.number);
    if (!d.number)
        return CLI_FAILED;
    r = work(&d, argv + optind, argc - optind);
    free(d.number);
    return r;
}
