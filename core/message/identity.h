/* SPDX-License-Identifier: Apache-2.0 */
/* identity - which message this is: the digest rule of the hub. Pure.
 *
 * content digest = SHA-256 over (type, datacontenttype, body bytes as kept: compact JSON, text or
 * decoded bytes). id             = SHA-256 over (source, type, subject, content digest,
 * generation), as lower-case hex, 40 digits kept. The generation counts how often the content of
 * this (source, type, subject) changed, as the connector's state knows it: the same record
 * re-indented is unchanged, a correction is new, and a correction that is taken back is new again.
 * Every field is framed by its length, so that no two inputs run together. */
#ifndef REEVE_MESSAGE_IDENTITY_H
#define REEVE_MESSAGE_IDENTITY_H
#include "base/digest.h"
#include "message.h"

#define MESSAGE_ID_LEN 41 /* with the closing zero */
void message_content_digest(const struct message *m, struct digest *scratch,
                            uint8_t out[SHA256_LEN]);
void message_make_id(const char *source, const char *type, const char *subject,
                     const uint8_t content[SHA256_LEN], uint64_t generation, struct digest *scratch,
                     char out[MESSAGE_ID_LEN]);

/* The closed list of message types (adapters/README.md), and what the hub knows of each. */
struct message_type {
    const char *name;
    bool personal; /* about identifiable people: client.* */
};
extern const struct message_type message_types[];
extern const size_t message_types_n;
const struct message_type *message_type_find(const char *type); /* NULL: not in the list */
/* Personal: a client.* type, or datacategory naming "personal" (data-classification extension). */
bool message_is_personal(const struct message *m);
/* The same of the two attributes; NULL: absent. */
bool message_personal_by(const char *type, const char *datacategory);

#endif
