/* `agents install`: the roles as agents of OpenCode's own, for those who have no others. */
#include "gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/agents.h"

/* Where OpenCode looks for every project. Owned; NULL without a home. */
static char *default_directory(void)
{
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

        if (!str_empty(config))
                return mem_printf("%s/opencode/agents", config);
        return str_empty(home) ? NULL : mem_printf("%s/.config/opencode/agents", home);
}

static int make_directories(const char *path)
{
        _cleanup_free_ char *part = mem_strdup(path);

        for (char *p = part + 1; *p; p++)
                if (*p == '/') {
                        *p = 0;
                        if (mkdir(part, 0777) < 0 && errno != EEXIST)
                                return -errno;
                        *p = '/';
                }
        return mkdir(part, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

/* True when the file has just this text. */
static bool is_same(const char *path, const char *text)
{
        FILE *f = fopen(path, "re");
        size_t n = strlen(text), n_read;
        _cleanup_free_ char *found = f ? mem_alloc(n + 2) : NULL;

        if (!f)
                return false;
        n_read = fread(found, 1, n + 1, f);
        fclose(f);
        return n_read == n && memcmp(found, text, n) == 0;
}

/* A file of that name is somebody's work: it stays. */
static bool write_new(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        bool good = f && fputs(text, f) >= 0;

        if (f && fclose(f) != 0)
                good = false;
        if (good)
                printf("written     %s\n", path);
        else if (fd < 0 && errno == EEXIST)
                printf("%s %s\n", is_same(path, text) ? "there      " : "kept, other", path);
        else
                fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
        return good || (fd < 0 && errno == EEXIST);
}

int gateway_agents_install(const char *directory)
{
        _cleanup_free_ char *fallback = directory ? NULL : default_directory();
        bool good = true;
        int r;

        if (!directory)
                directory = fallback;
        if (!directory) {
                fprintf(stderr, "there is no HOME: name the directory, for example .opencode/agents\n");
                return 2;
        }
        r = make_directories(directory);
        if (r < 0) {
                fprintf(stderr, "cannot make %s: %s\n", directory, strerror(-r));
                return 1;
        }
        for (size_t i = 0; i < AGENT_ROLES_N; i++) {
                _cleanup_free_ char *path = mem_printf("%s/%s", directory, agent_definition_file(i));

                good &= write_new(path, agent_definition_text(i));
        }
        if (good)
                printf("OpenCode reads them when it opens a directory anew: restart it.\n");
        return good ? 0 : 1;
}
