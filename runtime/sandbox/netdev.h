/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_NETDEV_H
#define MR_SANDBOX_NETDEV_H

#include "base/errors.h"
#include "spec/spec.h"

/**
 * linux.netDevices: move devices of the caller's network namespace into that of a process,
 * rename them, give them back their permanent global addresses, and set them up. A device
 * that was moved before another one failed stays in the container's namespace: the kernel
 * returns a physical one when that ends.
 *
 * @param pidfd of the container's process
 */
int mr_netdev_move(const struct mr_linux *l, int pidfd, struct mr_error *err);

#endif
