/* SPDX-License-Identifier: Apache-2.0 */
/* said_more - what only an adapter says: which calls it offers, and issues. See exec.h. */
#include "exec.h"
#include <stdio.h>
#include <string.h>

static bool is(struct slice s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

bool said_null(struct slice v)
{
    return v.p != NULL && is(v, "null");
}

/* ---- the calls ---- */

static const char *const calls[] = {"decode", "encode", "to_hub", "from_hub"}; /* 1 << i */

void offers_words(unsigned offers, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < 4; i++) {
        if ((offers & (1u << i)) && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "", calls[i]);
    }
}

unsigned said_offers(struct slice offers, char *why, size_t why_size)
{
    unsigned found = 0;
    struct slice item;
    char word[32];
    int rc = 0;
    while (offers.p != NULL && (rc = said_item(&offers, &item)) == 1) {
        if (!said_cut_text(item, word, sizeof word)) {
            rc = -1;
            break;
        }
        for (unsigned i = 0; i < 4; i++)
            found |= strcmp(word, calls[i]) == 0 ? 1u << i : 0;
    }
    if (rc == 0 && found != 0)
        return found;
    (void)snprintf(why, why_size,
                   "its hello does not say what it offers: \"offers\":[…] with one or more of "
                   "\"decode\", \"encode\", \"to_hub\", \"from_hub\"");
    return 0;
}

/* ---- issues ---- */

static bool severity_of(struct slice v, uint32_t *ret)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } words[] = {{"warning", REEVE_ISSUE_WARNING},
                 {"error", REEVE_ISSUE_ERROR},
                 {"package", REEVE_ISSUE_PACKAGE},
                 {"unreadable", REEVE_ISSUE_UNREADABLE}};
    char word[16];
    for (size_t i = 0; i < 4 && said_cut_text(v, word, sizeof word); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *ret = words[i].severity;
            return true;
        }
    }
    return false;
}

/* One member; true: it is as it should be, or not known. */
static bool take(struct said_issue *s, struct slice key, struct slice v)
{
    const struct {
        const char *name;
        char *text;
        size_t size;
        const char **to;
    } texts[] = {{"code", s->code, sizeof s->code, &s->issue.code},
                 {"where", s->where, sizeof s->where, &s->issue.where},
                 {"subject", s->subject, sizeof s->subject, &s->issue.subject},
                 {"found", s->found, sizeof s->found, &s->issue.found},
                 {"wanted", s->wanted, sizeof s->wanted, &s->issue.wanted},
                 {"text", s->text, sizeof s->text, &s->issue.text}};
    if (is(key, "severity"))
        return severity_of(v, &s->issue.severity);
    if (is(key, "personal")) {
        s->issue.flags = is(v, "true") ? REEVE_ISSUE_PERSONAL : 0;
        return is(v, "true") || is(v, "false");
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!is(key, texts[i].name) || said_null(v))
            continue;
        *texts[i].to = texts[i].text;
        return said_cut_text(v, texts[i].text, texts[i].size);
    }
    return true;
}

int said_issue_read(struct slice issue, struct said_issue *ret, char *why, size_t why_size)
{
    struct slice key, value;
    int rc;
    *ret = (struct said_issue){.issue = {.size = sizeof ret->issue}};
    while ((rc = said_member(&issue, &key, &value)) == 1) {
        if (take(ret, key, value))
            continue;
        (void)snprintf(why, why_size,
                       "it wrote an issue whose member %.*s is not what PROTOCOL.md wants",
                       key.len < 40 ? (int)key.len : 40, key.p);
        return -1;
    }
    const char *lacks = rc < 0                     ? "being an object"
                        : ret->issue.severity == 0 ? "severity"
                        : ret->code[0] == '\0'     ? "code"
                                                   : NULL;
    if (lacks != NULL)
        (void)snprintf(why, why_size, "it wrote an issue without %s", lacks);
    return lacks == NULL ? 0 : -1;
}
