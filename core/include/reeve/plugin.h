/* SPDX-License-Identifier: Apache-2.0 */
/* reeve/plugin.h - the only header that the author of a connector, a step or an adapter includes.
 *
 * THE PROMISE. A plugin built against this header keeps working, unrebuilt, in every later reeve:
 * structs only grow at their end, symbols are never removed, numbers never change meaning. A plugin
 * source that compiles today compiles tomorrow. A newer plugin in an older reeve is tried: a field
 * that the host does not know is ignored, a host function that it lacks is named when the plugin is
 * refused.
 *
 * HOW IT RUNS. One process (reeve-worker) hosts one side of one connector: its plugin, its adapter
 * and its steps. All callbacks of one instance are called from one thread, never two at once. A
 * callback may block (up to the deadline that the operator set); a crash, a leak or a hang costs
 * this process and nothing else. Do not fork without exec, do not change signal handlers, do not
 * close descriptors that you did not open.
 *
 * OWNERSHIP. A pointer that a callback receives, and one that a getter returns, is borrowed until
 * that callback returns, unless its comment says otherwise. Strings are UTF-8, zero-terminated.
 * Sizes are bytes, times milliseconds. */
#ifndef REEVE_PLUGIN_H
#define REEVE_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define REEVE_ABI          1u /* a change would break old plugins: the plan is never to change it */
#define REEVE_EXPORT       __attribute__((__visibility__("default")))
#define REEVE_PRINTF(f, a) __attribute__((__format__(__printf__, f, a)))

/* What the host shows you is opaque: read it with the getters below. */
typedef struct reeve_ctx reeve_ctx; /* one instance of your plugin, as the host sees it */
typedef struct reeve_msg reeve_msg; /* a message: CloudEvents attributes and a body */
typedef struct reeve_out reeve_out; /* where decode, to_hub, from_hub and step put what they make */
typedef struct reeve_job reeve_job; /* one message to deliver, awaiting its verdict */
typedef struct reeve_req reeve_req; /* one pushed request */
typedef struct reeve_reader
    reeve_reader; /* a document being read: bytes and what is known about them */
typedef struct reeve_report reeve_report; /* what became of a submission: counts and issues */
typedef struct reeve_buf reeve_buf; /* where encode puts its bytes; grows up to the message limit */
typedef struct reeve_resp reeve_resp; /* an HTTP response */

/* ---- verdicts: plain int32_t, so that their size cannot change ----
 * Only OK and REJECT are final. The host treats a value that it does not know, and a job that
 * nobody settled, as RETRY. */
typedef int32_t reeve_rc;
#define REEVE_OK     0 /* done; of a delivery: the peer has taken responsibility */
#define REEVE_RETRY  1 /* failed now, may succeed later; counts as an attempt of this message */
#define REEVE_REJECT 2 /* can never succeed: becomes a dead letter with the reason */
#define REEVE_DOWN   3 /* the peer is unavailable: the destination pauses, no message is charged */
#define REEVE_FATAL \
    4 /* this instance is unusable: the process ends, the supervisor starts another */

/* ---- options: one table drives parsing, checking, `reeve plugin describe` and the manual ---- */
#define REEVE_T_STR          0u
#define REEVE_T_INT          1u /* decimal, int64_t */
#define REEVE_T_BOOL         2u /* true, false */
#define REEVE_T_SECONDS      3u /* "90s" "5m" "2h" "3d" "250ms"; read as milliseconds */
#define REEVE_T_BYTES        4u /* "64k" "10M" */
#define REEVE_T_URL          5u
#define REEVE_T_PATH         6u /* made absolute against the configuration file that named it */
#define REEVE_T_SECRET       7u /* must come by reference (${file:…} or ${env:…}); never printed */
#define REEVE_T_CHOICE       8u /* allowed = "a|b|c" */
#define REEVE_T_MAP          9u /* key: value pairs */
#define REEVE_OPT_REQUIRED   1u
#define REEVE_OPT_LIST       2u /* one value or a list of them */
#define REEVE_OPT_DEPRECATED 4u
#define REEVE_OPT_RECEIVE    8u  /* only on a receive side; REQUIRED then holds there only */
#define REEVE_OPT_DELIVER    16u /* only on a deliver side */
#define REEVE_OPT_EXECUTABLE 32u /* PATH: `reeve check` says when it is no executable file */
#define REEVE_OPT_ADAPTER    64u /* only where it is an adapter; REQUIRED then holds there only */
struct reeve_option {            /* grows at its end; reeve_plugin.option_size is its stride */
    const char *key;             /* NULL ends the table */
    const char *def;             /* the default as text, or NULL */
    const char *allowed; /* CHOICE: "a|b|c"; INT, SECONDS, BYTES: "min..max" (either may be empty);
                            else NULL */
    const char *help;    /* one sentence */
    uint32_t type, flags;
};

