#include "integrations/git/git.h"

#define OUT_BYTES_MAX (4u * 1024 * 1024)
#define ERR_BYTES_MAX (16u * 1024)

/* What is passed on. The gateway's own environment holds Slack's tokens, and nobody's repository or
 * credential helper has any business with them. */
static const char *const passed_on[] = {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "no_proxy",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "TMUX_TMPDIR",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "SSH_AUTH_SOCK",
        "TZ",
};

/* No prompt of any kind, English messages to be understood, no lock for the sake of a quicker status. */
static const char *const fixed[] = {
        "LC_ALL=C",         "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true",
        "SSH_ASKPASS=true", "GIT_OPTIONAL_LOCKS=0",  "GIT_EDITOR=true",
        "GIT_PAGER=cat",    "GIT_ADVICE=0",
};
_Static_assert(ELEMENTSOF(passed_on) + ELEMENTSOF(fixed) + 4 <= GIT_ENV_MAX, "there is room for all");

void git_environment(char *env[GIT_ENV_MAX], const Git *git)
{
        size_t n = 0;
        bool has_ssh = false;

        for (size_t i = 0; i < ELEMENTSOF(passed_on); i++) {
                const char *value = getenv(passed_on[i]);

                if (!value)
                        continue;
                has_ssh = has_ssh || str_starts_with(passed_on[i], "GIT_SSH");
                env[n++] = mem_printf("%s=%s", passed_on[i], value);
        }
        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                env[n++] = mem_strdup(fixed[i]);
        if (!has_ssh) /* ssh asks on its own */
                env[n++] = mem_strdup("GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=20");
        if (git && git->index_file)
                env[n++] = mem_printf("GIT_INDEX_FILE=%s", git->index_file);
        if (git && git->author_date)
                env[n++] = mem_printf("GIT_AUTHOR_DATE=%s", git->author_date);
        env[n] = NULL;
}

/* Nothing of a repository's own is run by our commands: no hooks, no monitor, no collection in the background
 * that would outlive them. */
static const char *const settings[] = {
        "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",     "-c", "gc.auto=0",
        "-c", "maintenance.auto=false",   "-c", "protocol.ext.allow=never", "-c", "core.quotePath=false",
        "-c", "commit.gpgSign=false",
};

void git_command(GitCommand *c, const Git *git, const char *dir, const char *const *args)
{
        size_t n = 0;

        *c = (GitCommand){0};
        c->argv[n++] = git->program ? git->program : "git";
        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                c->argv[n++] = settings[i];
        if (dir) {
                c->argv[n++] = "-C";
                c->argv[n++] = dir;
        }
        for (; *args && n + 1 < ELEMENTSOF(c->argv); args++)
                c->argv[n++] = *args;
        git_environment(c->env, git);
        c->child = (Child){
                .argv = c->argv,
                .env = (const char *const *) c->env,
                .n_keep_fds = git->n_keep_fds,
                .timeout_ms = git->local_timeout_ms ? git->local_timeout_ms : GIT_LOCAL_TIMEOUT_MS,
                .out_max_bytes = OUT_BYTES_MAX,
                .err_max_bytes = ERR_BYTES_MAX,
        };
        memcpy(c->child.keep_fds, git->keep_fds, sizeof(git->keep_fds));
}

void git_command_use_network(GitCommand *c, const Git *git)
{
        c->child.timeout_ms = git->network_timeout_ms ? git->network_timeout_ms : GIT_NETWORK_TIMEOUT_MS;
}

bool git_run(GitCommand *c, const Git *git, const char *doing, Problem *problem)
{
        child_run(&c->child, git->cancel);
        if (child_succeeded(&c->child))
                return true;
        return problem ? problem_set_child(problem, &c->child, "git", doing) : false;
}

void git_command_deinit(GitCommand *c)
{
        for (char **e = c->env; *e; e++)
                free(*e);
        child_deinit(&c->child);
        *c = (GitCommand){0};
}

bool git_do(const Git *git, const char *dir, const char *doing, Problem *problem, const char *const *args)
{
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, git, dir, args);
        return git_run(&c, git, doing, problem);
}

char *git_get(const Git *git, const char *dir, const char *doing, Problem *problem, const char *const *args)
{
        _cleanup_git_ GitCommand c = {0};
        size_t n;

        git_command(&c, git, dir, args);
        if (!git_run(&c, git, doing, problem))
                return NULL;
        n = buf_len(&c.child.out);
        while (n > 0 && buf_bytes(&c.child.out)[n - 1] == '\n')
                n--;
        return mem_strndup(buf_bytes(&c.child.out), n);
}

bool git_ask(const Git *git, const char *dir, bool *ret, Problem *problem, const char *const *args)
{
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, git, dir, args);
        child_run(&c.child, git->cancel);
        *ret = child_succeeded(&c.child);
        if (*ret || (c.child.end == CHILD_EXITED && c.child.status == 1))
                return true;
        return problem_set_child(problem, &c.child, "git", "read the repository");
}
