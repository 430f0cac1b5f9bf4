/* Files: the steps of an upload, what is refused, where a file is shown, and what is left when it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "localslack-room.h"

static char uploaded[16]; /* the id of the last upload() */

/* The steps up to the bytes. */
static const char *upload(Room *r, const char *name, const char *data, size_t n_bytes)
{
        _cleanup_json_ json_t *answer =
                room_callf(r, "files.getUploadURLExternal", "filename=%s&length=%zu", name, n_bytes);
        const char *url = json_str_or(answer, "upload_url", "");
        File *file = files_find_upload(r->l.files, *url ? strrchr(url, '/') + 1 : "");

        assert_non_null(file);
        assert_string_equal(json_str(answer, "file_id"), file->id);
        files_set_data(r->l.files, file, data, n_bytes);
        snprintf(uploaded, sizeof(uploaded), "%s", file->id);
        return uploaded;
}

static json_t *complete(Room *r, const char *more)
{
        return room_callf(r, "files.completeUploadExternal", "{'files':[{'id':'%s','title':'T'}]%s}",
                          uploaded, more);
}

static void test_upload(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *answer = NULL, *info = NULL, *events = NULL;
        const Channel *c = state_find_channel(r->l.state, "C0GENERAL");
        char root[STATE_TS_SIZE];

        (void) state;
        memcpy(root, room_expect(r, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(root));
        r->l.switches.file_events = true;
        json_decref(room_events(r));
        upload(r, "a.py", "print(1)\nprint(2)\n", 18);
        {
                _cleanup_free_ char *more = mem_printf(
                        ",'channel_id':'C0GENERAL','thread_ts':'%s','initial_comment':'see'", root);

                answer = complete(r, more);
        }
        assert_string_equal(json_str(answer, "files.0.title"), "T");
        assert_string_equal(json_str(answer, "files.0.filetype"), "python");
        assert_string_equal(json_str(answer, "files.0.preview"), "print(1)\nprint(2)\n");
        assert_string_equal(json_str(answer, "files.0.channels.0"), "C0GENERAL");
        assert_string_equal(json_str(answer, "files.0.shares.public.C0GENERAL.0.thread_ts"), root);
        assert_string_equal(json_str(message_body(c->messages[1]), "text"), "see");
        assert_string_equal(json_str(message_body(c->messages[1]), "subtype"), "file_share");
        assert_string_equal(json_str(message_body(c->messages[1]), "thread_ts"), root);
        assert_string_equal(json_str(message_body(c->messages[1]), "files.0.id"), uploaded);
        info = room_callf(r, "files.info", "file=%s", uploaded);
        assert_true(json_bool(info, "file.is_public"));
        assert_int_equal(json_int(info, "file.size", 0), 18);
        events = room_events(r);
        assert_string_equal(json_str(events, "0.type"), "file_shared");
        assert_string_equal(json_str(events, "0.file_id"), uploaded);
        /* Completed is completed. */
        json_decref(answer);
        answer = complete(r, "");
        assert_string_equal(json_str(answer, "error"), "file_not_found");
}

static void test_refusals(void **state)
{
        static const struct {
                const char *method, *args, *error;
        } cases[] = {
                {"files.getUploadURLExternal", "filename=a", "invalid_arguments"},
                {"files.getUploadURLExternal", "filename=a&length=0", "missing_argument"},
                {"files.getUploadURLExternal", "filename=a&length=9&snippet_type=klingon",
                 "unknown_snippet_type"},
                {"files.getUploadURLExternal", "filename=a&length=9&snippet_type=png",
                 "unknown_snippet_type"},
                {"files.getUploadURLExternal", "filename=a&length=1048577&snippet_type=python",
                 "snippet_too_large"},
                {"files.getUploadURLExternal", "filename=a&length=99999999999",
                 "file_upload_size_restricted"},
                {"files.getUploadURLExternal", "{'filename':'a','length':9}",
                 "invalid_arguments"}, /* no JSON */
                {"files.completeUploadExternal", "{'files':[]}", "invalid_arguments"},
                {"files.completeUploadExternal", "{'files':[{'id':'F9'}]}", "file_not_found"},
                {"files.info", "file=F9", "file_not_found"},
                {"files.delete", "{'file':'F9'}", "file_not_found"},
                {"files.list", "user=U9", "user_not_found"},
                {"files.list", "count=0", "invalid_arguments"},
        };
        static const struct {
                const char *more, *error;
        } ends[] = {
                {",'channel_id':'C9'", "channel_not_found"},
                {",'channels':'C0GENERAL,C9'", "invalid_channel"},
                {",'channel_id':'C0GENERAL','blocks':[{'type':'x'}]", "invalid_blocks"},
                {",'channel_id':'C0GENERAL','thread_ts':'x'", "invalid_thread_ts"},
                {",'channel_id':'C0GENERAL','initial_comment':'c','blocks':7", NULL}, /* not looked at */
        };
        _cleanup_(room_freep) Room *r = room_new();
        Buf alt = {0};
        _cleanup_free_ char *args = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                room_expect(r, cases[i].error, cases[i].method, cases[i].args);
        upload(r, "a.txt", "x", 1);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_json_ json_t *answer = complete(r, ends[i].more);

                if (!str_equal(json_str(answer, "error"), ends[i].error))
                        fail_msg("%s: %s", ends[i].more, json_str_or(answer, "error", "ok"));
        }
        for (int i = 0; i < 1001; i++)
                buf_append_char(&alt, 'x');
        args = mem_printf("filename=a&length=1&alt_txt=%s", buf_bytes(&alt));
        room_expect(r, "alt_txt_too_large", "files.getUploadURLExternal", args);
        buf_deinit(&alt);
}

