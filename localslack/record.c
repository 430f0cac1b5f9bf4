#include "record.h"

#define OVERHEAD_BYTES (sizeof(Record) + 16)

void record_ring_init(RecordRing *r, size_t max, size_t max_bytes)
{
        *r = (RecordRing){.max = max, .max_bytes = max_bytes, .records = mem_zalloc(max * sizeof(Record))};
}

static size_t bytes_of(const Record *record)
{
        return strlen(record->key) + strlen(record->text) + 2 + OVERHEAD_BYTES;
}

static void drop_oldest(RecordRing *r)
{
        Record *old = &r->records[r->first];

        r->n_bytes -= bytes_of(old);
        free((char *) old->key);
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

uint64_t record_ring_add(RecordRing *r, int64_t at_ms, const char *key, const char *text, size_t n_text)
{
        size_t n_key = strlen(key), n_bytes;
        char *both;

        n_text = strnlen(text, n_text); /* records are texts: at a NUL they end */
        n_bytes = n_key + n_text + 2 + OVERHEAD_BYTES;
        both = mem_alloc(n_key + n_text + 2);
        memcpy(both, key, n_key + 1);
        memcpy(both + n_key + 1, text, n_text);
        both[n_key + 1 + n_text] = 0;
        while (r->count > 0 && (r->count == r->max || r->n_bytes + n_bytes > r->max_bytes))
                drop_oldest(r);
        r->records[(r->first + r->count) % r->max] =
                (Record){.n = ++r->n_ever, .at_ms = at_ms, .key = both, .text = both + n_key + 1};
        r->count++;
        r->n_bytes += n_bytes;
        return r->n_ever;
}

const Record *record_ring_at(const RecordRing *r, size_t i)
{
        return i < r->count ? &r->records[(r->first + i) % r->max] : NULL;
}
