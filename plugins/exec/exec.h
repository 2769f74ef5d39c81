/* SPDX-License-Identifier: Apache-2.0 */
/* exec - the parts of the plugin. From the bottom: lines, said, said_more and base64 are pure;
 * spawn starts a process; program is one that is supervised, start is its beginning; talk asks it
 * one thing; deliver, step, receive and adapter speak with it. One instance, one thread. The
 * protocol: PROTOCOL.md beside this file. */
#ifndef REEVE_EXEC_H
#define REEVE_EXEC_H
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTOCOL_VERSION 1u
#define WHY_MAX          400u
#define POSITION_MAX     4096u /* bytes of JSON */
#define DELIVER_BATCH    64u
#define PROGRAM_REST_MS  250u /* waited for; longer rests are told to the host */

/* ---- lines.c: bytes as they come, cut into lines of at most `max` bytes ---- */
struct lines {
    char *p;
    size_t from, len, cap; /* what is not taken yet: p + from … p + len */
    size_t seen;           /* up to here there is no line feed */
    size_t max;
};
void lines_free(struct lines *l); /* it may be used again */
/* Room for at least 1 byte; NULL: out of memory, or the line is too long already. Borrowed memory
 * of lines that were given is moved. */
char *lines_room(struct lines *l, size_t *size);
void lines_filled(struct lines *l, size_t n);
/* The next whole line without its line feed, borrowed until lines_room(). false: there is none. */
bool lines_next(struct lines *l, const char **line, size_t *len);
/* The line that begins is longer than it may be. */
bool lines_too_long(const struct lines *l);
size_t lines_rest(const struct lines *l); /* bytes that are not taken yet */

/* ---- said.c: what a line of the program says ---- */
struct slice { /* JSON text, borrowed; p NULL: it was not there */
    const char *p;
    size_t len;
};
enum said_verdict { SAID_NONE, SAID_OK, SAID_RETRY, SAID_REJECT, SAID_DOWN };
struct json_object;
struct said {
    uint64_t version; /* 0: no hello */
    bool has_seq;
    uint64_t seq;
    enum said_verdict verdict;
    uint64_t after_ms;
    char name[256], code[64], text[300]; /* cut */
    struct slice emit, event, position;  /* an array, an object, anything; what is inside them was
                                            only looked at for where they end */
    union {                              /* of an adapter, likewise; anything at all */
        struct {
            struct slice offers, issue, refuse, document, document_base64, content_type;
        };
        struct slice of_adapter[6];
    };
};
/* 0, or -1 with a sentence in why[]. Members that are not known are passed over. */
int said_read(const char *line, size_t len, struct said *ret, char *why, size_t why_size);
/* The next item of an array: 1, 0 at its end, -1: it is no array. *rest begins as the whole. */
int said_item(struct slice *rest, struct slice *item);
/* The next member of an object, likewise; the key without its quotes, as it is written. */
int said_member(struct slice *rest, struct slice *key, struct slice *value);
struct said_text { /* a JSON text as what it means; p NULL: it is none */
    const char *p;
    size_t len;
    struct json_object *owner;
};
/* false: it is no text. said_text_done() in any case; borrowed from v until then. */
bool said_whole_text(struct slice v, struct said_text *ret);
void said_text_done(struct said_text *t);
bool said_cut_text(struct slice v, char *out, size_t size);

/* ---- said_more.c: what only an adapter says ---- */
#define OFFER_DECODE   1u
#define OFFER_ENCODE   2u
#define OFFER_TO_HUB   4u
#define OFFER_FROM_HUB 8u
/* The calls that a hello offers; 0 with why[]: none that is known, or no array of texts. */
unsigned said_offers(struct slice offers, char *why, size_t why_size);
void offers_words(unsigned offers, char *out, size_t size); /* "decode, encode" */
struct said_issue {
    struct reeve_issue issue; /* its texts are the following */
    char code[64], where[256], subject[256], found[256], wanted[256], text[400];
};
/* 0, or -1 with why[]. Texts that are too long are cut; null is nothing. */
int said_issue_read(struct slice issue, struct said_issue *ret, char *why, size_t why_size);
/* Is it JSON's null? */
bool said_null(struct slice v);

