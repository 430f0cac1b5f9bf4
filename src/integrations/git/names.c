#include "integrations/git/names.h"

#include <ctype.h>

/* --- letters --- */

/* What the letters of Latin-1 and Latin Extended-A (U+00C0 to U+017F) are without their marks, in lower case.
 * "" where there is no letter. */
static const char *const latin[] = {
        /* C0 */ "a",  "a", "a",  "a",  "ae", "a", "ae", "c",
        "e",           "e", "e",  "e",  "i",  "i", "i",  "i",
        /* D0 */ "d",  "n", "o",  "o",  "o",  "o", "oe", "",
        "o",           "u", "u",  "u",  "ue", "y", "th", "ss",
        /* E0 */ "a",  "a", "a",  "a",  "ae", "a", "ae", "c",
        "e",           "e", "e",  "e",  "i",  "i", "i",  "i",
        /* F0 */ "d",  "n", "o",  "o",  "o",  "o", "oe", "",
        "o",           "u", "u",  "u",  "ue", "y", "th", "y",
        /* 100 */ "a", "a", "a",  "a",  "a",  "a", "c",  "c",
        "c",           "c", "c",  "c",  "c",  "c", "d",  "d",
        /* 110 */ "d", "d", "e",  "e",  "e",  "e", "e",  "e",
        "e",           "e", "e",  "e",  "g",  "g", "g",  "g",
        /* 120 */ "g", "g", "g",  "g",  "h",  "h", "h",  "h",
        "i",           "i", "i",  "i",  "i",  "i", "i",  "i",
        /* 130 */ "i", "i", "ij", "ij", "j",  "j", "k",  "k",
        "k",           "l", "l",  "l",  "l",  "l", "l",  "l",
        /* 140 */ "l", "l", "l",  "n",  "n",  "n", "n",  "n",
        "n",           "n", "n",  "n",  "o",  "o", "o",  "o",
        /* 150 */ "o", "o", "oe", "oe", "r",  "r", "r",  "r",
        "r",           "r", "s",  "s",  "s",  "s", "s",  "s",
        /* 160 */ "s", "s", "t",  "t",  "t",  "t", "t",  "t",
        "u",           "u", "u",  "u",  "u",  "u", "u",  "u",
        /* 170 */ "u", "u", "u",  "u",  "w",  "w", "y",  "y",
        "y",           "z", "z",  "z",  "z",  "z", "z",  "s",
};
_Static_assert(ELEMENTSOF(latin) == 0x180 - 0xC0, "one for each letter");

/* The code point at *at, which moves behind it; what is no UTF-8 counts as one character without a letter. */
static uint32_t next_char(const unsigned char **at)
{
        const unsigned char *s = *at;
        unsigned n = *s < 0x80                 ? 0
                     : *s >= 0xC2 && *s < 0xE0 ? 1
                     : *s >= 0xE0 && *s < 0xF0 ? 2
                     : *s >= 0xF0 && *s < 0xF5 ? 3
                                               : 9;
        uint32_t c;

        if (n == 9) {
                *at = s + 1;
                return 0xFFFD;
        }
        c = n == 0 ? *s : *s & (0x3Fu >> n);
        for (unsigned i = 1; i <= n; i++) {
                if ((s[i] & 0xC0) != 0x80) {
                        *at = s + i;
                        return 0xFFFD;
                }
                c = c << 6 | (s[i] & 0x3F);
        }
        *at = s + n + 1;
        return c;
}

/* Marks that follow their letter (U+0300 to U+036F) and apostrophes do not part a word. */
static bool is_silent(uint32_t c)
{
        return (c >= 0x300 && c < 0x370) || c == '\'' || c == 0x2019 || c == 0xAD ||
               (c >= 0x200B && c <= 0x200F);
}

/* --- slugs --- */

/* Names that mean something to git, to Windows or to what else looks at a directory's name. */
static const char *const reserved[] = {
        "head", "orig-head", "fetch-head", "merge-head", "stash", "refs", "git",  "con",  "prn",  "aux",
        "nul",  "com1",      "com2",       "com3",       "com4",  "com5", "com6", "com7", "com8", "com9",
        "lpt1", "lpt2",      "lpt3",       "lpt4",       "lpt5",  "lpt6", "lpt7", "lpt8", "lpt9",
};

static bool is_reserved(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(reserved); i++)
                if (strcasecmp(name, reserved[i]) == 0)
                        return true;
        return false;
}

