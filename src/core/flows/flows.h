/* The workflows. Each kind is one file that reads from top to bottom; the names of kinds, steps and events
 * are stored, hence append-only.
 *
 * | kind       | one per                        | addresses                                              |
 * |------------|--------------------------------|--------------------------------------------------------|
 * | session    | thread                         | thread:<channel>:<ts>, oc:<OpenCode session id>        |
 * | permission | permission request             | perm:<OpenCode request id>, http:<request_id>          |
 * | question   | question request               | que:<OpenCode request id>                              |
 * | command    | slash command that is a query  | cmd:<trigger id>                                       |
 * | notice     | refusal or explanation         | notice:<dedup key>                                     |
 *
 * Events from outside (made by intake.c and the gateway's bridge routes):
 *   slack.start     {user, channel, text, thread_ts?, ts?, response_url?, defaults}
 *   slack.message   {user, channel, ts, text, files[]}        a reply in the thread
 *   slack.refused   {user, why}                               … by somebody who may not
 *   slack.edited    {user, ts, text | why}                    … that its author changed; why the new text
 * cannot be used slack.action    {user, channel, ts, action_id, value, trigger_id, response_url, values,
 * allowed, why} slack.view      {user, callback_id, values, allowed, why} slack.command   {user, channel,
 * command, text, response_url} notice.say      {text, emoji, response_url | user, channel, thread_ts}
 *   oc.<type>       the bridge's frame of that type, as it came
 *   oc.reconcile    {status, permissions[], questions[], bridge_id, at_ms}   this session's part
 *   oc.offline      {}
 *   progress        {tool, tool_title, thought, todos, n_done, n_failed}   a hint, never stored
 *   http.permission {request_id, permission, expires_ms}
 * Events among flows:
 *   session.stop    {user}            command → session
 *   request.asked   {…}               session → permission, question
 *   request.replied {reply | answers | rejected}   session → …: answered in OpenCode
 *   request.over    {}                session → …: nobody waits for it any more
 *   request.check   {pending: [id], at_ms}   session → …: what OpenCode still waits for
 *   request.opened  {ref, what}       permission, question → session
 *   request.closed  {ref}             likewise */
#pragma once

#include "flow/flow.h"

extern const FlowKind flow_kind_session;
extern const FlowKind flow_kind_permission;
extern const FlowKind flow_kind_question;
extern const FlowKind flow_kind_command;
extern const FlowKind flow_kind_notice;

extern const FlowKind *const core_flow_kinds[]; /* NULL-terminated, for the engine */

/* Verbs of the composition root, which the flows of the core ask for. */
#define GATEWAY_SESSIONS                                                                                     \
        "gateway.sessions" /* {} → {sessions: [{ref, step, updated_ms, data}]}, last changed first */
/* {request_id, status, message?, answered_by?} → {}: completes a waiting POST /api/opencode/permission, if
 * there is one; harmless twice, because the caller that comes again is answered again from the flow. */
#define GATEWAY_HTTP_ANSWER "gateway.http_answer"
