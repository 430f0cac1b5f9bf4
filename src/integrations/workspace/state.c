/* The loop's side of the state repository.
 *
 * Why a second performance is harmless: a write writes the same text, or finds it written; a commit finds
 * nothing new, and pushes what is not pushed. */
#include "integrations/workspace/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "integrations/git/names.h"
#include "integrations/workspace/state-internal.h"

#define WAITING_MAX        5000
#define NETWORK_TIMEOUT_MS (60 * 1000LL)
#define RETRY_MIN_MS       5000
#define RETRY_MAX_MS       (5 * 60 * 1000LL)
#define PREPARE_RETRY_MS   10000
#define MINUTE_MS          (60 * 1000LL)
#define SESSIONS_MAX       100000 /* of a restore */

typedef enum Phase { PHASE_PREPARING, PHASE_READY } Phase;

struct StateRepository {
        Loop *loop;
        Workers *writers, *git; /* git: one thread commits, one pushes; lanes keep them apart */
        char *directory, *remote;
        int64_t local_timeout_ms, network_timeout_ms, retry_min_ms, retry_max_ms;
        Phase phase;
        Problem trouble;      /* of preparing, while it is tried again */
        List waiting;         /* asks, until it is ready */
        List commits, pushes; /* requests that the next run takes */
        bool committing, pushing, has_remote, ahead;
        json_t *dirty; /* sessions written since the last commit; NULL = not known, all are */
        LoopTimer *retry;
        int64_t retry_ms;
        MetricSeries *writes, *committed, *pushed, *push_failed, *unpushed, *write_took;
};

/* One ask of either verb. */
typedef struct Request {
        List link;
        StateRepository *state;
        Ask *ask; /* the loop's thread only */
        char *session, *milestone;
        char *path; /* of a write the file's, of a commit what it made */
        json_t *document;
        Problem problem;
        bool changed;
        int64_t started_ms;
} Request;

static void request_free(Request *r)
{
        list_remove(&r->link);
        free(r->session);
        free(r->milestone);
        free(r->path);
        json_decref(r->document);
        problem_deinit(&r->problem);
        free(r);
}

static void request_fail(Request *r, const Problem *problem)
{
        bool temporary = problem_is_temporary(problem) || str_equal(problem->code, "disk_full");

        log_warn("state", "%s: %s: %s", r->session, problem->code, problem->message);
        ask_done(r->ask, &(AskResult){.outcome = temporary ? ASK_TEMPFAIL : ASK_PERMFAIL,
                                      .value = problem_to_json(problem)});
        request_free(r);
}

static Git git_of(const StateRepository *s)
{
        return (Git){.cancel = workers_cancel(s->git),
                     .local_timeout_ms = s->local_timeout_ms,
                     .network_timeout_ms = s->network_timeout_ms};
}

/* --- writing --- */

/* On a worker thread. */
static bool write_document(const StateRepository *s, Request *r)
{
        _cleanup_free_ char *dir = mem_printf("%s/%s", s->directory, r->session), *text = NULL,
                            *before = NULL;
        size_t n;
        int error;

        text = state_to_yaml(r->document, r->session);
        r->path = mem_printf("%s/" STATE_FILE, dir);
        before = file_read(r->path, STATE_YAML_BYTES_MAX, &n, &error);
        if (str_equal(before, text))
                return true;
        r->changed = true;
        file_remove_leftovers(r->path);
        return dir_make(dir, &r->problem) && file_write_atomic(r->path, text, strlen(text), &r->problem);
}

static void write_run(void *userdata)
{
        Request *r = userdata;

        write_document(r->state, r);
}

static void note_dirty(StateRepository *s, const char *session)
{
        if (s->dirty)
                json_object_set_new(s->dirty, session, json_true());
}

static void write_done(void *userdata)
{
        Request *r = userdata;
        StateRepository *s = r->state;

        metric_observe_ms(s->write_took, (double) (clock_monotonic_ms() - r->started_ms));
        if (r->problem.code) {
                request_fail(r, &r->problem);
                return;
        }
        metric_add(s->writes, 1);
        note_dirty(s, r->session);
        ask_ok(r->ask, json_pack("{s:s, s:b}", "path", r->path, "changed", r->changed));
        request_free(r);
}

