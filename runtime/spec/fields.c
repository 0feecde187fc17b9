/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every member of config.json (OCI runtime-spec 1.3.0, Linux): name, kind, place in the
 * struct, range. The engine that reads these tables is parse.c; rules that need more than
 * one member are in validate.c.
 *
 * Ranges are those of the kernel interface behind a member, where it is fixed; where it
 * depends on the machine (a cpu quota, a weight), the room that applies it checks it.
 *
 * Uids and gids end at 2^31-1: setresuid(-1) changes nothing, so 4294967295 would stay
 * root.
 */
#include "spec/fields.h"

#define ROW(kind_, type, name_, member, ...)                                             \
	{                                                                                \
		.name = (name_), .kind = MR_FIELD_##kind_,                               \
		.offset = offsetof(type, member), __VA_ARGS__                            \
	}
#define REQUIRED .flags = MR_FIELD_REQUIRED
#define MINUS_ONE .flags = MR_FIELD_MINUS_ONE
#define RANGE(min_, max_) .min = (min_), .max = (max_)
#define ANY_I64 RANGE(INT64_MIN, INT64_MAX)
#define ANY_U64 RANGE(0, UINT64_MAX)
#define ANY_U32 RANGE(0, UINT32_MAX)
#define ID RANGE(0, INT32_MAX)
#define WORDS(list) .words = (list)
#define TABLE(t) .table = &(t)
#define TABLE_OF(type, rows)                                                             \
	{                                                                                \
		.fields = (rows), .size = sizeof(type)                                   \
	}

/* --- words --- */

static const char *const rlimit_types[] = {"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU",
	"RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK",
	"RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK", NULL};
static const char *const policies[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",
	"SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE", NULL};
static const char *const io_classes[] = {
	"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", NULL};
