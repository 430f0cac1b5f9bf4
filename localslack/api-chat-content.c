/* What Slack looks at in a message before it takes it: reference §4.2 to §4.4. */
#include "api-chat.h"

#include <stdio.h>

#include "args.h"
#include "blocks.h"
#include "textformat.h"

#define TEXT_MAX        40000 /* longer text is cut, with a warning, or refused */
#define UPDATE_TEXT_MAX 4000
#define MARKDOWN_MAX    12000
#define ATTACHMENTS_MAX 100
#define METADATA_MAX    8192
#define EVENT_TYPE_MAX  255
#define USERNAME_MAX    200

bool chat_arg_array(const ApiCall *c, const char *name, const json_t **ret)
{
        const json_t *v = json_object_get(c->args, name);

        *ret = NULL;
        if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
                return true;
        *ret = v;
        return json_is_array(v);
}

/* --- blocks and attachments --- */

static json_t *invalid_blocks(json_t *errors /* stolen */)
{
        /* Tables are kept as attachments, and it is there that a second one is refused (reference §4.2). */
        bool table = str_starts_with(json_str_or(errors, "0", ""), "only_one_table_allowed");
        json_t *answer =
                api_invalid_list(table ? "invalid_attachments" : "invalid_blocks", json_incref(errors));

        json_object_set_new(answer, "errors", errors);
        return answer;
}

static size_t count_markdown(const json_t *blocks)
{
        size_t n = 0, i;
        json_t *block;

        json_array_foreach ((json_t *) blocks, i, block)
                if (str_equal(json_str(block, "type"), "markdown"))
                        n += blocks_count_chars(json_str_or(block, "text", ""));
        return n;
}

static json_t *check_blocks_at(const ApiCall *c, const json_t *blocks, const char *pointer)
{
        BlocksSurface surface = c->l->switches.alert_in_messages ? BLOCKS_MESSAGE : BLOCKS_MESSAGE_NO_ALERT;
        json_t *errors = blocks_check(blocks, surface, pointer);

        if (json_array_size(errors) > 0)
                return invalid_blocks(errors);
        json_decref(errors);
        if (count_markdown(blocks) > MARKDOWN_MAX)
                return api_error("msg_too_long");
        return blocks_count_text(blocks) > BLOCKS_TEXT_MAX ? api_error("msg_blocks_too_long") : NULL;
}

json_t *chat_check_blocks(const ApiCall *c, const json_t *blocks)
{
        return check_blocks_at(c, blocks, "/blocks");
}

static json_t *check_attachments(const ApiCall *c, const json_t *attachments)
{
        char pointer[48];
        size_t i;
        json_t *item;

        if (json_array_size(attachments) > ATTACHMENTS_MAX)
                return api_error("too_many_attachments");
        json_array_foreach ((json_t *) attachments, i, item) {
                const json_t *blocks = json_object_get(item, "blocks");
                json_t *answer;

                if (!json_is_object(item) || (blocks && !json_is_array(blocks)))
                        return api_error("invalid_attachments");
                snprintf(pointer, sizeof(pointer), "/attachments/%zu/blocks", i);
                answer = blocks ? check_blocks_at(c, blocks, pointer) : NULL;
                if (answer)
                        return answer;
        }
        return NULL;
}

/* Slack numbers attachments, gives each a fallback, and completes the blocks inside. */
static json_t *store_attachments(const json_t *attachments)
{
        json_t *out = json_deep_copy(attachments), *item;
        size_t i;

        json_array_foreach (out, i, item) {
                const json_t *blocks = json_object_get(item, "blocks");

                json_put_int(item, "id", (int64_t) i + 1);
                if (str_empty(json_str(item, "fallback")))
                        json_put_str(item, "fallback", json_str_or(item, "text", "[no preview available]"));
                if (blocks)
                        json_object_set_new(item, "blocks", blocks_normalize(blocks));
        }
        return out;
}

