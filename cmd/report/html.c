/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as one page that needs nothing from anywhere: the picture inlined, the
 * kernel's log in its three parts with pages as MiB, the record's figures, and the record
 * itself.
 */
#include "report/report.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
	":root{color-scheme:light dark}\n"
	"body{font:15px/1.5 sans-serif;max-width:1000px;margin:1.5em auto;padding:0 1em}\n"
	"body.two{max-width:1600px}\n"
	"figure{margin:0;position:relative}figure svg{max-width:100%;height:auto}\n"
	"#at{position:absolute;pointer-events:none;background:#222;color:#fff;padding:.3em .6em;"
	"border-radius:4px;font-size:13px;white-space:pre;display:none}\n"
	"table{border-collapse:collapse}td,th{padding:.15em .9em;text-align:right;"
	"border-bottom:1px solid #8886}td:first-child,th:first-child{text-align:left}\n"
	".log{font:12px/1.6 monospace;white-space:pre-wrap;overflow-wrap:anywhere}\n"
	".who,.limit,.victim{border-left:6px solid;padding:.1em .8em;margin:.8em 0}\n"
	".who{border-color:#0072B2}.limit{border-color:#E69F00}.victim{border-color:#C00000}\n"
	"tr.dead td{font-weight:bold;color:#C00000}.note{opacity:.75}\n"
	"</style>\n";

/* Shows the figures at the pointer; `data` is the embedded JSON. */
static const char script[] =
	"<script>\n"
	"const d=JSON.parse(document.getElementById('data').textContent);\n"
	"const f=document.querySelector('figure'),s=f.querySelector('svg'),a=document.getElementById('at');\n"
	"f.addEventListener('mousemove',e=>{\n"
	" const b=s.getBoundingClientRect(),k=d.width/b.width,x=(e.clientX-b.left)*k;\n"
	" const r=d.runs.find(r=>x>=r.left&&x<=r.right);\n"
	" if(!r){a.style.display='none';return}\n"
	" const t=(x-r.left)/(r.right-r.left)*(r.t1-r.t0)+r.t0;let p=r.points[0];\n"
	" for(const q of r.points)if(q[0]<=t)p=q;\n"
	" const m=v=>v===null?'?':(v/1048576).toFixed(1)+' MiB';\n"
	" a.textContent=(p[0]*1000).toFixed(0)+' ms\\n'+d.keys.map((n,i)=>[n,p[i+1]]).filter(v=>v[1])"
	".map(v=>v[0]+' '+m(v[1])).join('\\n');\n"
	" a.style.display='block';a.style.left=(e.clientX-b.left+14)+'px';a.style.top=(e.clientY-b.top+14)+'px';\n"
	"});\nf.addEventListener('mouseleave',()=>a.style.display='none');\n"
	"</script>\n";

static void put(struct mr_str *out, const char *text)
{
	mr_str_append(out, text);
}

/* --- the kernel's log --- */

enum part { WHO, LIMIT, VICTIM, PARTS };

static enum part part_of(const char *line)
{
	if (strstr(line, "oom-kill:"))
		return LIMIT;
	if (strstr(line, "Killed process") || strstr(line, "oom_reaper:"))
		return VICTIM;
	return WHO;
}

static void put_lines(struct mr_str *out, const struct mr_json *log, enum part part)
{
	static const char *const classes[PARTS] = {"who", "limit", "victim"};
	bool any = false;

	mr_str_appendf(out, "<div class=\"log %s\">", classes[part]);
	for (const struct mr_json *l = log->child; l; l = l->next)
		if (l->type == MR_JSON_STRING && part_of(l->text) == part) {
			put_html(out, l->text);
			put(out, "\n");
			any = true;
		}
	put(out, any ? "</div>\n" : "(the kernel did not print this part)</div>\n");
}

static void put_size_cell(struct mr_str *out, const struct mr_json *row, const char *key)
{
	char size[24];
	int64_t v = mr_json_int(row, key, -1);

	mr_str_appendf(out, "<td>%s</td>", v < 0 ? "?" : size_text((double)v, size));
}

static bool is_victim(const struct mr_json *oom, int64_t pid)
{
	const struct mr_json *v = mr_json_get(oom, "Victims");

	for (v = v ? v->child : NULL; v; v = v->next)
		if (mr_json_int(v, "HostPid", -1) == pid)
			return true;
	return false;
}

