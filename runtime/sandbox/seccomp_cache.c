/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_cache - compiled filters on disk.
 *
 * A filter decides what a container may do, so a file is believed only if nobody else can
 * have written it: the directory and the file belong to our user, with no access for
 * others, and no name is followed through a symbolic link. The name is a hash of the
 * profile, which can collide; so the file holds the profile itself, and it must be equal.
 * A checksum over all detects files that a crash left half written: no fsync is needed.
 *
 * File: header, key, instructions; native byte order, as the reader is the same machine.
 * Writers race freely: each renames a complete file, and both files are right.
 *
 * Manual pages: open(2), rename(2).
 */
#include "sandbox/seccomp_cache.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE (1u << 20)
#define MAX_INSTRUCTIONS 4096
#define MAX_FILES 64

struct header {
	char magic[8];
	uint32_t key_len, n;
	uint64_t checksum; /* of key and instructions */
};
static const char magic[8] = "mr-bpf1";

int mr_seccomp_cache_open(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -EPERM;
	return mr_take_fd(&fd);
}

static void file_name(const struct mr_str *key, char name[static 40])
{
	snprintf(name, 40, "%016llx.bpf",
		(unsigned long long)mr_hash64(key->data, key->len));
}

static int read_checked(int dir_fd, const char *name, char **ret, size_t *ret_len)
{
	struct stat st;
	autoclose int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EBADMSG;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & 07777) != 0600 || st.st_nlink != 1 ||
		st.st_size < (off_t)sizeof(struct header) || st.st_size > MAX_FILE)
		return -EBADMSG;
	autofree char *data = malloc((size_t)st.st_size);
	if (data == NULL)
		return -ENOMEM;
	if (mr_read_full(fd, data, (size_t)st.st_size) != (ssize_t)st.st_size)
		return -EBADMSG;
	*ret_len = (size_t)st.st_size;
	*ret = mr_take_ptr(data);
	return 0;
}

int mr_seccomp_cache_load(int dir_fd, const struct mr_str *key,
	struct sock_filter **ret_filter, unsigned short *ret_n)
{
	char name[40];
	autofree char *data = NULL;
	size_t len;
	struct header h;

	file_name(key, name);
	int r = read_checked(dir_fd, name, &data, &len);
	if (r < 0)
		return r;
	memcpy(&h, data, sizeof(h));
	const char *body = data + sizeof(h);
	size_t body_len = len - sizeof(h);
	size_t program = (size_t)h.n * sizeof(struct sock_filter);
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.n == 0 ||
		h.n > MAX_INSTRUCTIONS || h.key_len != key->len ||
		key->len + program != body_len ||
		h.checksum != mr_hash64(body, body_len) ||
		memcmp(body, key->data, key->len) != 0)
		return -EBADMSG;

	struct sock_filter *filter = malloc(program);
	if (filter == NULL)
		return -ENOMEM;
	memcpy(filter, body + key->len, program);
	*ret_filter = filter;
	*ret_n = (unsigned short)h.n;
	return 0;
}

/* Profiles that differ from container to container must not fill the disk. Forgetting all
 * of them is crude, but a file that is missed is only compiled again. */
static void make_room(int dir_fd)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	size_t n = 0;

	if (d == NULL) {
		mr_close(&copy);
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		rewinddir(d);
		for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
			if (e->d_name[0] == '.')
				continue;
			if (pass == 0)
				n++;
			else
				unlinkat(dir_fd, e->d_name, 0);
		}
		if (n < MAX_FILES)
			break;
	}
	closedir(d);
}

static int write_file(int dir_fd, const char *name, const void *data, size_t len)
{
	autoclose int fd = openat(
		dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0) /* umask may have taken bits away */
		return -errno;
	return mr_write_all(fd, data, len);
}

int mr_seccomp_cache_store(int dir_fd, const struct mr_str *key,
	const struct sock_filter *filter, unsigned short n)
{
	char name[40], temporary[64];
	struct header h = {.key_len = (uint32_t)key->len, .n = n};
	size_t program = n * sizeof(*filter), len = sizeof(h) + key->len + program;

	if (len > MAX_FILE)
		return -EFBIG;
	autofree char *data = malloc(len);
	if (data == NULL)
		return -ENOMEM;
	memcpy(data + sizeof(h), key->data, key->len);
	memcpy(data + sizeof(h) + key->len, filter, program);
	memcpy(h.magic, magic, sizeof(magic));
	h.checksum = mr_hash64(data + sizeof(h), len - sizeof(h));
	memcpy(data, &h, sizeof(h));

	make_room(dir_fd);
	file_name(key, name);
	snprintf(temporary, sizeof(temporary), "%.20s.%ld", name, (long)getpid());
	int r = write_file(dir_fd, temporary, data, len);
	if (r == -EEXIST) { /* a crash left it, and its pid is ours now */
		unlinkat(dir_fd, temporary, 0);
		r = write_file(dir_fd, temporary, data, len);
	}
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, temporary, 0);
	return r;
}
