// Which listener of Bolt for JavaScript gets what people do: what its own suite checks with made payloads, here with
// those of localslack. A payload that lacked a field, or had another type, would go astray.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import bolt from '@slack/bolt';

import { BOT_TOKEN, GENERAL, boltApp, button, option, plain, start } from './support.mjs';

const { directMention, subtype } = bolt;
let slack;
let app;
let routed = []; // names of the listeners that ran, in order
const listener = (name) => async ({ ack }) => {
  routed.push(name);
  await ack?.();
};

before(async () => {
  slack = await start('--slash-command', '/deploy', '--slash-command', '/rollback', '--shortcut', 'global:new_task:New', '--shortcut', 'message:explain:Explain');
});
beforeEach(() => {
  routed = [];
  app = boltApp(slack);
});
afterEach(() => app.stop());
after(() => slack?.stop());

/** Waits until as many listeners ran, and these they must be. */
async function settled(...names) {
  await slack.waitFor(() => routed.length >= names.length, { what: `${names.length} listeners, there are ${routed}` });
  assert.deepEqual(routed, names);
  routed.length = 0;
}
const post = async (blocks) => (await app.client.chat.postMessage({ channel: GENERAL, text: 'x', blocks })).ts;
const ann = { user: 'ann', channel: 'general' };

test('commands: by name, and by pattern', async () => {
  app.command('/deploy', listener('deploy'));
  app.command(/^\/roll/, listener('roll…'));
  await app.start();
  assert.equal((await slack.command('ann', 'general', '/deploy', 'now')).acked, true);
  assert.equal((await slack.command('ann', 'general', '/rollback')).acked, true);
  await settled('deploy', 'roll…');
});

test('shortcuts: by callback_id, pattern, and kind', async () => {
  app.shortcut({ callback_id: 'new_task', type: 'message_action' }, listener('not this kind'));
  app.shortcut({ callback_id: 'new_task', type: 'shortcut' }, listener('global'));
  app.shortcut(/^expl/, listener('pattern'));
  app.shortcut({ type: 'message_action' }, listener('kind'));
  await app.start();
  const ts = await slack.say('ann', 'general', 'explain me');
  assert.equal((await slack.post('shortcut', { user: 'ann', callback_id: 'new_task' })).acked, true);
  await settled('global');
  assert.equal((await slack.post('shortcut', { ...ann, callback_id: 'explain', ts })).acked, true);
  await slack.waitFor(() => routed.length === 2, { what: 'both listeners' });
  assert.deepEqual(routed.toSorted(), ['kind', 'pattern']);
});

test('actions: by action_id, pattern, block_id and type', async () => {
  app.action('a-1', listener('id'));
  app.action(/^b-/, listener('pattern'));
  app.action({ block_id: 'third' }, listener('block'));
  app.action({ type: 'message_action' }, listener('no such type'));
  await app.start();
  const ts = await post([{ type: 'actions', block_id: 'first', elements: [button('a-1'), button('b-2')] }, { type: 'actions', block_id: 'third', elements: [button('c')] }, { type: 'actions', elements: [button('nobody')] }]);
  for (const action_id of ['a-1', 'b-2', 'c']) assert.equal((await slack.click({ ...ann, ts, action_id })).acked, true);
  await settled('id', 'pattern', 'block');
  await slack.post('switches', { ack_timeout_ms: 200 });
  assert.equal((await slack.click({ ...ann, ts, action_id: 'nobody' })).error, 'timeout', 'nobody listens, nobody acknowledges');
  await slack.post('switches', { ack_timeout_ms: 3000 });
});

test('options: by action_id, pattern and block_id', async () => {
  const offer = (name) => async ({ ack, options }) => {
    routed.push(name);
    await ack({ options: [option(`${name} ${options.value}`)] });
  };
  app.options('city', offer('id'));
  app.options(/^cou/, offer('pattern'));
  app.options({ block_id: 'last' }, offer('block'));
  await app.start();
  const select = (action_id) => ({ type: 'external_select', action_id, placeholder: plain('…') });
  const ts = await post([{ type: 'actions', block_id: 'first', elements: [select('city'), select('country')] }, { type: 'actions', block_id: 'last', elements: [select('street')] }]);
  for (const [action_id, name] of [['city', 'id'], ['country', 'pattern'], ['street', 'block']]) {
    const { options } = await slack.post('suggest', { ...ann, ts, action_id, value: 'x' });
    assert.equal(options[0].value, `${name} x`);
  }
  await settled('id', 'pattern', 'block');
});

