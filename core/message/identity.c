/* SPDX-License-Identifier: Apache-2.0 */
/* identity - digests, ids and the list of types; see identity.h. */
#include "identity.h"
#include <string.h>
#include <strings.h>

static void field(struct digest *d, const char *text)
{
    digest_field(d, text, text ? strlen(text) : 0);
}

void message_content_digest(const struct message *m, struct digest *scratch,
                            uint8_t out[SHA256_LEN])
{
    size_t len;
    const char *body = message_body(m, &len);
    digest_start(scratch);
    field(scratch, message_get(m, "type"));
    field(scratch, message_get(m, "datacontenttype"));
    digest_field(scratch, body, len);
    digest_end(scratch, out);
}

void message_make_id(const char *source, const char *type, const char *subject,
                     const uint8_t content[SHA256_LEN], uint64_t generation, struct digest *scratch,
                     char out[MESSAGE_ID_LEN])
{
    uint8_t number[8], sum[SHA256_LEN];
    char hex[SHA256_HEX];
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(generation >> (56 - 8 * i));
    digest_start(scratch);
    field(scratch, source);
    field(scratch, type);
    field(scratch, subject);
    digest_field(scratch, content, SHA256_LEN);
    digest_field(scratch, number, sizeof(number));
    digest_end(scratch, sum);
    hex_lower(sum, sizeof(sum), hex);
    memcpy(out, hex, MESSAGE_ID_LEN - 1);
    out[MESSAGE_ID_LEN - 1] = '\0';
}

const struct message_type message_types[] = {
    {"client.referral", true},       {"client.referral.update", true},
    {"client.case", true},           {"client.case.update", true},
    {"client.outcome", true},        {"funding.opportunity", false},
    {"funding.application", false},  {"funding.award", false},
    {"funding.payment", false},      {"funding.report", false},
    {"information.service", false},  {"information.organisation", false},
    {"information.measure", false},  {"information.contract", false},
    {"information.decision", false}, {"information.document", false},
    {"control.request", false},      {"control.reply", false},
};
const size_t message_types_n = sizeof(message_types) / sizeof(message_types[0]);

const struct message_type *message_type_find(const char *type)
{
    for (size_t i = 0; i < message_types_n; i++)
        if (strcmp(message_types[i].name, type) == 0)
            return &message_types[i];
    return NULL;
}

/* A list, split at commas and blanks: "personal" as a whole word, so that "non-personal" is not
 * meant. */
static bool names_personal(const char *category)
{
    static const char between[] = ", ;\t";
    for (const char *p = category + strspn(category, between); *p; p += strspn(p, between)) {
        size_t n = strcspn(p, between);
        if (n == 8 && strncasecmp(p, "personal", 8) == 0)
            return true;
        p += n;
    }
    return false;
}

bool message_is_personal(const struct message *m)
{
    return message_personal_by(message_get(m, "type"), message_get(m, "datacategory"));
}

bool message_personal_by(const char *type, const char *category)
{
    /* every client.* type, listed or not: an unknown one must not slip through */
    if (type && strncmp(type, "client.", 7) == 0)
        return true;
    return category && names_personal(category);
}
