/* The list of projects that people keep in `.ai/projectlist.md`, and which of them a task belongs to. Pure.
 *
 * The list is Markdown written by hand, so it is read with tolerance; docs/projects.md is the description for
 * people. Three shapes are understood, also mixed in one file:
 *
 *   a table       | ID | Title | Status | Category | Repositories |   columns by name, in any order
 *   sections      ## 0012 - OpenCode Slack Integration               and below it "- Status: implementing" …
 *   list items    - 0012: OpenCode Slack Integration (implementing) [integration] repos: ai-dev, domain-apis
 *
 * A project is what has an id: digits, with or without a "#" before them ("0012", "#7"). Everything else is
 * prose, and ignored. */
#pragma once

#include "base/macro.h"

#define PROJECTS_MAX             1000
#define PROJECTS_FILE_BYTES_MAX  (512u * 1024)
#define PROJECT_REPOSITORIES_MAX 32
#define PROJECT_ID_CHARS_MAX     12
#define PROJECT_TEXT_BYTES_MAX   200 /* of a title, a category …; the rest is cut */

typedef struct Project {
        char *id, *title;
        char *status, *category; /* lower case; "" = not given */
        char *repositories[PROJECT_REPOSITORIES_MAX];
        size_t n_repositories;
} Project;

typedef struct Projects {
        Project *all; /* in the order of the file; an id that comes again is added to */
        size_t n, size;
        size_t n_dropped; /* beyond PROJECTS_MAX */
} Projects;

/* Reads what can be read; never fails. At most PROJECTS_FILE_BYTES_MAX are looked at. */
void projects_parse(const char *text, size_t n_bytes, Projects *ret);
void projects_deinit(Projects *p);
const Project *projects_find(const Projects *p, const char *id);
/* Whether somebody works on it: "implementing", "active", "in progress" and their like. */
bool project_is_active(const Project *p);

/* 0 to 1: how alike two titles are, whatever their case, punctuation and the order of their words. */
double project_title_similarity(const char *a, const char *b);
#define PROJECT_SIMILARITY_MIN 0.8

typedef enum ProjectBy {
        PROJECT_BY_NOTHING, /* ask the person */
        PROJECT_BY_ID,      /* the text names it: "0012 …", "#7" */
        PROJECT_BY_TITLE,
        PROJECT_BY_REPOSITORIES,
        PROJECT_BY_CATEGORY, /* the only active one of the category */
} ProjectBy;

typedef struct ProjectHints {
        const char *title;
        const char *const *repositories; /* that the task is about, NULL-terminated; may be NULL */
        const char *category;            /* may be NULL */
} ProjectHints;

/* Decision 15: title, then repositories, then category; a tie decides nothing. NULL and PROJECT_BY_NOTHING
 * when a person has to say. */
const Project *projects_infer(const Projects *p, const ProjectHints *hints, ProjectBy *ret_by);