static void request_drop(void *userdata)
{
        request_free(userdata);
}

/* --- pushing --- */

typedef struct Push {
        StateRepository *state;
        List requests;
        json_t *conflict;
        Problem problem;
} Push;

static void start_push(StateRepository *s);

static void push_run(void *userdata)
{
        Push *p = userdata;
        Git git = git_of(p->state);

        state_push(&git, p->state->directory, p->state->network_timeout_ms, &p->conflict, &p->problem);
}

static void push_free(Push *p)
{
        list_for_each_safe (node, &p->requests)
                request_free(list_entry(node, Request, link));
        json_decref(p->conflict);
        problem_deinit(&p->problem);
        free(p);
}

static void answer(Request *r, const Push *p)
{
        json_t *result = json_pack("{s:o, s:b}", "commit", r->path ? json_string(r->path) : json_null(),
                                   "pushed", p && !p->problem.code);

        if (p && p->problem.code)
                json_object_set_new(
                        result, "push_error",
                        json_pack("{s:s, s:s}", "error", p->problem.code, "message", p->problem.message));
        if (p && p->conflict)
                json_object_set(result, "conflict", p->conflict);
        ask_ok(r->ask, result);
        request_free(r);
}

static void push_done(void *userdata)
{
        Push *p = userdata;
        StateRepository *s = p->state;

        s->pushing = false;
        s->ahead = p->problem.code != NULL;
        metric_add(p->problem.code ? s->push_failed : s->pushed, 1);
        metric_set(s->unpushed, s->ahead);
        list_for_each_safe (node, &p->requests)
                answer(list_entry(node, Request, link), p);
        if (p->problem.code) {
                log_warn("state", "the state is not pushed: %s: %s", p->problem.code, p->problem.message);
                loop_timer_set(s->retry, s->retry_ms);
                s->retry_ms = MIN2(2 * s->retry_ms, s->retry_max_ms);
        } else {
                loop_timer_clear(s->retry);
                s->retry_ms = s->retry_min_ms;
        }
        push_free(p);
        if (!list_empty(&s->pushes))
                start_push(s);
}

static void push_drop(void *userdata)
{
        push_free(userdata);
}

static void start_push(StateRepository *s)
{
        Push *p;

        if (s->pushing)
                return;
        p = mem_new(Push);
        p->state = s;
        list_init(&p->requests);
        list_for_each_safe (node, &s->pushes) {
                list_remove(node);
                list_append(&p->requests, node);
        }
        s->pushing = workers_submit(s->git, &(WorkerJob){"push", push_run, push_done, push_drop, p});
        if (!s->pushing)
                push_free(p); /* never: there is one at a time */
}

static void on_retry(void *userdata)
{
        StateRepository *s = userdata;

        if (s->ahead)
                start_push(s);
}

/* --- committing --- */

typedef struct Commit {
        StateRepository *state;
        List requests;
        json_t *sessions; /* NULL = all */
        char *commit;
        bool ahead;
        Problem problem;
} Commit;

static void start_commit(StateRepository *s);

static void append_words(Buf *text, const char *milestone)
{
        for (const char *c = milestone; *c; c++)
                buf_append_char(text, *c == '_' ? ' ' : *c);
}

/* "4f2a: question answered", or the number of sessions and a line for each. */
static char *message_of(const List *requests)
{
        Buf text = {0};
        size_t n = 0;

        list_for_each (node, requests)
                n++;
        if (n > 1)
                buf_printf(&text, "%zu milestones\n\n", n);
        list_for_each (node, requests) {
                const Request *r = list_entry(node, Request, link);

                buf_printf(&text, "%s: ", r->session);
                append_words(&text, r->milestone);
                buf_append_char(&text, '\n');
        }
        return buf_take(&text);
}

