/* sim: runs seeds, several processes at once, and makes a failing one small.
 *
 *   sim --runs N [--from SEED] [--jobs N] [--seconds N] [--keep-going]
 *   sim --seed N [--verbose | --small] [--twice]
 *   sim --seeds FILE
 *   sim --days N [--seed N]
 *   sim --mutate NAME --runs N    a deliberate defect: it has to be found */
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "sim.h"

#define JOBS_MAX 64
#define RUNS_PER_PROCESS                                                                                     \
        400 /* what a killed gateway had in flight is never freed: as when a process dies                    \
             */
#define FAILURES_MAX      64
#define SHRINK_ROUNDS_MAX 6
#define FRAMES_EVERY      16 /* runs whose frames are held against the contract */

typedef struct Failure {
        uint64_t seed;
        char violation[64];
} Failure;

typedef struct Shared {
        atomic_ullong next_seed, n_runs, n_workflows, n_steps;
        atomic_uint n_failures;
        Failure failures[FAILURES_MAX];
        uint64_t current[JOBS_MAX];
} Shared;

typedef struct Options {
        uint64_t seed, n_runs;
        bool has_seed, verbose, twice, keep_going, small, logs;
        unsigned n_jobs, n_days, mutation;
        const char *file;
        int64_t deadline_s; /* monotonic; 0 = none */
} Options;

static const char *const mutations[N_MUTATIONS] = {
        [MUTATION_NONE] = "none",
        [MUTATION_LOSE_COMMIT] = "lose-commit",
        [MUTATION_POST_TWICE] = "post-twice",
        [MUTATION_PROMPT_TWICE] = "prompt-twice",
        [MUTATION_LOSE_INBOX] = "lose-inbox",
        [MUTATION_LEAK] = "leak",
        [MUTATION_LOSE_REPLY] = "lose-reply",
        [MUTATION_LOSE_EARLY] = "lose-early",
        [MUTATION_WALL_CLOCK] = "wall-clock",
        [MUTATION_OWN_CLOCK] = "own-clock",
};

static Shared *shared;

static int64_t wall_s(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec;
}

static void run_seed(Run *run, Plan *ret_plan, uint64_t seed, const Options *o)
{
        *run = (Run){.mutation = (int) o->mutation,
                     .verbose = o->verbose,
                     .checks_frames = seed % FRAMES_EVERY == 0};
        plan_make(ret_plan, seed, o->n_days);
        run_plan(run, ret_plan);
}

/* ---- making it small ---- */

static void forget_results(Plan *p)
{
        for (size_t i = 0; i < p->n_actions; i++) {
                Action *a = &p->actions[i], clean = {.at_ms = a->at_ms,
                                                     .kind = a->kind,
                                                     .user = a->user,
                                                     .session = a->session,
                                                     .of = a->of,
                                                     .dropped = a->dropped};

                memcpy(clean.script, a->script, sizeof(clean.script));
                *a = clean;
        }
}

static bool still_fails(const Plan *plan, const char *violation, const Options *o)
{
        Run run = {.mutation = (int) o->mutation};
        Plan copy;

        plan_copy(&copy, plan);
        forget_results(&copy);
        run_plan(&run, &copy);
        plan_deinit(&copy);
        return run.failed && str_equal(run.violation, violation);
}

/* Leaves out whatever the violation does not need: actions, faults, steps of scripts. */
static void shrink(Plan *plan, const char *violation, const Options *o)
{
        bool changed = true;

        for (unsigned round = 0; changed && round < SHRINK_ROUNDS_MAX; round++) {
                changed = false;
                for (size_t i = plan->n_actions + plan->n_faults; i-- > 0;) {
                        bool *dropped = i < plan->n_actions ? &plan->actions[i].dropped
                                                            : &plan->faults[i - plan->n_actions].dropped;

                        if (*dropped)
                                continue;
                        *dropped = true;
                        if (still_fails(plan, violation, o))
                                changed = true;
                        else
                                *dropped = false;
                }
                for (size_t i = 0; i < plan->n_actions; i++) {
                        Action *a = &plan->actions[i];
                        char script[SCRIPT_MAX];

                        if (a->dropped || !*a->script)
                                continue;
                        memcpy(script, a->script, sizeof(script));
                        *a->script = 0;
                        if (still_fails(plan, violation, o))
                                changed = true;
                        else
                                memcpy(a->script, script, sizeof(script));
                }
        }
}

