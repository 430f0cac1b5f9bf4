// From a thought to a thread: the form, what it refuses, and what happens to what was typed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ANN, BOB, BOT, GENERAL, startWorld, textOf } from '../harness/world.mjs';

let world;
before(async () => {
  world = await startWorld({ opencode: false, slackArgs: ['--shortcut', 'global:start.task:Start a task', '--shortcut', 'message:start.from_message:Start a task from this'] });
});
after(() => world?.close());

const isForm = (v) => v.view.callback_id === 'start.form';
/** The form on somebody's screen, other than one seen before. */
const form = (user, before) =>
  world.slack.waitFor((s) => s.views.find((v) => v.user === user && isForm(v) && v.view.id !== before)?.view, { what: `a form for ${user}` });
const elementOf = (view, field) => view.blocks.find((b) => b.block_id === field)?.element;
const typed = (values) => Object.fromEntries(Object.entries(values).map(([field, value]) => [field, { value }]));
const submit = (user, view, values) => world.slack.submit(user, view.id, typed(values));
const heard = new Set();
/** What only `user` was told, and no test has looked at yet. */
async function told(user, pattern) {
  const fresh = (e) => e.user === user && !heard.has(e.message.ts) && pattern.test(textOf(e.message));
  const note = await world.slack.waitFor((s) => s.ephemerals.find(fresh), { what: `${user} to be told ${pattern}` });
  heard.add(note.message.ts);
  return note;
}
const card = (channel, pattern) =>
  world.slack.waitForMessage((m, c) => c.id === channel && m.bot_id && pattern.test(textOf(m)) && m, { what: `a card like ${pattern}` });
/** Presses the button that opens the form again. */
async function again(user, note, before) {
  const button = note.message.blocks.at(-1).elements[0];
  assert.equal(button.action_id, 'start.open');
  await world.slack.click({ user, channel: note.channel, ts: note.message.ts, action_id: button.action_id, value: button.value });
  return form(user, before);
}

test('a command without words opens the form; what it says becomes the session', async () => {
  await world.slack.command(ANN, GENERAL, '/opencode', 'start');
  const view = await form(ANN);
  assert.equal(elementOf(view, 'channel').initial_conversation, GENERAL);
  const result = await submit(ANN, view, { title: 'Paint the shed', description: 'In red.\nTwice.', priority: 'high', agent: 'architect' });
  assert.ok(result.acked);
  assert.equal(result.response_action, undefined);
  const message = await card(GENERAL, /Paint the shed/);
  assert.match(textOf(message), /High priority/);
  await world.slack.waitFor((s) => !s.views.some(isForm), { what: 'the form to be gone' });
});

test('a command with words begins at once, and offers to edit', async () => {
  await world.slack.command(ANN, GENERAL, '/opencode', 'start mow the lawn');
  const message = await card(GENERAL, /mow the lawn/);
  const edit = message.blocks.flatMap((b) => b.elements ?? []).find((e) => e.action_id === 'session.edit');
  await world.slack.click({ user: ANN, channel: GENERAL, ts: message.ts, action_id: 'session.edit', value: edit.value });
  const view = await form(ANN);
  assert.equal(elementOf(view, 'title').initial_value, 'mow the lawn');
  assert.equal(elementOf(view, 'channel'), undefined);
  await submit(ANN, view, { title: 'mow the whole lawn', priority: 'urgent' });
  await card(GENERAL, /mow the whole lawn[^]*Urgent priority/);
  await told(ANN, /Changed/);
});

test('what is wrong stands on the field', async () => {
  await world.slack.command(BOB, GENERAL, '/opencode', 'start');
  const view = await form(BOB);
  const empty = await submit(BOB, view, { title: '\u200b \u2060' });
  assert.deepEqual(empty.response_action, 'errors');
  assert.match(empty.errors.title, /few words/);
  // Newlines and marks that turn the direction of text do not get into a title.
  const hostile = await submit(BOB, view, { title: '../../x\u202e;\nrm -rf' });
  assert.equal(hostile.response_action, undefined);
  await card(GENERAL, /\.\.\/\.\.\/x; rm -rf/);
});

