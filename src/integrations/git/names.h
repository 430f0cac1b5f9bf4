/* Names that become directories, branches and arguments of git: made from titles, and checked before use.
 * Pure.
 *
 * Everything that people or models write reaches the file system and git only through this module. What it
 * lets pass never begins with "-" (it would be an option), never has a "/" where a directory is named, and
 * cannot mean a parent directory. The checks return NULL when the name may be used, else a static text that
 * begins with "must" and can be shown on the form's field. */
#pragma once

#include "base/macro.h"

#define NAME_SLUG_CHARS_MAX       40
#define NAME_PROJECT_CHARS_MAX    12
#define NAME_REPOSITORY_CHARS_MAX 64
#define NAME_BRANCH_BYTES_MAX     200
#define NAME_WORKSPACE_CHARS_MAX  (NAME_PROJECT_CHARS_MAX + 1 + NAME_SLUG_CHARS_MAX)
#define NAME_SESSION_CHARS_MAX    64

/* A title as a part of a name: a-z, 0-9 and single dashes, 1 to NAME_SLUG_CHARS_MAX characters, cut at the
 * end of a word where that keeps half of it. Common accents and ligatures become ASCII ("Größe" → "groesse");
 * what has no ASCII form is left out; "task" when nothing is left, and behind names that git or a file system
 * reserves
 * ("head" → "head-task"). Takes any bytes, any length, and NULL. Owned by the caller. */
char *name_slug(const char *title);

const char *name_check_slug(const char *slug);       /* as name_slug() makes them */
const char *name_check_project(const char *id);      /* "0012", "gw-7": a-z, 0-9, dashes */
const char *name_check_repository(const char *name); /* a directory's name: A-Z a-z 0-9 . _ - */
const char *name_check_branch(const char *branch);   /* git-check-ref-format, and ASCII */
const char *name_check_workspace(const char *name);  /* a DNS label's characters; see name_workspace() */
const char *name_check_session(const char *ref);     /* a session's reference in the state repository */
const char *name_check_url(const char *url); /* of a remote: https, http, ssh, git, file, user@host:path */

/* "0012-add-rate-limiting"; the slug alone when there is no project ("" or NULL). With "-lab" behind it it is
 * still a DNS label. Both parts have been checked. Owned by the caller. */
char *name_workspace(const char *project, const char *slug);
/* The feature branch that belongs to it: "feature/0012-add-rate-limiting". Owned by the caller. */
char *name_feature_branch(const char *project, const char *slug);

/* What a repository is called after its address: the last part without ".git" ("https://h/org/api.git" →
 * "api"), characters that are not allowed replaced by "-". NULL when nothing is left. Owned by the caller. */
char *name_of_url(const char *url);
/* The part before the last one ("org"); NULL when there is none. Owned by the caller. */
char *name_owner_of_url(const char *url);
/* The address without a user name and password in it, to be shown and logged. Owned by the caller. */
char *name_url_public(const char *url);
