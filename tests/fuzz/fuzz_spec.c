/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: any bytes as config.json through the parser and the rules. Whatever
 * comes in, the answer is a spec or one line of error, in bounded time and memory.
 *
 *   clang -g -fsanitize=fuzzer,address,undefined ... -o fuzz_spec
 *   ./fuzz_spec -dict=tests/fuzz/spec.dict -max_len=65536 tests/fuzz/corpus/spec
 */
#include "spec/parse.h"
#include "spec/validate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An error is told, in one line, and names the file. */
static void check_error(int r, const struct mr_error *err)
{
	if (r >= 0 || r != -err->err || strncmp(err->message, "fuzz:", 5) != 0 ||
		strpbrk(err->message, "\n\r\033"))
		abort();
}

/* What the parser lets through keeps the promises of spec.h. */
static void check_spec(const struct mr_spec *spec)
{
	if (!spec->linux_ || !spec->oci_version)
		abort();
	if (!spec->process)
		return;
	const struct mr_list *args = &spec->process->args;
	if (args->n > 0 && (!args->items || args->items[args->n]))
		abort();
	if (spec->process->uid > INT32_MAX || spec->process->gid > INT32_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mr_error err = {0};
	auto_strv warnings = {0};
	auto_spec *spec = NULL;
	/* A copy of the exact size, so that a read beyond the end is seen. */
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);

	int r = mr_spec_parse("fuzz", text, size, &spec, &warnings, &err);
	if (r == 0) {
		check_spec(spec);
		r = mr_spec_validate(spec, "fuzz", &warnings, &err);
	}
	if (r != 0)
		check_error(r, &err);
	free(text);
	return 0;
}
