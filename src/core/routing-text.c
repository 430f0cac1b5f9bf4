#include "core/routing-text.h"

#include <ctype.h>

/* ---- letters ---- */

/* Letters of Latin-1 and Latin Extended-A as they are typed without accents, from U+00C0; "" = no letter. */
static const char *const folded[] = {
        "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i",  "i", "i", "d", "n",
        "o", "o", "o",  "o",  "o", "",  "o",  "u",  "u", "u", "u", "y", "",  "ss", "a", "a", "a", "a",
        "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i", "i", "i", "i", "d", "n",  "o", "o", "o", "o",
        "o", "",  "o",  "u",  "u", "u", "u",  "y",  "",  "y", "a", "a", "a", "a",  "a", "a", "c", "c",
        "c", "c", "c",  "c",  "c", "c", "d",  "d",  "d", "d", "e", "e", "e", "e",  "e", "e", "e", "e",
        "e", "e", "g",  "g",  "g", "g", "g",  "g",  "g", "g", "h", "h", "h", "h",  "i", "i", "i", "i",
        "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l",  "l", "l", "l", "l",
        "l", "l", "l",  "l",  "l", "n", "n",  "n",  "n", "n", "n", "n", "n", "n",  "o", "o", "o", "o",
        "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r", "r", "s", "s", "s", "s",  "s", "s", "s", "s",
        "t", "t", "t",  "t",  "t", "t", "u",  "u",  "u", "u", "u", "u", "u", "u",  "u", "u", "u", "u",
        "w", "w", "y",  "y",  "y", "z", "z",  "z",  "z", "z", "z",
};

typedef struct Cursor {
        const unsigned char *s;
        size_t n;
} Cursor;

/* Length of the UTF-8 character at the start of `c` and its code point; a broken byte is one of U+FFFD. */
static size_t next_character(Cursor c, uint32_t *ret)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t n = c.s[0] < 0x80 ? 1 : c.s[0] >= 0xf0 ? 4 : c.s[0] >= 0xe0 ? 3 : 2;
        uint32_t u = n == 1 ? c.s[0] : c.s[0] & (0xffu >> (n + 1));

        *ret = 0xfffd;
        if (n > c.n || (n > 1 && c.s[0] < 0xc2) || c.s[0] > 0xf4)
                return 1;
        for (size_t i = 1; i < n; i++) {
                if ((c.s[i] & 0xc0) != 0x80)
                        return 1;
                u = u << 6 | (c.s[i] & 0x3f);
        }
        if (u < least[n])
                return 1;
        *ret = u;
        return n;
}

/* What a character is inside a word: its folded letters in `out` (at most 4 bytes), or 0 when it ends the
 * word. */
static size_t fold(Cursor c, size_t n_character, uint32_t u, char out[4])
{
        const char *letters;

        if (u < 0x80) {
                out[0] = (char) tolower((int) u);
                return isalnum((int) u) ? 1 : 0;
        }
        if (u == 0xfffd || u < 0xc0 || (u >= 0x2000 && u < 0x2e80) || (u >= 0x3000 && u < 0x3040) ||
            u >= 0x1f000)
                return 0; /* signs, punctuation, emoji */
        if (u - 0xc0 < ELEMENTSOF(folded)) {
                letters = folded[u - 0xc0];
                memcpy(out, letters, strlen(letters));
                return strlen(letters);
        }
        memcpy(out, c.s, n_character);
        return n_character;
}

static bool is_apostrophe(uint32_t u)
{
        return u == '\'' || u == 0x2019;
}

/* "what's": two words, the second an "is"; "user's", "don't": one. */
static bool splits_at_apostrophe(const char *word, size_t n)
{
        static const char list[] = " what who how where when it that there here why ";
        char wanted[10];

        if (n > 5)
                return false;
        snprintf(wanted, sizeof(wanted), " %.*s ", (int) n, word);
        return strstr(list, wanted) != NULL;
}

/* ---- tokens ---- */

typedef struct Scanner {
        RouteReading *out;
        const unsigned char *start;
        Cursor left;
        bool starts;
} Scanner;

static void skip(Scanner *s, size_t n)
{
        n = MIN2(n, s->left.n);
        s->left.s += n;
        s->left.n -= n;
}

static void end_sentence(Scanner *s)
{
        if (!s->starts)
                s->out->n_sentences++;
        s->starts = true;
}

static void add_token(Scanner *s, RouteTokenKind kind, size_t at, size_t n_bytes)
{
        RouteReading *r = s->out;
        RouteToken *t;

        r->n_kind[kind]++;
        if (r->n >= ROUTE_TOKENS_MAX)
                return;
        t = &r->tokens[r->n++];
        r->buffer[at + n_bytes] = '\0';
        r->n_buffer = at + n_bytes + 1;
        *t = (RouteToken){.s = r->buffer + at,
                          .n = (uint8_t) n_bytes,
                          .kind = (uint8_t) kind,
                          .starts = s->starts,
                          .sentence = (uint16_t) r->n_sentences};
        s->starts = false;
}

