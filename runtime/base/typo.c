/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": mr_typo_try() of minirun.h. */
#include "minirun.h"

#include <string.h>

#define LONGEST 40 /* longer known words are nobody's typo */

/* How many letters are to be left out, put in or changed (Levenshtein's distance). */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (corner + 1 < best)
				best = corner + 1;
			row[j] = best;
		}
	}
	return row[n];
}

void mr_typo_try(struct mr_typo *t, const char *known)
{
	size_t n = strlen(t->word);

	if (n > 2 * LONGEST || strlen(known) > LONGEST)
		return;
	size_t d = distance(t->word, known);
	size_t far = t->nearest ? t->distance : n > 4 ? 3 : 2;
	if (d >= far)
		return;
	t->nearest = known;
	t->distance = d;
}
