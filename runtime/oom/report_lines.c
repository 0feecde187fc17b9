/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single lines of the kernel's OOM report: see report.h.
 *
 * A process names itself (15 bytes, anything but NUL) and whoever may make a cgroup names
 * that, so every fixed word of the report can also stand inside a name: ") total-vm:" and
 * ",pid=" are therefore looked for from the right, behind which only the kernel's own
 * numbers follow. The two cgroups of an oom-kill: line are told apart by the rule that a
 * victim lives in the cgroup that ran out or below it.
 */
#include "oom/report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void mr_oom_copy(char *dst, size_t cap, const char *src, size_t n)
{
	dst[0] = '\0';
	if (n >= cap)
		return;
	memcpy(dst, src, n);
	dst[n] = '\0';
}

static const char *rightmost(const char *text, const char *word)
{
	const char *found = NULL;
	for (const char *p = text; (p = strstr(p, word)); p++)
		found = p;
	return found;
}

bool mr_oom_take_number(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (v > UINT64_MAX / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(**p - '0');
	}
	*ret = v;
	return true;
}

static bool take_pid(const char **p, pid_t *ret)
{
	uint64_t v;
	if (!mr_oom_take_number(p, &v) || v == 0 || v > INT32_MAX)
		return false;
	*ret = (pid_t)v;
	return true;
}

static bool take_int(const char **p, struct mr_int *ret)
{
	uint64_t v;
	bool negative = **p == '-';
	*p += negative;
	if (!mr_oom_take_number(p, &v) || v > INT32_MAX)
		return false;
	*ret = (struct mr_int){.set = true, .value = negative ? -(int64_t)v : (int64_t)v};
	return true;
}

/* --- Killed process --- */

/* "name:123kB": the figure in bytes. Not set when the line has none. */
static struct mr_uint figure(const char *tail, const char *name)
{
	struct mr_uint v = {0};
	uint64_t kib;
	const char *p = strstr(tail, name);
	if (!p)
		return v;
	p += strlen(name);
	if (mr_oom_take_number(&p, &kib) && mr_has_prefix(p, "kB") && kib < UINT64_MAX / 1024)
		v = (struct mr_uint){.set = true, .value = kib * 1024};
	return v;
}

static void parse_figures(const char *tail, struct mr_oom_kill *ret)
{
	const char *p;
	ret->total_vm = figure(tail, "total-vm:");
	ret->anon_rss = figure(tail, "anon-rss:");
	ret->file_rss = figure(tail, "file-rss:");
	ret->shmem_rss = figure(tail, "shmem-rss:");
	ret->pgtables = figure(tail, "pgtables:");
	/* kernels 5.4 and 5.5 wrote bytes and called them kB: more than can be. */
	if (ret->pgtables.set && ret->total_vm.set &&
		ret->pgtables.value > ret->total_vm.value)
		ret->pgtables.set = false;
	p = strstr(tail, "oom_score_adj:");
	if (p) {
		p += strlen("oom_score_adj:");
		take_int(&p, &ret->oom_score_adj);
	}
	p = strstr(tail, "UID:");
	if (p) {
		p += strlen("UID:");
		ret->uid.set = mr_oom_take_number(&p, &ret->uid.value);
	}
}

bool mr_oom_parse_killed(
	const char *text, struct mr_oom_kill *ret, enum mr_killed_prefix *ret_prefix)
{
	static const struct {
		const char *text;
		enum mr_killed_prefix prefix;
	} heads[] = {
		{"Memory cgroup out of memory: Killed process ", MR_KILLED_MEMCG},
		{"Out of memory: Killed process ", MR_KILLED_HOST},
		{"Out of memory (oom_kill_allocating_task): Killed process ",
			MR_KILLED_HOST},
		{"Killed process ", MR_KILLED_BARE},
	};
	const char *p = NULL;
	for (size_t i = 0; !p && i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (mr_has_prefix(text, heads[i].text)) {
			p = text + strlen(heads[i].text);
			*ret_prefix = heads[i].prefix;
		}
	}
	const char *tail = rightmost(text, ") total-vm:");
	if (!tail) /* Red Hat's 3.10: "Killed process 7 (x), UID 0, total-vm:..." */
		tail = rightmost(text, "), UID ");
	if (!p || !tail || !take_pid(&p, &ret->pid) || !mr_has_prefix(p, " (") ||
		p + 2 > tail)
		return false;
	mr_oom_copy(ret->comm, sizeof(ret->comm), p + 2, (size_t)(tail - p - 2));
	parse_figures(tail, ret);
	return true;
}

/* --- oom-kill: --- */

bool mr_oom_line_complete(const char *text)
{
	uint64_t v;
	const char *p = rightmost(text, ",uid=");
	if (!p)
		return false;
	p += strlen(",uid=");
	return mr_oom_take_number(&p, &v) && *p == '\0';
}

