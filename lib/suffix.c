#include "suffix.h"

#include <libpsl.h>

#include "alloc.h"
#include "target.h"

/* Hosts of customers stand at any depth below these. */
static const char *const shared[] = {
	"aliyuncs.com", "amazonaws.com", "amazonaws.com.cn", "azure.com", "backblazeb2.com", "cloudflarestorage.com",
	"fastly.net", "googleusercontent.com", "myqcloud.com", "oraclecloud.com", "wasabisys.com", "windows.net",
};

/* Is name the same as, or below, suffix? */
static bool is_within(struct slice name, struct slice suffix)
{
	return slice_ends(name, suffix) && (name.len == suffix.len || name.ptr[name.len - suffix.len - 1] == '.');
}

const char *suffix_shared(struct slice name)
{
	const psl_ctx_t *list = psl_builtin();
	char text[HOST_MAX + 1];

	if (!list)
		return "libpsl was built without the list of public suffixes, so it is not known who owns the names "
		       "below";
	if (name.len > HOST_MAX)
		return "it is too long";
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	if (psl_is_public_suffix(list, text))
		return "it is a public suffix, below which anybody can have a host; name the hosts";
	for (size_t i = 0; i < COUNT_OF(shared); i++)
		if (is_within(name, slice_str(shared[i])))
			return "anybody can have a host below it; name the hosts";
	return NULL;
}
