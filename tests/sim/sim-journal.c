#include "sim-journal.h"

#include <errno.h>
#include <stdio.h>

#include "sim.h"

#define ROUNDS_MAX 4
#define PRUNE_ROWS 1000

typedef struct Undo {
        SimRow *row;
        bool was_added;
} Undo;

struct SimDisk {
        SimRow *tables[SIM_N_TABLES];
        int64_t last_id, n_seen;
        Undo *undo;
        size_t n_undo, size_undo;
};

typedef struct SimJournal {
        Journal base;
        SimDisk *disk;
        List todo, running, shown, finished; /* of JournalBatch */
        int finished_r;
        bool busy;
        unsigned n_rounds;
        int64_t last_id_before;
} SimJournal;

/* ---- rows ---- */

static bool has_text_key(SimTable table)
{
        return table == TABLE_ADDRESS || table == TABLE_SEEN || table == TABLE_TIMER;
}

static void row_free(SimRow *row)
{
        free(row->key);
        for (size_t i = 0; i < ELEMENTSOF(row->s); i++)
                free(row->s[i]);
        free(row);
}

static void row_link(SimDisk *d, SimRow *row)
{
        SimRow **table = &d->tables[row->table];

        if (has_text_key(row->table))
                HASH_ADD_KEYPTR(hh, *table, row->key, strlen(row->key), row);
        else
                HASH_ADD(hh, *table, id, sizeof(row->id), row);
}

static void row_unlink(SimDisk *d, SimRow *row)
{
        HASH_DEL(d->tables[row->table], row);
}

static void log_undo(SimDisk *d, SimRow *row, bool was_added)
{
        if (d->n_undo == d->size_undo) {
                d->size_undo = d->size_undo ? d->size_undo * 2 : 64;
                d->undo = mem_resize(d->undo, d->size_undo * sizeof(*d->undo));
        }
        d->undo[d->n_undo++] = (Undo){row, was_added};
}

static SimRow *row_add(SimDisk *d, SimTable table, int64_t id, const char *key)
{
        SimRow *row = mem_new(SimRow);

        row->table = table;
        row->id = id;
        row->key = mem_strdup(key);
        row_link(d, row);
        log_undo(d, row, true);
        return row;
}

static void row_remove(SimDisk *d, SimRow *row)
{
        if (!row)
                return;
        row_unlink(d, row);
        log_undo(d, row, false);
}

static SimRow *by_id(const SimDisk *d, SimTable table, int64_t id)
{
        SimRow *row;

        HASH_FIND(hh, d->tables[table], &id, sizeof(id), row);
        return row;
}

static SimRow *by_key(const SimDisk *d, SimTable table, const char *key)
{
        SimRow *row;

        HASH_FIND_STR(d->tables[table], key, row);
        return row;
}

static void commit(SimDisk *d)
{
        for (size_t i = 0; i < d->n_undo; i++)
                if (!d->undo[i].was_added)
                        row_free(d->undo[i].row);
        d->n_undo = 0;
}

static void rollback(SimDisk *d)
{
        while (d->n_undo > 0) {
                Undo u = d->undo[--d->n_undo];

                if (u.was_added) {
                        row_unlink(d, u.row);
                        row_free(u.row);
                } else
                        row_link(d, u.row);
        }
}

SimDisk *sim_disk_new(void)
{
        return mem_new(SimDisk);
}

void sim_disk_free(SimDisk *d)
{
        commit(d);
        for (size_t i = 0; i < SIM_N_TABLES; i++) {
                SimRow *row, *next;

                HASH_ITER (hh, d->tables[i], row, next) {
                        HASH_DEL(d->tables[i], row);
                        row_free(row);
                }
        }
        free(d->undo);
        free(d);
}

size_t sim_disk_n(const SimDisk *d, SimTable table)
{
        return HASH_COUNT(d->tables[table]);
}

