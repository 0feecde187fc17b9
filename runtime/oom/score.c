/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's choice as arithmetic: see score.h.
 *
 * mm/oom_kill.c computes in long integers: the total is divided by 1000 first and then
 * multiplied by oom_score_adj, so a limit below 1000 pages makes oom_score_adj mean
 * nothing. select_bad_process() walks all tasks of the cgroup and of those below it and
 * keeps one whose points are not less than the best so far. Passed over are oom_score_adj
 * -1000, the host's init, who shares its memory with a parent in vfork(2), and who has
 * been reaped already; the last two cannot be told from outside.
 *
 * Older kernels differ: before 5.9 points below 1 count as 1; before 4.17 a process with
 * CAP_SYS_ADMIN gets 3 % off; before 5.2 a child may be killed in its parent's place.
 */
#include "oom/score.h"

void mr_score_task(const struct mr_oom_task *task, struct mr_uint total, long page_size,
	struct mr_score *ret)
{
	const uint64_t page = (uint64_t)page_size;
	const int64_t adj = task->oom_score_adj.value;

	*ret = (struct mr_score){0};
	ret->exempt = task->oom_score_adj.set && adj == MR_SCORE_NEVER;
	ret->known = task->rss.set && task->swap.set && task->pgtables.set &&
		     task->oom_score_adj.set && adj >= -1000 && adj <= 1000 &&
		     (adj == 0 || total.set);
	if (!ret->known)
		return;
	ret->held = (int64_t)(task->rss.value / page + task->swap.value / page +
			      task->pgtables.value / page);
	ret->adj = adj == 0 ? 0 : adj * (int64_t)(total.value / 1000);
	ret->points = ret->held + ret->adj;
}

struct mr_uint mr_score_total(
	struct mr_uint limit, struct mr_uint room, uint64_t swap, long page_size)
{
	struct mr_uint total = {.set = limit.set};
	if (room.set && room.value < swap)
		swap = room.value;
	if (limit.set)
		total.value = (limit.value + swap) / (uint64_t)page_size;
	return total;
}

struct mr_uint mr_score_total_of_kill(
	const struct mr_oom_kill *kill, struct mr_uint swap, long page_size)
{
	struct mr_uint room = kill->swap_limit;
	if (!kill->memcg)
		return mr_score_total(kill->host_ram, (struct mr_uint){0},
			kill->host_swap.value, page_size);
	if (kill->memsw_limit.set && kill->memory_limit.set)
		room = (struct mr_uint){.set = true,
			.value = kill->memsw_limit.value > kill->memory_limit.value
					 ? kill->memsw_limit.value -
						   kill->memory_limit.value
					 : 0};
	return mr_score_total(
		kill->memory_limit, room, swap.set ? swap.value : 0, page_size);
}

/* Whom would the scan keep? @skip nobody: n */
static size_t best(const struct mr_score *scores, size_t n, size_t skip)
{
	size_t found = n;
	for (size_t i = 0; i < n; i++) {
		if (i == skip || !mr_score_counts(&scores[i]))
			continue;
		if (found == n || scores[i].points >= scores[found].points)
			found = i;
	}
	return found;
}

void mr_score_predict(const struct mr_score *scores, const struct mr_oom_task *tasks,
	size_t n, pid_t victim, int64_t noise, struct mr_prediction *ret)
{
	*ret = (struct mr_prediction){.first = best(scores, n, n)};
	ret->second = best(scores, n, ret->first);
	if (ret->second < n)
		ret->lead = scores[ret->first].points - scores[ret->second].points;
	for (size_t i = 0; i < n; i++) {
		if (victim == 0 || tasks[i].pid != victim || !scores[i].known)
			continue;
		int64_t behind =
			ret->first < n ? scores[ret->first].points - scores[i].points : 0;
		if (i == ret->first)
			ret->choice = MR_CHOICE_AGREES;
		else if (!scores[i].exempt && behind <= noise)
			ret->choice = MR_CHOICE_CLOSE;
		else
			ret->choice = MR_CHOICE_DIFFERS;
	}
}
