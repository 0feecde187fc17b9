/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of org.freedesktop.systemd1.Manager. Starting and stopping are jobs: the call
 * returns its path, and a signal JobRemoved tells how it ended. The matches are there before
 * the call, so no signal is missed. A unit that has stopped is forgotten a moment later
 * (UnitRemoved): only then its name is free again.
 *
 * org.freedesktop.systemd1(5), sd-bus(3)
 */
#include "systemd/systemd.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define UNIT_EXISTS SERVICE ".UnitExists"
#define NO_SUCH_UNIT SERVICE ".NoSuchUnit"

struct manager {
	sd_bus *bus;
	const char *unit;
	char *job;      /* the one we wait for */
	char result[32]; /* of a job of our unit, "" while it lasts */
	char ended[256]; /* its path */
	bool removed;   /* systemd has forgotten the unit */
};

static int fail_call(const char *what, const sd_bus_error *error, int r)
{
	return complain("%s: %s (%s)", what,
		error && error->message ? error->message : strerror(-r),
		error && error->name ? error->name : "no answer");
}

/* --- the bus --- */

static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct manager *mgr = data;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 ||
		strcmp(unit, mgr->unit) != 0)
		return 0;
	snprintf(mgr->ended, sizeof(mgr->ended), "%s", path);
	snprintf(mgr->result, sizeof(mgr->result), "%s", result);
	return 0;
}

static int on_unit_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct manager *mgr = data;
	const char *unit;

	(void)error;
	if (sd_bus_message_read(m, "s", &unit) >= 0 && strcmp(unit, mgr->unit) == 0)
		mgr->removed = true;
	return 0;
}

static int call(struct manager *mgr, const char *method, sd_bus_error *error,
	sd_bus_message **reply, const char *types, const char *a, const char *b)
{
	return sd_bus_call_method(
		mgr->bus, SERVICE, OBJECT, MANAGER, method, error, reply, types, a, b);
}

static int open_manager(const struct request *q, struct manager *mgr)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	mgr->unit = q->unit;
	int r = q->user ? sd_bus_open_user(&mgr->bus) : sd_bus_open_system(&mgr->bus);
	if (r < 0)
		return complain("cannot reach systemd: no answer on the %s bus (%s)\n%s"
				"where systemd is not running, use --cgroup-manager cgroupfs",
			q->user ? "user's" : "system", strerrorname_np(-r),
			q->user ? "the user's manager is started by a login or loginctl "
				  "enable-linger, and found by XDG_RUNTIME_DIR or "
				  "DBUS_SESSION_BUS_ADDRESS (Debian: dbus-user-session); "
				: "");
	r = sd_bus_match_signal(mgr->bus, NULL, SERVICE, OBJECT, MANAGER, "JobRemoved",
		on_job_removed, mgr);
	if (r >= 0)
		r = sd_bus_match_signal(mgr->bus, NULL, SERVICE, OBJECT, MANAGER, "UnitRemoved",
			on_unit_removed, mgr);
	if (r >= 0)
		r = call(mgr, "Subscribe", &error, NULL, "", NULL, NULL);
	if (r >= 0)
		return 0;
	fail_call("cannot reach systemd", &error, r);
	fputs("where systemd is not running, use --cgroup-manager cgroupfs\n", stderr);
	sd_bus_error_free(&error);
	return 1;
}

static void close_manager(struct manager *mgr)
{
	sd_bus_flush_close_unref(mgr->bus);
}

/* One message, or a wait for one; the alarm bounds it. */
static int turn(struct manager *mgr)
{
	int r = sd_bus_process(mgr->bus, NULL);

	if (r == 0)
		r = sd_bus_wait(mgr->bus, UINT64_MAX);
	return r == -EINTR ? 0 : r;
}

/* @return 0 done, 1 told why not */
static int await_job(struct manager *mgr, const char *job, const char *what)
{
	while (strcmp(mgr->ended, job) != 0) {
		int r = turn(mgr);
		if (r < 0)
			return complain("%s: lost the bus (%s)", what, strerror(-r));
	}
	if (strcmp(mgr->result, "done") == 0)
		return 0;
	return complain("%s: systemd's job ended with '%s'", what, mgr->result);
}

