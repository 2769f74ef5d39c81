/* SPDX-License-Identifier: Apache-2.0 */
/* message - one CloudEvents 1.0 event: attributes and a body.
 *
 * Read from and written as structured JSON (CloudEvents JSON format 1.0, sections 2 and 3),
 * strictly both ways. Reading the envelope validates the body's JSON but makes nothing of it:
 * `data` stays a slice, spliced in again token for token. Not thread-safe per message; messages are
 * independent of each other. */
#ifndef REEVE_MESSAGE_MESSAGE_H
#define REEVE_MESSAGE_MESSAGE_H
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_BYTES_MAX           (16u << 20) /* default limit of the whole structured form */
#define MESSAGE_ATTRIBUTES_MAX      64          /* attributes of one message */
#define MESSAGE_ATTRIBUTE_BYTES_MAX (64u << 10) /* all attributes together */
/* Letters of a name. CloudEvents 3.1: SHOULD NOT exceed 20, so longer ones are taken too. */
#define MESSAGE_NAME_MAX 64

enum attribute_type { ATTRIBUTE_STRING, ATTRIBUTE_INTEGER, ATTRIBUTE_BOOLEAN };

struct attribute {           /* borrowed from the message until it is changed or freed */
    const char *name, *text; /* canonical text form of the value (CloudEvents 3.1 type system) */
    size_t name_len, text_len;
    enum attribute_type type;
    int32_t integer; /* ATTRIBUTE_INTEGER; ATTRIBUTE_BOOLEAN: 0 or 1 */
};

enum body_kind {
    BODY_NONE,
    BODY_JSON,  /* `data`, a JSON value: bytes are compact JSON text */
    BODY_TEXT,  /* `data`, a JSON string of a content type that is not JSON: bytes are the unescaped
                   UTF-8 text */
    BODY_BINARY /* `data_base64`: bytes are decoded */
};

struct message;
struct message *message_new(void); /* with specversion only; NULL when out of memory */
struct message *message_copy(const struct message *m);
void message_free(struct message *m);

size_t message_count(const struct message *m);
/* i < count; in the order they were set */
struct attribute message_at(const struct message *m, size_t i);
/* NULL when absent. The text form. */
const char *message_get(const struct message *m, const char *name);
bool message_find(const struct message *m, const char *name, struct attribute *ret);
/* Bytes of all names and values together (what MESSAGE_ATTRIBUTE_BYTES_MAX counts). */
size_t message_attribute_bytes(const struct message *m);
/* Set or replace. Checks name ([a-z0-9]+, not data/data_base64) and value (types of
 * CloudEvents 3.1; time, source, dataschema by their syntax; nothing empty). datacontenttype cannot
 * be changed to one that the body there does not fit. text may not be memory of this message. Error
 * codes: "attribute-name", "attribute-value", "too-large", "memory". */
int message_set(struct message *m, const char *name, const char *text, size_t len, struct err *e);
int message_sets(struct message *m, const char *name, const char *text, struct err *e);
int message_set_integer(struct message *m, const char *name, int32_t value, struct err *e);
int message_set_boolean(struct message *m, const char *name, bool value, struct err *e);
/* Removing datacontenttype makes a BODY_TEXT a BODY_BINARY: same bytes. */
void message_remove(struct message *m, const char *name);

enum body_kind message_body_kind(const struct message *m);
/* The body's own bytes (unescaped, decoded); borrowed. NULL and 0 when there is none. */
const char *message_body(const struct message *m, size_t *ret_len);
/* Sets datacontenttype and the body. The kind follows from the content type: JSON (json, +json)
 * must be valid and is kept compact; other valid UTF-8 text without U+0000 becomes BODY_TEXT; other
 * bytes BODY_BINARY. Copies; on an error nothing is changed. Codes: "body-json" (also for an empty
 * one), "too-large", "attribute-value" (content type), "memory". content_type NULL or "":
 * application/json is understood, the attribute is left absent. */
int message_set_body(struct message *m, const char *content_type, const char *p, size_t len,
                     struct err *e);
void message_remove_body(struct message *m);
/* "application/json; charset=utf-8", "text/json", "x/y+json"; in any case. Need not be terminated.
 */
bool content_type_is_json(const char *content_type, size_t len);

/* One event from structured JSON. max: limit in bytes (0 = MESSAGE_BYTES_MAX). Copies what it
 * keeps. Codes: "json-…" (not JSON), "event-…": event-not-object, event-specversion,
 * event-required, event-attribute-name, event-attribute-type, event-attribute-value,
 * event-data-twice, event-base64, event-duplicate, event-too-large, "memory". Checked in this
 * order: JSON, duplicates and size, required attributes, specversion, then member by member, then
 * the body. A member that is null is absent, but for `data`, where null is a body. ret_where (may
 * be NULL; at least 64 bytes): JSON pointer of the offending member ("/time", "" = the whole). */
int message_parse(const char *p, size_t len, size_t max, struct message **ret, char *ret_where,
                  struct err *e);
/* Each event of a batch (a JSON array, else code "event-not-array"); one pass, so that a fault of
 * the array's own JSON can come after elements were given; fn gets the element's index and raw
 * text; a non-zero return stops and is returned. */
int message_each_in_batch(const char *p, size_t len,
                          int (*fn)(void *arg, size_t index, const char *p, size_t len), void *arg,
                          struct err *e);
/* Checks that the required attributes are there: id, source, specversion, type (CloudEvents
 * section 3.1.1). */
int message_complete(const struct message *m, struct err *e);
/* Structured JSON, compact, attributes in order, body last. 0, or a buf error. */
int message_write(const struct message *m, struct buf *out);
/* Only the attributes, as a JSON object (for the journal). */
int message_write_attributes(const struct message *m, struct buf *out);

#endif
