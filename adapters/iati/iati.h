/* SPDX-License-Identifier: Apache-2.0 */
/* iati - inside of the adapter for the IATI Standard 2.03, activity files (XML).
 *
 * The way of a document: feed.c makes its bytes UTF-8 and keeps those that are still needed;
 * walk.c lets libxml2 read them as events (SAX: no tree is built) and checks each against the
 * grammar; gather.c notes what messages need of the current activity; rules.c checks what the
 * schema does not say; when the activity ends, messages.c makes its messages. Translation (hub.h)
 * works on one message's activity as a tree. */
#ifndef ADAPTERS_IATI_IATI_H
#define ADAPTERS_IATI_IATI_H
#include "feed.h"
#include "lib/print.h"
#include <libxml/parser.h>
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IATI_SCHEMA "http://iatistandard.org/203/schema/iati-activities-schema.xsd"

/* ---- types of XML Schema 1.0 part 2 (values.c) ---- */
enum type {
    TYPE_NONE, /* no text but white space */
    TYPE_STRING,
    TYPE_DATE,
    TYPE_DATE_TIME,
    TYPE_DECIMAL,
    TYPE_BOOLEAN,
    TYPE_INT,
    TYPE_NOT_NEGATIVE,
    TYPE_POSITIVE,
    TYPE_NMTOKEN,
    TYPE_URI,
    TYPE_LANGUAGE, /* of xml:lang: xs:language, or empty */
    TYPE_SPACE     /* of xml:space */
};
/* White space of XML 1.0 (section 2.3). The value without it at both ends. */
bool value_is_space(char c);
bool value_all_space(const char *p, size_t len);
const char *value_trimmed(const char *s, size_t *ret_len);
bool value_valid(enum type t, const char *s);
const char *value_code(enum type t); /* of the issue when it is not valid */
const char *value_wanted(enum type t);

#define NO_DAY INT64_MIN
/* Days since 1970-01-01 of a date or dateTime, its zone left aside; NO_DAY when it is neither. */
int64_t value_day(const char *s);
/* Decimal text times 10^18; digits beyond are cut. false: not a decimal, or 10^19 and more. */
__extension__ typedef __int128 fixed;
#define FIXED_ONE ((fixed)1000000000000000000)
bool value_fixed(const char *s, fixed *ret);
int32_t fixed_whole(fixed v); /* cut towards zero, kept within int32 */
#define FIXED_TEXT_MAX 48
void fixed_text(fixed v, char out[FIXED_TEXT_MAX]); /* decimal, exact, without needless zeros */

/* ---- the grammar (grammar.c) ---- */
enum is { /* elements that rules or messages look at */
          IS_OTHER,
          IS_ACTIVITIES,
          IS_ACTIVITY,
          IS_IDENTIFIER,
          IS_REPORTING_ORG,
          IS_TITLE,
          IS_DESCRIPTION,
          IS_OTHER_DESCRIPTION,
          IS_NARRATIVE,
          IS_PARTICIPATING_ORG,
          IS_OTHER_IDENTIFIER,
          IS_OWNER_ORG,
          IS_STATUS,
          IS_ACTIVITY_DATE,
          IS_CONTACT,
          IS_COUNTRY,
          IS_REGION,
          IS_LOCATION,
          IS_LOCATION_CODE,
          IS_SECTOR,
          IS_BUDGET_ITEMS,
          IS_BUDGET_ITEM,
          IS_POLICY_MARKER,
          IS_DEFAULT_AID_TYPE,
          IS_BUDGET,
          IS_PERIOD_START,
          IS_PERIOD_END,
          IS_VALUE,
          IS_FORECAST,
          IS_PLANNED,
          IS_PROVIDER,
          IS_RECEIVER,
          IS_CAPITAL_SPEND,
          IS_TRANSACTION,
          IS_TRANSACTION_TYPE,
          IS_TRANSACTION_DATE,
          IS_TRANSACTION_SECTOR,
          IS_TRANSACTION_COUNTRY,
          IS_TRANSACTION_REGION,
          IS_AID_TYPE,
          IS_RELATED,
          IS_RESULT,
          IS_REFERENCE,
          IS_INDICATOR,
          IS_INDICATOR_REFERENCE,
          IS_BASELINE,
          IS_PERIOD,
          IS_TARGET,
          IS_ACTUAL
};
struct attribute { /* a list of them ends with name NULL */
    const char *name;
    enum type type;
    bool required;
};
struct part { /* a list of them ends with element NULL; PARTS_MAX at most */
    const struct element *element;
    unsigned char min, max;
};
#define MANY      255
#define PARTS_MAX 36
struct element {
    const char *name;
    enum is is;
    enum type text;
    bool closed; /* no attributes of other namespaces */
    const struct attribute *attributes;
    const struct part *parts; /* NULL: none */
};
extern const struct element grammar_root;
const struct element *grammar_global(const char *name); /* NULL: none of the name */

