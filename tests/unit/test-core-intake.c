/* Where each thing that Slack says belongs, and who may say it: one table. */
#include "core-desk.h"

#include "core/intake.h"

#define NOT_LISTED  "You are not on the list of people"
#define NOT_HERE    "I am not to be used in this channel"
#define NO_APPROVER "Only the approvers may answer this"
#define ENDED       "This is from a session that has ended"

/* How the context differs from "everybody may everything". */
typedef enum Rules { OPEN, ANN_ONLY, C1_ONLY, ANN_APPROVES } Rules;

typedef struct Case {
        const char *in;   /* inbound.h; ' for " */
        const char *plan; /* {address, kind?, event, key, data: {part of it}}; "" = nobody's business */
        const char
                *told; /* the beginning of what the person is told, in data.text, data.why or if_unrouted */
        Rules rules;
} Case;

#define MENTION "'type':'message','team':'T1','channel':'C1','channel_type':'channel','user':'ANN','ts':'1.1'"
#define REPLY   "'type':'message','team':'T1','channel':'C1','user':'ANN','ts':'2.2','thread_ts':'1.1'"
#define NOTICE(_key)                                                                                         \
        "{'address':'notice:" _key "','kind':'notice','event':'notice.say','key':'" _key ":notice','data':{}}"

