/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - what all contestants share: one temporary directory with one rootfs, and one
 * private mount namespace.
 *
 * The mount namespace is there for crun, which refuses a host that has cgroup2 mounted
 * beside v1 controllers (/sys/fs/cgroup/unified). The mount is taken away in the private
 * namespace, for every contestant alike, never on the host. What the launchers write down
 * of their containers goes to a tmpfs that is mounted there as well. A benchmark that is
 * killed leaves no mount behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

/* For remove_world, which exit() calls. */
static const struct world *created;

static const char *const programs[] = {"/true", "/check", "/idle"};

/* ---- files ---- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		bench_die("write %s: %m", path);
}

static void read_file(const char *path, char *text, size_t room)
{
	FILE *file = fopen(path, "re");
	size_t size;

	if (file == NULL)
		bench_die("open %s: %m", path);
	size = fread(text, 1, room - 1, file);
	if (ferror(file) || size == room - 1)
		bench_die("%s: unreadable or too large", path);
	text[size] = '\0';
	fclose(file);
}

static void copy_program(const char *from, const char *to)
{
	char buffer[65536];
	ssize_t size;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (in < 0)
		bench_die("open %s: %m", from);
	if (out < 0)
		bench_die("create %s: %m", to);
	while ((size = read(in, buffer, sizeof(buffer))) > 0) {
		if (write(out, buffer, (size_t)size) != size)
			bench_die("write %s: %m", to);
	}
	if (size < 0)
		bench_die("read %s: %m", from);
	close(in);
	close(out);
}

/* replace - the one occurrence of FROM in the text; a spec without it is not ours. */
static void replace(char *text, size_t room, const char *from, const char *to)
{
	char *at = strstr(text, from);
	size_t tail;

	if (at == NULL)
		bench_die("the spec has no %s", from);
	tail = strlen(at + strlen(from)) + 1;
	if ((size_t)(at - text) + strlen(to) + tail > room)
		bench_die("the spec is too large");
	memmove(at + strlen(to), at + strlen(from), tail);
	memcpy(at, to, strlen(to));
}

/* ---- specs ---- */

static bool reads_spec(const struct contestant *contestant)
{
	return strncmp(contestant->name, "minirun", 7) == 0 ||
	       strncmp(contestant->name, "crun", 4) == 0 ||
	       strncmp(contestant->name, "runc", 4) == 0;
}

void world_cgroup_name(const char *contestant, char ret_name[64])
{
	snprintf(ret_name, 64, "minirun-bench-%ld-%s", (long)getpid(), contestant);
}

void world_spec_path(const struct world *world, const struct contestant *contestant,
	const char *program, char ret_path[BENCH_PATH])
{
	snprintf(ret_path, BENCH_PATH, "%s/%s%s/config.json", world->directory,
		contestant->name, program);
}

void world_write_specs(const struct world *world, const struct contestant *contestant)
{
	char text[16384], path[BENCH_PATH], word[BENCH_PATH], cgroup[64];

	if (!reads_spec(contestant))
		return;
	snprintf(path, sizeof(path), "%s/%s", world->directory, contestant->name);
	if (mkdir(path, 0755) < 0)
		bench_die("mkdir %s: %m", path);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		read_file(world->spec, text, sizeof(text));
		snprintf(word, sizeof(word), "\"%s\"", world->rootfs);
		replace(text, sizeof(text), "\"rootfs\"", word);
		snprintf(word, sizeof(word), "\"%s\"", programs[i]);
		replace(text, sizeof(text), "\"/true\"", word);
		if (strcmp(contestant->name, "minirun") != 0) {
			world_cgroup_name(contestant->name, cgroup);
			snprintf(word, sizeof(word),
				"\"linux\": {\n\t\t\"cgroupsPath\": \"/%s\",", cgroup);
			replace(text, sizeof(text), "\"linux\": {", word);
		}
		world_spec_path(world, contestant, programs[i], path);
		*strrchr(path, '/') = '\0';
		if (mkdir(path, 0755) < 0)
			bench_die("mkdir %s: %m", path);
		world_spec_path(world, contestant, programs[i], path);
		write_file(path, text);
	}
}