/* ---- where we are, for issues ---- */
struct step {
    const char *name, *prefix; /* in the parser's dictionary, or the grammar's */
    size_t index;              /* among its siblings of the name, from 1 */
    bool many;                 /* the index is shown */
};
#define MARK_STEPS 8
struct mark { /* a place to come back to */
    uint64_t line;
    size_t n; /* 0: none */
    struct step step[MARK_STEPS];
};

/* ---- what messages need of the current activity (gather.c) ---- */
struct piece {
    uint64_t from, to; /* offsets in the feed */
};
struct pieces {
    struct piece *at;
    size_t n, cap;
};
struct payment { /* a transaction; texts are offsets in the pool, 0: none */
    struct piece piece;
    uint64_t content; /* a digest of what it says */
    size_t ref, funder, recipient, category;
    size_t currency; /* of the value; 0: the activity's default */
    size_t order;    /* n-th of those that say the same, from 0 */
    fixed amount;
    bool inexact;    /* the amount has more digits than `fixed` */
    bool ref_shared; /* another payment of the activity has its ref */
};
struct activity {
    size_t index; /* from 1; 0: no activity is open */
    uint64_t start, tag_end, end;
    char *pool; /* texts, each with its zero; offset 0 is the empty one */
    size_t pool_len, pool_cap;
    size_t identifier, reporting_ref, funder, recipient, category, place, status, currency;
    size_t parent;      /* a related activity of type 1 */
    bool parents;       /* there are several */
    struct pieces head; /* what every activity must have, and its places and sectors */
    struct pieces results;
    struct payment *payments; /* of them the disbursements and expenditures */
    size_t payments_n, payments_cap;
    struct payment now; /* the transaction that is open */
    char now_type[8];
    bool in_transaction;
    bool solid,
        space;       /* of its text: there was some since the last tag, and white space after it */
    fixed committed; /* outgoing commitments */
    size_t committed_currency;
    bool committed_some, committed_mixed; /* mixed: of several currencies */
    bool committed_inexact;
    uint64_t prefixes, own_prefixes; /* bits: the root's namespaces it uses, and declares itself */
    unsigned errors;
    bool too_large, no_memory, has_description;
};
const char *activity_text(const struct activity *a, size_t at); /* NULL for 0 */

/* ---- what rules need of it (rules.c) ---- */
struct rules;
struct rules *rules_new(void); /* NULL: out of memory */
void rules_free(struct rules *r);

/* ---- a file of the official schema (schema.c) ---- */
struct official;
struct official_check;
/* NULL: it cannot be used, the reason is recorded. */
struct official *official_open(reeve_ctx *ctx, const char *path);
void official_close(struct official *o); /* NULL is fine */

/* ---- the walk ---- */
#define DEPTH_MAX 63
#define TEXT_MAX  1024
struct frame {
    const struct element *element; /* NULL: of another namespace, or not looked at */
    uint64_t start, line;
    unsigned part; /* where in the sequence */
    bool skipped;  /* unexpected: nothing inside is looked at */
    bool foreign;  /* one of another namespace was seen inside */
    bool stray;    /* text was seen where none may be */
    bool text;     /* text other than white space was seen inside */
    size_t others; /* children that the grammar does not know */
    size_t counts[PARTS_MAX];
};
struct walk {
    reeve_ctx *ctx;
    struct feed *feed;
    struct rules *rules;     /* NULL: not checked */
    struct official *schema; /* NULL: the grammar alone decides */
    struct official_check *official;
    bool rules_refuse; /* rules of severity error refuse the activity */
    bool quiet;        /* no issue is reported; `why` keeps the first error */
    /* An activity ended: its bytes are in the feed. Not OK: the walk ends with it. */
    reeve_rc (*activity_done)(void *arg, struct walk *w);
    void *arg;
    size_t limit; /* largest activity in bytes */

