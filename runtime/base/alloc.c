/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc(3) for programs that are linked with musl. musl's own maps and unmaps pages for
 * almost every size that is asked for, which is right for a long life and a twentieth of the
 * time of a launch: minirun lives for milliseconds, allocates a few hundred small things and
 * frees them at its end.
 *
 * Small blocks are cut from a pool, one behind the other; a freed block waits on the list of
 * its size for the next of that size. Large blocks are mappings of their own and are given
 * back. Single-threaded, as minirun is. Where it is linked with glibc, as the sanitizers
 * want it, malloc() is glibc's.
 */
#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT sizeof(struct block)
#define LARGE ((size_t)16 * 1024) /* from here on a mapping of its own */
#define POOL ((size_t)64 * 1024)

/* The head of a block; its size is one of whole units, the head included. */
struct block {
	_Alignas(16) size_t size;
	struct block *next; /* while it is free */
};

static struct block first_pool[POOL / UNIT];
static struct block *pool = first_pool, *pool_end = first_pool + POOL / UNIT;
static struct block *freed[LARGE / UNIT]; /* by size in units */

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* What is left of the pool before is lost: less than a large block. */
static struct block *cut(size_t units)
{
	if ((size_t)(pool_end - pool) < units) {
		struct block *next = map(POOL);
		if (!next)
			return NULL;
		pool = next;
		pool_end = next + POOL / UNIT;
	}
	struct block *b = pool;
	pool += units;
	return b;
}

void *mr_malloc(size_t n)
{
	if (n > PTRDIFF_MAX - 2 * UNIT) {
		errno = ENOMEM;
		return NULL;
	}
	size_t units = (n + UNIT - 1) / UNIT + 1, size = units * UNIT;
	struct block *b = size < LARGE ? freed[units] : map(size);

	if (size < LARGE && b)
		freed[units] = b->next;
	else if (size < LARGE)
		b = cut(units);
	if (!b)
		return NULL;
	b->size = size;
	return b + 1;
}

/* Keeps errno, as POSIX.1-2024 has it. */
void mr_free(void *p)
{
	if (!p)
		return;
	int e = errno;
	struct block *b = (struct block *)p - 1;
	if (b->size < LARGE) {
		b->next = freed[b->size / UNIT];
		freed[b->size / UNIT] = b;
	} else {
		munmap(b, b->size);
	}
	errno = e;
}

void *mr_calloc(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	void *p = mr_malloc(total);
	return p ? memset(p, 0, total) : NULL;
}

void *mr_realloc(void *p, size_t n)
{
	if (!p)
		return mr_malloc(n);
	size_t held = ((struct block *)p - 1)->size - UNIT;
	if (n <= held)
		return p;
	void *larger = mr_malloc(n);
	if (larger) {
		memcpy(larger, p, held);
		mr_free(p);
	}
	return larger;
}

#ifndef __GLIBC__
void *malloc(size_t n) __attribute__((alias("mr_malloc")));
void *calloc(size_t n, size_t size) __attribute__((alias("mr_calloc")));
void *realloc(void *p, size_t n) __attribute__((alias("mr_realloc")));
void free(void *p) __attribute__((alias("mr_free")));
#endif