/* ---- tools ---- */

static bool is_program(const char *path)
{
	struct stat info;

	return access(path, X_OK) == 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool world_find_tool(
	const struct world *world, const char *tool, char ret_path[BENCH_PATH])
{
	const char *path = getenv("PATH");

	if (strcmp(tool, "floor") == 0)
		snprintf(ret_path, BENCH_PATH, "%s/floor", world->here);
	else if (strcmp(tool, "minirun") == 0 && world->minirun != NULL)
		snprintf(ret_path, BENCH_PATH, "%s", world->minirun);
	else if (strcmp(tool, "minirun") == 0)
		snprintf(ret_path, BENCH_PATH, "%s/../minirun", world->here);
	else
		ret_path[0] = '\0';
	if (ret_path[0] != '\0') {
		if (is_program(ret_path))
			return true;
		ret_path[0] = '\0';
		return false;
	}
	while (path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");

		snprintf(ret_path, BENCH_PATH, "%.*s/%s", (int)length, path, tool);
		if (length > 0 && is_program(ret_path))
			return true;
		path += length + (path[length] == ':');
	}
	ret_path[0] = '\0';
	return false;
}

/* ---- the world ---- */

static void make_rootfs(struct world *world)
{
	char from[BENCH_PATH], to[BENCH_PATH];

	snprintf(world->rootfs, sizeof(world->rootfs), "%s/rootfs", world->directory);
	if (mkdir(world->rootfs, 0755) < 0)
		bench_die("mkdir %s: %m", world->rootfs);
	snprintf(to, sizeof(to), "%s/proc", world->rootfs);
	if (mkdir(to, 0755) < 0)
		bench_die("mkdir %s: %m", to);
	snprintf(to, sizeof(to), "%s/dev", world->rootfs);
	if (mkdir(to, 0755) < 0)
		bench_die("mkdir %s: %m", to);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", world->here,
			i == 0 ? "/true" : "/probe");
		snprintf(to, sizeof(to), "%s%s", world->rootfs, programs[i]);
		copy_program(from, to);
	}
}

static void enter_private_mounts(struct world *world)
{
	if (unshare(CLONE_NEWNS) < 0)
		bench_die("unshare the mount namespace: %m (root is needed)");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		bench_die("make the mounts private: %m");
	if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0) {
		if (errno != EINVAL && errno != ENOENT)
			bench_die("umount /sys/fs/cgroup/unified: %m");
		return;
	}
	world->unified_unmounted = true;
	/* crun writes there all the same, into the directory of the host below. */
	if (mount("tmpfs", "/sys/fs/cgroup/unified", "tmpfs", 0, NULL) < 0)
		bench_die("mount a tmpfs at /sys/fs/cgroup/unified: %m");
}

