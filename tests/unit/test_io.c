/* SPDX-License-Identifier: Apache-2.0 */
/* io.c: whole files, atomic replacement, descriptors through sockets, clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Every test works in a directory of its own, as descriptor *state. */
struct fixture {
	char path[64];
	int dir;
};

static int make_directory(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/tmp/minirun-test-io-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dir < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
	struct fixture *f = *state;
	DIR *d = fdopendir(f->dir);
	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(f->path);
	free(f);
	return 0;
}

static int dir_of(void **state)
{
	return ((struct fixture *)*state)->dir;
}

static void put_file(int dir, const char *name, const void *data, size_t len)
{
	autoclose int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(mr_write_all(fd, data, len), 0);
}

static size_t count_files(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.' || e->d_name[1] == 'f';
	closedir(d);
	return n;
}

static void test_read_whole_file(void **state)
{
	int dir = dir_of(state);
	char data[10000];
	memset(data, 'x', sizeof(data));
	data[5000] = '\0';
	put_file(dir, "f", data, sizeof(data));

	autofree char *text = NULL;
	size_t len;
	assert_int_equal(mr_read_file_at(dir, "f", sizeof(data), &text, &len), 0);
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(text, data, len);
	assert_int_equal(text[len], 0);

	autofree char *none = NULL;
	assert_int_equal(
		mr_read_file_at(dir, "f", sizeof(data) - 1, &none, NULL), -EFBIG);
	assert_null(none);
	assert_int_equal(mr_read_file_at(dir, "missing", 10, &none, NULL), -ENOENT);
	assert_int_equal(mr_read_file_at(dir, ".", 10, &none, NULL), -EISDIR);
}

static void test_read_kernel_file(void **state)
{
	(void)state;
	autofree char *text = NULL, *small = NULL;
	size_t len;
	assert_int_equal(
		mr_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 24, &text, &len),
		0);
	assert_true(len > 20);
	assert_int_equal(strlen(text), len);
	/* Size 0 in stat(2), yet the bound holds. */
	assert_int_equal(
		mr_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 20, &small, NULL),
		-EFBIG);
}

static void test_nothing_blocks(void **state)
{
	int dir = dir_of(state);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	alarm(5); /* a block ends the test */
	autofree char *text = NULL, *zero = NULL;
	size_t len = 99;
	assert_int_equal(mr_read_file_at(dir, "fifo", 100, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");

	autoclose int writer = openat(dir, "fifo", O_RDWR | O_CLOEXEC);
	assert_true(writer >= 0);
	char line[10];
	assert_int_equal(mr_read_line_at(dir, "fifo", line, sizeof(line)), 0);
	assert_int_equal(
		mr_read_file_at(AT_FDCWD, "/dev/zero", 1 << 20, &zero, NULL), -EFBIG);
	alarm(0);
}

static void test_read_line(void **state)
{
	int dir = dir_of(state);
	char buf[8];
	put_file(dir, "f", "1234\n", 5);
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), 4);
	assert_string_equal(buf, "1234");
	put_file(dir, "f", "1234567", 7);
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), 7);
	put_file(dir, "f", "12345678", 8);
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), -EFBIG);
	put_file(dir, "f", "", 0);
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
}

static void test_read_number(void **state)
{
	int dir = dir_of(state);
	uint64_t v;
	put_file(dir, "f", "67108864\n", 9);
	assert_int_equal(mr_read_u64_at(dir, "f", &v), 0);
	assert_int_equal(v, 67108864);
	put_file(dir, "f", "max\n", 4);
	assert_int_equal(mr_read_u64_at(dir, "f", &v), 0);
	assert_true(v == UINT64_MAX);
	put_file(dir, "f", "12 34\n", 6);
	assert_int_equal(mr_read_u64_at(dir, "f", &v), -EINVAL);
	put_file(dir, "f", "", 0);
	assert_int_equal(mr_read_u64_at(dir, "f", &v), -EINVAL);
	assert_int_equal(mr_read_u64_at(dir, "missing", &v), -ENOENT);
}

static void test_write_existing_file(void **state)
{
	int dir = dir_of(state);
	assert_int_equal(mr_write_file_at(dir, "f", "1"), -ENOENT);
	put_file(dir, "f", "", 0);
	assert_int_equal(mr_write_file_at(dir, "f", "67108864"), 0);
	char buf[32];
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), 8);

	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(mr_write_file_at(dir, "link", "0"), -ELOOP);
	assert_int_equal(mr_read_line_at(dir, "f", buf, sizeof(buf)), 8);
	assert_int_equal(mr_write_file_at(AT_FDCWD, "/dev/full", "0"), -ENOSPC);
}

