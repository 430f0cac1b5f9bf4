// Check 14: pings in both directions, and the ways in which a connection can be bad, each as the SDK meets it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RawSocket, nextEvent, openUrl, socketClient, start } from './support.mjs';

/** A localslack and a connected client for one test, both ended after it. */
function withClient(options, body) {
  return async (t) => {
    const slack = await start();
    if (options.switches) await slack.post('switches', options.switches);
    const client = socketClient(slack, options.client);
    try {
      if (!options.idle) await client.start();
      await body(slack, client, t);
    } finally {
      await slack.post('switches', { pongs: 'all', ping_period_ms: 15_000 });
      await slack.post('faults', []);
      if (!client.websocket?.isActive()) await nextEvent(client, 'connected', 60_000); // disconnect() would not end
      await client.disconnect();
      await slack.stop();
    }
  };
}

const opens = async (slack) => (await slack.calls('apps.connections.open')).length;

describe('10.14 pings and bad connections', () => {
  test('pings are echoed to the byte, and there is one of Slack\'s at once', async () => {
    const slack = await start();
    const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    await s.until(() => s.pings > 0);
    assert.match(s.lastPing, /^Ping from /);
    for (const payload of ['', 'Ping from client (1795406742266) é end', 'x'.repeat(125)]) {
      s.lastPong = undefined;
      s.sendFrame(9, payload);
      await s.until(() => s.lastPong === payload);
    }
    s.destroy();
    await slack.stop();
  });

  describe('the SDK', { concurrency: true }, () => {
    test('stays while pings and pongs come', withClient(
      { client: { clientPingTimeout: 600, serverPingTimeout: 600 }, switches: { ping_period_ms: 50 } },
      async (slack, client) => {
        // Client pings come every 200 ms; ten of them are more than three time-outs.
        let pongs = 0;
        const pong = client.websocket.constructor.pongChannel;
        const count = () => pongs++;
        pong.subscribe(count);
        await slack.waitFor(() => pongs >= 10, { what: 'ten pongs' });
        pong.unsubscribe(count);
        assert.equal(await opens(slack), 1);
      }));

    test('reconnects when no pong comes', withClient(
      { client: { clientPingTimeout: 200 }, switches: { pongs: 'none' } },
      async (slack, client) => {
        const again = nextEvent(client, 'reconnecting', 20_000);
        await again;
        await slack.post('switches', { pongs: 'all' });
        await slack.waitFor(async () => (await opens(slack)) >= 2, { what: 'another connection', timeout_ms: 30_000 });
      }));

    test('reconnects when pongs stop after the first', withClient(
      { client: { clientPingTimeout: 200 }, switches: { pongs: 'once' } },
      async (slack, client) => {
        const again = nextEvent(client, 'reconnecting', 20_000);
        await again;
        await slack.post('switches', { pongs: 'all' });
        await slack.waitFor(async () => (await opens(slack)) >= 2, { what: 'another connection', timeout_ms: 30_000 });
      }));

    test('reconnects when the server pings no more', withClient(
      { client: { serverPingTimeout: 300 }, switches: { ping_period_ms: 3_600_000 } },
      async (slack, client) => {
        await nextEvent(client, 'reconnecting', 20_000);
        await slack.post('switches', { ping_period_ms: 50 });
        await slack.waitFor(async () => (await opens(slack)) >= 2, { what: 'another connection', timeout_ms: 30_000 });
      }));

    test('gives a frozen socket up, though its close frame is not answered', async () => {
      const slack = await start();
      const client = socketClient(slack, { clientPingTimeout: 200 });
      await client.start();
      const again = nextEvent(client, 'connected', 50_000); // the SDK may give the peer 30 s for its close frame
      await slack.post('sockets', { action: 'freeze' });
      await again;
      assert.deepEqual((await slack.state()).sockets.map((s) => s.state), ['frozen', 'live']);
      await client.disconnect();
      await slack.stop();
    });

    test('two clients in one process: the one without pongs reconnects, the other stays', async () => {
      const slack = await start();
      const [first, second] = [socketClient(slack, { clientPingTimeout: 200 }), socketClient(slack, { clientPingTimeout: 200 })];
      await first.start();
      const { id } = (await slack.state()).sockets[0];
      await second.start();
      let secondLeft = false;
      second.on('close', () => (secondLeft = true));
      const again = nextEvent(first, 'connected', 20_000);
      await slack.post('sockets', { action: 'freeze', which: id });
      await again;
      assert.equal(secondLeft, false);
      await Promise.all([first.disconnect(), second.disconnect()]);
      await slack.stop();
    });

    for (const action of ['kill', 'close', 'reset']) {
      test(`reconnects after the server's ${action}`, withClient({}, async (slack, client) => {
        const again = nextEvent(client, 'connected', 20_000);
        await slack.post('sockets', { action });
        await again;
        const heard = nextEvent(client, 'message');
        await slack.say('ann', 'general', 'after');
        const [{ ack }] = await heard;
        await ack();
      }));
    }

    for (const status of [408, 409, 429, 503]) {
      test(`${status} at the handshake: one attempt after the other, never two at a time`, withClient({ idle: true, client: { clientPingTimeout: 100 } },
        async (slack, client) => {
          await slack.post('faults', [{ method: 'link', action: 'http_status', status, times: 3 }]);
          let closes = 0;
          client.on('close', () => closes++);
          await client.start();
          assert.deepEqual([closes, await opens(slack)], [3, 4]);
          assert.equal((await slack.state()).sockets.length, 1);
        }));
    }
  });

  test('a client that is silent for too long is cut', async () => {
    const slack = await start();
    await slack.post('switches', { idle_kill_ms: 200, ping_period_ms: 50 });
    const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    s.mute = true; // no pongs
    await s.until(() => s.ended, 10_000);
    await slack.stop();
  });
});
