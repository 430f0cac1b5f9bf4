#include "record.h"

void record_ring_init(RecordRing *r, size_t max, size_t max_bytes)
{
        *r = (RecordRing){.max = max, .max_bytes = max_bytes, .records = mem_zalloc(max * sizeof(Record))};
}

static void drop_oldest(RecordRing *r)
{
        Record *old = &r->records[r->first];

        r->n_bytes -= strlen(old->text) + strlen(old->key);
        free(old->key);
        free(old->text);
        *old = (Record){0};
        r->first = (r->first + 1) % r->max;
        r->count--;
}

void record_ring_clear(RecordRing *r)
{
        while (r->count > 0)
                drop_oldest(r);
}

void record_ring_deinit(RecordRing *r)
{
        record_ring_clear(r);
        free(r->records);
        *r = (RecordRing){0};
}

uint64_t record_ring_add(RecordRing *r, int64_t at_ms, const char *key, char *text)
{
        size_t n_bytes = strlen(text) + strlen(key);

        while (r->count > 0 && (r->count == r->max || r->n_bytes + n_bytes > r->max_bytes))
                drop_oldest(r);
        r->records[(r->first + r->count) % r->max] =
                (Record){.n = ++r->n_ever, .at_ms = at_ms, .key = mem_strdup(key), .text = text};
        r->count++;
        r->n_bytes += n_bytes;
        return r->n_ever;
}

const Record *record_ring_at(const RecordRing *r, size_t i)
{
        return i < r->count ? &r->records[(r->first + i) % r->max] : NULL;
}