    xmlParserCtxtPtr xml;
    struct frame frame[DEPTH_MAX];
    struct step step[DEPTH_MAX];
    size_t depth;
    const xmlChar **attributes; /* of the element that starts: 5 pointers each, as SAX2 has them */
    int attributes_n;
    char text[TEXT_MAX]; /* of the simple element that is open */
    size_t text_len;
    bool text_cut;
    struct { /* what the root declares */
        const xmlChar *prefix, *uri;
    } ns[64];
    size_t ns_n;
    struct activity activity;
    size_t activities, root_errors;
    int64_t today; /* the document's own date, NO_DAY when it does not say */
    bool stopped, no_memory;
    reeve_rc rc; /* of a walk that was stopped */
    char why[256];
};
/* Reads the feed to its end. OK: well-formed; what is wrong was reported. REJECT: not readable as
 * an activity file, which was reported. */
reeve_rc walk_document(struct walk *w);
void walk_done(struct walk *w);
/* The same with the body of a message, read as the only activity of a file: w->feed is its own. */
#define ROOT_OPENING "<iati-activities version=\"2.03\">"
reeve_rc walk_body(struct walk *w, const char *body, size_t len);

/* For gather.c and rules.c. An attribute of the element that starts: false when it is absent; cut
 * to cap - 1 bytes. */
bool walk_get(const struct walk *w, const char *name, char *out, size_t cap);
bool walk_has(const struct walk *w, const char *name);
const struct frame *walk_up(const struct walk *w, size_t up); /* 0: the one that is open; NULL */
enum is walk_is(const struct walk *w, size_t up);             /* IS_OTHER when there is none */
struct mark walk_mark(const struct walk *w, size_t depth);
/* An issue at a place; attribute, found, wanted may be NULL. Errors count for the activity. */
void walk_issue(struct walk *w, uint32_t severity, const char *code, const struct mark *at,
                const char *attribute, const char *found, const char *wanted, const char *text);
void walk_stop(struct walk *w, reeve_rc rc);

void gather_activity_start(struct walk *w);
void gather_start(struct walk *w); /* an element of an activity starts */
void gather_text(struct walk *w, const char *p, size_t len);
void gather_end(struct walk *w, uint64_t end); /* and ends; its text is in w->text */
void gather_reset(struct activity *a);
void gather_free(struct activity *a);

void rules_activity_start(struct walk *w);
void rules_start(struct walk *w);
void rules_end(struct walk *w);
void rules_activity_end(struct walk *w);

/* ---- messages ---- */
struct bytes { /* grows; failed once: stays so */
    char *p;
    size_t len, cap;
    bool failed;
};
void bytes_add(struct bytes *b, const char *p, size_t len);
void bytes_adds(struct bytes *b, const char *s);
#define ACTIVITY_OPENING "<iati-activity"
#define ACTIVITY_CLOSING "</iati-activity>"
/* The activity as a document of its own: its bytes, and the namespaces it takes from the root. */
void activity_whole(const struct walk *w, struct bytes *out);
/* Its start tag and its head; ACTIVITY_CLOSING is still to come. */
void activity_head(const struct walk *w, struct bytes *out);
void activity_piece(const struct walk *w, const struct piece *p, struct bytes *out);
reeve_rc activity_emit(struct walk *w, reeve_out *out);
/* Sets what routing needs; false: the activity has nothing of the message's type. */
bool activity_attributes(reeve_msg *m, const struct activity *a, const char *type);
void payments_name(struct activity *a); /* sets ref_shared and order */

reeve_rc iati_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                     reeve_out *out);
reeve_rc iati_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *out);

#endif
