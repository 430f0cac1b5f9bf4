// The model as the real OpenCode sees it: every kind of step must have in OpenCode the effect its name
// promises.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startModel } from '../../tests/harness/model.mjs';
import { startOpenCode } from '../../tests/harness/opencode.mjs';

let model;
let opencode;
let events;
let directory;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-test-'));
  model = await startModel();
  opencode = await startOpenCode({ modelUrl: model.url, directory });
  await opencode.wake(directory);
  events = await opencode.events();
});

after(async () => {
  await events?.close();
  await opencode?.stop();
  await model?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

const ALLOW = { permission: [{ permission: '*', pattern: '*', action: 'allow' }] };
const of = (session) => (properties) => properties.sessionID === session.id;

/** A session with `text` sent as its prompt. */
async function started(text, options) {
  const session = await opencode.session(directory, options);
  await opencode.prompt(session.id, text);
  return session;
}

/** Waits for the end of the turn; returns the assistant's parts and the last message's info. */
async function finished(session) {
  await events.wait('session.status', (p) => of(session)(p) && p.status.type === 'idle');
  const messages = await opencode.idle(session.id, { directory });
  const answers = messages.filter((m) => m.info.role === 'assistant');
  return { parts: answers.flatMap((m) => m.parts), info: answers.at(-1)?.info, messages };
}

const played = async (text, options) => finished(await started(text, options));
const textOf = (parts) => parts.filter((p) => p.type === 'text').map((p) => p.text.trim());
const tools = (parts) => parts.filter((p) => p.type === 'tool').map((p) => [p.tool, p.state.status]);

test('text streams word by word', async () => {
  const session = await started('text:6:1');
  const { parts, info } = await finished(session);
  assert.deepEqual(textOf(parts), ['w0 w1 w2 w3 w4 w5']);
  assert.equal(info.finish, 'stop');
  assert.ok(info.tokens.input > 0 && info.tokens.output > 0, 'usage arrived');
  const deltas = events.list.filter((e) => e.type === 'message.part.delta' && of(session)(e.properties));
  assert.equal(deltas.length, 6);
});

test('files are written, read and edited, one LLM turn per step', async () => {
  const { parts, messages } = await played(
    'write:a.txt:hello;;read:a.txt;;edit:a.txt:hello=>bye;;say:done',
    ALLOW,
  );
  assert.deepEqual(tools(parts), [
    ['write', 'completed'],
    ['read', 'completed'],
    ['edit', 'completed'],
  ]);
  assert.equal(readFileSync(join(directory, 'a.txt'), 'utf8').trim(), 'bye');
  assert.deepEqual(textOf(parts), ['done']);
  assert.equal(messages.length, 5);
});

test('several calls in one turn, and a tool that does not exist', async () => {
  const { parts } = await played(
    'parallel:["say:Look:","bash:echo one","read:missing.txt"];;tool:nonsense:{};;say:done',
    ALLOW,
  );
  assert.deepEqual(tools(parts), [
    ['bash', 'completed'],
    ['read', 'error'],
    ['invalid', 'completed'],
  ]);
  assert.deepEqual(textOf(parts), ['Look:', 'done']);
});

test('a to-do list', async () => {
  const session = await started('todo:[x]a|[>]b|c;;say:done');
  await finished(session);
  const todos = await opencode.api('GET', `/session/${session.id}/todo`);
  assert.deepEqual(
    todos.map((t) => t.status),
    ['completed', 'in_progress', 'pending'],
  );
});

test('reasoning is told from text', async () => {
  const { parts } = await played('reason:3');
  assert.equal(parts.find((p) => p.type === 'reasoning').text.trim(), 'r0 r1 r2');
  assert.equal(textOf(parts).length, 1);
});

for (const [form, answers] of [
  ['1', [['Yes']]],
  ['4', [['Yes'], ['No'], ['my own words'], []]],
  ['multi', [['Red', 'Blue']]],
  ['text', [['anything']]],
]) {
  test(`question:${form} is asked, and the answer comes back`, async () => {
    const session = await started(`question:${form};;say:thank you`);
    const { properties } = await events.wait('question.asked', of(session));
    assert.equal(properties.questions.length, answers.length);
    await opencode.api('POST', `/question/${properties.id}/reply`, { answers }, { directory });
    const { parts } = await finished(session);
    assert.deepEqual(parts.find((p) => p.tool === 'question').state.metadata.answers, answers);
    assert.deepEqual(textOf(parts), ['thank you']);
  });
}

test('bash asks for permission: once, denied with a reason, denied', async () => {
  const decide = async (reply) => {
    const session = await started('bash:echo permitted;;say:after');
    const { properties } = await events.wait('permission.asked', of(session));
    assert.deepEqual(properties.patterns, ['echo permitted']);
    await opencode.api('POST', `/permission/${properties.id}/reply`, reply, { directory });
    return finished(session);
  };
  const once = await decide({ reply: 'once' });
  assert.equal(once.parts.find((p) => p.tool === 'bash').state.output.trim(), 'permitted');
  assert.deepEqual(textOf(once.parts), ['after']);

  const reasoned = await decide({ reply: 'reject', message: 'too loud' });
  assert.match(reasoned.parts.find((p) => p.tool === 'bash').state.error, /too loud/);
  assert.deepEqual(textOf(reasoned.parts), ['after']);

  const denied = await decide({ reply: 'reject' });
  assert.deepEqual(textOf(denied.parts), []);
});

test('a subagent plays the script it is given', async () => {
  const { parts } = await played('task:general:say:from below;;say:done', ALLOW);
  const task = parts.find((p) => p.tool === 'task');
  assert.match(task.state.output, /from below/);
  assert.notEqual(task.state.metadata.sessionId, undefined);
});

test('an HTTP error ends the turn, a passing one is retried', async () => {
  const { info } = await played('err:400');
  assert.equal(info.error.data.statusCode, 400);
  assert.equal(info.error.data.message, 'scripted error 400');

  const session = await started('err:500:1;;say:recovered');
  await events.wait('session.status', (p) => of(session)(p) && p.status.type === 'retry');
  assert.deepEqual(textOf((await finished(session)).parts), ['recovered']);
});

test('a dropped connection is retried and the script goes on', async () => {
  const { parts } = await played('drop;;say:recovered');
  assert.equal(textOf(parts).at(-1), 'recovered');
});

test('a broken stream is an error', async () => {
  const { info } = await played('garbage');
  assert.match(info.error.data.message, /JSON/);
});

test('a mistake in the script is shown to the person who made it', async () => {
  const { info } = await played('question:{oops');
  assert.match(info.error.data.message, /^script step 1: the question is not JSON/);
});

test('slow and gate keep the session busy, abort frees it', async () => {
  assert.deepEqual(textOf((await played('slow:2:200')).parts), ['w0 w1']);

  const session = await started('gate:here;;say:through');
  await model.waitGate('here');
  assert.equal(
    (await opencode.api('GET', '/session/status', undefined, { directory }))[session.id].type,
    'busy',
  );
  await model.release('here');
  assert.deepEqual(textOf((await finished(session)).parts), ['through']);

  const hanging = await started('hang');
  await model.waitGate('hang');
  await opencode.api('POST', `/session/${hanging.id}/abort`);
  assert.equal((await finished(hanging)).info.error.name, 'MessageAbortedError');
  await model.waitRequest((r) => r.session === hanging.id && r.state === 'aborted');
  assert.deepEqual(await model.waiting(), []);
});

test('a prompt in the middle of the work: a plain one lets it go on, a script takes over', async () => {
  for (const [second, answer] of [
    ['please hurry', 'first'],
    ['say:other', 'other'],
  ]) {
    const session = await started('parallel:["gate:a","bash:echo 1"];;say:first', ALLOW);
    await model.waitGate('a');
    await opencode.prompt(session.id, second);
    await model.release('a');
    const { parts } = await finished(session);
    assert.deepEqual(textOf(parts), [answer]);
  }
});

test('later prompts carry scripts of their own, attribution in front does not matter', async () => {
  const session = await started('say:one');
  await finished(session);
  const seen = events.list.length;
  await opencode.prompt(session.id, '', {
    parts: [
      { type: 'text', text: 'Message from Ann in Slack:', synthetic: true },
      { type: 'text', text: 'write:b.txt:x;;say:two', metadata: { slack: { ts: '1.2' } } },
    ],
  });
  await events.wait(
    'session.status',
    (p, e) => events.list.indexOf(e) >= seen && of(session)(p) && p.status.type === 'idle',
  );
  const messages = await opencode.idle(session.id, { directory });
  assert.deepEqual(textOf(messages.at(-1).parts), ['two']);
  assert.ok(existsSync(join(directory, 'b.txt')));
});

test('titles are made by the small model, sessions are named in the record', async () => {
  const session = await started('Paint the shed', { title: undefined });
  await finished(session);
  const { properties } = await events.wait(
    'session.updated',
    (p) => of(session)(p) && p.info.title === 'Paint the shed',
  );
  assert.equal(properties.info.id, session.id);
  const records = (await model.requests()).filter((r) => r.session === session.id);
  assert.deepEqual(records.map((r) => [r.kind, r.model]).sort(), [
    ['chat', 'demo'],
    ['title', 'demo-mini'],
  ]);
});
