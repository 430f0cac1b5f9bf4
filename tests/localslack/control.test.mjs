// What tests are given: faults of envelopes and calls, scenarios, expectations, the export, the state file.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from '../sdk/raw-socket.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Every envelope is acknowledged, and kept in `texts`. */
function acknowledge(socket) {
  socket.texts.push = (frame) => {
    if (frame.envelope_id) socket.send({ envelope_id: frame.envelope_id });
    return Array.prototype.push.call(socket.texts, frame);
  };
}

async function withSocket(args = []) {
  const slack = await startLocalSlack({ args: ['--quiet', ...args] });
  const socket = await RawSocket.open(await openUrl(slack));
  acknowledge(socket);
  return { slack, socket, end: async () => (socket.destroy(), slack.stop()) };
}

const call = async (slack, method, args) => {
  const response = await fetch(`${slack.apiUrl}${method}`, {
    method: 'POST',
    headers: { authorization: 'Bearer xoxb-local', 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(args),
  });
  return { status: response.status, ...(await response.json()) };
};

/** The error text of an expectation that fails. */
async function refused(slack, body) {
  const response = await fetch(`${slack.url}/_local/expect`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 422);
  return (await response.json()).error;
}

const envelopes = (socket, text) => socket.texts.filter((f) => f.payload?.event?.type === 'message' && f.payload.event.text.startsWith(text));
const seen = (slack, what, n = 1) => slack.expect({ frame: { direction: 'out', contains: what }, at_least: n });

test('an envelope is doubled, repeated, loses its acknowledgement, is lost', async () => {
  const { slack, socket, end } = await withSocket(['--switch', 'retry_scale=0', '--switch', 'ack_timeout_ms=1000']);
  await slack.post('faults', [{ envelope: 'message', action: 'duplicate' }]);
  await slack.say('ann', 'general', 'double');
  await seen(slack, '"text":"double"', 2);
  await slack.waitFor(() => envelopes(socket, 'double').length === 2, { what: 'two frames' });
  const [first, second] = envelopes(socket, 'double');
  assert.notEqual(first.envelope_id, second.envelope_id);
  assert.equal(first.payload.event_id, second.payload.event_id);
  await slack.post('faults', [{ envelope: 'events_api', action: 'repeat' }]);
  await slack.say('ann', 'general', 'again');
  await slack.waitFor(() => envelopes(socket, 'again').length === 2, { what: 'two frames' });
  assert.equal(new Set(envelopes(socket, 'again').map((f) => f.envelope_id)).size, 1);
  for (const [action, times] of [['lose_ack', 2], ['lose', 1]]) {
    await slack.post('faults', { envelope: '*', action });
    await slack.say('ann', 'general', `${action}!`);
    await slack.expect({ outcome: { outcome: 'timeout' }, at_least: action === 'lose' ? 2 : 1 });
    await slack.waitFor(() => envelopes(socket, `${action}!`).length === times, { what: `${times} frames` });
    assert.equal(envelopes(socket, `${action}!`).at(-1).retry_attempt, 1);
  }
  await end();
});

test('envelopes are delayed, and shuffled as the seed says', async () => {
  const orders = [];
  for (const seed of [5, 5, 6]) {
    const { slack, socket, end } = await withSocket();
    await slack.post('scenario', { seed, steps: [{ at: 0, faults: [{ envelope: 'message', action: 'reorder', window: 8, times: 8, delay_ms: 5000 }] }] });
    await slack.waitFor(async () => (await slack.get('faults')).faults.length === 1, { what: 'the fault' });
    for (let i = 0; i < 8; i++) await slack.say('ann', 'general', `n${i}`);
    await slack.waitFor(() => envelopes(socket, 'n').length === 8, { what: 'all eight' });
    orders.push(envelopes(socket, 'n').map((f) => f.payload.event.text).join(' '));
    await slack.post('faults', [{ envelope: 'message', action: 'delay', delay_ms: 150 }]);
    const before = Date.now();
    await slack.say('ann', 'general', 'late');
    await slack.waitFor(() => envelopes(socket, 'late').length === 1, { what: 'the late one' });
    assert.ok(Date.now() - before >= 150);
    await end();
  }
  assert.equal(orders[0], orders[1]);
  assert.notEqual(orders[0], orders[2]);
  assert.notEqual(orders[0], 'n0 n1 n2 n3 n4 n5 n6 n7');
});

test('faults of calls: for a time, with a probability, a late answer after the effect', async () => {
  const { slack, end } = await withSocket();
  await slack.post('faults', [{ method: 'chat.*', action: 'rate_limit', retry_after_s: 3, for_ms: 60_000 }]);
  for (let i = 0; i < 3; i++) assert.equal((await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'x' })).status, 429);
  assert.equal((await call(slack, 'auth.test', {})).ok, true);
  const { faults } = await slack.get('faults');
  assert.equal(faults[0].action, 'rate_limit');
  assert.equal(faults[0].retry_after_s, 3);
  assert.ok(faults[0].for_ms > 0);
  await slack.post('faults', []);
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'delay_after', delay_ms: 60_000 }]);
  const abort = AbortSignal.timeout(300);
  const lost = await fetch(`${slack.apiUrl}chat.postMessage`, {
    method: 'POST', signal: abort, headers: { authorization: 'Bearer xoxb-local' },
    body: new URLSearchParams({ channel: 'C0GENERAL', text: 'in time' }),
  }).catch((error) => error.name);
  assert.equal(lost, 'TimeoutError');
  await slack.expect({ message: { channel: 'general', text: 'in time' }, count: 1 });
  for (const bad of [{ action: 'nonsense' }, { times: 0 }, { probability: 2 }, { delay_ms: -1 }, { envelope: 'x', action: 'ok_false' }, 7]) {
    await assert.rejects(slack.post('faults', [bad]));
  }
  assert.equal((await slack.get('faults')).faults.length, 0);
  await end();
});