/* ---- base64.c: RFC 4648 section 4 ---- */
#define BASE64_PIECE 49152u /* bytes that become one piece of text; a multiple of three */
/* -1: there is no room for it. n is at most BASE64_PIECE. */
int add_base64(reeve_buf *b, const void *p, size_t n);
/* -1: no room; -2: it is not base64. */
int add_bytes_of_base64(reeve_buf *b, const char *text, size_t len);

/* ---- complaints.c: standard error into the log, so many lines a second, each cut ---- */
struct complaints {
    char line[800];
    size_t len;
    bool skip; /* the rest of a line that was cut */
    uint64_t second, lines, left_out;
};
void complaints_take(struct complaints *c, reeve_ctx *ctx, const char *p, size_t n);
void complaints_end(struct complaints *c, reeve_ctx *ctx); /* what is left, too */

/* ---- spawn.c ---- */
struct spawn { /* what to start; strings are borrowed */
    const char *program, *directory;
    char *const *argv, *const *env;
};
struct process {
    pid_t pid;        /* leader of a session and process group of its own; 0: none */
    int pidfd;        /* readable when it has ended */
    int in, out, err; /* our ends of its standard streams, not blocking */
};
/* Starts it; it has nothing of ours open, all signals as a new process has them, and is killed when
 * the thread that calls this ends. 0, or -1 with why[]. */
int spawn(const struct spawn *s, struct process *ret, char *why, size_t why_size);

/* ---- program.c: a process that is greeted, listened to and started again ---- */
struct program {
    struct process process;
    int epoll;
    bool out_watched, in_watched, ended; /* ended: nothing more will come */
    int code, signal;                    /* how, when exited */
    bool exited;
    struct lines lines;
    reeve_buf *to; /* what is to be written; from to_at on */
    size_t to_at;
    bool more; /* there will be more to write as soon as this is written: a turn ends then */
    struct complaints complaints;
    unsigned offers;   /* of an adapter: OFFER_… */
    unsigned failures; /* in a row, without an answer between */
    uint64_t not_before;
    char why[WHY_MAX]; /* why the last one ended */
};
enum waiting {
    WAIT_HOST,
    WAIT_PLAIN
}; /* with reeve_wait(), or without: in a step, where the host
      cannot do anything else meanwhile */
int program_init(struct program *p, reeve_ctx *ctx); /* -1: out of memory */
/* Asks it to end, for a while, and kills what is left of it. */
void program_stop(struct program *p, reeve_ctx *ctx);
bool program_ended_well(const struct program *p); /* with exit code 0, all said */
void program_done(struct program *p, reeve_ctx *ctx);
/* There is a program that has said hello: OK. DOWN with the reason: not now. position may be NULL.
 */
reeve_rc program_ready(struct program *p, reeve_ctx *ctx, const char *kind, const char *position,
                       enum waiting w);
/* Waits up to ms for anything to happen, and does what there is to do: writes what is to be
 * written, reads (when `read`), logs. -1: the host asks to stop. */
int program_turn(struct program *p, reeve_ctx *ctx, uint64_t ms, bool read, enum waiting w);
void program_write(struct program *p); /* what is to be written, as far as it goes at the moment */
/* What it said next. 1; 0: nothing yet; -1: that cannot be read, p->why says why; PROGRAM_OVER: it
 * has ended, and said all. */
#define PROGRAM_OVER (-2)
int program_said(struct program *p, struct said *ret);
/* After PROGRAM_OVER: p->why says how it ended (waits a moment for its status). */
void program_over(struct program *p, reeve_ctx *ctx);
int program_watch(struct program *p); /* one that was just spawned; -1: p->why */
bool program_runs(const struct program *p);
size_t program_unsent(const struct program *p);
/* It answered: whatever ends it next is not the same trouble again. */
void program_good(struct program *p);
/* Ends it at once, with all that it has started; p->why holds the reason, and is logged. The next
 * one may have to wait. */