/* --- metadata --- */

/* A payload's values are texts, numbers, booleans, flat objects of these, or lists of such objects; and null,
 * as Bolt's Assistant posts the context of a thread back, with an enterprise_id of null. */
static bool payload_valid(const json_t *value, unsigned depth)
{
        const char *key;
        size_t i;
        json_t *item;

        if (json_is_object(value)) {
                json_object_foreach ((json_t *) value, key, item)
                        if (depth == 0 || !payload_valid(item, depth - 1))
                                return false;
                return true;
        }
        if (json_is_array(value)) {
                json_array_foreach ((json_t *) value, i, item)
                        if (depth == 0 || !payload_valid(item, depth - 1))
                                return false;
                return true;
        }
        return true;
}

static bool schema_valid(const json_t *metadata)
{
        const char *event_type = json_str(metadata, "event_type");
        const json_t *payload = json_object_get(metadata, "event_payload");

        if (json_is_array(json_object_get(metadata, "entities")))
                return true; /* Work Objects */
        return !str_empty(event_type) && blocks_count_chars(event_type) <= EVENT_TYPE_MAX &&
               json_is_object(payload) && payload_valid(payload, 3);
}

json_t *chat_check_metadata(ApiCall *c, json_t **ret)
{
        const json_t *metadata = json_object_get(c->args, "metadata");
        _cleanup_free_ char *text = NULL;

        *ret = NULL;
        if (!metadata || json_is_null(metadata))
                return NULL;
        if (!json_is_object(metadata))
                return api_error("invalid_metadata_format");
        text = json_dump(metadata);
        if (strlen(text) > METADATA_MAX)
                return api_error("metadata_too_large");
        if (json_object_size(metadata) > 0 && !schema_valid(metadata))
                return api_error("invalid_metadata_schema");
        *ret = json_object_size(metadata) > 0 ? json_deep_copy(metadata) : json_null();
        return NULL;
}

/* --- text --- */

/* The first `max` characters. */
static char *cut_chars(const char *text, size_t max)
{
        const char *p = text;

        for (size_t n = 0; *p; p++)
                if (((unsigned char) *p & 0xc0) != 0x80 && n++ == max)
                        break;
        return mem_strndup(text, (size_t) (p - text));
}

/* What Slack looks for in the text. Without `parse` it links addresses only; people are linked in updates and
 * ephemeral messages only, elsewhere link_names has ended for them. */
static unsigned formats_of(const ApiCall *c, ContentKind kind)
{
        const char *parse = arg_str(c->args, "parse");
        bool full = str_equal(parse, "full"),
             finds_people = kind == CONTENT_UPDATE || kind == CONTENT_EPHEMERAL;
        unsigned formats = str_equal(parse, "none") ? 0 : TEXT_URLS;

        if (full)
                formats |= TEXT_LITERAL | TEXT_BROADCASTS | TEXT_CHANNELS;
        if (arg_bool(c->args, "link_names", false))
                formats |= TEXT_BROADCASTS | (finds_people ? TEXT_CHANNELS : 0);
        if (finds_people && (formats & TEXT_BROADCASTS))
                formats |= TEXT_USERS;
        return formats;
}

static void put_formatted(ApiCall *c, ContentKind kind, json_t *fields, const char *text)
{
        _cleanup_free_ char *formatted = textformat_apply(c->l->state, text, formats_of(c, kind));

        json_put_str(fields, "text", formatted);
}