static const char *const device_types[] = {"c", "b", "p", "u", NULL};
static const char *const device_rule_types[] = {"a", "b", "c", NULL};
const char *const mr_seccomp_actions[] = {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", NULL};
const char *const mr_seccomp_operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
	"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};
static const char *const domains[] = {"LINUX", "LINUX32", NULL};
const char *const mr_memory_modes[] = {"MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE",
	"MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",
	NULL};
static const char *const propagations[] = {"shared", "slave", "private", "unbindable",
	"rshared", "rslave", "rprivate", "runbindable", NULL};
static const char *const namespaces[] = {
	[MR_NS_USER] = "user",
	[MR_NS_PID] = "pid",
	[MR_NS_NETWORK] = "network",
	[MR_NS_IPC] = "ipc",
	[MR_NS_UTS] = "uts",
	[MR_NS_CGROUP] = "cgroup",
	[MR_NS_TIME] = "time",
	[MR_NS_MOUNT] = "mount",
	[MR_NS_TYPES] = NULL,
};

/* --- mounts --- */

#define T struct mr_id_mapping
static const struct mr_field id_mapping_fields[] = {
	ROW(U32, T, "containerID", container_id, REQUIRED, ANY_U32),
	ROW(U32, T, "hostID", host_id, REQUIRED, ANY_U32),
	ROW(U32, T, "size", size, REQUIRED, RANGE(1, UINT32_MAX)),
	{0},
};
static const struct mr_table id_mapping_table = TABLE_OF(T, id_mapping_fields);
#undef T
#define T struct mr_spec_mount
static const struct mr_field mount_fields[] = {
	ROW(STRING, T, "destination", destination, REQUIRED),
	ROW(STRING, T, "type", type),
	ROW(STRING, T, "source", source),
	ROW(LIST, T, "options", options),
	ROW(ARRAY, T, "uidMappings", uid_mappings, TABLE(id_mapping_table)),
	ROW(ARRAY, T, "gidMappings", gid_mappings, TABLE(id_mapping_table)),
	{0},
};
static const struct mr_table mount_table = TABLE_OF(T, mount_fields);
#undef T

/* --- process --- */

#define T struct mr_rlimit
static const struct mr_field rlimit_fields[] = {
	ROW(WORD, T, "type", type, REQUIRED, WORDS(rlimit_types)),
	ROW(U64, T, "soft", soft, REQUIRED, ANY_U64),
	ROW(U64, T, "hard", hard, REQUIRED, ANY_U64),
	{0},
};
static const struct mr_table rlimit_table = TABLE_OF(T, rlimit_fields);
#undef T
#define T struct mr_capabilities
static const struct mr_field capabilities_fields[] = {
	ROW(LIST, T, "bounding", bounding),
	ROW(LIST, T, "effective", effective),
	ROW(LIST, T, "inheritable", inheritable),
	ROW(LIST, T, "permitted", permitted),
	ROW(LIST, T, "ambient", ambient),
	{0},
};
static const struct mr_table capabilities_table = TABLE_OF(T, capabilities_fields);
#undef T
#define T struct mr_scheduler
static const struct mr_field scheduler_fields[] = {
	ROW(WORD, T, "policy", policy, REQUIRED, WORDS(policies)),
	ROW(SET_INT, T, "nice", nice, RANGE(-20, 19)),
	ROW(SET_INT, T, "priority", priority, RANGE(0, 99)),
	ROW(LIST, T, "flags", flags),
	ROW(SET_UINT, T, "runtime", runtime, ANY_U64),
	ROW(SET_UINT, T, "deadline", deadline, ANY_U64),
	ROW(SET_UINT, T, "period", period, ANY_U64),
	{0},
};
static const struct mr_table scheduler_table = TABLE_OF(T, scheduler_fields);
#undef T
#define T struct mr_io_priority
static const struct mr_field io_priority_fields[] = {
	ROW(WORD, T, "class", class, REQUIRED, WORDS(io_classes)),
	ROW(SET_INT, T, "priority", priority, RANGE(0, 7)),
	{0},
};
static const struct mr_table io_priority_table = TABLE_OF(T, io_priority_fields);
#undef T
#define T struct mr_spec_process
static const struct mr_field console_size_fields[] = {
	ROW(SET_UINT, T, "height", console_height, REQUIRED, RANGE(0, UINT16_MAX)),
	ROW(SET_UINT, T, "width", console_width, REQUIRED, RANGE(0, UINT16_MAX)),
	{0},
};
static const struct mr_table console_size_table = TABLE_OF(T, console_size_fields);

static const struct mr_field user_fields[] = {
	ROW(U32, T, "uid", uid, ID),
	ROW(U32, T, "gid", gid, ID),
	ROW(SET_UINT, T, "umask", umask, RANGE(0, 0777)),
	ROW(U32S, T, "additionalGids", additional_gids, ID),
	{0},
};
static const char *const user_silent[] = {"username", NULL};
static const struct mr_table user_table = {
	.fields = user_fields, .size = sizeof(T), .silent = user_silent};

static const struct mr_field affinity_fields[] = {
	ROW(STRING, T, "initial", exec_cpu_affinity_initial),
	ROW(STRING, T, "final", exec_cpu_affinity_final),
	{0},
};
static const struct mr_table affinity_table = TABLE_OF(T, affinity_fields);

static const struct mr_field process_fields[] = {
	ROW(BOOL, T, "terminal", terminal),
	ROW(SAME, T, "consoleSize", terminal, TABLE(console_size_table)),
	ROW(SAME, T, "user", terminal, TABLE(user_table)),
	ROW(LIST, T, "args", args),
	ROW(LIST, T, "env", env),
	ROW(STRING, T, "cwd", cwd, REQUIRED),
	ROW(OBJECT, T, "capabilities", capabilities, TABLE(capabilities_table)),
	ROW(ARRAY, T, "rlimits", rlimits, TABLE(rlimit_table)),
	ROW(BOOL, T, "noNewPrivileges", no_new_privileges),
	ROW(STRING, T, "apparmorProfile", apparmor_profile),
	ROW(STRING, T, "selinuxLabel", selinux_label),
	ROW(SET_INT, T, "oomScoreAdj", oom_score_adj, RANGE(-1000, 1000)),
	ROW(OBJECT, T, "scheduler", scheduler, TABLE(scheduler_table)),
	ROW(OBJECT, T, "ioPriority", io_priority, TABLE(io_priority_table)),
	ROW(SAME, T, "execCPUAffinity", terminal, TABLE(affinity_table)),
	{0},
};
static const char *const process_silent[] = {"commandLine", NULL};
const struct mr_table mr_process_table = {
	.fields = process_fields, .size = sizeof(T), .silent = process_silent};
#undef T

/* --- hooks --- */

#define T struct mr_hook
static const struct mr_field hook_fields[] = {
	ROW(STRING, T, "path", path, REQUIRED),
	ROW(LIST, T, "args", args),
	ROW(LIST, T, "env", env),
	ROW(SET_INT, T, "timeout", timeout, RANGE(1, INT32_MAX)),
	{0},
};
static const struct mr_table hook_table = TABLE_OF(T, hook_fields);
#undef T
#define T struct mr_spec
#define HOOKS(name, kind) ROW(ARRAY, T, name, hooks[kind], TABLE(hook_table))
static const struct mr_field hooks_fields[] = {
	HOOKS("prestart", MR_HOOK_PRESTART),
	HOOKS("createRuntime", MR_HOOK_CREATE_RUNTIME),
	HOOKS("createContainer", MR_HOOK_CREATE_CONTAINER),
	HOOKS("startContainer", MR_HOOK_START_CONTAINER),
	HOOKS("poststart", MR_HOOK_POSTSTART),
	HOOKS("poststop", MR_HOOK_POSTSTOP),
	{0},
};
static const struct mr_table hooks_table = TABLE_OF(T, hooks_fields);
#undef T

/* --- linux.resources --- */

#define MEMORY_BYTES RANGE(-1, INT64_MAX)

#define T struct mr_device_rule
static const struct mr_field device_rule_fields[] = {
	ROW(BOOL, T, "allow", allow, REQUIRED),
	ROW(LETTER, T, "type", type, WORDS(device_rule_types)),
	ROW(SET_INT, T, "major", major, MINUS_ONE, RANGE(0, UINT32_MAX)),
	ROW(SET_INT, T, "minor", minor, MINUS_ONE, RANGE(0, UINT32_MAX)),
	ROW(STRING, T, "access", access),
	{0},
};
static const struct mr_table device_rule_table = TABLE_OF(T, device_rule_fields);
#undef T
#define T struct mr_memory
static const struct mr_field memory_fields[] = {
	ROW(SET_INT, T, "limit", limit, MEMORY_BYTES),
	ROW(SET_INT, T, "reservation", reservation, MEMORY_BYTES),
	ROW(SET_INT, T, "swap", swap, MEMORY_BYTES),
	ROW(SET_INT, T, "kernel", kernel, MEMORY_BYTES),
	ROW(SET_INT, T, "kernelTCP", kernel_tcp, MEMORY_BYTES),
	ROW(SET_UINT, T, "swappiness", swappiness, MINUS_ONE, RANGE(0, 100)),
	ROW(SET_BOOL, T, "disableOOMKiller", disable_oom_killer),
	ROW(SET_BOOL, T, "useHierarchy", use_hierarchy),
	ROW(SET_BOOL, T, "checkBeforeUpdate", check_before_update),
	{0},
};
static const struct mr_table memory_table = TABLE_OF(T, memory_fields);
#undef T
#define T struct mr_cpu
static const struct mr_field cpu_fields[] = {
	ROW(SET_UINT, T, "shares", shares, ANY_U64),
	ROW(SET_INT, T, "quota", quota, ANY_I64),
	ROW(SET_INT, T, "burst", burst, RANGE(0, INT64_MAX)),
	ROW(SET_UINT, T, "period", period, ANY_U64),
	ROW(SET_INT, T, "realtimeRuntime", realtime_runtime, ANY_I64),
	ROW(SET_UINT, T, "realtimePeriod", realtime_period, ANY_U64),
	ROW(STRING, T, "cpus", cpus),
	ROW(STRING, T, "mems", mems),
	ROW(SET_INT, T, "idle", idle, ANY_I64),
	{0},
};
static const struct mr_table cpu_table = TABLE_OF(T, cpu_fields);
#undef T
#define T struct mr_weight_device
static const struct mr_field weight_device_fields[] = {
	ROW(I64, T, "major", major, REQUIRED, RANGE(0, UINT32_MAX)),
	ROW(I64, T, "minor", minor, REQUIRED, RANGE(0, UINT32_MAX)),
	ROW(SET_UINT, T, "weight", weight, RANGE(0, UINT16_MAX)),
	ROW(SET_UINT, T, "leafWeight", leaf_weight, RANGE(0, UINT16_MAX)),
	{0},
};
static const struct mr_table weight_device_table = TABLE_OF(T, weight_device_fields);
#undef T
#define T struct mr_throttle_device
static const struct mr_field throttle_device_fields[] = {
	ROW(I64, T, "major", major, REQUIRED, RANGE(0, UINT32_MAX)),
	ROW(I64, T, "minor", minor, REQUIRED, RANGE(0, UINT32_MAX)),
	ROW(U64, T, "rate", rate, REQUIRED, ANY_U64),
	{0},
};
static const struct mr_table throttle_device_table = TABLE_OF(T, throttle_device_fields);
#undef T
#define T struct mr_block_io
#define THROTTLE(name, member) ROW(ARRAY, T, name, member, TABLE(throttle_device_table))
static const struct mr_field block_io_fields[] = {
	ROW(SET_UINT, T, "weight", weight, RANGE(0, UINT16_MAX)),
	ROW(SET_UINT, T, "leafWeight", leaf_weight, RANGE(0, UINT16_MAX)),
	ROW(ARRAY, T, "weightDevice", weight_device, TABLE(weight_device_table)),
	THROTTLE("throttleReadBpsDevice", throttle_read_bps_device),
	THROTTLE("throttleWriteBpsDevice", throttle_write_bps_device),
	THROTTLE("throttleReadIOPSDevice", throttle_read_iops_device),
	THROTTLE("throttleWriteIOPSDevice", throttle_write_iops_device),
	{0},
};
static const struct mr_table block_io_table = TABLE_OF(T, block_io_fields);
#undef T
#define T struct mr_hugepage_limit
static const struct mr_field hugepage_fields[] = {
	ROW(STRING, T, "pageSize", page_size, REQUIRED),
	ROW(U64, T, "limit", limit, REQUIRED, ANY_U64),
	{0},
};
static const struct mr_table hugepage_table = TABLE_OF(T, hugepage_fields);
#undef T
#define T struct mr_interface_priority
static const struct mr_field interface_priority_fields[] = {
	ROW(STRING, T, "name", name, REQUIRED),
	ROW(U32, T, "priority", priority, REQUIRED, ANY_U32),
	{0},
};
static const struct mr_table interface_priority_table =
	TABLE_OF(T, interface_priority_fields);
#undef T
#define T struct mr_network
static const struct mr_field network_fields[] = {
	ROW(SET_UINT, T, "classID", class_id, ANY_U32),
	ROW(ARRAY, T, "priorities", priorities, TABLE(interface_priority_table)),
	{0},
};
static const struct mr_table network_table = TABLE_OF(T, network_fields);
#undef T
#define T struct mr_rdma
static const struct mr_field rdma_fields[] = {
	ROW(SET_UINT, T, "hcaHandles", hca_handles, ANY_U32),
	ROW(SET_UINT, T, "hcaObjects", hca_objects, ANY_U32),
	{0},
};
static const struct mr_table rdma_table = TABLE_OF(T, rdma_fields);
#undef T
#define T struct mr_resources
static const struct mr_field pids_fields[] = {
	ROW(SET_INT, T, "limit", pids_limit, RANGE(-1, INT64_MAX)),
	{0},
};
static const struct mr_table pids_table = TABLE_OF(T, pids_fields);

static const struct mr_field resources_fields[] = {
	ROW(ARRAY, T, "devices", devices, TABLE(device_rule_table)),
	ROW(OBJECT, T, "memory", memory, TABLE(memory_table)),
	ROW(OBJECT, T, "cpu", cpu, TABLE(cpu_table)),
	ROW(SAME, T, "pids", devices, TABLE(pids_table),
		.present = offsetof(T, has_pids)),
	ROW(OBJECT, T, "blockIO", block_io, TABLE(block_io_table)),
	ROW(ARRAY, T, "hugepageLimits", hugepage_limits, TABLE(hugepage_table)),
	ROW(OBJECT, T, "network", network, TABLE(network_table)),
	ROW(MEMBERS, T, "rdma", rdma, TABLE(rdma_table)),
	ROW(MAP, T, "unified", unified),
	{0},
};
const struct mr_table mr_resources_table = TABLE_OF(T, resources_fields);
#undef T

/* --- linux.seccomp --- */

#define T struct mr_seccomp_arg
static const struct mr_field seccomp_arg_fields[] = {
	ROW(U32, T, "index", index, REQUIRED, RANGE(0, 5)),
	ROW(U64, T, "value", value, REQUIRED, ANY_U64),
	ROW(U64, T, "valueTwo", value_two, ANY_U64),
	ROW(WORD, T, "op", op, REQUIRED, WORDS(mr_seccomp_operators)),
	{0},
};
static const struct mr_table seccomp_arg_table = TABLE_OF(T, seccomp_arg_fields);
#undef T
#define T struct mr_seccomp_rule
static const struct mr_field seccomp_rule_fields[] = {
	ROW(LIST, T, "names", names, REQUIRED),
	ROW(WORD, T, "action", action, REQUIRED, WORDS(mr_seccomp_actions)),
	ROW(SET_UINT, T, "errnoRet", errno_ret, RANGE(0, UINT16_MAX)),
	ROW(ARRAY, T, "args", args, TABLE(seccomp_arg_table)),
	{0},
};
static const struct mr_table seccomp_rule_table = TABLE_OF(T, seccomp_rule_fields);
#undef T
#define T struct mr_seccomp
static const struct mr_field seccomp_fields[] = {
	ROW(WORD, T, "defaultAction", default_action, REQUIRED, WORDS(mr_seccomp_actions)),
	ROW(SET_UINT, T, "defaultErrnoRet", default_errno_ret, RANGE(0, UINT16_MAX)),
	ROW(LIST, T, "architectures", architectures),
	ROW(LIST, T, "flags", flags),
	ROW(STRING, T, "listenerPath", listener_path),
	ROW(STRING, T, "listenerMetadata", listener_metadata),
	ROW(ARRAY, T, "syscalls", syscalls, TABLE(seccomp_rule_table)),
	{0},
};
static const struct mr_table seccomp_table = TABLE_OF(T, seccomp_fields);
#undef T

/* --- linux --- */

#define T struct mr_spec_namespace
static const struct mr_field namespace_fields[] = {
	ROW(ENUM, T, "type", type, REQUIRED, WORDS(namespaces)),
	ROW(STRING, T, "path", path),
	{0},
};
static const struct mr_table namespace_table = TABLE_OF(T, namespace_fields);
#undef T
#define T struct mr_time_offset
static const struct mr_field time_offset_fields[] = {
	ROW(I64, T, "secs", secs, ANY_I64),
	ROW(U32, T, "nanosecs", nanosecs, RANGE(0, 999999999)),
	{0},
};
static const struct mr_table time_offset_table = TABLE_OF(T, time_offset_fields);
#undef T
#define T struct mr_device
static const struct mr_field device_fields[] = {
	ROW(LETTER, T, "type", type, REQUIRED, WORDS(device_types)),
	ROW(STRING, T, "path", path, REQUIRED),
	ROW(I64, T, "major", major, RANGE(0, UINT32_MAX)),
	ROW(I64, T, "minor", minor, RANGE(0, UINT32_MAX)),
	ROW(SET_UINT, T, "fileMode", file_mode, ANY_U32),
	ROW(SET_UINT, T, "uid", uid, ID),
	ROW(SET_UINT, T, "gid", gid, ID),
	{0},
};
static const struct mr_table device_table = TABLE_OF(T, device_fields);
#undef T
#define T struct mr_net_device
static const struct mr_field net_device_fields[] = {
	ROW(STRING, T, "name", name),
	{0},
};
static const struct mr_table net_device_table = TABLE_OF(T, net_device_fields);
#undef T
#define T struct mr_intel_rdt
static const struct mr_field intel_rdt_fields[] = {
	ROW(STRING, T, "closID", clos_id),
	ROW(LIST, T, "schemata", schemata),
	ROW(STRING, T, "l3CacheSchema", l3_cache_schema),
	ROW(STRING, T, "memBwSchema", mem_bw_schema),
	ROW(BOOL, T, "enableMonitoring", enable_monitoring),
	{0},
};
static const struct mr_table intel_rdt_table = TABLE_OF(T, intel_rdt_fields);
#undef T
#define T struct mr_memory_policy
static const struct mr_field memory_policy_fields[] = {
	ROW(WORD, T, "mode", mode, REQUIRED, WORDS(mr_memory_modes)),
	ROW(STRING, T, "nodes", nodes),
	ROW(LIST, T, "flags", flags),
	{0},
};
static const struct mr_table memory_policy_table = TABLE_OF(T, memory_policy_fields);
#undef T
#define T struct mr_personality
static const struct mr_field personality_fields[] = {
	ROW(WORD, T, "domain", domain, REQUIRED, WORDS(domains)),
	ROW(LIST, T, "flags", flags),
	{0},
};
static const struct mr_table personality_table = TABLE_OF(T, personality_fields);
#undef T
#define T struct mr_linux
static const struct mr_field linux_fields[] = {
	ROW(ARRAY, T, "namespaces", namespaces, TABLE(namespace_table)),
	ROW(ARRAY, T, "uidMappings", uid_mappings, TABLE(id_mapping_table)),
	ROW(ARRAY, T, "gidMappings", gid_mappings, TABLE(id_mapping_table)),
	ROW(MEMBERS, T, "timeOffsets", time_offsets, TABLE(time_offset_table)),
	ROW(ARRAY, T, "devices", devices, TABLE(device_table)),
	ROW(MEMBERS, T, "netDevices", net_devices, TABLE(net_device_table)),
	ROW(STRING, T, "cgroupsPath", cgroups_path),
	ROW(OBJECT, T, "resources", resources, TABLE(mr_resources_table)),
	ROW(OBJECT, T, "intelRdt", intel_rdt, TABLE(intel_rdt_table)),
	ROW(OBJECT, T, "memoryPolicy", memory_policy, TABLE(memory_policy_table)),
	ROW(MAP, T, "sysctl", sysctl),
	ROW(OBJECT, T, "seccomp", seccomp, TABLE(seccomp_table)),
	ROW(WORD, T, "rootfsPropagation", rootfs_propagation, WORDS(propagations)),
	ROW(LIST, T, "maskedPaths", masked_paths),
	ROW(LIST, T, "readonlyPaths", readonly_paths),
	ROW(STRING, T, "mountLabel", mount_label),
	ROW(OBJECT, T, "personality", personality, TABLE(personality_table)),
	{0},
};
static const struct mr_table linux_table = TABLE_OF(T, linux_fields);
#undef T

/* --- the document --- */

#define T struct mr_spec
static const struct mr_field root_fields[] = {
	ROW(STRING, T, "path", root.path, REQUIRED),
	ROW(BOOL, T, "readonly", root.readonly),
	{0},
};
static const struct mr_table root_table = TABLE_OF(T, root_fields);

static const struct mr_field config_fields[] = {
	ROW(STRING, T, "ociVersion", oci_version, REQUIRED),
	ROW(SAME, T, "root", arena, TABLE(root_table)),
	ROW(ARRAY, T, "mounts", mounts, TABLE(mount_table)),
	ROW(OBJECT, T, "process", process, TABLE(mr_process_table)),
	ROW(STRING, T, "hostname", hostname),
	ROW(STRING, T, "domainname", domainname),
	ROW(SAME, T, "hooks", arena, TABLE(hooks_table)),
	ROW(MAP, T, "annotations", annotations),
	ROW(OBJECT, T, "linux", linux_, TABLE(linux_table)),
	{0},
};
static const char *const config_silent[] = {
	"windows", "solaris", "vm", "zos", "freebsd", NULL};
const struct mr_table mr_config_table = {
	.fields = config_fields, .size = sizeof(T), .silent = config_silent};
#undef T