/* The bytes up to the next white space or bracket; what is longer is neither a file nor a ticket. */
#define CHUNK_BYTES_MAX 120
static size_t chunk_length(Cursor c)
{
        size_t n = 0;

        c.n = MIN2(c.n, (size_t) CHUNK_BYTES_MAX);
        while (n < c.n && !isspace(c.s[n]) && !strchr("()<>[]{}\"|", c.s[n]))
                n++;
        while (n > 0 && strchr(".,;:!?*_'", c.s[n - 1]))
                n--;
        return n;
}

static bool begins(Cursor c, const char *prefix)
{
        return c.n >= strlen(prefix) && memcmp(c.s, prefix, strlen(prefix)) == 0;
}

static bool ends_like_a_file(Cursor chunk)
{
        static const char names[] =
                " c h cc cpp cs css csv go gradle html ini ipynb java js json jsx kt less lock log lua m md mjs mk php "
                "pl proto ps1 py rb rs sass scala scss sh sql svelte swift tf toml ts tsx txt vue xml yaml yml zig ";
        char wanted[10];
        size_t dot = chunk.n;

        while (dot > 0 && isalnum(chunk.s[dot - 1]))
                dot--;
        /* "node.js" and its like are names of things, not files. */
        if (dot < 2 || chunk.s[dot - 1] != '.' || chunk.n - dot > 6 || !isalnum(chunk.s[dot - 2]))
                return false;
        for (size_t i = 0; i < chunk.n; i++)
                if (!isalnum(chunk.s[i]) && !strchr("./_-@~", chunk.s[i]))
                        return false;
        snprintf(wanted, sizeof(wanted), " %.*s ", (int) (chunk.n - dot), (const char *) chunk.s + dot);
        if (str_equal(wanted, " js ") && !memchr(chunk.s, '/', chunk.n) && dot <= 8 &&
            (begins(chunk, "node") || begins(chunk, "Node") || begins(chunk, "next") ||
             begins(chunk, "Next") || begins(chunk, "vue") || begins(chunk, "Vue") ||
             begins(chunk, "three") || begins(chunk, "Three") || begins(chunk, "express") ||
             begins(chunk, "Express") || begins(chunk, "React") || begins(chunk, "react")))
                return false;
        return strstr(names, wanted) != NULL;
}

static bool is_path(Cursor chunk)
{
        size_t slashes = 0;

        for (size_t i = 0; i < chunk.n; i++) {
                if (!isalnum(chunk.s[i]) && !strchr("./_-{}:@~*", chunk.s[i]))
                        return false;
                slashes += chunk.s[i] == '/';
        }
        return slashes >= 1 && (chunk.s[0] == '/' || chunk.s[0] == '.' || slashes >= 3) && chunk.n >= 4;
}

/* "ABC-123"; "#7". */
static bool is_ticket(Cursor chunk)
{
        size_t i = 0, digits;

        if (chunk.s[0] == '#')
                i = 1;
        else {
                while (i < chunk.n && isupper(chunk.s[i]))
                        i++;
                if (i < 2 || i > 8 || i >= chunk.n || chunk.s[i] != '-')
                        return false;
                i++;
        }
        for (digits = 0; i < chunk.n && isdigit(chunk.s[i]); digits++)
                i++;
        return digits > 0 && digits <= 7 && i == chunk.n;
}

/* Upper case after lower case, an underscore inside, or the brackets of a call. */
static bool is_identifier(Cursor chunk, const unsigned char *end)
{
        static const char *const names[] = {"iOS",   "iPad",       "iPhone",    "GitHub",  "GitLab",
                                            "OAuth", "PostgreSQL", "MySQL",     "MongoDB", "GraphQL",
                                            "macOS", "DevOps",     "PayPal",    "YouTube", "OpenAI",
                                            "NoSQL", "SQLite",     "WebSocket", "OpenAPI", "LinkedIn"};
        bool inside = false, only = true;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (begins(chunk, names[i]))
                        return false;
        if (begins(chunk, "JavaScript") || begins(chunk, "TypeScript"))
                return false;
        for (size_t i = 0; i < chunk.n; i++) {
                only &= isalnum(chunk.s[i]) || strchr("_.:$", chunk.s[i]);
                inside |= i > 0 && ((islower(chunk.s[i - 1]) && isupper(chunk.s[i])) ||
                                    (chunk.s[i] == '_' && i + 1 < chunk.n && isalnum(chunk.s[i - 1])));
        }
        return only && isalpha(chunk.s[0]) &&
               (inside || (chunk.s + chunk.n < end && chunk.s[chunk.n] == '('));
}

