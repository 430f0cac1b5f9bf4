// Socket Mode from below: tickets, hello, pings, the ends of a socket, redelivery; with a bare client, and with
// the official SocketModeClient where its behaviour is the proof.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { SocketModeClient } from '@slack/socket-mode';
import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from './raw-socket.mjs';

let slack;
const open = [];

async function socket(url) {
  const s = await RawSocket.open(url ?? (await openUrl(slack)));
  open.push(s);
  return s;
}

const isEvent = (m) => m.type === 'events_api';

before(async () => {
  slack = await startLocalSlack({ args: ['--quiet', '--socket-lifetime', '120'] });
});
afterEach(async () => {
  for (const s of open.splice(0)) s.destroy();
  await slack.waitFor((state) => state.sockets.length === 0, { what: 'the sockets of the test to go' });
  await slack.post('reset');
});
after(async () => {
  await slack.stop();
});

test('the address: header token only, single use, POST only', async () => {
  const call = async (init) => (await fetch(`${slack.apiUrl}apps.connections.open`, init)).json();
  assert.equal((await call({ method: 'POST' })).error, 'not_authed');
  assert.equal((await call({ method: 'POST', headers: { authorization: 'Bearer xoxb-1' } })).error, 'not_allowed_token_type');
  assert.equal((await call({ headers: { authorization: 'Bearer xapp-1-1' } })).error, 'insecure_request');
  assert.equal((await call({ method: 'POST', body: new URLSearchParams({ token: 'xapp-1-1' }) })).error, 'not_authed');
  const empty = { method: 'POST', headers: { authorization: 'Bearer xapp-1-1', 'content-type': 'application/json;charset=utf-8' } };
  const { url } = await call(empty); // an empty body under a JSON content type, as the Python SDK sends it
  assert.equal((await socket(url)).status, 101);
  assert.equal((await socket(url)).status, 401);
  assert.equal((await socket(url.replace(/ticket=[^&]*/, 'ticket=none'))).status, 401);
});

test('hello, a ping of its own, pings echoed to the byte', async () => {
  const s = await socket();
  const hello = await s.text((m) => m.type === 'hello');
  assert.equal(hello.num_connections, 1);
  assert.equal(hello.debug_info.approximate_connection_time, 120);
  assert.equal(hello.connection_info.app_id, 'A0LOCAL');
  await s.until(() => s.pings > 0);
  assert.match(s.lastPing, /^Ping from /);
  const payload = 'Ping from client (1795406742266) \u00e9 end';
  s.sendFrame(9, payload);
  await s.until(() => s.lastPong === payload);
});

test('an envelope goes to exactly one socket; all get their share; sticky: the oldest gets all', async () => {
  const sockets = await Promise.all([socket(), socket(), socket()]);
  for (const s of sockets) s.autoAck = true;
  await slack.waitForSockets(3);
  for (let i = 0; i < 30; i++) await slack.say('ann', 'general', `m${i}`);
  await slack.waitFor((state) => state.envelopes.acked >= 30, { what: '30 acknowledgements' });
  const shares = sockets.map((s) => s.acked ?? 0);
  assert.equal(shares.reduce((a, b) => a + b), 30);
  assert.ok(shares.every((n) => n > 0), `shares ${shares}`);
  await slack.post('switches', { sticky: true });
  for (let i = 0; i < 10; i++) await slack.say('ann', 'general', `s${i}`);
  await slack.waitFor((state) => state.envelopes.acked >= 40, { what: '40 acknowledgements' });
  assert.equal(sockets.filter((s, i) => (s.acked ?? 0) !== shares[i]).length, 1);
});

test('the eleventh socket is one too many', async () => {
  for (let i = 0; i < 10; i++) await socket();
  const last = await socket();
  const message = await last.text((m) => m.type === 'disconnect');
  assert.equal(message.reason, 'too_many_websockets');
  assert.equal(message.num_connections, 10);
  await last.until(() => last.closeCode !== undefined);
});

