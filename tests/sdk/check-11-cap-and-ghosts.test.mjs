// Check 11: ten sockets and no more, and the ghosts among them: registered, given envelopes, and gone.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { RawSocket, nextEvent, openUrl, socketClient, start } from './support.mjs';

describe('10.11 too many sockets, and ghosts', () => {
  let slack;
  const raws = [];
  const clients = [];
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await slack.post('switches', { ghost_ms: 0 });
    for (const s of raws.splice(0)) s.destroy();
    await Promise.all(clients.splice(0).map((c) => c.disconnect()));
    await slack.post('sockets', { action: 'kill' }); // the ghosts
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const raw = async () => {
    const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    raws.push(s);
    return s;
  };
  const hello = async () => (await (await raw()).text((m) => m.type === 'hello')).num_connections;

  test('the eleventh is told too_many_websockets and closed; the ten live on', async () => {
    for (let i = 0; i < 10; i++) await raw();
    const last = await raw();
    const message = await last.text((m) => m.type === 'disconnect');
    assert.deepEqual([message.reason, message.num_connections, message.connection_info.app_id], ['too_many_websockets', 10, 'A0LOCAL']);
    assert.equal(typeof message.debug_info.host, 'string');
    await last.until(() => last.closeCode !== undefined);
    assert.equal((await slack.state()).sockets.filter((s) => s.state === 'live').length, 10);
  });

  test('the SDK as the eleventh goes on trying, and gets in when there is room', async () => {
    for (let i = 0; i < 10; i++) await raw();
    const client = socketClient(slack);
    clients.push(client);
    const closed = nextEvent(client, 'close');
    const started = client.start();
    await closed;
    raws.pop().destroy();
    await started;
    await slack.waitForSockets(10);
    assert.ok((await slack.calls('apps.connections.open')).length >= 12);
  });

  test('hello counts a half-open socket, and it swallows envelopes', async () => {
    await raw();
    await slack.waitForSockets(1);
    await slack.post('sockets', { action: 'freeze' });
    assert.equal(await hello(), 2);
    await slack.post('switches', { sticky: true, ack_timeout_ms: 150, retry_scale: 1000 });
    const report = await slack.command('ann', 'general', '/opencode', 'x');
    assert.equal(report.error, 'timeout');
    assert.equal(raws.flatMap((s) => s.texts).filter((m) => m.type === 'slash_commands').length, 0);
  });

  test('a client that is gone without a close frame stays registered for a while', async () => {
    await slack.post('switches', { ghost_ms: 60_000, sticky: true, ack_timeout_ms: 150, retry_scale: 0 });
    (await raw()).destroy();
    const client = socketClient(slack);
    clients.push(client);
    const frames = [];
    client.on('ws_message', (data) => frames.push(JSON.parse(data)));
    await client.start();
    assert.equal(frames.find((f) => f.type === 'hello').num_connections, 2);
    // The click goes to the ghost and is lost; the event comes again, to whoever is there by then.
    assert.equal((await slack.command('ann', 'general', '/opencode', 'x')).error, 'timeout');
    await slack.post('switches', { sticky: false });
    let heard = 0;
    client.on('message', async ({ ack }) => {
      heard++;
      await ack();
    });
    const n = 12;
    for (let i = 0; i < n; i++) await slack.say('ann', 'general', `m${i}`);
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'the end of the retries' });
    assert.ok(heard > 0 && (await slack.state()).envelopes.retries > 0, `${heard} heard`);
  });

  test('a ghost goes by itself', async () => {
    await slack.post('switches', { ghost_ms: 200 });
    (await raw()).destroy();
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the ghost to go' });
    assert.equal(await hello(), 1);
  });
});
