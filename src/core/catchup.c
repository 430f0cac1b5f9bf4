#include "core/catchup.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

int ts_compare(const char *a, const char *b)
{
        size_t na, nb;

        a = a ? a : "";
        b = b ? b : "";
        na = strcspn(a, ".");
        nb = strcspn(b, ".");
        if (na != nb)
                return na < nb ? -1 : 1;
        return strcmp(a, b);
}

int64_t ts_to_ms(const char *ts)
{
        const char *dot = ts ? strchr(ts, '.') : NULL;
        int64_t ms = ts ? strtoll(ts, NULL, 10) * 1000 : 0;

        for (int64_t scale = 100; dot && isdigit((unsigned char) dot[1]) && scale > 0; scale /= 10)
                ms += (*++dot - '0') * scale;
        return ms;
}

char *ts_from_ms(int64_t ms)
{
        ms = MAX2(ms, (int64_t) 0);
        return mem_printf("%lld.%03lld000", (long long) (ms / 1000), (long long) (ms % 1000));
}

char *ts_after(const char *ts)
{
        long long s = 0, us = 0;

        if (sscanf(ts, "%lld.%6lld", &s, &us) < 1)
                return mem_strdup(ts);
        return mem_printf("%lld.%06lld", us == 999999 ? s + 1 : s, us == 999999 ? 0 : us + 1);
}

typedef struct Word {
        const char *word;
        bool bare; /* also without the exclamation mark: nobody means anything else by it */
} Word;

static const Word dangerous[] = {
        {"stop", true},      {"abort", true},   {"cancel", true},   {"halt", true},    {"kill", true},
        {"cleanup", false},  {"retry", false},  {"promote", false}, {"deploy", false}, {"restart", false},
        {"rollback", false}, {"delete", false}, {"destroy", false}, {"merge", false},  {"push", false},
};

static const char *skip_politeness(const char *s)
{
        static const char *const words[] = {"please", "pls", "ok", "okay", "hey", "now"};

        for (bool again = true; again;) {
                again = false;
                s += strspn(s, " \t\r\n.,:;");
                for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                        size_t n = strlen(words[i]);

                        if (strncasecmp(s, words[i], n) == 0 && !isalnum((unsigned char) s[n]) &&
                            s[n] != '_') {
                                s += n;
                                again = true;
                        }
                }
        }
        return s;
}

static bool says_no_more(const char *s)
{
        static const char *const words[] = {"it", "this", "that", "everything", "all"};

        s = skip_politeness(s);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                size_t n = strlen(words[i]);

                if (strncasecmp(s, words[i], n) == 0 && !isalnum((unsigned char) s[n])) {
                        s = skip_politeness(s + n);
                        break;
                }
        }
        return s[strspn(s, " \t\r\n.,!?")] == 0;
}

const char *catchup_dangerous_word(const char *text)
{
        const char *s = skip_politeness(text ? text : "");
        bool bang = *s == '!';

        s += bang;
        for (size_t i = 0; i < ELEMENTSOF(dangerous); i++) {
                size_t n = strlen(dangerous[i].word);

                if (strncasecmp(s, dangerous[i].word, n) != 0 || isalnum((unsigned char) s[n]) || s[n] == '_')
                        continue;
                if (bang || (dangerous[i].bare && says_no_more(s + n)))
                        return dangerous[i].word;
        }
        return NULL;
}
