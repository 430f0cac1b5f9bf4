// Check 8: what is not acknowledged within 3 s: events come again, commands and clicks never do.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERAL, RawSocket, boltApp, button, isEvent, openUrl, plain, start } from './support.mjs';

describe('10.8 redelivery', () => {
  let slack;
  let stop;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await stop?.();
    stop = undefined;
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const connectRaw = async () => {
    const raw = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    stop = () => raw.destroy();
    await slack.waitForSockets(1);
    return raw;
  };

  test('three retries: new envelope_id, same event_id, reason timeout; then it is lost', async () => {
    await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
    const raw = await connectRaw();
    const ts = await slack.say('ann', 'general', 'hello');
    const mine = () => raw.texts.filter((m) => isEvent(m) && m.payload.event.ts === ts);
    await slack.waitFor(async () => (await slack.get('outcomes?outcome=lost')).length === 1, { what: 'the loss' });
    const all = mine();
    assert.deepEqual(all.map((m) => m.retry_attempt), [0, 1, 2, 3]);
    assert.deepEqual(all.map((m) => m.retry_reason), ['', 'timeout', 'timeout', 'timeout']);
    assert.equal(new Set(all.map((m) => m.envelope_id)).size, 4);
    assert.equal(new Set(all.map((m) => m.payload.event_id)).size, 1);
    assert.equal((await slack.state()).envelopes.pending, 0);
  });

  test('the waits are as 0 : 60 : 300, after a deadline each', async () => {
    const scale = 0.002; // 0, 120 and 600 ms
    await slack.post('switches', { ack_timeout_ms: 150, retry_scale: scale });
    const raw = await connectRaw();
    const at = [];
    const ts = await slack.say('ann', 'general', 'hello');
    for (const n of [0, 1, 2, 3]) {
      await raw.text((m) => isEvent(m) && m.payload.event.ts === ts && m.retry_attempt === n);
      at.push(Date.now());
    }
    const gaps = at.slice(1).map((t, i) => t - at[i]);
    // Lower bounds only: a busy machine may be late, but nothing may come early.
    for (const [i, wait] of [0, 60_000, 300_000].entries()) {
      assert.ok(gaps[i] >= 150 + wait * scale - 20, `gap ${i + 1} is ${gaps[i]} ms`);
    }
  });

  test('an acknowledged retry ends the series; a late acknowledgement changes nothing', async () => {
    await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
    const raw = await connectRaw();
    const ts = await slack.say('ann', 'general', 'hello');
    const of = (n) => raw.text((m) => isEvent(m) && m.payload.event.ts === ts && m.retry_attempt === n);
    const first = await of(0);
    const second = await of(1);
    raw.send({ envelope_id: second.envelope_id });
    raw.send({ envelope_id: first.envelope_id });
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'nothing pending' });
    assert.equal((await slack.get('outcomes?outcome=lost')).length, 0);
  });

  test('a Bolt app that withholds its acknowledgement of a command: the person sees operation_timeout, once', async () => {
    await slack.post('switches', { ack_timeout_ms: 200, retry_scale: 0 });
    const app = boltApp(slack);
    stop = () => app.stop();
    let runs = 0;
    app.command('/opencode', async () => void runs++);
    await app.start();
    const report = await slack.command('ann', 'general', '/opencode', 'x');
    assert.deepEqual([report.acked, report.error], [false, 'timeout']);
    await slack.waitFor(() => slack.events().some((e) => e.event === 'failure' && /operation_timeout/.test(e.data.text)), { what: 'the failure on the page' });
    await slack.command('ann', 'general', '/opencode', 'y'); // time enough for a retry that must not be
    assert.equal(runs, 2);
  });

  test('clicks and submissions are not sent again, and the modal stays', async () => {
    await slack.post('switches', { ack_timeout_ms: 200, retry_scale: 0 });
    const app = boltApp(slack);
    stop = () => app.stop();
    const runs = [];
    app.action('go', async ({ body, client }) => {
      runs.push('click');
      await client.views.open({ trigger_id: body.trigger_id, view: {
        type: 'modal', callback_id: 'm', title: plain('M'), submit: plain('Go'), blocks: [{ type: 'divider' }] } });
    });
    app.view('m', async () => void runs.push('submission'));
    await app.start();
    const { ts } = await app.client.chat.postMessage({ channel: GENERAL, text: 'card', blocks: [{ type: 'actions', elements: [button('go')] }] });
    assert.equal((await slack.click({ user: 'ann', channel: 'general', ts, action_id: 'go' })).error, 'timeout');
    const view = await slack.waitFor((s) => s.views[0]?.view, { what: 'the modal' });
    assert.equal((await slack.submit('ann', view.id)).error, 'timeout');
    assert.equal((await slack.state()).views.length, 1);
    assert.deepEqual(runs, ['click', 'submission']);
  });

  test('an event may be repeated on demand: the same event_id with another envelope_id', async () => {
    const raw = await connectRaw();
    const ts = await slack.say('ann', 'general', 'twice');
    const first = await raw.text((m) => isEvent(m) && m.payload.event?.ts === ts);
    raw.send({ envelope_id: first.envelope_id });
    await slack.post('redeliver', { event_id: first.payload.event_id, new_envelope_id: true });
    const again = await raw.text((m) => isEvent(m) && m.payload.event?.ts === ts && m.envelope_id !== first.envelope_id);
    assert.equal(again.payload.event_id, first.payload.event_id);
  });
});