/* The end of the cgroups: where ",task=COMM,pid=" begins. NULL: another victim. */
static const char *end_of_cgroups(
	const char *text, const char *comm, pid_t pid, bool any_pid)
{
	pid_t who;
	const char *end = rightmost(text, ",pid=");
	if (!end)
		return NULL;
	const char *p = end + strlen(",pid=");
	if (!take_pid(&p, &who) || (who != pid && !any_pid))
		return NULL;
	char task[64];
	int n = snprintf(task, sizeof(task), ",task=%s", comm);
	if (n > 0 && (size_t)n < sizeof(task) && end - text >= n &&
		strncmp(end - n, task, (size_t)n) == 0)
		return end - n;
	/* Another name (a child died instead): its own, from the right. */
	const char *found = NULL;
	for (p = text; (p = strstr(p, ",task=")) && p < end; p++)
		found = p;
	return found;
}

/* A = oom_memcg, B = task_memcg, in "A,task_memcg=B" up to @end. */
static void split_cgroups(const char *a, const char *end, struct mr_oom_kill *ret)
{
	static const char word[] = ",task_memcg=";
	const char *first = NULL;
	for (const char *p = a; (p = strstr(p, word)) && p < end; p++) {
		const char *b = p + strlen(word);
		if (!first)
			first = p;
		mr_oom_copy(ret->oom_memcg, sizeof(ret->oom_memcg), a, (size_t)(p - a));
		mr_oom_copy(
			ret->task_memcg, sizeof(ret->task_memcg), b, (size_t)(end - b));
		if (mr_path_is_below(ret->task_memcg, ret->oom_memcg))
			return;
	}
	if (!first) {
		ret->oom_memcg[0] = ret->task_memcg[0] = '\0';
		return;
	}
	mr_oom_copy(ret->oom_memcg, sizeof(ret->oom_memcg), a, (size_t)(first - a));
	first += strlen(word);
	mr_oom_copy(
		ret->task_memcg, sizeof(ret->task_memcg), first, (size_t)(end - first));
}

bool mr_oom_parse_oom_kill(const char *text, const char *comm, pid_t pid, bool any_pid,
	struct mr_oom_kill *ret)
{
	static const char own[] = ",oom_memcg=", host[] = ",global_oom,task_memcg=";
	const char *end = end_of_cgroups(text, comm, pid, any_pid);
	if (!end)
		return false;
	const char *a = strstr(text, own), *g = strstr(text, host);
	if (g && g < end && (!a || g < a)) {
		const char *b = g + strlen(host);
		ret->global = true;
		mr_oom_copy(
			ret->task_memcg, sizeof(ret->task_memcg), b, (size_t)(end - b));
		return true;
	}
	if (!a || a >= end)
		return false;
	split_cgroups(a + strlen(own), end, ret);
	return true;
}

/* --- other lines --- */

bool mr_oom_parse_task_in(const char *text, char task_memcg[512], char oom_memcg[512])
{
	static const char head[] = "Task in ",
			  word[] = " killed as a result of limit of ";
	if (!mr_has_prefix(text, head))
		return false;
	const char *a = text + strlen(head), *found = NULL;
	for (const char *p = a; (p = strstr(p, word)); p++) {
		const char *b = p + strlen(word);
		mr_oom_copy(task_memcg, 512, a, (size_t)(p - a));
		mr_oom_copy(oom_memcg, 512, b, strlen(b));
		found = p;
		if (mr_path_is_below(task_memcg, oom_memcg))
			break;
	}
	return found != NULL;
}

bool mr_oom_parse_usage(const char *text, const char *name, struct mr_uint *ret)
{
	uint64_t kib;
	size_t n = strlen(name);
	if (strncmp(text, name, n) != 0 || !mr_has_prefix(text + n, ": usage "))
		return false;
	const char *p = strstr(text, "limit ");
	if (!p)
		return false;
	p += strlen("limit ");
	if (!mr_oom_take_number(&p, &kib) || !mr_has_prefix(p, "kB"))
		return false;
	/* 2^63 rounded down to pages is how the kernel writes "none". */
	ret->set = kib < (1ull << 52);
	ret->value = ret->set ? kib * 1024 : 0;
	return true;
}

bool mr_oom_parse_count(
	const char *text, const char *before, const char *behind, struct mr_uint *ret)
{
	uint64_t v;
	if (!mr_has_prefix(text, before))
		return false;
	text += strlen(before);
	if (!mr_oom_take_number(&text, &v) || strcmp(text, behind) != 0 || v > UINT64_MAX >> 16)
		return false;
	*ret = (struct mr_uint){.set = true, .value = v};
	return true;
}

/* --- task table --- */

