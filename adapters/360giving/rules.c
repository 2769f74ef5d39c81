/* SPDX-License-Identifier: Apache-2.0 */
/* rules: what the schema lets pass and the standard, its quality checker or plain sense does not.
 * Warnings only. Sources: 360Giving Data Standard, "Identifiers"; the checks of the 360Giving Data
 * Quality Tool, in our own words. */
#include "giving.h"
#include "lib/formats.h"
#include <ctype.h>
#include <string.h>

static void warn(struct check *c, const char *code, const struct place *up, const char *member,
                 const struct json_node *v, const char *wanted, const char *text)
{
    struct place here = {.up = up, .name = member};
    check_report(c, REEVE_ISSUE_WARNING, code, member != NULL ? &here : up, v, wanted, text);
}

/* ---- identifiers ---- */
static bool prefixed(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

/* Lists that 360Giving files use; org-id.guide has the whole register. */
static bool list_known(const char *id)
{
    static const char *const lists[] = {
        "360G-",   "GB-CHC-",  "GB-COH-", "GB-SC-",  "GB-NIC-",  "GB-EDU-",   "GB-UKPRN-",
        "GB-GOR-", "GB-LAE-",  "GB-LAS-", "GB-LAN-", "GB-PLA-",  "GB-NHS-",   "GB-GOV-",
        "GB-MPR-", "GB-SHPE-", "GB-REV-", "GB-IRN-", "GB-HESA-", "GB-UKPRN-", "GB-WALEDU-",
        "GB-ULN-", "GB-CASC-", "XI-",     "XM-",     "US-EIN-",  "IE-CHY-",   "IE-CRO-",
        "IE-RCN-", "IM-",      "JE-",     "GG-"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (prefixed(id, lists[i]))
            return true;
    /* other countries' lists: two capitals, a list code, a number */
    return !prefixed(id, "GB-") && isupper((unsigned char)id[0]) && isupper((unsigned char)id[1]) &&
           id[2] == '-' && strchr(id + 3, '-') != NULL;
}

static void check_organisation_id(struct check *c, const struct place *at,
                                  const struct json_node *org)
{
    const char *id = member_text(org, "id");
    if (id == NULL)
        return;
    const struct json_node *v = node_member(org, "id");
    size_t digits = strlen(id) > 7 ? strspn(id + 7, "0123456789") : 0;
    if (strpbrk(id, "\r\n") != NULL)
        warn(c, "id-line-break", at, "id", v, "an identifier on one line",
             "tools drop organisations whose identifier has a line break");
    else if (prefixed(id, "GB-CHC-") && (id[7 + digits] != 0 || digits < 6 || digits > 7))
        warn(c, "org-id-charity", at, "id", v, "GB-CHC- and 6 or 7 digits",
             "this is not a charity number of England and Wales");
    else if (prefixed(id, "GB-COH-") &&
             (strlen(id) != 15 ||
              strspn(id + 7, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") !=
                  8))
        warn(c, "org-id-company", at, "id", v, "GB-COH- and 8 characters, leading zeros kept",
             "this is not a company number");
    else if (!list_known(id))
        warn(c, "org-id-list", at, "id", v,
             "an identifier of a known list, such as GB-CHC-1234567, or 360G- with the funder's "
             "own prefix",
             "the list code in front is not one of org-id.guide that we know");
}

/* ---- text ---- */
/* UTF-8 read as Windows-1252 and written as UTF-8 again: a lead byte as Â, Ã, â€ or ðŸ with what
 * follows it; and the character that stands for one that could not be read. */
static bool mojibake(const char *s)
{
    static const char *const signs[] = {
        "\xc3\x82\xc2",         /* Â£ */
        "\xc3\x83\xc2",         /* Ã© */
        "\xc3\x83\xc5",         /* Ãœ */
        "\xc3\x83\xe2\x80",     /* Ã‰ */
        "\xc3\xa2\xe2\x82\xac", /* â€™ */
        "\xc3\xb0\xc5\xb8",     /* ðŸ */
        "\xef\xbf\xbd",
    };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (strstr(s, signs[i]) != NULL)
            return true;
    return false;
}

static void check_mojibake(struct check *c, const struct place *at, const struct json_node *o,
                           const char *name)
{
    const char *s = member_text(o, name);
    if (s == NULL || !mojibake(s))
        return;
    const struct json_node *v = node_member(o, name);
    warn(c, "mojibake", at, name, v, "text in UTF-8",
         "letters were broken by a conversion between character sets");
}

static bool has_email(const char *s)
{
    for (const char *at = strchr(s, '@'); at != NULL; at = strchr(at + 1, '@')) {
        if (at == s || !isalnum((unsigned char)at[-1]))
            continue;
        size_t host =
            strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (host > 0 && at[1 + host] == '.' && isalpha((unsigned char)at[2 + host]))
            return true;
    }
    return false;
}

static void check_text(struct check *c, const struct place *at, const struct json_node *grant,
                       const char *name)
{
    const char *s = member_text(grant, name);
    if (s == NULL)
        return;
    const struct json_node *v = node_member(grant, name);
    if (s[0] == 0)
        warn(c, "empty-text", at, name, v, name, "the text is empty");
    check_mojibake(c, at, grant, name);
    if (has_email(s)) {
        bool personal = c->personal;
        c->personal = true; /* do not show it */
        warn(c, "email-in-text", at, name, v, "text without personal contact data",
             "an e-mail address stands in public text");
        c->personal = personal;
    }
}

/* ---- amounts, dates, places ---- */
static void check_amount(struct check *c, const struct place *at, const struct json_node *grant)
{
    const struct json_node *v = node_member(grant, "amountAwarded");
    if (!node_is(v, JSON_NUMBER))
        return;
    int sign = node_sign(v);
    if (sign < 0)
        warn(c, "amount-negative", at, "amountAwarded", v, "an amount of 0 or more",
             "a grant of less than nothing is unusual");
    else if (sign == 0)
        warn(c, "amount-zero", at, "amountAwarded", v, "the amount that was awarded",
             "a grant of nothing is legal but unusual");
    if (number_decimals(v->text) > 3)
        warn(c, "amount-noise", at, "amountAwarded", v, "an amount in whole pence",
             "the digits look like a rounding error of a spreadsheet");
}

static void check_date(struct check *c, const struct place *at, const struct json_node *o,
                       const char *name)
{
    const char *s = member_text(o, name);
    if (s == NULL || strlen(s) != 10 || !format_date_shape(s, 10) || date_exists(s, 10))
        return;
    const struct json_node *v = node_member(o, name);
    warn(c, "date-impossible", at, name, v, "a day that exists", "the month has no such day");
}

static void check_dates(struct check *c, const struct place *at, const struct json_node *grant,
                        const char *name)
{
    struct place array = {.up = at, .name = name};
    size_t i = 0;
    for (const struct json_node *o = first_item(grant, name); o != NULL; o = o->next, i++) {
        struct place here = {.up = &array, .index = i};
        check_date(c, &here, o, "startDate");
        check_date(c, &here, o, "endDate");
        const char *from = member_text(o, "startDate"), *to = member_text(o, "endDate");
        if (from == NULL || to == NULL || strlen(from) < 10 || strlen(to) < 10 ||
            strncmp(from, to, 10) <= 0)
            continue;
        warn(c, "date-order", &here, "endDate", node_member(o, "endDate"), "an end after the start",
             "it ends before it starts");
    }
}

/* A UK postcode where a geographic code is wanted: "SW1A 1AA", also without the space. */
static bool postcode(const char *s)
{
    char p[8]; /* without spaces: 5 to 7 characters */
    size_t n = 0;
    for (; *s != 0 && n < sizeof p; s++)
        if (*s != ' ')
            p[n++] = (char)toupper((unsigned char)*s);
    size_t letters = 0;
    while (letters < n && isupper((unsigned char)p[letters]))
        letters++;
    return n >= 5 && n <= 7 && letters >= 1 && letters <= 2 && isdigit((unsigned char)p[letters]) &&
           isdigit((unsigned char)p[n - 3]) && isupper((unsigned char)p[n - 2]) &&
           isupper((unsigned char)p[n - 1]);
}

static void check_places(struct check *c, const struct place *at, const struct json_node *of,
                         const char *name)
{
    struct place array = {.up = at, .name = name};
    size_t i = 0;
    for (const struct json_node *o = first_item(of, name); o != NULL; o = o->next, i++) {
        struct place here = {.up = &array, .index = i};
        const char *code = member_text(o, "geoCode");
        if (code == NULL || !postcode(code))
            continue;
        warn(c, "geocode-postcode", &here, "geoCode", node_member(o, "geoCode"),
             "a code of the Office for National Statistics such as E07000178",
             "a postcode is not a geographic code");
    }
}

static void check_id(struct check *c, const struct place *at, const struct json_node *grant)
{
    const char *id = member_text(grant, "id");
    if (id == NULL)
        return;
    const struct json_node *v = node_member(grant, "id");
    if (id[0] == 0)
        warn(c, "id-empty", at, "id", v, "360G-prefix-number",
             "the grant has no identifier of its own");
    else if (strpbrk(id, "\r\n") != NULL)
        warn(c, "id-line-break", at, "id", v, "an identifier on one line",
             "360Giving's own tools drop grants whose identifier has a line break");
    else if (strncmp(id, "360G-", 5) != 0)
        warn(c, "id-prefix", at, "id", v, "360G-prefix-number",
             "the identifier does not begin with 360G-");
}

void rules_check(struct check *c, const struct place *at, const struct json_node *grant)
{
    static const char *const organisations[] = {"fundingOrganization", "recipientOrganization"};
    check_id(c, at, grant);
    check_text(c, at, grant, "title");
    check_text(c, at, grant, "description");
    check_amount(c, at, grant);
    check_date(c, at, grant, "awardDate");
    check_dates(c, at, grant, "plannedDates");
    check_dates(c, at, grant, "actualDates");
    check_places(c, at, grant, "beneficiaryLocation");
    for (size_t k = 0; k < 2; k++) {
        struct place array = {.up = at, .name = organisations[k]};
        const struct json_node *o = first_item(grant, organisations[k]);
        for (size_t i = 0; o != NULL; o = o->next, i++) {
            struct place here = {.up = &array, .index = i};
            check_organisation_id(c, &here, o);
            check_mojibake(c, &here, o, "name");
            check_places(c, &here, o, "location");
        }
    }
}
