// Check 21: triggers, views and their errors, response URLs, ephemeral messages, and what a click tells of its element.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { GENERAL, boltApp, button, failsWith, option, plain, section, start } from './support.mjs';

const modal = (title, more = {}) => ({ type: 'modal', callback_id: 'm', title: plain(title), submit: plain('Go'), blocks: [section('x')], ...more });

describe('10.21 interactivity', () => {
  let slack;
  let app;
  let web;
  let onCommand;
  const actions = [];
  const submitted = [];
  before(async () => {
    slack = await start();
    app = boltApp(slack);
    web = app.client;
    app.command('/opencode', async ({ ack, command, respond }) => {
      await ack();
      await onCommand?.({ command, respond });
    });
    app.action(/.*/, async ({ ack, body, action, respond }) => {
      await ack();
      actions.push({ body, action, respond });
    });
    app.view(/.*/, async ({ ack, view, body }) => {
      submitted.push({ view, body });
      await ack();
    });
    await app.start();
  });
  beforeEach(async () => {
    await slack.post('reset');
    actions.length = submitted.length = 0;
  });
  after(async () => {
    await app.stop();
    await slack.stop();
  });

  /** What the app is given with a command, while it can still use it. */
  const withCommand = (body) => new Promise((resolve, reject) => {
    onCommand = (args) => Promise.resolve(body(args)).then(resolve, reject);
    slack.command('ann', 'general', '/opencode', 'x').catch(reject);
  });
  const open = (view) => withCommand(({ command }) => web.views.open({ trigger_id: command.trigger_id, view }));
  const post = (blocks, more = {}) => web.chat.postMessage({ channel: GENERAL, text: 'card', blocks, ...more });
  const click = async (ts, action_id, more = {}) => {
    await slack.click({ user: 'ann', channel: 'general', ts, action_id, ...more });
    return slack.waitFor(() => actions.findLast((a) => a.action.action_id === action_id), { what: 'the click' });
  };
  const message = async (ts) => (await slack.messages('general')).find((m) => m.ts === ts);

  describe('triggers', () => {
    test('one view for one trigger', async () => {
      await withCommand(async ({ command: { trigger_id } }) => {
        await web.views.open({ trigger_id, view: modal('One') });
        await failsWith(web.views.open({ trigger_id, view: modal('Two') }), 'exchanged_trigger_id');
      });
      await failsWith(web.views.open({ trigger_id: 'nonsense', view: modal('T') }), 'invalid_trigger_id');
    });

    test('after 3 s a trigger is expired', async () => {
      const trigger_id = await withCommand(({ command }) => command.trigger_id);
      const deadline = Date.now() + 3000;
      await slack.waitFor(() => Date.now() > deadline + 20, { what: '3 s to pass' });
      await failsWith(web.views.open({ trigger_id, view: modal('Late') }), 'expired_trigger_id');
    });
  });

  describe('views', () => {
    test('what the app gave comes back, completed', async () => {
      const { view } = await open(modal('T', { private_metadata: 'p'.repeat(3000), external_id: 'ext-1', close: plain('No') }));
      assert.match(view.id, /^V/);
      assert.deepEqual([view.team_id, view.app_id, view.bot_id, view.root_view_id, view.previous_view_id, view.external_id, view.private_metadata.length,
        view.clear_on_close, view.notify_on_close], ['T0LOCAL', 'A0LOCAL', 'B0BOT', view.id, null, 'ext-1', 3000, false, false]);
      assert.deepEqual(view.state, { values: {} });
      assert.match(view.hash, /^\d+\.\w+$/);
      assert.match(view.blocks[0].block_id, /^\S+$/);
    });

    test('private_metadata beyond 3,000 characters, titles beyond 24, and a view beyond 250 kB are refused', async () => {
      const long = await open(modal('T', { private_metadata: 'p'.repeat(3001) })).catch((e) => e);
      assert.equal(long.data.error, 'invalid_arguments');
      assert.match(long.data.response_metadata.messages[0], /private_metadata/);
      assert.equal((await open(modal('x'.repeat(25))).catch((e) => e)).data.error, 'invalid_arguments');
      const blocks = Array.from({ length: 100 }, () => section('y'.repeat(2900)));
      assert.equal((await open(modal('T', { blocks })).catch((e) => e)).data.error, 'view_too_large');
    });

    test('an external_id is good for one view', async () => {
      await open(modal('T', { external_id: 'same' }));
      await failsWith(open(modal('T', { external_id: 'same' })), 'duplicate_external_id');
      const { view } = await web.views.update({ external_id: 'same', view: modal('New', { external_id: 'same' }) });
      assert.equal(view.title.text, 'New');
    });

    test('views.update: by hash, and a hash that is old', async () => {
      const { view } = await open(modal('One'));
      const updated = await web.views.update({ view_id: view.id, hash: view.hash, view: modal('Two') });
      assert.notEqual(updated.view.hash, view.hash);
      await failsWith(web.views.update({ view_id: view.id, hash: view.hash, view: modal('Three') }), 'hash_conflict');
      await failsWith(web.views.update({ view_id: 'V0NONE', view: modal('T') }), 'not_found');
    });

    test('views.push: three deep, and no deeper', async () => {
      const pushing = modal('One', { blocks: [{ type: 'actions', elements: [button('push')] }] });
      const { view } = await open(pushing);
      let top = view;
      for (const title of ['Two', 'Three']) {
        await slack.click({ user: 'ann', view_id: top.id, action_id: 'push' });
        const { body } = actions.at(-1);
        const pushed = await web.views.push({ trigger_id: body.trigger_id, view: { ...pushing, title: plain(title) } });
        assert.deepEqual([pushed.view.previous_view_id, pushed.view.root_view_id], [top.id, view.id]);
        top = pushed.view;
      }
      await slack.click({ user: 'ann', view_id: top.id, action_id: 'push' });
      await failsWith(web.views.push({ trigger_id: actions.at(-1).body.trigger_id, view: pushing }), 'push_limit_reached');
    });

    test('state.values of a submission, by block and action', async () => {
      const input = (block_id, element) => ({ type: 'input', block_id, optional: true, label: plain(block_id), element: { action_id: 'v', ...element } });
      const { view } = await open(modal('T', { private_metadata: 'kept', blocks: [
        input('text', { type: 'plain_text_input' }), input('one', { type: 'static_select', options: [option('x'), option('y')] }),
        input('many', { type: 'checkboxes', options: [option('1'), option('2')] }), input('day', { type: 'datepicker', initial_date: '2026-01-02' }),
        input('who', { type: 'users_select' }), input('none', { type: 'plain_text_input' })] }));
      await slack.submit('ann', view.id, { text: { v: 'hello' }, one: { v: 'y' }, many: { v: ['1', '2'] }, who: { v: 'U0BOB' } });
      const { view: sent, body } = submitted.at(-1);
      const { values } = sent.state;
      assert.deepEqual(values.text.v, { type: 'plain_text_input', value: 'hello' });
      assert.equal(values.one.v.selected_option.value, 'y');
      assert.deepEqual(values.many.v.selected_options.map((o) => o.value), ['1', '2']);
      assert.equal(values.day.v.selected_date, '2026-01-02');
      assert.equal(values.who.v.selected_user, 'U0BOB');
      assert.equal(values.none.v.value, null);
      assert.deepEqual([sent.private_metadata, sent.id, body.user.id, body.type, body.is_enterprise_install], ['kept', view.id, 'U0ANN', 'view_submission', false]);
    });

    test('the home: published with a hash, clicked in', async () => {
      const home = { type: 'home', blocks: [section('hi', { block_id: 'runs', accessory: button('refresh') })] };
      const { view } = await web.views.publish({ user_id: 'U0ANN', view: home });
      await failsWith(web.views.publish({ user_id: 'U0ANN', hash: '1.old', view: home }), 'hash_conflict');
      await web.views.publish({ user_id: 'U0ANN', hash: view.hash, view: home });
      const now = (await slack.state()).homes.find((h) => h.user === 'U0ANN').view;
      await slack.click({ user: 'ann', view_id: now.id, action_id: 'refresh' });
      const { body, action } = actions.at(-1);
      assert.equal(action.block_id, 'runs');
      assert.deepEqual(body.container, { type: 'view', view_id: now.id });
      assert.deepEqual([body.view.hash, body.message, body.channel], [now.hash, undefined, undefined]);
      const nobody = await failsWith(web.views.publish({ user_id: 'U0NOBODY', view: home }), 'invalid_arguments');
      assert.match(nobody.data.response_metadata.messages[0], /invalid `user_id`/);
    });

    test('the home, where the app has none', async () => {
      await slack.post('switches', { home_tab: false });
      await failsWith(web.views.publish({ user_id: 'U0ANN', view: { type: 'home', blocks: [] } }), 'not_enabled');
    });
  });

  describe('response URLs', () => {
    test('five posts, then used_url', async () => {
      await withCommand(async ({ command: { response_url } }) => {
        const respond = async (body) => {
          const r = await fetch(response_url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
          return [r.status, await r.text()];
        };
        for (let i = 0; i < 5; i++) assert.deepEqual(await respond({ text: `n${i}` }), [200, 'ok']);
        assert.deepEqual(await respond({ text: 'n5' }), [404, 'used_url']);
      });
      assert.equal((await slack.state()).ephemerals.filter((e) => /^n\d$/.test(e.message.text)).length, 5);
    });

    test('respond(): for the person by default, in_channel for all', async () => {
      await withCommand(async ({ respond }) => {
        await respond('for you');
        await respond({ response_type: 'in_channel', text: 'for all' });
      });
      assert.ok((await slack.state()).ephemerals.some((e) => e.user === 'U0ANN' && e.message.text === 'for you'));
      assert.ok((await slack.messages('general')).some((m) => m.text === 'for all'));
    });

    test('respond() to a click: another message, in its place, away with it', async () => {
      const { ts } = await post([{ type: 'actions', elements: [button('go')] }]);
      const { respond } = await click(ts, 'go');
      await respond({ replace_original: false, response_type: 'in_channel', text: 'beside' });
      assert.ok((await slack.messages('general')).some((m) => m.text === 'beside'));
      await respond({ replace_original: true, text: 'instead' });
      assert.deepEqual([(await message(ts)).text, (await message(ts)).blocks], ['instead', undefined]);
      await respond({ delete_original: true });
      assert.equal(await message(ts), undefined);
    });

    test('in a thread the answer goes into the thread', async () => {
      const parent = await slack.say('ann', 'general', 'ask');
      const { ts } = await post([{ type: 'actions', elements: [button('go')] }], { thread_ts: parent });
      const { respond } = await click(ts, 'go');
      await respond({ replace_original: false, response_type: 'in_channel', text: 'in the thread', thread_ts: parent });
      assert.equal((await slack.messages('general')).find((m) => m.text === 'in the thread').thread_ts, parent);
    });

    test('an ephemeral message: its buttons work, only its response_url reaches it', async () => {
      const { message_ts } = await web.chat.postEphemeral({ channel: GENERAL, user: 'U0ANN', text: 'only you', blocks: [{ type: 'actions', elements: [button('go')] }] });
      const mine = async () => (await slack.state()).ephemerals.find((e) => e.message.ts === message_ts);
      assert.equal((await mine()).user, 'U0ANN');
      assert.ok(!(await web.conversations.history({ channel: GENERAL })).messages.some((m) => m.ts === message_ts));
      await failsWith(web.chat.update({ channel: GENERAL, ts: message_ts, text: 'x' }), 'message_not_found');
      await failsWith(web.chat.delete({ channel: GENERAL, ts: message_ts }), 'message_not_found');
      const { body, respond } = await click(message_ts, 'go');
      assert.equal(body.container.is_ephemeral, true);
      assert.equal(body.message, undefined);
      await respond({ replace_original: true, text: 'changed' });
      assert.equal((await mine()).message.text, 'changed');
      await respond({ delete_original: true });
      assert.equal(await mine(), undefined);
    });
  });

  describe('clicks', () => {
    test('a button: container, message, channel, action', async () => {
      const parent = await slack.say('ann', 'general', 'ask');
      const { ts } = await post([{ type: 'actions', block_id: 'choice', elements: [button('approve', 'Yes', { style: 'primary' })] }],
        { thread_ts: parent, metadata: { event_type: 'q', event_payload: { id: 'q1' } } });
      const { body, action } = await click(ts, 'approve', { user: 'bob' });
      assert.deepEqual([action.type, action.value, action.block_id, action.style, action.text.text], ['button', 'approve-value', 'choice', 'primary', 'Yes']);
      assert.deepEqual(body.container, { type: 'message', message_ts: ts, channel_id: GENERAL, is_ephemeral: false, thread_ts: parent });
      assert.equal(body.message.metadata.event_payload.id, 'q1');
      assert.deepEqual([body.channel, body.user.id], [{ id: GENERAL, name: 'general' }, 'U0BOB']);
    });

    test('selects, checkboxes, inputs: actions and state.values', async () => {
      const { ts } = await post([
        { type: 'actions', block_id: 'a', elements: [
          { type: 'static_select', action_id: 'pick', placeholder: plain('…'), options: [option('x'), option('y')] },
          { type: 'checkboxes', action_id: 'tick', options: [option('1'), option('2')], initial_options: [option('2')] },
          { type: 'overflow', action_id: 'more', options: [option('e'), option('f')] }] },
        { type: 'input', block_id: 'i', dispatch_action: true, label: plain('Words'), element: { type: 'plain_text_input', action_id: 'words' } }]);
      const { body, action } = await click(ts, 'pick', { selected_option: 'y', state: { i: { words: 'hello' } } });
      assert.equal(action.selected_option.text.text, 'Y');
      assert.equal(body.state.values.a.pick.selected_option.value, 'y');
      assert.deepEqual(body.state.values.a.tick.selected_options.map((o) => o.value), ['2']);
      assert.equal(body.state.values.i.words.value, 'hello');
      assert.deepEqual((await click(ts, 'tick', { selected_options: ['1', '2'] })).action.selected_options.map((o) => o.value), ['1', '2']);
      assert.equal((await click(ts, 'words', { value: 'said' })).action.value, 'said');
      assert.equal((await click(ts, 'more', { selected_option: 'f' })).action.selected_option.value, 'f');
      await assert.rejects(slack.click({ user: 'bob', channel: 'general', ts, action_id: 'pick', selected_option: 'z' }), /no such option/);
      await assert.rejects(slack.click({ user: 'bob', channel: 'general', ts, action_id: 'none' }), /no element/);
    });

    test('people, channels, dates', async () => {
      const { ts } = await post([{ type: 'actions', elements: [
        { type: 'users_select', action_id: 'user' }, { type: 'channels_select', action_id: 'channel' }, { type: 'conversations_select', action_id: 'conversation' },
        { type: 'datepicker', action_id: 'date' }, { type: 'timepicker', action_id: 'time' }, { type: 'radio_buttons', action_id: 'radio', options: [option('r')] }] }]);
      assert.equal((await click(ts, 'user', { value: 'U0BOB' })).action.selected_user, 'U0BOB');
      assert.equal((await click(ts, 'channel', { value: GENERAL })).action.selected_channel, GENERAL);
      assert.equal((await click(ts, 'conversation', { value: GENERAL })).action.selected_conversation, GENERAL);
      assert.equal((await click(ts, 'date', { value: '2026-03-04' })).action.selected_date, '2026-03-04');
      assert.equal((await click(ts, 'time', { value: '10:30' })).action.selected_time, '10:30');
      assert.equal((await click(ts, 'radio', { selected_option: 'r' })).action.selected_option.value, 'r');
    });

    test('several of a kind, a moment, and what is typed into a message', async () => {
      const { ts } = await post([
        section('a', { accessory: { type: 'multi_users_select', action_id: 'users' } }),
        section('b', { accessory: { type: 'multi_static_select', action_id: 'many', options: [option('x'), option('y'), option('z')] } }),
        { type: 'actions', elements: [{ type: 'datetimepicker', action_id: 'moment' }] }]);
      assert.deepEqual((await click(ts, 'users', { value: ['U0ANN', 'U0BOB'] })).action.selected_users, ['U0ANN', 'U0BOB']);
      assert.deepEqual((await click(ts, 'many', { selected_options: ['x', 'z'] })).action.selected_options.map((o) => o.value), ['x', 'z']);
      assert.equal((await click(ts, 'moment', { value: 1767225600 })).action.selected_date_time, 1767225600);
    });

    test('buttons in cards, containers and attachments', async () => {
      const { ts } = await post([
        { type: 'carousel', elements: [{ type: 'card', title: { type: 'mrkdwn', text: '1' }, body: { type: 'mrkdwn', text: 'b' }, actions: [button('in_card')] }] },
        { type: 'container', title: plain('c'), child_blocks: [{ type: 'actions', elements: [button('in_container')] }] }],
      { attachments: [{ color: '#f00', blocks: [{ type: 'actions', block_id: 'att', elements: [button('in_attachment')] }] }] });
      assert.equal((await click(ts, 'in_card')).action.value, 'in_card-value');
      assert.equal((await click(ts, 'in_container')).action.value, 'in_container-value');
      const { action, body } = await click(ts, 'in_attachment');
      assert.equal(action.block_id, 'att');
      assert.deepEqual([body.container.type, body.container.message_ts, body.container.channel_id], ['message_attachment', ts, GENERAL]);
      assert.equal(typeof body.container.attachment_id, 'number');
    });

    test('feedback buttons and an icon button', async () => {
      const { ts } = await post([section('x'), { type: 'context_actions', block_id: 'c', elements: [
        { type: 'feedback_buttons', action_id: 'feedback', positive_button: { text: plain('Good'), value: 'up' }, negative_button: { text: plain('Bad'), value: 'down' } },
        { type: 'icon_button', icon: 'trash', action_id: 'trash', text: plain('Delete'), value: 'v1' }] }]);
      const { action } = await click(ts, 'feedback', { value: 'down' });
      assert.deepEqual([action.type, action.value, action.text.text], ['feedback_buttons', 'down', 'Bad']);
      assert.deepEqual([(await click(ts, 'trash')).action.type, actions.at(-1).action.value], ['icon_button', 'v1']);
    });
  });

  test('Bolt routes by action_id, block_id and their patterns together', async () => {
    const { ts } = await post([{ type: 'actions', block_id: 'b-7', elements: [button('x-1')] }]);
    const routed = [];
    const second = boltApp(slack);
    second.action({ block_id: /^b-\d$/, action_id: 'x-1' }, async ({ ack }) => {
      routed.push('both');
      await ack();
    });
    second.action('other', async () => void routed.push('other'));
    await app.stop();
    await second.start();
    assert.equal((await slack.click({ user: 'ann', channel: 'general', ts, action_id: 'x-1' })).acked, true);
    assert.deepEqual(routed, ['both']);
    await second.stop();
    await app.start();
  });
});