enum column {
	COLUMN_OTHER,
	COLUMN_UID,
	COLUMN_TOTAL_VM,
	COLUMN_RSS,
	COLUMN_RSS_ANON,
	COLUMN_RSS_FILE,
	COLUMN_RSS_SHMEM,
	COLUMN_PGTABLES_BYTES,
	COLUMN_PGTABLES_PAGES, /* nr_ptes, nr_pmds: added up */
	COLUMN_SWAP,
	COLUMN_ADJ,
	COLUMN_NAME,
};

static enum column column_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		enum column column;
	} known[] = {
		{"uid", COLUMN_UID},
		{"total_vm", COLUMN_TOTAL_VM},
		{"rss", COLUMN_RSS},
		{"rss_anon", COLUMN_RSS_ANON},
		{"rss_file", COLUMN_RSS_FILE},
		{"rss_shmem", COLUMN_RSS_SHMEM},
		{"pgtables_bytes", COLUMN_PGTABLES_BYTES},
		{"nr_ptes", COLUMN_PGTABLES_PAGES},
		{"nr_pmds", COLUMN_PGTABLES_PAGES},
		{"swapents", COLUMN_SWAP},
		{"oom_score_adj", COLUMN_ADJ},
		{"name", COLUMN_NAME},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == n && memcmp(known[i].name, name, n) == 0)
			return known[i].column;
	}
	return COLUMN_OTHER;
}

bool mr_oom_parse_header(const char *text, int column[MR_OOM_COLUMNS], int *ret_n)
{
	if (text[0] != '[')
		return false;
	const char *p = text + 1 + strspn(text + 1, " ");
	if (!mr_has_prefix(p, "pid"))
		return false;
	p += strlen("pid");
	p += strspn(p, " ");
	if (*p++ != ']')
		return false;
	int n = 0;
	for (;;) {
		p += strspn(p, " ");
		size_t len = strcspn(p, " ");
		if (len == 0 || n == MR_OOM_COLUMNS)
			break;
		column[n++] = (int)column_of(p, len);
		p += len;
	}
	*ret_n = n;
	return n > 1 && column[n - 1] == COLUMN_NAME;
}

static struct mr_uint bytes(const struct mr_int *v, uint64_t unit)
{
	struct mr_uint u = {
		.set = v->value >= 0 && (uint64_t)v->value < UINT64_MAX / 2 / unit};
	u.value = u.set ? (uint64_t)v->value * unit : 0;
	return u;
}

static void set_cell(
	struct mr_oom_task *t, int column, const struct mr_int *v, uint64_t page)
{
	switch ((enum column)column) {
	case COLUMN_UID:
		t->uid = bytes(v, 1);
		break;
	case COLUMN_TOTAL_VM:
		t->total_vm = bytes(v, page);
		break;
	case COLUMN_RSS:
		t->rss = bytes(v, page);
		break;
	case COLUMN_RSS_ANON:
		t->rss_anon = bytes(v, page);
		break;
	case COLUMN_RSS_FILE:
		t->rss_file = bytes(v, page);
		break;
	case COLUMN_RSS_SHMEM:
		t->rss_shmem = bytes(v, page);
		break;
	case COLUMN_PGTABLES_BYTES:
		t->pgtables = bytes(v, 1);
		break;
	case COLUMN_PGTABLES_PAGES:
		t->pgtables.set = true;
		t->pgtables.value += bytes(v, page).value;
		break;
	case COLUMN_SWAP:
		t->swap = bytes(v, page);
		break;
	case COLUMN_ADJ:
		t->oom_score_adj = *v;
		break;
	case COLUMN_OTHER:
	case COLUMN_NAME:
		break;
	}
}

/* As take_int(), but 64 bits wide: total_vm counts pages of any address space. */
static bool take_cell(const char **p, struct mr_int *ret)
{
	uint64_t v;
	*p += strspn(*p, " ");
	bool negative = **p == '-';
	*p += negative;
	if (!mr_oom_take_number(p, &v) || v > INT64_MAX)
		return false;
	*ret = (struct mr_int){.set = true, .value = negative ? -(int64_t)v : (int64_t)v};
	return true;
}

bool mr_oom_parse_row(const char *text, const int column[MR_OOM_COLUMNS], int n,
	long page_size, struct mr_oom_task *ret)
{
	struct mr_int v;
	*ret = (struct mr_oom_task){0};
	if (text[0] != '[')
		return false;
	const char *p = text + 1 + strspn(text + 1, " ");
	if (!take_pid(&p, &ret->pid))
		return false;
	p += strspn(p, " ");
	if (*p++ != ']')
		return false;
	for (int i = 0; i < n - 1; i++) {
		if (!take_cell(&p, &v))
			return false;
		set_cell(ret, column[i], &v, (uint64_t)page_size);
	}
	if (*p != ' ')
		return false;
	mr_oom_copy(ret->comm, sizeof(ret->comm), p + 1, strlen(p + 1));
	return true;
}