static void commit_run(void *userdata)
{
        Commit *c = userdata;
        const StateRepository *s = c->state;
        _cleanup_free_ char *message = NULL;
        _cleanup_lock_ int lock = -1;
        Git git = git_of(s);

        list_for_each (node, &c->requests) {
                Request *r = list_entry(node, Request, link);

                if (r->document)
                        write_document(s, r); /* its own problem, if any */
                mem_strset(&r->path, NULL);
        }
        lock = state_lock(s->directory, git.cancel, &c->problem);
        if (lock < 0)
                return;
        git.keep_fds[git.n_keep_fds++] = lock;
        message = message_of(&c->requests);
        if (!state_commit(&git, s->directory, c->sessions, message, &c->commit, &c->problem))
                return;
        c->ahead = s->has_remote && (c->commit || state_is_ahead(&git, s->directory));
}

static void commit_free(Commit *c)
{
        list_for_each_safe (node, &c->requests)
                request_free(list_entry(node, Request, link));
        json_decref(c->sessions);
        problem_deinit(&c->problem);
        free(c->commit);
        free(c);
}

static void commit_done(void *userdata)
{
        Commit *c = userdata;
        StateRepository *s = c->state;

        s->committing = false;
        if (c->problem.code) { /* what was to be committed is not known any more */
                json_decref(s->dirty);
                s->dirty = NULL;
        } else if (!s->dirty) {
                s->dirty = json_object();
        }
        metric_add(s->committed, c->commit != NULL);
        s->ahead = s->ahead || c->ahead;
        list_for_each_safe (node, &c->requests) {
                Request *r = list_entry(node, Request, link);

                if (r->problem.code || c->problem.code) {
                        request_fail(r, r->problem.code ? &r->problem : &c->problem);
                        continue;
                }
                r->path = mem_strdup(c->commit);
                list_remove(&r->link);
                if (c->ahead)
                        list_append(&s->pushes, &r->link);
                else if (s->has_remote) /* everything of it is there already */
                        answer(r, &(Push){0});
                else
                        answer(r, NULL);
        }
        commit_free(c);
        if (!list_empty(&s->pushes))
                start_push(s);
        if (!list_empty(&s->commits))
                start_commit(s);
}

static void commit_drop(void *userdata)
{
        commit_free(userdata);
}

static void start_commit(StateRepository *s)
{
        Commit *c;
        const char *session;
        json_t *value;

        if (s->committing)
                return;
        c = mem_new(Commit);
        c->state = s;
        list_init(&c->requests);
        list_for_each_safe (node, &s->commits) {
                note_dirty(s, list_entry(node, Request, link)->session);
                list_remove(node);
                list_append(&c->requests, node);
        }
        if (s->dirty) {
                c->sessions = json_array();
                json_object_foreach (s->dirty, session, value)
                        json_array_append_new(c->sessions, json_string(session));
                json_object_clear(s->dirty);
        }
        s->committing =
                workers_submit(s->git, &(WorkerJob){"commit", commit_run, commit_done, commit_drop, c});
        if (!s->committing)
                commit_free(c); /* never: there is one at a time */
}

/* --- asks --- */

static void perform(Request *r)
{
        StateRepository *s = r->state;

        if (r->milestone) {
                list_append(&s->commits, &r->link);
                start_commit(s);
        } else if (!workers_submit(s->writers,
                                   &(WorkerJob){r->session, write_run, write_done, request_drop, r})) {
                problem_set(&r->problem, "busy", "Too many sessions' states are being written.");
                request_fail(r, &r->problem);
        }
}

