/* What the core may ask of OpenCode, over the bridge. One verb per bridge command (contract/asyncapi.yaml);
 * the ask's key is the command's request_id and idempotency key, so that a second performance finds the
 * first.
 *
 * | verb (opencode.…) | args                                                | result                |
 * |-------------------|-----------------------------------------------------|-----------------------|
 * | session_create    | directory, title, key?, agent?, model?              | {session}             |
 * | session_message   | directory, session_id, text, message_id?, author?,  | {message_id, already} |
 * |                   | agent?, model?, files?, instruction?, command?      |                       |
 * | session_abort     | directory, session_id                               | {}                    |
 * | session_messages  | directory, session_id, after?, limit?               | {messages, status}    |
 * | permission_reply  | directory, permission_id, reply, message?           | {}                    |
 * | question_reply    | directory, question_id, answers                     | {}                    |
 * | question_reject   | directory, question_id                              | {}                    |
 * | reconcile         |                                                     | {}                    |
 * | agents_list       | directory                                           | {agents, commands,    |
 * |                   |                                                     | skills, default_agent,|
 * |                   |                                                     | default_model}        |
 * | providers_list    | directory                                           | {providers}           |
 *
 * What a directory offers (agents_list) is remembered per connection, until the directory is opened anew or
 * OpenCode refuses a prompt as invalid, which an agent that is gone would make it; at most 32 directories.
 * `instruction` is for the agent only; `command` runs the text as the arguments of a command, without files.
 *
 * model is {provider_id, model_id}, author {name}, files [{url, mime, filename}]. key finds a session that
 * was made under it before; when not given, it is the ask's own, as everywhere else. message_id is, when not
 * given, opencode_message_id(key, created_ms) of the ask. Arguments that are null count as absent. An ask
 * without what its row requires fails at once with "invalid" and the field's name; only the directory of a
 * session's own verbs may be missing.
 *
 * Of several OpenCode processes that one is asked which asked for the permission or question, else one that
 * has the directory open (the one that last spoke of the session first), else the one that last spoke of the
 * session, else the one that connected last. opencode.reconcile goes to all of them.
 *
 * While no bridge is connected an ask waits (it is not tried, and no attempt is counted) until its verb's
 * deadline. Failures: {"error": "not_found|invalid|unavailable|timeout|opencode_error", "message": …,
 * "field": …?}; not_found and invalid are permanent. A permission or question that is gone when an ask is
 * repeated, whose first answer may have arrived, counts as answered: {already: true}. */
#pragma once

#include "flow/ask.h"

#define OPENCODE_SESSION_CREATE   "opencode.session_create"
#define OPENCODE_SESSION_MESSAGE  "opencode.session_message"
#define OPENCODE_SESSION_ABORT    "opencode.session_abort"
#define OPENCODE_SESSION_MESSAGES "opencode.session_messages"
#define OPENCODE_PERMISSION_REPLY "opencode.permission_reply"
#define OPENCODE_QUESTION_REPLY   "opencode.question_reply"
#define OPENCODE_QUESTION_REJECT  "opencode.question_reject"
#define OPENCODE_RECONCILE        "opencode.reconcile"
#define OPENCODE_AGENTS_LIST      "opencode.agents_list"
#define OPENCODE_PROVIDERS_LIST   "opencode.providers_list"

extern const AskVerb *const opencode_verbs[]; /* NULL-terminated; register with the Bridge as owner */

/* "msg_" + 26 characters in OpenCode's own shape, derived from an ask-like key: the same key, the same id. */
char *opencode_message_id(const char *key, int64_t created_ms);