static const Case messages[] = {
        /* what starts a session */
        {.in = "{" MENTION ",'text':'<@BOT> fix it','raw_text':'<@BOT> fix it'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'user':'ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix it','defaults':{'directory':'/r'}}}"},
        {.in = "{" MENTION ",'text':'please <@BOT> fix it','raw_text':'please <@BOT> fix it'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'text':'please  fix it'}}"},
        {.in = "{" MENTION ",'text':'hi','raw_text':'<@BOT|opencode> hi'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1','data':{}}"},
        {.in = "{" REPLY ",'text':'<@BOT> fix it','raw_text':'<@BOT> fix it'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:2.2',"
                 "'data':{'thread_ts':'1.1','ts':'2.2'}}"},
        {.in = "{'type':'message','team':'T1','channel':'D1','channel_type':'im','user':'ANN','ts':'1.1','text':'hi','raw_text':'hi'}",
         .plan = "{'address':'thread:D1:1.1','kind':'session','event':'slack.start','key':'msg:T1:D1:1.1','data':{'text':'hi'}}"},
        /* replies */
        {.in = "{" REPLY ",'text':'go on','raw_text':'go on'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.message','key':'msg:T1:C1:2.2',"
                 "'data':{'user':'ANN','channel':'C1','ts':'2.2','text':'go on'}}"},
        {.in = "{'type':'message','team':'T1','channel':'D1','channel_type':'im','user':'ANN','ts':'2.2','thread_ts':'1.1','text':'hi'}",
         .plan = "{'address':'thread:D1:1.1','event':'slack.message','key':'msg:T1:D1:2.2','data':{}}"},
        {.in = "{" REPLY ",'subtype':'file_share','text':'see','files':[{'name':'a.txt'}]}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.message','key':'msg:T1:C1:2.2','data':{'files':[{'name':'a.txt'}]}}"},
        {.in = "{" REPLY ",'subtype':'thread_broadcast','text':'all hear'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.message','key':'msg:T1:C1:2.2','data':{}}"},
        {.in = "{" REPLY ",'subtype':'me_message','text':'waves'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.message','key':'msg:T1:C1:2.2','data':{}}"},
        /* nobody's business */
        {.in = "{" MENTION ",'text':'among people','raw_text':'among people'}", .plan = ""},
        {.in = "{" MENTION ",'text':'<@BOTH> is not me','raw_text':'<@BOTH> is not me'}", .plan = ""},
        {.in = "{" REPLY ",'bot':true,'text':'beep'}", .plan = ""},
        {.in = "{" REPLY ",'subtype':'channel_join','text':'joined'}", .plan = ""},
        {.in = "{" REPLY ",'subtype':'of_next_year','text':'x'}", .plan = ""},
        {.in = "{'type':'message','team':'T1','channel':'C1','user':'BOT','ts':'2.2','thread_ts':'1.1','text':'own'}",
         .plan = ""},
        {.in = "{'type':'message','team':'T1','channel':'C1','ts':'2.2','thread_ts':'1.1','text':'nobody'}",
         .plan = ""},
        {.in = "{'type':'other','what':'reaction_added'}", .plan = ""},
        {.in = "{}", .plan = ""},
        /* what cannot be a prompt */
        {.in = "{" MENTION ",'text':'<@BOT>','raw_text':'<@BOT>'}",
         .plan = NOTICE("msg:T1:C1:1.1"),
         .told = "What shall I do?"},
        {.in = "{" MENTION ",'text':'<@BOT>  ','raw_text':'<@BOT>','files':[{'name':'a'}]}",
         .plan = NOTICE("msg:T1:C1:1.1"),
         .told = "I cannot pass files on yet"},
        {.in = "{" REPLY ",'text':'0123456789012345678901234567890123456789x'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.refused','key':'msg:T1:C1:2.2','data':{'user':'ANN'}}",
         .told = "That message is too long"},
        /* who may */
        {.in = "{" MENTION ",'text':'<@BOT> x','raw_text':'<@BOT> x'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1','data':{}}",
         .rules = ANN_ONLY},
        {.in = "{'type':'message','team':'T1','channel':'C1','user':'BOB','ts':'1.1','text':'<@BOT> x','raw_text':'<@BOT> x'}",
         .plan = NOTICE("msg:T1:C1:1.1"),
         .told = NOT_LISTED,
         .rules = ANN_ONLY},
        {.in = "{'type':'message','team':'T1','channel':'C1','user':'BOB','ts':'2.2','thread_ts':'1.1','text':'x'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.refused','key':'msg:T1:C1:2.2','data':{'user':'BOB'}}",
         .told = NOT_LISTED,
         .rules = ANN_ONLY},
        {.in = "{'type':'message','team':'T1','channel':'C2','user':'ANN','ts':'1.1','text':'<@BOT> x','raw_text':'<@BOT> x'}",
         .plan = NOTICE("msg:T1:C2:1.1"),
         .told = NOT_HERE,
         .rules = C1_ONLY},
        /* edits */
        {.in = "{'type':'edited','channel':'C1','user':'ANN','ts':'2.2','thread_ts':'1.1','edited_ts':'3.3','text':'<@BOT> better'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.edited','key':'edit:C1:2.2:3.3',"
                 "'data':{'user':'ANN','ts':'2.2','text':'better'}}"},
        {.in = "{'type':'edited','channel':'C1','user':'ANN','ts':'2.2','thread_ts':'1.1','edited_ts':'3.3','text':''}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.edited','key':'edit:C1:2.2:3.3','data':{'ts':'2.2'}}",
         .told = "What shall I do?"},
        {.in = "{'type':'edited','channel':'C1','user':'ANN','ts':'2.2','edited_ts':'3.3','text':'x'}",
         .plan = ""},
        {.in = "{'type':'edited','channel':'C1','user':'ANN','ts':'2.2','thread_ts':'1.1','text':'unfurled'}",
         .plan = ""},
        {.in = "{'type':'edited','bot':true,'channel':'C1','ts':'2.2','thread_ts':'1.1','edited_ts':'3.3','text':'x'}",
         .plan = ""},
        {.in = "{'type':'edited','channel':'C1','user':'BOB','ts':'2.2','thread_ts':'1.1','edited_ts':'3.3','text':'x'}",
         .plan = "",
         .rules = ANN_ONLY},
};

#define LATE "'type':'message','team':'T1','channel':'C1','user':'ANN','late':true"