static void test_write_all_finishes_short_writes(void **state)
{
	(void)state;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	char data[3000], back[4000];
	memset(data, 'y', sizeof(data));
	assert_int_equal(mr_write_all(pair[0], data, sizeof(data)), 0);
	mr_close(&pair[0]);
	assert_int_equal(pair[0], -1);
	mr_close(&pair[0]);
	assert_int_equal(mr_read_full(pair[1], back, sizeof(back)), 3000);
	assert_memory_equal(back, data, sizeof(data));
	mr_close(&pair[1]);
	assert_int_equal(mr_write_all(-1, "x", 1), -EBADF);
}

static void test_atomic_write(void **state)
{
	struct fixture *f = *state;
	mode_t old = umask(077);
	assert_int_equal(mr_write_atomic_at(f->dir, "f", "one", 3, 0644), 0);
	umask(old);
	struct stat st;
	assert_int_equal(fstatat(f->dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	ino_t first = st.st_ino;

	autoclose int reader = openat(f->dir, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(mr_write_atomic_at(f->dir, "f", "second", 6, 0600), 0);
	char buf[16];
	assert_int_equal(mr_read_line_at(f->dir, "f", buf, sizeof(buf)), 6);
	assert_string_equal(buf, "second");
	assert_int_equal(fstatat(f->dir, "f", &st, 0), 0);
	assert_true(st.st_ino != first);
	/* Who had it open still reads the whole old text. */
	assert_int_equal(mr_read_full(reader, buf, sizeof(buf)), 3);
	assert_int_equal(count_files(f->path), 1);
}

static void test_atomic_write_by_path(void **state)
{
	struct fixture *f = *state;
	char path[100], buf[16];
	snprintf(path, sizeof(path), "%s/f", f->path);
	assert_int_equal(mr_write_durable_at(AT_FDCWD, path, "abs", 3, 0600), 0);
	assert_int_equal(mr_read_line_at(f->dir, "f", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "abs");
}

static void test_failed_atomic_write_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->dir, "f", 0700), 0);
	assert_int_equal(mr_write_atomic_at(f->dir, "f", "x", 1, 0600), -EISDIR);
	assert_int_equal(count_files(f->path), 1);
	assert_int_equal(unlinkat(f->dir, "f", AT_REMOVEDIR), 0);
	assert_int_equal(mr_write_atomic_at(f->dir, "no/such", "x", 1, 0600), -ENOENT);
	assert_int_equal(count_files(f->path), 0);
}

static void test_atomic_write_replaces_a_symlink(void **state)
{
	struct fixture *f = *state;
	char buf[16];
	put_file(f->dir, "target", "old", 3);
	assert_int_equal(symlinkat("target", f->dir, "f"), 0);
	assert_int_equal(mr_write_atomic_at(f->dir, "f", "new", 3, 0600), 0);
	assert_int_equal(mr_read_line_at(f->dir, "target", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "old");
}

static void test_clocks(void **state)
{
	(void)state;
	char buf[40];
	struct timespec t = {.tv_sec = 1795406043, .tv_nsec = 123456789};
	assert_string_equal(mr_format_time(t, buf), "2026-11-23T03:54:03.123456789Z");
	assert_string_equal(mr_format_time((struct timespec){0}, buf),
		"1970-01-01T00:00:00.000000000Z");
	t.tv_sec = INT64_MAX;
	assert_string_equal(mr_format_time(t, buf), "0001-01-01T00:00:00Z");

	int64_t a = mr_now_mono_ns(), b = mr_now_mono_ns();
	assert_true(a > 0 && b >= a);
	assert_true(mr_now_real().tv_sec > 1700000000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_whole_file),
		cmocka_unit_test(test_read_kernel_file),
		TEST(test_nothing_blocks),
		TEST(test_read_line),
		TEST(test_read_number),
		TEST(test_write_existing_file),
		cmocka_unit_test(test_write_all_finishes_short_writes),
		TEST(test_atomic_write),
		TEST(test_atomic_write_by_path),
		TEST(test_failed_atomic_write_leaves_nothing),
		TEST(test_atomic_write_replaces_a_symlink),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
