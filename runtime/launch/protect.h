/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_PROTECT_H
#define MR_LAUNCH_PROTECT_H

/**
 * Close the descriptor of the bind that this program runs from, if there is one; the program
 * itself keeps the bind. The last holder waits for an RCU grace period: call it early where
 * others still hold it, or while there is nothing else to do.
 */
void mr_protect_release(void);

#endif
