// Check 7: what the payload of an acknowledgement does: texts of commands, the stack of modals, options of selects.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { GENERAL, boltApp, option, plain, section, start } from './support.mjs';

const input = (block_id, more = {}) => ({
  type: 'input', block_id, label: plain(block_id), element: { type: 'plain_text_input', action_id: 'v' }, ...more });
const modal = (name, more = {}) => ({
  type: 'modal', callback_id: 'm', title: plain(name), submit: plain('Go'), blocks: [input('title')], ...more });

describe('10.7 effects of acknowledgements', () => {
  let slack;
  let app;
  let answer; // what the app acknowledges with
  let opened; // the view that /modal opens
  const closed = [];
  const suggested = [];
  before(async () => {
    slack = await start('--slash-command', '/opencode', '--slash-command', '/modal');
    app = boltApp(slack);
    app.command('/opencode', ({ ack }) => ack(answer));
    app.command('/modal', async ({ ack, command, client }) => {
      await ack();
      await client.views.open({ trigger_id: command.trigger_id, view: opened });
    });
    app.view('m', ({ ack }) => ack(answer));
    app.view({ callback_id: 'm', type: 'view_closed' }, async ({ ack, body }) => {
      await ack();
      closed.push(body);
    });
    app.options('pick', async ({ ack, options, body }) => {
      suggested.push(body);
      await ack(answer ?? { options: ['one', 'two', 'three'].filter((v) => v.includes(options.value)).map((v) => option(v)) });
    });
    await app.start();
  });
  beforeEach(async () => {
    await slack.post('reset');
    answer = undefined;
    opened = modal('First');
  });
  after(async () => {
    await app.stop();
    await slack.stop();
  });

  const run = async (ack) => {
    answer = ack;
    await slack.command('ann', 'general', '/opencode', 'x');
    const state = await slack.state();
    return {
      ephemerals: state.ephemerals.map((e) => ({ user: e.user, text: e.message.text, blocks: e.message.blocks })),
      messages: state.channels.find((c) => c.id === GENERAL).messages,
    };
  };

  test('a command: a string, and a text without a type, are for the person only', async () => {
    const { ephemerals, messages } = await run('working');
    assert.deepEqual([ephemerals[0].user, ephemerals[0].text, messages.length], ['U0ANN', 'working', 0]);
    const again = await run({ text: 'still' });
    assert.deepEqual([again.ephemerals[1].text, again.messages.length], ['still', 0]);
  });

  test('a command: in_channel is a message of the app for all', async () => {
    const { ephemerals, messages } = await run({ response_type: 'in_channel', text: 'hello all' });
    assert.equal(ephemerals.length, 0);
    const posted = messages.find((m) => m.text === 'hello all');
    assert.deepEqual([posted.bot_id, posted.user], ['B0BOT', 'U0BOT']);
  });

  test('a command: blocks in the acknowledgement, and nothing at all', async () => {
    const { ephemerals } = await run({ text: 'fallback', blocks: [section('*hi*')] });
    assert.equal(ephemerals[0].blocks[0].text.text, '*hi*');
    const quiet = await run();
    assert.deepEqual([quiet.ephemerals.length, quiet.messages.length], [1, 0]); // only the one from before
  });

  const openModal = async () => {
    await slack.command('ann', 'general', '/modal');
    return slack.waitFor((s) => s.views.at(-1)?.view, { what: 'the modal' });
  };
  const stack = async () => (await slack.state()).views.filter((v) => v.user === 'U0ANN').map((v) => v.view.title.text);
  const submit = async (view, ack, values = { title: { v: 'x' } }) => {
    answer = ack;
    return slack.submit('ann', view.id, values);
  };

  test('a modal: errors are shown at the field and keep it open', async () => {
    const view = await openModal();
    const report = await submit(view, { response_action: 'errors', errors: { title: 'Choose another' } });
    assert.deepEqual(report.errors, { title: 'Choose another' });
    assert.deepEqual(await stack(), ['First']);
  });

  test('a modal: what is missing never reaches the app', async () => {
    const view = await openModal();
    const report = await submit(view, {}, {});
    assert.deepEqual(Object.keys(report.errors), ['title']);
    assert.equal((await slack.get('frames')).filter((f) => f.text.includes('view_submission')).length, 0);
  });

  test('a modal: update puts another in its place, with a new hash', async () => {
    const view = await openModal();
    await submit(view, { response_action: 'update', view: modal('Second') });
    assert.deepEqual(await stack(), ['Second']);
    const now = (await slack.state()).views[0].view;
    assert.equal(now.id, view.id);
    assert.notEqual(now.hash, view.hash);
  });

  test('a modal: push lays one over it, closing that shows the one below, clear ends all', async () => {
    const view = await openModal();
    await submit(view, { response_action: 'push', view: modal('Second') });
    assert.deepEqual(await stack(), ['First', 'Second']);
    const second = (await slack.state()).views.at(-1).view;
    assert.deepEqual([second.previous_view_id, second.root_view_id], [view.id, view.id]);
    await slack.post('view_close', { user: 'ann', view_id: second.id });
    assert.deepEqual(await stack(), ['First']);
    await submit(view, { response_action: 'push', view: modal('Second') });
    const again = (await slack.state()).views.at(-1).view;
    await submit(again, { response_action: 'push', view: modal('Third') });
    assert.deepEqual(await stack(), ['First', 'Second', 'Third']);
    const third = (await slack.state()).views.at(-1).view;
    await submit(third, { response_action: 'clear' });
    assert.deepEqual(await stack(), []);
  });

  test('a modal: an empty acknowledgement closes this one only', async () => {
    const view = await openModal();
    await submit(view, { response_action: 'push', view: modal('Second') });
    await submit((await slack.state()).views.at(-1).view);
    assert.deepEqual(await stack(), ['First']);
    await submit(view);
    assert.deepEqual(await stack(), []);
  });

  test('a modal: view_closed comes only with notify_on_close', async () => {
    const quiet = await openModal();
    await slack.post('view_close', { user: 'ann', view_id: quiet.id });
    opened = modal('Loud', { notify_on_close: true });
    const loud = await openModal();
    await slack.post('view_close', { user: 'ann', view_id: loud.id, clear: true });
    await slack.waitFor(() => closed.length > 0, { what: 'view_closed' });
    assert.deepEqual(closed.map((b) => [b.view.id, b.is_cleared]), [[loud.id, true]]);
  });

  test('a select is filled with what the app answers: options, groups, nothing', async () => {
    const { ts } = await app.client.chat.postMessage({ channel: GENERAL, text: 'pick', blocks: [{ type: 'actions', block_id: 'b', elements: [
      { type: 'external_select', action_id: 'pick', placeholder: plain('…'), min_query_length: 1 }] }] });
    const suggest = (value) => slack.post('suggest', { user: 'ann', channel: 'general', ts, action_id: 'pick', block_id: 'b', value });
    const report = await suggest('t');
    assert.deepEqual(report.options.map((o) => o.value), ['two', 'three']);
    const { action_id, block_id, value, user, team, container } = suggested.at(-1);
    assert.deepEqual([action_id, block_id, value, user.id, team.id, container.message_ts], ['pick', 'b', 't', 'U0ANN', 'T0LOCAL', ts]);
    answer = { option_groups: [{ label: plain('Numbers'), options: [option('one')] }] };
    assert.equal((await suggest('o')).option_groups[0].options[0].value, 'one');
    answer = { options: [] };
    assert.deepEqual((await suggest('zzz')).options, []);
  });
});
