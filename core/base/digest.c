/* SPDX-License-Identifier: Apache-2.0 */
/* digest - SHA-256 by libcrypto. After digest_new() has succeeded nothing can fail for want of
 * memory; if the library nevertheless refuses (a build without SHA-256), the process is stopped: a
 * wrong digest would be worse. */
#include "digest.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

struct digest {
    EVP_MD_CTX *ctx;
};

static const EVP_MD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* Fetched once: looking the algorithm up for every digest costs more than hashing a short text. */
static void method_fetch(void)
{
    method = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!method)
        method = EVP_sha256();
}

static void must(bool ok)
{
    if (!ok) {
        (void)fputs("panic: the cryptographic library cannot compute SHA-256\n", stderr);
        abort();
    }
}

static bool start(EVP_MD_CTX *ctx)
{
    (void)pthread_once(&method_once, method_fetch);
    return EVP_DigestInit_ex(ctx, method, NULL) == 1;
}

struct digest *digest_new(void)
{
    struct digest *d = malloc(sizeof(*d));
    if (!d)
        return NULL;
    d->ctx = EVP_MD_CTX_new();
    if (!d->ctx || !start(d->ctx)) {
        digest_free(d);
        return NULL;
    }
    return d;
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

void digest_start(struct digest *d)
{
    must(start(d->ctx));
}

void digest_add(struct digest *d, const void *p, size_t len)
{
    if (len > 0)
        must(EVP_DigestUpdate(d->ctx, p, len) == 1);
}

void digest_field(struct digest *d, const void *p, size_t len)
{
    uint8_t head[8];
    for (unsigned i = 0; i < 8; i++)
        head[i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    digest_add(d, head, sizeof(head));
    digest_add(d, p, len);
}

void digest_end(struct digest *d, uint8_t out[SHA256_LEN])
{
    unsigned n = 0;
    must(EVP_DigestFinal_ex(d->ctx, out, &n) == 1 && n == SHA256_LEN);
}

void sha256(const void *p, size_t len, uint8_t out[SHA256_LEN])
{
    struct digest *d = digest_new();
    must(d != NULL);
    digest_add(d, p, len);
    digest_end(d, out);
    digest_free(d);
}

void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
                 uint8_t out[SHA256_LEN])
{
    uint8_t pad[64] = {0};
    struct digest *d = digest_new();
    must(d != NULL);
    if (key_len > sizeof pad)
        sha256(key, key_len, pad);
    else if (key_len)
        memcpy(pad, key, key_len);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    digest_add(d, pad, sizeof pad);
    digest_add(d, p, len);
    digest_end(d, out);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    digest_start(d);
    digest_add(d, pad, sizeof pad);
    digest_add(d, out, SHA256_LEN);
    digest_end(d, out);
    digest_free(d);
    explicit_bzero(pad, sizeof pad);
}

void sha256_hex(const void *p, size_t len, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_LEN];
    sha256(p, len, raw);
    hex_lower(raw, sizeof(raw), out);
}

void hex_lower(const uint8_t *p, size_t len, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex[p[i] >> 4];
        out[2 * i + 1] = hex[p[i] & 15];
    }
    out[2 * len] = '\0';
}

bool equal_constant_time(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

int random_bytes(void *p, size_t len)
{
    uint8_t *out = p;
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        out += n;
        len -= (size_t)n;
    }
    return 0;
}