/* Found in the history instead of heard. */
static const Case late[] = {
        {.in = "{" LATE ",'ts':'1.1','text':'<@BOT> fix it','raw_text':'<@BOT> fix it'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1','data':{'late':true}}"},
        {.in = "{" LATE ",'ts':'2.2','thread_ts':'1.1','text':'go on'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.message','key':'msg:T1:C1:2.2','data':{'late':true,'text':'go on'}}"},
        {.in = "{" LATE ",'ts':'2.2','thread_ts':'1.1','text':'!stop'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.withheld','key':'msg:T1:C1:2.2','data':{'word':'stop','text':'!stop'}}"},
        {.in = "{" LATE
               ",'ts':'2.2','thread_ts':'1.1','text':'<@BOT> please stop','raw_text':'<@BOT> please stop'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.withheld','key':'msg:T1:C1:2.2','data':{'user':'ANN'}}"},
        {.in = "{" LATE ",'stale':true,'ts':'2.2','thread_ts':'1.1','text':'go on'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.stale','key':'msg:T1:C1:2.2','data':{'ts':'2.2'}}"},
        {.in = "{" LATE ",'stale':true,'ts':'1.1','text':'<@BOT> fix it','raw_text':'<@BOT> fix it'}",
         .plan = "{'address':'notice:msg:T1:C1:1.1','kind':'notice','event':'notice.offer','key':'msg:T1:C1:1.1',"
                 "'data':{'channel':'C1','thread_ts':'1.1','said_ts':'1.1','user':'ANN','label':'Begin now','send':"
                 "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','data':{'user':'ANN','channel':'C1','ts':'1.1',"
                 "'text':'fix it','thread_ts':'1.1','defaults':{'directory':'/r'}}}}}",
         .told = "This came while I was away"},
        {.in = "{" LATE ",'stale':true,'ts':'1.1','text':'among people','raw_text':'among people'}",
         .plan = ""},
        {.in = "{'type':'message','team':'T1','channel':'C1','user':'BOB','late':true,'ts':'2.2','thread_ts':'1.1','text':'!stop'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.refused','key':'msg:T1:C1:2.2','data':{'user':'BOB'}}",
         .told = NOT_LISTED,
         .rules = ANN_ONLY},
        /* what was deleted */
        {.in = "{'type':'deleted','channel':'C1','ts':'2.2','thread_ts':'1.1'}",
         .plan = "{'address':'thread:C1:1.1','event':'slack.deleted','key':'del:C1:2.2','data':{'ts':'2.2'}}"},
        {.in = "{'type':'deleted','channel':'C1','ts':'2.2'}", .plan = ""},
        {.in = "{'type':'deleted','bot':true,'channel':'C1','ts':'2.2','thread_ts':'1.1'}", .plan = ""},
};

#define COMMAND                                                                                              \
        "'type':'command','team':'T1','channel':'C1','user':'ANN','command':'/opencode','trigger_id':'7.8','response_url':'https://r'"
#define CLICK                                                                                                \
        "'type':'action','team':'T1','channel':'C1','user':'ANN','ts':'2.2','action_ts':'4.4','trigger_id':'7.8','response_url':'https://r'"
#define VIEW                                                                                                 \
        "'type':'view','team':'T1','user':'ANN','view_id':'V1','hash':'h','ref':'00aa','callback_id':'permission.deny_reason','values':{'a':1}"

#define SHORTCUT "'type':'shortcut','team':'T1','user':'ANN','trigger_id':'7.8'"

