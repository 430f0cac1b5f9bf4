// What a gateway carries on SQLite and on PostgreSQL, and how long it takes until one that stands by is at work:
//
//   node bench/scaling.mjs [turns per round]
//
// A turn is a click that is stored, acknowledged, and has its durable turn in a session. Everything runs on this machine,
// PostgreSQL with fsync. Needs ./dev build and Debian's postgresql-15; medians of three rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from '../tests/harness/child.mjs';
import { FakeOpenCode } from '../tests/harness/fake-bridge.mjs';
import { startGateway } from '../tests/harness/gateway.mjs';
import { startLocalSlack } from '../tests/harness/localslack.mjs';
import { freePort } from '../tests/harness/opencode.mjs';
import { startPostgres } from '../tests/harness/postgres.mjs';

const TURNS = Number(process.argv[2] ?? 5000);
const ROUNDS = 3;
// localslack's generator writes a fresh identifier wherever its payload has this word: every click is another one.
const FRESH = 'EvBENCH00000';
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function load(slack, gateway, shape) {
  const before = await gateway.metric('flow_turns_total');
  const started = performance.now();
  await slack.post('bench', shape);
  const report = await until('all clicks acknowledged', async () => {
    const now = await slack.get('bench');
    return now.running ? null : now;
  }, 300_000, 20);
  if (report.failed > 0) throw new Error(`${report.failed} clicks were not acknowledged`);
  await until('every click has had its turn', async () => (await gateway.metric('flow_turns_total')) - before >= shape.envelopes, 60_000, 5);
  return { per_second: (shape.envelopes * 1000) / (performance.now() - started), p50: report.p50_us / 1000, p99: report.p99_us / 1000 };
}

/** A thread whose session is at work, and a button that belongs to it. */
async function clicksOn(slack, gateway) {
  await slack.say('U0ANN', 'C0GENERAL', '<@U0BOT> hang');
  const session = await until('a session', async () => (await gateway.sessions())[0], 20_000);
  const response = await fetch(`${slack.url}/api/chat.postMessage`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', authorization: 'Bearer xoxb-local' },
    body: JSON.stringify({
      channel: 'C0GENERAL',
      text: 'A card',
      blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: FRESH, value: session.ref, text: { type: 'plain_text', text: 'Open' } }] }],
    }),
  });
  return { kind: 'action', channel: 'general', user: 'ann', ts: (await response.json()).ts, action_id: FRESH };
}

async function world(env, body) {
  const directory = await mkdtemp(join(tmpdir(), 'scaling-'));
  const slack = await startLocalSlack();
  const port = await freePort();
  const start = () => startGateway({ slackUrl: slack.url, directory, stateDir: directory, port, env });
  const gateway = await start();
  const opencode = new FakeOpenCode({ gatewayUrl: gateway.url, token: gateway.token, directory });
  try {
    await gateway.ready({ bridges: 1 });
    return await body({ slack, gateway, start });
  } finally {
    await opencode.stop();
    await gateway.stop();
    await slack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const figures = (env) =>
  world(env, async ({ slack, gateway }) => {
    const click = await clicksOn(slack, gateway);
    const rounds = { rate: [], p50: [], p99: [] };
    await load(slack, gateway, { ...click, envelopes: TURNS / 5, window: 256 });
    for (let i = 0; i < ROUNDS; i++) {
      rounds.rate.push((await load(slack, gateway, { ...click, envelopes: TURNS, window: 256 })).per_second);
      const calm = await load(slack, gateway, { ...click, envelopes: 500, window: 256, rate: 100 });
      rounds.p50.push(calm.p50);
      rounds.p99.push(calm.p99);
    }
    return Object.fromEntries(Object.entries(rounds).map(([name, list]) => [name, median(list)]));
  });

/** Seconds from the end of the one at work to the readiness of the one that stood by. */
const takeOver = (env, how) =>
  world(env, async ({ gateway, start }) => {
    const leases = () => postgres.query(`SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'opencode-slack lease%'`);
    const next = start();
    await until('the other one to stand by', () => leases() === '2');
    const started = performance.now();
    await gateway[how]();
    const other = await next;
    await other.ready();
    const seconds = (performance.now() - started) / 1000;
    await other.stop();
    return seconds;
  });

const postgres = await startPostgres({ durable: true });
try {
  const onPostgres = () => ({ GATEWAY_DATABASE_URL: postgres.url(postgres.schema()) });
  console.log(`${cpus().length} cores, load ${loadavg()[0].toFixed(1)}; ${TURNS} turns a round`);
  for (const [name, env] of [['SQLite', {}], ['PostgreSQL', onPostgres()]]) {
    const f = await figures(env);
    console.log(`${name}: ${Math.round(f.rate)} durable turns/s; acknowledged at 100/s in ${f.p50.toFixed(1)} ms (p50), ${f.p99.toFixed(1)} ms (p99)`);
  }
  for (const how of ['stop', 'kill9']) {
    const seconds = [];
    for (let i = 0; i < ROUNDS; i++) seconds.push(await takeOver(onPostgres(), how));
    console.log(`${how === 'stop' ? 'stopped' : 'killed'}, the other ready after ${seconds.map((s) => s.toFixed(1)).join(', ')} s`);
  }
} finally {
  await postgres.stop();
}