SimRow *sim_disk_rows(const SimDisk *d, SimTable table)
{
        return d->tables[table];
}

static int64_t flow_id_at(const SimDisk *d, const char *address)
{
        int64_t id = 0;

        if (str_starts_with(address, "flow:")) {
                id = (int64_t) strtoull(address + 5, NULL, 16);
                return by_id(d, TABLE_FLOW, id) ? id : 0;
        }
        const SimRow *row = by_key(d, TABLE_ADDRESS, address);

        return row ? row->flow_id : 0;
}

const SimRow *sim_disk_flow_at(const SimDisk *d, const char *address)
{
        return by_id(d, TABLE_FLOW, flow_id_at(d, address));
}

/* ---- records ---- */

static void put_inbox(SimDisk *d, const JournalRecord *rec, int64_t flow_id)
{
        SimRow *row = row_add(d, TABLE_INBOX, rec->id, NULL);

        row->flow_id = flow_id;
        row->at_ms = rec->at_ms;
        row->s[0] = mem_strdup(rec->event);
        row->s[1] = mem_strdup(rec->data);
        d->last_id = MAX2(d->last_id, rec->id);
}

static void put_address(SimDisk *d, const char *address, int64_t flow_id)
{
        if (!by_key(d, TABLE_ADDRESS, address))
                row_add(d, TABLE_ADDRESS, 0, address)->flow_id = flow_id;
}

static void exec_deliver(SimDisk *d, JournalRecord *rec)
{
        int64_t existing = flow_id_at(d, rec->address);

        if (!existing && !rec->kind) {
                rec->outcome = JOURNAL_UNROUTED;
                return;
        }
        if (rec->key) {
                if (by_key(d, TABLE_SEEN, rec->key)) {
                        rec->outcome = JOURNAL_DUPLICATE;
                        return;
                }
                SimRow *seen = row_add(d, TABLE_SEEN, ++d->n_seen, rec->key);

                seen->at_ms = rec->at_ms;
        }
        rec->created = !existing;
        if (rec->created) {
                SimRow *flow = row_add(d, TABLE_FLOW, rec->flow_id, NULL);

                flow->number = rec->number;
                flow->at_ms = flow->created_ms = rec->at_ms;
                flow->s[0] = mem_strdup(rec->kind);
                flow->s[1] = mem_strdup(rec->step);
                flow->s[2] = mem_strdup("{}");
                flow->s[3] = mem_strdup("active");
                if (!str_starts_with(rec->address, "flow:"))
                        put_address(d, rec->address, rec->flow_id);
                sim->n_workflows++;
        } else
                rec->flow_id = existing;
        rec->outcome = JOURNAL_DELIVERED;
        put_inbox(d, rec, rec->flow_id);
}

/* A row is replaced as a whole, so that undoing it is putting the old one back. */
static SimRow *flow_copy(SimDisk *d, SimRow *old)
{
        SimRow *row;

        row_remove(d, old);
        row = row_add(d, TABLE_FLOW, old->id, NULL);
        row->number = old->number;
        row->at_ms = old->at_ms;
        row->created_ms = old->created_ms;
        return row;
}

static void exec_flow_put(SimDisk *d, const JournalRecord *rec)
{
        SimRow *old = by_id(d, TABLE_FLOW, rec->flow_id), *row;

        if (!old)
                return;
        row = flow_copy(d, old);
        row->number = rec->number;
        row->at_ms = rec->at_ms;
        row->s[0] = mem_strdup(old->s[0]);
        row->s[1] = mem_strdup(rec->step);
        row->s[2] = mem_strdup(rec->data);
        row->s[3] = mem_strdup(old->s[3]);
        row->s[4] = mem_strdup(old->s[4]);
}

