/* Every code point, every sequence of two and three bytes, and the edges of those of four, against a decoder
 * that does it the long way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/utf8.h"

/* RFC 3629 §4: the length of the valid character at `p`, 0 when there is none. */
static size_t character(const uint8_t *p, size_t n)
{
        static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t length = p[0] < 0x80           ? 1
                        : (p[0] >> 5) == 0x06 ? 2
                        : (p[0] >> 4) == 0x0E ? 3
                        : (p[0] >> 3) == 0x1E ? 4
                                              : 0;
        uint32_t code = length == 1 ? p[0] : p[0] & (0x7F >> length);

        if (length == 0 || length > n)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xC0) != 0x80)
                        return 0;
                code = code << 6 | (p[i] & 0x3F);
        }
        if (code < LEAST[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
                return 0;
        return length;
}

static bool is_valid(const uint8_t *p, size_t n)
{
        while (n > 0) {
                size_t length = character(p, n);

                if (length == 0)
                        return false;
                p += length;
                n -= length;
        }
        return true;
}

/* At once, byte by byte, and behind ASCII that shifts the fast path. */
static void check(const uint8_t *p, size_t n)
{
        uint8_t shifted[32] = "abcdefghijk";
        Utf8 u = {0};
        bool expected = is_valid(p, n), cut = true;

        for (size_t i = 0; i < n && cut; i++)
                cut = utf8_feed(&u, p + i, 1);
        memcpy(shifted + 11, p, n);
        if (utf8_is_valid(p, n) != expected || (cut && utf8_is_complete(&u)) != expected ||
            utf8_is_valid(shifted, 11 + n) != expected)
                fail_msg("%02x %02x %02x %02x", p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, n > 3 ? p[3] : 0);
}

static void agrees_on_short_sequences(void **state)
{
        for (unsigned a = 0; a < 256; a++) {
                check((uint8_t[]){(uint8_t) a}, 1);
                for (unsigned b = 0; b < 256; b++) {
                        check((uint8_t[]){(uint8_t) a, (uint8_t) b}, 2);
                        for (unsigned c = 0x70; c < 0xD0 && a >= 0xC0; c++)
                                check((uint8_t[]){(uint8_t) a, (uint8_t) b, (uint8_t) c}, 3);
                }
        }
}

static void agrees_on_sequences_of_four(void **state)
{
        static const uint8_t LAST[] = {0x7F, 0x80, 0xBF, 0xC0};

        for (unsigned a = 0xEF; a < 0x100; a++)
                for (unsigned b = 0x70; b < 0xD0; b++)
                        for (size_t c = 0; c < ELEMENTSOF(LAST); c++)
                                for (size_t d = 0; d < ELEMENTSOF(LAST); d++)
                                        check((uint8_t[]){(uint8_t) a, (uint8_t) b, LAST[c], LAST[d]}, 4);
}

static void refuses_early_what_cannot_become_valid(void **state)
{
        Utf8 u = {0};

        assert_true(utf8_feed(&u, "\xED", 1));
        assert_false(utf8_is_complete(&u));
        assert_false(utf8_feed(&u, "\xA0", 1)); /* a surrogate, known before its last byte */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(agrees_on_short_sequences),
                cmocka_unit_test(agrees_on_sequences_of_four),
                cmocka_unit_test(refuses_early_what_cannot_become_valid),
        };

        return cmocka_run_group_tests_name("net/utf8", tests, NULL, NULL);
}
