/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a spec, and its end: see spec.h. */
#include "spec/spec.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *mr_spec_annotation(const struct mr_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.n; i++) {
		if (strcmp(spec->annotations.items[i].key, key) == 0)
			return spec->annotations.items[i].value;
	}
	return NULL;
}

bool mr_spec_format_place(
	const struct mr_spec *spec, const char *name, const char *path, struct mr_str *out)
{
	/* The tree is gone: once more, now that the place matters. */
	auto_json doc = {0};
	const char *text = spec->text;
	struct mr_error ignored;
	size_t line, column;
	bool found = false;

	mr_str_append(out, name);
	if (spec->text_is_process && mr_has_prefix(path, "process"))
		path += strlen("process");
	if (text && mr_json_parse(name, text, strlen(text), &doc, &ignored) == 0) {
		found = mr_json_locate(&doc, path, &line, &column);
		mr_str_appendf(out, ":%zu:%zu", line, column);
	}
	mr_str_append(out, ": ");
	return found;
}

int mr_spec_oom_disable_policy(const struct mr_spec *spec)
{
	static const char *const words[] = {[MR_OOM_DISABLE_ERROR] = "error",
		[MR_OOM_DISABLE_WARN] = "warn",
		[MR_OOM_DISABLE_EMULATE] = "emulate"};
	const char *text = mr_spec_annotation(spec, MR_ANNOTATION_OOM_DISABLE);

	for (int i = 0; text && i < (int)(sizeof(words) / sizeof(words[0])); i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	return text ? -EINVAL : MR_OOM_DISABLE_ERROR;
}

const struct mr_spec_namespace *mr_spec_namespace_of(
	const struct mr_spec *spec, enum mr_ns_type type)
{
	const struct mr_linux *l = spec->linux_;
	for (size_t i = 0; i < l->namespaces.n; i++) {
		if (l->namespaces.items[i].type == type)
			return &l->namespaces.items[i];
	}
	return NULL;
}

const char *mr_ns_type_name(enum mr_ns_type type)
{
	static const char *const names[MR_NS_TYPES] = {
		[MR_NS_USER] = "user",
		[MR_NS_PID] = "pid",
		[MR_NS_NETWORK] = "network",
		[MR_NS_IPC] = "ipc",
		[MR_NS_UTS] = "uts",
		[MR_NS_CGROUP] = "cgroup",
		[MR_NS_TIME] = "time",
		[MR_NS_MOUNT] = "mount",
	};
	return names[type];
}

const char *mr_hook_kind_name(enum mr_hook_kind kind)
{
	static const char *const names[MR_HOOK_KINDS] = {
		[MR_HOOK_PRESTART] = "prestart",
		[MR_HOOK_CREATE_RUNTIME] = "createRuntime",
		[MR_HOOK_CREATE_CONTAINER] = "createContainer",
		[MR_HOOK_START_CONTAINER] = "startContainer",
		[MR_HOOK_POSTSTART] = "poststart",
		[MR_HOOK_POSTSTOP] = "poststop",
	};
	return names[kind];
}

void mr_spec_free(struct mr_spec *spec)
{
	if (!spec)
		return;
	mr_arena_clear(&spec->arena);
	free(spec);
}