test('views: by callback_id, pattern, and what was done', async () => {
  const view = (callback_id) => ({ type: 'modal', callback_id, notify_on_close: true, title: plain('V'), submit: plain('S'), blocks: [{ type: 'section', text: plain('x') }] });
  let wanted;
  let opened;
  app.shortcut('new_task', async ({ ack, shortcut, client }) => {
    await ack();
    opened = (await client.views.open({ trigger_id: shortcut.trigger_id, view: view(wanted) })).view.id;
  });
  app.view('order', listener('order'));
  app.view(/^inv/, listener('pattern'));
  app.view({ callback_id: 'order', type: 'view_closed' }, listener('order closed'));
  await app.start();
  const open = async (callback_id) => {
    wanted = callback_id;
    opened = null;
    await slack.post('shortcut', { user: 'ann', callback_id: 'new_task' });
    await slack.waitFor(() => opened !== null, { what: 'the view' });
    return opened;
  };
  assert.equal((await slack.submit('ann', await open('order'))).acked, true);
  assert.equal((await slack.submit('ann', await open('invoice'))).acked, true);
  assert.equal((await slack.post('view_close', { user: 'ann', view_id: await open('order') })).acked, true);
  await settled('order', 'pattern', 'order closed');
});

test('messages: by word, pattern, subtype and mention; events by name', async () => {
  app.message('good morning', listener('words'));
  app.message(/^(?:un)?deploy (\w+)/, async ({ context }) => void routed.push(`pattern ${context.matches[1]}`));
  app.message(directMention, listener('mention'));
  app.message(subtype('message_changed'), listener('changed'));
  app.event('reaction_added', listener('reaction'));
  app.event('app_mention', listener('app_mention'));
  await app.start();
  const ts = await slack.say('ann', 'general', 'good morning all');
  await settled('words');
  await slack.say('ann', 'general', 'undeploy payments');
  await settled('pattern payments');
  await slack.post('edit', { channel: 'general', ts, text: 'good evening' });
  await settled('changed');
  await slack.post('reaction', { ...ann, ts, name: 'eyes' });
  await settled('reaction');
  await slack.say('ann', 'general', '<@U0BOT> hello');
  await slack.waitFor(() => routed.length === 2, { what: 'both events of a mention' });
  assert.deepEqual(routed.toSorted(), ['app_mention', 'mention']);
});

test('what the app itself does is left out, except joining a channel', async () => {
  app.event('message', listener('message'));
  app.event('reaction_added', listener('reaction'));
  app.event('member_joined_channel', async ({ event }) => void routed.push(`joined ${event.user}`));
  await app.start();
  const { ts } = await app.client.chat.postMessage({ channel: GENERAL, text: 'by myself' });
  await app.client.reactions.add({ channel: GENERAL, timestamp: ts, name: 'eyes' });
  const { id } = await slack.post('channels', { name: 'late', members: ['ann'] });
  await slack.post('invite', { channel: id, by: 'ann' });
  await slack.waitFor(() => routed.length >= 1, { what: 'the event of joining' });
  await slack.say('bob', 'general', 'by somebody else');
  await settled('joined U0BOT', 'message');
});

test('say, respond and the context know where they are', async () => {
  const seen = {};
  app.event('app_mention', async ({ say, context, event }) => {
    Object.assign(seen, { bot: [context.botUserId, context.botId, context.teamId, context.botToken === BOT_TOKEN], ts: (await say({ text: 'here', thread_ts: event.ts })).message.thread_ts });
  });
  app.command('/deploy', async ({ ack, respond, say }) => {
    await ack();
    await respond({ text: 'for you', response_type: 'ephemeral' });
    await say('for all');
  });
  await app.start();
  const ts = await slack.say('ann', 'general', '<@U0BOT> where are you?');
  await slack.expect({ message: { channel: 'general', thread_ts: ts, user: 'U0BOT', text: 'here' }, count: 1 });
  assert.deepEqual(seen, { bot: ['U0BOT', 'B0BOT', 'T0LOCAL', true], ts });
  await slack.command('bob', 'coding', '/deploy');
  await slack.expect({ ephemeral: { channel: 'coding', user: 'bob', text: 'for you' }, count: 1 });
  await slack.expect({ message: { channel: 'coding', user: 'U0BOT', text: 'for all' }, count: 1 });
});

test('an error in a listener reaches the error handler, and the next event its listener', async () => {
  const errors = [];
  app.error(async (error) => void errors.push(error.original?.message ?? error.message));
  app.message('explode', async () => {
    throw new Error('bang');
  });
  app.message('fine', listener('fine'));
  await app.start();
  await slack.say('ann', 'general', 'explode');
  await slack.waitFor(() => errors.length === 1, { what: 'the error' });
  await slack.say('ann', 'general', 'fine');
  await settled('fine');
  assert.match(errors[0], /bang/);
});