static void exec_flow_status(SimDisk *d, const JournalRecord *rec)
{
        SimRow *old = by_id(d, TABLE_FLOW, rec->flow_id), *row;

        if (!old)
                return;
        row = flow_copy(d, old);
        for (size_t i = 0; i < 3; i++)
                row->s[i] = mem_strdup(old->s[i]);
        row->s[3] = mem_strdup(rec->status);
        row->s[4] = mem_strdup(rec->error);
}

static void remove_of_flow(SimDisk *d, SimTable table, int64_t flow_id)
{
        SimRow *row, *next;

        HASH_ITER (hh, d->tables[table], row, next)
                if (row->flow_id == flow_id)
                        row_remove(d, row);
}

static void timer_key(char out[80], const JournalRecord *rec)
{
        snprintf(out, 80, "%llx:%s", (unsigned long long) rec->flow_id, rec->key);
}

static void exec_timer(SimDisk *d, const JournalRecord *rec)
{
        char key[80];
        SimRow *row;

        if (!rec->key) {
                remove_of_flow(d, TABLE_TIMER, rec->flow_id);
                return;
        }
        timer_key(key, rec);
        row_remove(d, by_key(d, TABLE_TIMER, key));
        if (rec->type != JOURNAL_TIMER_PUT)
                return;
        row = row_add(d, TABLE_TIMER, 0, key);
        row->flow_id = rec->flow_id;
        row->at_ms = rec->at_ms;
        row->s[0] = mem_strdup(rec->key);
}

static void exec_ask_put(SimDisk *d, const JournalRecord *rec)
{
        const char *const strings[] = {rec->kind, rec->event, rec->address, rec->status,
                                       rec->key,  rec->data,  "pending"};
        SimRow *row = row_add(d, TABLE_ASK, rec->id, NULL);

        row->flow_id = rec->flow_id;
        row->number = rec->number;
        row->at_ms = rec->at_ms;
        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                row->s[i] = mem_strdup(strings[i]);
        d->last_id = MAX2(d->last_id, rec->id);
}

static void exec_ask_dead(SimDisk *d, const JournalRecord *rec)
{
        SimRow *old = by_id(d, TABLE_ASK, rec->id), *row;

        if (!old)
                return;
        row_remove(d, old);
        row = row_add(d, TABLE_ASK, old->id, NULL);
        row->flow_id = old->flow_id;
        row->number = old->number;
        row->at_ms = old->at_ms;
        for (size_t i = 0; i < 6; i++)
                row->s[i] = mem_strdup(old->s[i]);
        row->s[6] = mem_strdup("dead");
        row->s[7] = mem_strdup(rec->error);
}

static int compare_ids(const void *a, const void *b)
{
        int64_t x = (*(SimRow *const *) a)->id, y = (*(SimRow *const *) b)->id;

        return x < y ? -1 : x > y;
}

/* Rows of a table, all or of one flow, by id. Owned array. */
static SimRow **sorted(const SimDisk *d, SimTable table, int64_t flow_id, size_t *ret_n)
{
        SimRow **rows = mem_alloc((HASH_COUNT(d->tables[table]) + 1) * sizeof(*rows));

        *ret_n = 0;
        for (SimRow *row = d->tables[table]; row; row = row->hh.next)
                if (!flow_id || row->flow_id == flow_id)
                        rows[(*ret_n)++] = row;
        if (*ret_n > 1)
                qsort(rows, *ret_n, sizeof(*rows), compare_ids);
        return rows;
}

static void exec_load(SimDisk *d, JournalRecord *rec)
{
        const SimRow *flow = by_id(d, TABLE_FLOW, rec->flow_id);
        _cleanup_free_ SimRow **inbox = NULL;
        JournalFlow *f;
        size_t n;

        if (!flow)
                return;
        f = mem_new(JournalFlow);
        f->kind = mem_strdup(flow->s[0]);
        f->step = mem_strdup(flow->s[1]);
        f->data = mem_strdup(flow->s[2]);
        f->status = mem_strdup(flow->s[3]);
        f->version = flow->number;
        inbox = sorted(d, TABLE_INBOX, rec->flow_id, &n);
        f->inbox = n ? mem_alloc(n * sizeof(*f->inbox)) : NULL;
        for (; f->n_inbox < n; f->n_inbox++)
                f->inbox[f->n_inbox] = (JournalInboxRow){
                        .id = inbox[f->n_inbox]->id,
                        .at_ms = inbox[f->n_inbox]->at_ms,
                        .event = mem_strdup(inbox[f->n_inbox]->s[0]),
                        .data = mem_strdup(inbox[f->n_inbox]->s[1]),
                };
        rec->result = f;
}

