/* SPDX-License-Identifier: Apache-2.0 */
/* sniff - see sniff.h. Order matters: the surest signatures come first. */
#include "sniff.h"
#include "base/util.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool has(const char *p, size_t len, const char *what, size_t n)
{
    return len >= n && memcmp(p, what, n) == 0;
}

static bool contains(const char *p, size_t len, const char *what)
{
    return memmem(p, len, what, strlen(what)) != NULL;
}

static const char *archive(const char *p, size_t len)
{
    if (contains(p, len, "xl/") || contains(p, len, "workbook.xml"))
        return "an Excel workbook (.xlsx)";
    if (contains(p, len, "opendocument.spreadsheet"))
        return "an OpenDocument spreadsheet (.ods)";
    if (contains(p, len, "word/"))
        return "a Word document (.docx)";
    if (contains(p, len, "[Content_Types].xml"))
        return "an Office document (.xlsx, .docx or .pptx)";
    return "a zip archive";
}

static const struct {
    const char *magic;
    size_t len;
    const char *what;
} signatures[] = {
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, "an old Office file (.xls, .doc)"},
    {"\x1f\x8b", 2, "gzip-compressed data"},
    {"%PDF-", 5, "a PDF file"},
    {"\xff\xfe", 2, "UTF-16 text (save it as UTF-8)"},
    {"\xfe\xff", 2, "UTF-16 text (save it as UTF-8)"},
    {"\x89PNG", 4, "a PNG picture"},
    {"\xff\xd8\xff", 3, "a JPEG picture"},
    {"BZh", 3, "bzip2-compressed data"},
    {"\xfd"
     "7zXZ",
     5, "xz-compressed data"},
    {"PAR1", 4, "a Parquet file"},
    {"SQLite format 3", 15, "an SQLite database"},
};

/* Every other byte zero: UTF-16 without a byte order mark. */
static bool utf16(const char *p, size_t len)
{
    if (len < 8)
        return false;
    size_t even = 0, odd = 0, n = (len < 64 ? len : 64) / 2;
    for (size_t i = 0; i < n; i++) {
        even += p[2 * i] == 0;
        odd += p[2 * i + 1] == 0;
    }
    return (even >= n - 1 && odd == 0) || (odd >= n - 1 && even == 0);
}

/* name=value&name=value, percent-encoded: what web forms, and curl -d, send. */
static bool form_encoded(const char *p, size_t len)
{
    size_t equals = 0, n = len < 512 ? len : 512;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '=')
            equals++;
        else if (!isalnum(c) && !strchr("%&+-_.~*!'()[]$:@/,;", c))
            return false;
    }
    return equals > 0 && n > 2;
}

static const char *markup(const char *p, size_t len)
{
    if (len >= 9 && (strncasecmp(p, "<!doctype", 9) == 0) && len > 14 &&
        strncasecmp(p + 9, " html", 5) == 0)
        return "a web page (HTML)";
    if (len >= 5 && (strncasecmp(p, "<html", 5) == 0 || strncasecmp(p, "<head", 5) == 0 ||
                     strncasecmp(p, "<body", 5) == 0))
        return "a web page (HTML)";
    if (len > 1 && (p[1] == '?' || p[1] == '!' || isalpha((unsigned char)p[1])))
        return contains(p, len, "<html") ? "a web page (HTML)" : "XML";
    return NULL;
}

/* Lines of which the first two have the same number, at least one, of the same separator. */
static bool table(const char *p, size_t len, char separator)
{
    size_t count[2] = {0, 0}, line = 0;
    for (size_t i = 0; i < len && line < 2; i++) {
        if (p[i] == '\n')
            line++;
        else if (p[i] == separator)
            count[line]++;
    }
    return line == 2 && count[0] > 0 && count[0] == count[1];
}

const char *sniff(const char *p, size_t len)
{
    if (len == 0)
        return "nothing at all (an empty body)";
    if (len > SNIFF_BYTES)
        len = SNIFF_BYTES;
    if (has(p, len, "PK\x03\x04", 4) || has(p, len, "PK\x05\x06", 4))
        return archive(p, len);
    for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
        if (has(p, len, signatures[i].magic, signatures[i].len))
            return signatures[i].what;
    if (utf16(p, len))
        return "UTF-16 text (save it as UTF-8)";
    if (has(p, len, "\xef\xbb\xbf", 3)) {
        p += 3;
        len -= 3;
    }
    while (len && isspace((unsigned char)*p)) {
        p++;
        len--;
    }
    if (len == 0)
        return "only white space";
    if (*p == '<')
        return markup(p, len);
    if (*p == '{' || *p == '[')
        return "JSON, but broken or of another kind";
    if (form_encoded(p, len))
        return "form-encoded data (curl: use --data-binary and set the Content-Type)";
    if (table(p, len, ',') || table(p, len, ';') || table(p, len, '\t'))
        return "a table in text form (CSV)";
    return NULL;
}

const char *sniff_beginning(int fd, const char *p, size_t *len, char head[SNIFF_BYTES])
{
    if (fd < 0)
        return p;
    ssize_t n = pread(fd, head, SNIFF_BYTES, 0);
    *len = n > 0 ? (size_t)n : 0;
    return head;
}

/* Where Excel is installed Windows says so of every .csv, and so do browsers there. */
bool sniff_may_be_csv(const char *content_type, const char *p, size_t len)
{
    static const char excel[] = "application/vnd.ms-excel";
    size_t n = sizeof(excel) - 1;
    return strncasecmp(content_type, excel, n) == 0 && strchr("; \t", content_type[n]) != NULL &&
           !has(p, len, "\xd0\xcf\x11\xe0", 4) && !has(p, len, "PK\x03\x04", 4);
}

const char *sniff_content_type(const char *content_type)
{
    static const struct {
        const char *begins, *what;
    } others[] = {
        {"text/html", "a web page"},
        {"application/pdf", "a PDF file"},
        {"image/", "a picture"},
        {"audio/", "sound"},
        {"video/", "a film"},
        {"multipart/", "a form with several parts (send the document itself as the body)"},
        {"application/zip", "a zip archive"},
        {"application/gzip", "gzip-compressed data"},
        {"application/vnd.ms-", "an Office file"},
        {"application/msword", "a Word document"},
        {"application/vnd.openxmlformats-", "an Office document"},
        {"application/vnd.oasis.", "an OpenDocument file"},
        {"application/javascript", "a program"},
    };
    for (size_t i = 0; content_type && i < ARRAY_SIZE(others); i++)
        if (strncasecmp(content_type, others[i].begins, strlen(others[i].begins)) == 0)
            return others[i].what;
    return NULL;
}
