// Broken, hostile and oversized input from every side: it is refused and counted, and those who did nothing wrong do not
// notice. Each test ends with a session that was there before and must still work.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { runGateway } from '../harness/gateway.mjs';
import { ANN, BOB, GENERAL, startWorld, textOf } from '../harness/world.mjs';

const WebSocket = createRequire(new URL('../../plugin/package.json', import.meta.url))('ws');
const SLOW_MS = 60_000;
const MIB = 1024 * 1024;

let world, slack, gateway, opencode, thread, pid;
before(async () => {
  world = await startWorld({ opencode: false });
  ({ slack, gateway } = world);
  ({ pid } = gateway);
  opencode = new FakeOpenCode({ gatewayUrl: gateway.url, token: gateway.token, directory: world.directory });
  await gateway.ready({ bridges: 1 });
  thread = await world.start('say:Here before.');
  await thread.says(/Here before/);
});
after(async () => {
  await opencode?.stop();
  await world?.close();
});

let replies = 0;
afterEach(async () => {
  assert.ok(gateway.child.alive && gateway.pid === pid, `the gateway lives:\n${gateway.log().slice(-2000)}`);
  const text = `Still here ${++replies}.`;
  await slack.waitForSockets(1, { timeout_ms: SLOW_MS });
  await thread.reply(`say:${text}`);
  await thread.wait(text, (list) => list.some((m) => m.bot_id && m.text === text), SLOW_MS);
  assert.deepEqual(opencode.violations, []);
});

/** Runs `body` and waits until the metric (`name` or `name{label="value"}`) has grown by `n`. */
const counted = async (name, n, body) => {
  const value = async () => {
    const lines = (await gateway.api('GET', '/metrics')).body.split('\n');
    return lines.filter((l) => l.startsWith(name)).reduce((sum, l) => sum + Number(l.slice(l.lastIndexOf(' ') + 1)), 0);
  };
  const first = await value();
  const result = await body();
  let last;
  await world
    .until(`${name} to grow by ${n}`, async () => (last = await value()) >= first + n, SLOW_MS)
    .catch((error) => assert.fail(`${error.message}: it is ${last}, was ${first}`));
  assert.equal(last, first + n);
  return result;
};

// ---- Slack ----

const deliver = (envelope) =>
  slack.post('deliver', { envelope: typeof envelope === 'string' ? envelope : JSON.stringify(envelope) });
const event = (inner, more = {}) => ({
  type: 'events_api',
  envelope_id: `bad-${Math.random()}`,
  accepts_response_payload: false,
  payload: { type: 'event_callback', team_id: 'T0LOCAL', event_id: 'Ev0BAD', event: inner, ...more },
});

test('frames from Slack that are none', async () => {
  const frames = {
    json: ['', '{', 'not json', '{"type":"events_api",}', '\u0001', '['.repeat(100_000), '{}x'],
    type: ['{}', '{"type":7}', '{"type":null,"envelope_id":"x"}', '[]', '"text"', 'null'],
    unknown_type: ['{"type":"one_that_comes_next_year","envelope_id":"x","payload":{}}', `{"type":"${'x'.repeat(100_000)}"}`],
    envelope_id: [
      '{"type":"events_api","payload":{}}',
      '{"type":"interactive","envelope_id":"","payload":{}}',
      '{"type":"slash_commands","envelope_id":["x"],"payload":{}}',
      `{"type":"slash_commands","envelope_id":"${'x'.repeat(10_000)}","payload":{}}`,
    ],
    payload: ['{"type":"events_api","envelope_id":"x"}', '{"type":"interactive","envelope_id":"x","payload":"text"}'],
  };
  for (const [reason, list] of Object.entries(frames)) {
    await counted(`slack_bad_frames_total{reason="${reason}"}`, list.length, async () => {
      for (const frame of list) await deliver(frame);
    });
  }
});

