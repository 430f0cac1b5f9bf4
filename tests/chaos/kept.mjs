// What opencode-child.mjs has written down: OpenCode's truth, whoever was killed meanwhile.

import { existsSync, readFileSync, truncateSync } from 'node:fs';

/**
 * {sessions: Map(id → its newest state), prompts, replies, violations}. A last line without its end was being written
 * when the process died: nobody has been told of it. `mend` takes it away, before more is written behind it.
 */
export function readKept(file, { mend = false } = {}) {
  const kept = { sessions: new Map(), prompts: [], replies: [], violations: [] };
  if (!existsSync(file)) return kept;
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf('\n') + 1;
  if (mend && end < bytes.length) truncateSync(file, end);
  for (const line of bytes.subarray(0, end).toString().split('\n').slice(0, -1)) {
    const { session, prompt, reply, violation } = JSON.parse(line);
    if (session) kept.sessions.set(session.id, session);
    if (prompt) kept.prompts.push(prompt);
    if (reply) kept.replies.push(reply);
    if (violation) kept.violations.push(violation);
  }
  return kept;
}
