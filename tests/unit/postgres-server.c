#include "postgres-server.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define START_MS 60000

static struct {
        char dir[64], *bin;
        pid_t pid, owner;
        unsigned n_schemas;
        bool tried, running;
} server;

bool postgres_server_wanted(void)
{
        const char *database = getenv("TEST_DATABASE");

        return database && strcmp(database, "postgres") == 0;
}

static char *find_programs(void)
{
        glob_t found;
        char *bin = NULL;

        if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0) {
                const char *last = found.gl_pathv[found.gl_pathc - 1];

                bin = mem_strndup(last, strlen(last) - strlen("/postgres"));
        }
        globfree(&found);
        return bin;
}

static const struct passwd *unprivileged(void)
{
        const struct passwd *user = getpwnam("postgres");

        return user ? user : getpwnam("nobody");
}

/* A child that is not root, silent, and does not outlive us. */
static pid_t spawn(char *const *argv)
{
        pid_t parent = getpid(), pid = fork();

        if (pid != 0)
                return pid;
        if (geteuid() == 0) {
                const struct passwd *user = unprivileged();

                if (!user || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
                        _exit(126);
        }
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (getppid() != parent)
                _exit(125);
        setsid();
        int null = open("/dev/null", O_RDWR);
        _cleanup_free_ char *log = mem_printf("%s/log", server.dir);
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(null, 0);
        dup2(out, 1);
        dup2(out, 2);
        if (chdir(server.dir) == 0)
                execv(argv[0], argv);
        _exit(127);
}

static bool run(char *const *argv)
{
        int status = -1;
        pid_t pid = spawn(argv);

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static char *address(const char *rest)
{
        return mem_printf("postgresql:///postgres?host=%s&user=postgres%s", server.dir, rest);
}

static PGconn *dial(const char *url)
{
        int64_t deadline_ms = clock_monotonic_ms() + START_MS;

        for (;;) {
                PGconn *conn = PQconnectdb(url);

                if (PQstatus(conn) == CONNECTION_OK)
                        return conn;
                if (clock_monotonic_ms() > deadline_ms) {
                        fprintf(stderr, "PostgreSQL does not start: %s\n", PQerrorMessage(conn));
                        abort();
                }
                PQfinish(conn);
                nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
        }
}

static void start(void)
{
        _cleanup_free_ char *program = mem_printf("%s/postgres", server.bin),
                            *data = mem_printf("%s/data", server.dir);
        _cleanup_free_ char *url = address("");
        /* fsync off: what these tests lose is their process, not the machine's power. */
        char *argv[] = {program,
                        "-D",
                        data,
                        "-k",
                        server.dir,
                        "-c",
                        "listen_addresses=",
                        "-c",
                        "fsync=off",
                        "-c",
                        "shared_buffers=16MB",
                        "-c",
                        "max_connections=40",
                        "-c",
                        "deadlock_timeout=100ms",
                        NULL};

        server.pid = spawn(argv);
        PQfinish(dial(url));
        server.running = true;
}

static void end(int signo)
{
        if (!server.running)
                return;
        kill(server.pid, signo);
        while (waitpid(server.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        server.running = false;
}

static void clean_up(void)
{
        char *argv[] = {"/bin/rm", "-rf", server.dir, NULL};

        if (getpid() != server.owner)
                return; /* a forked test */
        end(SIGQUIT);
        if (fork() == 0)
                execv(argv[0], argv);
        else
                wait(NULL);
}

static void make(void)
{
        static const char template[] = "/tmp/postgres-server-XXXXXX";

        server.tried = true;
        server.bin = find_programs();
        if (!server.bin || (geteuid() == 0 && !unprivileged())) {
                fprintf(stderr,
                        "there is no PostgreSQL on this machine: skipped (apt install postgresql-15)\n");
                return;
        }
        memcpy(server.dir, template, sizeof(template));
        if (!mkdtemp(server.dir))
                abort();
        if (geteuid() == 0 && chown(server.dir, unprivileged()->pw_uid, unprivileged()->pw_gid) < 0)
                abort();
        server.owner = getpid();
        atexit(clean_up);
        _cleanup_free_ char *program = mem_printf("%s/initdb", server.bin),
                            *data = mem_printf("%s/data", server.dir);
        char *argv[] = {program, "-D",         data, "-U", "postgres", "-E",
                        "UTF8",  "--locale=C", "-N", "-A", "trust",    NULL};

        if (!run(argv)) {
                fprintf(stderr, "initdb failed, see %s/log\n", server.dir);
                abort();
        }
        start();
}

char *postgres_server_query(const char *url, const char *sql)
{
        PGconn *conn = dial(url);
        PGresult *result = PQexec(conn, sql);
        char *value = NULL;

        if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
                fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(conn));
                abort();
        }
        if (PQntuples(result) > 0)
                value = mem_strdup(PQgetvalue(result, 0, 0));
        PQclear(result);
        PQfinish(conn);
        return value;
}

char *postgres_server_schema(void)
{
        _cleanup_free_ char *root = NULL, *create = NULL, *options = NULL;

        if (!server.tried)
                make();
        if (!server.running)
                return NULL;
        root = address("");
        create = mem_printf("CREATE SCHEMA test_%u", ++server.n_schemas);
        free(postgres_server_query(root, create));
        options = mem_printf("&options=-csearch_path%%3Dtest_%u", server.n_schemas);
        return address(options);
}

void postgres_server_restart(int signo)
{
        end(signo);
        start();
}

void postgres_server_cut(const char *application_name)
{
        _cleanup_free_ char *url = address("");
        _cleanup_free_ char *sql = mem_printf(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE '%s%%'",
                application_name);

        free(postgres_server_query(url, sql));
}

void postgres_server_deafen(void)
{
        for (int fd = 0; fd < 1024; fd++) {
                struct sockaddr_un peer = {0};
                socklen_t n = sizeof(peer);

                if (getpeername(fd, (struct sockaddr *) &peer, &n) == 0 && peer.sun_family == AF_UNIX &&
                    str_starts_with(peer.sun_path, server.dir))
                        shutdown(fd, SHUT_RD);
        }
}

void postgres_server_hide(bool hidden)
{
        _cleanup_free_ char *socket_path = mem_printf("%s/.s.PGSQL.5432", server.dir),
                            *hidden_path = mem_printf("%s/hidden", server.dir);

        if (rename(hidden ? socket_path : hidden_path, hidden ? hidden_path : socket_path) < 0)
                abort();
}