static void put_tasks(struct mr_str *out, const struct mr_json *oom)
{
	const struct mr_json *rows = mr_json_get(oom, "Processes");

	if (!rows || rows->n == 0)
		return;
	put(out,
		"<table><tr><th>process<th>host pid<th>rss in pages<th>= rss<th>page tables<th>swap"
		"<th>oom_score_adj<th>points</tr>\n");
	for (const struct mr_json *p = rows->child; p; p = p->next) {
		int64_t pid = mr_json_int(p, "HostPid", -1),
			rss = mr_json_int(p, "RssBytes", -1);
		int64_t points = mr_json_int(p, "Points", -1);
		mr_str_appendf(
			out, "<tr%s><td>", is_victim(oom, pid) ? " class=dead" : "");
		put_html(out, mr_json_text(p, "Comm", "?"));
		mr_str_appendf(out, "<td>%lld<td>%lld", (long long)pid,
			(long long)(rss / sysconf(_SC_PAGESIZE)));
		put_size_cell(out, p, "RssBytes");
		put_size_cell(out, p, "PgtablesBytes");
		put_size_cell(out, p, "SwapBytes");
		mr_str_appendf(
			out, "<td>%lld<td>", (long long)mr_json_int(p, "OomScoreAdj", 0));
		if (points >= 0)
			mr_str_appendf(out, "%lld", (long long)points);
		put(out, "</tr>\n");
	}
	mr_str_appendf(out,
		"</table>\n<p class=note>The kernel counts in pages of %ld KiB. ",
		sysconf(_SC_PAGESIZE) / 1024);
	put(out,
		"It kills whoever has the most "
		"points: rss + swap + page tables, in pages, + oom_score_adj &times; limit / 1000.</p>\n");
}

static void put_kernel_log(struct mr_str *out, const struct run *r)
{
	const struct mr_json *oom = mr_json_get(r->status, "OOM");
	const struct mr_json *log = mr_json_get(oom, "KernelLog");
	char size[24];
	int64_t limit = mr_json_int(oom, "LimitBytes", -1);

	if (mr_json_int(oom, "Kills", 0) < 1)
		return;
	put(out, "<h2>What the kernel wrote</h2>\n");
	if (!log || log->n == 0) {
		put(out,
			"<p>Nothing that could be read: the log needs CAP_SYSLOG, or it was lost. The "
			"counters decide, not the log.</p>\n");
		return;
	}
	put(out, "<h3>1. Who asked, and who was there</h3>\n");
	put_tasks(out, oom);
	put_lines(out, log, WHO);
	put(out,
		"<h3>2. Whose limit</h3>\n<p>oom_memcg is the cgroup whose limit was hit, task_memcg "
		"where the victim lived. ");
	if (limit >= 0) {
		mr_str_appendf(out, "The limit of %s belongs to <code>",
			size_text((double)limit, size));
		put_html(out, mr_json_text(oom, "LimitCgroup", "?"));
		mr_str_appendf(out, "</code>: %s.",
			mr_streq(mr_json_text(oom, "Scope", ""), "ancestor")
				? "not the container's own, but one above it"
				: "the container's own");
	}
	put(out, "</p>\n");
	put_lines(out, log, LIMIT);
	put(out, "<h3>3. Who was killed</h3>\n");
	put_lines(out, log, VICTIM);
}

/* --- figures --- */

static void put_verdict(struct mr_str *out, const struct run *r)
{
	const struct mr_json *v = mr_json_get(r->status, "Verdict");
	const char *kind = mr_json_text(v, "Kind", NULL);

	if (!kind)
		return;
	put(out, "<h2>Leak, or limit too small?</h2>\n<p><strong>");
	put_html(out, kind);
	put(out, "</strong>: ");
	put_html(out, mr_json_text(v, "Reason", ""));
	put(out,
		".</p>\n<p class=note>A shape is a hint. <code>minirun bisect</code> is the test: it looks for "
		"the smallest limit under which the program works.</p>\n");
}

static void put_figures(struct mr_str *out, const struct run *r)
{
	static const char *const rows[][2] = {{"Limit", "LimitBytes"},
		{"Limit in force", "EffectiveLimitBytes"},
		{"Peak of everything", "PeakBytes"},
		{"Peak of anonymous memory", "PeakAnonBytes"},
		{"Peak of kernel memory", "PeakKernelBytes"},
		{"Largest process", "MaxRssBytes"}, {"Peak of swap", "SwapPeakBytes"}};
	const struct mr_json *memory = mr_json_get(r->status, "Memory");
	char size[24];

	put(out, "<h2>Figures</h2>\n<table><tr><th>memory<th>bytes<th>=</tr>\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t v = mr_json_int(memory, rows[i][1], -1);
		mr_str_appendf(out, "<tr><td>%s", rows[i][0]);
		if (v < 0)
			put(out, "<td><td>none or unknown</tr>\n");
		else
			mr_str_appendf(out, "<td>%lld<td>%s</tr>\n", (long long)v,
				size_text((double)v, size));
	}
	put(out, "</table>\n");
}