/* Launchers write down what they run below /run, which is a tmpfs: an fsync is free there. */
static void mount_state(struct world *world)
{
	snprintf(world->state, sizeof(world->state), "%s/state", world->directory);
	if (mkdir(world->state, 0700) < 0)
		bench_die("mkdir %s: %m", world->state);
	if (mount("tmpfs", world->state, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700") < 0)
		bench_die("mount a tmpfs at %s: %m", world->state);
}

/* run_quietly - a helper command of the set-up. */
static bool run_quietly(const struct arguments *arguments)
{
	char reason[BENCH_REASON];
	struct launch launch;

	return measure_launch(arguments->values, &launch, reason);
}

/* docker takes no directory as a rootfs, so it gets an image of it. */
static void make_docker_image(struct world *world)
{
	char docker[BENCH_PATH], tar[BENCH_PATH], archive[BENCH_PATH], image[64];
	struct arguments pack = {0}, import = {0};

	if (!world->engines || !world_find_tool(world, "docker", docker) ||
		!world_find_tool(world, "tar", tar))
		return;
	snprintf(archive, sizeof(archive), "%s/rootfs.tar", world->directory);
	snprintf(image, sizeof(image), "minirun-bench:%ld", (long)getpid());
	arguments_add(&pack, tar);
	arguments_add(&pack, "-C");
	arguments_add(&pack, world->rootfs);
	arguments_add(&pack, "-cf");
	arguments_add(&pack, archive);
	arguments_add(&pack, ".");
	arguments_add(&import, docker);
	arguments_add(&import, "import");
	arguments_add(&import, archive);
	arguments_add(&import, image);
	if (run_quietly(&pack) && run_quietly(&import))
		snprintf(world->docker_image, sizeof(world->docker_image), "%s", image);
	arguments_clear(&pack);
	arguments_clear(&import);
}

static int remove_entry(
	const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	if (remove(path) < 0)
		fprintf(stderr, "bench: remove %s: %m\n", path);
	return 0;
}

/*
 * A runtime that failed may have left the cgroup that its spec named; podman always
 * leaves the parent.
 */
static void remove_cgroups(void)
{
	static const char *const contestants[] = {
		"minirun", "crun", "runc", "podman"};
	DIR *mounts = opendir("/sys/fs/cgroup");
	struct dirent *entry;

	while (mounts != NULL && (entry = readdir(mounts)) != NULL) {
		for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]);
			i++) {
			char path[BENCH_PATH], name[64];

			world_cgroup_name(contestants[i], name);
			/* On v2 the entry "." is the hierarchy itself. */
			snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s",
				entry->d_name, name);
			if (rmdir(path) == 0 && strcmp(contestants[i], "podman") != 0)
				fprintf(stderr, "bench: %s had left its cgroup %s\n",
					contestants[i], path);
		}
	}
	if (mounts != NULL)
		closedir(mounts);
}

static void remove_world(void)
{
	const struct world *world = created;
	char docker[BENCH_PATH];
	struct arguments arguments = {0};

	if (world->docker_image[0] != '\0' && world_find_tool(world, "docker", docker)) {
		arguments_add(&arguments, docker);
		arguments_add(&arguments, "rmi");
		arguments_add(&arguments, world->docker_image);
		if (!run_quietly(&arguments))
			fprintf(stderr, "bench: the image %s stays\n",
				world->docker_image);
		arguments_clear(&arguments);
	}
	remove_cgroups();
	if (umount2(world->state, MNT_DETACH) < 0)
		fprintf(stderr, "bench: umount %s: %m\n", world->state);
	/* FTW_MOUNT: whatever is still mounted below is not ours to empty. */
	if (nftw(world->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) <
		0)
		fprintf(stderr, "bench: remove %s: %m\n", world->directory);
}

void world_create(struct world *world)
{
	const char *base = getenv("TMPDIR");
	char path[BENCH_PATH];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (size < 0)
		bench_die("read /proc/self/exe: %m");
	path[size] = '\0';
	*strrchr(path, '/') = '\0';
	snprintf(world->here, sizeof(world->here), "%.1000s", path);
	enter_private_mounts(world);
	snprintf(world->directory, sizeof(world->directory),
		"%.900s/minirun-bench.XXXXXX",
		base != NULL && *base == '/' ? base : "/tmp");
	if (mkdtemp(world->directory) == NULL)
		bench_die("make a directory %s: %m", world->directory);
	created = world;
	if (atexit(remove_world) != 0)
		bench_die("atexit: %m");
	snprintf(path, sizeof(path), "%s/log", world->directory);
	if (measure_open_log(path) < 0)
		bench_die("create %s: %m", path);
	mount_state(world);
	make_rootfs(world);
	make_docker_image(world);
}
