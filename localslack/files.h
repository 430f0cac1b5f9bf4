/* Files: the three steps of an upload (address, bytes, completion) and what people attach; reference §3.2. */
#pragma once

#include "state.h"

#define FILES_MAX        2000
#define FILES_BYTES_MAX  (128u << 20) /* all together; the oldest lose their bytes first */
#define FILE_SNIPPET_MAX (1u << 20)

typedef struct File {
        char *id, *name, *title, *mimetype, *user;
        char *upload_key; /* last part of the upload address; NULL once completed */
        char *data;
        size_t n_bytes; /* as announced, until the bytes came */
        bool uploaded, completed;
        int64_t created_s;
} File;

typedef struct Files {
        File *all[FILES_MAX]; /* oldest first */
        size_t n, n_bytes;
} Files;

Files *files_new(void);
void files_free(Files *f);

File *files_add(Files *f, State *s, const char *name, const char *user);
File *files_find(const Files *f, const char *id);
File *files_find_upload(const Files *f, const char *upload_key);
void files_set_data(Files *f, File *file, const char *data, size_t n_bytes); /* copies */
/* Slack's file object; `base_url` like "http://127.0.0.1:3000". */
json_t *file_render(const File *file, const char *base_url);
