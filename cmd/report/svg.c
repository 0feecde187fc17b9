/* SPDX-License-Identifier: Apache-2.0 */
/* What gnuplot's SVG lacks: a title and a description of its own, and dark screens. */
#include "report/report.h"

#include <math.h>
#include <string.h>

void put_html(struct mr_str *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			mr_str_append(out, "&lt;");
		else if (*text == '>')
			mr_str_append(out, "&gt;");
		else if (*text == '&')
			mr_str_append(out, "&amp;");
		else if (*text == '"')
			mr_str_append(out, "&quot;");
		else if ((unsigned char)*text < ' ' && *text != '\n')
			mr_str_append(out, "?");
		else
			mr_str_append_n(out, text, 1);
	}
}

static void describe(const struct run *r, struct mr_str *out)
{
	char size[24];

	mr_str_appendf(out, "%s lived %.3f s. Largest: ", r->name, r->end);
	for (int i = 0, n = 0; i < LAYERS; i++)
		if (!isnan(r->peak[i]) && r->peak[i] > 0)
			mr_str_appendf(out, "%s%s %s", n++ ? ", " : "",
				layer_styles[i].name, size_text(r->peak[i], size));
	mr_str_append(out, ". ");
}

static void put_titles(const struct run *const *runs, int n, struct mr_str *out)
{
	auto_str head = {0}, desc = {0};

	for (int i = 0; i < n; i++) {
		mr_str_appendf(&head, "%s%s: ", i ? " | " : "", runs[i]->name);
		run_headline(runs[i], &head);
		describe(runs[i], &desc);
	}
	mr_str_append(out, "<title>");
	put_html(out, mr_str_text(&head));
	mr_str_append(out, "</title>\n<desc>");
	put_html(out, mr_str_text(&desc));
	mr_str_append(out, "</desc>\n");
}

void svg_finish(const struct run *const *runs, int n, const char *svg, struct mr_str *out)
{
	/* White becomes black and every hue stays what it was. */
	static const char style[] =
		"<style>@media (prefers-color-scheme: dark){svg{filter:invert(1) "
		"hue-rotate(180deg)}}</style>\n";
	const char *start = strstr(svg, "<svg"),
		   *body = start ? strchr(start, '>') : NULL;
	const char *own = body ? strstr(body, "</desc>") : NULL;

	if (!body) {
		mr_str_append(out, svg);
		return;
	}
	mr_str_append_n(out, svg, (size_t)(body + 1 - svg));
	mr_str_append(out, "\n");
	put_titles(runs, n, out);
	mr_str_append(out, style);
	mr_str_append(out, own ? own + strlen("</desc>") : body + 1);
}
