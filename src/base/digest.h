/* Digests, encodings and identifiers, over OpenSSL 3. */
#pragma once

#include "base/macro.h"

#define UUID_SIZE 37 /* 36 characters and the NUL */

void digest_sha1(const void *data, size_t n_bytes, uint8_t ret[20]);
void digest_sha256(const void *data, size_t n_bytes, uint8_t ret[32]);
void digest_hmac_sha256(const char *key, const void *data, size_t n_bytes, uint8_t ret[32]);
void digest_hex(const uint8_t *data, size_t n_bytes, char *ret /* 2 n + 1 */);
char *base64_encode(const void *data, size_t n_bytes);    /* owned by the caller */
char *base64url_encode(const void *data, size_t n_bytes); /* without padding; RFC 4648 §5 */

void random_bytes(void *ret, size_t n_bytes);
uint64_t random_u64(void);
void uuid4(char ret[UUID_SIZE]);
/* RFC 9562 §5.5, in a namespace of this project's own: the same name gives the same UUID for ever. */
void uuid5(const char *name, char ret[UUID_SIZE]);
