// A Bolt app over Socket Mode: what it sees of commands, mentions, messages, clicks and modals, and what its
// answers do.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import bolt from '@slack/bolt';
import { startLocalSlack } from '../harness/localslack.mjs';

const { App, LogLevel } = bolt;

let slack;
let app;
const seen = { messages: [], mentions: [], changed: [], deleted: [], actions: [], reactions: [] };

const button = (action_id, text, more = {}) => ({
  type: 'button', action_id, text: { type: 'plain_text', text }, value: `${action_id}-value`, ...more,
});

const modal = {
  type: 'modal', callback_id: 'start', title: { type: 'plain_text', text: 'Start' },
  submit: { type: 'plain_text', text: 'Go' }, private_metadata: 'secret',
  blocks: [
    { type: 'input', block_id: 'title', label: { type: 'plain_text', text: 'Title' },
      element: { type: 'plain_text_input', action_id: 'v' } },
    { type: 'input', block_id: 'agent', optional: true, label: { type: 'plain_text', text: 'Agent' },
      element: { type: 'static_select', action_id: 'v', options: [
        { text: { type: 'plain_text', text: 'Build' }, value: 'build' },
        { text: { type: 'plain_text', text: 'Plan' }, value: 'plan' }] } },
  ],
};

function listen() {
  app.command('/opencode', async ({ command, ack, respond, client }) => {
    if (command.text === 'silent') return;
    if (command.text === 'modal') {
      await ack();
      await client.views.open({ trigger_id: command.trigger_id, view: modal });
      return;
    }
    await ack({ response_type: 'ephemeral', text: `working on ${command.text}` });
    await respond({ response_type: 'in_channel', text: `done: ${command.text}` });
  });
  app.event('app_mention', async ({ event, say }) => {
    seen.mentions.push(event);
    await say({
      text: 'Approve?', thread_ts: event.ts,
      metadata: { event_type: 'question', event_payload: { id: 'q1' } },
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: 'Run *it*?' } },
        { type: 'actions', block_id: 'choice', elements: [button('approve', 'Yes', { style: 'primary' }), button('deny', 'No')] },
      ],
    });
  });
  app.message(async ({ message }) => void seen.messages.push(message));
  app.event('message', async ({ event }) => {
    if (event.subtype === 'message_changed') seen.changed.push(event);
    if (event.subtype === 'message_deleted') seen.deleted.push(event);
  });
  app.event('app_home_opened', async ({ event, client }) => {
    await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [
      { type: 'section', block_id: 'runs', text: { type: 'mrkdwn', text: '*2 sessions*' }, accessory: button('refresh', 'Refresh') }] } });
  });
  app.action(/^(refresh|pick|tick|words)$/, async ({ ack, body, action }) => {
    await ack();
    seen.actions.push({ body, action });
  });
  app.event('reaction_added', async ({ event }) => void seen.reactions.push(event));
  app.action('approve', async ({ ack, body, action, client }) => {
    await ack();
    seen.actions.push({ body, action });
    await client.chat.update({ channel: body.channel.id, ts: body.message.ts, text: `Approved by <@${body.user.id}>` });
  });
  app.action('deny', async ({ ack, body, action, respond }) => {
    await ack();
    seen.actions.push({ body, action });
    await respond({ replace_original: true, text: 'Denied' });
  });
  app.view('start', async ({ ack, view, client, body }) => {
    const title = view.state.values.title.v.value;
    if (title === 'bad') return ack({ response_action: 'errors', errors: { title: 'Choose another title' } });
    if (title === 'more') return ack({ response_action: 'update', view: { ...modal, title: { type: 'plain_text', text: 'More' } } });
    await ack();
    await client.chat.postMessage({
      channel: 'C0GENERAL',
      text: `${body.user.id} started ${title} with ${view.state.values.agent.v.selected_option?.value} ${view.private_metadata}`,
    });
  });
}

before(async () => {
  slack = await startLocalSlack({ args: ['--bot-token', 'xoxb-right', '--app-token', 'xapp-1-right', '--quiet'] });
  app = new App({
    token: 'xoxb-right', appToken: 'xapp-1-right', socketMode: true, logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  });
  listen();
  await app.start();
});

after(async () => {
  await app?.stop();
  await slack?.stop();
});

test('a slash command: ack payload shown to one, respond() to all', async () => {
  const report = await slack.command('ann', 'general', '/opencode', 'tests');
  assert.equal(report.acked, true);
  assert.equal(report.response.text, 'working on tests');
  await slack.waitForMessage((m) => m.text === 'done: tests');
  const { ephemerals } = await slack.state();
  assert.ok(ephemerals.some((e) => e.user === 'U0ANN' && e.message.text === 'working on tests'));
});