/* @return the unit's object, NULL: it is not loaded, or *ret_failed */
static char *unit_object(struct manager *mgr, bool *ret_failed)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	char *copy = NULL;
	int r = call(mgr, "GetUnit", &error, &reply, "s", mgr->unit, NULL);

	*ret_failed = false;
	if (r >= 0 && sd_bus_message_read(reply, "o", &path) >= 0)
		copy = strdup(path);
	else if (!sd_bus_error_has_name(&error, NO_SUCH_UNIT))
		*ret_failed = fail_call("cannot find it", &error, r);
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return copy;
}

/* What has stopped is still there until systemd collects it. @return 0 or 1 */
static int await_removal(struct manager *mgr)
{
	bool failed;
	char *object = unit_object(mgr, &failed);

	while (object && !mgr->removed) {
		int r = turn(mgr);
		if (r < 0) {
			free(object);
			return complain("lost the bus (%s)", strerror(-r));
		}
	}
	free(object);
	return failed;
}

/* --- start --- */

static int append_all(sd_bus_message *m, const struct request *q)
{
	char pid[32];
	int r = 0;

	snprintf(pid, sizeof(pid), "PIDs:au=%u", q->pid);
	const char *const fixed[] = {"Description:s=container of minirun", pid,
		"Delegate:b=1", "DefaultDependencies:b=0", "CollectMode:s=inactive-or-failed",
		"MemoryAccounting:b=1", "CPUAccounting:b=1", "IOAccounting:b=1",
		"TasksAccounting:b=1"};
	for (size_t i = 0; r >= 0 && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		r = append_property(m, fixed[i]);
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "Slice", "s", q->slice);
	for (size_t i = 0; r >= 0 && i < q->n_properties; i++)
		r = append_property(m, q->properties[i]);
	/* Last: what an administrator allowed wins. */
	for (size_t i = 0; r >= 0 && i < q->n_annotations; i++)
		r = append_annotation(m, q->annotations[i]);
	return r;
}

/* @return 0 started, -EEXIST, or 1: told why not */
static int try_start(struct manager *mgr, const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	const char *job;

	int r = sd_bus_message_new_method_call(
		mgr->bus, &m, SERVICE, OBJECT, MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", q->unit, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0 && append_all(m, q) < 0) {
		sd_bus_message_unref(m);
		return 1;
	}
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(mgr->bus, m, 0, &error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job);
	if (r >= 0)
		r = await_job(mgr, job, "start");
	else if (sd_bus_error_has_name(&error, UNIT_EXISTS))
		r = -EEXIST;
	else
		r = fail_call("start", &error, r);
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	sd_bus_message_unref(m);
	return r;
}

static int print_cgroup(struct manager *mgr)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *text = NULL;
	bool failed;
	char *object = unit_object(mgr, &failed);
	int r = 1;

	if (object) {
		r = sd_bus_get_property_string(mgr->bus, SERVICE, object, SERVICE ".Scope",
			"ControlGroup", &error, &text);
		r = r < 0 ? fail_call("ControlGroup", &error, r) : printf("%s\n", text) < 0;
	} else if (!failed) {
		complain("start: its process has ended at once");
	}
	free(text);
	free(object);
	sd_bus_error_free(&error);
	return r;
}

int start_scope(const struct request *q)
{
	struct manager mgr = {0};

	if (open_manager(q, &mgr) != 0)
		return 1;
	int r = try_start(&mgr, q);
	if (r == -EEXIST) {
		/* What is left of one that failed. */
		call(&mgr, "ResetFailedUnit", NULL, NULL, "s", q->unit, NULL);
		r = try_start(&mgr, q);
	}
	if (r == -EEXIST)
		r = complain("a unit of that name exists already\n"
			     "another container has the same linux.cgroupsPath: choose another, "
			     "or: systemctl %sstop %s",
			q->user ? "--user " : "", q->unit);
	if (r == 0)
		r = print_cgroup(&mgr);
	close_manager(&mgr);
	return r;
}

