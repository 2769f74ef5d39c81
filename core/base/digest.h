/* SPDX-License-Identifier: Apache-2.0 */
/* digest - SHA-256 (OpenSSL's libcrypto) and random bytes (the kernel's). The supervisor does not
 * link this. The void functions end the process when the library has no SHA-256 or no memory. */
#ifndef REEVE_BASE_DIGEST_H
#define REEVE_BASE_DIGEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32
#define SHA256_HEX 65 /* with the closing zero; lower case */

struct digest;                   /* a running SHA-256 */
struct digest *digest_new(void); /* NULL when out of memory */
void digest_free(struct digest *d);
void digest_start(struct digest *d); /* (again) from the beginning */
void digest_add(struct digest *d, const void *p, size_t len);
/* A field that cannot run into its neighbour: 8 bytes of length (big-endian), then the bytes. */
void digest_field(struct digest *d, const void *p, size_t len);
void digest_end(struct digest *d, uint8_t out[SHA256_LEN]);

void sha256(const void *p, size_t len, uint8_t out[SHA256_LEN]);
void sha256_hex(const void *p, size_t len, char out[SHA256_HEX]);
void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
                 uint8_t out[SHA256_LEN]);               /* RFC 2104 */
void hex_lower(const uint8_t *p, size_t len, char *out); /* out: 2*len + 1 */
bool equal_constant_time(const void *a, const void *b, size_t len);
int random_bytes(void *p, size_t len); /* 0 or negative errno */

#endif
