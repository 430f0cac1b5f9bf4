#include "files.h"

#include <inttypes.h>

#include <openssl/evp.h>

#include "base/digest.h"

#define PREVIEW_BYTES 1000

typedef struct FileType {
        const char *extension, *filetype, *pretty, *mimetype;
} FileType;

/* The first row of a filetype says its name. */
static const FileType types[] = {
        {"txt", "text", "Plain Text", "text/plain"},
        {"log", "text", "Plain Text", "text/plain"},
        {"md", "markdown", "Markdown", "text/markdown"},
        {"diff", "diff", "Diff", "text/plain"},
        {"patch", "diff", "Diff", "text/plain"},
        {"json", "json", "JSON", "application/json"},
        {"yaml", "yaml", "YAML", "text/plain"},
        {"yml", "yaml", "YAML", "text/plain"},
        {"xml", "xml", "XML", "text/plain"},
        {"c", "c", "C", "text/plain"},
        {"h", "c", "C", "text/plain"},
        {"cpp", "cpp", "C++", "text/plain"},
        {"cs", "csharp", "C#", "text/plain"},
        {"css", "css", "CSS", "text/css"},
        {"go", "go", "Go", "text/plain"},
        {"java", "java", "Java", "text/plain"},
        {"js", "javascript", "JavaScript", "text/javascript"},
        {"kt", "kotlin", "Kotlin", "text/plain"},
        {"lua", "lua", "Lua", "text/plain"},
        {"php", "php", "PHP", "text/plain"},
        {"pl", "perl", "Perl", "text/plain"},
        {"py", "python", "Python", "text/x-python"},
        {"rb", "ruby", "Ruby", "text/plain"},
        {"rs", "rust", "Rust", "text/plain"},
        {"scala", "scala", "Scala", "text/plain"},
        {"sh", "shell", "Shell", "text/plain"},
        {"sql", "sql", "SQL", "text/plain"},
        {"swift", "swift", "Swift", "text/plain"},
        {"ts", "typescript", "TypeScript", "text/plain"},
        {"html", "html", "HTML", "text/plain"},
        {"csv", "csv", "CSV", "text/csv"},
        {"png", "png", "PNG", "image/png"},
        {"jpg", "jpg", "JPEG", "image/jpeg"},
        {"jpeg", "jpg", "JPEG", "image/jpeg"},
        {"gif", "gif", "GIF", "image/gif"},
        {"webp", "webp", "WebP", "image/webp"},
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

static const FileType *type_of(const File *file)
{
        for (size_t i = 0; file->filetype && i < ELEMENTSOF(types); i++)
                if (str_equal(types[i].filetype, file->filetype))
                        return &types[i];
        return find_type(file->name);
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
        free(file->filetype);
        free(file->alt_txt);
        free(file->upload_key);
        free(file->data);
        json_decref(file->shares);
        free(file);
}

static void clear(Files *f)
{
        for (size_t i = 0; i < f->n; i++)
                file_free(f->all[i]);
        f->n = f->n_bytes = 0;
}

void files_free(Files *f)
{
        if (!f)
                return;
        clear(f);
        free(f);
}

static void drop_data(Files *f, File *file)
{
        f->n_bytes -= file->data ? file->n_bytes : 0;
        free(file->data);
        file->data = NULL;
}

static void append(Files *f, File *file)
{
        if (f->n == FILES_MAX) {
                drop_data(f, f->all[0]);
                file_free(f->all[0]);
                memmove(f->all, f->all + 1, (FILES_MAX - 1) * sizeof(File *));
                f->n--;
        }
        f->all[f->n++] = file;
}

File *files_add(Files *f, State *s, const char *name, const char *user)
{
        File *file = mem_new(File);

        file->id = state_new_id(s, 'F');
        file->name = mem_strdup(name);
        file->title = mem_strdup(name);
        file->user = mem_strdup(user);
        file->mimetype = mem_strdup(find_type(name)->mimetype);
        file->upload_key = mem_printf("%s-%016" PRIx64, file->id, random_u64());
        file->created_s = s->clock_ms() / 1000;
        file->shares = json_array();
        append(f, file);
        return file;
}

File *files_find_any(const Files *f, const char *id)
{
        for (size_t i = f->n; id && i-- > 0;)
                if (str_equal(f->all[i]->id, id))
                        return f->all[i];
        return NULL;
}

File *files_find(const Files *f, const char *id)
{
        File *file = files_find_any(f, id);

        return file && !file->is_deleted ? file : NULL;
}

File *files_find_upload(const Files *f, const char *upload_key)
{
        for (size_t i = 0; i < f->n; i++)
                if (!f->all[i]->is_deleted && str_equal(f->all[i]->upload_key, upload_key))
                        return f->all[i];
        return NULL;
}

/* --- bytes --- */

static unsigned be16(const unsigned char *p)
{
        return (unsigned) p[0] << 8 | p[1];
}

static void measure_jpeg(File *file, const unsigned char *p, size_t n)
{
        /* Segments until one that begins a frame: FF C0 … FF CF without DHT, JPG and DAC. */
        for (size_t i = 2; i + 9 < n && p[i] == 0xff;) {
                unsigned marker = p[i + 1];

                if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
                        file->height = be16(p + i + 5);
                        file->width = be16(p + i + 7);
                        return;
                }
                i += 2 + be16(p + i + 2);
        }
}

