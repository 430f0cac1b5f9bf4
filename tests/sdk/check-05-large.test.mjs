// Check 5: large envelopes, whose length takes 64 bits, in both directions. Small read buffers: python/test_socket_mode.py.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GENERAL, RawSocket, boltApp, isEvent, nextEvent, openUrl, section, socketClient, start, webClient } from './support.mjs';

describe('10.5 large envelopes', () => {
  let slack;
  before(async () => {
    slack = await start();
  });
  after(() => slack.stop());

  test('the SDK reads an event of 70 kB, of which every character is there', async () => {
    const client = socketClient(slack);
    await client.start();
    for (const n of [100, 125, 126, 65_500, 70_000, 150_000]) {
      const text = 'ä€𝄞x'.repeat(Math.ceil(n / 5)).slice(0, n);
      const heard = nextEvent(client, 'message');
      await slack.say('ann', 'general', text);
      const [{ event, ack }] = await heard;
      await ack();
      assert.equal(event.text, text.toWellFormed?.() ?? text);
    }
    await client.disconnect();
  });

  test('one text frame, not fragments', async () => {
    const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    await slack.waitForSockets(1);
    const ts = await slack.say('ann', 'general', 'x'.repeat(90_000));
    const envelope = await s.text((m) => isEvent(m) && m.payload.event.ts === ts); // fragments would not parse
    assert.equal(envelope.payload.event.text.length, 90_000);
    s.destroy();
  });

  test('a click in a modal carries the whole view, and the answer may be as large', async () => {
    const app = boltApp(slack);
    const blocks = Array.from({ length: 98 }, (_, i) => section(`${i} ${'x'.repeat(1900)}`, { block_id: `b${i}` }));
    const view = {
      type: 'modal', callback_id: 'big', title: { type: 'plain_text', text: 'Big' }, submit: { type: 'plain_text', text: 'Go' },
      blocks: [...blocks, { type: 'actions', elements: [{ type: 'button', action_id: 'b', text: { type: 'plain_text', text: 'b' } }] }] };
    let clicked;
    app.command('/opencode', async ({ ack, command, client }) => {
      await ack();
      await client.views.open({ trigger_id: command.trigger_id, view });
    });
    app.action('b', async ({ ack, body }) => {
      await ack();
      clicked = body;
    });
    app.view('big', async ({ ack }) => ack({ response_action: 'update', view: { ...view, title: { type: 'plain_text', text: 'Bigger' } } }));
    await app.start();
    await slack.command('ann', 'general', '/opencode');
    const opened = await slack.waitFor((s) => s.views[0]?.view, { what: 'the modal' });
    await slack.click({ user: 'ann', view_id: opened.id, action_id: 'b' });
    assert.ok(JSON.stringify(clicked).length > 180_000);
    await slack.submit('ann', opened.id);
    assert.equal((await slack.state()).views[0].view.title.text, 'Bigger');
    await app.stop();
  });

  test('a message at the limit of blocks and text comes back whole in a click', async () => {
    const web = webClient(slack);
    const blocks = Array.from({ length: 49 }, (_, i) => section(`${i} ${'y'.repeat(230)}`));
    const posted = await web.chat.postMessage({ channel: GENERAL, text: 't'.repeat(3000), blocks: [...blocks,
      { type: 'actions', elements: [{ type: 'button', action_id: 'x', value: 'v'.repeat(2000), text: { type: 'plain_text', text: 'b' } }] }] });
    const client = socketClient(slack);
    await client.start();
    const heard = nextEvent(client, 'interactive');
    const report = slack.click({ user: 'ann', channel: 'general', ts: posted.ts, action_id: 'x' });
    const [{ body, ack }] = await heard;
    await ack();
    await report;
    assert.equal(body.message.blocks.length, 50);
    assert.equal(body.actions[0].value.length, 2000);
    await client.disconnect();
  });
});
