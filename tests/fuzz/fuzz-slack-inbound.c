/* Whatever a payload holds, what becomes of it keeps the core's invariants: a plan is complete or absent, its
 * keys and data are text that the journal can hold, and nobody who is not on the list is treated as allowed.
 */
#include <assert.h>

#include "connectors/slack/block-kit.h"
#include "connectors/slack/inbound.h"
#include "core/cards.h"
#include "core/intake.h"
#include "core/start-form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_plan(const IntakePlan *plan, const json_t *in)
{
        _cleanup_free_ char *text = NULL;

        if (!plan->address)
                return;
        assert(plan->event && plan->dedup_key && *plan->dedup_key && json_is_object(plan->data));
        text = json_dump(plan->data);
        assert(text[0] == '{');
        if (str_equal(json_str(in, "user"), "U1"))
                return;
        /* A stranger starts nothing and prompts nothing; a click of theirs says that it is not allowed. */
        assert(!str_equal(plan->event, "slack.start") && !str_equal(plan->event, "slack.message"));
        assert(!json_bool(plan->data, "allowed"));
        assert(!str_equal(plan->event, "start.asked") || json_is_false(json_at(plan->data, "allowed")));
}

/* A form is refused on fields that it has, or what it says can become a task; a select gets its options. */
static void check_form(const json_t *in)
{
        static const char offer_text[] =
                "{\"repositories\":[{\"name\":\"web\"}],\"projects\":[{\"id\":\"0012\",\"title\":\"x\"}]}";
        _cleanup_json_ json_t *offer = json_parse(offer_text, sizeof(offer_text) - 1, NULL),
                              *values = start_form_read(json_at(in, "values")), *answer = NULL, *task = NULL,
                              *split = start_form_split(json_str_or(in, "text", ""));
        _cleanup_free_ char *prompt = start_form_prompt(split), *line = NULL;

        answer = start_form_answer(in, offer, NULL);
        assert(!answer || json_object_size(json_at(answer, "errors")) > 0 ||
               json_is_array(json_at(answer, "options")));
        task = start_form_task(values, offer);
        line = start_task_line(task);
        assert(slack_chars(json_str_or(split, "title", "")) <= START_TITLE_CHARS_MAX);
        assert(strstr(prompt, json_str_or(split, "description", "")));
        assert(!strpbrk(json_str_or(values, "title", ""), "\r\n\x1b"));
}

static void check_answers(const json_t *in)
{
        static const char questions_text[] =
                "[{\"question\":\"a?\",\"header\":\"A\",\"options\":[{\"label\":\"x\"},{\"label\":\"y\"}]},"
                "{\"question\":\"b?\",\"header\":\"B\",\"multiple\":true,\"options\":[{\"label\":\"z\"}]}]";
        _cleanup_json_ json_t *questions = json_parse(questions_text, sizeof(questions_text) - 1, NULL);
        _cleanup_free_ char *error = NULL;
        _cleanup_json_ json_t *answers = card_question_read(questions, json_at(in, "values"), &error);

        assert((answers != NULL) != (error != NULL));
        assert(!answers || json_array_size(answers) == json_array_size(questions));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        static const char *const users[] = {"U1", NULL}, *const nobody[] = {NULL};
        _cleanup_json_ json_t *defaults = json_object();
        const IntakeContext ctx = {
                .bot_user = "U0BOT",
                .command = "/opencode",
                .allow_users = users,
                .allow_channels = nobody,
                .approvers = nobody,
                .defaults = defaults,
                .max_text_bytes = 1000,
        };

        if (n_bytes < 1)
                return 0;
        for (SlackEnvelopeType type = SLACK_ENVELOPE_EVENT; type <= SLACK_ENVELOPE_INTERACTIVE; type++) {
                _cleanup_(intake_plan_deinit) IntakePlan plan = {0};
                _cleanup_free_ char *error = NULL;
                _cleanup_json_ json_t *in = slack_inbound(type, (const char *) data, n_bytes, &error);

                assert((in != NULL) != (error != NULL));
                if (!in)
                        continue;
                intake_decide(&ctx, in, &plan);
                check_plan(&plan, in);
                check_answers(in);
                check_form(in);
        }
        return 0;
}