static const Case interactions[] = {
        {.in = "{" COMMAND ",'text':'start fix it'}",
         .plan = "{'address':'cmd:7.8','kind':'start','event':'start.asked','key':'cmd:7.8','data':{'user':'ANN','channel':'C1',"
                 "'text':'fix it','at_once':true,'trigger_id':'7.8','response_url':'https://r','defaults':{'directory':'/r'}}}"},
        {.in = "{" COMMAND ",'text':'status'}",
         .plan = "{'address':'cmd:7.8','kind':'command','event':'slack.command','key':'cmd:7.8',"
                 "'data':{'user':'ANN','text':'status','command':'/opencode','response_url':'https://r'}}"},
        {.in = "{" COMMAND ",'text':''}",
         .plan = "{'address':'cmd:7.8','kind':'command','event':'slack.command','key':'cmd:7.8','data':{}}"},
        {.in = "{" COMMAND ",'text':'dance'}",
         .plan = "{'address':'cmd:7.8','kind':'command','event':'slack.command','key':'cmd:7.8','data':{'text':'dance'}}"},
        {.in = "{" COMMAND ",'text':'start'}",
         .plan = "{'address':'cmd:7.8','kind':'start','event':'start.asked','key':'cmd:7.8','data':{'text':''}}"},
        {.in = "{" COMMAND ",'text':'start 0123456789012345678901234567890123456789x'}",
         .plan = NOTICE("cmd:7.8"),
         .told = "That task is too long"},
        {.in = "{'type':'command','channel':'C1','user':'BOB','text':'help','trigger_id':'7.8','response_url':'https://r'}",
         .plan = "{'address':'notice:cmd:7.8','kind':'notice','event':'notice.say','key':'cmd:7.8:notice',"
                 "'data':{'response_url':'https://r','user':'BOB','channel':'C1','emoji':':no_entry:'}}",
         .told = NOT_LISTED,
         .rules = ANN_ONLY},
        /* clicks */
        {.in = "{" CLICK ",'action_id':'permission.once','value':'00aa'}",
         .plan = "{'address':'flow:00aa','event':'slack.action','key':'act:ANN:2.2:permission.once:4.4',"
                 "'data':{'user':'ANN','channel':'C1','ts':'2.2','action_id':'permission.once','value':'00aa','trigger_id':'7.8',"
                 "'response_url':'https://r','allowed':true}}",
         .told = ENDED},
        {.in = "{" CLICK ",'action_id':'question.pick.1','value':'00aa:0:1'}",
         .plan = "{'address':'flow:00aa','event':'slack.action','key':'act:ANN:2.2:question.pick.1:4.4','data':{'allowed':true}}",
         .told = ENDED},
        {.in = "{" CLICK ",'action_id':'choice'}", .plan = ""},
        {.in = "{" CLICK ",'action_id':'session.open','value':''}", .plan = ""},
        {.in = "{'type':'action','user':'BOB','channel':'C1','ts':'2.2','action_id':'permission.once','value':'00aa'}",
         .plan = "{'address':'flow:00aa','event':'slack.action','key':'act:BOB:2.2:permission.once:','data':{'allowed':false}}",
         .told = NO_APPROVER,
         .rules = ANN_APPROVES},
        {.in = "{'type':'action','user':'BOB','channel':'C1','ts':'2.2','action_id':'session.stop','value':'00aa','action_ts':'4.4'}",
         .plan = "{'address':'flow:00aa','event':'slack.action','key':'act:BOB:2.2:session.stop:4.4','data':{'allowed':true}}",
         .told = ENDED,
         .rules = ANN_APPROVES},
        {.in = "{'type':'action','user':'BOB','channel':'C1','ts':'2.2','action_id':'session.stop','value':'00aa','action_ts':'4.4'}",
         .plan = "{'address':'flow:00aa','event':'slack.action','key':'act:BOB:2.2:session.stop:4.4','data':{'allowed':false}}",
         .told = NOT_LISTED,
         .rules = ANN_ONLY},
        /* a mention's task is routed by its words, a reply is not */
        {.in = "{'type':'message','team':'T1','channel':'C1','user':'ANN','ts':'1.1','text':'<@BOT> fix the crash','raw_text':'<@BOT> fix the crash'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'text':'fix the crash','routing':{'decision':{'agent':'builder','by':'keywords'}}}}"},
        /* what it is about is taken from the words where they leave no doubt */
        {.in = "{" MENTION ",'text':'<@BOT> 0013 send reminders','raw_text':'<@BOT> 0013 send reminders'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'text':'0013 send reminders','task':{'project':{'id':'0013','title':'Invoices'},"
                 "'category':'billing','repositories':['billing']}}}"},
        {.in = "{" MENTION ",'text':'<@BOT> fix billing','raw_text':'<@BOT> fix billing'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'task':{'project':{'id':'0013','title':'Invoices'},'repositories':['billing']}}}"},
        {.in = "{" MENTION ",'text':'<@BOT> fix the crash','raw_text':'<@BOT> fix the crash'}",
         .plan = "{'address':'thread:C1:1.1','kind':'session','event':'slack.start','key':'msg:T1:C1:1.1',"
                 "'data':{'task':null}}"},
        /* shortcuts, and what a form says without being sent */
        {.in = "{" SHORTCUT ",'callback_id':'start.task','text':''}",
         .plan = "{'address':'cut:7.8','kind':'start','event':'start.asked','key':'cut:7.8',"
                 "'data':{'user':'ANN','trigger_id':'7.8','text':'','allowed':true,'defaults':{'directory':'/r'}}}"},
        {.in = "{" SHORTCUT
               ",'callback_id':'start.from_message','channel':'C1','ts':'1.000002','thread_ts':'1.000001','text':'it broke','response_url':'https://r'}",
         .plan = "{'address':'cut:7.8','kind':'start','event':'start.asked','key':'cut:7.8','data':{'channel':'C1','text':'it broke',"
                 "'response_url':'https://r','link':'https://acme.slack.com/archives/C1/p1000002?thread_ts=1.000001'}}"},
        {.in = "{" SHORTCUT ",'callback_id':'start.from_message','channel':'C2','ts':'1.000002','text':'x'}",
         .plan = "{'address':'cut:7.8','kind':'start','event':'start.asked','key':'cut:7.8','data':{'allowed':false}}",
         .told = NOT_HERE,
         .rules = C1_ONLY},
        {.in = "{" SHORTCUT ",'callback_id':'of.another.app','text':''}", .plan = ""},
        {.in = "{'type':'closed','user':'ANN','view_id':'V1','ref':'00aa','callback_id':'start.form','values':{'a':1}}",
         .plan = "{'address':'flow:00aa','event':'slack.closed','key':'closed:V1','data':{'user':'ANN','values':{'a':1}}}"},
        {.in = "{'type':'home','user':'ANN','tab':'home','event_ts':'5.5'}",
         .plan = "{'address':'person:ANN','kind':'person','event':'home.opened','key':'home:ANN:5.5','data':{'user':'ANN','command':'/opencode'}}"},
        {.in = "{'type':'home','user':'ANN','tab':'messages','event_ts':'5.5'}", .plan = ""},
        {.in = "{'type':'home','user':'BOB','tab':'home','event_ts':'5.5'}", .plan = "", .rules = ANN_ONLY},
        {.in = "{'type':'suggest','user':'ANN','view_id':'V1','ref':'00aa','block_id':'project','query':'x'}",
         .plan = ""},
        /* forms */
        {.in = "{" VIEW "}",
         .plan = "{'address':'flow:00aa','event':'slack.view','key':'view:V1:h',"
                 "'data':{'user':'ANN','callback_id':'permission.deny_reason','values':{'a':1},'allowed':true}}",
         .told = ENDED},
        {.in = "{'type':'view','user':'BOB','view_id':'V1','hash':'h','ref':'00aa','callback_id':'permission.deny_reason'}",
         .plan = "{'address':'flow:00aa','event':'slack.view','key':'view:V1:h','data':{'allowed':false}}",
         .told = NO_APPROVER,
         .rules = ANN_APPROVES},
};

