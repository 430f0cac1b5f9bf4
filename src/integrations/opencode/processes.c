/* The OpenCode processes that ever greeted, what they have open, and which of them a command is for.
 *
 * Several processes may have one directory open (each terminal UI is one, on the same database). A pending
 * permission or question lives only in the process that asked, and a run only in the process that started it;
 * so what each process last spoke of is remembered, bounded, and forgotten with the process. */
#include "integrations/opencode/bridge-internal.h"

#include "base/log.h"

BridgeProcess *bridge_process_find(Bridge *b, const char *id)
{
        BridgeProcess *p;

        HASH_FIND_STR(b->processes, id, p);
        return p;
}

static void free_home(Bridge *b, BridgeHome *home)
{
        HASH_DEL(b->homes, home);
        free(home->id);
        free(home);
}

static void free_process(Bridge *b, BridgeProcess *p)
{
        BridgeHome *home, *next;

        HASH_ITER (hh, b->homes, home, next) {
                if (home->process == p)
                        free_home(b, home);
        }
        HASH_DEL(b->processes, p);
        ledger_deinit(&p->ledger);
        json_decref(p->directories);
        free(p->plugin_version);
        free(p->opencode_version);
        free(p);
}

void bridge_processes_free(Bridge *b)
{
        BridgeProcess *p, *next;

        HASH_ITER (hh, b->processes, p, next)
                free_process(b, p);
}

static void forget_oldest_absent(Bridge *b)
{
        BridgeProcess *p, *next;

        HASH_ITER (hh, b->processes, p, next) {
                if (p->connection)
                        continue;
                /* Should it come back after all: it is welcomed with 0 and replays what it holds. */
                log_debug(COMPONENT, "forgetting bridge %s, %zu others are remembered", p->id,
                          (size_t) HASH_COUNT(b->processes) - 1);
                free_process(b, p);
                return;
        }
}

BridgeProcess *bridge_process_get(Bridge *b, const char *id)
{
        BridgeProcess *p = bridge_process_find(b, id);

        if (p) { /* to the young end */
                HASH_DEL(b->processes, p);
                HASH_ADD_STR(b->processes, id, p);
                return p;
        }
        if (HASH_COUNT(b->processes) >= PROCESSES_MAX)
                forget_oldest_absent(b);
        p = mem_new(BridgeProcess);
        memcpy(p->id, id, MIN2(strlen(id), sizeof(p->id) - 1));
        p->directories = json_object();
        HASH_ADD_STR(b->processes, id, p);
        return p;
}

void bridge_process_add_directory(BridgeProcess *p, const char *directory)
{
        if (json_object_size(p->directories) < DIRECTORIES_MAX)
                json_object_set_new(p->directories, directory, json_true());
        else
                log_warn(COMPONENT, "bridge %s has more than %d directories open; one more is ignored", p->id,
                         DIRECTORIES_MAX);
}

void bridge_process_greet(BridgeProcess *p, const json_t *hello, int64_t now_ms)
{
        const json_t *directory;
        size_t i;

        mem_strset(&p->plugin_version, json_str(hello, "plugin_version"));
        mem_strset(&p->opencode_version, json_str(hello, "opencode_version"));
        p->pid = json_int(hello, "pid", 0);
        p->lost = json_int(hello, "lost", 0);
        p->since_ms = now_ms;
        json_object_clear(p->directories);
        json_array_foreach ((json_t *) json_at(hello, "directories"), i, directory)
                bridge_process_add_directory(p, json_string_value(directory));
        ledger_hello(&p->ledger, json_int(hello, "next_seq", 1));
}

/* --- homes --- */

static void learn(Bridge *b, BridgeProcess *p, const char *id)
{
        BridgeHome *home;

        if (str_empty(id))
                return;
        HASH_FIND_STR(b->homes, id, home);
        if (home) {
                HASH_DEL(b->homes, home);
        } else {
                if (HASH_COUNT(b->homes) >= HOMES_MAX)
                        free_home(b, b->homes); /* the head is the one not heard of for longest */
                home = mem_new(BridgeHome);
                home->id = mem_strdup(id);
        }
        home->process = p;
        HASH_ADD_KEYPTR(hh, b->homes, home->id, strlen(home->id), home);
}

static void learn_list(Bridge *b, BridgeProcess *p, const json_t *list, const char *id_path)
{
        const json_t *item;
        size_t i;

        json_array_foreach ((json_t *) list, i, item) {
                learn(b, p, json_str(item, "session_id"));
                learn(b, p, json_str(item, "root_id"));
                if (id_path)
                        learn(b, p, json_str(item, id_path));
        }
}

void bridge_homes_learn(Bridge *b, BridgeProcess *p, const json_t *frame)
{
        const json_t *directory;
        size_t i;

        learn(b, p, json_str(frame, "session_id"));
        learn(b, p, json_str(frame, "root_id"));
        learn(b, p, json_str(frame, "permission.id"));
        learn(b, p, json_str(frame, "question.id"));
        json_array_foreach ((json_t *) json_at(frame, "directories"), i, directory) {
                learn_list(b, p, json_object_get(directory, "sessions"), NULL);
                learn_list(b, p, json_object_get(directory, "permissions"), "permission.id");
                learn_list(b, p, json_object_get(directory, "questions"), "question.id");
        }
}

static BridgeConnection *home_of(Bridge *b, const char *id)
{
        BridgeHome *home = NULL;

        if (!str_empty(id))
                HASH_FIND_STR(b->homes, id, home);
        return home ? home->process->connection : NULL;
}

BridgeConnection *bridge_choose(Bridge *b, const BridgeTarget *target)
{
        BridgeConnection *asker = home_of(b, target->pending_id), *home = home_of(b, target->session_id);
        BridgeConnection *with_directory = NULL, *latest = NULL;

        if (asker)
                return asker;
        list_for_each (node, &b->connections) {
                BridgeConnection *c = list_entry(node, BridgeConnection, link);

                if (c->state != CONNECTION_LIVE)
                        continue;
                if (!latest || c->rank > latest->rank)
                        latest = c;
                if (!str_empty(target->directory) &&
                    json_object_get(c->process->directories, target->directory) &&
                    (!with_directory || c == home ||
                     (with_directory != home && c->rank > with_directory->rank)))
                        with_directory = c;
        }
        return with_directory ? with_directory : home ? home : latest;
}

unsigned bridge_fit(Bridge *b, const json_t *args)
{
        const char *directory = json_str(args, "directory");
        unsigned fit = 0;

        if (home_of(b, json_str(args, "permission_id")) || home_of(b, json_str(args, "question_id")))
                return 4;
        if (home_of(b, json_str(args, "session_id")))
                return 3;
        list_for_each (node, &b->connections) {
                const BridgeConnection *c = list_entry(node, BridgeConnection, link);
                bool has = c->state == CONNECTION_LIVE && !str_empty(directory) &&
                           json_object_get(c->process->directories, directory);

                fit = MAX2(fit, c->state != CONNECTION_LIVE ? 0u : has ? 2u : 1u);
        }
        return fit;
}