test('ghosts are counted and swallow; a reset is seen; pongs stop', async () => {
  const { slack, socket, end } = await withSocket(['--switch', 'ghost_ms=60000', '--switch', 'sticky=true']);
  await slack.post('sockets', { action: 'reset' });
  await slack.waitFor(() => socket.ended, { what: 'the end of the socket' });
  await slack.waitFor((state) => state.sockets.length === 0, { what: 'no socket' });
  const ghost = await RawSocket.open(await openUrl(slack));
  ghost.destroy();
  await slack.waitFor((state) => state.sockets[0]?.state === 'ghost', { what: 'a ghost' });
  const live = await RawSocket.open(await openUrl(slack));
  acknowledge(live);
  await slack.waitFor(() => live.texts.some((f) => f.type === 'hello'), { what: 'hello' });
  const hello = live.texts.find((f) => f.type === 'hello');
  assert.equal(hello.num_connections, 2);
  assert.match(hello.debug_info.started, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
  await slack.say('ann', 'general', 'into the void');
  await slack.expect({ frame: { direction: 'swallowed', contains: 'into the void' } });
  await slack.post('sockets', { action: 'kill', which: (await slack.state()).sockets[0].id });
  await slack.waitFor((state) => state.sockets.length === 1, { what: 'one socket' });
  live.destroy();
  await end();
});

test('channels: members by name or id, archived, and the app thrown out', async () => {
  const { slack, end } = await withSocket();
  const { id } = await slack.post('channels', { name: 'kitchen', members: ['ann', 'U0BOB', 'nobody'] });
  assert.deepEqual((await slack.state()).channels.find((c) => c.id === id).members, ['U0ANN', 'U0BOB']);
  await slack.post('archive', { channel: 'general' });
  assert.equal((await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'x' })).error, 'is_archived');
  await slack.post('archive', { channel: 'general', archive: false });
  await slack.post('kick', { channel: 'general' });
  const state = await slack.state();
  assert.ok(!state.channels.find((c) => c.id === 'C0GENERAL').members.includes('U0BOT'));
  await slack.post('invite', { channel: 'general' });
  assert.equal((await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'x' })).ok, true);
  await end();
});

test('expectations wait, count, and say what was there instead', async () => {
  const { slack, end } = await withSocket();
  const waiting = slack.expect({ message: { channel: 'general', user: 'U0BOT', contains: 'done', like: { metadata: { event_payload: { id: 7 } } } } });
  await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'not yet' });
  await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'all done', metadata: { event_type: 'e', event_payload: { id: 7, x: 1 } } });
  const met = await waiting;
  assert.deepEqual(met.found.map((m) => m.text), ['all done']);
  const byId = await slack.expect({ message: { user: 'U0BOT', matches: '^all (done|gone)$', like: { metadata: { event_payload: { id: 7 } } } }, count: 1 });
  assert.equal(byId.found[0].metadata.event_payload.x, 1);
  const missing = await refused(slack, { message: { channel: 'general', contains: 'never said' }, within_ms: 50 });
  assert.match(missing, /expected at least 1 message .*found 0 within/);
  assert.match(missing, /not yet — does not contain never said/);
  const differs = await refused(slack, { message: { contains: 'all done', like: { metadata: { event_payload: { id: 8 } } } }, within_ms: 0 });
  assert.match(differs, /differs from `like` at metadata\.event_payload\.id/);
  await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', text: 'twin', metadata: { event_type: 'e', event_payload: { id: 7 } } });
  const doubled = await refused(slack, { message: { user: 'U0BOT', like: { metadata: {} } }, unique: 'metadata.event_payload.id', within_ms: 50 });
  assert.match(doubled, /metadata\.event_payload\.id is 7 twice/);
  await slack.expect({ call: { method: 'chat.postMessage', channel: 'general', like: { args: { text: 'twin' }, response: { ok: true } } }, count: 1 });
  await call(slack, 'chat.postMessage', { channel: 'C0NOWHERE', text: 'x' });
  const problem = await slack.expect({ problem: { contains: 'channel_not_found' } });
  assert.equal(problem.found[0].where, 'chat.postMessage');
  await slack.expect({ message: { text: 'nobody says this' }, count: 0, settle_ms: 50 });
  for (const bad of [{}, { message: {}, call: {} }, { message: { matches: '(' } }, { message: { channel: 'no such' } }, { message: {}, count: 'x' }]) {
    const response = await fetch(`${slack.url}/_local/expect`, { method: 'POST', body: JSON.stringify(bad) });
    assert.equal(response.status, 400);
  }
  await end();
});

