// Check 3: the handshake with every client, hello, and the order of the SDK's life-cycle events.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { RawSocket, nextEvent, openUrl, socketClient, start } from './support.mjs';

describe('10.3 handshake and hello', () => {
  let slack;
  const open = [];
  before(async () => {
    slack = await start('--socket-lifetime', '120');
  });
  afterEach(async () => {
    for (const s of open.splice(0)) s.destroy();
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
  });
  after(() => slack.stop());

  const socket = async (headers) => {
    const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'), headers);
    open.push(s);
    return s;
  };

  test('compression is offered by the client and not taken; Host and Origin do not matter', async () => {
    const s = await socket({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits', Origin: 'http://elsewhere' });
    assert.equal(s.status, 101);
    assert.doesNotMatch(s.head, /sec-websocket-extensions/i);
    assert.match(s.head, /sec-websocket-accept: ICX\+Yqv66kxgM0FcWaLWlFLwTAI=/i); // RFC 6455 §4.2.2 of the 16 zero bytes
  });

  test('hello says how many sockets there are, for how long, and whose', async () => {
    const first = await (await socket()).text((m) => m.type === 'hello');
    assert.equal(first.num_connections, 1);
    assert.equal(first.connection_info.app_id, 'A0LOCAL');
    assert.equal(first.debug_info.approximate_connection_time, 120);
    assert.equal(typeof first.debug_info.host, 'string');
    assert.equal(typeof first.debug_info.build_number, 'number');
    assert.equal((await (await socket()).text((m) => m.type === 'hello')).num_connections, 2);
  });

  test('the SDK: connecting, authenticated, connected after hello; disconnecting, disconnected', async () => {
    const client = socketClient(slack);
    const seen = [];
    for (const name of ['authenticated', 'connecting', 'connected', 'disconnecting', 'disconnected']) client.on(name, () => seen.push(name));
    client.on('ws_message', (data) => seen.push(JSON.parse(data).type));
    await client.start();
    await client.disconnect();
    // The client's own listener of ws_message runs before the one above, hence 'connected' before 'hello'.
    assert.deepEqual(seen, ['authenticated', 'connecting', 'connected', 'hello', 'disconnecting', 'disconnected']);
  });

  test('disconnect() without start() is no error', async () => {
    const client = socketClient(slack);
    const gone = nextEvent(client, 'disconnected');
    await client.disconnect();
    await gone;
  });

  test('a request that is no handshake is refused', async () => {
    const url = (await openUrl(slack, 'xapp-1-right')).replace('ws:', 'http:');
    const status = (await fetch(url)).status;
    assert.ok(status >= 400 && status < 500, `${status}`);
  });
});
