/* files, git, problem: what is removed and what is not, what is read and written, what git is given of our
 * environment, and what its words mean to a person. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "integrations/git/files.h"
#include "integrations/git/git.h"

static char dir[64];

static int setup(void **state)
{
        strcpy(dir, "/tmp/test-git-files-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        _cleanup_problem_ Problem problem = {0};

        return tree_remove(dir, NULL, &problem) ? 0 : -1;
}

static char *in(const char *name)
{
        return mem_printf("%s/%s", dir, name);
}

static void put(const char *name, const char *text)
{
        _cleanup_free_ char *path = in(name), *above = mem_strdup(path);
        _cleanup_problem_ Problem problem = {0};

        *strrchr(above, '/') = 0;
        assert_true(dir_make(above, &problem));
        assert_true(file_write_atomic(path, text, strlen(text), &problem));
}

static bool is_there(const char *name)
{
        _cleanup_free_ char *path = in(name);
        struct stat st;

        return lstat(path, &st) == 0;
}

static void test_a_tree_is_removed_and_nothing_else(void **state)
{
        _cleanup_free_ char *tree = in("tree"), *outside = in("outside"), *to_dir = in("tree/a/to-dir"),
                            *to_file = in("tree/to-file"), *file = in("outside/file"),
                            *shut = in("tree/shut"), *link = in("link");
        _cleanup_problem_ Problem problem = {0};

        put("outside/file", "precious");
        put("tree/a/b/c", "x");
        put("tree/shut/in", "x");
        assert_int_equal(symlink(outside, to_dir), 0);
        assert_int_equal(symlink(file, to_file), 0);
        assert_int_equal(chmod(shut, 0500), 0);
        assert_int_equal(symlink(outside, link), 0);
        assert_true(tree_remove(tree, NULL, &problem));
        assert_false(is_there("tree"));
        assert_true(tree_remove(tree, NULL, &problem)); /* what is not there is fine */
        assert_true(tree_remove(link, NULL, &problem)); /* the link, not what it leads to */
        assert_false(is_there("link"));
        assert_true(is_there("outside/file"));
}

static void test_removing_can_be_cancelled(void **state)
{
        _cleanup_free_ char *tree = in("tree");
        _cleanup_problem_ Problem problem = {0};
        ChildCancel *cancel = child_cancel_new();

        put("tree/a", "x");
        child_cancel_set(cancel);
        assert_false(tree_remove(tree, cancel, &problem));
        assert_string_equal(problem.code, "cancelled");
        assert_true(is_there("tree/a"));
        child_cancel_free(cancel);
}

static void test_reading(void **state)
{
        _cleanup_free_ char *file = in("file"), *fifo = in("fifo"), *text = NULL, *start = NULL;
        size_t n;
        bool cut;
        int error;

        put("file", "hello");
        text = file_read(file, 5, &n, &error);
        assert_string_equal(text, "hello");
        assert_null(file_read(file, 4, &n, &error));
        assert_int_equal(error, EFBIG);
        start = file_read_start(file, 4, &n, &cut, &error);
        assert_string_equal(start, "hell");
        assert_true(cut);
        assert_int_equal(mkfifo(fifo, 0600), 0); /* does not hold us up */
        assert_null(file_read(fifo, 10, &n, &error));
        assert_int_equal(error, EINVAL);
        assert_null(file_read(dir, 10, &n, &error));
        assert_int_equal(error, EISDIR);
}

static void test_leftovers_of_the_killed_are_removed(void **state)
{
        _cleanup_free_ char *path = in("state"), *old = in("state.tmp-aaaaaa"),
                            *other = in("other.tmp-aaaaaa");
        const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

        put("state", "x");
        put("state.tmp-aaaaaa", "half");
        put("state.tmp-bbbbbb", "being written");
        put("other.tmp-aaaaaa", "of another file");
        assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, other, long_ago, 0), 0);
        file_remove_leftovers(path);
        assert_false(is_there("state.tmp-aaaaaa"));
        assert_true(is_there("state") && is_there("state.tmp-bbbbbb") && is_there("other.tmp-aaaaaa"));
}

