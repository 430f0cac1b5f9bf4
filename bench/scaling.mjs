// What one gateway carries on SQLite and on PostgreSQL, what two and three carry together, and how long it takes until the
// others have what one had that is stopped or killed:
//
//   node bench/scaling.mjs [turns per round]
//
// A turn is a click that is stored, acknowledged, and has its durable turn in a session. Slack sends each click to any of
// the gateways, and the session belongs to one of them. Everything runs on this machine, PostgreSQL with fsync. Needs
// ./dev build and Debian's postgresql-15; medians of three rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from '../tests/harness/child.mjs';
import { FakeOpenCode } from '../tests/harness/fake-bridge.mjs';
import { startGateway } from '../tests/harness/gateway.mjs';
import { startLocalSlack } from '../tests/harness/localslack.mjs';
import { startPostgres } from '../tests/harness/postgres.mjs';

const TURNS = Number(process.argv[2] ?? 5000);
const ROUNDS = 3;
const SHARDS = 64;
// localslack's generator writes a fresh identifier wherever its payload has this word: every click is another one.
const FRESH = 'EvBENCH00000';
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const turnsOf = async (gateways) => {
  const counts = await Promise.all(gateways.map((gateway) => gateway.metric('flow_turns_total')));
  return counts.reduce((a, b) => a + b);
};

async function load(slack, gateways, shape) {
  const before = await turnsOf(gateways);
  const started = performance.now();
  await slack.post('bench', shape);
  const report = await until('all clicks acknowledged', async () => {
    const now = await slack.get('bench');
    return now.running ? null : now;
  }, 300_000, 20);
  if (report.failed > 0) throw new Error(`${report.failed} clicks were not acknowledged`);
  await until('every click has had its turn', async () => (await turnsOf(gateways)) - before >= shape.envelopes, 60_000, 5);
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

const shardsOf = async (gateway) => (await gateway.api('GET', '/readyz')).body.replica?.shards ?? SHARDS;

/** Until all shards are theirs, in even parts. */
const divided = (gateways) =>
  until(
    'the shards to be divided',
    async () => {
      const shares = await Promise.all(gateways.map(shardsOf));
      return shares.reduce((a, b) => a + b) === SHARDS && Math.max(...shares) - Math.min(...shares) <= 1;
    },
    60_000,
    10,
  );

async function world(env, n, body) {
  const directory = await mkdtemp(join(tmpdir(), 'scaling-'));
  const slack = await startLocalSlack();
  const gateways = [];
  for (let i = 0; i < n; i++) gateways.push(await startGateway({ slackUrl: slack.url, directory, stateDir: directory, env }));
  const opencode = new FakeOpenCode({ gatewayUrl: gateways[0].url, token: gateways[0].token, directory });
  try {
    await gateways[0].ready({ bridges: 1 });
    await Promise.all(gateways.map((gateway) => gateway.ready()));
    await divided(gateways);
    return await body({ slack, gateways });
  } finally {
    await opencode.stop();
    await Promise.all(gateways.map((gateway) => gateway.kill9()));
    await slack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const figures = (env, n) =>
  world(env, n, async ({ slack, gateways }) => {
    const click = await clicksOn(slack, gateways[0]);
    const rounds = { rate: [], p50: [], p99: [] };
    await load(slack, gateways, { ...click, envelopes: TURNS / 5, window: 256 });
    for (let i = 0; i < ROUNDS; i++) {
      rounds.rate.push((await load(slack, gateways, { ...click, envelopes: TURNS, window: 256 })).per_second);
      const calm = await load(slack, gateways, { ...click, envelopes: 500, window: 256, rate: 100 });
      rounds.p50.push(calm.p50);
      rounds.p99.push(calm.p99);
    }
    return Object.fromEntries(Object.entries(rounds).map(([name, list]) => [name, median(list)]));
  });

/** Seconds from the end of one of three until the other two have all shards. */
const takeOver = (env, how) =>
  world(env, 3, async ({ gateways }) => {
    const started = performance.now();
    const [others, last] = [gateways.slice(0, -1), gateways.at(-1)]; // the first one has the plugin
    await last[how]();
    await divided(others);
    return (performance.now() - started) / 1000;
  });

const postgres = await startPostgres({ durable: true });
try {
  const onPostgres = () => ({ GATEWAY_DATABASE_URL: postgres.url(postgres.schema()) });
  console.log(`${cpus().length} cores, load ${loadavg()[0].toFixed(1)}; ${TURNS} turns a round`);
  const settings = [['SQLite', () => ({}), 1], ...[1, 2, 3].map((n) => [`PostgreSQL, ${n} gateway${n > 1 ? 's' : ''}`, onPostgres, n])];
  for (const [name, env, n] of settings) {
    const f = await figures(env(), n);
    console.log(`${name}: ${Math.round(f.rate)} durable turns/s; acknowledged at 100/s in ${f.p50.toFixed(1)} ms (p50), ${f.p99.toFixed(1)} ms (p99)`);
  }
  for (const how of ['stop', 'kill9']) {
    const seconds = [];
    for (let i = 0; i < ROUNDS; i++) seconds.push(await takeOver(onPostgres(), how));
    console.log(`one of three ${how === 'stop' ? 'stopped' : 'killed'}: the others have its shards after ${seconds.map((s) => s.toFixed(1)).join(', ')} s`);
  }
} finally {
  await postgres.stop();
}
