// SPDX-License-Identifier: Apache-2.0
//
// Prints the frequency of this processor's time stamp counter in kHz, for tests/vm/run.

#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct reading {
	long ns;
	unsigned long long ticks;
};

static long clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

// Of many pairs the closest one: nothing came in between.
static struct reading read_both(void)
{
	struct reading result = { 0 };
	long best = -1;

	for (int i = 0; i < 1000; i++) {
		const long begin = clock_ns();
		const unsigned long long ticks = __rdtsc();
		const long width = clock_ns() - begin;

		if (best < 0 || width < best) {
			best = width;
			result = (struct reading){ begin + width / 2, ticks };
		}
	}
	return result;
}

int main(void)
{
	const struct reading begin = read_both();

	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);

	const struct reading end = read_both();

	printf("%llu\n", (end.ticks - begin.ticks) * 1000000 / (unsigned long long)(end.ns - begin.ns));
	return 0;
}
