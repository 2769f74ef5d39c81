/* SPDX-License-Identifier: Apache-2.0 */
/* problem - see problem.h. */
#include "problem.h"
#include "base/json.h"
#include <stddef.h>
#include <string.h>

const char *status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Refused";
}

int problem_write(struct buf *out, unsigned status, const char *code, const char *detail)
{
    int r = buf_addf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                     status_phrase(status), status);
    if (r == 0)
        r = json_add_string(out, detail, strlen(detail));
    if (r == 0)
        r = buf_adds(out, ",\"code\":");
    if (r == 0)
        r = json_add_string(out, code, strlen(code));
    return r == 0 ? buf_adds(out, "}\n") : r;
}