test('acknowledgements: with and without payload, with spaces, twice, unknown, and not JSON', async () => {
  const s = await socket();
  const forms = [
    (id) => `{"envelope_id":"${id}"}`,
    (id) => `{"envelope_id": "${id}", "payload": {}}`,
    (id) => `{ "payload" : {"text" : "x"} , "envelope_id" : "${id}" }`,
  ];
  const before = (await slack.state()).envelopes.acked;
  for (const form of forms) {
    const ts = await slack.say('ann', 'general', 'hi');
    const envelope = await s.text((m) => isEvent(m) && m.payload.event.ts === ts);
    assert.equal(envelope.accepts_response_payload, false);
    assert.equal(envelope.retry_attempt, 0);
    s.send('not json');
    s.sendFrame(2, Buffer.from([0, 1, 2]));
    s.send('{"envelope_id":"00000000-0000-4000-8000-000000000000"}');
    s.send('[]');
    s.send(form(envelope.envelope_id));
    s.send(form(envelope.envelope_id));
  }
  await slack.waitFor((state) => state.envelopes.acked === before + 3, { what: 'three acknowledgements' });
  assert.equal((await slack.state()).envelopes.pending, 0);
});

test('an event without acknowledgement comes again: new envelope_id, same event_id, three times, then it is lost', async () => {
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
  const s = await socket();
  const ts = await slack.say('ann', 'general', 'hello');
  const mine = () => s.texts.filter((m) => isEvent(m) && m.payload.event.ts === ts);
  await s.until(() => mine().length === 4, 10_000);
  const all = mine();
  assert.deepEqual(all.map((m) => m.retry_attempt), [0, 1, 2, 3]);
  assert.deepEqual(all.map((m) => m.retry_reason), ['', 'timeout', 'timeout', 'timeout']);
  assert.equal(new Set(all.map((m) => m.envelope_id)).size, 4);
  assert.equal(new Set(all.map((m) => m.payload.event_id)).size, 1);
  const before = (await slack.get('outcomes?outcome=lost')).length;
  if (before === 0) await slack.waitFor(async () => (await slack.get('outcomes?outcome=lost')).length === 1, { what: 'the loss' });
  assert.equal(mine().length, 4);
});

test('an acknowledged retry ends the series; a late acknowledgement of the first changes nothing', async () => {
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
  const s = await socket();
  const ts = await slack.say('ann', 'general', 'hello');
  const of = (n) => s.text((m) => isEvent(m) && m.payload.event.ts === ts && m.retry_attempt === n);
  const first = await of(0);
  const second = await of(1);
  s.send({ envelope_id: second.envelope_id });
  s.send({ envelope_id: first.envelope_id });
  await slack.waitFor((state) => state.envelopes.pending === 0, { what: 'nothing pending' });
  assert.equal((await slack.get('outcomes?outcome=lost')).length, 0);
});

test('what happens while no socket is up is delivered by the retries', async () => {
  await slack.post('switches', { retry_scale: 0.02 }); // 0 s, 1.2 s, 6 s
  const ts = await slack.say('ann', 'general', 'anybody there?');
  const s = await socket();
  const envelope = await s.text((m) => isEvent(m) && m.payload.event.ts === ts);
  assert.ok(envelope.retry_attempt > 0);
  s.send({ envelope_id: envelope.envelope_id });
});

test('commands and clicks are never sent again', async () => {
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0 });
  const none = await slack.command('ann', 'general', '/opencode', 'x');
  assert.deepEqual([none.acked, none.error], [false, 'no_socket']);
  const s = await socket();
  const late = await slack.command('ann', 'general', '/opencode', 'x');
  assert.deepEqual([late.acked, late.error], [false, 'timeout']);
  assert.equal(s.texts.filter((m) => m.type === 'slash_commands').length, 1);
});

test('the end of a socket: warning, refresh, late acknowledgements until the close, TCP left to the client', async () => {
  const s = await socket();
  await slack.waitForSockets(1);
  const ts = await slack.say('ann', 'general', 'late');
  const envelope = await s.text((m) => isEvent(m) && m.payload.event.ts === ts);
  await slack.post('sockets', { action: 'warning' });
  await s.text((m) => m.type === 'disconnect' && m.reason === 'warning');
  await slack.post('sockets', { action: 'refresh' });
  await s.text((m) => m.type === 'disconnect' && m.reason === 'refresh_requested');
  const second = await socket();
  await slack.waitForSockets(1);
  const after = await slack.say('ann', 'general', 'new');
  await second.text((m) => isEvent(m) && m.payload.event.ts === after);
  assert.ok(!s.texts.some((m) => isEvent(m) && m.payload.event.ts === after));
  const acked = (await slack.state()).envelopes.acked;
  s.send({ envelope_id: envelope.envelope_id });
  await slack.waitFor((state) => state.envelopes.acked === acked + 1, { what: 'the late acknowledgement' });
  s.sendFrame(8, Buffer.from([0x03, 0xe8]));
  await s.until(() => s.closeCode === 1000);
  await slack.waitFor((state) => state.sockets.length === 1, { what: 'the old socket to be forgotten' });
  assert.equal(s.ended, false); // Slack does not close TCP
});

