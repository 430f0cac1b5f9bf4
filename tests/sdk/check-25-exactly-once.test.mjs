// Check 25: faults on both sides of the effect. The SDK's own retries double posts; client_msg_id, where it holds, and
// looking for one's own metadata do not. A client that is killed at any time leaves each of its posts there once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child, until } from '../harness/child.mjs';
import { BOT_TOKEN, GENERAL, failsWith, nextEvent, socketClient, start, webClient } from './support.mjs';

const POSTER = fileURLToPath(new URL('apps/poster.mjs', import.meta.url));
const uuid = (text) => createHash('sha256').update(text).digest('hex').replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-a$4-$5');

describe('10.25 exactly once', () => {
  let slack;
  let web;
  before(async () => {
    slack = await start();
    web = webClient(slack);
  });
  beforeEach(() => slack.post('reset'));
  after(() => slack.stop());

  const count = async (text) => (await slack.messages('general')).filter((m) => m.text === text).length;
  const fault = (...list) => slack.post('faults', list.map((f) => ({ method: 'chat.postMessage', ...f })));

  for (const [action, times] of [['http_500_before', 1], ['drop_before', 1], ['http_500_after', 2], ['drop_response_after', 2]]) {
    test(`${action}: one call of the SDK, ${times} message${times > 1 ? 's' : ''}`, async () => {
      await fault({ action });
      await web.chat.postMessage({ channel: GENERAL, text: action });
      assert.equal(await count(action), times);
    });

    test(`${action} with client_msg_id: one message, and its own ts`, async () => {
      await fault({ action, times: 2 });
      const { ts } = await web.chat.postMessage({ channel: GENERAL, text: action, client_msg_id: uuid(action) });
      assert.deepEqual((await slack.messages('general')).filter((m) => m.text === action).map((m) => m.ts), [ts]);
    });
  }

  test('client_msg_id switched off: the repetition is another message', async () => {
    await slack.post('switches', { client_msg_id: false });
    await fault({ action: 'http_500_after' });
    await web.chat.postMessage({ channel: GENERAL, text: 'x', client_msg_id: uuid('x') });
    assert.equal(await count('x'), 2);
  });

  test('client_msg_id: the message or the channel that is gone', async () => {
    const args = { channel: GENERAL, text: 'gone', client_msg_id: uuid('gone') };
    const { ts } = await web.chat.postMessage(args);
    assert.equal((await web.chat.postMessage(args)).ts, ts);
    await web.chat.delete({ channel: GENERAL, ts });
    await failsWith(web.chat.postMessage(args), 'duplicate_message_not_found');
  });

  test('ok:false with 200 is an error and no retry; an error of Slack may come after the effect', async () => {
    await fault({ action: 'ok_false', error: 'fatal_error' });
    await failsWith(web.chat.postMessage({ channel: GENERAL, text: 'x' }), 'fatal_error');
    assert.equal((await slack.calls('chat.postMessage')).length, 1);
    assert.equal(await count('x'), 0);
  });

  test('an answer slower than the client waits: the message is there all the same', async () => {
    await fault({ action: 'delay_after', delay_ms: 600 });
    const impatient = webClient(slack, { timeout: 150, retryConfig: { retries: 0 } });
    await assert.rejects(impatient.chat.postMessage({ channel: GENERAL, text: 'slow' }));
    await slack.waitForMessage((m) => m.text === 'slow');
    assert.equal(await count('slow'), 1);
  });

  test('an event twice over, with another envelope: the app sees one event_id', async () => {
    const client = socketClient(slack);
    const seen = [];
    client.on('message', async ({ body, envelope_id, ack }) => {
      seen.push([body.event_id, envelope_id]);
      await ack();
    });
    await client.start();
    await slack.say('ann', 'general', 'once');
    await slack.waitFor(() => seen.length === 1, { what: 'the event' });
    await slack.post('redeliver', { event_id: seen[0][0], new_envelope_id: true });
    await slack.waitFor(() => seen.length === 2, { what: 'the event again' });
    assert.equal(seen[1][0], seen[0][0]);
    assert.notEqual(seen[1][1], seen[0][1]);
    await client.disconnect();
  });

  describe('envelopes', () => {
    let client;
    let seen;
    beforeEach(async () => {
      client = socketClient(slack);
      seen = [];
      client.on('message', async ({ body, envelope_id, retry_num, event, ack }) => {
        seen.push({ event_id: body.event_id, envelope_id, retry_num, text: event.text });
        await ack();
      });
      await client.start();
    });
    afterEach(() => client.disconnect());
    const fail = (what) => slack.post('faults', [{ envelope: 'message', ...what }]);
    const saw = (n) => slack.waitFor((s) => seen.length >= n && s.envelopes.pending === 0, { what: `${n} events` });

    test('a lost acknowledgement: the event comes again though the app has seen it', async () => {
      await slack.post('switches', { ack_timeout_ms: 200, retry_scale: 0 });
      await fail({ action: 'lose_ack' });
      await slack.say('ann', 'general', 'ack me');
      await saw(2);
      assert.deepEqual(seen.map((s) => s.retry_num), [0, 1]);
      assert.equal(seen[0].event_id, seen[1].event_id);
    });

    test('a lost envelope is seen by its retry only', async () => {
      await slack.post('switches', { ack_timeout_ms: 200, retry_scale: 0 });
      await fail({ action: 'lose' });
      await slack.say('ann', 'general', 'lose me');
      await saw(1);
      assert.deepEqual(seen.map((s) => s.retry_num), [1]);
    });

    test('a duplicate has another envelope_id and the same event_id, a repetition the same of both', async () => {
      await fail({ action: 'duplicate' });
      await slack.say('ann', 'general', 'twice');
      await saw(2);
      assert.equal(seen[0].event_id, seen[1].event_id);
      assert.notEqual(seen[0].envelope_id, seen[1].envelope_id);
      await fail({ action: 'repeat' });
      await slack.say('ann', 'general', 'again');
      await saw(4);
      assert.deepEqual(seen[2], seen[3]);
    });

    test('reordering: all come, each once', async () => {
      await fail({ action: 'reorder', window: 8, times: 8 });
      const texts = Array.from({ length: 8 }, (_, i) => `m${i}`);
      for (const text of texts) await slack.say('ann', 'general', text);
      await saw(8);
      assert.deepEqual(seen.map((s) => s.text).sort(), texts);
    });
  });

  /** Kills the poster until all is posted; `env` says how careful it is. Returns how often each oid is there. */
  async function campaign(n, env) {
    let kills = 0;
    for (;;) {
      const child = new Child(process.execPath, [POSTER], { env: {
        PATH: process.env.PATH, SLACK_API_URL: slack.apiUrl, SLACK_BOT_TOKEN: BOT_TOKEN, CHANNEL: GENERAL, POSTS: String(n), ...env } });
      const posts = 2 + (kills % 4);
      const ended = await Promise.race([
        child.exit.then(() => true),
        until('posts of this run', async () => !child.alive || (child.log().match(/^posting /gm) ?? []).length >= posts, 20_000, 1).then(() => false)]);
      if (ended) {
        assert.match(child.log(), /all posted/, child.log());
        break;
      }
      await child.kill9();
      kills++;
      assert.ok(kills < 100, 'it makes no progress');
    }
    const found = {};
    for (const { metadata } of await slack.messages('general')) {
      if (metadata) found[metadata.event_payload.oid] = (found[metadata.event_payload.oid] ?? 0) + 1;
    }
    return { found, kills };
  }
  const once = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`oid-${i}`, 1]));
  const badDays = () => fault(...Array.from({ length: 6 }, (_, i) => ({ action: ['http_500_after', 'drop_response_after', 'delay'][i % 3], delay_ms: 5 })));

  test('killed again and again, with client_msg_id: each post once', async () => {
    await badDays();
    const { found, kills } = await campaign(12, { WITH_CLIENT_MSG_ID: '1' });
    assert.ok(kills > 0);
    assert.deepEqual(found, once(12));
  });

  test('killed again and again, without client_msg_id but looking first: each post once', async () => {
    await slack.post('switches', { client_msg_id: false });
    await badDays();
    const { found, kills } = await campaign(12, { LOOK_FIRST: '1' });
    assert.ok(kills > 0);
    assert.deepEqual(found, once(12));
  });

  test('the SDK alone doubles: the same faults, no care', async () => {
    await fault({ action: 'http_500_after' }, { action: 'drop_response_after' });
    const { found } = await campaign(2, {});
    assert.ok(Object.values(found).some((n) => n > 1), JSON.stringify(found));
  });

  test('429 for a while is waited for, and doubles nothing', async () => {
    await fault({ action: 'rate_limit', retry_after_s: 1 });
    const limited = nextEvent(web, 'rate_limited');
    await web.chat.postMessage({ channel: GENERAL, text: 'limited' });
    assert.equal((await limited)[0], 1);
    assert.equal(await count('limited'), 1);
  });
});