static void put_lanes(struct mr_str *out, const struct run *r)
{
	char size[24], vm[24];

	put(out,
		"<h2>Processes</h2>\n<table><tr><th>process<th>pid<th>from<th>to<th>largest RSS<th>largest "
		"VIRT<th>end</tr>\n");
	for (size_t i = 0; i < r->n_lanes; i++) {
		const struct lane *l = &r->lanes[i];
		mr_str_appendf(
			out, "<tr%s><td>", l->how == OOM_KILLED ? " class=dead" : "");
		put_html(out, l->name);
		mr_str_appendf(out, "<td>%d<td>%.3f s<td>", l->pid, fmax(0, l->begin));
		if (!isnan(l->end))
			mr_str_appendf(out, "%.3f s", l->end);
		mr_str_appendf(out, "<td>%s<td>%s<td>%s</tr>\n",
			size_text(l->max_rss, size), size_text(l->max_vm, vm),
			l->how_text[0] ? l->how_text : "not known");
	}
	put(out, "</table>\n");
}

/* --- data --- */

/* In a script element "<" would let a name close it. */
static void put_json(struct mr_str *out, const char *json)
{
	for (; *json; json++) {
		if (*json == '<')
			put(out, "\\u003c");
		else
			mr_str_append_n(out, json, 1);
	}
}

static void put_number(struct mr_str *out, double v)
{
	if (isnan(v))
		put(out, ",null");
	else
		mr_str_appendf(out, ",%.0f", v);
}

static void put_data(struct mr_str *out, const struct run *const *runs, int n)
{
	mr_str_appendf(out,
		"<script type=\"application/json\" id=\"data\">{\"width\":%d,\"keys\":[\"usage\"",
		chart_width(n));
	for (int i = 0; i < LAYERS; i++)
		mr_str_appendf(out, ",\"%s\"", layer_styles[i].short_name);
	put(out, "],\"runs\":[");
	for (int i = 0; i < n; i++) {
		struct box b = chart_box(runs, n, i);
		size_t step = runs[i]->n_points / 400 + 1;
		mr_str_appendf(out,
			"%s{\"left\":%.0f,\"right\":%.0f,\"t0\":%.6f,\"t1\":%.6f,\"points\":[",
			i ? "," : "", b.left, b.right, b.t0, b.t1);
		for (size_t k = 0; k < runs[i]->n_points; k += step) {
			const struct point *p = &runs[i]->points[k];
			mr_str_appendf(out, "%s[%.6f", k ? "," : "", p->t);
			put_number(out, p->usage);
			for (int l = 0; l < LAYERS; l++)
				put_number(out, p->part[l]);
			put(out, "]");
		}
		put(out, "]}");
	}
	put(out, "]}</script>\n");
}

void html_page(const struct run *const *runs, int n, const char *svg, struct mr_str *out)
{
	const char *drawing = strstr(svg, "<svg"); /* without the XML declaration */

	put(out, head);
	put(out, "<title>");
	for (int i = 0; i < n; i++) {
		put(out, i ? ", " : "");
		put_html(out, runs[i]->name);
	}
	mr_str_appendf(out,
		"</title></head>\n<body%s>\n<figure>\n%s\n<div id=\"at\"></div></figure>\n",
		n > 1 ? " class=two" : "", drawing ? drawing : svg);
	for (int i = 0; i < n; i++) {
		auto_str line = {0};
		if (runs[i]->from > 0)
			continue; /* the end of the other */
		put(out, "<h1>");
		put_html(out, runs[i]->name);
		put(out, "</h1>\n<p>");
		run_headline(runs[i], &line);
		put_html(out, mr_str_text(&line));
		put(out, ".</p>\n");
		put_verdict(out, runs[i]);
		put_kernel_log(out, runs[i]);
		put_figures(out, runs[i]);
		put_lanes(out, runs[i]);
		mr_str_appendf(
			out, "<script type=\"application/json\" id=\"record%d\">", i + 1);
		put_json(out, runs[i]->status_text);
		put(out, "</script>\n");
	}
	put_data(out, runs, n);
	put(out, script);
	put(out, "</body></html>\n");
}
