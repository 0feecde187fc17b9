/* SPDX-License-Identifier: Apache-2.0 */
/* state.c, document.c, live.c, identity.c: the directory of a container on disk. No root.
 */
#include "record/state.h"

#include "base/io.h"
#include "record/document.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[64], root[80];

static int begin(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/minirun-state-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(root, sizeof(root), "%s/root", top);
	return 0;
}

/* What a test leaves is its own two directories, or it has failed. */
static int end(void **state)
{
	(void)state;
	rmdir(root);
	return rmdir(top);
}

static struct mr_state create(const char *id)
{
	struct mr_state s;
	struct mr_error err = {0};
	assert_int_equal(mr_state_create(root, id, &s, &err), 0);
	return s;
}

static void remove_and_close(struct mr_state *s)
{
	struct mr_error err = {0};
	assert_int_equal(mr_state_remove(s, &err), 0);
	mr_state_close(s);
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	char path[200];
	snprintf(path, sizeof(path), "%s%s", root, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void directories_are_closed_to_others(void **state)
{
	(void)state;
	mode_t old = umask(0);
	struct mr_state s = create("a");
	umask(old);
	assert_int_equal(mode_of(""), 0700);
	assert_int_equal(mode_of("/a"), 0700);
	struct mr_error err = {0};
	assert_int_equal(mr_state_write_status(&s, "{}", false, &err), 0);
	assert_int_equal(mode_of("/a/status.json"), 0600);
	remove_and_close(&s);
}

static void open_root_is_refused(void **state)
{
	(void)state;
	static const mode_t modes[] = {0775, 0702, 0770, 02730, 01777};
	struct mr_error err = {0};
	assert_int_equal(mkdir(root, 0700), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(root, modes[i]), 0);
		assert_int_equal(mr_state_root_open(root, true, &err), -EPERM);
		assert_non_null(strstr(err.message, "others may write to it"));
		assert_non_null(strstr(err.hint, "chmod 0700"));
	}
	/* Others may see it; the sticky bit: see basedir-spec on $XDG_RUNTIME_DIR. */
	static const mode_t fine[] = {0755, 0711, 01700};
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_int_equal(chmod(root, fine[i]), 0);
		autoclose int fine_fd = mr_state_root_open(root, false, &err);
		assert_true(fine_fd >= 0);
	}
	assert_int_equal(chmod(root, 0700), 0);
	autoclose int fd = mr_state_root_open(root, false, &err);
	assert_true(fd >= 0);
}

static void linked_root_is_refused(void **state)
{
	(void)state;
	char other[100], slash[100];
	struct mr_error err = {0};
	snprintf(other, sizeof(other), "%s/other", top);
	snprintf(slash, sizeof(slash), "%s/", root);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(symlink(other, root), 0);
	assert_true(mr_state_root_open(root, true, &err) < 0);
	assert_true(mr_state_root_open(slash, true, &err) < 0);
	assert_int_equal(unlink(root), 0);
	assert_int_equal(rmdir(other), 0);
}

static void parents_are_made(void **state)
{
	(void)state;
	char deep[200];
	struct mr_error err = {0};
	snprintf(deep, sizeof(deep), "%s/x/y/", root);
	assert_int_equal(mr_state_root_open(deep, false, &err), -ENOENT);
	int fd = mr_state_root_open(deep, true, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mode_of("/x"), 0700);
	assert_int_equal(rmdir(deep), 0);
	snprintf(deep, sizeof(deep), "%s/x", root);
	assert_int_equal(rmdir(deep), 0);
}

static void bad_ids_are_refused_everywhere(void **state)
{
	(void)state;
	static const char *const ids[] = {
		"", ".", "..", "a/b", "../x", "-x", "a b", "a\n"};
	struct mr_state s;
	struct mr_error err = {0};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(mr_state_create(root, ids[i], &s, &err), -EINVAL);
		assert_int_equal(mr_state_open(root, ids[i], &s, &err), -EINVAL);
	}
	assert_int_equal(access(root, F_OK), -1);
}