/* The size of an image from its head: PNG, GIF and JPEG. */
static void measure(File *file)
{
        const unsigned char *p = (const unsigned char *) file->data;
        size_t n = file->n_bytes;

        file->width = file->height = 0;
        if (n >= 24 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) {
                file->width = be16(p + 16) << 16 | be16(p + 18);
                file->height = be16(p + 20) << 16 | be16(p + 22);
        } else if (n >= 10 && memcmp(p, "GIF8", 4) == 0) {
                file->width = (unsigned) p[6] | (unsigned) p[7] << 8;
                file->height = (unsigned) p[8] | (unsigned) p[9] << 8;
        } else if (n >= 4 && p[0] == 0xff && p[1] == 0xd8)
                measure_jpeg(file, p, n);
}

void files_set_data(Files *f, File *file, const char *data, size_t n_bytes)
{
        drop_data(f, file);
        file->data = mem_alloc(n_bytes + 1);
        memcpy(file->data, data, n_bytes);
        file->data[n_bytes] = 0;
        file->n_bytes = n_bytes;
        file->uploaded = true;
        f->n_bytes += n_bytes;
        if (str_starts_with(file->mimetype, "image/"))
                measure(file);
        for (size_t i = 0; i < f->n && f->n_bytes > FILES_BYTES_MAX; i++)
                if (f->all[i] != file)
                        drop_data(f, f->all[i]);
}

void files_delete(Files *f, File *file)
{
        drop_data(f, file);
        file->is_deleted = true;
}

/* --- what it is, and where it was shown --- */

bool file_set_snippet(File *file, const char *snippet_type)
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (str_equal(types[i].filetype, snippet_type) &&
                    !str_starts_with(types[i].mimetype, "image/")) {
                        mem_strset(&file->filetype, snippet_type);
                        mem_strset(&file->mimetype, "text/plain");
                        return true;
                }
        return false;
}

bool file_is_text(const File *file)
{
        return str_starts_with(file->mimetype, "text/") || str_equal(file->mimetype, "application/json");
}

void file_note_share(File *file, const Channel *c, const Message *m)
{
        json_t *share = json_pack("{s:s,s:s?,s:s,s:s}", "channel", c->id, "channel_name", c->name, "kind",
                                  channel_type_name(c), "ts", m->ts);

        if (m->parent)
                json_put_str(share, "thread_ts", m->parent->ts);
        if (json_array_size(file->shares) == FILE_SHARES_MAX)
                json_array_remove(file->shares, 0);
        json_array_append_new(file->shares, share);
}

bool file_is_shared(const File *file, const char *channel)
{
        size_t i;
        json_t *share;

        json_array_foreach (file->shares, i, share)
                if (channel ? str_equal(json_str(share, "channel"), channel)
                            : str_equal(json_str(share, "kind"), "channel"))
                        return true;
        return false;
}