/* What an adapter's decode may emit: `reeve check` warns of routes that wait for anything else. */
struct reeve_emits {        /* grows at its end; reeve_plugin.emits_size is its stride */
    const char *type;       /* "funding.award", or "*": any; NULL ends the table */
    const char *schema;     /* dataschema of the body, or NULL */
    const char *attributes; /* the extension attributes that may be set, separated by spaces */
    uint32_t flags, reserved0;
    /* Of adapters that translate: members of the type's hub record, separated by spaces; `reeve
     * check` refuses a route to a standard that needs what this one never gives. NULL: not known.
     */
    const char *gives; /* what to_hub can fill */
    const char *needs; /* what from_hub refuses to do without; "a|b": either */
};
#define REEVE_EMITS_PERSONAL 1u /* every message of this type is about identifiable people */

struct reeve_plugin { /* Growing: fields are only appended; zero means "not provided". */
    uint32_t struct_size, abi, option_size, emits_size; /* filled by REEVE_PLUGIN() */
    const char *name, *version, *summary;
    const struct reeve_option *options;

    /* Every instance: after the options were checked and privileges dropped. *inst is handed to
     * every other callback and may stay NULL. On failure: return reeve_fail(…) and leave *inst
     * alone. */
    reeve_rc (*open)(reeve_ctx *, void **inst);
    void (*close)(reeve_ctx *, void *inst); /* once after each successful open */
    /* Can the peer be reached? `reeve plugin try --check` calls it. */
    reeve_rc (*check)(reeve_ctx *, void *inst);

    /* Source that looks for itself: submit what is new, or wait with reeve_wait() until something
     * is, then return OK. It is called again at once after OK, after a back-off on RETRY and DOWN.
     */
    reeve_rc (*poll)(reeve_ctx *, void *inst);
    /* Source that is pushed to: one request for this connector's path. Submit its document
     * (reeve_submit_request); the host answers the sender after everything is durable. A verdict
     * other than OK answers without accepting. */
    reeve_rc (*request)(reeve_ctx *, void *inst, reeve_req *);
    /* What became of a submission, by the token given with it: move the file, acknowledge the
     * message. Comes exactly once for every submission that was taken, after the transport
     * confirmed (OK), or with REJECT (the report says why), or RETRY (nothing was accepted; offer
     * it again). */
    void (*settled)(reeve_ctx *, void *inst, uint64_t token, reeve_rc, const reeve_report *);

    /* Sink: n is at most max_batch (0 counts as 1). The return value is the verdict of every job on
     * which reeve_settle() was not called. */
    reeve_rc (*deliver)(reeve_ctx *, void *inst, reeve_job *const *jobs, size_t n);
    uint32_t max_batch, reserved0;

    /* Adapter. decode: read as you go, reeve_emit() each message (it may block: that is the
     * back-pressure), report every problem with reeve_issue(), say reeve_refuse() for each record
     * left out. OK = the document was read to its end. No network, no clock, no files. content_type
     * is as the sender gave it, "" when unknown. */
    reeve_rc (*decode)(reeve_ctx *, void *inst, reeve_reader *, const char *content_type,
                       reeve_out *);
    /* n >= 1 messages of this standard as one document; set its content type with reeve_buf_set().
     */
    reeve_rc (*encode)(reeve_ctx *, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *);
    /* Between this standard and the hub record of the message's type. */
    reeve_rc (*to_hub)(reeve_ctx *, void *inst, const reeve_msg *, reeve_out *);
    reeve_rc (*from_hub)(reeve_ctx *, void *inst, const reeve_msg *, reeve_out *);
    const struct reeve_emits *emits;

    /* Step: 0..n messages for one. None and OK is a deliberate drop: say why with reeve_issue()
     * first. */
    reeve_rc (*step)(reeve_ctx *, void *inst, const reeve_msg *, reeve_out *);