static int compare_updated(const void *a, const void *b)
{
        int64_t x = (*(SimRow *const *) a)->at_ms, y = (*(SimRow *const *) b)->at_ms;

        return x > y ? -1 : x < y ? 1 : compare_ids(a, b);
}

static void exec_list(SimDisk *d, JournalRecord *rec)
{
        size_t n;
        _cleanup_free_ SimRow **rows = sorted(d, TABLE_FLOW, 0, &n);
        int64_t n_listed = 0;
        Buf out = {0};

        qsort(rows, n, sizeof(*rows), compare_updated);
        buf_append_char(&out, '[');
        for (size_t i = 0; i < n && n_listed < rec->number; i++) {
                const SimRow *r = rows[i];

                if ((rec->kind && !str_equal(r->s[0], rec->kind)) ||
                    (rec->status && !str_equal(r->s[3], rec->status)) ||
                    (rec->step && !str_equal(r->s[1], rec->step)))
                        continue;
                buf_printf(
                        &out,
                        "%s{\"ref\":\"%016llx\",\"kind\":\"%s\",\"version\":%lld,\"step\":\"%s\",\"status\":\"%s\","
                        "\"created_ms\":%lld,\"updated_ms\":%lld,\"data\":",
                        n_listed++ ? "," : "", (unsigned long long) r->id, r->s[0], (long long) r->number,
                        r->s[1], r->s[3], (long long) r->created_ms, (long long) r->at_ms);
                buf_append_str(&out, r->s[2]);
                buf_append_char(&out, '}');
        }
        buf_append_char(&out, ']');
        rec->text = buf_take(&out);
}

static void exec_prune(SimDisk *d, JournalRecord *rec)
{
        SimRow *row, *next;

        rec->number = 0;
        HASH_ITER (hh, d->tables[TABLE_ASK], row, next)
                if (str_equal(row->s[6], "dead") && row->at_ms < rec->at_ms)
                        row_remove(d, row);
        HASH_ITER (hh, d->tables[TABLE_SEEN], row, next) {
                if (row->at_ms >= rec->at_ms || rec->number >= PRUNE_ROWS)
                        break;
                row_remove(d, row);
                rec->number++;
        }
}

static void exec_record(SimDisk *d, JournalRecord *rec)
{
        SimRow *row;

        switch (rec->type) {
        case JOURNAL_DELIVER: exec_deliver(d, rec); break;
        case JOURNAL_INBOX_PUT: put_inbox(d, rec, rec->flow_id); break;
        case JOURNAL_INBOX_DELETE: row_remove(d, by_id(d, TABLE_INBOX, rec->id)); break;
        case JOURNAL_FLOW_PUT: exec_flow_put(d, rec); break;
        case JOURNAL_FLOW_STATUS: exec_flow_status(d, rec); break;
        case JOURNAL_FLOW_DELETE:
                remove_of_flow(d, TABLE_ADDRESS, rec->flow_id);
                remove_of_flow(d, TABLE_TIMER, rec->flow_id);
                remove_of_flow(d, TABLE_INBOX, rec->flow_id);
                row_remove(d, by_id(d, TABLE_FLOW, rec->flow_id));
                break;
        case JOURNAL_ADDRESS_PUT: put_address(d, rec->address, rec->flow_id); break;
        case JOURNAL_ADDRESS_DELETE:
                row = by_key(d, TABLE_ADDRESS, rec->address);
                if (row && row->flow_id == rec->flow_id)
                        row_remove(d, row);
                break;
        case JOURNAL_TIMER_PUT:
        case JOURNAL_TIMER_DELETE: exec_timer(d, rec); break;
        case JOURNAL_ASK_PUT: exec_ask_put(d, rec); break;
        case JOURNAL_ASK_DELETE: row_remove(d, by_id(d, TABLE_ASK, rec->id)); break;
        case JOURNAL_ASK_DEAD: exec_ask_dead(d, rec); break;
        case JOURNAL_PRUNE: exec_prune(d, rec); break;
        case JOURNAL_LOAD: exec_load(d, rec); break;
        case JOURNAL_LIST: exec_list(d, rec); break;
        case JOURNAL_LIST_ASKS: rec->text = mem_strdup("[]"); break;
        default: sim_fail("unknown record", "of type %d: nobody shares this journal", (int) rec->type); break;
        }
}

