/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_UPDATE_H
#define MR_SPEC_UPDATE_H

#include "minirun.h"
#include "spec/spec.h"

/**
 * What `update` asks for: flags or a LinuxResources document, through the one parser that
 * config.json has too, into @holder->linux_->resources. Form only: rules across fields
 * need what holds now.
 */
int mr_update_parse(
	const struct mr_update *u, struct mr_spec *holder, struct mr_error *err);

#endif