test('a command that is not acknowledged is lost after 3 s', async () => {
  await slack.post('switches', { ack_timeout_ms: 200 });
  const report = await slack.command('ann', 'general', '/opencode', 'silent');
  await slack.post('switches', { ack_timeout_ms: 3000 });
  assert.deepEqual({ acked: report.acked, error: report.error }, { acked: false, error: 'timeout' });
  assert.ok(slack.events().some((e) => e.event === 'failure' && /operation_timeout/.test(e.data.text)));
});

test('a mention: message and app_mention with one ts, two event ids; the reply carries metadata', async () => {
  const ts = await slack.say('ann', 'general', '<@U0BOT> please');
  const reply = await slack.waitForMessage((m) => m.thread_ts === ts && m.text === 'Approve?');
  assert.deepEqual(reply.metadata, { event_type: 'question', event_payload: { id: 'q1' } });
  assert.equal(reply.parent_user_id, 'U0ANN');
  await slack.waitFor(() => seen.messages.some((m) => m.ts === ts), { what: 'the message event' });
  assert.ok(seen.mentions.some((m) => m.ts === ts));
  const sent = (await slack.get('frames')).filter((f) => f.text.includes(ts) && f.text.includes('"user":"U0ANN"'))
    .map((f) => JSON.parse(f.text).payload).filter((p) => p?.event?.ts === ts);
  assert.equal(sent.length, 2);
  assert.notEqual(sent[0].event_id, sent[1].event_id);
});

test('replies: the parent first, metadata only when asked for', async () => {
  const ts = await slack.say('bob', 'general', '<@U0BOT> again');
  await slack.waitForMessage((m) => m.thread_ts === ts && m.text === 'Approve?');
  const bare = await app.client.conversations.replies({ channel: 'C0GENERAL', ts });
  const full = await app.client.conversations.replies({ channel: 'C0GENERAL', ts, include_all_metadata: true });
  assert.deepEqual(bare.messages.map((m) => m.text), ['<@U0BOT> again', 'Approve?']);
  assert.deepEqual(bare.messages[1].metadata, { event_type: 'question' });
  assert.deepEqual(full.messages[1].metadata.event_payload, { id: 'q1' });
  assert.equal(full.messages[0].reply_count, 1);
  assert.equal(full.messages[0].latest_reply, full.messages[1].ts);
  assert.deepEqual(full.messages[0].reply_users, ['U0BOT']);
});

test('a click: a true payload, chat.update, message_changed with what was before', async () => {
  const ts = await slack.say('ann', 'general', '<@U0BOT> click me');
  const card = await slack.waitForMessage((m) => m.thread_ts === ts && m.text === 'Approve?');
  const report = await slack.click({ user: 'bob', channel: 'general', ts: card.ts, action_id: 'approve' });
  assert.equal(report.acked, true);
  const updated = await slack.waitForMessage((m) => m.ts === card.ts && m.text === 'Approved by <@U0BOB>');
  assert.equal(updated.blocks, undefined);
  assert.equal(updated.edited.user, 'U0BOT');
  const { body, action } = seen.actions.at(-1);
  assert.equal(action.value, 'approve-value');
  assert.equal(action.block_id, 'choice');
  assert.equal(action.style, 'primary');
  assert.deepEqual(body.container, {
    type: 'message', message_ts: card.ts, channel_id: 'C0GENERAL', is_ephemeral: false, thread_ts: ts });
  assert.equal(body.message.metadata.event_payload.id, 'q1');
  assert.deepEqual(body.channel, { id: 'C0GENERAL', name: 'general' });
  await slack.waitFor(() => seen.changed.some((e) => e.message.ts === card.ts && e.previous_message.text === 'Approve?'),
    { what: 'message_changed' });
});

test('respond() replaces the original', async () => {
  const ts = await slack.say('ann', 'general', '<@U0BOT> deny me');
  const card = await slack.waitForMessage((m) => m.thread_ts === ts && m.text === 'Approve?');
  await slack.click({ user: 'ann', channel: 'general', ts: card.ts, action_id: 'deny' });
  await slack.waitForMessage((m) => m.ts === card.ts && m.text === 'Denied' && !m.blocks);
});

