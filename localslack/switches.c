#include "switches.h"

#include <math.h>

#define HOUR_MS    3600000.0
#define DAY_MS     (24 * HOUR_MS)
#define TEXT_MAX   4096
#define AT(_field) offsetof(Switches, _field)

#define ON_OFF(_field, _fallback, _why)                                                                      \
        {                                                                                                    \
#_field, SWITCH_BOOL, AT(_field), _fallback, 0, 1, NULL, _why                                \
        }
#define WHOLE(_field, _fallback, _min, _max, _why)                                                           \
        {                                                                                                    \
#_field, SWITCH_INT, AT(_field), _fallback, _min, _max, NULL, _why                           \
        }
#define REAL(_field, _fallback, _min, _max, _why)                                                            \
        {                                                                                                    \
#_field, SWITCH_REAL, AT(_field), _fallback, _min, _max, NULL, _why                          \
        }
#define TEXT(_field, _fallback, _why)                                                                        \
        {                                                                                                    \
#_field, SWITCH_TEXT, AT(_field), 0, 0, 0, _fallback, _why                                   \
        }
#define CHOICE(_field, _fallback, _choices, _why)                                                            \
        {                                                                                                    \
#_field, SWITCH_CHOICE, AT(_field), _fallback, 0, 0, _choices, _why                          \
        }

const SwitchRow switch_rows[] = {
        WHOLE(ack_timeout_ms, 3000, 1, HOUR_MS, "how long an acknowledgement may take: Slack's 3 s"),
        REAL(retry_scale, 1, 0, 1000,
             "factor on the waits before an event comes again (0 s, 60 s, 300 s, as reported of Slack)"),
        ON_OFF(gap_redelivery, true,
               "events raised while no socket was up are delivered by the retries; some have seen Slack lose "
               "them"),
        ON_OFF(sibling_acks, true,
               "an acknowledgement counts on any socket of the app; undocumented, but Slack's Python SDK "
               "relies on it"),
        ON_OFF(sticky, false, "all envelopes to the oldest socket; Slack says to expect no pattern"),
        WHOLE(ticket_life_ms, 30000, 0, DAY_MS,
              "how long the address of apps.connections.open waits for its one connection; Slack's time is not "
              "known"),
        WHOLE(trigger_life_ms, 3000, 1, DAY_MS, "how long a trigger_id opens a view: Slack's 3 s"),
        WHOLE(response_url_life_ms, 1800000, 1, DAY_MS,
              "how long a response_url takes posts: Slack's 30 min"),
        WHOLE(ping_period_ms, 15000, 10, HOUR_MS,
              "of the server's pings; Slack's are reported every 15 to 30 s, and Node's SDK gives up after 30 "
              "s"),
        CHOICE(pongs, PONGS_ALL, "all|once|none", "whether pings of the app are answered, to the byte"),
        WHOLE(idle_kill_ms, 90000, 0, DAY_MS,
              "a socket without a byte for so long is cut; Slack's time is not known; 0 = never"),
        WHOLE(ghost_ms, 0, 0, DAY_MS,
              "a socket that broke without a close frame stays registered for so long and swallows envelopes; "
              "with Slack up to hours, here 0, as an app on a laptop is restarted all day"),
        REAL(lifetime_scale, 1, 0, 1000,
             "factor on the life of a socket, and on the 360 s of debug_reconnects=true"),
        ON_OFF(client_msg_id, true,
               "a repeated client_msg_id gives the first message again instead of a second one; undocumented"),
        WHOLE(client_msg_id_window_ms, 0, 0, DAY_MS,
              "for how long it does; Slack's time is not known; 0 = for ever, within the 50,000 newest"),
        ON_OFF(twins, true, "a mention in a channel raises both message and app_mention, as in Slack"),
        ON_OFF(message_events, true, "the app is subscribed to message events"),
        ON_OFF(own_messages, true, "the app sees its own messages as events, as in Slack"),
        ON_OFF(action_payload, false,
               "accepts_response_payload of block_actions; false in recorded payloads, true in the "
               "documentation"),
        TEXT(scopes, NULL, "the granted scopes, separated by commas; empty = all that there are"),
        WHOLE(thread_limit, 0, 0, 1e6, "replies that a thread takes; Slack's limit is not known; 0 = none"),
        TEXT(thread_full_error, "restricted_action_thread_locked",
             "the error of a post into a full thread; undocumented, the nearest of the documented ones"),
        WHOLE(events_per_hour, 30000, 0, 1e9,
              "deliveries in an hour beyond which there is an app_rate_limited a minute instead; 0 = no limit"),
        WHOLE(http_disable_percent, 95, 0, 100,
              "failed HTTP deliveries of the last hour (20 at least) that end the subscription; 0 = never"),
        ON_OFF(rate_limits, true, "the rate tiers of the Web API, with 429 and Retry-After"),
        CHOICE(stream_bucket, STREAM_BUCKET_WORKSPACE, "workspace|message",
               "chat.appendStream's tier counts for the workspace, as the documentation reads, or for each message"),
        REAL(rate_scale, 1, 0.0001, 1000, "factor on the time in which their buckets fill; small in tests"),
        ON_OFF(history_limited, false,
               "conversations.history and replies as for apps distributed outside the Marketplace: one call a "
               "minute, 15 messages"),
        CHOICE(token_state, TOKENS_VALID, "valid|account_inactive|token_revoked|token_expired",
               "what every token is answered with"),
        ON_OFF(alert_in_messages, true,
               "alert blocks are taken in messages too; the documentation says modals only, Slack's own samples "
               "post them"),
        ON_OFF(home_tab, true, "the app has a Home tab; without it views.publish says not_enabled"),
        CHOICE(deleted_parent, DELETED_PARENT_REPLY, "reply|unthread|refuse",
               "a reply to a deleted message joins its thread, goes into the channel, or is "
               "cannot_reply_to_message; undocumented"),
        WHOLE(stream_life_ms, 300000, 1, DAY_MS,
              "after which a streamed message cannot be appended to or stopped; reported as about 5 minutes"),
        CHOICE(stream_life, STREAM_LIFE_TOTAL, "total|idle",
               "that time counts from the start of the stream, or from the last append; reports differ"),
        WHOLE(status_life_ms, 120000, 1, DAY_MS,
              "after which an assistant's status goes by itself: Slack's 2 min"),
        ON_OFF(agent, true, "the app is declared an agent; else suggested prompts are not_agent_app"),
        ON_OFF(file_events, false, "the app is subscribed to file_shared and file_deleted"),
        ON_OFF(code_channels, true, "the workspace is enrolled in code channels; else feature_disabled"),
        ON_OFF(stop_events, true,
               "the app is subscribed to agent_session_stopped: its busy sessions have a Stop button"),
        ON_OFF(record_frames, true, "frames are recorded; off for measurements of the last microsecond"),
};
const size_t n_switch_rows = ELEMENTSOF(switch_rows);