static void check_member(const Case *c, const json_t *plan, const char *name, const char *got)
{
        const char *want = json_str(plan, name);

        if (!str_equal(want ? want : "", got ? got : ""))
                fail_msg("%s: %s is %s instead of %s", c->in, name, got ? got : "absent",
                         want ? want : "absent");
}

/* What a case names has to be there, and what it says is null must not; an object may have more members. */
static void check_data(const Case *c, const json_t *want, const json_t *got)
{
        const char *key;
        json_t *value;

        json_object_foreach ((json_t *) want, key, value)
                if (json_is_object(value) && json_is_object(json_object_get(got, key)))
                        check_data(c, value, json_object_get(got, key));
                else if (json_is_null(value) ? json_object_get(got, key) != NULL
                                             : !json_equal(value, json_object_get(got, key))) {
                        _cleanup_free_ char *text = json_dump(got);

                        fail_msg("%s: %s is otherwise in %s", c->in, key, text);
                }
}

static void check_told(const Case *c, const IntakePlan *plan)
{
        const char *told = json_str_or(plan->data, "why", json_str(plan->data, "text"));

        if (json_is_true(json_at(plan->data, "allowed")))
                told = plan->if_unrouted;
        if (c->told && !str_starts_with(told ? told : "", c->told))
                fail_msg("%s: told %s", c->in, told ? told : "nothing");
        if (!c->told)
                assert_null(json_str(plan->data, "why"));
}

