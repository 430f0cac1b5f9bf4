/* What Slack looks at before a method runs, in Slack's order: the method's name, the encoding, the token, the
 * scopes, the rate, the required arguments (reference §3.1, §4.1, the common errors of Appendix A). */
#include "api.h"

#include <strings.h>

#include "args.h"
#include "base/clock.h"
#include "base/digest.h"

#define HISTORY_LIMIT_MAX                                                                                    \
        15 /* objects a call gives to an app that is distributed outside the Marketplace                     \
            */

typedef struct Frame {
        const Method *m;
        const char *token; /* borrowed from the request or its arguments */
        char *needed;      /* scopes, any of which is enough; owned */
} Frame;

static void frame_deinit(Frame *f)
{
        free(f->needed);
}

void api_reply_deinit(ApiReply *r)
{
        json_decref(r->args);
        json_decref(r->answer);
        free(r->accepted_scopes);
        free(r->granted_scopes);
}

json_t *api_missing_scope(const ApiCall *c, const char *needed)
{
        return json_pack("{s:b,s:s,s:s,s:s}", "ok", 0, "error", "missing_scope", "needed", needed, "provided",
                         c->granted ? c->granted : "");
}

static const char *bearer_token(const char *header)
{
        return header && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

/* A user token says whose it is at its end, "xoxp-local-U0BOB"; one that does not is the first person's. */
static const char *token_user(const State *s, const char *token)
{
        const User *u = state_find_user(s, strrchr(token, '-') + 1);

        for (size_t i = 0; !u && i < s->n_users; i++)
                if (!s->users[i]->is_bot)
                        u = s->users[i];
        return u ? u->id : "";
}

/* NULL, or why the token does not do. */
static const char *check_token(const Local *l, const Method *m, const char *token)
{
        unsigned kind = token_kind(token);
        const char *only = kind == TOKEN_BOT   ? l->options->bot_token
                           : kind == TOKEN_APP ? l->options->app_token
                                               : NULL;

        if (m->tokens == TOKEN_NONE)
                return NULL;
        if (str_empty(token))
                return "not_authed";
        if (kind == TOKEN_NONE)
                return str_starts_with(token, "xox") ? "not_allowed_token_type" : "invalid_auth";
        if (only && !str_equal(only, token))
                return "invalid_auth";
        if (!(m->tokens & kind))
                return "not_allowed_token_type";
        if (l->switches.token_state != TOKENS_VALID)
                return (const char *const[]){[TOKENS_INACTIVE] = "account_inactive",
                                             [TOKENS_REVOKED] = "token_revoked",
                                             [TOKENS_EXPIRED] = "token_expired"}[l->switches.token_state];
        return state_token_revoked(l->state, token) ? "token_revoked" : NULL;
}

/* The scope depends on the kind of the channel, where the call names one that exists. */
static ChannelKind named_kind(const ApiCall *c)
{
        const Channel *ch = state_find_channel(c->l->state, arg_str(c->args, "channel"));

        return ch ? ch->kind : CHANNEL_KINDS;
}

static json_t *check_scopes(ApiCall *c, Frame *f)
{
        f->needed = method_scopes(f->m, c->token, named_kind(c));
        if (!(c->token & (TOKEN_BOT | TOKEN_USER)) || scopes_suffice(f->needed, c->granted))
                return NULL;
        return api_missing_scope(c, f->needed);
}

static json_t *check_rate(const ApiCall *c, const Frame *f, int64_t *ret_retry_after_s)
{
        const Switches *s = &c->l->switches;
        const Channel *ch = state_find_channel(c->l->state, arg_str(c->args, "channel"));
        const char *channel = ch ? ch->id : arg_str(c->args, "channel");
        bool history = s->history_limited && (str_equal(f->m->name, "conversations.history") ||
                                              str_equal(f->m->name, "conversations.replies"));
        _cleanup_free_ char *who = NULL;
        int64_t wait;

        if (!s->rate_limits && !history)
                return NULL;
        who = s->stream_bucket == STREAM_BUCKET_MESSAGE && str_equal(f->m->name, "chat.appendStream")
                      ? mem_printf("%s %.20s", c->user_id,
                                   arg_str(c->args, "ts") ? arg_str(c->args, "ts") : "")
                      : mem_strdup(c->user_id);
        wait = rate_take(c->l->rate, f->m, who, channel ? channel : arg_str(c->args, "channel_id"),
                         history ? RATE_HISTORY_PER_MIN : 0, s->rate_scale, clock_monotonic_ms());
        if (wait == 0)
                return NULL;
        *ret_retry_after_s = wait;
        return api_error("ratelimited");
}

static bool is_missing(const json_t *v)
{
        return !v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0);
}

