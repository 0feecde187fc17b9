/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: any bytes as a kernel log. Whatever names processes and cgroups give
 * themselves, the answer is printable text and valid JSON, in bounded memory.
 */
#include "oom/cases.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct mr_oom_cases *cases, const struct mr_oom_judge *judge)
{
	auto_str out = {0};
	mr_oom_cases_text(cases, 3, judge, &out);
	for (size_t i = 0; i < cases->n; i++)
		mr_oom_case_sentence(&cases->items[i], &out);
	for (size_t i = 0; i < out.len; i++) {
		const unsigned char c = (unsigned char)out.data[i];
		if (c != '\n' && (c < ' ' || c > '~'))
			abort();
	}
}

static void check_json(const struct mr_oom_cases *cases, const struct mr_oom_judge *judge)
{
	struct mr_json_writer w = {0};
	struct mr_error err;
	auto_json doc = {0};
	mr_json_begin_object(&w, NULL);
	mr_oom_cases_json(cases, judge, &w);
	mr_json_end(&w);
	autofree char *text = mr_str_take(&w.out);
	if (!text || mr_json_parse("out", text, strlen(text), &doc, &err) < 0 ||
		mr_json_get(doc.root, "Kills")->n != cases->n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mr_oom_judge judge = {.page_size = 4096, .noise = 64};
	const char *p = (const char *)data, *end = p + size;
	struct mr_oom_cases cases;

	mr_oom_cases_init(&cases, 4096);
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = eol ? (size_t)(eol - p) : (size_t)(end - p);
		mr_oom_cases_feed(&cases, p, n);
		p += n + 1;
	}
	if (cases.failed || cases.n > MR_OOM_CASES || cases.n > cases.n_kills)
		abort();
	check_text(&cases, &judge);
	check_json(&cases, &judge);
	mr_oom_cases_clear(&cases);
	return 0;
}
