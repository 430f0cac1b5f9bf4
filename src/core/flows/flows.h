/* The workflows. Each kind is one file that reads from top to bottom; the names of kinds, steps and events
 * are stored, hence append-only.
 *
 * | kind       | one per                        | addresses                                              |
 * |------------|--------------------------------|--------------------------------------------------------|
 * | session    | thread                         | thread:<channel>:<ts>, oc:<OpenCode session id>        |
 * | permission | permission request             | perm:<OpenCode request id>, http:<request_id>          |
 * | question   | question request               | que:<OpenCode request id>                              |
 * | start      | task on its way to a session   | cmd:<trigger id>, cut:<trigger id>, edit:<session>:<user> |
 * | person     | person                         | person:<user id>                                       |
 * | fallback   | turn whose model fails         | fallback:<session>:<turn>                              |
 * | command    | slash command that is a query  | cmd:<trigger id>                                       |
 * | notice     | refusal or explanation         | notice:<dedup key>                                     |
 * | catchup    | workspace                      | catchup:slack                                          |
 * | cleanup    | workspace to be removed        | cleanup:<name of the workspace>                        |
 *
 * Events from outside (made by intake.c and the gateway's bridge routes):
 *   slack.start     {user, channel, text, thread_ts?, ts?, response_url?, defaults, task?, routing?}
 *   slack.message   {user, channel, ts, text, files[]}        a reply in the thread
 *   slack.refused   {user, why}                               … by somebody who may not
 *   slack.edited    {user, ts, text | why}                    … that its author changed; why the new text
 *                   cannot be used
 *   slack.deleted   {ts}                                      … that was deleted
 *   slack.withheld  {user, channel, ts, text, word}           … found in the history: not obeyed unasked
 *   slack.stale     {user, channel, ts, text}                 … found there, and too old
 *   slack.action    {user, channel, ts, action_id, value, trigger_id, response_url, values, allowed, why}
 *   slack.view      {user, callback_id, values, allowed, why}
 *   slack.closed    {user, callback_id, values}               … a form that was closed unsent
 *   start.asked     {user, channel?, text, trigger_id?, response_url?, link?, at_once?, defaults}
 *                   a task; at_once: it begins without a form when nothing has to be asked
 *   slack.command   {user, channel, command, text, response_url | thread_ts}
 *   home.opened     {user, command}                           the app's own page is looked at
 *   notice.say      {text, emoji, response_url | user, channel, thread_ts}
 *   notice.offer    {channel, thread_ts, user, said_ts, said?, why, label,
 *                    send: {address, event, data, kind?}}
 *   transport.mark      {at_ms}                               Slack was heard until then
 *   transport.catch_up  {at_ms, from_ms?, overlap_ms, max_age_ms, why}   it is again, or in doubt
 *   transport.echoes    {channels}                            where our own messages come back as events
 *   oc.<type>       the bridge's frame of that type, as it came
 *   oc.reconcile    {status, permissions[], questions[], bridge_id, at_ms}   this session's part
 *   oc.look         {bridge_id}       OpenCode was started anew: has something happened that nobody told of?
 *   oc.offline      {}
 *   progress        {tool, tool_title, thought, todos, n_done, n_failed}   a hint, never stored
 *   http.permission {request_id, permission, expires_ms}
 *   session.restored {name, document, defaults}   of the state repository
 *                   (core/session-document.h)
 *   workspace.progress {phase, repository, index, total, percent?, bytes?}   a hint, never stored
 * Events among flows:
 *   session.stop    {user}            command → session
 *   home.changed    {}                session → person: something of theirs changed
 *   focus.asked     {user, focus, response_url}       command → person
 *   start.edit      {session, user, channel, thread_ts, values, trigger_id, response_url}   session → start
 *   start.opened    {}, start.failed {why}            session → start: its thread is there, or will not be
 *   session.edited  {user, task, routing}             start → session
 *   session.cleanup {user}            command → session: its workspace is to be removed
 *   cleanup.begin   {user, channel, thread_ts, session, workspace}   session → cleanup
 *   session.cleaned {path}            cleanup → session: it is removed
 *   session.choose  {what: "model" | "agent", name, user}    command → session
 *   session.retry   {user}            command → session: the last prompt again
 *   fallback.begin  {session, channel, thread_ts, turn, directory, model, why, trying, auto, profiles,
 *                   timing}   session → fallback: its model fails; trying: OpenCode has not given up
 *   fallback.turn_over {why}          session → fallback: it has now
 *   fallback.over   {what, user?}     session → fallback: recovered, answered, stopped, moved_on, again,
 *                   ended
 *   fallback.act    {from, turn, model?, by: "click" | "recovery", user}   fallback → session
 *   fallback.acted  {ok, why?}        session → fallback
 *   request.asked   {…}               session → permission, question
 *   request.replied {reply | answers | rejected}   session → …: answered in OpenCode
 *   request.over    {}                session → …: nobody waits for it any more
 *   request.check   {pending: [id], at_ms}   session → …: what OpenCode still waits for
 *   request.opened  {ref, what}       permission, question → session
 *   request.closed  {ref, questions?, answers?, by?}   likewise; what was answered, of a question
 *   slack.caught_up {}                catchup → session: its thread has been read
 * slack.start and slack.message carry "late": true when they were found in the history, "doubt": true when
 * they were heard while something before them may not have been. */
