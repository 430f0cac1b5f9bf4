#include "store/journal.h"

#define CHUNK_BYTES (16 * 1024)

typedef struct Chunk {
        List link;
        size_t n_used, size;
        char bytes[];
} Chunk;

void journal_flow_free(JournalFlow *f)
{
        if (!f)
                return;
        for (size_t i = 0; i < f->n_inbox; i++) {
                free(f->inbox[i].event);
                free(f->inbox[i].data);
        }
        free(f->inbox);
        free(f->kind);
        free(f->step);
        free(f->data);
        free(f->status);
        free(f);
}

JournalBatch *journal_batch_new(void (*done)(JournalBatch *batch, int r), void *userdata)
{
        JournalBatch *b = mem_new(JournalBatch);

        list_init(&b->chunks);
        list_init(&b->link);
        b->done = done;
        b->userdata = userdata;
        return b;
}

void journal_batch_reset(JournalBatch *b)
{
        for (size_t i = 0; i < b->n_records; i++) {
                JournalRecord *rec = &b->records[i];

                journal_flow_free(take(rec->result));
                free(take(rec->text));
                free(take(rec->rows));
                rec->n_rows = 0;
                rec->created = false;
        }
}

void journal_batch_free(JournalBatch *b)
{
        if (!b)
                return;
        journal_batch_reset(b);
        list_for_each_safe (node, &b->chunks)
                free(list_entry(node, Chunk, link));
        free(b->records);
        free(b);
}

const char *journal_batch_string(JournalBatch *b, const char *s)
{
        size_t n;
        Chunk *chunk;

        if (!s)
                return NULL;
        n = strlen(s) + 1;
        chunk = list_empty(&b->chunks) ? NULL : list_entry(b->chunks.prev, Chunk, link);
        if (!chunk || chunk->size - chunk->n_used < n) {
                size_t size = MAX2(n, (size_t) CHUNK_BYTES);

                chunk = mem_alloc(sizeof(*chunk) + size);
                chunk->n_used = 0;
                chunk->size = size;
                list_append(&b->chunks, &chunk->link);
        }
        memcpy(chunk->bytes + chunk->n_used, s, n);
        chunk->n_used += n;
        return chunk->bytes + chunk->n_used - n;
}

JournalRecord *journal_batch_add(JournalBatch *b, JournalRecordType type)
{
        if (b->n_records == b->size_records) {
                b->size_records = b->size_records ? b->size_records * 2 : 64;
                b->records = mem_resize(b->records, b->size_records * sizeof(*b->records));
        }
        b->records[b->n_records] = (JournalRecord){.type = type};
        return &b->records[b->n_records++];
}