/* ---- pieces that are no words ---- */

/* A fence or backquotes: one token for all that is inside. False when there is none here. */
static bool scan_code(Scanner *s)
{
        const unsigned char *close;
        size_t n = begins(s->left, "```") ? 3 : 1, at = s->out->n_buffer;

        if (s->left.s[0] != '`')
                return false;
        skip(s, n);
        close = s->left.n >= n ? memmem(s->left.s, s->left.n, n == 3 ? "```" : "`", n) : NULL;
        if (!close && n == 1)
                return true; /* a stray one */
        add_token(s, ROUTE_TOKEN_CODE, at, 0);
        skip(s, close ? (size_t) (close - s->left.s) + n : s->left.n);
        return true;
}

/* Addresses, files and tickets; Slack's "<@U…>", ":emoji:" are passed over. */
static bool scan_special(Scanner *s)
{
        Cursor chunk = {s->left.s, chunk_length(s->left)};
        size_t at = s->out->n_buffer;
        RouteTokenKind kind;

        if (begins(s->left, "<@") || begins(s->left, "<#") || begins(s->left, "<!")) {
                const unsigned char *close = memchr(s->left.s, '>', MIN2(s->left.n, (size_t) 80));

                skip(s, close ? (size_t) (close - s->left.s) + 1 : 2);
                return true;
        }
        if (chunk.n == 0 || !(isalnum(chunk.s[0]) || strchr("/.#~", chunk.s[0])))
                return false;
        if (begins(chunk, "http://") || begins(chunk, "https://") || begins(chunk, "www."))
                kind = ROUTE_TOKEN_URL;
        else if (is_ticket(chunk))
                kind = ROUTE_TOKEN_TICKET;
        else if (ends_like_a_file(chunk) || is_path(chunk))
                kind = ROUTE_TOKEN_FILE;
        else
                return false;
        add_token(s, kind, at, 0);
        skip(s, chunk.n);
        return true;
}

/* One word of letters and digits; an apostrophe inside is left out ("don't" → "dont"). */
static bool scan_word(Scanner *s)
{
        RouteReading *r = s->out;
        Cursor chunk = {s->left.s, chunk_length(s->left)};
        RouteTokenKind kind = chunk.n > 0 && is_identifier(chunk, s->left.s + s->left.n)
                                      ? ROUTE_TOKEN_IDENTIFIER
                                      : ROUTE_TOKEN_WORD;
        size_t at = r->n_buffer, n = 0, used = 0;
        bool digits = true;

        while (used < s->left.n) {
                Cursor c = {s->left.s + used, s->left.n - used};
                char letters[4];
                uint32_t u;
                size_t n_character = next_character(c, &u), n_letters = fold(c, n_character, u, letters);

                if (is_apostrophe(u) && n > 0 && c.n > n_character && (c.s[n_character] | 0x20) == 's' &&
                    splits_at_apostrophe(r->buffer + at, n))
                        break;
                if (n_letters == 0 &&
                    !(n > 0 && ((is_apostrophe(u) && c.n > n_character && isalpha(c.s[n_character])) ||
                                (kind == ROUTE_TOKEN_IDENTIFIER && u == '_'))))
                        break;
                used += n_character;
                if (n + n_letters > ROUTE_WORD_BYTES_MAX)
                        continue;
                for (size_t i = 0; i < n_letters; i++) {
                        digits &= isdigit((unsigned char) letters[i]) != 0;
                        r->buffer[at + n++] = letters[i];
                }
        }
        if (used == 0)
                return false;
        /* What is left of "what's": only there does a word begin right behind an apostrophe. */
        if (n == 1 && r->buffer[at] == 's' && s->left.s > s->start &&
            (s->left.s[-1] == '\'' || s->left.s[-1] == 0x99)) {
                r->buffer[at] = 'i';
                r->buffer[at + n++] = 's';
        }
        if (n > 0)
                add_token(s, digits ? ROUTE_TOKEN_NUMBER : kind, at, n);
        skip(s, used);
        return true;
}

/* Marks between the words; what ends a sentence. */
static void scan_mark(Scanner *s)
{
        unsigned char c = s->left.s[0], next = s->left.n > 1 ? s->left.s[1] : '\n';

        if (c == '?') {
                s->out->n_questions++;
                if (s->out->n_sentences == 0 || s->left.n < 3)
                        s->out->ends_asking = true;
        }
        if (c == '\n' || (strchr(".!?;", c) && (isspace(next) || next == '?' || next == '!')))
                end_sentence(s);
        if ((c == '-' || c == '*' || c == '+') && s->starts && next == ' ')
                s->out->n_items++;
        skip(s, 1);
}