test('payloads that lack what their kind has', async () => {
  const say = { type: 'message', channel: GENERAL, channel_type: 'channel', user: BOB, ts: '1700000000.000001', text: 'x' };
  const click = { type: 'block_actions', user: { id: BOB }, channel: { id: GENERAL }, container: { message_ts: '1.2' } };
  const envelopes = [
    event(undefined),
    event('text'),
    event({ ...say, user: 7 }),
    event({ ...say, ts: undefined }),
    event({ ...say, channel: ['C'] }),
    event({ ...say, text: { a: 1 } }),
    event({ type: ['message'] }),
    { type: 'slash_commands', envelope_id: 'x1', payload: {} },
    { type: 'slash_commands', envelope_id: 'x2', payload: { command: 7, text: 'start x', trigger_id: 't', user_id: BOB } },
    { type: 'interactive', envelope_id: 'x3', payload: {} },
    { type: 'interactive', envelope_id: 'x4', payload: { ...click, actions: 'none' } },
    { type: 'interactive', envelope_id: 'x5', payload: { type: 'view_submission', user: { id: BOB }, view: [] } },
  ];
  const prompts = opencode.prompts.length;
  const acks = await gateway.metric('slack_acks_total');
  for (const envelope of envelopes) await deliver(envelope);
  // Each is acknowledged, or Slack would bring it again and be no wiser.
  await world.until('every one acknowledged', async () => (await gateway.metric('slack_acks_total')) >= acks + envelopes.length, SLOW_MS);
  assert.ok((await gateway.metric('slack_bad_payloads_total')) > 0, 'some of them are not even readable, and counted');
  assert.equal(opencode.prompts.length, prompts);
});

test('clicks that nobody could have made', async () => {
  const click = (action) => ({
    type: 'interactive',
    envelope_id: `click-${Math.random()}`,
    accepts_response_payload: false,
    payload: {
      type: 'block_actions',
      team: { id: 'T0LOCAL' },
      user: { id: ANN },
      channel: { id: GENERAL },
      container: { type: 'message', message_ts: thread.ts, channel_id: GENERAL },
      trigger_id: '1.2.3',
      actions: [{ action_ts: `${Date.now()}.000001`, type: 'button', ...action }],
    },
  });
  const [session] = await gateway.sessions();
  const acks = await gateway.metric('slack_acks_total');
  const actions = [
    { action_id: 'session.stop', value: 'x'.repeat(100_000) },
    { action_id: 'session.stop', value: '../../etc/passwd' },
    { action_id: 'session.stop', value: '-1' },
    { action_id: 'permission.once', value: session.ref }, // of a session, not of a permission
    { action_id: 'question.pick.0', value: `${session.ref}:99999999999999999999:-1` },
    { action_id: 'no.such.action', value: session.ref },
    { action_id: 7, value: session.ref },
    {},
  ];
  for (const action of actions) await deliver(click(action));
  await world.until('every click acknowledged', async () => (await gateway.metric('slack_acks_total')) >= acks + actions.length, SLOW_MS);
});