char *name_slug(const char *title)
{
        /* A word beyond the limit is looked for, so that the cut can tell a word's end from its middle. */
        char slug[NAME_SLUG_CHARS_MAX + 8];
        size_t n = 0;
        bool part = false;

        for (const unsigned char *at = (const unsigned char *) (title ? title : "");
             *at && n <= NAME_SLUG_CHARS_MAX;) {
                uint32_t c = next_char(&at);
                const char ascii[2] = {(char) (c < 0x80 ? tolower((int) c) : 0), 0};
                const char *letters = c < 0x80                 ? (isalnum((int) c) ? ascii : "")
                                      : c >= 0xC0 && c < 0x180 ? latin[c - 0xC0]
                                                               : "";

                if (is_silent(c))
                        continue;
                if (!*letters) {
                        part = n > 0;
                        continue;
                }
                if (part)
                        slug[n++] = '-';
                part = false;
                for (; *letters; letters++)
                        slug[n++] = *letters;
        }
        slug[n] = 0;
        if (n > NAME_SLUG_CHARS_MAX) {
                char *dash;

                n = NAME_SLUG_CHARS_MAX;
                if (slug[n] != '-') {
                        slug[n] = 0;
                        dash = strrchr(slug, '-');
                        if (dash && dash - slug >= NAME_SLUG_CHARS_MAX / 2)
                                n = (size_t) (dash - slug);
                }
                slug[n] = 0;
                while (n > 0 && slug[n - 1] == '-')
                        slug[--n] = 0;
        }
        if (n == 0)
                return mem_strdup("task");
        return is_reserved(slug) ? mem_printf("%s-task", slug) : mem_strdup(slug);
}

/* --- checks --- */

