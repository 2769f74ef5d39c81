/* SPDX-License-Identifier: Apache-2.0 */
/* dry - see dry.h. */
#include "dry.h"
#include "source.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int get_state(void *arg, const char *key, const void **ret, size_t *ret_len)
{
    struct dry *d = arg;
    d->asked_state = true;
    return memory_get(d->memory, key, ret, ret_len);
}

static int put_state(void *arg, const char *key, const void *p, size_t len)
{
    return memory_put(((struct dry *)arg)->memory, key, p, len);
}

int dry_remember(struct dry *d, struct err *e)
{
    if (!d->memory)
        d->memory = memory_new();
    return d->memory ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
}

/* room.arg points into *ret: a struct dry stays where it was opened. */
int dry_open(const struct tree *part, struct dry *ret, struct err *e)
{
    *ret = (struct dry){.message_max = tree_getu(part, "message_max", MESSAGE_BYTES_MAX)};
    buf_init(&ret->scratch, 512u << 20);
    ret->room.arg = ret;
    ret->room.state_get = get_state;
    ret->room.state_put = put_state;
    ret->issues = issues_new();
    ret->twins = xcalloc(1, sizeof(*ret->twins));
    int rc = ret->issues && ret->twins ? intake_open(part, &ret->room, &ret->intake, e)
                                       : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    ret->room.issues = ret->issues;
    if (rc < 0)
        dry_close(ret);
    return rc;
}

void dry_close(struct dry *d)
{
    if (d->intake.adapter)
        intake_close(&d->intake);
    stage_free(d->stage);
    issues_free(d->issues);
    if (d->twins)
        twins_done(d->twins);
    free(d->twins);
    map_free(d->memory);
    buf_done(&d->scratch);
    *d = (struct dry){0};
}

static int take(void *arg, struct record *r, struct err *e)
{
    struct dry *d = arg;
    bool other = false;
    /* only an id that came along can be used twice; to remember every other one would cost memory
     * that grows with the document */
    int rc = r->own_id ? twins_add(d->twins, r->key, r->content, &other) : 0;
    if (rc < 0)
        return err_set(e, rc, "out-of-memory", "out of memory");
    if (other) {
        issues_say(d->issues, REEVE_ISSUE_ERROR, "id-reused", NULL, message_get(r->m, "id"), NULL,
                   "this source and id stand also on another message with other content; an id "
                   "names one message for ever");
        return 1;
    }
    rc = record_stage(d->stage, r, &d->scratch, d->message_max, e);
    if (rc != -EFBIG)
        return rc;
    issues_say(d->issues, REEVE_ISSUE_ERROR, "too-large", NULL, message_get(r->m, "subject"), NULL,
               "%s", e->text);
    return 1;
}

void dry_document(struct dry *d, const char *content_type, const char *name, int fd, const char *p,
                  size_t len)
{
    struct reeve_reader r;
    const char *tmp = getenv("TMPDIR");
    stage_free(d->stage);
    d->stage = stage_new(tmp && *tmp ? tmp : P_tmpdir);
    issues_reset(d->issues);
    twins_done(d->twins);
    d->asked_state = false;
    if (!d->stage) {
        d->result = (struct intake_result){.rc = REEVE_RETRY};
        (void)err_set(&d->result.why, -ENOMEM, "out-of-memory", "out of memory");
        return;
    }
    if (fd >= 0)
        host_reader_fd(&r, fd);
    else
        host_reader_memory(&r, p, len);
    r.name = name;
    struct intake_sink sink = {.record = take, .arg = d};
    intake_document(&d->intake, &r, content_type, &sink, &d->result);
    host_reader_done(&r);
}

enum dry_outcome dry_outcome(const struct dry *d)
{
    if (d->result.rc != REEVE_OK)
        return DRY_FAILED;
    if (d->issues->unreadable)
        return DRY_UNREADABLE;
    return d->issues->package || d->result.refused ? DRY_REFUSED : DRY_GOOD;
}

int dry_next(struct dry *d, struct dry_message *ret, struct err *e)
{
    static struct staged r; /* commands have one thread; large */
    static char made[MESSAGE_ID_LEN];
    const uint8_t *p;
    size_t len;
    int rc = stage_next(d->stage, &p, &len, e);
    if (rc <= 0)
        return rc;
    record_read(p, len, &r);
    if (!r.own_id) {
        message_make_id(r.source, r.type, r.subject ? r.subject : r.hex, r.content, 0,
                        d->intake.digest, made);
        r.id = made;
        r.attribute[r.attributes_n++] = (struct route_attribute){
            .name = "id",
            .name_len = 2,
            .value = {.type = VALUE_STRING, .p = made, .len = MESSAGE_ID_LEN - 1}};
    }
    buf_reset(&d->scratch);
    int bad = 0;
    if (!r.own_id)
        bad = buf_addf(&d->scratch, "{\"id\":\"%s\",", made);
    bad |= buf_add(&d->scratch, r.tail + (r.own_id ? 0 : 1), r.tail_len - (r.own_id ? 0 : 1));
    if (bad)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    *ret = (struct dry_message){.id = r.id,
                                .source = r.source,
                                .type = r.type,
                                .subject = r.subject,
                                .attributes = r.attribute,
                                .attributes_n = r.attributes_n,
                                .json = d->scratch.p,
                                .len = d->scratch.len};
    return 1;
}
