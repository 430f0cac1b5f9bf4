#include "integrations/git/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"

#define LOCK_LOOK_MS   20
#define DEPTH_MAX      200
#define LEFTOVER_AGE_S 60

bool dir_make(const char *path, Problem *problem)
{
        _cleanup_free_ char *part = mem_strdup(path);
        struct stat st;

        for (char *s = part + 1;; s++) {
                char c = *s;

                if (c && c != '/')
                        continue;
                *s = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST) {
                        _cleanup_free_ char *doing = mem_printf("make the directory %s", path);

                        return problem_set_errno(problem, errno, doing);
                }
                *s = c;
                if (!c)
                        break;
        }
        if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
                return problem_set(problem, "permission", "%s is not a directory.", path);
        return true;
}

static bool write_all(int fd, const char *data, size_t n)
{
        while (n > 0) {
                ssize_t w = write(fd, data, n);

                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return false;
                data += w;
                n -= (size_t) w;
        }
        return true;
}

static bool sync_directory_of(const char *path)
{
        _cleanup_free_ char *dir = mem_strndup(path, (size_t) (strrchr(path, '/') - path));
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

        if (fd < 0)
                return false;
        r = fsync(fd);
        close(fd);
        return r == 0;
}

bool file_write_atomic(const char *path, const void *data, size_t n_bytes, Problem *problem)
{
        _cleanup_free_ char *temporary = mem_printf("%s.tmp-XXXXXX", path),
                            *doing = mem_printf("write %s", path);
        int fd = mkostemp(temporary, O_CLOEXEC), error = 0;

        if (fd < 0)
                return problem_set_errno(problem, errno, doing);
        if (fchmod(fd, 0644) < 0 || !write_all(fd, data, n_bytes) || fsync(fd) < 0)
                error = errno;
        if (close(fd) < 0 && !error)
                error = errno;
        FAILPOINT("workspace.file.before_rename");
        if (!error && (rename(temporary, path) < 0 || !sync_directory_of(path)))
                error = errno;
        if (error) {
                unlink(temporary); /* gone already when only the directory could not be synced */
                return problem_set_errno(problem, error, doing);
        }
        return true;
}

void file_remove_leftovers(const char *path)
{
        const char *name = strrchr(path, '/') + 1;
        _cleanup_free_ char *above = mem_strndup(path, (size_t) (name - path)),
                            *prefix = mem_printf("%s.tmp-", name);
        DIR *dir = opendir(above);
        struct dirent *entry;
        struct stat st;

        while (dir && (entry = readdir(dir)))
                if (str_starts_with(entry->d_name, prefix) &&
                    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode) && clock_realtime_ms() / 1000 - st.st_mtime > LEFTOVER_AGE_S)
                        unlinkat(dirfd(dir), entry->d_name, 0); /* one that cannot be removed does no harm */
        if (dir)
                closedir(dir);
}

char *file_read_start(const char *path, size_t max_bytes, size_t *ret_n_bytes, bool *ret_cut, int *ret_errno)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not hold us up */
        _cleanup_buf_ Buf text = {0};
        struct stat st;
        ssize_t n = 0;

        *ret_errno = 0;
        *ret_cut = false;
        if (fd < 0 || fstat(fd, &st) < 0)
                *ret_errno = errno;
        else if (!S_ISREG(st.st_mode))
                *ret_errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        while (!*ret_errno && buf_len(&text) <= max_bytes) {
                n = read(fd, buf_reserve(&text, 65536), 65536);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        *ret_errno = errno;
                if (n <= 0)
                        break;
                buf_commit(&text, (size_t) n);
        }
        if (fd >= 0)
                close(fd);
        if (*ret_errno)
                return NULL;
        *ret_cut = buf_len(&text) > max_bytes;
        *ret_n_bytes = MIN2(buf_len(&text), max_bytes);
        return mem_strndup(buf_bytes(&text), *ret_n_bytes);
}

char *file_read(const char *path, size_t max_bytes, size_t *ret_n_bytes, int *ret_errno)
{
        bool cut;
        char *text = file_read_start(path, max_bytes, ret_n_bytes, &cut, ret_errno);

        if (!text || !cut)
                return text;
        free(text);
        *ret_errno = EFBIG;
        return NULL;
}

/* --- trees --- */