void program_fail(struct program *p, reeve_ctx *ctx, bool had_message);
void program_quiet(struct program *p, reeve_ctx *ctx); /* the same without a word and a pause */
void program_because(struct program *p, const char *fmt, ...) REEVE_PRINTF(2, 3);
/* Appends an event to what is to be written: {"seq":N[,"attempt":N][,"call":…],"event":…} LF; call
 * may be NULL. -1: it does not fit, and the program has to be given up. */
int program_send(struct program *p, uint64_t seq, uint32_t attempt, const char *call,
                 const reeve_msg *msg);
/* The same without a call for one that is JSON already. */
int program_send_json(struct program *p, uint64_t seq, uint32_t attempt, const char *json,
                      size_t len);
/* A text as JSON, appended. 0 or -1. */
int add_json_text(reeve_buf *b, const char *text);

struct inbox;
struct exec {
    struct program program;
    uint64_t seq;        /* the last that was given */
    struct inbox *inbox; /* of a receive side, from its first poll on */
};

/* ---- talk.c: one thing is asked, and a verdict ends it ---- */
enum heard {
    HEARD,
    HEARD_FAULT, /* of the program: its why[] says so */
    HEARD_STOP   /* it is our own fault, its reason is recorded */
};
struct talk {
    struct exec *x;
    reeve_ctx *ctx;
    /* Appends one line more of what is asked: 1; 0: that was the last; -1: it cannot be had (stop
     * is set) or not be written (why[]). NULL: all is written before. */
    int (*more)(struct talk *t);
    /* Looks at a line with this seq, also at the verdict. NULL: there is nothing but a verdict. */
    enum heard (*take)(struct talk *t, const struct said *s);
    void *arg;
    bool all, stop; /* all: the last line was appended */
};
/* With HEARD, *s is the verdict. x->seq names what is asked. */
enum heard talk(struct talk *t, struct said *s);
/* After HEARD_FAULT: the program is given up, and what it had in hand comes again. */
reeve_rc talk_failed(struct talk *t, const char *what);
/* The verdict, when it is not ok, with its reason recorded. */
reeve_rc verdict_other(reeve_ctx *ctx, const struct said *s);
/* Sends one event (call may be NULL) and waits. OK: s->emit is there. */
reeve_rc talk_message(struct exec *x, reeve_ctx *ctx, const char *call, const reeve_msg *in,
                      struct said *s);

/* ---- made.c ---- */
/* An event that the program wrote. NULL: *ret_json says whether it is JSON at all, not too large
 * and not too deep; if so, an issue says why it is no event. The host alone would make an issue of
 * the document of what is no JSON, so it is asked twice. probe: a message whose body this is tried
 * as.
 */
reeve_msg *made_event(reeve_ctx *ctx, reeve_msg *probe, const char *where, const char *p, size_t n,
                      bool *ret_json);
/* What the program made of `in` goes on, all or nothing. *ret_n: how many. */
reeve_rc made_emit(reeve_ctx *ctx, const reeve_msg *in, struct slice emit, reeve_out *out,
                   size_t *ret_n);

/* ---- deliver.c, step.c, receive.c ---- */
reeve_rc exec_poll(reeve_ctx *ctx, void *inst);
void exec_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                  const reeve_report *report);
void inbox_free(struct inbox *in); /* NULL is fine */
reeve_rc exec_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n);
reeve_rc exec_step(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

/* ---- adapter.c, adapter_decode.c ---- */
/* There is a program, and it offers this. REJECT with the reason: it does not. */
reeve_rc adapter_ready(struct exec *x, reeve_ctx *ctx, unsigned offer);
/* The beginning of a new call's first line, and a call's last line. 0 or -1. */
int adapter_begin(struct exec *x, const char *call);
int adapter_end(struct talk *t);
reeve_rc exec_decode(reeve_ctx *ctx, void *inst, reeve_reader *reader, const char *content_type,
                     reeve_out *out);
reeve_rc exec_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *b);
reeve_rc exec_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc exec_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

/* As many whole characters (UTF-8) as there is room for, and a zero. */
void cut_text(char *out, size_t size, const char *text, size_t len);
/* The reason of a verdict as one text: "code: text". */
void said_reason(const struct said *s, char *out, size_t size);

#endif