/* ---- transactions ---- */

static void move_all(List *to, List *from)
{
        list_for_each_safe (node, from) {
                list_remove(node);
                list_append(to, node);
        }
}

static void exec_todo(SimJournal *j)
{
        list_for_each (node, &j->todo) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; i < b->n_records; i++)
                        exec_record(j->disk, &b->records[i]);
        }
        move_all(&j->running, &j->todo);
        j->n_rounds++;
}

static void on_begin(void *userdata);

static void begin_soon(SimJournal *j)
{
        if (j->busy || list_empty(&j->todo))
                return;
        j->busy = true;
        j->n_rounds = 0;
        sim_after(OWNER_GATEWAY, 0, on_begin, NULL, j);
}

static void on_done(void *userdata)
{
        SimJournal *j = userdata;
        int r = j->finished_r;
        List batches;

        list_init(&batches);
        move_all(&batches, &j->finished);
        /* What was submitted behind a failed transaction fails with it. */
        if (r < 0)
                move_all(&batches, &j->todo);
        j->busy = false;
        list_for_each_safe (node, &batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                list_remove(node);
                b->done(b, r);
        }
        begin_soon(j);
}

static void reset_results(List *batches)
{
        list_for_each (node, batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; i < b->n_records; i++) {
                        journal_flow_free(take(b->records[i].result));
                        free(take(b->records[i].text));
                        b->records[i].created = false;
                }
        }
}

/* The moment from which on the transaction survives; the process hears of it later, or never. */
static void on_commit(void *userdata)
{
        SimJournal *j = userdata;
        int r = fault_hits(FAULT_DISK_FULL) ? -ENOSPC : 0;

        if (r < 0) {
                rollback(j->disk);
                reset_results(&j->running);
                sim_trace("disk: the commit fails");
        } else if (!(sim->mutation == MUTATION_LOSE_COMMIT && sim_chance(DRAW_DISK, 10)))
                commit(j->disk);
        move_all(&j->finished, &j->running);
        j->finished_r = r;
        sim_after(OWNER_GATEWAY, sim_draw(DRAW_DISK, 2), on_done, NULL, j);
}

static void commit_later(SimJournal *j)
{
        int64_t after_ms = fault_is_on(FAULT_DISK_SLOW) ? sim_draw_ms(DRAW_DISK, 50, 3000)
                                                        : sim_draw_ms(DRAW_DISK, 0, 6);

        sim_after(OWNER_GATEWAY, after_ms, on_commit, NULL, j);
}

static void next_round(SimJournal *j);

static void on_show(void *userdata)
{
        SimJournal *j = userdata;

        list_for_each (node, &j->running) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                if (!b->written || b->was_written)
                        continue;
                b->was_written = true;
                b->written(b);
        }
        next_round(j);
}