test('a frozen socket is counted, swallows what it gets, and lives again after a thaw', async () => {
  const s = await socket();
  await slack.waitForSockets(1);
  await slack.post('sockets', { action: 'freeze' });
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 1000 });
  const report = await slack.command('ann', 'general', '/opencode', 'x');
  assert.equal(report.error, 'timeout');
  assert.equal(s.texts.filter((m) => m.type === 'slash_commands').length, 0);
  const second = await socket();
  assert.equal((await second.text((m) => m.type === 'hello')).num_connections, 2);
  second.destroy();
  await slack.post('sockets', { action: 'thaw' });
  s.autoAck = true;
  await slack.waitFor((state) => state.sockets.length === 1 && state.sockets[0].state === 'live', { what: 'the thaw' });
  assert.equal((await slack.command('ann', 'general', '/opencode', 'y')).acked, true);
});

test('a killed socket ends without a close frame', async () => {
  const s = await socket();
  await slack.waitForSockets(1);
  await slack.post('sockets', { action: 'kill' });
  await s.until(() => s.ended);
  assert.equal(s.closeCode, undefined);
});

test('faults of the handshake, arbitrary frames, duplicates', async () => {
  await slack.post('faults', [{ method: 'link', action: 'http_status', status: 409 }]);
  assert.equal((await socket()).status, 409);
  const s = await socket();
  await slack.waitForSockets(1);
  await slack.post('deliver', { envelope: { type: 'surprise' } });
  await s.text((m) => m.type === 'surprise');
  await slack.post('event', { payload: { type: 'app_rate_limited', minute_rate_limited: 1 } });
  await s.text((m) => isEvent(m) && m.payload.type === 'app_rate_limited' && !m.payload.event);
  const ts = await slack.say('ann', 'general', 'twice');
  const first = await s.text((m) => isEvent(m) && m.payload.event?.ts === ts);
  s.send({ envelope_id: first.envelope_id });
  await slack.post('redeliver', { event_id: first.payload.event_id, new_envelope_id: true });
  const again = await s.text((m) => isEvent(m) && m.payload.event?.ts === ts && m.envelope_id !== first.envelope_id);
  assert.equal(again.payload.event_id, first.payload.event_id);
});

test('a large envelope: 64-bit length', async () => {
  const s = await socket();
  await slack.waitForSockets(1);
  const text = 'x'.repeat(90_000);
  const ts = await slack.say('ann', 'general', text);
  const envelope = await s.text((m) => isEvent(m) && m.payload.event.ts === ts);
  assert.equal(envelope.payload.event.text.length, text.length);
});

test('the SocketModeClient: hello, retries surfaced, refresh survived', async () => {
  const client = new SocketModeClient({ appToken: 'xapp-1-1', clientOptions: { slackApiUrl: slack.apiUrl }, logLevel: 'error' });
  const seen = [];
  client.on('slack_event', async (e) => {
    seen.push(e);
    if (e.retry_num > 0) await e.ack();
  });
  await client.start();
  await slack.post('switches', { ack_timeout_ms: 100, retry_scale: 0.001 });
  await slack.say('ann', 'general', 'hello');
  await slack.waitFor(() => seen.some((e) => e.retry_num === 1 && e.retry_reason === 'timeout'), { what: 'the retry in the SDK' });
  await slack.post('switches', { ack_timeout_ms: 3000, retry_scale: 1 });
  const again = new Promise((resolve) => client.once('connected', resolve));
  await slack.post('sockets', { action: 'refresh' });
  await again; // the SDK waits 5 s, and longer for a server that leaves TCP open
  const ts = await slack.say('ann', 'general', 'after');
  await slack.waitFor(() => seen.some((e) => e.body.event?.ts === ts), { what: 'an event on the new socket' });
  await client.disconnect();
});
