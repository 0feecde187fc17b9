/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's entry point: runs this program again from its read-only bind (see protect.c)
 * before the C library has started, instead of after.
 *
 * Why: the start of the C library is the dearest part of a start, and whoever launches
 * starts twice. It asks the processor for its features with some twenty CPUID instructions,
 * each of which leaves the virtual machine: 0.1 to 0.5 ms. What is left of the first start is
 * a handful of system calls on a few pages.
 *
 * Only a shortcut: whatever fails here, and everything that is not certain, is left to
 * mr_protect_own_binary(), which looks again and decides. Here nothing of the C library
 * works: no errno, no stack protector, no memcpy() (it is chosen by processor feature).
 *
 * Linked in with -Wl,-e,mr_entry; without that, and on other machines than these two, the
 * C library's _start begins as usual.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
__asm__(".text\n"
	".globl mr_entry\n"
	".type mr_entry, @function\n"
	"mr_entry:\n"
	"	endbr64\n"
	"	mov %rsp, %rdi\n" /* argc, argv, NULL, environ, NULL: as the kernel left it */
	"	call mr_entry_protect\n"
	"	xor %edx, %edx\n" /* for _start: no function to call at the exit */
	"	jmp _start\n"
	".size mr_entry, . - mr_entry\n");

static long call5(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl mr_entry\n"
	".type mr_entry, %function\n"
	"mr_entry:\n"
	"	mov x0, sp\n"
	"	bl mr_entry_protect\n"
	"	mov x0, #0\n"
	"	b _start\n"
	".size mr_entry, . - mr_entry\n");

static long call5(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
/* Is "run" the command? A word behind an option may be its value: one exec too many is no
 * harm then, but a companion's `run` (minirun lab run) is to find this program's path. */
static int launches(char *const *argv)
{
	int option = 0;

	for (argv += *argv != NULL; *argv; argv++) {
		const char *p = *argv;
		if (p[0] == 'r' && p[1] == 'u' && p[2] == 'n' && p[3] == '\0')
			return 1;
		if (p[0] != '-' && !option)
			return 0;
		option = p[0] == '-';
	}
	return 0;
}

void mr_entry_protect(long *stack);

__attribute__((used, no_stack_protector)) void mr_entry_protect(long *stack)
{
	static const struct mount_attr read_only = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID,
	};
	static const char self[] = "/proc/self/exe";
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
	struct statfs fs;

	if (!launches(argv))
		return;
	long exe = call5(SYS_openat, AT_FDCWD, (long)self, O_PATH | O_CLOEXEC, 0, 0);
	if (exe < 0)
		return;
	if (call5(SYS_fstatfs, exe, (long)&fs, 0, 0, 0) == 0 && !(fs.f_flags & ST_RDONLY)) {
		long tree = call5(SYS_open_tree, exe, (long)"",
			OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, 0, 0);
		if (tree >= 0 &&
			call5(SYS_mount_setattr, tree, (long)"", AT_EMPTY_PATH,
				(long)&read_only, sizeof(read_only)) == 0)
			call5(SYS_execveat, tree, (long)"", (long)argv, (long)envp,
				AT_EMPTY_PATH);
		if (tree >= 0)
			call5(SYS_close, tree, 0, 0, 0, 0);
	}
	call5(SYS_close, exe, 0, 0, 0, 0);
}
#endif
