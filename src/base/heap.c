#include "base/heap.h"

static void place(Heap *h, size_t i, HeapNode *node)
{
        h->nodes[i] = node;
        node->slot = i + 1;
}

static void sift_up(Heap *h, size_t i)
{
        HeapNode *node = h->nodes[i];

        while (i > 0 && h->nodes[(i - 1) / 2]->key > node->key) {
                place(h, i, h->nodes[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        place(h, i, node);
}

static void sift_down(Heap *h, size_t i)
{
        HeapNode *node = h->nodes[i];

        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= h->n)
                        break;
                if (child + 1 < h->n && h->nodes[child + 1]->key < h->nodes[child]->key)
                        child++;
                if (h->nodes[child]->key >= node->key)
                        break;
                place(h, i, h->nodes[child]);
                i = child;
        }
        place(h, i, node);
}

void heap_deinit(Heap *h)
{
        free(h->nodes);
        *h = (Heap){0};
}

void heap_insert(Heap *h, HeapNode *node, int64_t key)
{
        if (h->n == h->size) {
                h->size = h->size ? h->size * 2 : 16;
                h->nodes = mem_resize(h->nodes, h->size * sizeof(*h->nodes));
        }
        node->key = key;
        h->nodes[h->n++] = node;
        sift_up(h, h->n - 1);
}

void heap_remove(Heap *h, HeapNode *node)
{
        size_t i;
        HeapNode *last;

        if (!node->slot)
                return;
        i = node->slot - 1;
        node->slot = 0;
        last = h->nodes[--h->n];
        if (last == node)
                return;
        place(h, i, last);
        sift_up(h, i);
        sift_down(h, last->slot - 1);
}