#pragma once

#include "flow/flow.h"

extern const FlowKind flow_kind_session;
extern const FlowKind flow_kind_permission;
extern const FlowKind flow_kind_question;
extern const FlowKind flow_kind_start;
extern const FlowKind flow_kind_person;
extern const FlowKind flow_kind_fallback;
extern const FlowKind flow_kind_command;
extern const FlowKind flow_kind_notice;
extern const FlowKind flow_kind_catchup;
extern const FlowKind flow_kind_cleanup;

extern const FlowKind *const core_flow_kinds[]; /* NULL-terminated, for the engine */

/* Verbs of the composition root, which the flows of the core ask for. */
#define GATEWAY_SESSIONS                                                                                       \
        "gateway.sessions" /* {user?: only theirs} → {sessions: [{ref, step, updated_ms, permalink, data}]}, \
                              last changed first */
/* {request_id, status, message?, answered_by?} → {}: completes a waiting POST /api/opencode/permission, if
 * there is one; harmless twice, because the caller that comes again is answered again from the flow. */
#define GATEWAY_HTTP_ANSWER "gateway.http_answer"
/* {title?, description?} → what a task can be about (core/start-form.h): {repositories: [{name}], projects:
 * [{id, title, status, category, repositories, active}], project_list, complete, models: [{name, model}],
 * routing?: the decision about those words (core/routing.h)}. From memory. */
#define GATEWAY_OFFER "gateway.offer"
/* {check?, directory?, failed?: {model, why}, worked?: model} → {profiles: [{name, model, kind, state,
 * why?}]}, in order of preference; state "healthy", "failing" or "unknown". `check`: looks at those that have
 * not been looked at for a while, and answers when that is done (seconds); `directory`: in which OpenCode is
 * asked for its providers; `failed`, `worked`: what a session has found out. Looking twice is as good as
 * once. */
#define GATEWAY_MODELS "gateway.models"
/* One page of a channel's history (without `ts`) or of a thread, given to the intake message by message.
 *   {channel, is_direct?, ts?, oldest, from, fresh, cursor?, queued?: [ts], after?} →
 *   {n_read, n_new, concerned: [thread ts], threads: [ts], missing: [ts], last, next_cursor}
 * `oldest` is where reading begins, `from` where messages begin to count, `fresh` where they begin to be
 * obeyed; `concerned`: threads in which something was found; `threads`: parents with replies since `from`;
 * `missing`: of `queued` those that are gone; `after`: the last one of the page before; `last`: the last one
 * in Slack's order. */
#define GATEWAY_CATCH_UP "gateway.catch_up"
/* {address} → {missed: bool}: whether something was said to that address before a flow had it. */
#define GATEWAY_MISSED "gateway.missed"
/* {} → {}: all that was wished for has been read. */
#define GATEWAY_CAUGHT_UP "gateway.caught_up"
