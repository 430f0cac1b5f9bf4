/* Files: the three steps of an upload (address, bytes, completion) and what people attach; reference §3.2. */
#pragma once

#include "state.h"

#define FILES_MAX        2000
#define FILES_BYTES_MAX  (128u << 20) /* all together; the oldest lose their bytes first */
#define FILE_SNIPPET_MAX (1u << 20)

typedef struct File {
        char *id, *name, *title, *mimetype, *user;
        char *filetype;   /* of a snippet, as the app named it; NULL: by the name's end */
        char *alt_txt;    /* may be NULL */
        char *upload_key; /* last part of the upload address */
        char *data;
        size_t n_bytes; /* as announced, until the bytes came */
        bool uploaded, completed, is_deleted;
        unsigned width, height; /* of an image whose size could be read, else 0 */
        int64_t created_s;
        json_t *shares; /* [{"channel", "channel_name", "kind": "channel" …, "ts", "thread_ts"?}], oldest
                           first */
} File;

#define FILE_SHARES_MAX 100

typedef struct Files {
        File *all[FILES_MAX]; /* oldest first */
        size_t n, n_bytes;
} Files;

Files *files_new(void);
void files_free(Files *f);

File *files_add(Files *f, State *s, const char *name, const char *user);
/* NULL for a deleted one, too; files_find_any() finds those as long as they are remembered. */
File *files_find(const Files *f, const char *id);
File *files_find_any(const Files *f, const char *id);
File *files_find_upload(const Files *f, const char *upload_key);
void files_set_data(Files *f, File *file, const char *data, size_t n_bytes); /* copies */
/* Takes the bytes away and leaves the id. */
void files_delete(Files *f, File *file);
/* False: Slack knows no such syntax type. */
bool file_set_snippet(File *file, const char *snippet_type);
bool file_is_text(const File *file);
/* The file was shown there; at FILE_SHARES_MAX the oldest is forgotten. */
void file_note_share(File *file, const Channel *c, const Message *m);
/* Was it shown in this channel (NULL: in any public one)? */
bool file_is_shared(const File *file, const char *channel);
/* Slack's file object; `base_url` like "http://127.0.0.1:3000". */
json_t *file_render(const File *file, const char *base_url);

/* Everything, bytes included. */
json_t *files_save(const Files *f);
bool files_load(Files *f, const json_t *saved);
