/* A bad machine, for one process: preloaded (LD_PRELOAD) under the gateway, it lets writes below one
 * directory fail, makes fsync slow, and moves the wall clock, while the test says what and when.
 *
 * The orders are in the file that CHAOS_FILE names, mapped by both sides (tests/chaos/chaos.mjs writes it):
 *   0  int32  errno of writes and of files opened for writing below CHAOS_DIR; 0 = they work
 *   4  int32  errno of fsync and fdatasync
 *   8  int32  milliseconds that fsync and fdatasync take longer
 *  12  int32  how many calls failed (counted here)
 *  16  int64  milliseconds added to CLOCK_REALTIME
 * Rejected: a file system of its own (FUSE, a small tmpfs) needs privileges that a developer's machine and CI
 * do not have. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct Orders {
        volatile int32_t write_errno, sync_errno, sync_ms, n_failed;
        volatile int64_t clock_ms;
} Orders;

static Orders none, *orders = &none;
static const char *directory = "";

#define REAL(name)                                                                                           \
        static __typeof__(&name) real;                                                                       \
        if (!real)                                                                                           \
        real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void)
{
        const char *file = getenv("CHAOS_FILE"), *dir = getenv("CHAOS_DIR");
        int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
        void *map =
                fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (fd >= 0)
                close(fd);
        if (map == MAP_FAILED || !dir) {
                fprintf(stderr, "chaos: CHAOS_FILE and CHAOS_DIR must say what to do\n");
                _exit(99);
        }
        orders = map;
        directory = dir;
}

static int fails(int error)
{
        __atomic_add_fetch(&orders->n_failed, 1, __ATOMIC_SEQ_CST);
        errno = error;
        return -1;
}

static int concerns_path(const char *path)
{
        return strncmp(path, directory, strlen(directory)) == 0;
}

static int concerns(int fd)
{
        char link[32], path[512];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return 0;
        path[n] = '\0';
        return concerns_path(path);
}

#define FAIL_WRITE(fd)                                                                                       \
        do {                                                                                                 \
                if (orders->write_errno && concerns(fd))                                                     \
                        return fails(orders->write_errno);                                                   \
        } while (0)

ssize_t write(int fd, const void *data, size_t n)
{
        REAL(write);
        FAIL_WRITE(fd);
        return real(fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
        REAL(pwrite);
        FAIL_WRITE(fd);
        return real(fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
        REAL(pwrite64);
        FAIL_WRITE(fd);
        return real(fd, data, n, at);
}

int ftruncate(int fd, off_t n)
{
        REAL(ftruncate);
        FAIL_WRITE(fd);
        return real(fd, n);
}

int ftruncate64(int fd, off64_t n)
{
        REAL(ftruncate64);
        FAIL_WRITE(fd);
        return real(fd, n);
}

/* Opening for writing fails where writing would fail because of the place (read-only), not because of room.
 */
static int open_fails(const char *path, int flags)
{
        return orders->write_errno == EROFS && (flags & O_ACCMODE) != O_RDONLY && concerns_path(path);
}

#define OPEN(name)                                                                                           \
        int name(const char *path, int flags, ...)                                                           \
        {                                                                                                    \
                REAL(name);                                                                                  \
                va_list ap;                                                                                  \
                mode_t mode;                                                                                 \
                va_start(ap, flags);                                                                         \
                mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(ap, mode_t) : 0;                             \
                va_end(ap);                                                                                  \
                if (open_fails(path, flags))                                                                 \
                        return fails(EROFS);                                                                 \
                return real(path, flags, mode);                                                              \
        }
OPEN(open)
OPEN(open64)

static int before_sync(int fd)
{
        struct timespec t = {orders->sync_ms / 1000, (orders->sync_ms % 1000) * 1000000L};

        if (!concerns(fd))
                return 0;
        if (orders->sync_ms > 0)
                nanosleep(&t, NULL);
        return orders->sync_errno ? fails(orders->sync_errno) : 0;
}

int fsync(int fd)
{
        REAL(fsync);
        return before_sync(fd) < 0 ? -1 : real(fd);
}

int fdatasync(int fd)
{
        REAL(fdatasync);
        return before_sync(fd) < 0 ? -1 : real(fd);
}

static void shift(struct timespec *t)
{
        int64_t ns = t->tv_nsec + orders->clock_ms % 1000 * 1000000;

        t->tv_sec += orders->clock_ms / 1000 + (ns < 0 ? -1 : ns >= 1000000000 ? 1 : 0);
        t->tv_nsec = (ns + 1000000000) % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
        REAL(clock_gettime);
        int r = real(clock, ret);

        if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) && orders->clock_ms)
                shift(ret);
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
        struct timespec t;
        int r = clock_gettime(CLOCK_REALTIME, &t);

        (void) zone;
        *ret = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
        return r;
}

time_t time(time_t *ret)
{
        struct timespec t = {};

        clock_gettime(CLOCK_REALTIME, &t);
        if (ret)
                *ret = t.tv_sec;
        return t.tv_sec;
}
