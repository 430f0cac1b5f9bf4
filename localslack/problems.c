#include "problems.h"

#include <stdio.h>

#include "base/clock.h"

#define TEXT_MAX 1000

static const struct {
        const char *error, *what, *fix;
} known[] = {
        {"not_authed", "The call carries no token.",
         "Send Authorization: Bearer xoxb-… (reference: token types)."},
        {"invalid_auth", "The token is not one that this workspace knows.",
         "Use the token that localslack was started with (--bot-token), or any xoxb-… when it was started without."},
        {"not_allowed_token_type", "The method takes another kind of token.",
         "apps.connections.open takes an app-level token (xapp-…), nearly everything else a bot token (xoxb-…)."},
        {"missing_scope", "The app was not given the scope that this method needs.",
         "Add the scope named in `needed` to the app's manifest (here: the switch scopes)."},
        {"unknown_method", "There is no such method.", "Look for a misspelling in the address after /api/."},
        {"invalid_arguments", "An argument is missing, or is not what the method takes.",
         "See response_metadata.messages in the answer."},
        {"invalid_blocks", "The blocks break a rule of Block Kit.",
         "Each entry of `errors` ends in a JSON pointer to the place."},
        {"invalid_blocks_format", "`blocks` is not a JSON array.",
         "Send an array; inside a form it is the array as JSON text."},
        {"msg_blocks_too_long", "The texts of all blocks together are too long (about 13,200 characters).",
         "Split the message."},
        {"msg_too_long", "The text is too long.",
         "chat.update takes 4,000 characters, chat.postMessage 40,000."},
        {"no_text", "The message has neither text nor blocks.",
         "Send text; with blocks it is what notifications show."},
        {"channel_not_found", "There is no such channel, or the app cannot see it.",
         "Use the channel's id; private channels and direct messages exist only for members."},
        {"not_in_channel", "The app's bot is not a member of the channel.",
         "Invite it, call conversations.join, or ask for chat:write.public."},
        {"is_archived", "The channel is archived.", "Unarchive it, or post elsewhere."},
        {"message_not_found", "There is no message with this ts in this channel.",
         "A ts belongs to one channel, and must be sent as a text, never as a number."},
        {"thread_not_found", "There is no thread with this thread_ts.",
         "Use the ts of the thread's first message."},
        {"cant_update_message", "The message is not one of the app's own.",
         "Only its author can change a message."},
        {"cant_delete_message", "The message is not one of the app's own.",
         "Only its author can delete a message."},
        {"invalid_trigger_id", "The trigger_id is not one that was given out.",
         "Take it from the payload of the click."},
        {"expired_trigger_id", "The trigger_id is older than 3 seconds.",
         "Open the view before doing anything slow, and fill it with views.update."},
        {"exchanged_trigger_id", "The trigger_id was used before; it opens one view.",
         "Open one, update it afterwards."},
        {"push_limit_reached", "Three views are open already.", "views.update changes the one on top."},
        {"hash_conflict", "The view was changed meanwhile.", "Send the hash of the newest view, or none."},
        {"view_too_large", "The view is larger than 250 kB.", "Show less, page it."},
        {"duplicate_external_id", "Another view has this external_id.",
         "It must be unique within the workspace."},
        {"invalid_cursor", "The cursor is not one that this method gave.",
         "Pass response_metadata.next_cursor unchanged."},
        {"ratelimited", "Too many calls: the method's rate limit was reached.",
         "Wait as long as Retry-After says (seconds)."},
        {"already_reacted", "The app has reacted with this emoji before.",
         "Usually this can be treated as success."},
        {"no_reaction", "There is no such reaction of the app.", "Usually this can be treated as success."},
        {"invalid_json", "The body says it is JSON, but is not.",
         "Check the encoder; look at the call's arguments."},
        {"json_not_object", "The body is JSON, but not an object.", "Send {\"name\": value, …}."},
        {"invalid_form_data", "The body says it is a form, but is not.", "Check the encoding of % and &."},
        {"missing_post_type", "The request has a body, but no Content-Type.",
         "Send application/json; charset=utf-8."},
        {"invalid_post_type", "The Content-Type is not one that Slack reads.",
         "Use application/x-www-form-urlencoded, application/json or multipart/form-data."},
        {"metadata_too_large", "The metadata is larger than 8 kB.",
         "Keep the rest yourself, under an id in it."},
        {"message_not_in_streaming_state", "The stream has ended, or never began.",
         "Start one with chat.startStream; a stream lives about five minutes."},
        {"streaming_state_conflict", "The message is being streamed.", "Stop the stream before chat.update."},
        {"markdown_text_conflict", "markdown_text excludes text and blocks.", "Send one of them."},
};

void problems_note(Local *l, const char *source, const char *where, const char *what, const char *fix)
{
        int64_t now_ms = clock_realtime_ms();
        json_t *item = json_object();
        char text[TEXT_MAX];

        json_put_str(item, "source", source);
        snprintf(text, sizeof(text), "%.200s", where ? where : "");
        json_put_str(item, "where", text);
        snprintf(text, sizeof(text), "%.900s", what ? what : "");
        json_put_str(item, "what", text);
        snprintf(text, sizeof(text), "%.400s", fix ? fix : "");
        json_put_str(item, "fix", text);
        /* Cutting may have split a character; JSON holds whole ones only. */
        for (size_t i = 0; i < 4; i++) {
                static const char *const names[] = {"source", "where", "what", "fix"};

                if (!json_is_string(json_object_get(item, names[i])))
                        json_put_str(item, names[i], "");
        }
        _cleanup_free_ char *dumped = json_dump(item);

        /* The record holds the inside of the object: {"n", "at_ms", "source": … } is put around it. */
        record_ring_add(&l->problems, now_ms, source, dumped + 1, strlen(dumped) - 2);
        json_put_int(item, "n", (int64_t) l->problems.n_ever);
        json_put_int(item, "at_ms", now_ms);
        feed_emit(l->feed, "problem", item);
}

static void put_details(Buf *out, const json_t *answer)
{
        const json_t *messages = json_at(answer, "response_metadata.messages");
        const char *needed = json_str(answer, "needed");

        for (size_t i = 0; i < json_array_size(messages) && i < 3; i++)
                if (json_is_string(json_array_get(messages, i)))
                        buf_printf(out, " %s", json_string_value(json_array_get(messages, i)));
        if (needed)
                buf_printf(out, " Needed: %s.", needed);
}

void problems_note_answer(Local *l, const char *method, unsigned status, const json_t *answer)
{
        const char *error = json_str(answer, "error"), *what = NULL, *fix = NULL;
        _cleanup_buf_ Buf text = {0};

        if (!json_is_object(answer) || (json_bool(answer, "ok") && status < 400))
                return;
        for (size_t i = 0; error && i < ELEMENTSOF(known); i++)
                if (str_equal(known[i].error, error)) {
                        what = known[i].what;
                        fix = known[i].fix;
                }
        buf_printf(&text, "%s:", error ? error : "no error name");
        buf_printf(&text, " %s", what ? what : "the call was refused.");
        put_details(&text, answer);
        problems_note(l, "call", method, buf_bytes(&text),
                      fix ? fix : "The method's page in Slack's documentation lists its errors.");
}