static json_t *check_text(ApiCall *c, ContentKind kind, json_t *fields, const char **ret_warning)
{
        const char *text = arg_str(c->args, "text"), *markdown = arg_str(c->args, "markdown_text");
        const json_t *blocks;
        size_t n = text ? blocks_count_chars(text) : 0;

        chat_arg_array(c, "blocks", &blocks);
        if (!str_empty(markdown)) {
                if (!str_empty(text) || blocks)
                        return api_error("markdown_text_conflict");
                if (blocks_count_chars(markdown) > MARKDOWN_MAX)
                        return api_error("msg_too_long");
                json_put_str(fields, "text", markdown);
                json_object_set_new(fields, "blocks",
                                    json_pack("[{s:s,s:s}]", "type", "markdown", "text", markdown));
        } else if (kind == CONTENT_POST && n > TEXT_MAX) {
                _cleanup_free_ char *cut = cut_chars(text, TEXT_MAX);

                put_formatted(c, kind, fields, cut);
                *ret_warning = "message_truncated";
        } else if (n > (kind == CONTENT_UPDATE ? UPDATE_TEXT_MAX : TEXT_MAX))
                return api_error("msg_too_long");
        else if (text)
                put_formatted(c, kind, fields, text);
        if (!arg_bool(c->args, "mrkdwn", true))
                json_object_set_new(fields, "mrkdwn", json_false());
        return NULL;
}

/* --- who says it --- */

static json_t *icons_of(ApiCall *c)
{
        const char *emoji = arg_str(c->args, "icon_emoji"), *url = arg_str(c->args, "icon_url");

        if (!str_empty(emoji))
                return json_pack("{s:s}", "emoji", emoji);
        return str_empty(url) ? NULL : json_pack("{s:s}", "image_48", url);
}

json_t *chat_put_author(ApiCall *c, json_t *fields)
{
        const char *username = arg_str(c->args, "username");
        _cleanup_json_ json_t *icons = icons_of(c);

        if (str_empty(username) && !icons)
                return NULL;
        if (!scopes_suffice("chat:write.customize", c->granted))
                return api_missing_scope(c, "chat:write.customize");
        if (username && blocks_count_chars(username) > USERNAME_MAX)
                return api_invalid_arguments("must be less than %d characters [json-pointer:/username]",
                                             USERNAME_MAX + 1);
        if (!str_empty(username))
                json_put_str(fields, "username", username);
        if (icons)
                json_object_set(fields, "icons", icons);
        json_put_str(fields, "subtype", "bot_message");
        return NULL;
}

/* --- all together --- */

static json_t *check_parts(ApiCall *c, ContentKind kind, json_t *fields)
{
        const json_t *blocks, *attachments;
        json_t *answer = NULL, *metadata = NULL;

        if (!chat_arg_array(c, "blocks", &blocks))
                return api_error("invalid_blocks_format");
        if (!chat_arg_array(c, "attachments", &attachments))
                return api_error("invalid_attachments");
        if (blocks) {
                answer = chat_check_blocks(c, blocks);
                json_object_set(fields, "blocks", (json_t *) blocks);
        }
        if (!answer && attachments) {
                answer = check_attachments(c, attachments);
                if (!answer)
                        json_object_set_new(fields, "attachments", store_attachments(attachments));
        }
        /* An ephemeral message has none: what is sent is not even looked at. */
        if (!answer && kind != CONTENT_EPHEMERAL)
                answer = chat_check_metadata(c, &metadata);
        if (metadata)
                json_object_set_new(fields, "metadata", metadata);
        return answer;
}

json_t *chat_check_content(ApiCall *c, ContentKind kind, json_t **ret_fields, const char **ret_warning)
{
        _cleanup_json_ json_t *fields = json_object();
        json_t *answer;

        *ret_warning = NULL;
        answer = check_text(c, kind, fields, ret_warning);
        if (!answer)
                answer = check_parts(c, kind, fields);
        if (!answer && str_empty(json_str(fields, "text")) &&
            json_array_size(json_object_get(fields, "blocks")) == 0 &&
            json_array_size(json_object_get(fields, "attachments")) == 0)
                answer = api_error("no_text");
        if (!answer && kind != CONTENT_UPDATE)
                answer = chat_put_author(c, fields);
        if (!answer)
                *ret_fields = take(fields);
        return answer;
}
