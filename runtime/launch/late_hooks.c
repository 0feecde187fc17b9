/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that outlive their launcher: see late_hooks.h. */
#include "launch/late_hooks.h"

#include "base/json.h"
#include "launch/oci_state.h"
#include "sandbox/hooks.h"
#include "spec/parse.h"

#include <errno.h>
#include <string.h>

static void put_texts(struct mr_json_writer *w, const char *key, const struct mr_list *list)
{
	if (!list->set)
		return;
	mr_json_begin_array(w, key);
	for (size_t i = 0; i < list->n; i++)
		mr_json_put_text(w, NULL, list->items[i]);
	mr_json_end(w);
}

static void put_hooks(struct mr_json_writer *w, const struct mr_spec *spec, enum mr_hook_kind kind)
{
	const struct mr_hook_list *hooks = &spec->hooks[kind];

	mr_json_begin_array(w, mr_hook_kind_name(kind));
	for (size_t i = 0; i < hooks->n; i++) {
		const struct mr_hook *h = &hooks->items[i];
		mr_json_begin_object(w, NULL);
		mr_json_put_text(w, "path", h->path);
		put_texts(w, "args", &h->args);
		put_texts(w, "env", &h->env);
		if (h->timeout.set)
			mr_json_put_int(w, "timeout", h->timeout.value);
		mr_json_end(w);
	}
	mr_json_end(w);
}

int mr_late_hooks_format(const struct mr_spec *spec, char **ret, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };

	if (spec->hooks[MR_HOOK_POSTSTART].n == 0 && spec->hooks[MR_HOOK_POSTSTOP].n == 0)
		return 0;
	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "ociVersion", spec->oci_version);
	mr_json_begin_object(&w, "hooks");
	put_hooks(&w, spec, MR_HOOK_POSTSTART);
	put_hooks(&w, spec, MR_HOOK_POSTSTOP);
	mr_json_end(&w);
	mr_json_end(&w);
	*ret = mr_str_take(&w.out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "hooks");
}

/* @return 1 there are hooks, 0 there are none, or -errno */
static int read_hooks(const struct mr_state *state, const struct mr_live *live, const char *status,
	struct mr_spec **ret_spec, char **ret_state, struct mr_error *err)
{
	if (!live->hooks_json)
		return 0;
	int ret = mr_spec_parse("state.json", live->hooks_json, strlen(live->hooks_json), ret_spec,
		NULL, err);
	if (ret == 0)
		ret = mr_oci_state_of_live(state, live, status, ret_state, err);
	return ret < 0 ? ret : 1;
}

int mr_late_hooks_run(const struct mr_state *state, const struct mr_live *live,
	enum mr_hook_kind kind, const char *status, struct mr_error *err)
{
	auto_spec *spec = NULL;
	autofree char *text = NULL;
	int ret = read_hooks(state, live, status, &spec, &text, err);

	return ret <= 0 ? ret
			: mr_hooks_run(&spec->hooks[kind], kind, live->bundle, NULL, text, NULL,
				  err);
}

void mr_late_hooks_poststop(
	const struct mr_state *state, const struct mr_live *live, struct mr_strv *failures)
{
	struct mr_error err = { 0 };
	auto_spec *spec = NULL;
	autofree char *text = NULL;
	int ret = read_hooks(state, live, "stopped", &spec, &text, &err);

	if (ret > 0)
		mr_hooks_run_all(&spec->hooks[MR_HOOK_POSTSTOP], MR_HOOK_POSTSTOP, live->bundle,
			text, failures);
	else if (ret < 0)
		(void)mr_strv_add(failures, err.message);
}
