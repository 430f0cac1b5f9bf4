/* Titles, names and addresses of anybody's making: what comes out is a name, and what is let through is
 * harmless where names are used. */
#include <assert.h>

#include "integrations/git/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_path_part(const char *name)
{
        assert(*name && *name != '.' && *name != '-' && !strchr(name, '/'));
        for (const unsigned char *s = (const unsigned char *) name; *s; s++)
                assert(*s > ' ' && *s < 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup((const char *) data, n_bytes), *slug = name_slug(text),
                            *name = NULL, *owner = NULL, *public = NULL;

        assert(!name_check_slug(slug) && strlen(slug) <= NAME_SLUG_CHARS_MAX);
        check_path_part(slug);
        if (!name_check_repository(text))
                check_path_part(text);
        if (!name_check_session(text))
                check_path_part(text);
        if (!name_check_branch(text))
                assert(*text != '-' && *text != '/' && !strstr(text, "..") && !strpbrk(text, " ~^:?*[\\\n@"));
        if (name_check_url(text))
                return 0;
        assert(*text != '-');
        name = name_of_url(text);
        owner = name_owner_of_url(text);
        public = name_url_public(text);
        if (name)
                check_path_part(name);
        if (owner)
                check_path_part(owner);
        assert(strlen(public) <= strlen(text));
        return 0;
}
