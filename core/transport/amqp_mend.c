/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_mend - see amqp_mend.h.
 *
 * Messages are moved one at a time and in order, so that of those with the note's token in the
 * target only the last can still be where it came from: it came back as the first of a queue that
 * was not consumed, or somewhere in the ladder. Its id is looked for there, and acknowledged. */
#include "amqp_mend.h"
#include "amqp_ask.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define HEADER       "reeve-moved"
#define NOTE_MAX     4096u
#define NOTE_CHANNEL 16 /* the last; a scan has those before */

static int make_token(char out[AMQP_MOVE_TOKEN], struct err *e)
{
    uint64_t x[2];
    if (getrandom(x, sizeof x, 0) != (ssize_t)sizeof x)
        return err_set(e, -EIO, "transport", "no random numbers: %s", strerror(errno));
    (void)snprintf(out, AMQP_MOVE_TOKEN, "%016" PRIx64 "%016" PRIx64, x[0], x[1]);
    return 0;
}

int amqp_move_note(amqp_connection_state_t c, const char *from, const char *to,
                   char ret_token[AMQP_MOVE_TOKEN], struct err *e)
{
    amqp_basic_properties_t props = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                     .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    struct buf b = BUF_INIT(NOTE_MAX);
    struct tree *t = tree_map();
    int r = make_token(ret_token, e);
    if (r == 0) {
        r = tree_puts(t, "from", from);
        r = r < 0 ? r : tree_puts(t, "to", to);
        r = r < 0 ? r : tree_puts(t, "token", ret_token);
        r = r < 0 ? r : tree_to_json(t, &b, false);
        r = r < 0 ? err_set(e, r, "memory", "the note of a move: %s", strerror(-r)) : 0;
    }
    if (r == 0)
        r = amqp_ask_publish(c, 1, AMQP_X_BACK, AMQP_Q_MOVING, &props,
                             (amqp_bytes_t){.len = b.len, .bytes = b.p}, e);
    tree_free(t);
    buf_done(&b);
    return r == -ENOENT ? -EPERM : r;
}

void amqp_move_mark(amqp_basic_properties_t *props, amqp_table_entry_t *table, const char *token)
{
    table[props->headers.num_entries++] = (amqp_table_entry_t){
        .key = amqp_text(HEADER),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_text(token)}}};
    props->headers.entries = table;
    props->_flags |= AMQP_BASIC_HEADERS_FLAG;
}

static bool has_token(const amqp_basic_properties_t *props, const char *token)
{
    for (int i = 0; props->_flags & AMQP_BASIC_HEADERS_FLAG && i < props->headers.num_entries;
         i++) {
        const amqp_table_entry_t *h = &props->headers.entries[i];
        const amqp_bytes_t *v = &h->value.value.bytes;
        if (h->key.len == strlen(HEADER) && memcmp(h->key.bytes, HEADER, h->key.len) == 0 &&
            h->value.kind == AMQP_FIELD_KIND_UTF8 && v->len == strlen(token) &&
            memcmp(v->bytes, token, v->len) == 0)
            return true;
    }
    return false;
}

/* Calls fn for each message of a queue; fn: 1 removes it and ends, negative fails. 1, 0 or that. */
static int each(amqp_connection_state_t c, const char *queue,
                int (*fn)(void *arg, const struct amqp_got *g), void *arg, struct err *e)
{
    struct amqp_scan s;
    struct amqp_got g;
    struct err end;
    int r = amqp_scan_begin(&s, c, queue, UINT64_MAX, 0, e), found = 0;
    if (r == -ENOENT)
        return 0;
    while (r == 0 && found == 0 && (r = amqp_scan_next(&s, &g, e)) == 1) {
        found = fn(arg, &g);
        r = found ? amqp_scan_remove(&s, g.tag, e) : 0;
        amqp_got_done(&g);
    }
    int ended = amqp_scan_end(&s, r < 0 ? &end : e);
    return r < 0 ? r : ended < 0 ? ended : found;
}

struct search {
    char from[AMQP_NAME_SIZE], to[AMQP_NAME_SIZE], token[AMQP_MOVE_TOKEN];
    char id[AMQP_ID_MAX + 1];
    bool by_key; /* in the ladder's queues: only those of `from` */
};

static int note_last(void *arg, const struct amqp_got *g)
{
    struct search *s = arg;
    if (has_token(&g->m.properties, s->token))
        (void)snprintf(s->id, sizeof s->id, "%s", g->marks.id);
    return 0;
}