static void one_name_one_container(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a"), other;
	assert_int_equal(mr_state_create(root, "a", &other, &err), -EEXIST);
	assert_string_equal(err.message, "container 'a' already exists");
	mr_state_close(&other);
	remove_and_close(&s);
	s = create("a");
	remove_and_close(&s);
}

static void missing_container(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s;
	assert_int_equal(mr_state_open(root, "a", &s, &err), -ENOENT);
	assert_string_equal(err.message, "container does not exist: 'a'");
	mr_state_close(&s);
	struct mr_state b = create("b");
	assert_int_equal(mr_state_open(root, "a", &s, &err), -ENOENT);
	mr_state_close(&s);
	remove_and_close(&b);
}

static void lock_is_exclusive_and_waits(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a"), other; /* create holds it */
	assert_int_equal(mr_state_open(root, "a", &other, &err), 0);
	int64_t begun = mr_now_mono_ns();
	assert_int_equal(mr_state_lock(&other, 60, &err), -EAGAIN);
	assert_true(mr_now_mono_ns() - begun >= 60000000);
	assert_int_equal(mr_state_lock(&s, 0, &err), 0); /* ours already */
	mr_state_unlock(&s);
	assert_int_equal(mr_state_lock(&other, 0, &err), 0);
	assert_int_equal(mr_state_lock(&s, 0, &err), -EAGAIN);
	mr_state_close(&other);
	assert_int_equal(mr_state_lock(&s, 1000, &err), 0);
	remove_and_close(&s);
}

/* Whoever waits for a container that is being removed learns that it is gone. */
static void lock_of_a_removed_container(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a"), other;
	assert_int_equal(mr_state_open(root, "a", &other, &err), 0);
	remove_and_close(&s);
	assert_int_equal(mr_state_lock(&other, 0, &err), -ENOENT);
	assert_non_null(strstr(err.message, "container does not exist"));
	mr_state_close(&other);
}