/* Bytes that never came cannot be completed. */
static void test_without_bytes(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *answer = room_call(r, "files.getUploadURLExternal", "filename=a&length=5"),
                              *end = NULL;

        (void) state;
        snprintf(uploaded, sizeof(uploaded), "%s", json_str(answer, "file_id"));
        end = complete(r, "");
        assert_string_equal(json_str(end, "error"), "file_not_found");
}

static void test_several_channels(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *answer = NULL;

        (void) state;
        upload(r, "a.bin", "\0\1", 2);
        answer = complete(r, ",'channels':'C0GENERAL,U0ANN'");
        assert_int_equal(json_array_size(json_at(answer, "files.0.channels")), 1);
        assert_int_equal(json_array_size(json_at(answer, "files.0.ims")), 1);
        assert_string_equal(json_str(answer, "files.0.mode"), "hosted");
        assert_null(json_object_get(json_at(answer, "files.0"), "preview"));
}

static void test_images(void **state)
{
        static const struct {
                const char *name, *data;
                size_t n_bytes;
                unsigned width, height;
        } cases[] = {
                {"a.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x20", 24, 256, 32},
                {"a.gif", "GIF89a\x10\0\x08\0", 10, 16, 8},
                {"a.jpg", "\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x11\x08\0\x20\0\x40\0\0", 19, 64, 32},
                {"a.jpg", "\xff\xd8\xff\xe0\0\0\xff", 7, 0, 0},
                {"a.txt", "GIF89a\x10\0\x08\0", 10, 0, 0},
        };
        _cleanup_(room_freep) Room *r = room_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *shown = NULL;

                shown = file_render(
                        files_find(r->l.files, upload(r, cases[i].name, cases[i].data, cases[i].n_bytes)),
                        "");
                assert_int_equal(json_int(shown, "original_w", 0), cases[i].width);
                assert_int_equal(json_int(shown, "original_h", 0), cases[i].height);
        }
}

static void test_list(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        static const char *const names[] = {"a.txt", "b.png", "c.pdf"};
        _cleanup_json_ json_t *page = NULL, *images = NULL, *here = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                upload(r, names[i], "x", 1);
                json_decref(complete(r, i == 0 ? ",'channel_id':'C0GENERAL'" : ""));
        }
        page = room_call(r, "files.list", "count=2&page=2");
        assert_int_equal(json_int(page, "paging.total", 0), 3);
        assert_int_equal(json_int(page, "paging.pages", 0), 2);
        assert_string_equal(json_str(page, "files.0.name"), "a.txt");
        images = room_call(r, "files.list", "types=images,zips");
        assert_int_equal(json_array_size(json_object_get(images, "files")), 1);
        assert_string_equal(json_str(images, "files.0.name"), "b.png");
        here = room_call(r, "files.list", "channel=C0GENERAL&types=all");
        assert_int_equal(json_array_size(json_object_get(here, "files")), 1);
}

static void test_delete(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        const Channel *c = state_find_channel(r->l.state, "C0GENERAL");
        File *hers = files_add(r->l.files, r->l.state, "hers.txt", "U0ANN");

        (void) state;
        upload(r, "a.txt", "x", 1);
        json_decref(complete(r, ",'channel_id':'C0GENERAL'"));
        room_expectf(r, NULL, "files.delete", "{'file':'%s'}", uploaded);
        room_expectf(r, "file_deleted", "files.info", "file=%s", uploaded);
        room_expectf(r, "file_deleted", "files.delete", "{'file':'%s'}", uploaded);
        assert_string_equal(json_str(message_body(c->messages[0]), "files.0.mode"), "tombstone");
        assert_null(json_str(message_body(c->messages[0]), "files.0.name"));
        room_expectf(r, "file_not_found", "files.info", "file=%s", hers->id); /* a private one */
        file_note_share(hers, c, c->messages[0]);
        room_expectf(r, NULL, "files.info", "file=%s", hers->id);
        room_expectf(r, "cant_delete_file", "files.delete", "{'file':'%s'}", hers->id);
}

static void test_save(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *saved = NULL, *again = NULL, *bad = room_json("[{'id':'F1'}]");
        const File *file;

        (void) state;
        upload(r, "a.txt", "a\0b", 3);
        json_decref(complete(r, ",'channel_id':'C0GENERAL'"));
        saved = files_save(r->l.files);
        assert_false(files_load(r->l.files, bad));
        assert_null(files_find(r->l.files, uploaded));
        assert_true(files_load(r->l.files, saved));
        file = files_find(r->l.files, uploaded);
        assert_int_equal(file->n_bytes, 3);
        assert_memory_equal(file->data, "a\0b", 3);
        again = files_save(r->l.files);
        assert_true(json_equal(saved, again));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_upload),        cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_without_bytes), cmocka_unit_test(test_several_channels),
                cmocka_unit_test(test_images),        cmocka_unit_test(test_list),
                cmocka_unit_test(test_delete),        cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