/* --- Slack's file object --- */

/* Ids of the channels of one kind where the file was shown, each once. */
static json_t *list_channels(const File *file, const char *kind, const char *other_kind)
{
        json_t *out = json_array(), *share, *seen = json_object();
        size_t i;

        json_array_foreach (file->shares, i, share) {
                const char *channel = json_str(share, "channel"), *its = json_str(share, "kind");

                if ((str_equal(its, kind) || str_equal(its, other_kind)) && !json_object_get(seen, channel)) {
                        json_object_set_new(seen, channel, json_true());
                        json_array_append_new(out, json_string(channel));
                }
        }
        json_decref(seen);
        return out;
}

static json_t *render_shares(const File *file)
{
        json_t *out = json_object(), *share;
        size_t i;

        json_array_foreach (file->shares, i, share) {
                const char *group = str_equal(json_str(share, "kind"), "channel") ? "public" : "private";
                const char *channel = json_str(share, "channel");
                json_t *by_channel = json_object_get(out, group), *list, *item;

                if (!by_channel) {
                        by_channel = json_object();
                        json_object_set_new(out, group, by_channel);
                }
                list = json_object_get(by_channel, channel);
                if (!list) {
                        list = json_array();
                        json_object_set_new(by_channel, channel, list);
                }
                item = json_pack("{s:s,s:s,s:s?}", "ts", json_str(share, "ts"), "team_id", TEAM_ID,
                                 "channel_name", json_str(share, "channel_name"));
                if (json_str(share, "thread_ts"))
                        json_put_str(item, "thread_ts", json_str(share, "thread_ts"));
                json_array_append_new(list, item);
        }
        return out;
}

/* A preview that ends at a character. */
static void put_preview(const File *file, json_t *out)
{
        size_t n = MIN2(file->n_bytes, (size_t) PREVIEW_BYTES), lines = 1;
        json_t *preview;

        while (n > 0 && n < file->n_bytes && ((unsigned char) file->data[n] & 0xc0) == 0x80)
                n--;
        for (size_t i = 0; i < file->n_bytes; i++)
                lines += file->data[i] == '\n';
        preview = json_stringn(file->data, n);
        json_object_set_new(out, "preview", preview ? preview : json_string(""));
        json_object_set_new(out, "preview_is_truncated", json_boolean(n < file->n_bytes));
        json_put_int(out, "lines", (int64_t) lines);
}

static void put_addresses(const File *file, const char *base_url, json_t *out)
{
        _cleanup_free_ char *url =
                mem_printf("%s/files-pri/%s-%s/%s", base_url, TEAM_ID, file->id, file->name);
        _cleanup_free_ char *download =
                mem_printf("%s/files-pri/%s-%s/download/%s", base_url, TEAM_ID, file->id, file->name);
        _cleanup_free_ char *permalink =
                mem_printf("%s/files/%s/%s/%s", base_url, file->user, file->id, file->name);

        json_put_str(out, "url_private", url);
        json_put_str(out, "url_private_download", download);
        json_put_str(out, "permalink", permalink);
}

json_t *file_render(const File *file, const char *base_url)
{
        const FileType *type = type_of(file);
        json_t *out;

        if (file->is_deleted)
                return json_pack("{s:s,s:s}", "id", file->id, "mode", "tombstone");
        out = json_pack("{s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s}", "id", file->id, "created",
                        (json_int_t) file->created_s, "timestamp", (json_int_t) file->created_s, "name",
                        file->name, "title", file->title, "mimetype", file->mimetype, "filetype",
                        type->filetype, "pretty_type", type->pretty, "user", file->user, "size",
                        (json_int_t) file->n_bytes, "mode", file_is_text(file) ? "snippet" : "hosted",
                        "file_access", "visible");
        put_addresses(file, base_url, out);
        json_object_set_new(out, "editable", json_boolean(file_is_text(file)));
        json_object_set_new(out, "is_external", json_false());
        json_object_set_new(out, "is_public", json_boolean(file_is_shared(file, NULL)));
        if (file->alt_txt)
                json_put_str(out, "alt_txt", file->alt_txt);
        if (file->width > 0) {
                json_put_int(out, "original_w", file->width);
                json_put_int(out, "original_h", file->height);
        }
        json_object_set_new(out, "channels", list_channels(file, "channel", "channel"));
        json_object_set_new(out, "groups", list_channels(file, "group", "mpim"));
        json_object_set_new(out, "ims", list_channels(file, "im", "im"));
        json_object_set_new(out, "shares", render_shares(file));
        if (file_is_text(file) && file->data)
                put_preview(file, out);
        return out;
}