static void test_a_lock_is_one_at_a_time(void **state)
{
        _cleanup_free_ char *path = in("lock");
        _cleanup_problem_ Problem problem = {0};
        int first = lock_take(path, 0, NULL, "It", &problem), second;

        assert_true(first >= 0);
        assert_int_equal(lock_take(path, 30, NULL, "The workspace x", &problem), -1);
        assert_string_equal(problem.code, "busy");
        assert_non_null(strstr(problem.message, "The workspace x"));
        assert_true(problem_is_temporary(&problem));
        lock_close(&first);
        second = lock_take(path, 0, NULL, "It", &problem);
        assert_true(second >= 0);
        lock_close(&second);
        lock_close(&second); /* as often as one likes */
}

static void test_git_is_given_no_secrets(void **state)
{
        char *env[GIT_ENV_MAX] = {NULL};
        bool has_path = false;

        setenv("SLACK_BOT_TOKEN", "xoxb-secret", 1);
        setenv("GATEWAY_BRIDGE_TOKEN", "secret", 1);
        setenv("GIT_DIR", "/somewhere/else", 1);
        git_environment(env, &(Git){.index_file = "/an/index"});
        for (char **e = env; *e; e++) {
                assert_null(strstr(*e, "secret"));
                assert_false(str_starts_with(*e, "GIT_DIR="));
                has_path = has_path || str_starts_with(*e, "PATH=");
                free(*e);
        }
        assert_true(has_path);
}

static const char *meaning(const char *said)
{
        static Problem problem;
        Child child = {.end = CHILD_EXITED, .status = 128};

        problem_deinit(&problem);
        buf_append_str(&child.err, said);
        problem_set_child(&problem, &child, "git", "make it");
        child_deinit(&child);
        assert_true(str_starts_with(problem.message, "Could not make it"));
        return problem.code;
}

static void test_what_gits_words_mean(void **state)
{
        assert_string_equal(meaning("fatal: write error: No space left on device\n"), "disk_full");
        assert_string_equal(
                meaning("fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git\n"),
                "locked");
        assert_string_equal(meaning("fatal: unable to access 'http://h/x/': Could not resolve host: h\n"),
                            "unreachable");
        assert_string_equal(
                meaning("fatal: could not read Username for 'https://h': terminal prompts disabled\n"),
                "auth");
        assert_string_equal(
                meaning("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n"),
                "auth");
        assert_string_equal(meaning("fatal: detected dubious ownership in repository at '/r'\n"),
                            "permission");
        assert_string_equal(meaning("fatal: 'x' is already checked out at '/w'\n"), "branch_exists");
        assert_string_equal(meaning("fatal: bad\xFF\xFE object\n"), "git_error");
        assert_string_equal(meaning(""), "git_error");
}

static void test_a_problem_for_people(void **state)
{
        _cleanup_problem_ Problem problem = {0};
        _cleanup_json_ json_t *value = NULL;
        Child child = {.end = CHILD_EXITED, .status = 1};

        buf_append_str(&child.err, "warning: something\nfatal: it is \xFF broken\nhint: try harder\n");
        problem_set_child(&problem, &child, "git", "read it");
        child_deinit(&child);
        assert_false(problem_set(&problem, "later", "is not the cause"));
        problem.field = mem_strdup("slug");
        value = problem_to_json(&problem);
        assert_string_equal(json_str(value, "message"), "Could not read it: it is ? broken");
        assert_string_equal(json_str(value, "error"), "git_error");
        assert_string_equal(json_str(value, "field"), "slug");
        assert_non_null(strstr(json_str(value, "details"), "try harder"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_tree_is_removed_and_nothing_else, setup, teardown),
                cmocka_unit_test_setup_teardown(test_removing_can_be_cancelled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
                cmocka_unit_test_setup_teardown(test_leftovers_of_the_killed_are_removed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_lock_is_one_at_a_time, setup, teardown),
                cmocka_unit_test(test_git_is_given_no_secrets),
                cmocka_unit_test(test_what_gits_words_mean),
                cmocka_unit_test(test_a_problem_for_people),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