static int is_it(void *arg, const struct amqp_got *g)
{
    const struct search *s = arg;
    return (!s->by_key || strcmp(g->key, s->from) == 0) && strcmp(g->marks.id, s->id) == 0;
}

/* Removes the first of a queue if it is the one. The order of the queue matters: one in hand, and
 * the next is awaited, which says that the broker has seen the acknowledgement (as in moving). */
static int first_if_it(amqp_connection_state_t c, const char *queue, struct search *search,
                       struct err *e)
{
    struct amqp_scan s;
    struct amqp_got g;
    struct err end;
    int found = 0, r = amqp_scan_begin(&s, c, queue, 2, 1, e);
    if (r == -ENOENT)
        return 0;
    r = r < 0 ? r : amqp_scan_next(&s, &g, e);
    if (r == 1) {
        found = is_it(search, &g);
        r = found ? amqp_scan_remove(&s, g.tag, e) : 0;
        amqp_got_done(&g);
        r = found && r == 0 ? amqp_scan_next(&s, &g, e) : r;
        if (r == 1)
            amqp_got_done(&g);
    }
    int ended = amqp_scan_end(&s, r < 0 ? &end : e);
    return r < 0 ? r : ended < 0 ? ended : found;
}

static int take_out(amqp_connection_state_t c, struct search *s, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    uint64_t ready;
    int r = each(c, s->to, note_last, s, e);
    if (r < 0 || !s->id[0])
        return r;
    amqp_name_of(s->from, AMQP_HEAD_END, queue);
    r = amqp_ask_count(c, queue, &ready, NULL, e);
    if (r == -ENOENT) { /* free order: behind others that had come back before, perhaps */
        r = each(c, s->from, is_it, s, e);
    } else if (r == 0) {
        r = first_if_it(c, queue, s, e);
        r = r != 0 ? r : first_if_it(c, s->from, s, e);
    }
    s->by_key = true;
    for (size_t i = 0; i < transport_ladder_n && r == 0; i++) {
        amqp_retry_name(transport_ladder[i], queue);
        r = each(c, queue, is_it, s, e);
    }
    return r < 0 ? r : 0;
}

static bool read_note(const struct amqp_got *g, struct search *s)
{
    struct tree *t = NULL;
    struct err ignored;
    if (g->m.body.len > NOTE_MAX ||
        tree_from_json(g->m.body.bytes, g->m.body.len, &t, &ignored) < 0)
        return false;
    bool good = tree_gets(t, "from", NULL) && tree_gets(t, "to", NULL) &&
                strlen(tree_gets(t, "token", "")) == AMQP_MOVE_TOKEN - 1;
    *s = (struct search){.by_key = false};
    (void)snprintf(s->from, sizeof s->from, "%s", tree_gets(t, "from", ""));
    (void)snprintf(s->to, sizeof s->to, "%s", tree_gets(t, "to", ""));
    (void)snprintf(s->token, sizeof s->token, "%s", tree_gets(t, "token", ""));
    tree_free(t);
    return good;
}

/* The note is held until the mending is done, on a channel of its own: channel 1 is opened anew
 * when a queue is not there. Whoever wrote older notes had mended before. */
static int all_notes(amqp_connection_state_t c, bool mend, struct err *e)
{
    int r = amqp_link_channel(c, NOTE_CHANNEL, e);
    while (r == 0) {
        struct amqp_got g;
        struct search s;
        r = amqp_ask_get(c, NOTE_CHANNEL, AMQP_Q_MOVING, &g, e);
        if (r != 1)
            break;
        r = mend && read_note(&g, &s) ? take_out(c, &s, e) : 0;
        r = r < 0 ? r : amqp_ask_ack(c, NOTE_CHANNEL, g.tag, e);
        amqp_got_done(&g);
    }
    return r < 0 ? r : amqp_ask_close(c, NOTE_CHANNEL, e);
}

int amqp_move_forget(amqp_connection_state_t c, struct err *e)
{
    return all_notes(c, false, e);
}

int amqp_move_mend_locked(amqp_connection_state_t c, struct err *e)
{
    return all_notes(c, true, e);
}

int amqp_move_mend(amqp_connection_state_t c, struct err *e)
{
    uint64_t notes = 0;
    int r = amqp_ask_count(c, AMQP_Q_MOVING, &notes, NULL, e);
    if (r < 0 || notes == 0)
        return r;
    r = amqp_ask_lock(c, AMQP_LOCK_MOVE, e);
    if (r < 0)
        return r == -EBUSY ? 0 : r; /* it is under way */
    r = amqp_move_mend_locked(c, e);
    return r < 0 ? r : amqp_ask_unlock(c, AMQP_LOCK_MOVE, e);
}