    /* REEVE_SOURCE_… */
    uint32_t source_flags, reserved1;
    /* REEVE_ADAPTER_… */
    uint32_t adapter_flags, reserved2;
};
/* poll: what is polled gives each thing to one of those who ask for it, as a queue does with
 * competing consumers. Where several hubs run the same configuration each of them then polls.
 * Without it one of them polls, and another takes over when that one is gone. */
#define REEVE_SOURCE_COMPETES 1u
/* An adapter of more than one standard: which of them an instance speaks, is said by its option
 * `standard` (a REEVE_T_STR, flags REEVE_OPT_REQUIRED | REEVE_OPT_ADAPTER); the hub knows the
 * instance by that name, not by the plugin's. It has the same options on both sides: those that
 * belong to one side are none of its. */
#define REEVE_ADAPTER_NAMED 1u

#ifndef __cplusplus
/* The one exported symbol of a plugin: REEVE_PLUGIN(.name = "x", .version = "1", .deliver =
 * x_deliver); */
#define REEVE_PLUGIN(...)                                             \
    REEVE_EXPORT const struct reeve_plugin *reeve_plugin_entry(void); \
    const struct reeve_plugin *reeve_plugin_entry(void)               \
    {                                                                 \
        static const struct reeve_plugin reeve_plugin_ = {            \
            .struct_size = sizeof(struct reeve_plugin),               \
            .abi = REEVE_ABI,                                         \
            .option_size = sizeof(struct reeve_option),               \
            .emits_size = sizeof(struct reeve_emits),                 \
            __VA_ARGS__};                                             \
        return &reeve_plugin_;                                        \
    }                                                                 \
    struct reeve_plugin /* your own ';' closes this */
#endif

/* ================= host services: exported by reeve-worker, never removed ================= */
#pragma GCC visibility push(default)

uint32_t
reeve_host_version(void); /* 0x00MMmmpp: ask before using something newer than your minimum */

/* Records the reason and returns the verdict: return reeve_fail(ctx, REEVE_REJECT, "HTTP %d",
 * status); */
reeve_rc reeve_fail(reeve_ctx *, reeve_rc, const char *fmt, ...) REEVE_PRINTF(3, 4);
/* With RETRY or DOWN: not before this many milliseconds. The host rounds up to its ladder of
 * delays. */
void reeve_retry_after(reeve_ctx *, uint64_t ms);
/* syslog levels: 3 error, 4 warning, 6 info, 7 debug. Never log a body. */
void reeve_log(reeve_ctx *, int level, const char *fmt, ...) REEVE_PRINTF(3, 4);

/* ---- options ---- */
const char *reeve_conf(reeve_ctx *, const char *key,
                       size_t i); /* i-th value (maps too); NULL past the end */
const char *reeve_conf_key(reeve_ctx *, const char *key, size_t i); /* i-th key of a REEVE_T_MAP */
int64_t reeve_conf_int(reeve_ctx *,
                       const char *key); /* INT; BOOL 0/1; SECONDS in ms; BYTES; 0 when unset */
uint64_t
reeve_limit(reeve_ctx *,
            const char *what); /* "message": largest message in bytes; "done": milliseconds to keep
                               what has been dealt with, 0 = for ever; unknown: 0 */

/* ---- issues: what is wrong with a document or a record ---- */
#define REEVE_ISSUE_WARNING    1u /* the record is taken all the same */
#define REEVE_ISSUE_ERROR      2u /* the record is refused */
#define REEVE_ISSUE_PACKAGE    3u /* the whole document is refused */
#define REEVE_ISSUE_UNREADABLE 4u /* this is not a document of the standard at all */
#define REEVE_ISSUE_PERSONAL   1u /* flag: `found` may hold personal data; it is shown to nobody */
struct reeve_issue { /* yours; set size = sizeof(struct reeve_issue), leave what you do not know
                        NULL or 0 */
    size_t size;
    uint32_t severity, flags;
    const char *code;    /* stable, lower case, hyphens: "date-format" */
    const char *where;   /* JSON pointer, XPath, "line 12, column email" */
    const char *subject; /* the record's own identifier */
    const char *found;   /* what stands there (cut to 200 bytes) */
    const char *wanted;  /* what would be right */
    const char *text;    /* one sentence for people */
};
void reeve_issue(reeve_ctx *, const struct reeve_issue *); /* copies */

