// Check 12: a socket is told to go: warning, refresh_requested; what the SDK does then, and what a careful client can do.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RawSocket, isEvent, nextEvent, openUrl, socketClient, start } from './support.mjs';

const frame = (reason) => ({ type: 'disconnect', reason, debug_info: { host: 'wss-111.slack.com' } });

describe('10.12 warning and refresh', () => {
  describe('the SDK', { concurrency: true }, () => {
    // After the close handshake Slack leaves TCP to the client, and the client waits some 6 s for Slack. Hence together.
    for (const reason of ['warning', 'refresh_requested', 'too_many_websockets']) {
      test(`reconnects after a disconnect of the reason ${reason}, which the app does not see as an event`, async () => {
        const slack = await start();
        const client = socketClient(slack);
        const events = [];
        client.on('slack_event', async ({ body, ack }) => {
          events.push(body.event.text);
          await ack();
        });
        await client.start();
        const again = nextEvent(client, 'connected', 40_000);
        const leaving = nextEvent(client, 'reconnecting', 40_000);
        await slack.post('deliver', { envelope: frame(reason) });
        await leaving;
        await again;
        await slack.say('ann', 'general', 'after');
        await slack.waitFor(() => events.length > 0, { what: 'an event on the new socket' });
        assert.deepEqual(events, ['after']);
        assert.equal((await slack.calls('apps.connections.open')).length, 2);
        await client.disconnect();
        await slack.stop();
      });
    }

    test('is blind between the sockets: what is said then comes as a retry', async () => {
      const slack = await start();
      const client = socketClient(slack);
      const events = [];
      client.on('message', async ({ event, retry_num, ack }) => {
        events.push([event.text, retry_num]);
        await ack();
      });
      await client.start();
      await slack.post('switches', { retry_scale: 0.05 }); // 0 s, 3 s, 15 s
      const again = nextEvent(client, 'connected', 40_000);
      await slack.post('sockets', { action: 'refresh' });
      await slack.say('ann', 'general', 'in the gap');
      await again;
      await slack.waitFor(() => events.length === 1, { what: 'the retry', timeout_ms: 30_000 });
      assert.deepEqual([events[0][0], events[0][1] > 0], ['in the gap', true]);
      await client.disconnect();
      await slack.stop();
    });

    test('without autoReconnect it stays away', async () => {
      const slack = await start();
      const client = socketClient(slack, { autoReconnectEnabled: false });
      await client.start();
      const gone = nextEvent(client, 'disconnected', 40_000);
      await slack.post('sockets', { action: 'refresh' });
      await gone;
      assert.equal((await slack.calls('apps.connections.open')).length, 1);
      await slack.stop();
    });
  });

  describe('a careful client', () => {
    let slack;
    const open = [];
    before(async () => {
      slack = await start();
    });
    after(async () => {
      for (const s of open) s.destroy();
      await slack.stop();
    });
    const socket = async (url) => {
      const s = await RawSocket.open(url ?? (await openUrl(slack, 'xapp-1-right')));
      open.push(s);
      return s;
    };

    test('overlaps: nothing new for the old socket, its acknowledgements count, TCP is left to the client', async () => {
      const old = await socket();
      await slack.waitForSockets(1);
      const ts = await slack.say('ann', 'general', 'late');
      const envelope = await old.text((m) => isEvent(m) && m.payload.event.ts === ts);
      await slack.post('sockets', { action: 'warning' });
      await old.text((m) => m.type === 'disconnect' && m.reason === 'warning');
      const second = await socket();
      await slack.waitForSockets(2);
      const first = (await slack.state()).sockets[0].id;
      await slack.post('sockets', { action: 'refresh', which: first });
      await old.text((m) => m.type === 'disconnect' && m.reason === 'refresh_requested');
      for (let i = 0; i < 10; i++) {
        const after = await slack.say('ann', 'general', `new ${i}`);
        const got = await second.text((m) => isEvent(m) && m.payload.event.ts === after);
        second.send({ envelope_id: got.envelope_id });
      }
      assert.equal(old.texts.filter(isEvent).length, 1);
      const { acked } = await slack.waitFor((s) => s.envelopes.pending === 1 && s.envelopes, { what: 'ten acknowledgements' });
      old.send({ envelope_id: envelope.envelope_id });
      await slack.waitFor((s) => s.envelopes.acked === acked + 1, { what: 'the late acknowledgement' });
      old.sendFrame(8, Buffer.from([0x03, 0xe8]));
      await old.until(() => old.closeCode === 1000);
      await slack.waitFor((s) => s.sockets.length === 1, { what: 'the old socket to be forgotten' });
      assert.equal(old.ended, false);
    });
  });

  test('a socket at the end of its life is warned, then told to go', async () => {
    const slack = await start('--socket-lifetime', '1');
    const raw = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    await raw.text((m) => m.type === 'disconnect' && m.reason === 'refresh_requested', 10_000);
    assert.deepEqual(raw.texts.map((m) => m.reason ?? m.type), ['hello', 'warning', 'refresh_requested']);
    raw.destroy();
    await slack.stop();
  });
});