static json_t *check_required(const Method *m, const json_t *args)
{
        json_t *errors = json_array();

        for (const char *p = m->required; p && *p;) {
                size_t n = strcspn(p, ",:");
                _cleanup_free_ char *name = mem_strndup(p, n);
                const json_t *v = json_object_get(args, name);
                bool any = p[n] == ':';

                if (is_missing(v))
                        json_array_append_new(errors, json_sprintf("missing required field: %s", name));
                else if (!any && !json_is_string(v))
                        json_array_append_new(errors,
                                              json_sprintf("must provide a string [json-pointer:/%s]", name));
                p += strcspn(p, ",");
                p += *p == ',';
        }
        if (json_array_size(errors) > 0)
                return api_invalid_list("invalid_arguments", errors);
        json_decref(errors);
        return NULL;
}

/* Apps outside the Marketplace get 15 messages at most, whatever they ask for. */
static void limit_history(const ApiCall *c, json_t *args)
{
        if (c->l->switches.history_limited && strstr(c->method, "conversations.") == c->method &&
            (arg_int(args, "limit", 100) > HISTORY_LIMIT_MAX || arg_int(args, "limit", 100) == 0))
                json_object_set_new(args, "limit", json_integer(HISTORY_LIMIT_MAX));
}

static json_t *run_checked(ApiCall *c, Frame *f, const ApiRequest *req, ApiReply *ret)
{
        const char *error = check_token(c->l, f->m, f->token);
        json_t *answer;

        if ((f->m->calls & CALL_POST) && req->is_get)
                return api_error("insecure_request");
        if (error)
                return api_error(error);
        c->token = f->m->tokens == TOKEN_NONE ? TOKEN_NONE : token_kind(f->token);
        c->token_text = f->token;
        c->user_id = c->token == TOKEN_USER ? token_user(c->l->state, f->token) : BOT_USER;
        answer = check_scopes(c, f);
        if (!answer)
                answer = check_rate(c, f, &ret->retry_after_s);
        if (!answer)
                answer = check_required(f->m, c->args);
        if (answer)
                return answer;
        limit_history(c, ret->args);
        return api_find_method(c->method)->fn(c);
}

/* Decodes the arguments and finds the token, which is taken out of them, so that none gets into the record.
 * NULL, or the answer. */
static json_t *decode(const ApiRequest *req, const Method *m, json_t **ret_args, char **ret_token,
                      const char **ret_warning)
{
        const char *header = bearer_token(req->authorization), *error, *token;

        error = args_parse_call(req->content_type, req->body, req->n_body, req->query,
                                !m || (m->calls & CALL_JSON), ret_args, ret_warning);
        if (error)
                *ret_args = json_object();
        token = header;
        /* An app-level token must be in the header (reference §1.1). */
        if (!token && m && m->tokens != TOKEN_APP)
                token = arg_str(*ret_args, "token");
        *ret_token = mem_strdup(token);
        json_object_del(*ret_args, "token");
        return error ? api_error(error) : NULL;
}

static void run(Local *l, const ApiRequest *req, json_t *instead, ApiReply *ret)
{
        _cleanup_(frame_deinit)
                Frame f = {.m = api_find_method(req->method) ? method_find(req->method) : NULL};
        _cleanup_free_ char *token = NULL;
        const char *warning = NULL;
        ApiCall call = {.l = l,
                        .method = req->method,
                        .base_url = req->base_url,
                        .user_id = BOT_USER,
                        .granted = l->switches.scopes};
        json_t *answer;

        *ret = (ApiReply){.retry_after_s = -1};
        answer = decode(req, f.m, &ret->args, &token, &warning);
        f.token = token;
        call.args = ret->args;
        if (instead) {
                json_decref(answer);
                answer = instead;
        } else if (!f.m) {
                json_decref(answer);
                answer = api_error("unknown_method");
                /* NULL when it is not UTF-8, and left out then. */
                json_object_set_new(answer, "req_method", json_string(req->method));
        } else if (!answer)
                answer = run_checked(&call, &f, req, ret);
        if (warning && f.m && !instead)
                api_add_warning(answer, warning);
        ret->answer = answer;
        ret->accepted_scopes = f.needed ? take(f.needed)
                               : f.m    ? method_scopes(f.m, TOKEN_BOT, CHANNEL_KINDS)
                                        : mem_strdup("");
        /* The switch is about the app's scopes; an app-level token has its own. */
        ret->granted_scopes = call.granted && call.token != TOKEN_APP
                                      ? mem_strdup(call.granted)
                                      : methods_list_scopes(call.token ? call.token : TOKEN_BOT);
}

void api_run(Local *l, const ApiRequest *req, ApiReply *ret)
{
        run(l, req, NULL, ret);
}

void api_run_instead(Local *l, const ApiRequest *req, json_t *answer, ApiReply *ret)
{
        run(l, req, answer, ret);
}
