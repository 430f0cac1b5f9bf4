/* base/buf, list, heap: against a plain model of each, driven at random. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"

static unsigned draw(unsigned n)
{
        static uint64_t state = 88172645463325252u;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned) ((state >> 20) % n);
}

static void test_buf_empty(void **state)
{
        _cleanup_buf_ Buf b = {0};
        char *taken;

        (void) state;
        assert_int_equal(buf_len(&b), 0);
        assert_string_equal(buf_bytes(&b), "");
        buf_clear(&b);
        buf_consume(&b, 10);
        buf_append(&b, NULL, 0);
        buf_append_str(&b, "");
        buf_printf(&b, "%s", "");
        assert_int_equal(buf_len(&b), 0);
        assert_string_equal(buf_bytes(&b), "");
        taken = buf_take(&b);
        assert_string_equal(taken, "");
        free(taken);
        buf_deinit(&b);
}

static void test_buf_against_a_model(void **state)
{
        (void) state;
        for (int round = 0; round < 50; round++) {
                _cleanup_buf_ Buf b = {0};
                static char model[1 << 20];
                size_t start = 0, end = 0;

                for (int i = 0; i < 400 && end < sizeof(model) - 10000; i++) {
                        char piece[4097];
                        size_t n = draw(draw(10) == 0 ? 4096 : 40);

                        memset(piece, 'a' + (int) draw(26), n);
                        piece[n] = 0;
                        switch (draw(6)) {
                        case 0: buf_append(&b, piece, n); break;
                        case 1: buf_append_str(&b, piece); break;
                        case 2: buf_printf(&b, "%s", piece); break;
                        case 3:
                                memcpy(buf_reserve(&b, n + draw(50)), piece, n);
                                buf_commit(&b, n);
                                break;
                        case 4:
                                buf_append_char(&b, 'x');
                                strcpy(piece, "x");
                                n = 1;
                                break;
                        default:
                                n = draw(200);
                                buf_consume(&b, n);
                                start += MIN2(n, end - start);
                                n = 0;
                        }
                        memcpy(model + end, piece, n);
                        end += n;
                        assert_int_equal(buf_len(&b), end - start);
                        assert_memory_equal(buf_bytes(&b), model + start, end - start);
                        assert_int_equal(buf_bytes(&b)[buf_len(&b)], 0);
                }
                if (round % 2) {
                        _cleanup_free_ char *taken = buf_take(&b);

                        assert_int_equal(strlen(taken), end - start);
                        assert_memory_equal(taken, model + start, end - start);
                        assert_int_equal(buf_len(&b), 0);
                }
        }
}

static void test_buf_gives_large_memory_back(void **state)
{
        _cleanup_buf_ Buf b = {0};

        (void) state;
        buf_commit(&b, (memset(buf_reserve(&b, 1 << 20), 'x', 1 << 20), 1 << 20));
        buf_consume(&b, 1 << 20);
        assert_int_equal(b.size, 0);
        buf_append_str(&b, "small");
        buf_clear(&b);
        assert_true(b.size > 0);
        assert_string_equal(buf_bytes(&b), "");
}

typedef struct Node {
        int value;
        List link;
} Node;

static void test_list(void **state)
{
        List head, *unused = NULL;
        Node nodes[5] = {{0}};
        int expected = 0;

        (void) state;
        (void) unused;
        list_init(&head);
        assert_true(list_empty(&head));
        assert_null(list_first(&head, Node, link));
        for (int i = 0; i < 5; i++) {
                nodes[i].value = i;
                assert_false(list_linked(&nodes[i].link));
                list_remove(&nodes[i].link); /* never linked: harmless */
                if (i % 2)
                        list_prepend(&head, &nodes[i].link);
                else
                        list_append(&head, &nodes[i].link);
                assert_true(list_linked(&nodes[i].link));
        }
        list_for_each (node, &head)
                expected = expected * 10 + list_entry(node, Node, link)->value;
        assert_int_equal(expected, 31024);
        assert_int_equal(list_first(&head, Node, link)->value, 3);
        list_for_each_safe (node, &head) {
                if (list_entry(node, Node, link)->value % 2)
                        list_remove(node);
        }
        list_remove(&nodes[3].link); /* twice: harmless */
        expected = 0;
        list_for_each (node, &head)
                expected = expected * 10 + list_entry(node, Node, link)->value;
        assert_int_equal(expected, 24); /* 0 2 4 */
}

typedef struct Due {
        HeapNode heap;
        bool in;
} Due;

static void test_heap_against_a_model(void **state)
{
        static Due due[300];
        Heap h = {0};

        (void) state;
        assert_null(heap_min(&h));
        for (int i = 0; i < 20000; i++) {
                Due *d = &due[draw(ELEMENTSOF(due))];
                int64_t min = INT64_MAX;
                size_t n = 0;

                if (d->in || draw(3) == 0)
                        heap_remove(&h, &d->heap);
                else
                        heap_insert(&h, &d->heap, (int64_t) draw(1000) - 500);
                d->in = d->heap.slot != 0;
                for (size_t k = 0; k < ELEMENTSOF(due); k++)
                        if (due[k].in) {
                                min = MIN2(min, due[k].heap.key);
                                n++;
                        }
                assert_int_equal(h.n, n);
                if (n > 0)
                        assert_int_equal(heap_min(&h)->key, min);
        }
        while (heap_min(&h)) {
                int64_t key = heap_min(&h)->key;

                heap_remove(&h, heap_min(&h));
                assert_true(!heap_min(&h) || heap_min(&h)->key >= key);
        }
        heap_deinit(&h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buf_empty),
                cmocka_unit_test(test_buf_against_a_model),
                cmocka_unit_test(test_buf_gives_large_memory_back),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_heap_against_a_model),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
