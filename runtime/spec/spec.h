/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_SPEC_H
#define MR_SPEC_SPEC_H

#include "base/errors.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The OCI runtime-spec 1.3.0 config.json as C structs. Names are the specification's, in
 * snake_case. Absent is told from zero: optional numbers carry `set`, optional objects are
 * NULL pointers, optional strings NULL. Everything lives in the spec's arena.
 */

/** A list of strings; `items` is NULL-terminated and never NULL when n > 0. */
struct mr_list {
	char **items;
	size_t n;
	bool set; /* present in the document, possibly empty */
};

struct mr_pair {
	char *key, *value;
};
struct mr_map {
	struct mr_pair *items;
	size_t n;
};

struct mr_id_mapping {
	uint32_t container_id, host_id, size;
};
struct mr_id_mappings {
	struct mr_id_mapping *items;
	size_t n;
};

struct mr_spec_mount {
	char *destination, *type, *source;
	struct mr_list options;
	struct mr_id_mappings uid_mappings, gid_mappings;
};

struct mr_rlimit {
	char *type; /* RLIMIT_NOFILE, ... */
	uint64_t soft, hard;
};

struct mr_capabilities {
	struct mr_list bounding, effective, inheritable, permitted, ambient;
};

struct mr_scheduler {
	char *policy; /* SCHED_OTHER, ... */
	struct mr_int nice, priority;
	struct mr_list flags;
	struct mr_uint runtime, deadline, period; /* nanoseconds */
};

struct mr_io_priority {
	char *class; /* IOPRIO_CLASS_RT, _BE, _IDLE */
	struct mr_int priority;
};

struct mr_spec_process {
	bool terminal;
	struct mr_uint console_height, console_width;
	uint32_t uid, gid;
	struct mr_uint umask;
	struct { /* additionalGids */
		uint32_t *items;
		size_t n;
	} additional_gids;
	struct mr_list args, env;
	char *cwd;
	struct mr_capabilities *capabilities;
	struct {
		struct mr_rlimit *items;
		size_t n;
	} rlimits;
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	struct mr_int oom_score_adj;
	struct mr_scheduler *scheduler;
	struct mr_io_priority *io_priority;
	char *exec_cpu_affinity_initial, *exec_cpu_affinity_final;
};

struct mr_hook {
	char *path;
	struct mr_list args, env;
	struct mr_int timeout; /* seconds */
};
struct mr_hook_list {
	struct mr_hook *items;
	size_t n;
};

/** In the order in which they run. */
enum mr_hook_kind {
	MR_HOOK_PRESTART,
	MR_HOOK_CREATE_RUNTIME,
	MR_HOOK_CREATE_CONTAINER,
	MR_HOOK_START_CONTAINER,
	MR_HOOK_POSTSTART,
	MR_HOOK_POSTSTOP,
	MR_HOOK_KINDS,
};

enum mr_ns_type {
	MR_NS_USER,
	MR_NS_PID,
	MR_NS_NETWORK,
	MR_NS_IPC,
	MR_NS_UTS,
	MR_NS_CGROUP,
	MR_NS_TIME,
	MR_NS_MOUNT,
	MR_NS_TYPES,
};

struct mr_spec_namespace {
	enum mr_ns_type type;
	char *path; /* NULL: a new one */
};

struct mr_device {
	char type; /* c, b, p; u is c */
	char *path;
	int64_t major, minor;
	struct mr_uint file_mode;
	struct mr_uint uid, gid;
};

/** resources.devices[]: one row of the cgroup's access list. */
struct mr_device_rule {
	bool allow;
	char type;                  /* a, b, c */
	struct mr_int major, minor; /* unset: any */
	char *access;               /* subset of "rwm"; NULL means all */
};

struct mr_memory {
	struct mr_int limit, reservation, swap; /* bytes; -1 unlimited; swap = memory+swap */
	struct mr_int kernel, kernel_tcp;
	struct mr_uint swappiness;
	struct mr_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct mr_cpu {
	struct mr_uint shares;
	struct mr_int quota, burst;   /* microseconds */
	struct mr_uint period;        /* microseconds */
	struct mr_int realtime_runtime;
	struct mr_uint realtime_period;
	char *cpus, *mems;
	struct mr_int idle;
};

struct mr_weight_device {
	int64_t major, minor;
	struct mr_uint weight, leaf_weight;
};
struct mr_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
struct mr_throttle_list {
	struct mr_throttle_device *items;
	size_t n;
};
struct mr_block_io {
	struct mr_uint weight, leaf_weight;
	struct {
		struct mr_weight_device *items;
		size_t n;
	} weight_device;
	struct mr_throttle_list throttle_read_bps_device, throttle_write_bps_device;
	struct mr_throttle_list throttle_read_iops_device, throttle_write_iops_device;
};

struct mr_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;  /* bytes */
};
struct mr_interface_priority {
	char *name;
	uint32_t priority;
};
struct mr_network {
	struct mr_uint class_id;
	struct {
		struct mr_interface_priority *items;
		size_t n;
	} priorities;
};
struct mr_rdma {
	char *device; /* the member's name */
	struct mr_uint hca_handles, hca_objects;
};

