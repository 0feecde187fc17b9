/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents that a crash can cut off: see document.h for the format.
 *
 * Each is replaced as a whole (temporary file, rename), so a reader meets the old or the
 * new one. Nothing waits for the disk: they tell of processes and cgroups, which a power
 * failure ends as well. The checksum is for what that leaves behind, and for hands that
 * edit. A version newer than ours is refused by name: its fields may mean something else.
 *
 * rename(2)
 */
#include "record/document.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHECKSUM_KEY ",\"checksum\":\""

void mr_document_begin(struct mr_json_writer *w)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_int(w, "formatVersion", MR_DOCUMENT_VERSION);
}

int mr_document_write(
	int dir, const char *name, struct mr_json_writer *w, struct mr_error *err)
{
	mr_json_end(w);
	autofree char *body = mr_str_take(&w->out);
	if (!body)
		return mr_fail(err, ENOMEM, "text of %s", name);
	size_t n = strlen(body);
	auto_str text = {0};
	mr_str_append_n(&text, body, n - 1);
	mr_str_appendf(&text, CHECKSUM_KEY "%016llx\"}\n",
		(unsigned long long)mr_hash64(body, n));
	if (!mr_str_ok(&text))
		return mr_fail(err, ENOMEM, "text of %s", name);
	int r = mr_write_atomic_at(dir, name, text.data, text.len, 0600);
	return r < 0 ? mr_fail(err, -r, "write %s", name) : 0;
}

/* Does the text end with the checksum of what stands before? */
static bool is_intact(const char *text, size_t len)
{
	char tail[64];
	const size_t n_tail = strlen(CHECKSUM_KEY) + 16 + strlen("\"}\n");
	if (len <= n_tail)
		return false;
	autofree char *body = strndup(text, len - n_tail + 1);
	if (!body)
		return false;
	body[len - n_tail] = '}';
	snprintf(tail, sizeof(tail), CHECKSUM_KEY "%016llx\"}\n",
		(unsigned long long)mr_hash64(body, len - n_tail + 1));
	return memcmp(text + len - n_tail, tail, n_tail) == 0;
}

int mr_document_read(int dir, const char *name, char **ret_text, struct mr_json_doc *ret,
	struct mr_error *err)
{
	struct mr_error detail = {0};
	size_t len;
	int r = mr_read_file_at(dir, name, MR_DOCUMENT_MAX, ret_text, &len);
	if (r < 0)
		return mr_fail(err, -r, "read %s", name);
	if (mr_json_parse(name, *ret_text, len, ret, &detail) < 0)
		return mr_fail_text(err, EBADMSG, "%s is damaged (%zu bytes): %s", name,
			len, detail.message);
	int64_t version = mr_json_int(ret->root, "formatVersion", 0);
	if (version > MR_DOCUMENT_VERSION) {
		mr_fail_text(err, EBADMSG,
			"%s was written by a newer minirun (format %lld, this one "
			"reads %d)",
			name, (long long)version, MR_DOCUMENT_VERSION);
		mr_hint(err, "use the version that made this container");
		return -EBADMSG;
	}
	if (version < 1 || !is_intact(*ret_text, len))
		return mr_fail_text(
			err, EBADMSG, "%s is damaged: its checksum does not fit", name);
	return 0;
}
