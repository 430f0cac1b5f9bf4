// Check 15: frames that no client expects, and clients that send what no server expects. Both sides live on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from '../harness/child.mjs';
import { APP_TOKEN, RawSocket, nextEvent, openUrl, quietLogger, socketClient, start } from './support.mjs';

const require = createRequire(import.meta.url);
const { version } = JSON.parse(readFileSync(require.resolve('@slack/socket-mode/package.json'), 'utf8'));
const DIES_OF_NO_EVENT = version === '3.1.0';
const LISTENER = fileURLToPath(new URL('apps/listener.mjs', import.meta.url));

describe('10.15 junk', () => {
  let slack;
  let client;
  let logger;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await client?.disconnect();
    client = undefined;
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const connect = async () => {
    logger = quietLogger();
    client = socketClient(slack, { logger });
    await client.start();
  };
  const stillWorks = async () => {
    const heard = nextEvent(client, 'message');
    await slack.say('ann', 'general', 'still there?');
    const [{ event, ack }] = await heard;
    await ack();
    assert.equal(event.text, 'still there?');
    assert.equal((await slack.calls('apps.connections.open')).length, 1);
  };

  test('the SDK ignores a binary frame', async () => {
    await connect();
    await slack.post('deliver', { binary: Buffer.from([1, 2, 3, 4]).toString('base64') });
    await slack.waitFor(() => logger.lines.some((l) => l.includes('Unexpected binary message received')), { what: 'the line in its log' });
    await stillWorks();
  });

  for (const text of ['', 'not json', '{"type":']) {
    test(`the SDK ignores what is not JSON: '${text}'`, async () => {
      await connect();
      await slack.post('deliver', { envelope: text });
      await slack.waitFor(() => logger.lines.some((l) => l.includes('Unable to parse an incoming WebSocket message')), { what: 'the line in its log' });
      await stillWorks();
    });
  }

  test('the SDK hands on a type that it does not know', async () => {
    await connect();
    const heard = nextEvent(client, 'slack_event');
    await slack.post('deliver', { envelope: { type: 'surprise' } });
    assert.equal((await heard)[0].type, 'surprise');
    await stillWorks();
  });

  test('an events_api without an inner event: version 3.1.0 of the SDK dies of it, later ones do not', async () => {
    const child = new Child(process.execPath, [LISTENER], { env: { PATH: process.env.PATH, SLACK_API_URL: slack.apiUrl, SLACK_APP_TOKEN: APP_TOKEN } });
    try {
      await child.output(/listening/, 20_000);
      await slack.post('event', { payload: { type: 'app_rate_limited', minute_rate_limited: 1 } });
      if (DIES_OF_NO_EVENT) {
        assert.equal((await child.exit).code, 1);
        assert.match(child.log(), /TypeError/);
      } else {
        await slack.say('ann', 'general', 'still there?');
        await child.output(/heard still there\?/, 10_000);
      }
    } finally {
      await child.kill9();
    }
  });

  test('app_rate_limited as it goes over the wire', async () => {
    const raw = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
    await slack.waitForSockets(1);
    await slack.post('event', { payload: { type: 'app_rate_limited', token: 't', team_id: 'T0LOCAL', minute_rate_limited: 1, api_app_id: 'A0LOCAL' } });
    const envelope = await raw.text((m) => m.type === 'events_api');
    assert.equal(envelope.payload.type, 'app_rate_limited');
    assert.equal(envelope.payload.event, undefined);
    raw.destroy();
  });

  test('localslack lives on after a client\'s wrong frames', async () => {
    const wrong = [
      (s) => s.tcp.write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0])), // reserved bits
      (s) => s.tcp.write(Buffer.from([0x81, 0x02, 0x68, 0x69])), // not masked
      (s) => s.tcp.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0])), // an opcode that is none
      (s) => s.tcp.write(Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0])), // a ping of 256 bytes
      (s) => s.tcp.write(Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])), // 2^64 bytes
      (s) => s.sendFrame(1, Buffer.from([0xff, 0xfe])), // not UTF-8
    ];
    for (const [i, write] of wrong.entries()) {
      const s = await RawSocket.open(await openUrl(slack, 'xapp-1-right'));
      write(s);
      await s.until(() => s.ended || s.closeCode !== undefined).catch((e) => assert.fail(`frame ${i}: ${e.message}`));
      s.destroy();
    }
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'them to go' });
    await slack.post('reset');
    await connect();
    await stillWorks();
  });
});