struct mr_resources {
	struct {
		struct mr_device_rule *items;
		size_t n;
	} devices;
	struct mr_memory *memory;
	struct mr_cpu *cpu;
	struct mr_int pids_limit;
	bool has_pids;
	struct mr_block_io *block_io;
	struct {
		struct mr_hugepage_limit *items;
		size_t n;
	} hugepage_limits;
	struct mr_network *network;
	struct {
		struct mr_rdma *items;
		size_t n;
	} rdma;
	struct mr_map unified;
};

struct mr_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op; /* SCMP_CMP_EQ, ... */
};
struct mr_seccomp_rule {
	struct mr_list names;
	char *action;
	struct mr_uint errno_ret;
	struct {
		struct mr_seccomp_arg *items;
		size_t n;
	} args;
};
struct mr_seccomp {
	char *default_action;
	struct mr_uint default_errno_ret;
	struct mr_list architectures, flags;
	char *listener_path, *listener_metadata;
	struct {
		struct mr_seccomp_rule *items;
		size_t n;
	} syscalls;
};

struct mr_time_offset {
	char *clock; /* "monotonic" or "boottime" */
	int64_t secs;
	uint32_t nanosecs;
};

struct mr_intel_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct mr_list schemata;
	bool enable_monitoring;
};
struct mr_memory_policy {
	char *mode, *nodes;
	struct mr_list flags;
};
struct mr_net_device {
	char *host_name; /* the member's name */
	char *name;      /* in the container; NULL: the same */
};
struct mr_personality {
	char *domain; /* LINUX or LINUX32 */
	struct mr_list flags;
};

struct mr_linux {
	struct {
		struct mr_spec_namespace *items;
		size_t n;
	} namespaces;
	struct mr_id_mappings uid_mappings, gid_mappings;
	struct {
		struct mr_time_offset *items;
		size_t n;
	} time_offsets;
	struct {
		struct mr_device *items;
		size_t n;
	} devices;
	struct {
		struct mr_net_device *items;
		size_t n;
	} net_devices;
	char *cgroups_path;
	struct mr_resources *resources;
	struct mr_intel_rdt *intel_rdt;
	struct mr_memory_policy *memory_policy;
	struct mr_map sysctl;
	struct mr_seccomp *seccomp;
	char *rootfs_propagation;
	struct mr_list masked_paths, readonly_paths;
	char *mount_label;
	struct mr_personality *personality;
};

struct mr_spec {
	struct mr_arena arena;
	const char *text; /* the document, for places in errors; NULL: written by nobody */
	bool text_is_process; /* it is a lone process object */
	char *oci_version;
	struct { /* root; path NULL when the object is absent */
		char *path;
		bool readonly;
	} root;
	struct {
		struct mr_spec_mount *items;
		size_t n;
	} mounts;
	struct mr_spec_process *process;
	char *hostname, *domainname;
	struct mr_hook_list hooks[MR_HOOK_KINDS];
	struct mr_map annotations;
	struct mr_linux *linux_; /* never NULL after parsing; `linux` is a macro under gnu11 */
};

/** Value of an annotation, NULL when absent. */
const char *mr_spec_annotation(const struct mr_spec *spec, const char *key);
/** What becomes of memory.disableOOMKiller on cgroup v2, which has nothing like it. */
#define MR_ANNOTATION_OOM_DISABLE "org.minirun.oomKillDisablePolicy"
/** "true": as --keep-record, for engines that cannot be told an option. */
#define MR_ANNOTATION_KEEP_RECORD "org.minirun.keepRecord"
/** "1": the supplementary groups are the caller's, as crun has it (podman's keep-groups). */
#define MR_ANNOTATION_KEEP_GROUPS "run.oci.keep_original_groups"
/** A socket that is sent a pidfd of the container, as by --pidfd-socket; crun's, too. */
#define MR_ANNOTATION_PIDFD_RECEIVER "run.oci.pidfd_receiver"
/** What crun runs the program by: krun, wasm; here it is warned of. */
#define MR_ANNOTATION_HANDLER "run.oci.handler"
enum mr_oom_disable_policy {
	MR_OOM_DISABLE_ERROR, /* the default, as the specification demands */
	MR_OOM_DISABLE_WARN,  /* run with the killer on */
	MR_OOM_DISABLE_EMULATE,
};
/** @return enum mr_oom_disable_policy, or -EINVAL for another word */
int mr_spec_oom_disable_policy(const struct mr_spec *spec);
/** "file:line:column: " of the member at @path (as mr_json_format_path() writes it), or of the
 * nearest one around it; "file: " where the document's text is not at hand. @return was the
 * member itself found? */
bool mr_spec_format_place(
	const struct mr_spec *spec, const char *name, const char *path, struct mr_str *out);
/** The namespace entry of a type, NULL when the container shares the caller's. */
const struct mr_spec_namespace *mr_spec_namespace_of(
	const struct mr_spec *spec, enum mr_ns_type type);
/** The specification's name of a namespace type ("pid", "network", ...). */
const char *mr_ns_type_name(enum mr_ns_type type);
/** "prestart", "createRuntime", ... */
const char *mr_hook_kind_name(enum mr_hook_kind kind);
/** Free the spec and everything in it; NULL is fine. */
void mr_spec_free(struct mr_spec *spec);

static inline void mr_spec_freep(struct mr_spec **p)
{
	mr_spec_free(*p);
}
#define auto_spec __attribute__((cleanup(mr_spec_freep))) struct mr_spec

#endif