/* ---- messages ---- */
reeve_msg *reeve_msg_new(reeve_ctx *);        /* yours until emitted; NULL when out of memory */
reeve_msg *reeve_msg_copy(const reeve_msg *); /* likewise */
void reeve_msg_free(reeve_msg *);             /* NULL is fine */
const char *reeve_msg_id(const reeve_msg *);  /* the same on every attempt: the idempotency key; ""
                                                 before the host set it */
/* Canonical text of a CloudEvents attribute (Boolean "true", Integer "12"), or NULL when absent. */
const char *reeve_msg_get(const reeve_msg *, const char *attribute);
const char *reeve_msg_name(const reeve_msg *,
                           size_t i); /* the i-th attribute's name; NULL past the end */
/* Its type (CloudEvents 1.0 section 3.1): 'i' Integer, 'b' Boolean, 's' String and all that JSON
 * writes as one; 0 when absent. */
int reeve_msg_kind(const reeve_msg *, const char *attribute);
/* Sets (val == NULL: removes). 0, or -1 with the reason in the log: a name or text that
 * CloudEvents 1.0 section 3.1 forbids. id, source, time and party are the host's; a value set by an
 * adapter stands only where the standard itself carries a CloudEvents id (adapter cloudevents). */
int reeve_msg_set(reeve_msg *, const char *attribute, const char *val);
int reeve_msg_set_int(reeve_msg *, const char *attribute, int32_t val);
int reeve_msg_set_bool(reeve_msg *, const char *attribute, int val);
const void *
reeve_msg_body(const reeve_msg *,
               size_t *len); /* the body's bytes, as content type datacontenttype; NULL: none */
/* Copies. JSON (application/json or +json) must be one valid JSON text; white space outside strings
 * is dropped. 0, or -1: invalid or over the limit. p == NULL removes the body. */
int reeve_msg_set_body(reeve_msg *, const char *content_type, const void *p, size_t len);
/* A message from, and as, structured JSON (CloudEvents JSON format section 3). NULL / -1: the
 * reason was reported with reeve_issue(), `where` being what is given here with the attribute's
 * pointer behind it; text that is not JSON at all makes the document REEVE_ISSUE_UNREADABLE. */
reeve_msg *reeve_msg_from_json(reeve_ctx *, const char *where, const void *p, size_t len);
int reeve_msg_to_json(const reeve_msg *, reeve_buf *);

int reeve_emit(
    reeve_out *,
    reeve_msg *); /* takes the message, also when it fails (non-zero: stop and return RETRY) */
/* Counts one record that was refused; its issues were reported before. subject may be NULL. */
void reeve_refuse(reeve_out *, const char *subject);

/* ---- documents ---- */
ptrdiff_t reeve_read(reeve_reader *, void *p,
                     size_t len); /* bytes read, 0 at the end, < 0 failed (return RETRY) */
/* All that is left, borrowed, zero-terminated (not counted). NULL: over `max` bytes, or failed. */
const void *reeve_read_all(reeve_reader *, size_t max, size_t *len);
/* "name" (file name), "h:ce-id" (a request header, lower case), "peek" (the first bytes, up to 63
 * and up to a zero byte, which are not taken by looking). NULL: not known. */
const char *reeve_reader_get(const reeve_reader *, const char *what);
/* Enumerates the request headers: the i-th one's name in lower case, its value in *value; NULL past
 * the end. */
const char *reeve_reader_header(const reeve_reader *, size_t i, const char **value);
int reeve_buf_add(reeve_buf *, const void *p, size_t len); /* 0, or -1 over the ceiling */
int reeve_buf_set(reeve_buf *, const char *what,
                  const char *val); /* "content-type", "name" (for files), "h:ce-id" */
/* A buffer of your own, for reeve_msg_to_json() elsewhere than in encode; its ceiling is twice the
 * message limit and 1 MiB. It keeps its memory when it is emptied. NULL: out of memory. It has no
 * settings: reeve_buf_set() fails. */
reeve_buf *reeve_buf_new(reeve_ctx *);
const void *reeve_buf_data(const reeve_buf *, size_t *len); /* until it is changed; "" when empty */
void reeve_buf_clear(reeve_buf *);
void reeve_buf_free(reeve_buf *); /* only of reeve_buf_new(); NULL is fine */

/* ---- source ---- */
/* Offers a document to the connector's adapter. fd >= 0: read from its start, owned by the host
 * from here on; else p/len, copied. content_type and name may be NULL. token comes back in
 * settled(). OK = taken; RETRY = not now (call again). */
