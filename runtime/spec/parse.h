/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_PARSE_H
#define MR_SPEC_PARSE_H

#include "spec/spec.h"

/**
 * Turn the text of a config.json into a spec: form only (types, ranges, required members,
 * known enumerations); rules across fields are validate.h's. Errors name
 * file:line:column: JSON path: what was expected, what was found, the cure.
 *
 * Unknown members are ignored as the specification demands, each with a warning that names
 * its place; the sections of other platforms (windows, solaris, vm, zos, freebsd) silently.
 *
 * @param name     file name for errors, as the user gave it
 * @param ret      owned by the caller: mr_spec_free()
 * @param warnings appended to; may be NULL
 */
int mr_spec_parse(const char *name, const char *text, size_t len, struct mr_spec **ret,
	struct mr_strv *warnings, struct mr_error *err);

/** Read and parse a file of at most 16 MiB. */
int mr_spec_read(const char *path, struct mr_spec **ret, struct mr_strv *warnings,
	struct mr_error *err);

/** Parse a lone `process` object (exec --process) or `resources` object (update); later
 * verbs use these. The result lives in @holder's arena. Places are from then on those of the
 * process object's text. */
int mr_spec_parse_resources(const char *name, const char *text, size_t len,
	struct mr_spec *holder, struct mr_error *err);
int mr_spec_parse_process(const char *name, const char *text, size_t len,
	struct mr_spec *holder, struct mr_strv *warnings, struct mr_error *err);

#endif
