/* SPDX-License-Identifier: Apache-2.0 */
/* answers - see answers.h. */
#include "answers.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>

const char *answer_title(unsigned status)
{
    switch (status) {
    case 400:
        return "Not a document of this standard";
    case 404:
        return "Not found";
    case 405:
        return "Method not allowed";
    case 413:
        return "Too large";
    case 415:
        return "Another kind of content";
    case 422:
        return "Refused: nothing was accepted";
    case 503:
        return "Not possible now: nothing is lost, send it again";
    default:
        return "Answer";
    }
}

static int text_member(struct buf *out, const char *name, const char *v)
{
    int rc = buf_addf(out, ",\"%s\":", name);
    return rc | json_add_string(out, v, strlen(v));
}

static int counts(const struct answer *a, struct buf *out)
{
    int rc = buf_addf(out, ",\"accepted\":%llu,\"new\":%llu,\"changed\":%llu,\"unchanged\":%llu",
                      (unsigned long long)a->accepted, (unsigned long long)a->fresh,
                      (unsigned long long)a->changed, (unsigned long long)a->unchanged);
    if (a->refused)
        rc |= buf_addf(out, ",\"refused\":%llu", (unsigned long long)a->refused);
    if (a->dropped)
        rc |= buf_addf(out, ",\"dropped\":%llu", (unsigned long long)a->dropped);
    return rc;
}

/* The issues, fewer of them when they would not fit into an answer. */
static int issues_part(const struct answer *a, struct buf *out)
{
    if (!a->issues)
        return 0;
    int rc =
        buf_addf(out, ",\"warnings\":%llu,\"errors\":%llu,\"totals\":",
                 (unsigned long long)a->issues->warnings, (unsigned long long)a->issues->errors);
    rc |= issues_totals(a->issues, out) | buf_adds(out, ",\"issues\":");
    size_t start = out->len;
    for (size_t n = ISSUES_KEPT; rc == 0; n /= 2) {
        rc = issues_list(a->issues, n, out);
        if (rc == 0 && (out->len < ANSWER_MAX || n == 0))
            break;
        out->len = start;
        rc = 0;
    }
    return rc;
}

static int good(const struct answer *a, struct buf *out)
{
    int rc = buf_adds(out, "{\"receipt\":") | json_add_string(out, a->receipt, strlen(a->receipt));
    if (a->check_only)
        rc |= buf_adds(out, ",\"check\":true,\"valid\":true");
    rc |= counts(a, out);
    if (!a->check_only)
        rc |= buf_addf(out, ",\"messages\":[%s]", a->ids);
    if (a->issues && (a->issues->warnings || a->issues->errors))
        rc |= issues_part(a, out);
    return rc | buf_addc(out, '}');
}

static int detail(const struct answer *a, struct buf *out)
{
    char text[600];
    if (a->text && *a->text)
        (void)snprintf(text, sizeof(text), "%s", a->text);
    else if (a->status == 400 && a->looks_like)
        (void)snprintf(text, sizeof(text), "This is not %s; it looks like %s.", a->standard,
                       a->looks_like);
    else if (a->status == 400)
        (void)snprintf(text, sizeof(text), "This cannot be read as %s.", a->standard);
    else
        (void)snprintf(
            text, sizeof(text),
            "%llu records are right, %llu are refused; because of those, nothing was accepted.",
            (unsigned long long)a->accepted, (unsigned long long)a->refused);
    return text_member(out, "detail", text);
}

int answer_json(const struct answer *a, struct buf *out)
{
    if (a->status < 300)
        return good(a, out);
    int rc = buf_addf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u",
                      answer_title(a->status), a->status);
    rc |= detail(a, out);
    if (a->code && *a->code)
        rc |= text_member(out, "code", a->code);
    if (a->receipt)
        rc |= text_member(out, "receipt", a->receipt);
    if (a->check_only)
        rc |= buf_adds(out, ",\"check\":true,\"valid\":false");
    if (a->status == 400 && a->looks_like)
        rc |= text_member(out, "looksLike", a->looks_like);
    if (a->status == 422)
        rc |= buf_addf(out, ",\"accepted\":0,\"right\":%llu,\"refused\":%llu",
                       (unsigned long long)a->accepted, (unsigned long long)a->refused);
    if (a->status != 503)
        rc |= issues_part(a, out);
    return rc | buf_addc(out, '}');
}

int answer_text(const struct answer *a, struct buf *out)
{
    int rc;
    if (a->status < 300)
        rc = buf_addf(out, "accepted %llu: %llu new, %llu changed, %llu unchanged",
                      (unsigned long long)a->accepted, (unsigned long long)a->fresh,
                      (unsigned long long)a->changed, (unsigned long long)a->unchanged);
    else if (a->status == 400)
        rc = buf_addf(out, "not %s%s%s", a->standard, a->looks_like ? ": it looks like " : "",
                      a->looks_like ? a->looks_like : "");
    else if (a->text && *a->text)
        rc = buf_addf(out, "nothing accepted: %s", a->text);
    else
        rc = buf_addf(out, "nothing accepted: %llu records are right, %llu are refused",
                      (unsigned long long)a->accepted, (unsigned long long)a->refused);
    if (a->status < 300 && a->refused)
        rc |= buf_addf(out, "; refused %llu", (unsigned long long)a->refused);
    rc |= buf_addf(out, "\nreceipt %s\n", a->receipt ? a->receipt : "-");
    for (size_t i = 0; a->issues && i < a->issues->kept_n; i++)
        rc |= issue_line(&a->issues->kept[i], NULL, out) | buf_addc(out, '\n');
    uint64_t all = a->issues ? a->issues->warnings + a->issues->errors : 0;
    if (all > (a->issues ? a->issues->kept_n : 0))
        rc |= buf_addf(out, "and %llu more\n", (unsigned long long)(all - a->issues->kept_n));
    return rc;
}

int answer_problem(unsigned status, const char *code, const char *text, struct buf *out)
{
    return answer_json(&(struct answer){.status = status, .code = code, .text = text}, out);
}
