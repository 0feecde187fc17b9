/* SPDX-License-Identifier: Apache-2.0 */
/* A container that stands still at its limit because the OOM killer is disabled: nothing will
 * happen unless somebody does something, so whoever looks is told what. */
#include "launch/launch_state.h"

void mr_launch_tell_hang(const struct mr_launch *l, bool begins)
{
	const struct mr_run_options *o = &l->plan->options;
	auto_str text = { 0 };
	char size[24];

	if (!o->message)
		return;
	if (begins) {
		mr_str_append(&text, "the memory limit");
		if (l->limits.memory.set)
			mr_str_appendf(&text, " of %s", mr_format_size(l->limits.memory.value, size));
		mr_str_appendf(&text, " is reached and the OOM killer disabled: the container stands "
				      "still. To let it go on: minirun update -m SIZE %s. To end "
				      "it: minirun kill %s KILL",
			l->plan->id, l->plan->id);
	} else {
		mr_str_appendf(&text, "the container goes on; it has stood still for %.1f s",
			(double)l->watch.hung_ns / 1e9);
	}
	o->message(o->message_arg, MR_MESSAGE_NOTE, mr_str_text(&text));
}