static void *slot_of(const Switches *s, const SwitchRow *row)
{
        return (char *) s + row->offset;
}

static void set_fallback(Switches *s, const SwitchRow *row)
{
        void *slot = slot_of(s, row);

        switch (row->type) {
        case SWITCH_BOOL: *(bool *) slot = row->fallback > 0; break;
        case SWITCH_INT: *(int64_t *) slot = (int64_t) row->fallback; break;
        case SWITCH_REAL: *(double *) slot = row->fallback; break;
        case SWITCH_CHOICE: *(unsigned *) slot = (unsigned) row->fallback; break;
        case SWITCH_TEXT: mem_strset(slot, row->texts); break;
        }
}

void switches_init(Switches *s)
{
        *s = (Switches){0};
        for (size_t i = 0; i < n_switch_rows; i++)
                set_fallback(s, &switch_rows[i]);
}

void switches_deinit(Switches *s)
{
        for (size_t i = 0; i < n_switch_rows; i++)
                if (switch_rows[i].type == SWITCH_TEXT)
                        mem_strset(slot_of(s, &switch_rows[i]), NULL);
}

static const SwitchRow *find_row(const char *name)
{
        for (size_t i = 0; i < n_switch_rows; i++)
                if (str_equal(switch_rows[i].name, name))
                        return &switch_rows[i];
        return NULL;
}

/* The place of `text` in "first|second", or -1. */
static int find_choice(const char *choices, const char *text)
{
        int at = 0;

        for (const char *p = choices; text && *p; at++) {
                size_t n = strcspn(p, "|");

                if (strlen(text) == n && strncmp(p, text, n) == 0)
                        return at;
                p += n + (p[n] == '|');
        }
        return -1;
}

static char *set_number(const SwitchRow *row, void *slot, const json_t *value)
{
        double number = json_number_value(value);

        if (!json_is_number(value) || !isfinite(number) || number < row->min || number > row->max ||
            (row->type == SWITCH_INT && !json_is_integer(value)))
                return mem_printf("%s must be a %snumber from %.0f to %.0f", row->name,
                                  row->type == SWITCH_INT ? "whole " : "", row->min, row->max);
        if (row->type == SWITCH_INT)
                *(int64_t *) slot = (int64_t) number;
        else
                *(double *) slot = number;
        return NULL;
}

