/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that take memory. What a step took stays until `free` or the end.
 *
 * Three kinds of taking are told apart here, because the kernel does: promising
 * addresses (virt, mallocs), reading pages that were never written (zread,
 * pgtables: the shared zero page, no memory of one's own but page tables), and
 * writing, which is what a limit counts as anonymous memory.
 *
 * Writes and reads go through volatile pointers: no compiler option removes them.
 *
 * Manual pages: mmap(2), malloc(3), mallopt(3), memfd_create(2).
 */
#include "memlab.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_BLOCKS 16384
#define HUGE_SPAN ((size_t)2 << 20)
#define LEAK_PORTION ((size_t)256 << 10)

struct block {
	void *start;
	size_t bytes;
	bool from_malloc;
};

static struct block blocks[MAX_BLOCKS];
static size_t block_count;

static int keep(void *start, size_t bytes, bool from_malloc)
{
	if (block_count == MAX_BLOCKS)
		return -ENOSPC;
	blocks[block_count++] = (struct block){start, bytes, from_malloc};
	return 0;
}

/*
 * Every word differs from its neighbours and no byte pattern repeats over a page,
 * so that neither zswap nor zram can store a page as one repeated word.
 */
void fill(void *start, size_t bytes)
{
	volatile uint64_t *word = start;
	volatile unsigned char *byte = start;
	uint64_t seed = (uint64_t)(uintptr_t)start;
	size_t words = bytes / sizeof(*word);

	for (size_t i = 0; i < words; i++)
		word[i] = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (size_t i = words * sizeof(*word); i < bytes; i++)
		byte[i] = 0x5a;
}

static void read_pages(const void *start, size_t bytes, size_t stride)
{
	const volatile unsigned char *byte = start;
	unsigned sum = 0;

	for (size_t at = 0; at < bytes; at += stride)
		sum += byte[at];
	(void)sum;
}

/* Writes from byte @from of a block up to byte @to, at the step's rate. */
static void fill_by_strides(
	unsigned char *start, size_t from, size_t to, const struct step *step)
{
	double begin = now();

	for (size_t at = from; at < to;) {
		size_t stride = to - at < MEMLAB_MIB ? to - at : MEMLAB_MIB;

		fill(start + at, stride);
		at += stride;
		if (step->rate > 0)
			sleep_until(begin + (double)(at - from) / (double)step->rate);
		if (at < step->size)
			tell(step, at - stride, at, now() - begin);
	}
}

static void *map(size_t bytes, int protection, int flags)
{
	return mmap(NULL, bytes, protection, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int grow(size_t bytes, const struct step *step, int flags)
{
	void *start = map(bytes, PROT_READ | PROT_WRITE, flags);

	if (start == MAP_FAILED)
		return -errno;
	fill_by_strides(start, 0, bytes, step);
	return keep(start, bytes, false);
}

int step_anon(const struct step *step, struct outcome *out)
{
	out->bytes = step->size;
	return grow(step->size, step, 0);
}

int step_huge(const struct step *step, struct outcome *out)
{
	size_t rounded = (step->size + HUGE_SPAN - 1) / HUGE_SPAN * HUGE_SPAN;

	out->bytes = rounded;
	return grow(rounded, step, MAP_HUGETLB);
}

/*
 * A fixed threshold: glibc's own grows after a free, and the next block would come
 * from the heap, where free does not give pages back.
 */
static void *big_malloc(size_t bytes, bool zeroed)
{
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	return zeroed ? calloc(1, bytes) : malloc(bytes);
}

int step_virt(const struct step *step, struct outcome *out)
{
	void *start = big_malloc(step->size, false);

	if (start == NULL)
		return -ENOMEM;
	out->bytes = step->size;
	return keep(start, step->size, true);
}

int step_touch(const struct step *step, struct outcome *out)
{
	for (size_t i = block_count; i-- > 0;) {
		if (!blocks[i].from_malloc)
			continue;
		if (step->size > blocks[i].bytes)
			return -EINVAL;
		fill(blocks[i].start, step->size);
		out->bytes = step->size;
		return 0;
	}
	return -EINVAL;
}

int step_zread(const struct step *step, struct outcome *out)
{
	void *start = big_malloc(step->size, true);

	if (start == NULL)
		return -ENOMEM;
	read_pages(start, step->size, (size_t)sysconf(_SC_PAGESIZE));
	out->bytes = step->size;
	return keep(start, step->size, true);
}

int step_free(const struct step *step, struct outcome *out)
{
	struct block *last;

	(void)step;
	if (block_count == 0)
		return -EINVAL;
	last = &blocks[--block_count];
	out->bytes = last->bytes;
	if (last->from_malloc)
		free(last->start);
	else if (munmap(last->start, last->bytes) < 0)
		return -errno;
	return 0;
}

int step_plateau(const struct step *step, struct outcome *out)
{
	size_t half = step->size / 2 / sizeof(uint64_t) * sizeof(uint64_t);
	double begin = now();
	unsigned char *start = map(step->size, PROT_READ | PROT_WRITE, 0);

	if (start == MAP_FAILED)
		return -errno;
	fill_by_strides(start, 0, half, step);
	sleep_until(begin + step->seconds / 2);
	fill_by_strides(start, half, step->size, step);
	sleep_until(begin + step->seconds);
	out->bytes = step->size;
	return keep(start, step->size, false);
}

/* Ends only by a kill or when the kernel refuses an address range. */
int step_leak(const struct step *step, struct outcome *out)
{
	double begin = now();

	for (;; out->bytes += LEAK_PORTION) {
		void *start = map(LEAK_PORTION, PROT_READ | PROT_WRITE, 0);

		if (start == MAP_FAILED)
			return -errno;
		fill(start, LEAK_PORTION);
		tell(step, out->bytes, out->bytes + LEAK_PORTION, now() - begin);
		sleep_until(begin + (double)(out->bytes + LEAK_PORTION) / (double)step->size);
	}
}

/* One page table (4 KiB) for each 2 MiB of addresses, and no memory besides. */
int step_pgtables(const struct step *step, struct outcome *out)
{
	void *start = map(step->size, PROT_READ, MAP_NORESERVE);
	double begin = now();

	if (start == MAP_FAILED)
		return -errno;
	for (size_t at = 0; at < step->size; at += HUGE_SPAN) {
		read_pages((char *)start + at, 1, 1);
		tell(step, at, at + HUGE_SPAN, now() - begin);
	}
	out->bytes = step->size;
	return keep(start, step->size, false);
}

int step_shm(const struct step *step, struct outcome *out)
{
	int error = 0;
	void *start = MAP_FAILED;
	int fd = memfd_create("memlab", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)step->size) < 0)
		error = -errno;
	else
		start = mmap(NULL, step->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (error == 0 && start == MAP_FAILED)
		error = -errno;
	close(fd);
	if (error < 0)
		return error;
	fill_by_strides(start, 0, step->size, step);
	out->bytes = step->size;
	return keep(start, step->size, false);
}

int step_mallocs(const struct step *step, struct outcome *out)
{
	for (uint64_t i = 0; i < step->count; i++) {
		void *start = big_malloc(step->size, false);
		int error = start == NULL ? -ENOMEM : keep(start, step->size, true);

		if (error < 0) {
			outcome_add(out, ",\"index\":%" PRIu64, i);
			return error;
		}
		out->bytes += step->size;
	}
	outcome_add(out, ",\"index\":null");
	return 0;
}

static void report_cow(const char *phase, size_t bytes, double begin)
{
	struct outcome out = {.bytes = bytes};

	outcome_add(&out, ",\"phase\":\"%s\"", phase);
	report("cow", &out, now() - begin, 0);
}

#define COW_PAUSE 0.3 /* seconds, for whoever looks at it */

/* The pages are shared until the child's writes make it a copy of each. */
int step_cow(const struct step *step, struct outcome *out)
{
	double begin = now();
	int error = grow(step->size, step, 0), status;
	void *start;
	pid_t child;

	if (error < 0)
		return error;
	start = blocks[block_count - 1].start;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		read_pages(start, step->size, (size_t)sysconf(_SC_PAGESIZE));
		sleep_until(now() + COW_PAUSE);
		report_cow("child-read", step->size, begin);
		fill(start, step->size);
		sleep_until(now() + COW_PAUSE);
		report_cow("child-wrote", step->size, begin);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	out->bytes = step->size;
	outcome_add(out, ",\"phase\":\"parent\"");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}