test('an acknowledgement that is missing, or late, is a problem told in words', async () => {
  const slack = await startLocalSlack({ args: ['--quiet', '--switch', 'ack_timeout_ms=50', '--switch', 'retry_scale=1000'] });
  const socket = await RawSocket.open(await openUrl(slack));
  const { acked, envelope_id } = await slack.command('ann', 'general', '/opencode', 'x');
  assert.equal(acked, false);
  const missing = await slack.expect({ problem: { source: 'socket', contains: 'was not acknowledged' } });
  assert.equal(missing.found[0].where, envelope_id);
  socket.send({ envelope_id });
  await slack.expect({ problem: { source: 'socket', matches: 'came [0-9]+ ms too late' }, count: 1 });
  socket.send('not JSON');
  await slack.expect({ problem: { contains: 'is not JSON' } });
  await slack.post('sockets', { action: 'freeze' }); // a fault of ours is nobody's mistake
  await slack.command('ann', 'general', '/opencode', 'x');
  await slack.expect({ problem: { contains: 'was not acknowledged' }, count: 1 });
  socket.destroy();
  await slack.stop();
});

test('records are found by text, channel and method, and exported; two runs give one golden', async () => {
  const goldens = [];
  for (let run = 0; run < 2; run++) {
    const { slack, end } = await withSocket();
    const ts = await slack.say('ann', 'general', 'a question');
    await slack.expect({ frame: { direction: 'in' }, at_least: 1 });
    await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', thread_ts: ts, text: 'an answer' });
    await call(slack, 'auth.test', {});
    await slack.expect({ frame: { direction: 'in' }, at_least: 2 });
    assert.equal((await slack.get('calls?channel=general')).length, 1);
    assert.equal((await slack.get('calls?method=auth.*')).length, 1);
    assert.equal((await slack.get('calls?contains=an+answer')).length, 1);
    assert.equal((await slack.get('calls?limit=1')).length, 1);
    assert.equal((await slack.get('frames?direction=in')).length, 2);
    const lines = (await (await fetch(`${slack.url}/_local/export`)).text()).trim().split('\n').map((l) => JSON.parse(l));
    assert.deepEqual([...new Set(lines.map((l) => l.kind))].toSorted(), ['call', 'frame', 'outcome']);
    assert.ok(lines.every((l, i) => i === 0 || lines[i - 1].at_ms <= l.at_ms));
    goldens.push(await slack.golden({ kinds: 'call' }));
    await end();
  }
  assert.match(goldens[0], /"ts":"ts-\d+"/);
  assert.equal(goldens[0], goldens[1]);
});