char *switches_set(Switches *s, const char *name, const json_t *value)
{
        const SwitchRow *row = find_row(name);
        const char *text = json_string_value(value);
        void *slot = row ? slot_of(s, row) : NULL;
        int choice;

        if (!row)
                return mem_printf("there is no switch %.64s; GET /_local/switches lists them", name);
        switch (row->type) {
        case SWITCH_BOOL:
                if (!json_is_boolean(value))
                        return mem_printf("%s must be true or false", name);
                *(bool *) slot = json_is_true(value);
                return NULL;
        case SWITCH_INT:
        case SWITCH_REAL: return set_number(row, slot, value);
        case SWITCH_CHOICE:
                choice = find_choice(row->texts, text);
                if (choice < 0)
                        return mem_printf("%s must be one of %s", name, row->texts);
                *(unsigned *) slot = (unsigned) choice;
                return NULL;
        case SWITCH_TEXT:
                if (!json_is_null(value) && (!text || strlen(text) > TEXT_MAX))
                        return mem_printf("%s must be a text of at most %d bytes", name, TEXT_MAX);
                mem_strset(slot, str_empty(text) ? row->texts : text);
                return NULL;
        }
        return NULL;
}

char *switches_set_text(Switches *s, const char *assignment)
{
        const char *equals = strchr(assignment, '='), *text = equals ? equals + 1 : "";
        _cleanup_free_ char *name = mem_strndup(assignment, strcspn(assignment, "="));
        const SwitchRow *row = find_row(name);
        _cleanup_json_ json_t *value = NULL;

        if (!equals)
                return mem_strdup("a switch is set with NAME=VALUE");
        if (row && row->type != SWITCH_TEXT && row->type != SWITCH_CHOICE)
                value = json_loads(text, JSON_DECODE_ANY, NULL);
        else
                value = json_string(text);
        return switches_set(s, name, value);
}

char *switches_apply(Switches *s, const json_t *in)
{
        const char *name;
        json_t *value;

        if (!json_is_object(in))
                return mem_strdup("must be an object of switches");
        json_object_foreach ((json_t *) in, name, value) {
                char *error = str_equal(name, "ok") ? NULL : switches_set(s, name, value);

                if (error)
                        return error;
        }
        return NULL;
}

static json_t *choice_text(const SwitchRow *row, unsigned choice)
{
        const char *p = row->texts;

        for (; choice > 0; choice--)
                p += strcspn(p, "|") + 1;
        return json_stringn(p, strcspn(p, "|"));
}

static json_t *value_of(const Switches *s, const SwitchRow *row)
{
        const void *slot = slot_of(s, row);

        switch (row->type) {
        case SWITCH_BOOL: return json_boolean(*(const bool *) slot);
        case SWITCH_INT: return json_integer(*(const int64_t *) slot);
        case SWITCH_REAL: return json_real(*(const double *) slot);
        case SWITCH_CHOICE: return choice_text(row, *(const unsigned *) slot);
        case SWITCH_TEXT: break;
        }
        return *(char *const *) slot ? json_string(*(char *const *) slot) : json_null();
}

json_t *switches_render(const Switches *s)
{
        json_t *out = json_object();

        for (size_t i = 0; i < n_switch_rows; i++)
                json_object_set_new(out, switch_rows[i].name, value_of(s, &switch_rows[i]));
        return out;
}

json_t *switches_describe(const Switches *s)
{
        static const char *const types[] = {[SWITCH_BOOL] = "boolean",
                                            [SWITCH_INT] = "integer",
                                            [SWITCH_REAL] = "number",
                                            [SWITCH_TEXT] = "text",
                                            [SWITCH_CHOICE] = "choice"};
        json_t *out = json_array();
        Switches fresh;

        switches_init(&fresh);
        for (size_t i = 0; i < n_switch_rows; i++) {
                const SwitchRow *row = &switch_rows[i];
                json_t *item = json_pack("{s:s,s:s,s:o,s:o,s:s}", "name", row->name, "type", types[row->type],
                                         "value", value_of(s, row), "default", value_of(&fresh, row), "why",
                                         row->why);

                if (row->type == SWITCH_CHOICE)
                        json_put_str(item, "choices", row->texts);
                json_array_append_new(out, item);
        }
        switches_deinit(&fresh);
        return out;
}
