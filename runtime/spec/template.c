/* SPDX-License-Identifier: Apache-2.0 */
/* The shipped configuration texts, part of the program: `minirun spec` needs no file. */
#include "spec/template.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

/* The assembler includes the files as they are; the names are local to this object. */
#define EMBED(name, file)                                                                     \
	__asm__(".pushsection .rodata\n" #name ": .incbin \"" file "\"\n" #name               \
		"_end: .byte 0\n.popsection\n");                                              \
	extern const char name[], name##_end[]

EMBED(mr_text_spec, "configs/spec.json");
EMBED(mr_text_spec_rootless, "configs/spec-rootless.json");
EMBED(mr_text_seccomp, "configs/seccomp-default.json");

/* linux.uidMappings of the template maps one id: to the caller's. */
static void put_mapping(struct mr_json_writer *w, const char *key, uint32_t host_id)
{
	mr_json_begin_array(w, key);
	mr_json_begin_object(w, NULL);
	mr_json_put_int(w, "containerID", 0);
	mr_json_put_uint(w, "hostID", host_id);
	mr_json_put_int(w, "size", 1);
	mr_json_end(w);
	mr_json_end(w);
}

static void put_namespaces(struct mr_json_writer *w, const struct mr_json *node, bool unified)
{
	mr_json_begin_array(w, node->key);
	for (const struct mr_json *n = node->child; n; n = n->next)
		if (unified || !mr_streq(mr_json_text(n, "type", ""), "cgroup"))
			mr_json_put_node(w, NULL, n);
	mr_json_end(w);
}

static void put_linux(struct mr_json_writer *w, const struct mr_json *node,
	const struct mr_json *seccomp, bool unified, uint32_t uid, uint32_t gid)
{
	mr_json_begin_object(w, "linux");
	for (const struct mr_json *m = node->child; m; m = m->next) {
		if (mr_streq(m->key, "uidMappings"))
			put_mapping(w, m->key, uid);
		else if (mr_streq(m->key, "gidMappings"))
			put_mapping(w, m->key, gid);
		else if (mr_streq(m->key, "namespaces"))
			put_namespaces(w, m, unified);
		else if (!mr_streq(m->key, "seccomp"))
			mr_json_put_node(w, m->key, m);
	}
	mr_json_put_node(w, "seccomp", seccomp);
	mr_json_end(w);
}

int mr_template_format(bool rootless, bool unified, uint32_t uid, uint32_t gid,
	char **ret_json, struct mr_error *err)
{
	auto_json spec = { 0 };
	auto_json seccomp = { 0 };
	const char *text = rootless ? mr_text_spec_rootless : mr_text_spec;
	struct mr_json_writer w = { .pretty = true };

	int ret = mr_json_parse("spec.json", text, strlen(text), &spec, err);
	if (ret == 0)
		ret = mr_json_parse("seccomp-default.json", mr_text_seccomp,
			strlen(mr_text_seccomp), &seccomp, err);
	if (ret < 0)
		return ret;
	mr_json_begin_object(&w, NULL);
	for (const struct mr_json *m = spec.root->child; m; m = m->next) {
		if (mr_streq(m->key, "linux"))
			put_linux(&w, m, seccomp.root, unified, uid, gid);
		else
			mr_json_put_node(&w, m->key, m);
	}
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	*ret_json = mr_str_take(&w.out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "spec template");
}
