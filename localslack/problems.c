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
        {"missing_argument", "A required argument is missing.",
         "See response_metadata.messages, or the method's page in Slack's documentation."},
        {"bad_timestamp", "The timestamp is not one.",
         "Send the message's ts as it came, as a text: \"1700000000.000100\"."},
        {"no_item_specified", "The call names no message or file.", "Send channel and timestamp."},
        {"invalid_name", "The emoji's name is not one.", "Send it without colons: eyes."},
        {"too_many_emoji", "The message has as many different reactions as it takes.", "Remove one first."},
        {"user_not_found", "There is no such person.", "Use the id (U…) from a payload or from users.list."},
        {"users_not_found", "There is no person with this address.",
         "Only people of the workspace have one."},
        {"user_not_in_channel", "The person is not a member of the channel.",
         "Invite them, or answer elsewhere: a command may come from a channel that the app is not in."},
        {"bot_not_found", "There is no such bot.", "Use the bot_id (B…) of a message."},
        {"invalid_thread_ts", "thread_ts is not the ts of a message.",
         "Take it from the message that begins the thread."},
        {"restricted_action_thread_locked", "The thread takes no more replies.", "Go on in a new thread."},
        {"cannot_reply_to_message", "The message at the head of the thread is gone, or takes no replies.",
         "Post into the channel."},
        {"cant_broadcast_message", "Only a reply can be shown to the channel as well.",
         "Send reply_broadcast with thread_ts."},
        {"no_dual_broadcast_content_update",
         "One call changes the content or broadcasts the reply, not both.", "Make two calls."},
        {"is_inactive", "The channel is archived: its messages stay as they are.", "Unarchive it first."},
        {"duplicate_message_not_found", "The message with this client_msg_id was deleted.",
         "Send another client_msg_id."},
        {"invalid_attachments", "`attachments` is not an array of objects, or has two tables.",
         "Send an array; inside a form it is the array as JSON text."},
        {"too_many_attachments", "The message has more than 100 attachments.",
         "Send fewer; blocks show most of what they do."},
        {"msg_blocks_too_many", "The message has more blocks than it takes.",
         "50 in a message, 100 in a modal or home."},
        {"invalid_metadata_format", "The metadata is not a JSON object.",
         "Send {\"event_type\": …, \"event_payload\": {…}}."},
        {"invalid_metadata_schema",
         "The metadata has no event_type or no event_payload, or is nested too deeply.",
         "Send {\"event_type\": \"name\", \"event_payload\": {…}}."},
        {"invalid_chunks", "The chunks of the stream break a rule.",
         "See response_metadata.messages in the answer."},
        {"stopped_by_user", "A person stopped the stream.", "End your work, and do not append any more."},
        {"missing_recipient_user_id", "A stream in a channel needs the person whom it answers.",
         "Send recipient_user_id."},
        {"missing_recipient_team_id",
         "A stream in a channel needs the workspace of the person whom it answers.",
         "Send recipient_team_id."},
        {"not_agent_app", "The app is not declared an agent.",
         "Add the feature to its manifest (here: the switch agent)."},
        {"session_not_found", "The thread is no session of the agent.", "Set its status first."},
        {"not_subscribed_to_message_stream_stopped", "A person can only stop what the app hears of.",
         "Subscribe to the event (here: the switch stop_events)."},
        {"method_not_supported_for_channel_type", "The method does not work in this kind of channel.",
         "Look at the type of the channel first."},
        {"channel_type_not_supported", "The method does not work in this kind of channel.",
         "Look at the type of the channel first."},
        {"name_taken", "There is a channel with this name.", "Choose another, or use the one that there is."},
        {"invalid_name_specials", "The name of a channel has letters, digits, - and _ only.",
         "Replace the others; letters are small."},
        {"invalid_name_maxlength", "The name of a channel has at most 80 characters.", "Cut it."},
        {"invalid_name_required", "The name of the channel is empty.", "Send one."},
        {"already_in_channel", "The person is a member already.", "Usually this can be treated as success."},
        {"cant_invite_self", "The app cannot invite itself.", "conversations.join does, in public channels."},
        {"cant_invite", "The person cannot be invited here.",
         "A deactivated member or a bot of another workspace cannot."},
        {"last_member", "The last member cannot leave a private channel.", "Archive it."},
        {"invalid_limit", "`limit` is not a number that the method takes.", "Send a number from 1 to 1000."},
        {"invalid_ts_latest", "`latest` is no timestamp.", "Send a ts, or seconds since 1970."},
        {"invalid_ts_oldest", "`oldest` is no timestamp.", "Send a ts, or seconds since 1970."},
        {"invalid_types", "`types` has a word that is no kind of channel.",
         "public_channel, private_channel, mpim and im, separated by commas."},
        {"invalid_time", "`post_at` is not a time.", "Send seconds since 1970."},
        {"time_in_past", "`post_at` is over.", "Send a time to come."},
        {"time_too_far", "`post_at` is more than 120 days away.", "Schedule it later."},
        {"invalid_scheduled_message_id", "There is no such scheduled message.",
         "It may have been posted already."},
        {"file_not_found", "There is no such file, or the app cannot see it.",
         "Complete the upload first; use the id of its first step."},
        {"file_deleted", "The file was deleted.", "Upload it anew."},
        {"file_upload_size_restricted", "The bytes are not as many as were announced.",
         "Send the length in bytes, not in characters."},
        {"unknown_snippet_type", "Slack knows no such syntax.", "Leave snippet_type out."},
        {"view_not_found", "There is no such view: it was closed, or belongs to somebody else.",
         "Keep the view_id of the answer; a closed view stays closed."},
        {"not_enabled", "The app has no Home tab.", "Enable it in the manifest (here: the switch home_tab)."},
        {"too_many_views", "There are more views than the workspace keeps.", "Close some."},
        {"canvas_not_found", "There is no such canvas.", "Use the id of its creation."},
        {"feature_disabled", "The workspace has not switched this on.", "Here: the switch code_channels."},
        {"account_inactive", "The token belongs to an account that was deactivated.",
         "Here: the switch token_state."},
        {"token_revoked", "The token was revoked.", "Install the app again (here: the switch token_state)."},
        {"token_expired", "The token has expired.", "Refresh it (here: the switch token_state)."},
        {"internal_error", "Slack failed, and may have done what was asked.",
         "Try again, in a way that a second time is harmless."},
        {"fatal_error", "Slack failed, and may have done what was asked.",
         "Try again, in a way that a second time is harmless."},
        {"service_unavailable", "Slack is down for a moment.", "Try again later."},
        {"request_timeout", "The body did not come in time.", "Send it at once, with its Content-Length."},
        {"insecure_request", "The method takes POST only.", "Use POST."},
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
