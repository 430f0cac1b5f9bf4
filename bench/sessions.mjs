// What open sessions cost: the same durable events into one of 10, 1,000 and 10,000 sessions at random, the memory, and how
// long a restart takes until the gateway is ready, and until it has asked OpenCode about every session that was at work.
//
//   node bench/sessions.mjs [--events N] [--rounds N]

import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { until } from '../tests/harness/child.mjs';
import { FakeOpenCode } from '../tests/harness/fake-bridge.mjs';
import { startGateway } from '../tests/harness/gateway.mjs';
import { startLocalSlack } from '../tests/harness/localslack.mjs';
import { median } from './lib/figures.mjs';
import { cpuMs, memoryMb } from './lib/process.mjs';
import { programs } from './lib/subjects.mjs';

const GROW = fileURLToPath(new URL('lib/grow.py', import.meta.url));
const TOKEN = 'bridge-token-of-the-bench';
const SIZES = [10, 1000, 10_000];
const LIVE = 500; // sessions at work when the gateway restarts
const WINDOW = 200; // events that OpenCode has not been told to be durable

const { values } = parseArgs({ options: { events: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '3' } } });
const EVENTS = Number(values.events);
const ROUNDS = Number(values.rounds);

process.env.GATEWAY_BIN ??= programs.gateway;
process.env.LOCALSLACK_BIN ??= programs.localslack;

const scratch = await mkdtemp(join(tmpdir(), 'bench-sessions-'));
const slack = await startLocalSlack();

const start = (stateDir) => startGateway({ slackUrl: slack.url, directory: '/load', stateDir, bridgeToken: TOKEN });
const connect = (gateway) => new FakeOpenCode({ gatewayUrl: gateway.url, token: TOKEN, directory: '/load' });

/** A journal with one finished session in it, as the gateway itself wrote it. */
async function makeSeed() {
  const dir = join(scratch, 'seed');
  await mkdir(dir);
  const gateway = await start(dir);
  const opencode = connect(gateway);
  await gateway.ready({ bridges: 1 });
  await slack.command('U0ANN', 'C0GENERAL', '/opencode', 'start say:Done.');
  await until('the first session to be idle', async () => (await gateway.sessions())[0]?.state === 'idle', 30_000);
  await until('nothing to be left to do', async () => (await gateway.api('GET', '/api/asks')).body.length === 0, 30_000);
  await gateway.stop();
  await opencode.stop();
  return dir;
}

async function grow(seed, n, live) {
  const dir = join(scratch, `n${n}-${live}`);
  await cp(seed, dir, { recursive: true });
  const ids = execFileSync('python3', [GROW, join(dir, 'gateway.db'), String(n), String(live)], { encoding: 'utf8' });
  return { dir, ids: ids.trim().split('\n') };
}

async function readyMs(dir) {
  const started = performance.now();
  const gateway = await start(dir);
  await until('the gateway to be ready', async () => (await gateway.api('GET', '/readyz')).status === 200, 30_000, 2);
  return { gateway, ms: performance.now() - started };
}

/** Durable events to random sessions: what each costs the gateway. */
async function events(gateway, opencode, ids) {
  const before = cpuMs(gateway.pid);
  const started = performance.now();
  for (let i = 0; i < EVENTS; i++) {
    const id = ids[(i * 7919) % ids.length];
    opencode.tell('session.retry', id, { attempt: 1, message: 'overloaded', next_ms: Date.now() + 1000 });
    if (i % WINDOW === 0) await until('room', () => opencode.unacknowledged < WINDOW, 30_000, 1);
  }
  await until('every event to be durable', () => opencode.unacknowledged === 0, 60_000, 1);
  const seconds = (performance.now() - started) / 1000;
  return { cpu_us: ((cpuMs(gateway.pid) - before) * 1000) / EVENTS, per_second: EVENTS / seconds };
}

async function measure(seed, n) {
  const { dir, ids } = await grow(seed, n, 0);
  const { gateway, ms } = await readyMs(dir);
  const idle = memoryMb(gateway.pid);
  const opencode = connect(gateway);
  await gateway.ready({ bridges: 1 });
  await events(gateway, opencode, ids); // warms up
  const cost = await events(gateway, opencode, ids);
  const busy = memoryMb(gateway.pid);
  await gateway.stop();
  await opencode.stop();
  await rm(dir, { recursive: true });
  return { ready_ms: ms, idle_mb: idle.rss, busy_mb: busy.rss, ...cost };
}

/** From the start of the process until OpenCode has been asked about each session that was at work. */
async function reconciledMs(seed) {
  const { dir, ids } = await grow(seed, 10_000, LIVE);
  const started = performance.now();
  const gateway = await start(dir);
  const opencode = connect(gateway);
  opencode.playBusy(ids.slice(0, LIVE));
  const asked = () => new Set(opencode.commands.filter((c) => c.type === 'session.messages').map((c) => c.session_id)).size;
  await until('every session at work to be asked about', () => asked() >= LIVE, 60_000, 5);
  const ms = performance.now() - started;
  await gateway.stop();
  await opencode.stop();
  await rm(dir, { recursive: true });
  return ms;
}

try {
  const seed = await makeSeed();
  const rounds = Object.fromEntries(SIZES.map((n) => [n, []]));
  const reconciled = [];
  for (let i = 0; i < ROUNDS; i++) {
    for (const n of SIZES) {
      process.stderr.write(`round ${i + 1} of ${ROUNDS}: ${n} sessions …\n`);
      rounds[n].push(await measure(seed, n));
    }
    reconciled.push(await reconciledMs(seed));
  }
  const of = (n, name) => median(rounds[n].map((r) => r[name]));
  const row = (what, unit, name, digits) => `| ${what} | ${unit} | ${SIZES.map((n) => of(n, name).toFixed(digits)).join(' | ')} |`;
  console.log(`
open sessions; ${EVENTS} durable events into one of them at random; median of ${ROUNDS} rounds

|  | unit | ${SIZES.map((n) => n.toLocaleString('en')).join(' | ')} |
|---|---|${SIZES.map(() => '---:').join('|')}|
${row('CPU per durable event, its turn included', 'µs', 'cpu_us', 1)}
${row('events per second', '/s', 'per_second', 0)}
${row('start → ready', 'ms', 'ready_ms', 0)}
${row('memory after the start, RSS', 'MiB', 'idle_mb', 1)}
${row('memory after the events, RSS', 'MiB', 'busy_mb', 1)}

${LIVE} of 10,000 sessions at work, start → OpenCode asked about each of them: ${median(reconciled).toFixed(0)} ms`);
  const [few, , many] = SIZES;
  const kb = ((of(many, 'idle_mb') - of(few, 'idle_mb')) * 1024) / (many - few);
  console.log(`memory per open session that has nothing to do: ${(kb * 1024).toFixed(0)} bytes`);
  for (const [what, met, found] of [
    ['a durable event costs at most 1.3 times as much with 10,000 sessions as with 10', of(many, 'cpu_us') <= 1.3 * of(few, 'cpu_us'), `${(of(many, 'cpu_us') / of(few, 'cpu_us')).toFixed(2)} ×`],
    ['start → ready with 10,000 sessions at most 1 s', of(many, 'ready_ms') <= 1000, `${of(many, 'ready_ms').toFixed(0)} ms`],
    [`${LIVE} live threads reconciled in at most 10 s`, median(reconciled) <= 10_000, `${median(reconciled).toFixed(0)} ms`],
  ])
    console.log(`${met ? 'met    ' : 'NOT MET'}  ${what}: ${found}`);
} finally {
  await slack.stop();
  await rm(scratch, { recursive: true, force: true });
}