test('scenarios: read, refused with the place, played', async () => {
  const { slack, end } = await withSocket();
  for (const [yaml, why] of [
    ['steps: [{at: 1s}]', /step 1: has no act/], ['steps: [{message: {}, edit: {}}]', /a step has one/], ['steps: 3', /steps must be a list/],
    ['steps: [{at: soon, message: {}}]', /at must be a time/], ['steps: [{nonsense: {}}]', /no act nonsense/], ['a: [', /scenario:\d:\d: /],
    ['steps: [{times: 2, message: {}}]', /every must be/], ['switches: {x: 1}\nsteps: []', /no switch x/], ['colour: red', /colour is unknown/],
  ]) await assert.rejects(slack.post('scenario', { yaml }), why);
  await slack.post('scenario', { yaml: `
seed: 3
switches: {twins: false}
steps:
  - {every: 20ms, times: 5, message: {user: ann, channel: general, text: "line {n}"}}
  - {at: 200ms, reaction: {user: $person, channel: general, ts: $last, name: eyes}}
  - {at: 10ms, message: {user: nobody, channel: general, text: x}}
  - {every: 10ms, times: 10, probability: 0, message: {user: ann, channel: general, text: never}}` });
  await slack.expect({ message: { contains: 'line ' }, count: 5 });
  await slack.waitFor(async () => !(await slack.get('scenario')).running, { what: 'the end' });
  const { steps } = await slack.get('scenario');
  assert.deepEqual(steps.map((s) => [s.fired, s.skipped, s.failed]), [[5, 0, 0], [1, 0, 0], [0, 0, 1], [0, 10, 0]]);
  assert.equal(steps[2].error, 'no such user');
  assert.equal((await slack.get('switches')).find((s) => s.name === 'twins').value, false);
  const last = (await slack.messages('general')).at(-1);
  assert.equal(last.text, 'line 5');
  assert.equal(last.reactions[0].name, 'eyes');
  await end();
});

for (const name of ['bad-day', 'busy-office']) {
  test(`the scenario ${name} can be played`, async () => {
    const slack = await startLocalSlack({ args: ['--quiet', '--scenario', join(ROOT, `localslack/scenarios/${name}.yaml`)] });
    await slack.expect({ message: { channel: 'general' }, within_ms: 20_000 });
    const { running, steps } = await slack.get('scenario');
    assert.ok(running);
    assert.ok(steps.every((s) => s.failed === 0), JSON.stringify(steps));
    await slack.stop();
  });
}

test('it dies on demand: everything it had said yes to is there afterwards', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'localslack-'));
  const args = ['--quiet', '--state', join(directory, 'workspace.json')];
  let slack = await startLocalSlack({ args });
  const ts = await slack.say('ann', 'general', 'just before');
  await assert.rejects(slack.post('die'), TypeError); // nobody answers
  assert.equal((await slack.kill9()).signal, 'SIGKILL');
  slack = await startLocalSlack({ args });
  assert.deepEqual((await slack.messages('general')).map((m) => m.ts), [ts]);
  await slack.stop();
  slack = await startLocalSlack();
  await assert.rejects(slack.post('die'), /--state/);
  await slack.stop();
  await rm(directory, { recursive: true });
});

test('the state file: what was there is there again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'localslack-'));
  const file = join(directory, 'workspace.json');
  let slack = await startLocalSlack({ args: ['--quiet', '--state', file] });
  const ts = await slack.say('ann', 'general', 'to be kept');
  await call(slack, 'chat.postMessage', { channel: 'C0GENERAL', thread_ts: ts, text: 'a reply', metadata: { event_type: 'e', event_payload: { a: 1 } } });
  await slack.post('users', { name: 'carol' });
  await slack.post('switches', { twins: false });
  process.kill(slack.pid, 'SIGUSR1');
  await slack.waitFor(async () => /to be kept/.test(await readFile(file, 'utf8').catch(() => '')), { what: 'a written file' });
  await slack.say('ann', 'general', 'after the signal');
  await slack.stop();
  slack = await startLocalSlack({ args: ['--quiet', '--state', file] });
  const [first, reply, third] = await slack.messages('general');
  assert.deepEqual([first.text, reply.text, third.text], ['to be kept', 'a reply', 'after the signal']);
  assert.equal(first.reply_count, 1);
  assert.equal(reply.metadata.event_payload.a, 1);
  assert.ok((await slack.state()).users.some((u) => u.name === 'carol'));
  assert.equal((await slack.get('switches')).find((s) => s.name === 'twins').value, false);
  assert.ok((await slack.say('ann', 'general', 'later')) > third.ts);
  const snapshot = await slack.get('snapshot');
  await slack.post('reset');
  assert.equal((await slack.messages('general')).length, 0);
  for (const bad of [{}, { localslack: 2, state: {} }, { localslack: 1, state: {} }, { ...snapshot, state: { ...snapshot.state, channels: [7] } }]) {
    await assert.rejects(slack.post('snapshot', bad));
  }
  await slack.say('ann', 'general', 'still alive');
  await slack.post('snapshot', snapshot);
  assert.equal((await slack.messages('general')).length, 4);
  await slack.stop();
  await writeFile(file, '{"localslack": 1, "state": ');
  await assert.rejects(startLocalSlack({ args: ['--quiet', '--state', file] }));
  assert.equal(await readFile(file, 'utf8'), '{"localslack": 1, "state": '); // what cannot be read is not written over
  await assert.rejects(startLocalSlack({ args: ['--quiet', '--state', join(directory, 'no/such/place')] }));
  await rm(directory, { recursive: true });
});
