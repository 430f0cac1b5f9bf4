/* Intrusive doubly linked list with a sentinel head. An unlinked node points at itself, so that
 * list_remove() may be called twice. */
#pragma once

#include "base/macro.h"

typedef struct List {
        struct List *prev, *next;
} List;

static inline void list_init(List *l)
{
        l->prev = l->next = l;
}
static inline bool list_empty(const List *head)
{
        return head->next == head;
}
static inline bool list_linked(const List *node)
{
        return node->next && node->next != node;
}
static inline void list_insert_before(List *at, List *node)
{
        node->prev = at->prev;
        node->next = at;
        at->prev->next = node;
        at->prev = node;
}
static inline void list_append(List *head, List *node)
{
        list_insert_before(head, node);
}
static inline void list_prepend(List *head, List *node)
{
        list_insert_before(head->next, node);
}
static inline void list_remove(List *node)
{
        if (!node->next)
                return;
        node->prev->next = node->next;
        node->next->prev = node->prev;
        list_init(node);
}
static inline void list_move_all(List *to, List *from) /* in their order, behind those of `to` */
{
        while (from->next != from) {
                List *node = from->next;

                list_remove(node);
                list_append(to, node);
        }
}
#define list_entry(_node, _type, _member) container_of(_node, _type, _member)
#define list_first(_head, _type, _member)                                                                    \
        (list_empty(_head) ? NULL : list_entry((_head)->next, _type, _member))
#define list_for_each(_node, _head) for (List *_node = (_head)->next; _node != (_head); _node = _node->next)
/* The node may be removed (and freed) in the body. */
#define list_for_each_safe(_node, _head)                                                                     \
        for (List *_node = (_head)->next, *_node##_next = _node->next; _node != (_head);                     \
             _node = _node##_next, _node##_next = _node->next)
