/* SPDX-License-Identifier: Apache-2.0 */
/* names - file names and content types. Pure. */
#include "file.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcasecmp(s + n - m, end) == 0;
}

bool name_ignored(const char *name)
{
    static const char *const unfinished[] = {".part", ".tmp",  ".filepart", ".crdownload",
                                             ".swp",  ".lock", "~"};
    if (name[0] == '.' || name[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        if (ends_with(name, unfinished[i]))
            return true;
    }
    return false;
}

static const struct {
    const char *ending, *type;
} types[] = {
    {".json", "application/json"},
    {".jsonl", "application/x-ndjson"},
    {".ndjson", "application/x-ndjson"},
    {".geojson", "application/geo+json"},
    {".xml", "application/xml"},
    {".csv", "text/csv"},
    {".txt", "text/plain"},
    {".html", "text/html"},
    {".pdf", "application/pdf"},
    {".zip", "application/zip"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
};

const char *type_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends_with(name, types[i].ending))
            return types[i].type;
    }
    return NULL;
}

/* The length without parameters and blanks. */
static size_t essence(const char *type)
{
    size_t n = strcspn(type, "; \t");
    return n;
}

static bool has_suffix(const char *type, const char *suffix)
{
    size_t n = essence(type), m = strlen(suffix);
    return n > m && strncasecmp(type + n - m, suffix, m) == 0;
}

bool type_is_json(const char *type)
{
    return type && (has_suffix(type, "/json") || has_suffix(type, "+json"));
}

const char *ending_of_type(const char *type)
{
    if (!type)
        return ".bin";
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i].type) == essence(type) &&
            strncasecmp(types[i].type, type, essence(type)) == 0)
            return types[i].ending;
    }
    if (type_is_json(type))
        return ".json";
    if (has_suffix(type, "+xml") || has_suffix(type, "/xml"))
        return ".xml";
    return ".bin";
}

/* RFC 3629 section 4, without overlong forms and surrogates. */
bool text_is_utf8(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    while (*p) {
        unsigned n = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
            return false;
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (p++; n > 0; n--, p++) {
            if ((*p & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

bool numbered_name(const char *name, unsigned n, char out[NAME_BYTES])
{
    const char *dot = strrchr(name, '.');
    int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    int len = n < 2 ? snprintf(out, NAME_BYTES, "%s", name)
                    : snprintf(out, NAME_BYTES, "%.*s-%u%s", stem, name, n, name + stem);
    return len > 0 && (size_t)len < NAME_BYTES;
}

static uint64_t digest(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a, 64 bit */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static bool made_by_the_hub(const char *id)
{
    return strlen(id) == 40 && strspn(id, "0123456789abcdef") == 40;
}

void message_name(const char *id, const char *source, const char *ending, char out[NAME_BYTES])
{
    static const char hex[] = "0123456789ABCDEF";
    char safe[160];
    size_t n = 0;
    if (made_by_the_hub(id)) {
        (void)snprintf(out, NAME_BYTES, "%s%s", id, ending);
        return;
    }
    for (const char *p = id; *p && n + 4 < sizeof(safe); p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && n > 0);
        if (plain) {
            safe[n++] = (char)c;
            continue;
        }
        safe[n++] = '%';
        safe[n++] = hex[c >> 4];
        safe[n++] = hex[c & 15];
    }
    safe[n] = '\0';
    uint64_t h = digest(source) ^ (digest(id) * 31); /* of the id too: it may have been cut */
    (void)snprintf(out, NAME_BYTES, "%s-%016llx%s", safe, (unsigned long long)h, ending);
}