static void report(uint64_t seed, const Options *o)
{
        Options quiet = *o;
        Plan plan;
        Run run;

        quiet.verbose = false;
        run_seed(&run, &plan, seed, &quiet);
        if (!run.failed) {
                printf("seed %llu does not fail in a process of its own\n", (unsigned long long) seed);
                return;
        }
        printf("seed %llu: %s: %s\n", (unsigned long long) seed, run.violation, run.details);
        shrink(&plan, run.violation, o);
        printf("what it takes, of %zu actions and %zu faults:\n", plan.n_actions, plan.n_faults);
        plan_print(&plan, stdout);
        forget_results(&plan);
        run = (Run){.verbose = o->small, .mutation = (int) o->mutation};
        run_plan(&run, &plan);
        printf("  %02lld:%02lld:%02lld.%03lld  %s: %s\n", (long long) (run.failed_ms / 3600000),
               (long long) (run.failed_ms / 60000 % 60), (long long) (run.failed_ms / 1000 % 60),
               (long long) (run.failed_ms % 1000), run.violation, run.details);
        printf("again, with everything that happens: sim --seed %llu --small (or --verbose: all of it)\n",
               (unsigned long long) seed);
        plan_deinit(&plan);
}

/* ---- many ---- */

static void note_failure(uint64_t seed, const char *violation)
{
        unsigned i = atomic_fetch_add(&shared->n_failures, 1);

        if (i >= FAILURES_MAX)
                return;
        shared->failures[i].seed = seed;
        snprintf(shared->failures[i].violation, sizeof(shared->failures[i].violation), "%s", violation);
}

static bool is_over(const Options *o)
{
        return (atomic_load(&shared->n_failures) > 0 && !o->keep_going) ||
               atomic_load(&shared->next_seed) >= o->seed + o->n_runs ||
               (o->deadline_s && wall_s() >= o->deadline_s);
}

static void work(unsigned job, const Options *o)
{
        for (unsigned n = 0; n < RUNS_PER_PROCESS && !is_over(o); n++) {
                uint64_t seed = atomic_fetch_add(&shared->next_seed, 1);
                Plan plan;
                Run run;

                if (seed >= o->seed + o->n_runs)
                        break;
                shared->current[job] = seed;
                run_seed(&run, &plan, seed, o);
                plan_deinit(&plan);
                atomic_fetch_add(&shared->n_runs, 1);
                atomic_fetch_add(&shared->n_workflows, run.n_workflows);
                atomic_fetch_add(&shared->n_steps, sim_loop.n_steps);
                if (run.failed)
                        note_failure(seed, run.violation);
        }
        _exit(0);
}

static pid_t start_worker(unsigned job, const Options *o)
{
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0)
                work(job, o);
        return pid;
}

static void run_workers(const Options *o)
{
        pid_t pids[JOBS_MAX] = {0};
        unsigned n_running = 0;

        for (unsigned i = 0; i < o->n_jobs; i++, n_running++)
                pids[i] = start_worker(i, o);
        while (n_running > 0) {
                int status;
                pid_t pid = wait(&status);

                if (pid < 0)
                        break;
                for (unsigned i = 0; i < o->n_jobs; i++) {
                        if (pids[i] != pid)
                                continue;
                        if (status != 0) {
                                char why[64];

                                snprintf(why, sizeof(why), "died: signal %d, exit code %d", WTERMSIG(status),
                                         WEXITSTATUS(status));
                                note_failure(shared->current[i], why);
                        }
                        if (is_over(o))
                                n_running--;
                        else
                                pids[i] = start_worker(i, o);
                }
        }
}

static int run_many(const Options *o)
{
        int64_t since_s = wall_s();
        unsigned n;

        atomic_store(&shared->next_seed, o->seed);
        run_workers(o);
        n = MIN2(atomic_load(&shared->n_failures), (unsigned) FAILURES_MAX);
        printf("%llu runs from seed %llu, %llu workflow runs, %llu steps, %lld s, %u %s\n",
               (unsigned long long) atomic_load(&shared->n_runs), (unsigned long long) o->seed,
               (unsigned long long) atomic_load(&shared->n_workflows),
               (unsigned long long) atomic_load(&shared->n_steps), (long long) (wall_s() - since_s), n,
               n == 1 ? "failure" : "failures");
        for (unsigned i = 0; i < n; i++)
                printf("  seed %llu: %s\n", (unsigned long long) shared->failures[i].seed,
                       shared->failures[i].violation);
        if (o->mutation)
                return n > 0 ? 0 : 1;
        if (n > 0 && !str_starts_with(shared->failures[0].violation, "died"))
                report(shared->failures[0].seed, o);
        return n > 0;
}

