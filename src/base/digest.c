#include "base/digest.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

static void digest(const EVP_MD *md, const void *data, size_t n_bytes, uint8_t *ret)
{
        unsigned n = 0;

        if (EVP_Digest(data, n_bytes, ret, &n, md, NULL) != 1)
                abort(); /* only fails when OpenSSL itself is broken */
}

void digest_sha1(const void *data, size_t n_bytes, uint8_t ret[20])
{
        digest(EVP_sha1(), data, n_bytes, ret);
}

void digest_sha256(const void *data, size_t n_bytes, uint8_t ret[32])
{
        digest(EVP_sha256(), data, n_bytes, ret);
}

void digest_hmac_sha256(const char *key, const void *data, size_t n_bytes, uint8_t ret[32])
{
        unsigned n = 32;

        if (!HMAC(EVP_sha256(), key, (int) strlen(key), data, n_bytes, ret, &n))
                abort();
}

void digest_hex(const uint8_t *data, size_t n_bytes, char *ret)
{
        for (size_t i = 0; i < n_bytes; i++)
                snprintf(ret + 2 * i, 3, "%02x", data[i]);
}

char *base64_encode(const void *data, size_t n_bytes)
{
        char *out = mem_alloc(4 * ((n_bytes + 2) / 3) + 1);

        EVP_EncodeBlock((unsigned char *) out, data, (int) n_bytes);
        return out;
}

char *base64url_encode(const void *data, size_t n_bytes)
{
        char *out = base64_encode(data, n_bytes);

        for (char *p = out; *p; p++)
                *p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? 0 : *p;
        return out;
}

void random_bytes(void *ret, size_t n_bytes)
{
        if (RAND_bytes(ret, (int) n_bytes) != 1)
                abort();
}

uint64_t random_u64(void)
{
        uint64_t value;

        random_bytes(&value, sizeof(value));
        return value;
}

static void format_uuid(uint8_t b[16], int version, char ret[UUID_SIZE])
{
        b[6] = (uint8_t) ((b[6] & 0x0f) | version << 4);
        b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
        snprintf(ret, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
}

void uuid4(char ret[UUID_SIZE])
{
        uint8_t b[16];

        random_bytes(b, sizeof(b));
        format_uuid(b, 4, ret);
}

void uuid5(const char *name, char ret[UUID_SIZE])
{
        static const char namespace[] = "opencode-slack-gateway/1:";
        _cleanup_free_ char *full = mem_printf("%s%s", namespace, name);
        uint8_t hash[20];

        digest_sha1(full, strlen(full), hash);
        format_uuid(hash, 5, ret);
}