static void holder_that_dies_lets_go(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a");
	mr_state_unlock(&s);
	pid_t pid = fork();
	if (pid == 0) {
		struct mr_state other;
		_exit(mr_state_open(root, "a", &other, &err) < 0 ||
			mr_state_lock(&other, 0, &err) < 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(mr_state_lock(&s, 0, &err), 0);
	remove_and_close(&s);
}

/* --- documents --- */

static struct mr_intent an_intent(void)
{
	struct mr_intent in = {.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.cgroup_path = "/minirun/a \"b\"",
		.n_mount_points = 2};
	snprintf(in.mount_points[0], sizeof(in.mount_points[0]), "/sys/fs/cgroup/memory");
	snprintf(
		in.mount_points[1], sizeof(in.mount_points[1]), "/sys/fs/cgroup/unified");
	return in;
}

static void intent_comes_back(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a");
	struct mr_intent in = an_intent(), out;
	assert_int_equal(mr_state_read_intent(&s, &out, &err), -ENOENT);
	assert_int_equal(mr_state_write_intent(&s, &in, &err), 0);
	assert_int_equal(mr_state_read_intent(&s, &out, &err), 0);
	assert_string_equal(out.boot_id, in.boot_id);
	assert_string_equal(out.cgroup_path, in.cgroup_path);
	assert_int_equal(out.n_mount_points, 2);
	assert_string_equal(out.mount_points[1], in.mount_points[1]);
	remove_and_close(&s);
}

static void live_comes_back(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a");
	struct mr_live in = {.status = "running",
		.bundle = strdup("/b"),
		.rootfs = strdup("/b/rootfs"),
		.config = strdup(""),
		.oci_version = "1.3.0",
		.created = "2026-11-23T03:54:03.123456789Z",
		.terminal = true,
		.pid_namespace = true,
		.exit_code = -1,
		.exit_signal = 9};
	in.init = (struct mr_process_id){
		.pid = 77, .pidfs_inode = UINT64_MAX, .start_ticks = 1ull << 60};
	in.monitor = (struct mr_process_id){.pid = 70, .start_ticks = 5};
	in.annotations_json = strdup("{\"a\":\"b\\\"\",\"n\":{}}");
	struct mr_live out;
	assert_int_equal(mr_state_write_live(&s, &in, &err), 0);
	assert_int_equal(mr_state_read_live(&s, &out, &err), 0);
	assert_string_equal(out.status, "running");
	assert_memory_equal(&out.init, &in.init, sizeof(in.init));
	assert_memory_equal(&out.monitor, &in.monitor, sizeof(in.monitor));
	assert_string_equal(out.bundle, "/b");
	assert_string_equal(out.rootfs, "/b/rootfs");
	assert_string_equal(out.config, "");
	assert_string_equal(out.oci_version, "1.3.0");
	assert_string_equal(out.created, in.created);
	assert_string_equal(out.annotations_json, in.annotations_json);
	assert_null(out.hooks_json);
	assert_true(out.terminal && out.pid_namespace);
	assert_int_equal(out.exit_code, -1);
	assert_int_equal(out.exit_signal, 9);
	mr_live_clear(&in);
	mr_live_clear(&out);
	remove_and_close(&s);
}

static char *intent_text(struct mr_state *s)
{
	char *text;
	struct mr_error err = {0};
	struct mr_intent in = an_intent();
	assert_int_equal(mr_state_write_intent(s, &in, &err), 0);
	assert_int_equal(
		mr_read_file_at(s->dir, "intent.json", 1u << 20, &text, NULL), 0);
	return text;
}

static void expect_damaged(struct mr_state *s, const char *text, size_t n)
{
	struct mr_error err = {0};
	struct mr_intent out;
	assert_int_equal(mr_write_atomic_at(s->dir, "intent.json", text, n, 0600), 0);
	assert_int_equal(mr_state_read_intent(s, &out, &err), -EBADMSG);
	assert_true(mr_has_prefix(err.message, "container 'a': intent.json is damaged"));
}

static void every_cut_and_every_flip_is_noticed(void **state)
{
	(void)state;
	struct mr_state s = create("a");
	autofree char *text = intent_text(&s);
	size_t n = strlen(text);
	assert_true(mr_has_prefix(text, "{\"formatVersion\":1,\"id\":\"a\","));
	assert_true(mr_has_suffix(text, "\"}\n"));
	for (size_t i = 0; i < n; i += 7)
		expect_damaged(&s, text, i);
	expect_damaged(&s, text, n - 1);
	for (size_t i = 0; i < n; i += 5) {
		/* The version itself says that it is newer, rather than damaged. */
		if (mr_has_prefix(text + i, "1,\"id\""))
			continue;
		text[i] = (char)(text[i] ^ 1);
		expect_damaged(&s, text, n);
		text[i] = (char)(text[i] ^ 1);
	}
	remove_and_close(&s);
}

static void newer_version_is_refused_by_name(void **state)
{
	(void)state;
	static const char text[] = "{\"formatVersion\":2,\"whatever\":[]}\n";
	struct mr_error err = {0};
	struct mr_state s = create("a");
	struct mr_live out;
	assert_int_equal(
		mr_write_atomic_at(s.dir, "state.json", text, strlen(text), 0600), 0);
	assert_int_equal(mr_state_read_live(&s, &out, &err), -EBADMSG);
	assert_string_equal(err.message,
		"container 'a': state.json was written by a newer minirun "
		"(format 2, this one reads 1)");
	remove_and_close(&s);
}

static void intent_of_another_container_is_damaged(void **state)
{
	(void)state;
	struct mr_state s = create("a"), other = create("b");
	autofree char *text = intent_text(&other);
	expect_damaged(&s, text, strlen(text));
	remove_and_close(&s);
	remove_and_close(&other);
}

static void checksum_is_over_the_text_before_it(void **state)
{
	(void)state;
	char expected[64];
	struct mr_state s = create("a");
	autofree char *text = intent_text(&s);
	char *tail = strstr(text, ",\"checksum\":");
	assert_non_null(tail);
	autofree char *body = strndup(text, (size_t)(tail - text) + 1);
	body[tail - text] = '}';
	snprintf(expected, sizeof(expected), ",\"checksum\":\"%016llx\"}\n",
		(unsigned long long)mr_hash64(body, strlen(body)));
	assert_string_equal(tail, expected);
	remove_and_close(&s);
}

static void status_is_kept_as_it_is(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a");
	autofree char *text = NULL;
	assert_int_equal(mr_state_read_status(&s, &text, &err), -ENOENT);
	assert_non_null(strstr(err.message, "has no record"));
	assert_non_null(strstr(err.hint, "delete --force"));
	assert_int_equal(mr_state_write_status(&s, "{\"x\": 1}\n", true, &err), 0);
	assert_int_equal(mr_state_read_status(&s, &text, &err), 0);
	assert_string_equal(text, "{\"x\": 1}\n");
	remove_and_close(&s);
}

/* --- notes --- */

static void the_newer_notes_stay(void **state)
{
	(void)state;
	struct mr_state s = create("a");
	autofree pid_t *pids = NULL;
	struct stat st;
	const pid_t first = 100000, last = first + 65536 / 7 + 1; /* the next is too many */

	for (pid_t pid = first; pid <= last + 1; pid++)
		assert_int_equal(mr_state_add_exec(s.dir, pid), 0);
	const ssize_t n = mr_state_read_execs(&s, &pids);
	assert_in_range(n, 65536 / 7 / 2, 65536 / 7 / 2 + 2);
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(pids[i], last + 1 - (n - 1 - i));
	assert_int_equal(fstatat(s.dir, "execs", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	remove_and_close(&s);
}

/* Who waits for the file while another replaces it must not write into the old one. */
static void notes_of_two_are_all_there(void **state)
{
	(void)state;
	struct mr_state s = create("a");
	autofree pid_t *pids = NULL;
	bool seen[2000] = {0};

	for (pid_t pid = 0; pid < 65536 / 7 - 500; pid++)
		assert_int_equal(mr_state_add_exec(s.dir, 100000 + pid), 0);
	pid_t child = fork();
	for (pid_t i = child ? 0 : 1; i < 2000; i += 2)
		if (mr_state_add_exec(s.dir, 200000 + i) < 0)
			child ? fail() : _exit(1);
	if (child == 0)
		_exit(0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	const ssize_t n = mr_state_read_execs(&s, &pids);
	for (ssize_t i = 0; i < n; i++)
		if (pids[i] >= 200000)
			seen[pids[i] - 200000] = true;
	for (size_t i = 0; i < 2000; i++)
		assert_true(seen[i]);
	remove_and_close(&s);
}

/* --- removal, list --- */

static void strangers_are_not_removed(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_state s = create("a");
	struct mr_intent in = an_intent(), out;
	assert_int_equal(mr_state_write_intent(&s, &in, &err), 0);
	assert_int_equal(mkdirat(s.dir, "mine", 0700), 0);
	assert_int_equal(mr_state_remove(&s, &err), -ENOTEMPTY);
	assert_non_null(strstr(err.message, "/a/mine' is not minirun's"));
	assert_int_equal(
		mr_state_read_intent(&s, &out, &err), 0); /* nothing was touched */
	assert_int_equal(unlinkat(s.dir, "mine", AT_REMOVEDIR), 0);
	/* A write that was cut off is ours. */
	close(openat(s.dir, ".state.json.123.0", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(openat(s.dir, "log.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	remove_and_close(&s);
	assert_int_equal(access(root, F_OK), 0);
}

static void list_is_sorted_and_holds_ids_only(void **state)
{
	(void)state;
	struct mr_error err = {0};
	auto_strv ids = {0};
	assert_int_equal(mr_state_list(root, &ids, &err), 0);
	assert_int_equal(ids.n, 0);
	struct mr_state c = create("c"), a = create("a"), b = create("b-1");
	char file[100], dir[100];
	snprintf(file, sizeof(file), "%s/file", root);
	snprintf(dir, sizeof(dir), "%s/no id", root);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mr_state_list(root, &ids, &err), 0);
	assert_int_equal(ids.n, 3);
	assert_string_equal(ids.items[0], "a");
	assert_string_equal(ids.items[1], "b-1");
	assert_string_equal(ids.items[2], "c");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
	remove_and_close(&a);
	remove_and_close(&b);
	remove_and_close(&c);
}

/* --- processes --- */

/* What kernels before 6.9 have to go by. */
static uint64_t start_ticks_of(pid_t pid)
{
	char path[40], line[1024];
	unsigned long long ticks = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_true(mr_read_line_at(AT_FDCWD, path, line, sizeof(line)) > 0);
	assert_int_equal(sscanf(strrchr(line, ')'),
		") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		"%llu", &ticks), 1);
	return ticks;
}

static void process_is_found_again_until_it_ends(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_process_id id, only_ticks, only_pid;
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	autoclose int pidfd = pidfd_open(pid, 0);
	assert_true(pidfd >= 0);
	assert_int_equal(mr_process_id_read(pidfd, pid, &id, &err), 0);
	assert_true((id.pidfs_inode == 0) == (id.start_ticks > 0));
	autoclose int again = mr_process_id_open(&id);
	assert_true(again >= 0);

	only_ticks = (struct mr_process_id){.pid = pid, .start_ticks = start_ticks_of(pid)};
	autoclose int by_time = mr_process_id_open(&only_ticks);
	assert_true(by_time >= 0);
	only_ticks.start_ticks++;
	assert_int_equal(mr_process_id_open(&only_ticks), -ESRCH);
	only_pid = (struct mr_process_id){.pid = pid};
	assert_int_equal(mr_process_id_open(&only_pid), -ESRCH); /* never a bare pid */
	if (id.pidfs_inode) {
		struct mr_process_id other = id;
		other.pidfs_inode++;
		assert_int_equal(mr_process_id_open(&other), -ESRCH);
	}

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(mr_process_id_open(&id), -ESRCH);
	id.pid = 0;
	assert_int_equal(mr_process_id_open(&id), -ESRCH);
}

static void boot_id_is_a_uuid(void **state)
{
	(void)state;
	char id[40];
	struct mr_error err = {0};
	assert_int_equal(mr_boot_id(id, &err), 0);
	assert_int_equal(strlen(id), 36);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_are_closed_to_others),
		TEST(open_root_is_refused),
		TEST(linked_root_is_refused),
		TEST(parents_are_made),
		TEST(bad_ids_are_refused_everywhere),
		TEST(one_name_one_container),
		TEST(missing_container),
		TEST(lock_is_exclusive_and_waits),
		TEST(lock_of_a_removed_container),
		TEST(holder_that_dies_lets_go),
		TEST(intent_comes_back),
		TEST(live_comes_back),
		TEST(every_cut_and_every_flip_is_noticed),
		TEST(newer_version_is_refused_by_name),
		TEST(intent_of_another_container_is_damaged),
		TEST(checksum_is_over_the_text_before_it),
		TEST(status_is_kept_as_it_is),
		TEST(the_newer_notes_stay),
		TEST(notes_of_two_are_all_there),
		TEST(strangers_are_not_removed),
		TEST(list_is_sorted_and_holds_ids_only),
		TEST(process_is_found_again_until_it_ends),
		TEST(boot_id_is_a_uuid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
