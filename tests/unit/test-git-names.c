/* names: what titles become, and what is let through to the file system and to git. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "integrations/git/names.h"

static void test_slugs(void **state)
{
        static const struct {
                const char *title, *slug;
        } cases[] = {
                {"Add rate limiting", "add-rate-limiting"},
                {"  Fix: login (again)!  ", "fix-login-again"},
                {"Größe & Straße", "groesse-strasse"},
                {"Ærøskøbing Žluťoučký Łódź", "aeroskobing-zlutoucky-lodz"},
                {"cafe\xCC\x81 don't don\xE2\x80\x99t", "cafe-dont-dont"}, /* a mark behind its letter */
                {"", "task"},
                {NULL, "task"},
                {"🚀🔥", "task"},
                {"日本語", "task"},
                {"日本語 v2", "v2"},
                {"\xE2\x80\xAE"
                 "evil\xE2\x80\xAC",
                 "evil"}, /* right to left */
                {"../../etc/passwd", "etc-passwd"},
                {"-rf", "rf"},
                {"--upload-pack=touch x", "upload-pack-touch-x"},
                {"a; rm -rf $HOME `id`", "a-rm-rf-home-id"},
                {"one\ntwo\r\n\tthree", "one-two-three"},
                {"HEAD", "head-task"},
                {".git", "git-task"},
                {"CON", "con-task"},
                {"x@{1}.lock", "x-1-lock"},
                {"\xFF\xFE\xC0\xAF\xED\xA0\x80 ok", "ok"},
                {"a\xC3", "a"}, /* ends within a letter */
                {"1234567890 1234567890 1234567890 123456 89", "1234567890-1234567890-1234567890-123456"},
                {"1234567890 1234567890 1234567890 1234567", "1234567890-1234567890-1234567890-1234567"},
                {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        };
        _cleanup_free_ char *big = mem_zalloc(10241), *slug = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *made = name_slug(cases[i].title);

                assert_string_equal(made, cases[i].slug);
                assert_null(name_check_slug(made));
        }
        memset(big, '-', 10240);
        slug = name_slug(big);
        assert_string_equal(slug, "task");
}

typedef const char *(*Check)(const char *);

static void expect_all(Check check, bool good, const char *const *names)
{
        for (; *names; names++) {
                const char *why = check(*names);

                if (good && why)
                        fail_msg("\"%s\": %s", *names, why);
                if (!good && !why)
                        fail_msg("\"%s\" was let through", *names);
                if (why && !str_starts_with(why, "must "))
                        fail_msg("\"%s\": \"%s\" does not say what it must be", *names, why);
        }
}
#define GOOD(_check, ...) expect_all((_check), true, (const char *const[]){__VA_ARGS__, NULL})
#define BAD(_check, ...)  expect_all((_check), false, (const char *const[]){__VA_ARGS__, NULL})

#define HOSTILE                                                                                              \
        "", ".", "..", "../x", "-rf", "--help", "a b", "a;b", "a|b", "$(id)", "`id`", "a\nb", "a\tb",        \
                ".git", "HEAD", "a@{1}", "x.lock",                                                           \
                "\xE2\x80\xAE"                                                                               \
                "x",                                                                                         \
                "\xF0\x9F\x9A\x80", "\xFF", "a\\b", "a:b", "a*b", "a?b", "a[b", "a~b", "a^b", "a\x7F",       \
                "a'b", "a\"b"

