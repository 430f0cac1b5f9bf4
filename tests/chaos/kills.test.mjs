// kill -9 of the gateway, of OpenCode with the plugin in it, and of Slack itself, at random and again and again, while
// people work. After every round it is quiet, and all of it must add up: every word of a person has one outcome that can
// be seen, OpenCode was asked once, nothing was posted twice, and every answer counted once.
//
//   CHAOS_ROUNDS   rounds of a hundred kills (1); of twenty with the real OpenCode, which takes seconds to start, and in
//                  PostgreSQL, where the sessions of a gateway that was killed wait for seconds
//   CHAOS_SEED     chooses victims, moments, and what people do
//   CHAOS_JOURNAL  sqlite, or postgres: a server that the test starts
//   CHAOS_GATEWAYS so many at work, in PostgreSQL (1)
//   CHAOS_OPENCODE played (by a process that keeps what OpenCode keeps, and starts quickly), or real

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { generator } from '../crash/world.mjs';
import { until } from '../harness/child.mjs';
import { ANN, BOB, BOT } from '../harness/world.mjs';
import { startLives } from './lives.mjs';
import { Talk } from './talk.mjs';

const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 1);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const JOURNAL = process.env.CHAOS_JOURNAL ?? 'sqlite';
if (JOURNAL === 'postgres') process.env.TEST_DATABASE = 'postgres';

const GATEWAYS = Number(process.env.CHAOS_GATEWAYS ?? 1);
const REAL = process.env.CHAOS_OPENCODE === 'real';
const KILLS_PER_ROUND = REAL || JOURNAL === 'postgres' ? 20 : 100;
const ROUNDS_PER_WORLD = 3; // then a new one: the API lists 200 flows, and what has piled up slows down the rest
const PEOPLE = 4;
const PAUSE_MS = REAL ? [100, 3000] : [20, 300];
const LONG_LIFE = 0.7; // of the gateway's lives in PostgreSQL: they are not ended before they are at work
const SLOW_SYNC_MS = 10; // in every second round: the longer a commit takes, the more often one is killed in it
const SETTLE_MS = 300_000;
const AT_REST = new Set(['idle', 'failed', 'stopped']);

/** What happens at a moment, and how often of a hundred times. Only the first five are kills. */
const TROUBLES = [
  [46, 'gateway', (lives, random) => killGateway(lives, random)],
  [18, 'OpenCode', (lives) => lives.opencode.kill()],
  [14, 'Slack', (lives) => lives.slack.kill()],
  [4, 'gateway and Slack', (lives, random) => Promise.all([pick(lives, random).kill(), lives.slack.kill()])],
  [4, 'gateway and OpenCode', (lives, random) => Promise.all([pick(lives, random).kill(), lives.opencode.kill()])],
  ...(REAL ? [] : [[7, 'bridge cut', (lives) => cut(lives)]]), // the real one is cut off by the deaths around it
  [4, 'sockets cut', (lives) => sockets(lives, 'kill')],
  [4, 'sockets reset', (lives) => sockets(lives, 'reset')],
];

const pick = ({ gateways }, random) => gateways[Math.floor(random() * gateways.length)];

async function killGateway(lives, random) {
  if (random() < LONG_LIFE && JOURNAL === 'postgres') await working(lives);
  await pick(lives, random).kill();
}

/** An answer of the gateway's API; null when it is killed meanwhile, or says no. */
async function get(lives, path) {
  try {
    const { status, body } = await (await lives.gateway()).api('GET', path);
    return status === 200 ? body : null;
  } catch (error) {
    if (error instanceof TypeError || error.name === 'AbortError') return null;
    throw error;
  }
}

const working = (lives) => Promise.race([until('the gateway to work', () => get(lives, '/readyz'), SETTLE_MS, 50), lives.broken]);

const cut = async (lives) => process.kill((await lives.opencode.up()).pid, 'SIGUSR2');
const sockets = async (lives, action) => (await lives.slack.up()).post('sockets', { action });

function choose(random) {
  let at = random() * TROUBLES.reduce((sum, [share]) => sum + share, 0);
  return TROUBLES.find(([share]) => (at -= share) < 0);
}

/** Until nothing that was accepted is left undone, and OpenCode rests. */
async function settled(lives) {
  const rests = async () => {
    const flows = await get(lives, '/api/flows');
    const asks = flows && (await get(lives, '/api/asks'));
    return asks && flows.every((f) => f.waiting === 0) && asks.every((a) => a.status !== 'pending') && { flows, asks };
  };
  return Promise.race([until('everything accepted to be done', rests, SETTLE_MS, 100), lives.broken]);
}

async function startWorld(name) {
  const lives = await startLives({ real: REAL, gateways: GATEWAYS });
  Object.assign(lives, { settled: () => settled(lives), working: () => working(lives) });
  const slack = await lives.slack.up();
  await slack.post('switches', { retry_scale: 0.02, ack_timeout_ms: 1500 });
  lives.channels = [];
  for (let i = 0; i < PEOPLE; i++) {
    lives.channels.push((await slack.post('channels', { name: `${name}-${i}`, members: [ANN, BOB, BOT] })).id);
  }
  return lives;
}

