/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c: blocks do not overlap, keep their content, are aligned and are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 200

struct held {
	unsigned char *p;
	size_t n;
	unsigned char mark;
};

static void check_and_free(struct held *h)
{
	for (size_t i = 0; i < h->n; i++)
		assert_int_equal(h->p[i], h->mark);
	mr_free(h->p);
	*h = (struct held){0};
}

/* Small, large, and sizes around the border between them. */
static size_t some_size(void)
{
	switch (rand() % 4) {
	case 0:
		return (size_t)(rand() % 64);
	case 1:
		return (size_t)(rand() % 4096);
	case 2:
		return (size_t)(16 * 1024 - 64 + rand() % 128);
	default:
		return (size_t)(rand() % 100000);
	}
}

static void test_blocks_are_apart(void **state)
{
	static struct held held[BLOCKS];

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct held *h = &held[rand() % BLOCKS];
		if (h->p && rand() % 2) {
			size_t n = some_size(), same = n < h->n ? n : h->n;
			h->p = mr_realloc(h->p, n);
			assert_non_null(h->p);
			for (size_t i = 0; i < same; i++)
				assert_int_equal(h->p[i], h->mark);
			h->n = n;
		} else {
			check_and_free(h);
			h->n = some_size();
			h->p = rand() % 2 ? mr_malloc(h->n) : mr_calloc(h->n, 1);
			assert_non_null(h->p);
			assert_int_equal((uintptr_t)h->p % 16, 0);
		}
		h->mark = (unsigned char)round;
		memset(h->p, h->mark, h->n);
	}
	for (int i = 0; i < BLOCKS; i++)
		check_and_free(&held[i]);
}

static void test_a_freed_block_is_used_again(void **state)
{
	(void)state;
	char *first = mr_malloc(1000);
	memset(first, 'x', 1000);
	mr_free(first);
	unsigned char *second = mr_calloc(10, 100);
	assert_ptr_equal(second, first);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(second[i], 0);
	mr_free(second);
}

static void test_too_much(void **state)
{
	(void)state;
	/* volatile: the compiler knows that these cannot succeed. */
	volatile size_t half = SIZE_MAX / 2, all = SIZE_MAX;

	errno = 0;
	assert_null(mr_malloc(half));
	assert_int_equal(errno, ENOMEM);
	assert_null(mr_malloc(all));
	errno = 0;
	assert_null(mr_calloc(half, 3));
	assert_int_equal(errno, ENOMEM);
	char *p = mr_malloc(10);
	assert_null(mr_realloc(p, all)); /* and the old block stays */
	memset(p, 1, 10);
	errno = EBUSY;
	mr_free(p);
	mr_free(NULL);
	assert_int_equal(errno, EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_apart),
		cmocka_unit_test(test_a_freed_block_is_used_again),
		cmocka_unit_test(test_too_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
