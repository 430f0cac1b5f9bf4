// Twice as much to say as Slack takes, for minutes: what still arrives, when, and what it costs.
//
//   node bench/pressure.mjs [--minutes N] [--threads N]
//
// One channel takes one chat.postMessage a second, and two turns a second end in it, each with an answer. What may be dropped
// is progress; answers may be late, and questions come first. localslack enforces Slack's limits. The time in which all that
// was left is said comes on top of the minutes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { until } from '../tests/harness/child.mjs';
import { FakeOpenCode } from '../tests/harness/fake-bridge.mjs';
import { startGateway } from '../tests/harness/gateway.mjs';
import { startLocalSlack } from '../tests/harness/localslack.mjs';
import { ANN, GENERAL } from '../tests/harness/world.mjs';
import { percentile } from './lib/figures.mjs';
import { memoryMb } from './lib/process.mjs';
import { programs } from './lib/subjects.mjs';

const TURN_EVERY_MS = 500;
const QUESTION_EVERY = 20; // turns
const TOKEN = 'bridge-token-of-the-bench';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, threads: { type: 'string', default: '12' } } });
const TURNS = Math.round(Number(values.minutes) * 60_000 / TURN_EVERY_MS);
const THREADS = Number(values.threads);

process.env.GATEWAY_BIN ??= programs.gateway;
process.env.LOCALSLACK_BIN ??= programs.localslack;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const stateDir = await mkdtemp(join(tmpdir(), 'bench-pressure-'));
const slack = await startLocalSlack({ args: ['--record-mb', '1024'] });
const gateway = await startGateway({ slackUrl: slack.url, directory: '/load', stateDir, bridgeToken: TOKEN,
  env: { GATEWAY_LIMITS_SESSIONS_WORKING: '1000' } });
const opencode = new FakeOpenCode({ gatewayUrl: gateway.url, token: TOKEN, directory: '/load' });

const waiting = async () => (await gateway.api('GET', '/api/asks')).body.length;

/** Threads with an answered first turn, before anything is limited: their ts and the titles of their sessions. */
async function openThreads() {
  for (let i = 0; i < THREADS; i++) await slack.command(ANN, GENERAL, '/opencode', `start say:Root ${i}.`);
  const roots = await slack.waitFor(async () => {
    const own = (await slack.messages(GENERAL)).filter((m) => m.bot_id && /Finished/.test(m.text));
    return own.length === THREADS && own;
  }, { timeout_ms: 60_000, what: 'the threads' });
  await until('nothing to be left to say', async () => (await waiting()) === 0, 60_000);
  return new Map(roots.map((m) => [m.ts, /say:Root \d+\./.exec(m.text)[0]]));
}

/** Turn i: an answer that can be told apart, every so often a question before it. */
const prompt = (i) => `${i % QUESTION_EVERY === QUESTION_EVERY - 1 ? 'question:1;;' : ''}say:Answer ${i}.`;

/** Answers each question as soon as its card is there; the wait of each, in ms. */
async function answerQuestions(roots, over) {
  const waits = [];
  const seen = new Set();
  for (;;) {
    const clicked = await slack.waitFor(async () => {
      for (const message of await slack.messages(GENERAL)) {
        const button = message.blocks?.flatMap((b) => b.elements ?? []).find((e) => e.action_id?.startsWith('question.pick'));
        if (button && !seen.has(message.ts)) return { message, button };
      }
      return over() ? 'over' : null;
    }, { timeout_ms: 3_600_000, what: 'a question' });
    if (clicked === 'over') return waits;
    const { message, button } = clicked;
    seen.add(message.ts);
    const root = roots.get(message.thread_ts);
    const asked = [...opencode.questions.values()].find((q) => q.session.title === root);
    waits.push(Number(message.ts) * 1000 - asked.asked_ms);
    await slack.click({ user: ANN, channel: GENERAL, ts: message.ts, action_id: button.action_id, value: button.value });
  }
}

try {
  await gateway.ready({ bridges: 1 });
  const roots = await openThreads();
  const threads = [...roots.keys()];
  const idleMb = memoryMb(gateway.pid).rss;
  await slack.post('switches', { rate_limits: true });
  const callsBefore = (await slack.calls()).length;
  let peakMb = idleMb, peakAsks = 0, over = false;
  const questions = answerQuestions(roots, () => over);
  const started = Date.now();
  for (let i = 0; i < TURNS; i++) {
    await slack.say(ANN, GENERAL, prompt(i), { thread_ts: threads[i % THREADS] });
    if (i % 10 === 0) {
      peakMb = Math.max(peakMb, memoryMb(gateway.pid).rss);
      peakAsks = Math.max(peakAsks, await waiting());
      process.stderr.write(`\r${i + 1} of ${TURNS} turns, ${peakAsks} waited at most `);
    }
    await sleep(Math.max(0, started + (i + 1) * TURN_EVERY_MS - Date.now()));
  }
  const offeredS = (Date.now() - started) / 1000;
  process.stderr.write('\nwaiting until everything is said …\n');
  await until('everything to be said', async () => (await waiting()) === 0 && opencode.prompts.length >= TURNS + THREADS, 3_600_000, 1000);
  over = true;
  await slack.say(ANN, GENERAL, 'The end.');
  const waits = await questions;
  const drainS = (Date.now() - started) / 1000 - offeredS;
  const calls = (await slack.calls()).slice(callsBefore);
  const count = (method, status) => calls.filter((c) => c.method === method && (status === undefined || c.status === status)).length;
  const answers = new Map();
  for (const ts of threads)
    for (const m of await slack.thread(GENERAL, ts)) {
      const n = m.bot_id && /^Answer (\d+)\./.exec(m.text)?.[1];
      if (n) answers.set(n, (answers.get(n) ?? 0) + 1);
    }
  const doubled = [...answers.values()].filter((n) => n > 1).length;
  const dead = (await gateway.api('GET', '/api/asks?status=dead')).body.length;
  console.log(`
${TURNS} turns in ${THREADS} threads of one channel in ${offeredS.toFixed(0)} s, one post a second allowed; all said ${drainS.toFixed(0)} s later

| what | |
|---|---:|
| answers, of ${TURNS} | ${answers.size} |
| doubled answers | ${doubled} |
| asks given up | ${dead} |
| questions shown, of ${Math.floor(TURNS / QUESTION_EVERY)} | ${waits.length} |
| question → card, p50 / longest | ${(percentile(waits, 0.5) / 1000).toFixed(2)} s / ${(Math.max(...waits) / 1000).toFixed(2)} s |
| chat.postMessage: taken / refused with 429 | ${count('chat.postMessage', 200)} / ${count('chat.postMessage', 429)} |
| chat.update: taken / refused with 429 | ${count('chat.update', 200)} / ${count('chat.update', 429)} |
| asks that waited at most | ${peakAsks} |
| memory, RSS: before / at most | ${idleMb.toFixed(1)} / ${peakMb.toFixed(1)} MiB |`);
  for (const [what, met] of [
    ['every answer is said once', answers.size === TURNS && doubled === 0 && dead === 0],
    ['every question is shown', waits.length === Math.floor(TURNS / QUESTION_EVERY)],
    ['Slack refuses less than one call in ten', calls.filter((c) => c.status === 429).length < calls.length / 10],
  ])
    console.log(`${met ? 'met    ' : 'NOT MET'}  ${what}`);
} finally {
  await opencode.stop();
  await gateway.stop();
  await slack.stop();
  await rm(stateDir, { recursive: true, force: true });
}