test('texts without measure', async () => {
  const words = 'long '.repeat((MIB + 1000) / 5);
  const prompts = opencode.prompts.length;
  const { acked } = await slack.command(ANN, GENERAL, '/opencode', `start ${words}`);
  assert.equal(acked, true);
  await slack.waitFor((s) => s.ephemerals.some((e) => e.user === ANN && /too long/.test(textOf(e.message))), {
    what: 'Ann to be told that it is too long',
    timeout_ms: SLOW_MS,
  });
  await thread.reply(words, BOB);
  await thread.told(BOB, /too long/, SLOW_MS);
  assert.equal(opencode.prompts.length, prompts);

  const depth = 20_000;
  await counted('slack_bad_', 1, () =>
    deliver(`{"type":"events_api","envelope_id":"deep","payload":{"event":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
  );
  // A frame beyond every limit ends its socket; another takes its place.
  await deliver(event({ type: 'message', channel: GENERAL, user: BOB, text: 'x'.repeat(20 * MIB), ts: '1.1' })).catch(() => {});
  await slack.waitForSockets(2, { timeout_ms: SLOW_MS });
});

// ---- the bridge ----

/** A stranger at the bridge: what it is told and how it ends. */
const dial = async ({ token = gateway.token, frames = [] } = {}) => {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/api/opencode/bridge`, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  const heard = [];
  socket.on('message', (data) => heard.push(JSON.parse(data)));
  const closed = new Promise((done) => socket.on('close', (code) => done(code)));
  socket.on('error', () => {}); // `close` says what there is to say
  await once(socket, 'open');
  for (const frame of frames) socket.send(Buffer.isBuffer(frame) || typeof frame === 'string' ? frame : JSON.stringify(frame));
  return {
    socket,
    heard,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    hears: (what, fits) => world.until(what, () => heard.find(fits), SLOW_MS),
    end: async () => {
      socket.terminate();
      await closed;
    },
  };
};
let bridges = 0;
const hello = (more = {}) => ({
  type: 'hello',
  protocol: 1,
  bridge_id: `00000000-0000-4000-8000-${String(++bridges).padStart(12, '0')}`,
  plugin_version: '0.0.0-stranger',
  opencode_version: null,
  pid: 1,
  directories: [],
  next_seq: 1,
  lost: 0,
  ...more,
});
const durable = (type, seq, more) => ({
  type,
  seq,
  directory: '/nowhere',
  at_ms: 1,
  session_id: 'ses_unknown',
  root_id: 'ses_unknown',
  ...more,
});

test('a wrong token is refused before anything is read', async () => {
  const refused = (headers) =>
    new Promise((done) => {
      const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/api/opencode/bridge`, { headers });
      socket.on('unexpected-response', (_, response) => done(response.statusCode));
      socket.on('error', () => {});
    });
  await counted('bridge_refused_total', 4, async () => {
    for (const authorization of ['Bearer wrong', `Bearer ${gateway.token}x`, 'Basic eDp5', `Bearer ${'x'.repeat(3000)}`])
      assert.equal(await refused({ authorization }), 401);
  });
  assert.ok(!gateway.log().includes(gateway.token), 'and no log shows the right one');
});

test('the first frame must be hello', async () => {
  for (const frame of [{ type: 'pong', nonce: 'x' }, durable('session.idle', 1), 'nonsense', '{"type":7}', hello({ protocol: 2 })]) {
    const stranger = await dial({ frames: [frame] });
    assert.equal(await stranger.closed, 1002);
    assert.equal(stranger.heard[0]?.type, 'error');
  }
  const wrong = await dial({ frames: [hello({ pid: 'one' })] });
  const error = await wrong.hears('why', (f) => f.type === 'error');
  assert.deepEqual([error.code, error.field], ['bad_field', 'pid']);
  assert.equal(await wrong.closed, 1002);
});

test('no hello at all: the connection does not stay', async () => {
  const silent = await dial();
  assert.equal(await silent.closed, 1002);
});

test('garbage on a bridge that is welcome: each is told, the field is named, the connection lives', async () => {
  const bridge = await dial({ frames: [hello()] });
  await bridge.hears('welcome', (f) => f.type === 'welcome');
  const cases = [
    ['not json', 'bad_frame', undefined],
    ['[]', 'bad_frame', undefined],
    ['{"type":"invented"}', 'bad_frame', 'type'],
    ['{"type":"pong"}', 'bad_field', 'nonce'],
    [durable('permission.asked', 1, { permission: { id: 'per_1' } }), 'bad_field', 'permission.permission'],
    [durable('session.idle', 2, { root_id: 7 }), 'bad_field', 'root_id'],
    [hello(), 'protocol', 'type'],
  ];
  for (const [frame, code, field] of cases) {
    const n = bridge.heard.filter((f) => f.type === 'error').length;
    await counted(`bridge_bad_frames_total{code="${code}"}`, 1, () => bridge.send(frame));
    await world.until('its error', () => bridge.heard.filter((f) => f.type === 'error').length > n, SLOW_MS);
    const error = bridge.heard.filter((f) => f.type === 'error').at(-1);
    assert.equal(error.code, code, JSON.stringify(frame));
    if (field) assert.equal(error.field, field);
  }
  // What was refused is acknowledged all the same: it would not become better.
  await bridge.hears('its acknowledgement', (f) => f.type === 'ack' && f.seq >= 2);
  await bridge.end();
});

test('binary frames', async () => {
  const bridge = await dial({ frames: [hello()] });
  await bridge.hears('welcome', (f) => f.type === 'welcome');
  await counted('bridge_bad_frames_total{code="bad_frame"}', 2, async () => {
    bridge.socket.send(Buffer.from('{"type":"pong","nonce":"x"}'), { binary: true });
    bridge.socket.send(Buffer.alloc(1000), { binary: true });
  });
  await bridge.hears('why', (f) => f.type === 'error' && /text/.test(f.message));
  await bridge.end();
  const stranger = await dial({ frames: [Buffer.from(JSON.stringify(hello()))] });
  assert.equal(await stranger.closed, 1002);
});

test('a frame beyond a megabyte ends the connection with 1009', async () => {
  const bridge = await dial({ frames: [hello()] });
  await bridge.hears('welcome', (f) => f.type === 'welcome');
  bridge.send(durable('message.received', 1, { message: { text: 'x'.repeat(MIB) } }));
  assert.equal(await bridge.closed, 1009);
  assert.ok(bridge.heard.some((f) => f.type === 'error' && f.code === 'too_large'));
  assert.ok(bridge.heard.some((f) => f.type === 'ack' && f.seq === 1), 'or it would come again for ever');

  const enormous = await dial({ frames: [hello()] });
  await enormous.hears('welcome', (f) => f.type === 'welcome');
  enormous.send('x'.repeat(8 * MIB));
  assert.ok([1009, 1006].includes(await enormous.closed));
});

test('events of sessions that nobody knows are acknowledged and forgotten', async () => {
  const bridge = await dial({ frames: [hello()] });
  await bridge.hears('welcome', (f) => f.type === 'welcome');
  const flows = (await gateway.api('GET', '/api/flows')).body.length;
  bridge.send(durable('session.idle', 1));
  bridge.send(durable('session.active', 2));
  bridge.send(durable('permission.replied', 3, { permission_id: 'per_unknown', reply: 'once' }));
  bridge.send({ type: 'reconcile', seq: 4, directory: '/', at_ms: 1, directories: [] });
  bridge.send({ type: 'reply', request_id: 'that nobody made', ok: true, result: {} });
  await bridge.hears('the acknowledgement of all', (f) => f.type === 'ack' && f.seq === 4);
  assert.equal((await gateway.api('GET', '/api/flows')).body.length, flows);
  await bridge.end();
});

// ---- HTTP ----

test('the HTTP interface refuses what it cannot read', async () => {
  const { api } = gateway;
  const ask = (body, headers) => api('POST', '/api/opencode/permission', body, headers);
  assert.equal((await api('GET', '/api/sessions', undefined, { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await api('GET', '/api/sessions', undefined, { authorization: '' })).status, 401);
  assert.equal((await api('GET', '/api/nothing')).status, 404);
  assert.equal((await api('DELETE', '/api/sessions')).status, 404);
  assert.equal((await api('GET', '/api/sessions/0123456789abcdef')).status, 404);
  assert.equal((await api('POST', '/api/flows/..%2f..%2f/retry', '{}')).status, 202, 'a retry of nothing is nothing');

  for (const body of ['', '{', '[]', 'null', '{"request_id":"a","request_id":"b"}', '['.repeat(1000)]) {
    const { status, body: answer } = await ask(body);
    assert.equal(status, 400, body.slice(0, 20));
    assert.equal(answer.error.code, 'bad_json');
  }
  const good = { request_id: 'r', session_id: 's', permission: 'p' };
  for (const [field, value] of [
    ['request_id', 7],
    ['session_id', undefined],
    ['permission', 'x'.repeat(1000)],
    ['patterns', 'none'],
    ['metadata', []],
    ['timeout_ms', '1'],
    ['timeout_ms', 1.5],
  ]) {
    const { status, body: answer } = await ask({ ...good, [field]: value });
    assert.equal(status, 400, field);
    assert.equal(answer.error.field, field);
  }
  assert.equal((await ask(JSON.stringify({ ...good, metadata: { x: 'x'.repeat(2 * MIB) } }))).status, 413);
});

/** Bytes as they are; what comes back until the server ends it. */
const raw = async (...pieces) => {
  const socket = connect(gateway.port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => (answer += text));
  socket.on('error', () => {}); // a reset is an end, too
  const closed = once(socket, 'close');
  for (const piece of pieces) socket.write(piece);
  await closed;
  return answer;
};

test('HTTP that two servers could read in two ways, or without end', async () => {
  const post = (headers, body = '') =>
    raw(`POST /api/opencode/permission HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.token}\r\n${headers}\r\n\r\n${body}`);
  const status = (answer) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  assert.equal(status(await post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n')), 400);
  assert.equal(status(await post('Content-Length: 5\r\nContent-Length: 6', 'hello')), 400);
  assert.equal(status(await post('Content-Length: -1')), 400);
  assert.equal(status(await post('Transfer-Encoding: gzip, chunked')), 501);
  assert.equal(status(await post('Content-Length: 99999999999')), 413);
  assert.equal(status(await post('Transfer-Encoding: chunked', 'zz\r\n')), 400);
  assert.equal(status(await raw('GET / HTTP/1.1\r\nHost : x\r\n\r\n')), 400);
  assert.equal(status(await raw('\u0016\u0003\u0001 what TLS begins with\r\n\r\n')), 400);
  assert.equal(status(await raw(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)), 414);
  assert.equal(status(await raw('GET / HTTP/1.1\r\nHost: x\r\n', ...Array.from({ length: 500 }, (_, i) => `X-${i}: ${'y'.repeat(200)}\r\n`))), 431);
});

test('an upgrade that is none', async () => {
  const status = async (headers) =>
    Number(/^HTTP\/1\.1 (\d+)/.exec(
      await raw(`GET /api/opencode/bridge HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${gateway.token}\r\n${headers}\r\n`),
    )?.[1]);
  assert.equal(await status(''), 426);
  assert.ok([400, 426].includes(await status('Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n')));
  assert.ok([400, 426].includes(await status('Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n')));
});

// ---- the configuration ----

test('mistakes in the configuration are named with file, line and column', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'conf-'));
  try {
    const file = join(directory, 'gateway.yaml');
    const check = async (yaml, env = {}) => {
      await writeFile(file, yaml);
      return runGateway(['check-config', '-c', file], env);
    };
    const good = [
      'slack:',
      '  bot_token: xoxb-hush-1',
      '  app_token: xapp-hush-2',
      'gateway:',
      '  bridge_token: a-bridge-token-of-some-length',
      'opencode:',
      '  directory: /srv',
      '',
    ].join('\n');
    assert.equal((await check(good)).code, 0);
    for (const [yaml, where, what] of [
      [`${good}colour: red\n`, ':8:1:', /colour/],
      [good.replace('bot_token', 'bot_tokn'), ':2:3:', /bot_tokn/],
      [`${good}slack:\n  sockets: 2\n`, ':8:1:', /slack/],
      [good.replace('gateway:', 'gateway:\n  listen: not an address'), ':5:11:', /gateway\.listen/],
      [good.replace('slack:', 'slack:\n  sockets: many'), ':2:12:', /slack\.sockets/],
      [good.replace('slack:', 'slack:\n\tsockets: 2'), ':2:', /./],
      [good.replace('xoxb-hush-1', '*alias'), ':2:14:', /alias/],
      [good.replace('xoxb-hush-1', '[xoxb-hush-1'), ':', /./],
    ]) {
      const { code, output } = await check(yaml);
      assert.equal(code, 1, yaml);
      assert.ok(output.includes(`${file}${where}`), `${where} in: ${output}`);
      assert.match(output, what);
      assert.doesNotMatch(output, /hush/, 'no value is shown');
    }
    const { code, output } = await check('');
    assert.equal(code, 1);
    assert.match(output, /bot_token/);
    assert.equal((await runGateway(['check-config', '-c', join(directory, 'absent.yaml')])).code, 1);
    assert.equal((await runGateway(['dance'])).code, 2);
    assert.equal((await runGateway([])).code, 2);
  } finally {
    await rm(directory, { recursive: true });
  }
});
