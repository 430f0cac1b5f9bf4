#include "net/utf8.h"

static void expect(Utf8 *u, uint8_t need, uint8_t low, uint8_t high)
{
        u->need = need;
        u->low = low;
        u->high = high;
}

static bool start_character(Utf8 *u, uint8_t c)
{
        if (c < 0x80)
                return true;
        if (c < 0xC2 || c > 0xF4)
                return false;
        if (c < 0xE0)
                expect(u, 1, 0x80, 0xBF);
        else if (c < 0xF0)
                expect(u, 2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF);
        else
                expect(u, 3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF);
        return true;
}

/* Most of what is read is ASCII: eight bytes at a time. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
        while (end - p >= 8) {
                uint64_t word;

                memcpy(&word, p, sizeof(word));
                if (word & 0x8080808080808080ULL)
                        break;
                p += 8;
        }
        while (p < end && *p < 0x80)
                p++;
        return p;
}

bool utf8_feed(Utf8 *u, const void *data, size_t n_bytes)
{
        const uint8_t *p = data, *end = p + n_bytes;

        while (p < end) {
                if (u->need == 0) {
                        p = skip_ascii(p, end);
                        if (p < end && !start_character(u, *p++))
                                return false;
                        continue;
                }
                if (*p < u->low || *p > u->high)
                        return false;
                expect(u, (uint8_t) (u->need - 1), 0x80, 0xBF);
                p++;
        }
        return true;
}

bool utf8_is_valid(const void *data, size_t n_bytes)
{
        Utf8 u = {0};

        return utf8_feed(&u, data, n_bytes) && utf8_is_complete(&u);
}