static json_t *offer(void *offer_of)
{
        (void) offer_of;
        return desk_json(
                "{'repositories':[{'name':'billing'},{'name':'web'}],'projects':["
                "{'id':'0012','title':'Login','status':'active','category':'identity','repositories':['web']},"
                "{'id':'0013','title':'Invoices','status':'active','category':'billing','repositories':['billing']}]}");
}

static void check(const Case *cases, size_t n)
{
        static const char *const ann[] = {"ANN", NULL}, *const c1[] = {"C1", "D1", NULL},
                                 *const none[] = {NULL};
        _cleanup_json_ json_t *defaults = desk_json("{'directory':'/r'}");

        for (size_t i = 0; i < n; i++) {
                const Case *c = &cases[i];
                _cleanup_json_ json_t *in = desk_json("%s", c->in),
                                      *want = *c->plan ? desk_json("%s", c->plan) : NULL;
                _cleanup_(intake_plan_deinit) IntakePlan plan = {0};
                IntakeContext ctx = {
                        .bot_user = "BOT",
                        .command = "/opencode",
                        .workspace_url = "https://acme.slack.com/",
                        .allow_users = c->rules == ANN_ONLY ? ann : none,
                        .allow_channels = c->rules == C1_ONLY ? c1 : NULL,
                        .approvers = c->rules == ANN_APPROVES ? ann : none,
                        .defaults = defaults,
                        .max_text_bytes = 40,
                        .offer = offer,
                };

                intake_decide(&ctx, in, &plan);
                check_member(c, want, "address", plan.address);
                if (!want)
                        continue;
                check_member(c, want, "kind", plan.kind);
                check_member(c, want, "event", plan.event);
                check_member(c, want, "key", plan.dedup_key);
                check_data(c, json_at(want, "data"), plan.data);
                check_told(c, &plan);
        }
}

static void test_messages(void **state)
{
        check(messages, ELEMENTSOF(messages));
}

static void test_late(void **state)
{
        check(late, ELEMENTSOF(late));
}

static void test_interactions(void **state)
{
        check(interactions, ELEMENTSOF(interactions));
}

/* One mention is told as `message` and as `app_mention`, an edit tells it again: one key, whatever the rest.
 */
static void test_keys(void **state)
{
        static const char *const twins[] = {
                "{" MENTION ",'text':'<@BOT> x','raw_text':'<@BOT> x'}",
                "{'type':'message','team':'T1','channel':'C1','user':'ANN','ts':'1.1','text':'<@BOT> x','raw_text':'<@BOT> x'}",
                "{" MENTION ",'text':'<@BOT> changed','raw_text':'<@BOT> changed'}",
        };
        IntakeContext ctx = {.bot_user = "BOT", .max_text_bytes = 40};

        for (size_t i = 0; i < ELEMENTSOF(twins); i++) {
                _cleanup_json_ json_t *in = desk_json("%s", twins[i]);
                _cleanup_(intake_plan_deinit) IntakePlan plan = {0};

                intake_decide(&ctx, in, &plan);
                assert_string_equal(plan.dedup_key, "msg:T1:C1:1.1");
                assert_string_equal(plan.address, "thread:C1:1.1");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_late),
                                           cmocka_unit_test(test_interactions), cmocka_unit_test(test_keys)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