/* Whether the loop is likely to have something to add; the product's own journal has the same rule. */
static bool leads_on(SimJournal *j)
{
        list_for_each (node, &j->running) {
                const JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; i < b->n_records && b->written && !b->was_written; i++)
                        if (b->records[i].type == JOURNAL_LOAD ||
                            (b->records[i].type == JOURNAL_DELIVER &&
                             b->records[i].outcome == JOURNAL_DELIVERED))
                                return true;
        }
        return false;
}

static void next_round(SimJournal *j)
{
        if (list_empty(&j->todo) || j->n_rounds >= ROUNDS_MAX) {
                commit_later(j);
                return;
        }
        exec_todo(j);
        if (j->n_rounds < ROUNDS_MAX && leads_on(j) && sim_chance(DRAW_DISK, 75))
                sim_after(OWNER_GATEWAY, 0, on_show, NULL, j);
        else
                commit_later(j);
}

static void on_begin(void *userdata)
{
        next_round(userdata);
}

static void submit(Journal *base, JournalBatch *batch)
{
        SimJournal *j = container_of(base, SimJournal, base);

        list_append(&j->todo, &batch->link);
        begin_soon(j);
}

static int scan(Journal *base, JournalScan *s, void *userdata)
{
        SimJournal *j = container_of(base, SimJournal, base);
        SimDisk *d = j->disk;
        size_t n;
        _cleanup_free_ SimRow **asks = sorted(d, TABLE_ASK, 0, &n), **inbox = NULL;

        for (size_t i = 0; i < n; i++) {
                const SimRow *a = asks[i];

                if (str_equal(a->s[6], "pending"))
                        s->on_ask(userdata, &(JournalRecord){.type = JOURNAL_ASK_PUT,
                                                             .id = a->id,
                                                             .flow_id = a->flow_id,
                                                             .number = a->number,
                                                             .at_ms = a->at_ms,
                                                             .kind = a->s[0],
                                                             .event = a->s[1],
                                                             .address = a->s[2],
                                                             .status = a->s[3],
                                                             .key = a->s[4],
                                                             .data = a->s[5]});
        }
        for (const SimRow *t = d->tables[TABLE_TIMER]; t; t = t->hh.next)
                s->on_timer(userdata, &(JournalRecord){.type = JOURNAL_TIMER_PUT,
                                                       .flow_id = t->flow_id,
                                                       .key = t->s[0],
                                                       .at_ms = t->at_ms});
        inbox = sorted(d, TABLE_INBOX, 0, &n);
        for (size_t i = 0; i < n; i++) {
                const SimRow *flow = by_id(d, TABLE_FLOW, inbox[i]->flow_id);

                if (flow && str_equal(flow->s[3], "active") && sim->mutation != MUTATION_LOSE_INBOX)
                        s->on_waiting(userdata, inbox[i]->flow_id);
        }
        s->last_id = d->last_id;
        return 0;
}

static void free_journal(Journal *base)
{
        free(container_of(base, SimJournal, base));
}

static const JournalOps ops = {.submit = submit, .scan = scan, .free = free_journal};

Journal *sim_journal_open(SimDisk *d)
{
        SimJournal *j = mem_new(SimJournal);

        j->base.ops = &ops;
        j->disk = d;
        list_init(&j->todo);
        list_init(&j->running);
        list_init(&j->finished);
        return &j->base;
}

void sim_journal_kill(Journal *base)
{
        SimJournal *j = container_of(base, SimJournal, base);
        List batches;

        rollback(j->disk);
        list_init(&batches);
        move_all(&batches, &j->finished);
        move_all(&batches, &j->running);
        move_all(&batches, &j->todo);
        list_for_each_safe (node, &batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                list_remove(node);
                b->done(b, -ECANCELED);
        }
        free(j);
}

bool sim_journal_is_idle(const Journal *base)
{
        const SimJournal *j = container_of((Journal *) base, SimJournal, base);

        return !j->busy && list_empty(&j->todo);
}
