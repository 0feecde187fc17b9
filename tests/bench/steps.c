/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps - a container's life as an engine leads it: RUNTIME create, start, delete --force,
 * one after the other. The exit status is that of the first that fails.
 *
 *     steps RUNTIME ROOT BUNDLE ID
 */
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static int run(char *const argv[])
{
	pid_t pid;
	int status;
	int error = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

	if (error != 0) {
		fprintf(stderr, "steps: %s: %s\n", argv[0], strerror(error));
		return 125;
	}
	if (waitpid(pid, &status, 0) < 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	static char root[] = "--root", bundle[] = "-b", force[] = "--force";
	static char create[] = "create", start[] = "start", delete[] = "delete";

	if (argc != 5) {
		fprintf(stderr, "steps: usage: steps RUNTIME ROOT BUNDLE ID\n");
		return 125;
	}
	char *const steps[][9] = {
		{argv[1], root, argv[2], create, bundle, argv[3], argv[4], NULL},
		{argv[1], root, argv[2], start, argv[4], NULL},
		{argv[1], root, argv[2], delete, force, argv[4], NULL},
	};
	int status = 0;
	for (size_t i = 0; status == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		status = run(steps[i]);
	return status;
}