/* --- to a file and back --- */

static json_t *save_one(const File *file)
{
        json_t *out =
                json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?,s:s?,s:s?,s:I,s:b,s:b,s:b,s:I,s:O}", "id", file->id,
                          "name", file->name, "title", file->title, "mimetype", file->mimetype, "user",
                          file->user, "filetype", file->filetype, "alt_txt", file->alt_txt, "upload_key",
                          file->upload_key, "n_bytes", (json_int_t) file->n_bytes, "uploaded", file->uploaded,
                          "completed", file->completed, "is_deleted", file->is_deleted, "created",
                          (json_int_t) file->created_s, "shares", file->shares);

        if (file->data) {
                _cleanup_free_ char *data = base64_encode(file->data, file->n_bytes);

                json_put_str(out, "data", data);
        }
        return out;
}

json_t *files_save(const Files *f)
{
        json_t *out = json_array();

        for (size_t i = 0; i < f->n; i++)
                json_array_append_new(out, save_one(f->all[i]));
        return out;
}

/* Owned; NULL when it is not base64. */
static char *decode(const char *text, size_t *ret_n_bytes)
{
        size_t n_text = strlen(text), n_padding = 0;
        char *data;

        if (n_text % 4)
                return NULL;
        while (n_padding < 2 && n_text > n_padding && text[n_text - 1 - n_padding] == '=')
                n_padding++;
        data = mem_alloc(n_text / 4 * 3 + 1);
        if (EVP_DecodeBlock((unsigned char *) data, (const unsigned char *) text, (int) n_text) < 0) {
                free(data);
                return NULL;
        }
        *ret_n_bytes = n_text / 4 * 3 - n_padding;
        return data;
}

static File *load_one(Files *f, const json_t *saved)
{
        static const char *const needed[] = {"id", "name", "title", "mimetype", "user"};
        const char *text = json_str(saved, "data");
        _cleanup_free_ char *data = NULL;
        size_t n_bytes = 0;
        File *file;

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (!json_str(saved, needed[i]))
                        return NULL;
        data = text ? decode(text, &n_bytes) : NULL;
        if (!json_is_array(json_object_get(saved, "shares")) || (text && !data) ||
            json_int(saved, "n_bytes", 0) < 0)
                return NULL;
        file = mem_new(File);
        file->id = mem_strdup(json_str(saved, "id"));
        file->name = mem_strdup(json_str(saved, "name"));
        file->title = mem_strdup(json_str(saved, "title"));
        file->mimetype = mem_strdup(json_str(saved, "mimetype"));
        file->user = mem_strdup(json_str(saved, "user"));
        file->filetype = mem_strdup(json_str(saved, "filetype"));
        file->alt_txt = mem_strdup(json_str(saved, "alt_txt"));
        file->upload_key = mem_strdup(json_str(saved, "upload_key"));
        file->shares = json_deep_copy(json_object_get(saved, "shares"));
        file->created_s = json_int(saved, "created", 0);
        append(f, file);
        file->n_bytes = (size_t) json_int(saved, "n_bytes", 0);
        if (data)
                files_set_data(f, file, data, n_bytes);
        file->uploaded = json_bool(saved, "uploaded");
        file->completed = json_bool(saved, "completed");
        file->is_deleted = json_bool(saved, "is_deleted");
        return file;
}

bool files_load(Files *f, const json_t *saved)
{
        size_t i;
        json_t *item;

        clear(f);
        json_array_foreach ((json_t *) saved, i, item)
                if (!load_one(f, item)) {
                        clear(f);
                        return false;
                }
        return json_is_array(saved);
}
