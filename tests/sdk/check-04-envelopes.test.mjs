// Check 4: the three kinds of envelopes, field by field, and how the SDKs hand them on.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERAL, RawSocket, button, isEvent, nextEvent, openUrl, section, socketClient, start, webClient } from './support.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('10.4 envelopes', () => {
  let slack;
  let raw;
  let client;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    raw?.destroy();
    await client?.disconnect();
    raw = client = undefined;
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const connectRaw = async () => {
    raw = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    await slack.waitForSockets(1);
  };

  test('events_api: the whole body of the Events API, first attempt', async () => {
    await connectRaw();
    const ts = await slack.say('ann', 'general', 'hello <@U0BOT>');
    const envelope = await raw.text((m) => isEvent(m) && m.payload.event.type === 'message');
    assert.match(envelope.envelope_id, UUID);
    assert.deepEqual([envelope.accepts_response_payload, envelope.retry_attempt, envelope.retry_reason], [false, 0, '']);
    const { payload } = envelope;
    assert.equal(payload.type, 'event_callback');
    assert.match(payload.event_id, /^Ev[0-9A-Z]+$/);
    assert.deepEqual([payload.team_id, payload.api_app_id], ['T0LOCAL', 'A0LOCAL']);
    assert.ok(Math.abs(payload.event_time - Date.now() / 1000) < 60);
    assert.deepEqual(payload.authorizations, [{
      enterprise_id: null, team_id: 'T0LOCAL', user_id: 'U0BOT', is_bot: true, is_enterprise_install: false }]);
    assert.equal(payload.is_ext_shared_channel, false);
    assert.equal(typeof payload.event_context, 'string');
    const { event } = payload;
    assert.deepEqual([event.user, event.text, event.ts, event.event_ts, event.channel, event.channel_type, event.team],
      ['U0ANN', 'hello <@U0BOT>', ts, ts, GENERAL, 'channel', 'T0LOCAL']);
    assert.equal(event.blocks[0].type, 'rich_text');
    assert.equal(event.blocks[0].elements[0].elements[1].user_id, 'U0BOT');
  });

  test('slash_commands: flat, strings only, with a response_url and a trigger_id', async () => {
    await connectRaw();
    const report = slack.command('ann', 'general', '/opencode', 'new *session*');
    const envelope = await raw.text((m) => m.type === 'slash_commands');
    raw.send({ envelope_id: envelope.envelope_id });
    assert.equal((await report).envelope_id, envelope.envelope_id);
    assert.equal(envelope.accepts_response_payload, true);
    assert.equal(envelope.retry_attempt, undefined);
    const p = envelope.payload;
    assert.ok(Object.values(p).every((v) => typeof v === 'string'), JSON.stringify(p));
    assert.deepEqual(
      [p.command, p.text, p.user_id, p.user_name, p.channel_id, p.channel_name, p.team_id, p.api_app_id, p.is_enterprise_install],
      ['/opencode', 'new *session*', 'U0ANN', 'ann', GENERAL, 'general', 'T0LOCAL', 'A0LOCAL', 'false']);
    assert.match(p.response_url, /^http:\/\/.*\/commands\/T0LOCAL\//);
    assert.match(p.trigger_id, /^\d+\.\d+\.[0-9a-f]+$/);
    assert.equal(typeof p.team_domain, 'string');
    assert.equal(p.thread_ts, undefined);
  });

  test('a command in a direct message and in a private channel names them as Slack does', async () => {
    await connectRaw();
    raw.autoAck = false;
    const direct = await slack.post('channels', { type: 'im', members: ['U0ANN', 'U0BOT'] });
    const group = await slack.post('channels', { name: 'hush', type: 'group', members: ['U0ANN', 'U0BOT'] });
    for (const [id, name] of [[direct.id, 'directmessage'], [group.id, 'privategroup']]) {
      const report = slack.command('ann', id, '/opencode', name);
      const envelope = await raw.text((m) => m.type === 'slash_commands' && m.payload.text === name);
      raw.send({ envelope_id: envelope.envelope_id });
      await report;
      assert.equal(envelope.payload.channel_name, name);
    }
  });

  test('interactive: a click, a global and a message shortcut', async () => {
    await connectRaw();
    const web = webClient(slack);
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'card', blocks: [{ type: 'actions', block_id: 'b', elements: [button('go')] }] });
    const take = async (report, type) => {
      const envelope = await raw.text((m) => m.type === 'interactive' && m.payload.type === type);
      raw.send({ envelope_id: envelope.envelope_id });
      assert.equal((await report).acked, true);
      return envelope;
    };
    const click = await take(slack.click({ user: 'ann', channel: 'general', ts, action_id: 'go' }), 'block_actions');
    assert.equal(click.accepts_response_payload, false);
    const c = click.payload;
    assert.deepEqual([c.user.id, c.user.username, c.user.team_id, c.team.id, c.api_app_id, c.enterprise, c.is_enterprise_install],
      ['U0ANN', 'ann', 'T0LOCAL', 'T0LOCAL', 'A0LOCAL', null, false]);
    assert.deepEqual(c.state, { values: {} });
    assert.match(c.response_url, /\/actions\/T0LOCAL\//);
    const [action] = c.actions;
    assert.deepEqual([action.type, action.action_id, action.block_id, action.value, action.text.text], ['button', 'go', 'b', 'go-value', 'go']);
    assert.match(action.action_ts, /^\d+\.\d{6}$/);

    const shortcut = (await take(slack.post('shortcut', { user: 'bob', callback_id: 'new' }), 'shortcut')).payload;
    assert.deepEqual([shortcut.callback_id, shortcut.user.id, shortcut.channel, shortcut.response_url], ['new', 'U0BOB', undefined, undefined]);
    assert.ok(shortcut.trigger_id && shortcut.action_ts);

    const onMessage = (await take(slack.post('shortcut', { user: 'bob', callback_id: 'send', channel: 'general', ts }), 'message_action')).payload;
    assert.deepEqual([onMessage.callback_id, onMessage.message_ts, onMessage.channel, onMessage.message.text],
      ['send', ts, { id: GENERAL, name: 'general' }, 'card']);
    assert.ok(onMessage.response_url && onMessage.trigger_id);
  });

  test('the SDK hands events on by their inner type and by slack_event, commands and clicks by the envelope\'s', async () => {
    client = socketClient(slack);
    await client.start();
    const heard = [];
    for (const name of ['message', 'app_mention', 'slash_commands', 'interactive', 'slack_event']) {
      client.on(name, async ({ ack, body, event, envelope_id, accepts_response_payload }) => {
        heard.push({ name, body, event, envelope_id, accepts_response_payload });
        if (name !== 'slack_event') await ack();
      });
    }
    await slack.say('ann', 'general', '<@U0BOT> hi');
    await slack.command('ann', 'general', '/opencode', 'x');
    await slack.post('shortcut', { user: 'ann', callback_id: 'new' });
    await slack.waitFor((s) => heard.length === 8 && s.envelopes.pending === 0, { what: 'four acknowledgements' });
    const named = heard.filter((h) => h.name !== 'slack_event');
    assert.deepEqual(named.map((h) => h.name).sort(), ['app_mention', 'interactive', 'message', 'slash_commands']);
    assert.equal(heard.filter((h) => h.name === 'slack_event').length, 4);
    assert.equal(named.find((h) => h.name === 'app_mention').event.text, '<@U0BOT> hi');
    assert.equal(named.find((h) => h.name === 'slash_commands').accepts_response_payload, true);
    assert.ok(named.every((h) => UUID.test(h.envelope_id)));
  });

  test('the SDK names the retry: retry_num and retry_reason', async () => {
    await slack.post('switches', { ack_timeout_ms: 200, retry_scale: 0.001 });
    client = socketClient(slack);
    await client.start();
    const seen = [];
    client.on('message', async ({ ack, retry_num, retry_reason, body }) => {
      seen.push([retry_num, retry_reason, body.event_id]);
      if (retry_num === 2) await ack();
    });
    await slack.say('ann', 'general', 'hello');
    await slack.waitFor((s) => seen.length === 3 && s.envelopes.pending === 0, { what: 'the acknowledgement of the second retry' });
    assert.deepEqual(seen.map((s) => s.slice(0, 2)), [[0, ''], [1, 'timeout'], [2, 'timeout']]);
    assert.equal(new Set(seen.map((s) => s[2])).size, 1);
  });

  test('a type that the client does not know is handed on by its name', async () => {
    client = socketClient(slack);
    await client.start();
    const heard = nextEvent(client, 'integration-test');
    await slack.post('deliver', { envelope: { type: 'integration-test', envelope_id: 'e1', payload: { x: 1 } } });
    const [{ envelope_id, body }] = await heard;
    assert.deepEqual([envelope_id, body], ['e1', { x: 1 }]);
  });

  test('a view in the home: the envelope carries the view, and neither channel nor message', async () => {
    await connectRaw();
    const web = webClient(slack);
    await web.views.publish({ user_id: 'U0ANN', view: { type: 'home', blocks: [section('hi', { accessory: button('open') })] } });
    const { id } = (await slack.state()).homes[0].view;
    const report = slack.click({ user: 'ann', view_id: id, action_id: 'open' });
    const { envelope_id, payload } = await raw.text((m) => m.type === 'interactive');
    raw.send({ envelope_id });
    await report;
    assert.deepEqual(payload.container, { type: 'view', view_id: id });
    assert.equal(payload.view.id, id);
    assert.deepEqual([payload.channel, payload.message, payload.response_url], [undefined, undefined, undefined]);
  });
});
