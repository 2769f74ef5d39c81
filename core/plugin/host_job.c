/* SPDX-License-Identifier: Apache-2.0 */
/* host_job - one message to deliver, and its verdict. Only OK and REJECT are final: a number that
 * this host does not know is RETRY, and so is a job nobody settled (the host of deliver sees to
 * that). */
#include "ctx.h"
#include "base/log.h"
#include <string.h>

reeve_rc host_verdict(reeve_rc rc)
{
    switch (rc) {
    case REEVE_OK:
    case REEVE_RETRY:
    case REEVE_REJECT:
    case REEVE_DOWN:
    case REEVE_FATAL:
        return rc;
    default:
        return REEVE_RETRY;
    }
}

const char *host_verdict_name(reeve_rc rc)
{
    static const char *const names[] = {"OK", "RETRY", "REJECT", "DOWN", "FATAL"};
    return names[host_verdict(rc)];
}

const reeve_msg *reeve_job_msg(const reeve_job *job)
{
    return &job->msg;
}

uint32_t reeve_job_attempt(const reeve_job *job)
{
    return job->attempt;
}

const void *reeve_job_body(const reeve_job *job, size_t *len)
{
    if (len)
        *len = job->body.len;
    return buf_str(&job->body);
}

const char *reeve_job_get(const reeve_job *job, const char *what)
{
    if (strcmp(what, "destination") == 0)
        return job->destination;
    if (strcmp(what, "content-type") == 0 || strcmp(what, "name") == 0)
        return tree_text(tree_get(job->settings, what));
    return NULL;
}

const char *reeve_job_header(const reeve_job *job, size_t i, const char **value)
{
    for (size_t at = 0; job->settings && at < job->settings->n; at++) {
        const char *name = tree_text(job->settings->key[at]);
        if (!name || strncmp(name, "h:", 2) != 0 || i-- > 0)
            continue;
        if (value)
            *value = tree_text(job->settings->child[at]);
        return name + 2;
    }
    return NULL;
}

void reeve_settle(reeve_job *job, reeve_rc rc, uint64_t after_ms, const char *fmt, ...)
{
    va_list ap;
    if (job->settled) {
        log_warning("plugin-settle", job->msg.m ? message_get(job->msg.m, "id") : NULL,
                    "settled a second time; the first verdict stands");
        return;
    }
    job->settled = true;
    job->rc = host_verdict(rc);
    job->after_ms = after_ms;
    job->reason[0] = '\0';
    if (!fmt)
        return;
    va_start(ap, fmt);
    host_text(job->reason, fmt, ap);
    va_end(ap);
}