reeve_rc reeve_submit(reeve_ctx *, uint64_t token, const char *content_type, const char *name,
                      int fd, const void *p, size_t len);
/* The same for a request's body, without copying; its headers go along. */
reeve_rc reeve_submit_request(reeve_ctx *, reeve_req *, uint64_t token);
const char *
reeve_req_get(const reeve_req *,
              const char *what); /* "method", "path", "query", "h:content-type"; NULL: absent */
/* "accepted" "refused" "new" "changed" "unchanged" "warnings" "errors" */
uint64_t reeve_report_count(const reeve_report *, const char *what);
const char *reeve_report_get(const reeve_report *,
                             const char *what); /* "receipt", "text" (for people), "json" */
/* Waits until fd is readable (fd < 0: only for the time). 1 = readable, 0 = the time is over, -1 =
 * asked to stop: return soon. Settlements that are due are delivered inside: settled() may be
 * called from here. */
int reeve_wait(reeve_ctx *, int fd, uint64_t ms);

/* ---- sink ---- */
const reeve_msg *reeve_job_msg(const reeve_job *);
uint32_t reeve_job_attempt(const reeve_job *);              /* 1 = the first try */
const void *reeve_job_body(const reeve_job *, size_t *len); /* the adapter's encoded bytes */
const char *
reeve_job_get(const reeve_job *,
              const char *what); /* "content-type", "name", "destination"; NULL: not set */
const char *reeve_job_header(const reeve_job *, size_t i,
                             const char **value); /* the adapter's "h:" settings, in order, and
                                                   traceparent and tracestate of this attempt */
/* At most once a job. after_ms: see reeve_retry_after(), 0 = by the ladder. fmt: the reason (needed
 * unless OK). */
void reeve_settle(reeve_job *, reeve_rc, uint64_t after_ms, const char *fmt, ...)
    REEVE_PRINTF(4, 5);

/* ---- state, per connector side: what is put during a call commits with the messages submitted in
 * it, or not at all ---- */
const void *reeve_state_get(reeve_ctx *, const char *key, size_t *len); /* NULL: absent */
int reeve_state_put(reeve_ctx *, const char *key, const void *val,
                    size_t len); /* val NULL: removes. 0 or -1 */

/* ---- HTTP client: TLS policy, limits and connection reuse are the host's ---- */
struct reeve_http { /* yours; set size = sizeof(struct reeve_http) */
    size_t size;
    const char *method, *url;
    const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
    const void *body;
    size_t body_len;
    uint64_t timeout_ms; /* of the whole request; 0 = 30 s */
    const char *ca;      /* file of trusted certificates, or NULL for the system's */
    uint32_t
        per_host; /* start this one only while fewer than so many run at the same host; 0 = 8 */
    uint32_t reserved0;
};
/* All n at once. resps[i] is always set (free each); a request that got no answer has status 0. OK,
 * or RETRY when asked to stop: what was not yet started is not sent then, and what was sent has 5 s
 * to be answered. Redirects are not followed. Once a peer cannot be reached or does
 * not answer in time, what was not yet started there is not sent. */
reeve_rc reeve_http(reeve_ctx *, const struct reeve_http *const *reqs, reeve_resp **resps,
                    size_t n);
int reeve_resp_status(const reeve_resp *);        /* 0: none, see reeve_resp_error() */
const char *reeve_resp_error(const reeve_resp *); /* "" when there was an answer */
const char *reeve_resp_header(const reeve_resp *, const char *name);
const void *reeve_resp_body(const reeve_resp *, size_t *len); /* at most 1 MiB is kept */
/* The default map of an answer to a verdict: 2xx OK; 400 409 410 413 415 422 REJECT; 401 403 404
 * 405 3xx DOWN; 408 5xx RETRY; 429 503 and no connection DOWN; sent, but no answer in time, and
 * anything else: RETRY. *after_ms (may be NULL): from Retry-After, else 0. */
reeve_rc reeve_resp_verdict(const reeve_resp *, uint64_t *after_ms);
void reeve_resp_free(reeve_resp *); /* NULL is fine */

/* ---- figures and time ---- */
void reeve_count(reeve_ctx *, const char *metric, uint64_t add);
void reeve_gauge(reeve_ctx *, const char *metric, double value);
uint64_t reeve_now_ms(reeve_ctx *); /* wall clock, since 1970 UTC; not for adapters */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
