#include "files.h"

#include <inttypes.h>

#include "base/digest.h"

typedef struct FileType {
        const char *extension, *filetype, *pretty, *mimetype;
} FileType;

static const FileType types[] = {
        {"txt", "text", "Plain Text", "text/plain"},
        {"log", "text", "Plain Text", "text/plain"},
        {"md", "markdown", "Markdown", "text/markdown"},
        {"diff", "diff", "Diff", "text/plain"},
        {"patch", "diff", "Diff", "text/plain"},
        {"json", "json", "JSON", "application/json"},
        {"c", "c", "C", "text/plain"},
        {"h", "c", "C", "text/plain"},
        {"js", "javascript", "JavaScript", "text/javascript"},
        {"ts", "typescript", "TypeScript", "text/plain"},
        {"py", "python", "Python", "text/x-python"},
        {"html", "html", "HTML", "text/plain"},
        {"csv", "csv", "CSV", "text/csv"},
        {"png", "png", "PNG", "image/png"},
        {"jpg", "jpg", "JPEG", "image/jpeg"},
        {"pdf", "pdf", "PDF", "application/pdf"},
        {"zip", "zip", "Zip", "application/zip"},
};
static const FileType other = {"", "binary", "Binary", "application/octet-stream"};

static const FileType *find_type(const char *name)
{
        const char *dot = strrchr(name, '.');

        for (size_t i = 0; dot && i < ELEMENTSOF(types); i++)
                if (str_equal(types[i].extension, dot + 1))
                        return &types[i];
        return &other;
}

Files *files_new(void)
{
        return mem_new(Files);
}

static void file_free(File *file)
{
        free(file->id);
        free(file->name);
        free(file->title);
        free(file->mimetype);
        free(file->user);
        free(file->upload_key);
        free(file->data);
        free(file);
}

void files_free(Files *f)
{
        if (!f)
                return;
        for (size_t i = 0; i < f->n; i++)
                file_free(f->all[i]);
        free(f);
}

File *files_add(Files *f, State *s, const char *name, const char *user)
{
        File *file = mem_new(File);

        if (f->n == FILES_MAX) {
                f->n_bytes -= f->all[0]->data ? f->all[0]->n_bytes : 0;
                file_free(f->all[0]);
                memmove(f->all, f->all + 1, (FILES_MAX - 1) * sizeof(File *));
                f->n--;
        }
        file->id = state_new_id(s, 'F');
        file->name = mem_strdup(name);
        file->title = mem_strdup(name);
        file->user = mem_strdup(user);
        file->mimetype = mem_strdup(find_type(name)->mimetype);
        file->upload_key = mem_printf("%s-%016" PRIx64, file->id, random_u64());
        file->created_s = s->clock_ms() / 1000;
        f->all[f->n++] = file;
        return file;
}

File *files_find(const Files *f, const char *id)
{
        for (size_t i = 0; id && i < f->n; i++)
                if (str_equal(f->all[i]->id, id))
                        return f->all[i];
        return NULL;
}

File *files_find_upload(const Files *f, const char *upload_key)
{
        for (size_t i = 0; i < f->n; i++)
                if (str_equal(f->all[i]->upload_key, upload_key))
                        return f->all[i];
        return NULL;
}

void files_set_data(Files *f, File *file, const char *data, size_t n_bytes)
{
        if (file->data)
                f->n_bytes -= file->n_bytes;
        free(file->data);
        file->data = mem_alloc(n_bytes + 1);
        memcpy(file->data, data, n_bytes);
        file->data[n_bytes] = 0;
        file->n_bytes = n_bytes;
        file->uploaded = true;
        f->n_bytes += n_bytes;
        for (size_t i = 0; i < f->n && f->n_bytes > FILES_BYTES_MAX; i++)
                if (f->all[i]->data && f->all[i] != file) {
                        f->n_bytes -= f->all[i]->n_bytes;
                        free(f->all[i]->data);
                        f->all[i]->data = NULL;
                }
}

json_t *file_render(const File *file, const char *base_url)
{
        const FileType *type = find_type(file->name);
        _cleanup_free_ char *url =
                mem_printf("%s/files-pri/%s-%s/%s", base_url, TEAM_ID, file->id, file->name);
        _cleanup_free_ char *download =
                mem_printf("%s/files-pri/%s-%s/download/%s", base_url, TEAM_ID, file->id, file->name);
        json_t *out =
                json_pack("{s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s}", "id", file->id, "created",
                          (json_int_t) file->created_s, "timestamp", (json_int_t) file->created_s, "name",
                          file->name, "title", file->title, "mimetype", file->mimetype, "filetype",
                          type->filetype, "pretty_type", type->pretty, "user", file->user, "size",
                          (json_int_t) file->n_bytes, "url_private", url, "url_private_download", download);

        json_put_str(out, "mode", str_starts_with(file->mimetype, "text/") ? "snippet" : "hosted");
        json_put_str(out, "file_access", "visible");
        json_object_set_new(out, "is_external", json_false());
        json_object_set_new(out, "is_public", json_true());
        if (str_starts_with(file->mimetype, "text/") && file->data) {
                /* A preview that ends at a character: at most 1000 bytes, cut before a UTF-8 continuation. */
                size_t n = MIN2(file->n_bytes, (size_t) 1000);
                json_t *preview;

                while (n > 0 && n < file->n_bytes && ((unsigned char) file->data[n] & 0xc0) == 0x80)
                        n--;
                preview = json_stringn(file->data, n);
                json_object_set_new(out, "preview", preview ? preview : json_string(""));
                json_object_set_new(out, "preview_is_truncated", json_boolean(n < file->n_bytes));
        }
        return out;
}