static void begin(StateRepository *s, Ask *ask, bool commits)
{
        static const char *const milestones[] = {"session_created", "question_answered",
                                                 "pull_request_created", "deployment_created",
                                                 "session_ended"};
        const char *session = json_str_or(ask->args, "session", ""),
                   *milestone = json_str_or(ask->args, "milestone", ""), *why = name_check_session(session);
        const json_t *document = json_object_get(ask->args, "document");
        _cleanup_free_ char *wrong = NULL, *text = NULL;
        bool known = !commits;
        Request *r;

        for (size_t i = 0; i < ELEMENTSOF(milestones); i++)
                known = known || str_equal(milestone, milestones[i]);
        if (why)
                wrong = mem_printf("session %s", why);
        else if (!known)
                wrong = mem_printf("milestone must be one of those in docs/session-state.md");
        else if ((!commits || document) && !json_is_object(document))
                wrong = mem_strdup("document must be an object");
        else if (document && strlen(text = json_dump(document)) > STATE_DOCUMENT_BYTES_MAX)
                wrong = mem_strdup("document is too long");
        else if (document)
                wrong = state_check(document);
        if (wrong) {
                ask_permfail(ask, "invalid", wrong);
                return;
        }
        r = mem_new(Request);
        list_init(&r->link);
        r->state = s;
        r->ask = ask;
        r->session = mem_strdup(session);
        r->milestone = commits ? mem_strdup(milestone) : NULL;
        r->document = document ? json_deep_copy(document) : NULL;
        r->started_ms = clock_monotonic_ms();
        if (s->phase == PHASE_READY)
                perform(r);
        else if (s->trouble.code)
                request_fail(r, &s->trouble);
        else
                list_append(&s->waiting, &r->link);
}

static void start_write(void *owner, Ask *ask)
{
        begin(owner, ask, false);
}

static void start_commit_ask(void *owner, Ask *ask)
{
        begin(owner, ask, true);
}

static const AskVerb verbs[] = {
        {.name = STATE_WRITE,
         .max_inflight = 64,
         .max_attempts = 1000,
         .deadline_ms = 60 * MINUTE_MS,
         .backoff_ms = 1000,
         .start = start_write},
        {.name = STATE_COMMIT,
         .max_attempts = 1000,
         .deadline_ms = 60 * MINUTE_MS,
         .backoff_ms = 2000,
         .start = start_commit_ask},
};
const AskVerb *const state_verbs[] = {&verbs[0], &verbs[1], NULL};
_Static_assert(ELEMENTSOF(state_verbs) == ELEMENTSOF(verbs) + 1, "every verb is in the list");

/* --- the object --- */

typedef struct Preparation {
        StateRepository *state;
        bool has_remote, ahead;
        Problem problem;
} Preparation;

static void prepare_run(void *userdata)
{
        Preparation *p = userdata;
        const StateRepository *s = p->state;
        _cleanup_free_ char *url = NULL;
        Git git = git_of(s);

        if (!state_prepare(&git, s->directory, s->remote, &p->problem))
                return;
        url = git_get(&git, s->directory, "", NULL, GIT_ARGS("config", "--get", "remote.origin.url"));
        p->has_remote = !str_empty(url);
        p->ahead = state_is_ahead(&git, s->directory);
}

static void prepare_free(void *userdata)
{
        Preparation *p = userdata;

        problem_deinit(&p->problem);
        free(p);
}

static void prepare(StateRepository *s);

static void prepare_done(void *userdata)
{
        Preparation *p = userdata;
        StateRepository *s = p->state;
        List waiting;

        problem_deinit(&s->trouble);
        if (p->problem.code) {
                log_warn("state", "%s: %s: %s", s->directory, p->problem.code, p->problem.message);
                s->trouble = p->problem;
                p->problem = (Problem){0};
                loop_timer_set(s->retry, PREPARE_RETRY_MS);
        } else {
                s->phase = PHASE_READY;
                s->has_remote = p->has_remote;
                s->ahead = p->ahead;
        }
        list_init(&waiting);
        list_for_each_safe (node, &s->waiting) {
                list_remove(node);
                list_append(&waiting, node);
        }
        list_for_each_safe (node, &waiting) {
                list_remove(node);
                if (s->trouble.code)
                        request_fail(list_entry(node, Request, link), &s->trouble);
                else
                        perform(list_entry(node, Request, link));
        }
        if (s->ahead) /* what the last run could not push */
                start_push(s);
        prepare_free(p);
}

static void prepare(StateRepository *s)
{
        Preparation *p = mem_new(Preparation);

        p->state = s;
        if (!workers_submit(s->git, &(WorkerJob){"commit", prepare_run, prepare_done, prepare_free, p}))
                prepare_free(p); /* never: nothing else runs before it */
}

