// Connections that are open and bring nothing: half-open ones, ghosts that take their share, sockets that answer every
// ping and lose every envelope. And a workspace in which simply nothing is said.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { ANN, BOT, GENERAL, startWorld } from '../harness/world.mjs';

const SLOW_MS = 90_000;
const ALARM_MS = 30_000; // what is promised
const ECHO_MS = 3000; // Slack's pace, ten times as fast; one test keeps the real one

let world, opencode, slack;
const begin = async (env) => {
  world = await startWorld({ opencode: false, gatewayEnv: { GATEWAY_SLACK_CATCH_UP_OVERLAP_S: '2', ...env } });
  ({ slack } = world);
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await slack.post('switches', { gap_redelivery: false, retry_scale: 1000, ack_timeout_ms: 2000 });
  await world.gateway.ready({ bridges: 1 });
};
before(() => begin({ GATEWAY_SLACK_ECHO_WAIT_MS: `${ECHO_MS}` }));
after(async () => {
  await opencode?.stop();
  await world?.close();
});
beforeEach(() => world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS }));

const promptsLike = (pattern) => opencode.prompts.filter((p) => pattern.test(p.text));
const readyz = async () => (await world.gateway.api('GET', '/readyz')).body;
const alarms = () => world.gateway.metric('slack_deaf_alarms_total');
const statusBecomes = (status, timeoutMs = SLOW_MS) =>
  world.until(`/readyz to say ${status}`, async () => (await readyz()).status === status, timeoutMs);
/** Socket numbers at localslack that are live. */
const liveSockets = async () => (await slack.state()).sockets.filter((s) => s.state === 'live').map((s) => s.id);

test('a quiet workspace raises no alarm', async () => {
  const thread = await world.start('say:Then silence.');
  await thread.says(/Then silence/);
  await world.until('the echoes of this channel to be known', async () => (await readyz()).transport.echo_channels >= 1);
  const since = Date.now();
  await world.until('a long time', () => Date.now() > since + 5 * ECHO_MS, SLOW_MS);
  assert.equal(await alarms(), 0);
  assert.equal((await readyz()).status, 'ready');
  assert.equal((await readyz()).reconnects, undefined);
  assert.equal((await readyz()).slack.reconnects, 0);
});

test('sockets that answer pings and swallow envelopes: alarm, fresh sockets, and what was said is read', async () => {
  const thread = await world.start('say:Heard so far.');
  await thread.says(/Heard so far/);
  const gate = await world.start('gate:deaf;;say:Said into the void.');
  await opencode.waitGate('deaf');
  const before = await liveSockets();
  await slack.post('sockets', { action: 'deafen' });
  const said = await thread.reply('say:Nobody hears this.');
  const since = Date.now();
  opencode.release('deaf'); // the answer is posted, and does not come back
  await gate.says(/Said into the void/, SLOW_MS);
  await world.until('the alarm', async () => (await alarms()) > 0, ALARM_MS);
  assert.ok(Date.now() - since < ALARM_MS);
  await thread.says(/Nobody hears this\./, SLOW_MS);
  assert.equal(promptsLike(/Nobody hears this/).length, 1);
  await statusBecomes('ready');
  const now = await liveSockets();
  assert.equal(now.filter((id) => before.includes(id)).length, 0, 'none of the deaf ones is left');
  assert.match(world.gateway.log(), /connected and deaf/);
  assert.ok(said);
});

test('/readyz says deaf as long as no fresh socket can be had', async () => {
  const thread = await world.start('gate:no-fresh;;say:Posted meanwhile.');
  await opencode.waitGate('no-fresh');
  // Fresh sockets are opened at most once a minute, as this one is the second alarm of the test.
  await slack.post('faults', [{ method: 'link', action: 'http_status', status: 503, times: 1000 }]);
  await slack.post('sockets', { action: 'deafen' });
  opencode.release('no-fresh');
  await thread.says(/Posted meanwhile/, SLOW_MS);
  await statusBecomes('deaf', ALARM_MS);
  assert.equal((await readyz()).transport.state, 'deaf');
  assert.equal(await world.gateway.metric('slack_deaf'), 1);
  const lost = await thread.reply('say:Lost at first.');
  await slack.post('faults', []);
  await statusBecomes('ready', 2 * SLOW_MS);
  await thread.says(/Lost at first\./, SLOW_MS);
  assert.ok(lost);
  assert.equal(promptsLike(/Lost at first/).length, 1);
});

test('one half-open socket of two: what was sent to it is read', async () => {
  const thread = await world.start('say:Two sockets.');
  await thread.says(/Two sockets/);
  const [first] = await liveSockets();
  await slack.post('sockets', { action: 'freeze', which: first });
  await slack.post('switches', { sticky: true }); // all that comes goes to the oldest: the frozen one
  const ts = await thread.reply('say:Into a half-open socket.');
  await world.until(
    'the dead socket to be noticed',
    async () => (await readyz()).slack.reconnects > 0 && !(await liveSockets()).includes(first),
    SLOW_MS,
  );
  await slack.post('switches', { sticky: false });
  await thread.says(/Into a half-open socket\./, SLOW_MS);
  assert.equal(promptsLike(/half-open/).length, 1);
  assert.ok(ts);
});

test('ghosts are noticed, answered with more sockets, and do not lose messages', async () => {
  const { wanted } = (await readyz()).slack;
  const [first] = await liveSockets();
  await slack.post('sockets', { action: 'ghost', which: first });
  await world.until('ghosts to be counted', async () => (await readyz()).slack.ghosts > 0, SLOW_MS);
  assert.ok((await world.gateway.metric('slack_ghost_sockets')) > 0);
  await world.until(
    'more sockets',
    async () => {
      const { slack: s } = await readyz();
      return s.wanted > wanted && s.live === s.wanted;
    },
    SLOW_MS,
  );
  // A share of what is said goes to the ghost. It is read when its turn comes, at the latest when the ghost is gone; a
  // start is the same for the reader, and does not take five minutes.
  const thread = await world.start('say:Among ghosts.').catch(() => null);
  const where = thread ?? (await world.mention('say:Among ghosts, mentioned.'));
  const n = 12;
  for (let i = 0; i < n; i++) await where.reply(`say:Ghost ${i}.`);
  await world.gateway.stop();
  await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
  await world.until('all of them', () => promptsLike(/Ghost \d+\./).length >= n, SLOW_MS);
  assert.deepEqual(
    promptsLike(/Ghost \d+\./).map((p) => p.text).sort(),
    Array.from({ length: n }, (_, i) => `say:Ghost ${i}.`).sort(),
  );
});