static int run_one(const Options *o)
{
        Plan plan;
        Run run, again;

        if (o->verbose) {
                plan_make(&plan, o->seed, o->n_days);
                plan_print(&plan, stdout);
                plan_deinit(&plan);
        }
        run_seed(&run, &plan, o->seed, o);
        printf("seed %llu: %s%s%s; %llu steps, %llu workflow runs\n", (unsigned long long) o->seed,
               run.failed ? run.violation : "holds", run.failed ? ": " : "", run.failed ? run.details : "",
               (unsigned long long) sim_loop.n_steps, (unsigned long long) run.n_workflows);
        plan_deinit(&plan);
        if (o->twice) {
                run_seed(&again, &plan, o->seed, o);
                plan_deinit(&plan);
                if (again.trace_hash != run.trace_hash) {
                        printf("seed %llu does not run the same way twice\n", (unsigned long long) o->seed);
                        return 1;
                }
        }
        if (run.failed && !o->verbose)
                report(o->seed, o);
        return run.failed;
}

/* The seeds of a file, one a line, each with a word about it. */
static int run_file(const Options *o)
{
        FILE *file = fopen(o->file, "r");
        char line[256];
        unsigned n = 0, n_failed = 0;

        if (!file) {
                perror(o->file);
                return 2;
        }
        while (fgets(line, sizeof(line), file)) {
                Options one = *o;
                Plan plan;
                Run run;

                one.seed = strtoull(line, NULL, 10);
                run_seed(&run, &plan, one.seed, &one);
                plan_deinit(&plan);
                n++;
                if (run.failed) {
                        n_failed++;
                        printf("seed %s  %s: %s\n", line, run.violation, run.details);
                }
        }
        fclose(file);
        printf("%u seeds, %u fail\n", n, n_failed);
        return n == 0 || n_failed > 0;
}

static bool parse(int argc, char **argv, Options *o)
{
        static const struct option options[] = {
                {"runs", required_argument, NULL, 'n'},    {"from", required_argument, NULL, 'f'},
                {"seed", required_argument, NULL, 's'},    {"jobs", required_argument, NULL, 'j'},
                {"seconds", required_argument, NULL, 't'}, {"days", required_argument, NULL, 'd'},
                {"mutate", required_argument, NULL, 'm'},  {"verbose", no_argument, NULL, 'v'},
                {"twice", no_argument, NULL, '2'},         {"small", no_argument, NULL, 'S'},
                {"log", no_argument, NULL, 'l'},           {"seeds", required_argument, NULL, 'F'},
                {"keep-going", no_argument, NULL, 'k'},    {NULL, 0, NULL, 0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'n': o->n_runs = strtoull(optarg, NULL, 10); break;
                case 's':
                        o->has_seed = true;
                        o->seed = strtoull(optarg, NULL, 10);
                        break;
                case 'f': o->seed = strtoull(optarg, NULL, 10); break;
                case 'j': o->n_jobs = MIN2((unsigned) strtoul(optarg, NULL, 10), (unsigned) JOBS_MAX); break;
                case 't': o->deadline_s = wall_s() + strtoll(optarg, NULL, 10); break;
                case 'd': o->n_days = (unsigned) strtoul(optarg, NULL, 10); break;
                case 'm':
                        for (unsigned i = 1; i < N_MUTATIONS; i++)
                                if (str_equal(mutations[i], optarg))
                                        o->mutation = i;
                        if (!o->mutation)
                                return false;
                        break;
                case 'v': o->verbose = true; break;
                case '2': o->twice = true; break;
                case 'F': o->file = optarg; break;
                case 'l': o->logs = true; break;
                case 'S': o->small = true; break;
                case 'k': o->keep_going = true; break;
                default: return false;
                }
        return optind == argc && o->n_jobs > 0;
}

int main(int argc, char **argv)
{
        Options o = {.seed = 1, .n_runs = 1000, .n_jobs = 1};

        if (!parse(argc, argv, &o)) {
                fprintf(stderr,
                        "usage: sim [--runs N] [--from SEED] [--jobs N] [--seconds N] [--keep-going] [--mutate NAME]\n"
                        "       sim --seed N [--verbose | --small] [--twice] [--days N]\n");
                return 2;
        }
        json_setup();
        json_object_seed(1);
        log_set_level(LOG_ERROR + 1);
        if (o.logs) {
                log_set_level(LOG_DEBUG);
                setvbuf(stdout, NULL, _IONBF, 0);
        }
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return 2;
        if (o.file)
                return run_file(&o);
        return o.has_seed || o.n_days ? run_one(&o) : run_many(&o);
}
