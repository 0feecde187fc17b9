/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of a unit, from text into a message. sd_bus_message_append(3) */
#include "systemd/systemd.h"

#include "base/str.h"
#include "systemd/variant.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* (sv), open for the value. */
static int open_property(sd_bus_message *m, const char *name, const char *type)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	return r < 0 ? r : sd_bus_message_open_container(m, 'v', type);
}

static int close_property(sd_bus_message *m)
{
	int r = sd_bus_message_close_container(m);

	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* --- the runtime's --- */

static int append_mask(sd_bus_message *m, const char *list)
{
	uint8_t mask[MASK_BYTES];
	int n = mask_parse(list, mask);

	return n < 0 ? n : sd_bus_message_append_array(m, 'y', mask, (size_t)n);
}

static int append_value(sd_bus_message *m, const char *type, const char *value)
{
	uint64_t n = 0;

	if (strcmp(type, "s") == 0)
		return sd_bus_message_append(m, "s", value);
	if (strcmp(type, "ay") == 0)
		return append_mask(m, value);
	if (mr_parse_u64(value, &n) < 0)
		return -EINVAL;
	if (strcmp(type, "t") == 0)
		return sd_bus_message_append(m, "t", n);
	if (strcmp(type, "b") == 0)
		return sd_bus_message_append(m, "b", (int)n);
	if (strcmp(type, "au") == 0)
		return sd_bus_message_append(m, "au", 1, (uint32_t)n);
	return -EINVAL;
}

int append_property(sd_bus_message *m, const char *text)
{
	const char *colon = strchr(text, ':');
	const char *equals = colon ? strchr(colon, '=') : NULL;
	autofree char *name = colon ? strndup(text, (size_t)(colon - text)) : NULL;
	autofree char *type = equals ? strndup(colon + 1, (size_t)(equals - colon - 1)) : NULL;

	int r = name && type ? open_property(m, name, type) : -EINVAL;
	if (r >= 0)
		r = append_value(m, type, equals + 1);
	if (r >= 0)
		r = close_property(m);
	if (r < 0)
		complain("property '%s' is not understood (%s)", text, strerror(-r));
	return r;
}

/* --- annotations --- */

static int append_scalar(sd_bus_message *m, const struct scalar *s)
{
	const uint8_t y = (uint8_t)s->u;
	const uint16_t q = (uint16_t)s->u;
	const uint32_t u = (uint32_t)s->u;
	const void *p = &s->u;

	switch (s->type) {
	case 's':
		p = s->text;
		break;
	case 'd':
		p = &s->d;
		break;
	case 'y':
		p = &y;
		break;
	case 'n':
	case 'q':
		p = &q;
		break;
	case 'b':
	case 'i':
	case 'u':
		p = &u;
		break;
	default:
		break;
	}
	return sd_bus_message_append_basic(m, s->type, p);
}

static int append_variant(sd_bus_message *m, const char *name, const struct variant *v)
{
	const char item[] = {v->type, '\0'}, list[] = {'a', v->type, '\0'};
	int r = open_property(m, name, v->list ? list : item);

	if (r >= 0 && v->list)
		r = sd_bus_message_open_container(m, 'a', item);
	for (size_t i = 0; r >= 0 && i < v->n; i++)
		r = append_scalar(m, &v->items[i]);
	if (r >= 0 && v->list)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : close_property(m);
}

/* "TimeoutStopSec" is "TimeoutStopUSec" on the bus. */
static int to_usec(char **name, struct variant *v)
{
	size_t len = strlen(*name);
	auto_str full = {0};

	if (len < 4 || strcmp(*name + len - 3, "Sec") != 0 ||
		!islower((unsigned char)(*name)[len - 4]))
		return 0;
	mr_str_appendf(&full, "%.*sUSec", (int)len - 3, *name);
	free(*name);
	*name = mr_str_take(&full);
	return *name ? variant_to_usec(v) : -ENOMEM;
}

int append_annotation(sd_bus_message *m, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const size_t len = strspn(text, letters);
	autofree char *name = strndup(text, len);
	struct variant v = {0};

	int r = !name ? -ENOMEM : len && text[len] == '=' ? 0 : -EINVAL;
	if (r == 0)
		r = variant_parse(text + len + 1, &v);
	if (r == 0)
		r = to_usec(&name, &v);
	if (r == 0)
		r = append_variant(m, name, &v);
	variant_clear(&v);
	if (r < 0)
		complain("annotation org.systemd.property.%s is not understood (%s)\n"
			 "the value is written as true, 'text', uint64 5 or ['a', 'b']",
			text, strerror(-r));
	return r;
}