static bool consists_of(const char *s, size_t n_max, const char *allowed)
{
        size_t n = strspn(s, allowed);

        return n > 0 && n <= n_max && !s[n];
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Of DNS labels: a dash neither first nor last. */
static bool is_label(const char *s, size_t n_max)
{
        return consists_of(s, n_max, LOWER DIGITS "-") && s[0] != '-' && s[strlen(s) - 1] != '-';
}

const char *name_check_slug(const char *slug)
{
        if (str_empty(slug))
                return "must not be empty";
        if (!is_label(slug, NAME_SLUG_CHARS_MAX))
                return "must be 1 to 40 of a-z, 0-9 and dashes, with a letter or digit first and last";
        return is_reserved(slug) ? "must be another name: this one means something to git or to the system"
                                 : NULL;
}

const char *name_check_project(const char *id)
{
        if (str_empty(id))
                return "must not be empty";
        return is_label(id, NAME_PROJECT_CHARS_MAX) ? NULL
                                                    : "must be 1 to 12 of a-z, 0-9 and dashes, such as 0012";
}

static bool ends_with(const char *s, const char *tail)
{
        size_t n = strlen(s), n_tail = strlen(tail);

        return n >= n_tail && strcasecmp(s + n - n_tail, tail) == 0;
}

const char *name_check_repository(const char *name)
{
        if (str_empty(name))
                return "must not be empty";
        if (!consists_of(name, NAME_REPOSITORY_CHARS_MAX, LOWER UPPER DIGITS "._-"))
                return "must be 1 to 64 of letters, digits, dots, underscores and dashes";
        if (name[0] == '.' || name[0] == '-')
                return "must not begin with a dot or a dash";
        if (ends_with(name, ".git") || ends_with(name, ".lock") || ends_with(name, "."))
                return "must not end in .git, .lock or a dot";
        return is_reserved(name) ? "must be another name: this one means something to git or to the system"
                                 : NULL;
}

/* One part of a branch's name, between slashes. */
static const char *check_component(const char *s, size_t n)
{
        if (n == 0)
                return "must not begin or end with a slash, or have two of them together";
        if (s[0] == '.' || s[0] == '-')
                return "must not have a part that begins with a dot or a dash";
        if (s[n - 1] == '.' || (n >= 5 && strncasecmp(s + n - 5, ".lock", 5) == 0))
                return "must not have a part that ends in a dot or in .lock";
        for (size_t i = 0; i + 1 < n; i++)
                if (s[i] == '.' && s[i + 1] == '.')
                        return "must not have two dots together";
        return NULL;
}

const char *name_check_branch(const char *branch)
{
        const char *why = NULL, *at = branch;

        if (str_empty(branch))
                return "must not be empty";
        if (strlen(branch) > NAME_BRANCH_BYTES_MAX)
                return "must not be longer than 200 characters";
        /* Less than git allows: "@{", "~" and their like mean something to it, and other letters than these
         * make a name that looks like another one. */
        if (branch[strspn(branch, LOWER UPPER DIGITS "._/+#=,-")])
                return "must be of letters (a to z), digits and . _ / + # = , -";
        while (!why) {
                size_t n = strcspn(at, "/");

                why = check_component(at, n);
                if (!at[n])
                        break;
                at += n + 1;
        }
        if (why)
                return why;
        if (is_reserved(branch) || strncasecmp(branch, "refs/", 5) == 0)
                return "must be another name: this one means something to git";
        return NULL;
}

const char *name_check_workspace(const char *name)
{
        if (str_empty(name))
                return "must not be empty";
        if (!is_label(name, NAME_WORKSPACE_CHARS_MAX))
                return "must be 1 to 53 of a-z, 0-9 and dashes, with a letter or digit first and last";
        return is_reserved(name) ? "must be another name: this one means something to git or to the system"
                                 : NULL;
}

const char *name_check_session(const char *ref)
{
        if (str_empty(ref))
                return "must not be empty";
        if (!consists_of(ref, NAME_SESSION_CHARS_MAX, LOWER UPPER DIGITS "._-"))
                return "must be 1 to 64 of letters, digits, dots, underscores and dashes";
        if (ref[0] == '.' || ref[0] == '-' || ends_with(ref, ".git") || ends_with(ref, ".lock") ||
            is_reserved(ref))
                return "must not begin with a dot or a dash, end in .git or .lock, or be one of git's own names";
        return NULL;
}

/* --- addresses --- */

/* What stands before the host and after it is told apart without more of a URL's grammar than git itself
 * uses: a scheme and "://", or the scp form "user@host:path". NULL: it is neither. */
static const char *after_scheme(const char *url)
{
        static const char *const schemes[] = {"https://", "http://", "ssh://", "git://", "file://"};

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
                        return url + strlen(schemes[i]);
        return NULL;
}

static bool is_scp(const char *url)
{
        size_t n_host = strcspn(url, ":/");

        return !strstr(url, "://") && url[n_host] == ':' && n_host > 1 && url[n_host + 1] &&
               url[n_host + 1] != ':' && strspn(url, LOWER UPPER DIGITS "._@-") == n_host;
}

const char *name_check_url(const char *url)
{
        const char *host;

        if (str_empty(url))
                return "must not be empty";
        if (strlen(url) > 2000)
                return "must not be longer than 2000 characters";
        for (const unsigned char *s = (const unsigned char *) url; *s; s++)
                if (*s <= ' ' || *s == 0x7F)
                        return "must not have spaces or control characters in it";
        host = after_scheme(url);
        /* "-oProxyCommand=…" as a host would become an option of ssh. */
        if (url[0] == '-' || (host && (host[0] == '-' || !host[0])) || strstr(url, "@-"))
                return "must have a host name after the scheme";
        return host || is_scp(url)
                       ? NULL
                       : "must be an address such as https://host/owner/name.git or git@host:owner/name.git";
}

/* The parts of the path from the end: `i` 0 is the last one. */
static char *part_from_end(const char *url, unsigned i)
{
        const char *path = after_scheme(url), *end, *start;
        _cleanup_free_ char *part = NULL;

        /* The host is no part of the path, but a file:// address has none. */
        path = path ? path + strcspn(path, "/") : strchr(url, ':');
        if (!path || !*path)
                return NULL;
        end = path + strlen(path);
        for (;; i--) {
                while (end > path && (end[-1] == '/' || end[-1] == ':'))
                        end--;
                start = end;
                while (start > path && start[-1] != '/' && start[-1] != ':')
                        start--;
                if (i == 0 || start == end)
                        break;
                end = start;
        }
        part = mem_strndup(start, (size_t) (end - start));
        if (strlen(part) > 4 && ends_with(part, ".git"))
                part[strlen(part) - 4] = 0;
        for (char *s = part; *s; s++)
                if (!strchr(LOWER UPPER DIGITS "._-", *s))
                        *s = '-';
        if (strlen(part) > NAME_REPOSITORY_CHARS_MAX)
                part[NAME_REPOSITORY_CHARS_MAX] = 0;
        return name_check_repository(part) ? NULL : take(part);
}

char *name_of_url(const char *url)
{
        return part_from_end(url, 0);
}

char *name_owner_of_url(const char *url)
{
        return part_from_end(url, 1);
}

char *name_url_public(const char *url)
{
        const char *host = after_scheme(url), *at;

        if (!host)
                return mem_strdup(url); /* user@host:path: the user is no secret, and there is no password */
        at = memrchr(host, '@', strcspn(host, "/?#"));
        return at ? mem_printf("%.*s%s", (int) (host - url), url, at + 1) : mem_strdup(url);
}

/* --- names of workspaces --- */

char *name_workspace(const char *project, const char *slug)
{
        return str_empty(project) ? mem_strdup(slug) : mem_printf("%s-%s", project, slug);
}

char *name_feature_branch(const char *project, const char *slug)
{
        _cleanup_free_ char *name = name_workspace(project, slug);

        return mem_printf("feature/%s", name);
}
