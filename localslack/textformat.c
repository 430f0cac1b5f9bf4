#include "textformat.h"

#include <ctype.h>

#include "base/buf.h"

static bool is_name_char(char c)
{
        return isalnum((unsigned char) c) || c == '_' || c == '-' || ((unsigned char) c & 0x80);
}

static bool begins_word(const char *text, const char *p)
{
        return p == text || !(is_name_char(p[-1]) || strchr("/@#&;:=.", p[-1]));
}

/* The length of the address that begins at `p`, without the punctuation that ends the sentence or the
 * brackets around it; 0: none. */
static size_t match_url(const char *p)
{
        size_t scheme = str_starts_with(p, "https://")  ? 8
                        : str_starts_with(p, "http://") ? 7
                                                        : 0,
               n = scheme;
        int depth = 0; /* of the brackets in it */

        if (!scheme)
                return 0;
        for (; p[n] && !isspace((unsigned char) p[n]) && !strchr("<>\"`|", p[n]); n++)
                depth += p[n] == '(' ? 1 : p[n] == ')' ? -1 : 0;
        while (n > scheme && (strchr(".,;:!?'", p[n - 1]) || (p[n - 1] == ')' && depth < 0)))
                depth += p[--n] == ')';
        return n > scheme ? n : 0;
}

static size_t name_length(const char *p)
{
        size_t n = 0;

        while (is_name_char(p[n]))
                n++;
        return n;
}

static bool names(const char *name, const char *p, size_t n)
{
        return name && strlen(name) == n && memcmp(name, p, n) == 0;
}

/* The token for `@name`; false: nobody is called so. */
static bool put_at(const State *s, const char *name, size_t n, unsigned formats, Buf *out)
{
        static const char *const ranges[] = {"here", "channel", "everyone"};

        for (size_t i = 0; i < ELEMENTSOF(ranges) && (formats & TEXT_BROADCASTS); i++)
                if (names(ranges[i], name, n)) {
                        buf_printf(out, "<!%s>", ranges[i]);
                        return true;
                }
        for (size_t i = 0; i < s->n_users && (formats & TEXT_USERS); i++)
                if (names(s->users[i]->name, name, n)) {
                        buf_printf(out, "<@%s>", s->users[i]->id);
                        return true;
                }
        return false;
}

static bool put_channel(const State *s, const char *name, size_t n, Buf *out)
{
        for (size_t i = 0; i < s->n_channels; i++)
                if (s->channels[i]->kind == CHANNEL_PUBLIC && names(s->channels[i]->name, name, n)) {
                        buf_printf(out, "<#%s|%s>", s->channels[i]->id, s->channels[i]->name);
                        return true;
                }
        return false;
}

/* The length of what became a token at `p`; 0: nothing did. */
static size_t put_token(const State *s, const char *p, unsigned formats, Buf *out)
{
        size_t n = (formats & TEXT_URLS) ? match_url(p) : 0;

        if (n > 0) {
                buf_append_char(out, '<');
                buf_append(out, p, n);
                buf_append_char(out, '>');
                return n;
        }
        n = *p == '@' || *p == '#' ? name_length(p + 1) : 0;
        if (n == 0)
                return 0;
        if (*p == '@')
                return put_at(s, p + 1, n, formats, out) ? n + 1 : 0;
        return (formats & TEXT_CHANNELS) && put_channel(s, p + 1, n, out) ? n + 1 : 0;
}

/* A longer token or piece of code in a line is none: the search for its end stays short. */
#define CLOSED_MAX 4000

/* The length of what begins at `p` and ends in `end` on the same line; 0: it does not end. */
static size_t match_line(const char *p, char end)
{
        for (size_t n = 1; p[n] && p[n] != '\n' && n < CLOSED_MAX; n++)
                if (p[n] == end)
                        return n + 1;
        return 0;
}

/* The length of the code or the token at `p`, which is not looked into; 0: neither. `ends`: fences end
 * further on. */
static size_t match_closed(const char *p, bool literal, bool *ends)
{
        if (*ends && str_starts_with(p, "```")) {
                const char *end = strstr(p + 3, "```");

                if (end)
                        return (size_t) (end - p) + 3;
                *ends = false;
        }
        if (*p == '`')
                return match_line(p, '`');
        return *p == '<' && !literal ? match_line(p, '>') : 0;
}

static void put_char(char c, bool literal, Buf *out)
{
        if (literal && c == '<')
                buf_append_str(out, "&lt;");
        else if (literal && c == '>')
                buf_append_str(out, "&gt;");
        else
                buf_append_char(out, c);
}

char *textformat_apply(const State *s, const char *text, unsigned formats)
{
        bool literal = formats & TEXT_LITERAL, ends = true;
        Buf out = {0};

        for (const char *p = text; *p;) {
                size_t n = match_closed(p, literal, &ends);

                if (n > 0) {
                        for (size_t i = 0; i < n; i++)
                                put_char(p[i], literal, &out);
                        p += n;
                        continue;
                }
                n = begins_word(text, p) ? put_token(s, p, formats, &out) : 0;
                if (n == 0)
                        put_char(*p, literal, &out);
                p += n ? n : 1;
        }
        return out.data ? buf_take(&out) : mem_strdup("");
}