/* --- processes --- */

/* The user's manager has the system's do it where it may not: the process must be the user's,
 * and is moved below user@UID.service only. */
int attach_process(const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct manager mgr = {0};

	if (open_manager(q, &mgr) != 0)
		return 1;
	int r = sd_bus_call_method(mgr.bus, SERVICE, OBJECT, MANAGER, "AttachProcessesToUnit",
		&error, NULL, "ssau", q->unit, q->cgroup, 1, q->pid);
	r = r < 0 ? fail_call("move a process into it", &error, r) : 0;
	sd_bus_error_free(&error);
	close_manager(&mgr);
	return r;
}

/* @ret_cgroup "" when it is not delegated; malloc()ed */
static int read_delegated(
	struct manager *mgr, const char *object, char **ret_cgroup, sd_bus_error *error)
{
	const char *type = strstr(object, "_2escope") ? SERVICE ".Scope" : SERVICE ".Service";
	int delegate = 0;
	int r = sd_bus_get_property_trivial(
		mgr->bus, SERVICE, object, type, "Delegate", error, 'b', &delegate);

	if (r >= 0 && delegate)
		return sd_bus_get_property_string(
			mgr->bus, SERVICE, object, type, "ControlGroup", error, ret_cgroup);
	*ret_cgroup = r < 0 ? NULL : strdup("");
	return r < 0 ? r : *ret_cgroup ? 0 : -ENOMEM;
}

int print_delegated(const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct manager mgr = {0};
	sd_bus_message *reply = NULL;
	const char *object;
	char *cgroup = NULL;

	if (open_manager(q, &mgr) != 0)
		return 1;
	int r = sd_bus_call_method(mgr.bus, SERVICE, OBJECT, MANAGER, "GetUnitByPID", &error,
		&reply, "u", q->pid);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &object);
	if (r >= 0)
		r = read_delegated(&mgr, object, &cgroup, &error);
	r = r < 0 ? fail_call("its unit", &error, r) : printf("%s\n", cgroup) < 0;
	free(cgroup);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	close_manager(&mgr);
	return r;
}

/* --- update --- */

int update_scope(const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct manager mgr = {0};
	sd_bus_message *m = NULL;

	if (open_manager(q, &mgr) != 0)
		return 1;
	int r = sd_bus_message_new_method_call(
		mgr.bus, &m, SERVICE, OBJECT, MANAGER, "SetUnitProperties");
	if (r >= 0)
		r = sd_bus_message_append(m, "sb", q->unit, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	int told = 0;
	for (size_t i = 0; r >= 0 && !told && i < q->n_properties; i++)
		told = append_property(m, q->properties[i]) < 0;
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0 && !told)
		r = sd_bus_call(mgr.bus, m, 0, &error, NULL);
	if (r < 0)
		told = fail_call("change its properties", &error, r);
	sd_bus_error_free(&error);
	sd_bus_message_unref(m);
	close_manager(&mgr);
	return told;
}

/* --- stop --- */

static int try_stop(struct manager *mgr)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *job;
	int r = call(mgr, "StopUnit", &error, &reply, "ss", mgr->unit, "replace");

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job);
	if (r >= 0)
		r = await_job(mgr, job, "stop");
	else
		r = sd_bus_error_has_name(&error, NO_SUCH_UNIT) ? 0
								: fail_call("stop", &error, r);
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return r;
}

int stop_scope(const struct request *q)
{
	struct manager mgr = {0};

	if (open_manager(q, &mgr) != 0)
		return 1;
	int r = try_stop(&mgr);
	if (r == 0) {
		/* Of a unit that has not failed this is an error without meaning. */
		call(&mgr, "ResetFailedUnit", NULL, NULL, "s", q->unit, NULL);
		r = await_removal(&mgr);
	}
	close_manager(&mgr);
	return r;
}
