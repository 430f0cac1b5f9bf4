#include "base/secret.h"

#include <openssl/crypto.h>

void secret_set(Secret *s, const char *value)
{
        secret_deinit(s);
        s->value = mem_strdup(value);
}

void secret_deinit(Secret *s)
{
        if (s->value)
                OPENSSL_cleanse(s->value, strlen(s->value));
        free(s->value);
        s->value = NULL;
}

bool secret_is_set(const Secret *s)
{
        return !str_empty(s->value);
}

const char *secret_reveal(const Secret *s)
{
        return s->value ? s->value : "";
}

const char *secret_print(const Secret *s)
{
        return secret_is_set(s) ? "***" : "(unset)";
}

bool secret_equal(const Secret *s, const char *offered)
{
        size_t n;

        if (!secret_is_set(s) || !offered)
                return false;
        n = strlen(s->value);
        return strlen(offered) == n && CRYPTO_memcmp(s->value, offered, n) == 0;
}