/* A directory of `fd`, never what a link points to. Agents make read-only ones, too. < 0: errno. */
static int open_below(int fd, const char *name)
{
        int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (sub >= 0 || errno != EACCES || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISDIR(st.st_mode))
                return sub;
        if (fchmodat(fd, name, 0700, 0) < 0)
                return -1;
        return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool remove_below(int fd /* stolen */, dev_t device, unsigned depth, const ChildCancel *cancel);

/* False: errno. */
static bool remove_entry(int fd, const char *name, dev_t device, unsigned depth, const ChildCancel *cancel)
{
        struct stat st;
        int sub, error;

        if (child_cancel_is_set(cancel)) {
                errno = ECANCELED;
                return false;
        }
        if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
                return true;
        error = errno;
        sub = open_below(fd, name);
        if (sub < 0) {
                errno = errno == ENOTDIR ? error : errno;
                return false;
        }
        if (fstat(sub, &st) < 0 || st.st_dev != device || depth >= DEPTH_MAX) {
                close(sub);
                errno = depth >= DEPTH_MAX ? ELOOP : EXDEV;
                return false;
        }
        return remove_below(sub, device, depth + 1, cancel) &&
               (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

static bool remove_below(int fd, dev_t device, unsigned depth, const ChildCancel *cancel)
{
        DIR *dir = fdopendir(fd);
        struct dirent *entry;
        struct stat st;
        int error = 0;

        if (!dir) {
                error = errno;
                close(fd);
                errno = error;
                return false;
        }
        if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
                fchmod(fd, 0700); /* where it fails, what follows says why */
        while (!error && (errno = 0, entry = readdir(dir)))
                if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..") &&
                    !remove_entry(fd, entry->d_name, device, depth, cancel))
                        error = errno;
        error = error ? error : errno;
        closedir(dir);
        errno = error;
        return error == 0;
}

bool tree_remove(const char *path, const ChildCancel *cancel, Problem *problem)
{
        _cleanup_free_ char *doing = mem_printf("remove %s", path);
        struct stat st;
        int fd;

        if (lstat(path, &st) < 0)
                return errno == ENOENT || problem_set_errno(problem, errno, doing);
        if (!S_ISDIR(st.st_mode))
                return unlink(path) == 0 || errno == ENOENT || problem_set_errno(problem, errno, doing);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || !remove_below(fd, st.st_dev, 0, cancel) || (rmdir(path) < 0 && errno != ENOENT)) {
                if (errno == ECANCELED)
                        return problem_set(problem, "cancelled", "The gateway is stopping.");
                return problem_set_errno(problem, errno, doing);
        }
        return true;
}

static int64_t size_below(int fd /* stolen */, dev_t device, unsigned depth, unsigned *left,
                          const ChildCancel *cancel)
{
        DIR *dir = fdopendir(fd);
        struct dirent *entry;
        int64_t bytes = 0;

        if (!dir) {
                close(fd);
                return 0;
        }
        while (*left > 0 && !child_cancel_is_set(cancel) && (entry = readdir(dir))) {
                struct stat st;
                int sub;

                if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
                        continue;
                --*left;
                if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue; /* gone meanwhile */
                if (!S_ISDIR(st.st_mode)) {
                        bytes += st.st_size;
                        continue;
                }
                sub = st.st_dev == device && depth < DEPTH_MAX
                              ? openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                              : -1;
                if (sub >= 0)
                        bytes += size_below(sub, device, depth + 1, left, cancel);
        }
        closedir(dir);
        return bytes;
}

int64_t tree_size(const char *path, unsigned max_entries, const ChildCancel *cancel, bool *ret_truncated)
{
        unsigned left = max_entries;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        int64_t bytes;

        *ret_truncated = false;
        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0) {
                close(fd);
                return 0;
        }
        bytes = size_below(fd, st.st_dev, 0, &left, cancel);
        *ret_truncated = left == 0;
        return bytes;
}

/* --- locks --- */

int lock_take(const char *path, int64_t wait_ms, const ChildCancel *cancel, const char *what,
              Problem *problem)
{
        int64_t end_ms = clock_monotonic_ms() + wait_ms;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0) {
                _cleanup_free_ char *doing = mem_printf("lock %s", what);

                problem_set_errno(problem, errno, doing);
                return -1;
        }
        /* flock() has no time limit of its own. */
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EINTR)
                        continue;
                if (errno != EWOULDBLOCK)
                        problem_set_errno(problem, errno, "take a lock");
                else if (clock_monotonic_ms() >= end_ms)
                        problem_set(problem, "busy",
                                    "%s is being worked on at the moment. Try again in a minute.", what);
                else if (!child_cancel_wait(cancel, LOCK_LOOK_MS))
                        problem_set(problem, "cancelled", "The gateway is stopping.");
                else
                        continue;
                close(fd);
                return -1;
        }
        return fd;
}

void lock_close(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}
