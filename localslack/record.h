/* What happened, kept for people and tests: a ring of the newest records, each a line of text with a key to
 * filter by, bounded by count and by bytes, what
 * malloc adds included. */
#pragma once

#include "base/buf.h"

typedef struct Record {
        uint64_t n;             /* 1, 2, 3 … since the start; a reader goes on from the last it saw */
        int64_t at_ms;          /* since the epoch */
        const char *key, *text; /* in one allocation, which `key` begins */
} Record;

typedef struct RecordRing {
        Record *records;
        size_t max, first, count;
        size_t n_bytes, max_bytes;
        uint64_t n_ever;
} RecordRing;

void record_ring_init(RecordRing *r, size_t max, size_t max_bytes);
void record_ring_deinit(RecordRing *r);
void record_ring_clear(RecordRing *r); /* numbers go on */
/* Both are copied. Returns its number. */
uint64_t record_ring_add(RecordRing *r, int64_t at_ms, const char *key, const char *text, size_t n_text);
/* The i-th kept record, oldest first; NULL beyond the end. */
const Record *record_ring_at(const RecordRing *r, size_t i);