static void scan(RouteReading *r, const char *text, size_t n_bytes)
{
        Scanner s = {.out = r,
                     .start = (const unsigned char *) text,
                     .left = {(const unsigned char *) text, n_bytes},
                     .starts = true};

        while (s.left.n > 0 && r->n < ROUTE_TOKENS_MAX)
                if (isspace(s.left.s[0]) || !(scan_code(&s) || scan_special(&s) || scan_word(&s)))
                        scan_mark(&s);
        end_sentence(&s);
}

/* ---- the head ---- */

bool route_token_is(const RouteToken *t, const char *list)
{
        char wanted[ROUTE_WORD_BYTES_MAX + 3];

        if (t->n == 0)
                return false;
        wanted[0] = ' ';
        memcpy(wanted + 1, t->s, t->n);
        wanted[t->n + 1] = ' ';
        wanted[t->n + 2] = '\0';
        return strstr(list, wanted) != NULL;
}

/* The first word that is neither a greeting nor politeness nor the marks of a ticket: "hey team, could you
 * please *fix* …", "[web] we need to *add* …". */
static size_t find_head(const RouteReading *r)
{
        static const char before[] =
                " hey hi hello yo hiya morning guys folks team all everyone everybody there dear please pls plz kindly "
                "can could would will may might should we you i id im ill were youd lets let us me someone somebody "
                "anyone need needs needed want wants wanted like to have has must help ok okay so also and then now next "
                "todo task ticket story bug feature chore feat issue request urgent asap quick quickly just maybe "
                "perhaps be great nice good if it is would want gonna going try trying use your the a an our for "
                "bitte kannst du koennen wir sie ihr wir mussen sollten hallo moin "
                "bonjour salut peux peut pouvez tu vous nous il faut svp stp "
                "hola puedes puede podrias podemos hay que por favor necesito necesitamos ";
        size_t i = 0;

        while (i < r->n && i < 14 &&
               (r->tokens[i].kind == ROUTE_TOKEN_TICKET || r->tokens[i].kind == ROUTE_TOKEN_NUMBER ||
                route_token_is(&r->tokens[i], before)))
                i++;
        return i < r->n && i < 14 ? i : r->n > 0 ? 0 : r->n;
}

/* ---- the whole ---- */

static bool quotes_a_trace(const char *s, size_t n)
{
        static const char *const signs[] = {"Traceback (most",
                                            "Exception:",
                                            "Exception in thread",
                                            "panic:",
                                            "\n    at ",
                                            "\tat ",
                                            "Segmentation f",
                                            "FATAL",
                                            "Error: ",
                                            "Caused by:",
                                            "errno",
                                            "core dumped",
                                            "NullPointer",
                                            "undefined is not",
                                            "error:"};

        for (size_t i = 0; i < ELEMENTSOF(signs); i++)
                if (n > 0 && memmem(s, n, signs[i], strlen(signs[i])))
                        return true;
        return false;
}

/* Length of the title when the description says it again at its start, be it cut with dots; else 0. */
static bool repeats(const char *title, size_t n_title, const char *description, size_t n_description)
{
        while (n_title > 0 && (strchr(". ", title[n_title - 1]) ||
                               (n_title >= 3 && memcmp(title + n_title - 3, "\xe2\x80\xa6", 3) == 0)))
                n_title -= strchr(". ", title[n_title - 1]) ? 1 : 3;
        return n_title > 0 && n_title <= n_description && memcmp(title, description, n_title) == 0;
}

void route_read(const RouteText *text, RouteReading *ret)
{
        const char *title = text->title ? text->title : "",
                   *description = text->description ? text->description : "";
        size_t n_title = strnlen(title, ROUTE_TITLE_BYTES_MAX),
               n_description = strnlen(description, ROUTE_DESCRIPTION_BYTES_MAX);

        memset(ret->n_kind, 0, sizeof(ret->n_kind));
        ret->n = ret->n_sentences = ret->n_questions = ret->n_items = ret->n_buffer = 0;
        ret->ends_asking = false;
        if (repeats(title, n_title, description, n_description))
                n_title = 0;
        ret->n_bytes = n_title + n_description;
        ret->is_trace = quotes_a_trace(title, n_title) || quotes_a_trace(description, n_description);
        scan(ret, title, n_title);
        scan(ret, description, n_description);
        ret->head = find_head(ret);
        for (size_t i = 0; i < ret->n; i++)
                ret->tokens[i].is_filler = route_token_is(
                        &ret->tokens[i],
                        " a an the our my your this that these those some new any its their his her of ");
}