static void on_timer(void *userdata)
{
        StateRepository *s = userdata;

        if (s->phase == PHASE_PREPARING)
                prepare(s);
        else
                on_retry(s);
}

int state_repository_new(StateRepository **ret, Loop *loop, Metrics *metrics,
                         const StateRepositoryConfig *config)
{
        _cleanup_(state_repository_freep) StateRepository *s = mem_new(StateRepository);
        int r;

        s->loop = loop;
        s->directory = mem_strdup(config->directory);
        s->remote = str_empty(config->remote) ? NULL : mem_strdup(config->remote);
        s->local_timeout_ms = config->local_timeout_ms;
        s->network_timeout_ms = config->network_timeout_ms ? config->network_timeout_ms : NETWORK_TIMEOUT_MS;
        s->retry_min_ms = config->retry_min_ms ? config->retry_min_ms : RETRY_MIN_MS;
        s->retry_max_ms = config->retry_max_ms ? config->retry_max_ms : RETRY_MAX_MS;
        s->retry_ms = s->retry_min_ms;
        list_init(&s->waiting);
        list_init(&s->commits);
        list_init(&s->pushes);
        s->retry = loop_timer_new(loop, on_timer, s);
        s->writes = metrics_counter(metrics, "gateway_state_writes_total", "Session states written.", NULL);
        s->committed = metrics_counter(metrics, "gateway_state_commits_total",
                                       "Commits of the state repository.", NULL);
        s->pushed = metrics_counter(metrics, "gateway_state_pushes_total", "Pushes of the state repository.",
                                    "ok=\"true\"");
        s->push_failed = metrics_counter(metrics, "gateway_state_pushes_total",
                                         "Pushes of the state repository.", "ok=\"false\"");
        s->unpushed = metrics_gauge(metrics, "gateway_state_unpushed",
                                    "1 while the state's remote lacks commits.", NULL);
        s->write_took = metrics_histogram(metrics, "gateway_state_write_seconds",
                                          "From a state's write to its end.", NULL);
        r = workers_new(&s->writers, loop, "state", 2, WAITING_MAX);
        if (r == 0)
                r = workers_new(&s->git, loop, "state-git", 2, 16);
        if (r < 0)
                return error_trace(r);
        prepare(s);
        *ret = take(s);
        return 0;
}

static void free_requests(List *requests)
{
        list_for_each_safe (node, requests)
                request_free(list_entry(node, Request, link));
}

void state_repository_free(StateRepository *s)
{
        if (!s)
                return;
        workers_free(s->writers);
        workers_free(s->git);
        loop_timer_free(s->retry);
        free_requests(&s->waiting);
        free_requests(&s->commits);
        free_requests(&s->pushes);
        problem_deinit(&s->trouble);
        json_decref(s->dirty);
        free(s->directory);
        free(s->remote);
        free(s);
}

/* --- reading all --- */

static int is_session(const struct dirent *entry)
{
        return !name_check_session(entry->d_name);
}

json_t *state_read_all(const char *directory)
{
        struct dirent **entries;
        json_t *rows = json_array();
        int n = scandir(directory, &entries, is_session, alphasort);

        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = mem_printf("%s/%s/" STATE_FILE, directory, entries[i]->d_name),
                                    *text = NULL, *error = NULL;
                size_t n_bytes = 0;
                int failed;
                json_t *document = NULL;

                text = i < SESSIONS_MAX ? file_read(path, STATE_YAML_BYTES_MAX, &n_bytes, &failed) : NULL;
                if (text)
                        document = state_from_yaml(text, n_bytes, &error);
                else if (i < SESSIONS_MAX && failed != ENOENT && failed != ENOTDIR)
                        error = mem_strdup(strerror(failed));
                if (document)
                        json_array_append_new(rows, json_pack("{s:s, s:o}", "session", entries[i]->d_name,
                                                              "document", document));
                else if (error)
                        json_array_append_new(
                                rows, json_pack("{s:s, s:s}", "session", entries[i]->d_name, "error", error));
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return rows;
}