test('a modal: required fields, errors, update, submit', async () => {
  await slack.command('ann', 'general', '/opencode', 'modal');
  const view = await slack.waitFor((s) => s.views.find((v) => v.user === 'U0ANN')?.view, { what: 'the modal' });
  assert.equal(view.private_metadata, 'secret');
  const empty = await slack.submit('ann', view.id, {});
  assert.deepEqual(Object.keys(empty.errors), ['title']);
  const bad = await slack.submit('ann', view.id, { title: { v: 'bad' } });
  assert.deepEqual(bad.errors, { title: 'Choose another title' });
  const more = await slack.submit('ann', view.id, { title: { v: 'more' } });
  assert.equal(more.response_action, 'update');
  const updated = (await slack.state()).views[0].view;
  assert.equal(updated.title.text, 'More');
  assert.notEqual(updated.hash, view.hash);
  await slack.submit('ann', view.id, { title: { v: 'a fix' }, agent: { v: 'plan' } });
  await slack.waitForMessage((m) => m.text === 'U0ANN started a fix with plan secret');
  assert.equal((await slack.state()).views.length, 0);
});

test('a trigger opens one view, once, within 3 s', async () => {
  await slack.command('bob', 'general', '/opencode', 'modal');
  await slack.waitFor((s) => s.views.length === 1, { what: 'the modal' });
  const used = (await slack.calls('views.open')).at(-1).args.trigger_id;
  await assert.rejects(app.client.views.open({ trigger_id: used, view: modal }), /exchanged_trigger_id/);
  await assert.rejects(app.client.views.open({ trigger_id: 'nonsense', view: modal }), /invalid_trigger_id/);
});

test('reactions of people arrive; deletions carry what was there', async () => {
  const ts = await slack.say('ann', 'general', 'remove me');
  await slack.post('reaction', { user: 'bob', channel: 'general', ts, name: 'eyes' });
  await slack.waitFor(() => seen.reactions.some((e) => e.item.ts === ts && e.user === 'U0BOB' && e.item_user === 'U0ANN'),
    { what: 'reaction_added' });
  await slack.post('delete', { channel: 'general', ts });
  await slack.waitFor(() => seen.deleted.some((e) => e.deleted_ts === ts && e.previous_message.text === 'remove me'),
    { what: 'message_deleted' });
});

test('the home: opened, published, clicked in', async () => {
  await slack.post('home', { user: 'ann' });
  const home = await slack.waitFor((s) => s.homes.find((v) => v.user === 'U0ANN')?.view, { what: 'the home' });
  await slack.click({ user: 'ann', view_id: home.id, action_id: 'refresh' });
  const { body, action } = seen.actions.at(-1);
  assert.equal(action.block_id, 'runs');
  assert.deepEqual(body.container, { type: 'view', view_id: home.id });
  assert.equal(body.view.hash, home.hash);
  assert.equal(body.message, undefined);
});

test('selects, checkboxes and inputs in a message: actions and state.values', async () => {
  const text = (t) => ({ type: 'plain_text', text: t });
  const option = (value) => ({ text: text(value.toUpperCase()), value });
  const { ts } = await app.client.chat.postMessage({ channel: 'C0GENERAL', text: 'form', blocks: [
    { type: 'actions', block_id: 'a', elements: [
      { type: 'static_select', action_id: 'pick', placeholder: text('…'), options: [option('x'), option('y')] },
      { type: 'checkboxes', action_id: 'tick', options: [option('1'), option('2')], initial_options: [option('2')] }] },
    { type: 'input', block_id: 'i', dispatch_action: true, label: text('Words'), element: { type: 'plain_text_input', action_id: 'words' } },
  ] });
  const at = { user: 'bob', channel: 'general', ts };
  await slack.click({ ...at, action_id: 'pick', selected_option: 'y', state: { i: { words: 'hello' } } });
  const { body, action } = seen.actions.at(-1);
  assert.equal(action.selected_option.text.text, 'Y');
  assert.equal(body.state.values.a.pick.selected_option.value, 'y');
  assert.deepEqual(body.state.values.a.tick.selected_options.map((o) => o.value), ['2']);
  assert.equal(body.state.values.i.words.value, 'hello');
  await slack.click({ ...at, action_id: 'tick', selected_options: ['1', '2'] });
  assert.deepEqual(seen.actions.at(-1).action.selected_options.map((o) => o.value), ['1', '2']);
  await slack.click({ ...at, action_id: 'words', value: 'said' });
  assert.equal(seen.actions.at(-1).action.value, 'said');
  await assert.rejects(slack.click({ ...at, action_id: 'pick', selected_option: 'z' }), /no such option/);
  await assert.rejects(slack.click({ ...at, action_id: 'none' }), /no element/);
});