test('a form that was closed can be opened again, with what stood in it', async () => {
  await world.slack.command(BOB, GENERAL, '/opencode', 'start');
  const view = await form(BOB);
  await world.slack.post('view_close', { user: BOB, view_id: view.id });
  const note = await told(BOB, /Nothing was started/);
  const second = await again(BOB, note, view.id);
  await submit(BOB, second, { title: 'Second try' });
  await card(GENERAL, /Second try/);
});

test('a channel without the app is refused on its field', async () => {
  const { id: secret } = await world.slack.post('channels', { name: 'secret', type: 'group', members: [ANN] });
  const { id: open } = await world.slack.post('channels', { name: 'open', type: 'channel', members: [ANN] });
  await world.slack.command(ANN, GENERAL, '/opencode', 'start');
  const view = await form(ANN);
  for (const channel of [secret, open]) {
    const refused = await submit(ANN, view, { title: 'Count the beans', channel });
    assert.equal(refused.response_action, 'errors');
    assert.match(refused.errors.channel, /not in that channel/);
  }
  await world.slack.post('invite', { channel: secret, user: BOT });
  assert.equal((await submit(ANN, view, { title: 'Count the beans', channel: secret })).response_action, undefined);
  await card(secret, /Count the beans/);
});

test('Slack does not answer in time whether the app is in a channel: not waited for', async () => {
  await world.slack.command(ANN, GENERAL, '/opencode', 'start');
  const view = await form(ANN);
  await world.slack.post('faults', [{ method: 'conversations.info', action: 'delay', delay_ms: 2500 }]);
  const result = await submit(ANN, view, { title: 'Weigh the beans' });
  assert.ok(result.acked);
  await card(GENERAL, /Weigh the beans/);
});

test('the thread cannot begin: nothing typed is lost', async () => {
  await world.slack.command(ANN, GENERAL, '/opencode', 'start');
  const view = await form(ANN);
  await world.slack.post('faults', [{ method: 'chat.postMessage', action: 'ok_false', error: 'not_in_channel' }]);
  await submit(ANN, view, { title: 'Sort the beans', description: 'All of them.', priority: 'low' });
  const note = await told(ANN, /Invite me to this channel/);
  const second = await again(ANN, note, view.id);
  assert.equal(elementOf(second, 'title').initial_value, 'Sort the beans');
  assert.equal(elementOf(second, 'description').initial_value, 'All of them.');
  assert.equal(elementOf(second, 'priority').initial_option.value, 'low');
  assert.match(JSON.stringify(second.blocks[0]), /Invite me/);
  await submit(ANN, second, {});
  await card(GENERAL, /Sort the beans/);
});

test('a message becomes a task', async () => {
  const ts = await world.slack.say(BOB, GENERAL, 'The fence is broken\nSince the storm.');
  await world.slack.post('shortcut', { user: ANN, callback_id: 'start.from_message', channel: GENERAL, ts });
  const view = await form(ANN);
  assert.equal(elementOf(view, 'title').initial_value, 'The fence is broken');
  assert.match(elementOf(view, 'description').initial_value, new RegExp(`Since the storm\\.[^]*archives/${GENERAL}/p${ts.replace('.', '')}`));
  assert.equal(elementOf(view, 'category').initial_option.value, 'bug');
  await submit(ANN, view, {});
  await card(GENERAL, /The fence is broken/);
});

test('a shortcut of the whole workspace is the empty form', async () => {
  await world.slack.post('shortcut', { user: ANN, callback_id: 'start.task' });
  const view = await form(ANN);
  assert.equal(elementOf(view, 'title').initial_value, undefined);
  await submit(ANN, view, { title: 'Feed the cat', channel: GENERAL });
  await card(GENERAL, /Feed the cat/);
});

test('what was typed survives a kill of the gateway', async () => {
  await world.slack.command(BOB, GENERAL, '/opencode', 'start');
  const view = await form(BOB);
  await world.slack.post('view_close', { user: BOB, view_id: view.id });
  const note = await told(BOB, /Nothing was started/);
  await world.gateway.kill9();
  await world.restartGateway({ bridges: 0 });
  const second = await again(BOB, note, view.id);
  await submit(BOB, second, { title: 'After the storm' });
  await card(GENERAL, /After the storm/);
});
