/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the benchmark launches: it does nothing, so that what is measured is
 * the launch. Linked statically: the container's rootfs holds nothing but this file.
 */
int main(void)
{
	return 0;
}