/** One person, until the round is over: one conversation after another. */
async function person(lives, { name, channel, random, isOver, talks }) {
  for (let k = 1; !isOver(); k++) {
    const prompts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => (random() < 0.5 ? 'say' : random() < 0.5 ? 'bash' : 'question'));
    const talk = new Talk(lives, { name: `${name}.${k}`, channel, plan: { mention: random() < 0.6, prompts } });
    talks.push(talk);
    await talk.run();
  }
}

async function killAll(lives, random, counts) {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const until = lives.kills + KILLS_PER_ROUND;
  while (lives.kills < until) {
    const [, name, happen] = choose(random);
    counts[name] = (counts[name] ?? 0) + 1;
    await happen(lives, random);
    await pause(PAUSE_MS[0] + random() * (PAUSE_MS[1] - PAUSE_MS[0]));
  }
}

/** An answer to a command of a Slack that has died since: localslack forgets its response addresses, Slack does not. */
const isOrphan = ({ verb, status, error }) => verb === 'slack.respond' && status === 'dead' && /http_404/.test(error);

/** What must be true of the whole when everybody is done. */
async function checkWorld(lives) {
  const { asks } = await settled(lives);
  assert.deepEqual(await get(lives, '/api/flows?status=quarantined'), [], 'no flow is put aside');
  assert.deepEqual(asks.filter((ask) => !isOrphan(ask)), [], 'no ask is left, dead ones included');
  const gateway = await lives.gateway();
  await Promise.race([
    until('every session to rest', async () => (await gateway.sessions()).every((s) => AT_REST.has(s.state)), SETTLE_MS, 100),
    lives.broken,
  ]);
  const truth = await lives.truth();
  assert.deepEqual(truth.violations, [], 'the contract of the bridge was kept on both sides');
  const texts = truth.prompts.map((p) => p.text);
  assert.equal(new Set(texts).size, texts.length, 'nothing was asked twice, in this round or an earlier one');
  const answered = truth.replies.map((r) => r.id);
  assert.equal(new Set(answered).size, answered.length, 'no request was answered twice');
  const oids = (await (await lives.slack.up()).state()).channels
    .flatMap((c) => c.messages)
    .map((m) => m.metadata?.event_payload?.oid)
    .filter(Boolean);
  assert.equal(new Set(oids).size, oids.length, 'nothing was posted twice');
  return truth;
}

const lastLives = ({ name, logs, current }) =>
  `the last lives of ${name}:\n${logs.concat(current?.log() ?? []).join('----\n').slice(-20_000)}\n`;

async function playRound(lives, round, totals) {
  const random = generator(SEED * 100_003 + round);
  const talks = [];
  let over = false;
  lives.machine.set({ syncMs: round % 2 ? SLOW_SYNC_MS : 0 });
  const people = lives.channels.map((channel, i) =>
    person(lives, { name: `${round}.${i + 1}`, channel, random: generator(SEED * 7919 + round * 16 + i), isOver: () => over, talks }),
  );
  const all = Promise.all(people);
  all.catch(() => {}); // awaited below; until then it must not end the process
  await Promise.race([killAll(lives, random, totals.troubles), lives.broken, all.then(() => new Promise(() => {}))]);
  over = true;
  await Promise.race([all, lives.broken]);
  const truth = await checkWorld(lives);
  for (const talk of talks) {
    const counts = await talk.check(truth);
    for (const [name, n] of Object.entries(counts)) totals[name] += n;
    totals.clicks += talk.clicks;
  }
  totals.talks += talks.length;
}

test(`${ROUNDS} rounds of ${KILLS_PER_ROUND} kills, ${GATEWAYS} gateway(s), journal in ${JOURNAL}, ${REAL ? 'the real' : 'a played'} OpenCode (seed ${SEED})`, async (t) => {
  const totals = { kills: 0, talks: 0, answered: 0, failed: 0, refused: 0, doubtful: 0, clicks: 0, troubles: {} };
  const began = Date.now();
  let lives, before = 0, round = 0;
  try {
    for (; round < ROUNDS; round++) {
      if (round % ROUNDS_PER_WORLD === 0) {
        await lives?.close();
        lives = await startWorld(`k${round}`);
        before = totals.kills;
      }
      await playRound(lives, round, totals);
      totals.kills = before + lives.kills;
      console.error(`round ${round + 1}/${ROUNDS}, ${Math.round((Date.now() - began) / 1000)} s: ${JSON.stringify(totals)}`);
    }
    await lives.close();
  } catch (error) {
    error.message = `in round ${round} of seed ${SEED}: ${error.message}\nwhat is left of it: ${lives?.scratch}\n` +
      (lives?.gateways ?? []).map(lastLives).join('');
    await lives?.close({ keep: true });
    throw error;
  }
  t.diagnostic(JSON.stringify(totals));
});