static void test_checks(void **state)
{
        _cleanup_free_ char *big = mem_zalloc(10241);

        memset(big, 'a', 10240);
        BAD(name_check_slug, HOSTILE, "A", "a/b", "a.b", "-a", "a-", "head", big);
        GOOD(name_check_slug, "a", "0", "add-rate-limiting", "a--b");
        BAD(name_check_project, HOSTILE, "a/b", "GW", "1234567890123", big);
        GOOD(name_check_project, "0012", "7", "gw-7", "123456789012");
        BAD(name_check_repository, HOSTILE, "a/b", "a.git", "A.GIT", "a.LOCK", "a.", ".hidden", big);
        GOOD(name_check_repository, "api", "domain-apis", "my.repo_2", "A", "next.js");
        BAD(name_check_branch, HOSTILE, "/a", "a/", "a//b", "a/.b", "a/-b", "a.", "a/b.lock/c", "a..b", "@",
            "refs/heads/x", "HEAD", "Head", "FETCH_HEAD\n", big);
        GOOD(name_check_branch, "main", "feature/0012-x", "release/1.2", "user_x/y", "dependabot/npm+yarn",
             "fix#12", "a-b=c,d");
        BAD(name_check_workspace, HOSTILE, "a/b", "A", big);
        GOOD(name_check_workspace, "0012-add-rate-limiting", "task");
        BAD(name_check_session, HOSTILE, "a/b", big);
        GOOD(name_check_session, "ses_12AB", "C0GENERAL-1700000000.000100", "01J9Z");
        BAD(name_check_url, "", "-oProxyCommand=id", "ssh://-oProxyCommand=id/x", "ext::sh -c id", "ext::sh",
            "https://", "a b", "https://h/a\nb", "/etc/passwd", "../x", "git@-oProxyCommand=id:x", "fd::17",
            "ftp://h/x", "C:", "host:", big);
        GOOD(name_check_url, "https://github.com/org/api.git", "git@github.com:org/api.git",
             "ssh://git@h:22/org/api", "file:///srv/git/api.git", "http://127.0.0.1:3000/x", "HTTPS://H/x",
             "build.example:org/x");
}

static void test_addresses(void **state)
{
        static const struct {
                const char *url, *name, *owner, *public;
        } cases[] = {
                {"https://github.com/org/api.git", "api", "org", "https://github.com/org/api.git"},
                {"https://user:secret@h/org/api/", "api", "org", "https://h/org/api/"},
                {"https://us@er:se@cret@h/org/api", "api", "org", "https://h/org/api"},
                {"https://h/a@b/api", "api", "a-b", "https://h/a@b/api"},
                {"git@github.com:org/api.git", "api", "org", "git@github.com:org/api.git"},
                {"git@h:api", "api", NULL, "git@h:api"},
                {"file:///srv/all/api.git", "api", "all", "file:///srv/all/api.git"},
                {"https://h/a%20b", "a-20b", NULL, "https://h/a%20b"},
                {"https://h/", NULL, NULL, "https://h/"},
                {"https://h", NULL, NULL, "https://h"},
                {"https://h/org/.git", NULL, "org", "https://h/org/.git"},
                {"https://h/org/..", NULL, "org", "https://h/org/.."},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *name = name_of_url(cases[i].url),
                                    *owner = name_owner_of_url(cases[i].url),
                                    *public = name_url_public(cases[i].url);

                assert_true(str_equal(name, cases[i].name));
                assert_true(str_equal(owner, cases[i].owner));
                assert_string_equal(public, cases[i].public);
        }
}

static void test_names_of_workspaces(void **state)
{
        _cleanup_free_ char *name = name_workspace("0012", "add-rate-limiting"),
                            *alone = name_workspace("", "x"), *branch = name_feature_branch("0012", "x"),
                            *none = name_feature_branch(NULL, "x"), *longest = NULL;
        char slug[NAME_SLUG_CHARS_MAX + 1] = "";

        assert_string_equal(name, "0012-add-rate-limiting");
        assert_string_equal(alone, "x");
        assert_string_equal(branch, "feature/0012-x");
        assert_string_equal(none, "feature/x");
        memset(slug, 's', NAME_SLUG_CHARS_MAX);
        longest = name_workspace("123456789012", slug);
        assert_null(name_check_workspace(longest));
        assert_true(strlen(longest) + strlen("-lab") <= 63); /* a DNS label */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slugs),
                cmocka_unit_test(test_checks),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_names_of_workspaces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
