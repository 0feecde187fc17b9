/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of the probe as text, one line an item, or as JSON for scripts and tests.
 */
#include "spec/probe.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>

static const char *const state_names[] = {
	[MR_PROBE_OK] = "ok",
	[MR_PROBE_MISSING] = "missing",
	[MR_PROBE_UNKNOWN] = "unknown",
};

static void put_line(struct mr_str *out, const struct mr_probe_item *item)
{
	mr_str_appendf(out, "%-18s %-8s ", item->name, state_names[item->state]);
	mr_str_append_printable(out, item->value);
	if (item->affects)
		mr_str_appendf(out, "; %s", item->affects);
	if (item->cure)
		mr_str_appendf(out, "; cure: %s", item->cure);
	mr_str_append(out, "\n");
}

static void put_conclusion(struct mr_str *out, const struct mr_probe *p)
{
	const char *separator = ":";

	mr_str_appendf(out, "\nA memory-limited run is %s",
		p->ok ? "possible.\n" : "not possible");
	if (p->ok)
		return;
	for (int i = 0; i < p->n; i++) {
		if (!p->items[i].required || p->items[i].state == MR_PROBE_OK)
			continue;
		mr_str_appendf(out, "%s %s", separator, p->items[i].name);
		separator = ",";
	}
	/* Nothing required is missing: then there is no way to new namespaces. */
	mr_str_append(out, *separator == ':' ? ": cap_sys_admin or userns\n" : "\n");
}

static int take(struct mr_str *s, char **ret, struct mr_error *err)
{
	if (!mr_str_ok(s))
		return mr_fail(err, ENOMEM, "format the check");
	*ret = mr_str_take(s);
	return *ret ? 0 : mr_fail(err, ENOMEM, "format the check");
}

static int format_json(const struct mr_probe *p, const struct mr_host *host, char **ret,
	struct mr_error *err)
{
	struct mr_json_writer w = {.pretty = true};
	char kernel[32];

	snprintf(kernel, sizeof(kernel), "%u.%u", host->kernel_major, host->kernel_minor);
	mr_json_begin_object(&w, NULL);
	mr_json_put_bool(&w, "ok", p->ok);
	mr_json_put_text(&w, "kernel", kernel);
	mr_json_put_text(&w, "layout", mr_layout_name(host->layout));
	mr_json_begin_array(&w, "items");
	for (int i = 0; i < p->n; i++) {
		const struct mr_probe_item *item = &p->items[i];
		mr_json_begin_object(&w, NULL);
		mr_json_put_text(&w, "name", item->name);
		mr_json_put_text(&w, "state", state_names[item->state]);
		mr_json_put_text(&w, "value", item->value);
		mr_json_put_text(&w, "affects", item->affects);
		mr_json_put_text(&w, "cure", item->cure);
		mr_json_put_bool(&w, "required", item->required);
		mr_json_end(&w);
	}
	mr_json_end(&w);
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	int r = take(&w.out, ret, err);
	mr_str_clear(&w.out);
	return r;
}

int mr_probe_format(const struct mr_probe *p, const struct mr_host *host, bool json,
	char **ret, struct mr_error *err)
{
	auto_str out = {0};

	if (json)
		return format_json(p, host, ret, err);
	for (int i = 0; i < p->n; i++)
		put_line(&out, &p->items[i]);
	put_conclusion(&out, p);
	return take(&out, ret, err);
}
