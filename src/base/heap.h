/* A binary min-heap of intrusive nodes ordered by an int64 key (a due time in ms). Nodes know their slot, so
 * that removal from the middle is O(log n). */
#pragma once

#include "base/macro.h"

typedef struct HeapNode {
        int64_t key;
        size_t slot; /* 1-based; 0 = not in a heap */
} HeapNode;

typedef struct Heap {
        HeapNode **nodes;
        size_t n, size;
} Heap;

void heap_deinit(Heap *h); /* forgets the nodes, frees the array */
void heap_insert(Heap *h, HeapNode *node, int64_t key);
void heap_remove(Heap *h, HeapNode *node); /* no-op when not inside */
static inline HeapNode *heap_min(const Heap *h)
{
        return h->n ? h->nodes[0] : NULL;
}
