// Check 13: Socket Mode is switched off, and the short life that debug_reconnects=true asks for.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { RawSocket, nextEvent, openUrl, socketClient, start } from './support.mjs';

describe('10.13 link_disabled and debug_reconnects', () => {
  let slack;
  const open = [];
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    for (const s of open.splice(0)) s.destroy();
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());
  const socket = async (more = '') => {
    const s = await RawSocket.open((await openUrl(slack, 'xapp-1-right')) + more);
    open.push(s);
    return s;
  };

  test('every socket hears link_disabled, and gets no more envelopes', async () => {
    const sockets = [await socket(), await socket()];
    await slack.waitForSockets(2);
    await slack.post('sockets', { action: 'link_disabled' });
    for (const s of sockets) {
      const message = await s.text((m) => m.type === 'disconnect');
      assert.equal(message.reason, 'link_disabled');
      assert.equal(typeof message.debug_info.host, 'string');
    }
    assert.equal((await slack.command('ann', 'general', '/opencode', 'x')).error, 'no_socket');
  });

  test('the SDK takes it for any disconnect, and connects again', async () => {
    const client = socketClient(slack);
    await client.start();
    const again = nextEvent(client, 'connected', 40_000);
    await slack.post('sockets', { action: 'link_disabled' });
    await again;
    await client.disconnect();
  });

  test('debug_reconnects=true: 360 s of life, which a test may shorten', async () => {
    const s = await socket('&debug_reconnects=true');
    const hello = await s.text((m) => m.type === 'hello');
    assert.equal(hello.debug_info.approximate_connection_time, 360);
    await slack.post('switches', { lifetime_scale: 0.002 });
    const short = await socket('&debug_reconnects=true');
    await short.text((m) => m.type === 'disconnect' && m.reason === 'refresh_requested', 10_000);
    const long = await socket(); // 18,060 s are 36 s then
    await long.text((m) => m.type === 'hello');
    assert.equal(long.texts.filter((m) => m.type === 'disconnect').length, 0);
  });
});
