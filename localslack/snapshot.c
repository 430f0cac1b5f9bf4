#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents-channels.h"
#include "agents.h"
#include "base/clock.h"
#include "canvas.h"
#include "schedule.h"
#include "streams.h"

#define MARK "localslack"

static json_t *save_state(const Local *l)
{
        return state_save(l->state);
}
static bool load_state(Local *l, const json_t *in)
{
        return state_load(l->state, in);
}
static json_t *save_views(const Local *l)
{
        return views_save(l->views);
}
static bool load_views(Local *l, const json_t *in)
{
        return views_load(l->views, in);
}
static json_t *save_files(const Local *l)
{
        return files_save(l->files);
}
static bool load_files(Local *l, const json_t *in)
{
        return files_load(l->files, in);
}
static json_t *save_streams(const Local *l)
{
        return streams_save(l->streams);
}
static bool load_streams(Local *l, const json_t *in)
{
        return streams_load(l->streams, in);
}
static json_t *save_agents(const Local *l)
{
        return agents_save(l->agents);
}
static bool load_agents(Local *l, const json_t *in)
{
        return agents_load(l->agents, in);
}
static json_t *save_schedule(const Local *l)
{
        return schedule_save(l->schedule);
}
static bool load_schedule(Local *l, const json_t *in)
{
        return schedule_load(l->schedule, in);
}
static json_t *save_canvases(const Local *l)
{
        return canvases_save(l->canvases);
}
static bool load_canvases(Local *l, const json_t *in)
{
        return canvases_load(l->canvases, in);
}
static json_t *save_code_channels(const Local *l)
{
        return code_channels_save(l->code_channels);
}
static bool load_code_channels(Local *l, const json_t *in)
{
        return code_channels_load(l->code_channels, in);
}
static json_t *save_switches(const Local *l)
{
        return switches_render(&l->switches);
}
static bool load_switches(Local *l, const json_t *in)
{
        _cleanup_free_ char *error = switches_apply(&l->switches, in);

        local_apply_switches(l);
        return !error;
}

/* In the order of loading: what refers to messages comes after them. A part that is missing leaves nothing of
 * its kind. */
static const struct {
        const char *name;
        json_t *(*save)(const Local *l);
        bool (*load)(Local *l, const json_t *in);
} parts[] = {
        {"state", save_state, load_state},          {"views", save_views, load_views},
        {"files", save_files, load_files},          {"streams", save_streams, load_streams},
        {"agents", save_agents, load_agents},       {"schedule", save_schedule, load_schedule},
        {"canvases", save_canvases, load_canvases}, {"code_channels", save_code_channels, load_code_channels},
        {"switches", save_switches, load_switches},
};

json_t *snapshot_save(const Local *l)
{
        json_t *out = json_pack("{s:i,s:I}", MARK, SNAPSHOT_VERSION, "saved_at_ms",
                                (json_int_t) clock_realtime_ms());

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                json_object_set_new(out, parts[i].name, parts[i].save(l));
        return out;
}

/* The name of the part that does not fit; NULL when all do. */
static const char *load_parts(Local *l, const json_t *in)
{
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                const json_t *part = json_object_get(in, parts[i].name);

                if (part && !parts[i].load(l, part))
                        return parts[i].name;
        }
        return NULL;
}

char *snapshot_load(Local *l, const json_t *in)
{
        _cleanup_json_ json_t *before = NULL;
        const char *misfit;

        if (!json_is_object(in) || !json_object_get(in, MARK))
                return mem_strdup("this is no snapshot of localslack");
        if (json_int(in, MARK, 0) != SNAPSHOT_VERSION)
                return mem_printf("the snapshot has version %lld; this program reads version %d",
                                  (long long) json_int(in, MARK, 0), SNAPSHOT_VERSION);
        if (!json_is_object(json_object_get(in, "state")))
                return mem_strdup("the snapshot has no state");
        before = snapshot_save(l);
        local_reset_workspace(l);
        misfit = load_parts(l, in);
        if (misfit) {
                local_reset_workspace(l);
                (void) load_parts(l, before); /* what we saved ourselves fits */
        }
        feed_emit(l->feed, "reset", json_object());
        return misfit ? mem_printf("the part %s of the snapshot does not fit", misfit) : NULL;
}

/* NULL and the bytes, or what is wrong. */
static char *read_file(const char *path, char **ret, size_t *ret_n, bool *ret_exists)
{
        FILE *file = fopen(path, "rb");
        struct stat st;
        char *text;
        size_t n;

        *ret_exists = file || errno != ENOENT;
        if (!file)
                return mem_printf("%s: %s", path, strerror(errno));
        if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t) SNAPSHOT_BYTES_MAX) {
                fclose(file);
                return mem_printf("%s: is not a file of at most %u bytes", path, SNAPSHOT_BYTES_MAX);
        }
        text = mem_alloc((size_t) st.st_size + 1);
        n = fread(text, 1, (size_t) st.st_size, file);
        fclose(file);
        *ret = text;
        *ret_n = n;
        return NULL;
}

char *snapshot_load_file(Local *l, const char *path, bool *ret_loaded)
{
        _cleanup_free_ char *text = NULL, *error = NULL, *why = NULL;
        _cleanup_json_ json_t *in = NULL;
        bool exists;
        size_t n = 0;

        *ret_loaded = false;
        error = read_file(path, &text, &n, &exists);
        if (!exists)
                return NULL;
        if (error)
                return take(error);
        in = json_parse(text, n, &why);
        if (in)
                why = snapshot_load(l, in);
        *ret_loaded = in && !why;
        return why ? mem_printf("%s: %s", path, why) : NULL;
}

static int write_all(int fd, const char *text, size_t n)
{
        while (n > 0) {
                ssize_t written = write(fd, text, n);

                if (written < 0 && errno != EINTR)
                        return -1;
                if (written > 0) {
                        text += written;
                        n -= (size_t) written;
                }
        }
        return fsync(fd);
}

char *snapshot_save_file(const Local *l, const char *path)
{
        json_t *all = snapshot_save(l);
        _cleanup_free_ char *text = json_dump(all), *beside = mem_printf("%s.new", path);
        int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;

        json_decref(all);
        if (fd < 0)
                return mem_printf("%s: %s", beside, strerror(errno));
        r = write_all(fd, text, strlen(text));
        if (close(fd) < 0 || r < 0 || rename(beside, path) < 0) {
                char *error = mem_printf("%s: %s", path, strerror(errno));

                (void) unlink(beside); /* half a file is of no use */
                return error;
        }
        return NULL;
}
