#include "core/reading.h"

/* The agent was about to go on after its tools: it ends here only if one of them was refused. */
static bool ends_in_tools(const json_t *message)
{
        const json_t *tools = json_at(message, "tools");
        size_t i;
        json_t *tool;

        if (!str_equal(json_str(message, "finish"), "tool-calls") ||
            json_is_object(json_at(message, "error")))
                return false;
        json_array_foreach ((json_t *) tools, i, tool)
                if (str_equal(json_str(tool, "status"), "error"))
                        return false;
        return true;
}

/* Where the turn's own part begins. */
static size_t first_of_turn(const json_t *messages, const char *own_id, bool taken)
{
        size_t i;
        json_t *m;

        json_array_foreach ((json_t *) messages, i, m)
                if (own_id && str_equal(json_str(m, "id"), own_id))
                        return i;
        return taken ? 0 : json_array_size(messages);
}

TurnReading turn_read(const json_t *messages, const char *own_id, bool taken)
{
        TurnReading reading = {.messages = messages};

        for (size_t i = first_of_turn(messages, own_id, taken); i < json_array_size(messages); i++) {
                const json_t *m = json_array_get(messages, i);

                if (!str_equal(json_str(m, "role"), "assistant"))
                        continue;
                reading.unfinished = !json_is_integer(json_at(m, "completed_ms")) || ends_in_tools(m);
                if (!json_is_integer(json_at(m, "completed_ms")))
                        continue;
                reading.answer = m;
                if (!str_empty(json_str(m, "text")))
                        reading.text = m;
                reading.tokens += json_int(m, "tokens.input", 0) + json_int(m, "tokens.output", 0) +
                                  json_int(m, "tokens.reasoning", 0);
                reading.cost += json_number_value(json_at(m, "cost"));
        }
        return reading;
}

static bool ends_a_turn(const json_t *message)
{
        return json_is_integer(json_at(message, "completed_ms")) && !ends_in_tools(message) &&
               !str_empty(json_str(message, "text"));
}

json_t *turn_texts(const TurnReading *reading, bool is_over)
{
        json_t *texts = json_array(), *m;
        const json_t *last = NULL, *said = NULL;
        size_t i;

        json_array_foreach ((json_t *) reading->messages, i, m) {
                bool is_prompt = !str_equal(json_str(m, "role"), "assistant");

                if (is_prompt && last) {
                        json_array_append(texts, json_object_get(last, "text"));
                        said = last;
                }
                last = !is_prompt && ends_a_turn(m) ? m : NULL;
        }
        if (is_over && reading->text && reading->text != said)
                json_array_append(texts, json_object_get(reading->text, "text"));
        return texts;
}
