/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ALLOC_H
#define MR_BASE_ALLOC_H

#include <stddef.h>

/* malloc(3) and its family, whose names these have where minirun is linked with musl. */
void *mr_malloc(size_t n);
void *mr_calloc(size_t n, size_t size);
void *mr_realloc(void *p, size_t n);
void mr_free(void *p);

#endif
