/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features document (runtime-spec, "Features Structure"): engines ask it before they use
 * something. Every list comes from the table that the room itself works by.
 */
#include "minirun.h"

#include "base/helper.h"
#include "base/json.h"
#include "sandbox/caps.h"
#include "sandbox/mount_options.h"
#include "sandbox/process.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_compile.h"
#include "spec/fields.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* All that libseccomp has ever known; those that ours knows are told. */
static const char *const archs[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32",
	"SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
	"SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390",
	"SCMP_ARCH_S390X", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",
	"SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB" };

static void put_words(struct mr_json_writer *w, const char *key, const char *const *words)
{
	mr_json_begin_array(w, key);
	for (; *words; words++)
		mr_json_put_text(w, NULL, *words);
	mr_json_end(w);
}

static void put_mount_options(struct mr_json_writer *w)
{
	const char *name;
	bool recursive;

	mr_json_begin_array(w, "mountOptions");
	for (size_t i = 0; (name = mr_mount_option_name(i, &recursive)); i++) {
		char text[32];
		snprintf(text, sizeof(text), "r%s", name);
		mr_json_put_text(w, NULL, name);
		if (recursive)
			mr_json_put_text(w, NULL, text);
	}
	mr_json_end(w);
}

static void put_seccomp_flags(struct mr_json_writer *w, const char *key, bool all)
{
	const char *name;
	bool supported;

	mr_json_begin_array(w, key);
	for (size_t i = 0; (name = mr_seccomp_flag_name(i, &supported)); i++)
		if (all || supported)
			mr_json_put_text(w, NULL, name);
	mr_json_end(w);
}

static void put_seccomp(struct mr_json_writer *w)
{
	mr_json_begin_object(w, "seccomp");
	mr_json_put_bool(w, "enabled", true);
	put_words(w, "actions", mr_seccomp_actions);
	put_words(w, "operators", mr_seccomp_operators);
	mr_json_begin_array(w, "archs");
	for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
		if (mr_seccomp_arch(archs[i]))
			mr_json_put_text(w, NULL, archs[i]);
	mr_json_end(w);
	put_seccomp_flags(w, "knownFlags", true);
	put_seccomp_flags(w, "supportedFlags", false);
	mr_json_end(w);
}

static void put_enabled(struct mr_json_writer *w, const char *key, bool enabled)
{
	mr_json_begin_object(w, key);
	mr_json_put_bool(w, "enabled", enabled);
	mr_json_end(w);
}

static void put_cgroup(struct mr_json_writer *w)
{
	char path[PATH_MAX];
	const bool systemd = mr_helper_find("systemd", path, sizeof(path)) == 0;

	mr_json_begin_object(w, "cgroup");
	mr_json_put_bool(w, "v1", true);
	mr_json_put_bool(w, "v2", true);
	mr_json_put_bool(w, "systemd", systemd);
	mr_json_put_bool(w, "systemdUser", systemd);
	mr_json_put_bool(w, "rdma", true);
	mr_json_end(w);
}

static void put_memory_policy(struct mr_json_writer *w)
{
	const char *name;

	mr_json_begin_object(w, "memoryPolicy");
	put_words(w, "modes", mr_memory_modes);
	mr_json_begin_array(w, "flags");
	for (size_t i = 0; (name = mr_memory_flag_name(i)); i++)
		mr_json_put_text(w, NULL, name);
	mr_json_end(w);
	mr_json_end(w);
}

static void put_linux(struct mr_json_writer *w)
{
	const char *name;

	mr_json_begin_object(w, "linux");
	mr_json_begin_array(w, "namespaces");
	for (int i = 0; i < MR_NS_TYPES; i++)
		mr_json_put_text(w, NULL, mr_ns_type_name((enum mr_ns_type)i));
	mr_json_end(w);
	mr_json_begin_array(w, "capabilities");
	for (int i = 0; (name = mr_cap_name(i)); i++)
		mr_json_put_text(w, NULL, name);
	mr_json_end(w);
	put_cgroup(w);
	put_seccomp(w);
	put_enabled(w, "apparmor", true);
	put_enabled(w, "selinux", true);
	mr_json_begin_object(w, "intelRdt");
	mr_json_put_bool(w, "enabled", true);
	mr_json_put_bool(w, "schemata", true);
	mr_json_put_bool(w, "monitoring", true);
	mr_json_end(w);
	put_memory_policy(w);
	mr_json_begin_object(w, "mountExtensions");
	put_enabled(w, "idmap", true);
	mr_json_end(w);
	put_enabled(w, "netDevices", true);
	mr_json_end(w);
}

int mr_features_json(char **ret, struct mr_error *err)
{
	struct mr_json_writer w = { .pretty = true };

	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "ociVersionMin", "1.0.0");
	mr_json_put_text(&w, "ociVersionMax", MR_SPEC_VERSION);
	mr_json_begin_array(&w, "hooks");
	for (int i = 0; i < MR_HOOK_KINDS; i++)
		mr_json_put_text(&w, NULL, mr_hook_kind_name((enum mr_hook_kind)i));
	mr_json_end(&w);
	put_mount_options(&w);
	put_linux(&w);
	mr_json_begin_object(&w, "annotations");
	mr_json_put_text(&w, "org.minirun.version", mr_version());
	mr_json_end(&w);
	/* It lets a container go on at its limit, where the killer would end it. */
	mr_json_begin_array(&w, "potentiallyUnsafeConfigAnnotations");
	mr_json_put_text(&w, NULL, MR_ANNOTATION_OOM_DISABLE);
	mr_json_put_text(&w, NULL, MR_ANNOTATION_KEEP_GROUPS);
	mr_json_put_text(&w, NULL, MR_ANNOTATION_PIDFD_RECEIVER);
	mr_json_put_text(&w, NULL, "org.systemd.property."); /* with --systemd-properties */
	mr_json_end(&w);
	mr_json_end(&w);
	*ret = mr_str_take(&w.out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "features document");
}
