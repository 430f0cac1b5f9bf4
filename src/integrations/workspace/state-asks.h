/* What the core may ask of the state repository: `{state.directory}/{session}/.session-state.yaml`, one file
 * for each session (docs/session-state.md). The gateway is its only writer.
 *
 *   state.write   session, document
 *       → {path, changed}
 *   state.commit  session, milestone, document?
 *       → {commit|null (nothing new), pushed, push_error?, conflict?}
 *
 * session    the session's stable reference: A-Z a-z 0-9 . _ -, at most 64 characters, not beginning with "."
 *            or "-"
 * document   an object with the fields of docs/session-state.md; `schema` and `session` are added. Written as
 *            a whole (temporary file, fsync, rename). Use the lane "state:{session}" and coalesce, so that a
 *            newer document replaces an older one that is still waiting.
 * milestone  "session_created", "question_answered", "pull_request_created", "deployment_created",
 *            "session_ended"; it makes the commit's subject. With a document that one is written first.
 *            Milestones that wait for each other become one commit.
 * pushed     true when the remote has it. False without a remote, and when the push failed: push_error is
 *            {error, message}, and it is tried again in the background, with backoff, until it succeeds. The
 *            ask waits for the first attempt only.
 * conflict   somebody else pushed to the state repository: {authors: [{name, at, subject}], files: [{session,
 *            kept_as}], message}. Our commits were put on top of theirs. Where both changed one session's
 *            file, ours is in force, and theirs is kept beside it as `.session-state.conflict-{time}.yaml`
 *            (files; empty where nothing met).
 *
 * Failures are {error, message}: permanent invalid, permission, not_a_repository, git_missing, git_error;
 * temporary disk_full, locked, timeout, busy. */
#pragma once

#include "flow/ask.h"

#define STATE_WRITE  "state.write"
#define STATE_COMMIT "state.commit"

#define STATE_DOCUMENT_BYTES_MAX (256u * 1024)

extern const AskVerb *const state_verbs[]; /* NULL-terminated; register with a StateRepository as owner */
