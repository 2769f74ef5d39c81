/* SPDX-License-Identifier: Apache-2.0 */
/* base64 - see exec.h. libcrypto does it; it passes over white space and more at the ends of a
 * text, so what may stand there is looked at first. */
#include "exec.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_PIECE (BASE64_PIECE / 3 * 4)

int add_base64(reeve_buf *b, const void *p, size_t n)
{
    unsigned char *text = malloc(TEXT_PIECE + 1);
    int rc = -1;
    if (text != NULL && n <= BASE64_PIECE)
        rc = reeve_buf_add(b, text, (size_t)EVP_EncodeBlock(text, p, (int)n));
    free(text);
    return rc;
}

static bool is_base64(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!((p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z') ||
              (p[i] >= '0' && p[i] <= '9') || p[i] == '+' || p[i] == '/'))
            return false;
    }
    return true;
}

int add_bytes_of_base64(reeve_buf *b, const char *text, size_t len)
{
    unsigned char *bytes = malloc(BASE64_PIECE);
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - padding - 1] == '=')
        padding++;
    int rc = bytes == NULL ? -1 : len % 4 != 0 || !is_base64(text, len - padding) ? -2 : 0;
    for (size_t at = 0, n; rc == 0 && at < len; at += n) {
        n = len - at < TEXT_PIECE ? len - at : TEXT_PIECE;
        int made = EVP_DecodeBlock(bytes, (const unsigned char *)text + at, (int)n);
        size_t less = at + n == len ? padding : 0;
        rc = made < (int)less ? -2 : reeve_buf_add(b, bytes, (size_t)made - less);
    }
    free(bytes);
    return rc;
}
