// Two gateways on one PostgreSQL: one at work, one standing by. Whatever becomes of the one at work, and of the database,
// each person's message is one prompt and has one answer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { gatewayBin } from '../harness/gateway.mjs';
import { Child } from '../harness/child.mjs';
import { noPostgres, startPostgres } from '../harness/postgres.mjs';
import { startTcpProxy } from '../harness/tcp-proxy.mjs';
import { startWorld, textOf } from '../harness/world.mjs';

const skip = noPostgres();
const TAKE_OVER_MS = 10_000;

let world, opencode, postgres, proxy, schema;
const gateways = new Set();

/** A second gateway, as an operator would start it beside the first: it has the same address, and takes it when its turn comes. */
async function startBeside() {
  const child = new Child(gatewayBin(), ['serve'], {
    cwd: world.scratch,
    env: {
      PATH: process.env.PATH,
      SLACK_BOT_TOKEN: 'xoxb-local',
      SLACK_APP_TOKEN: 'xapp-1-local',
      SLACK_API_URL: `${world.slack.url}/api/`,
      GATEWAY_LISTEN: `127.0.0.1:${world.gatewayPort}`,
      GATEWAY_STATE_DIR: world.scratch,
      GATEWAY_BRIDGE_TOKEN: 'bridge-token-of-the-tests',
      GATEWAY_DATABASE_URL: postgres.url(schema, proxy.port),
      GATEWAY_OPENCODE_MODEL: 'scripted/demo',
      OPENCODE_DIRECTORY: world.directory,
    },
  });
  gateways.add(child);
  await child.output(/standing by/, 20_000);
  return child;
}

const isAtWork = (child) => /listening on port/.test(child.log());
const takesOver = (child, timeoutMs = TAKE_OVER_MS) =>
  world.until('the other gateway to take over', () => isAtWork(child), timeoutMs);
const settled = (thread, word) => thread.says(new RegExp(`Answer to ${word}\\.`), 60_000);

/** Starts `n` conversations, one after the other without waiting for their ends; resolves when all are answered. */
async function talk(word, n) {
  const threads = [];
  for (let i = 0; i < n; i++) threads.push(await world.mention(`say:Answer to ${word} ${i}.`));
  return { threads, ended: () => Promise.all(threads.map((thread, i) => settled(thread, `${word} ${i}`))) };
}

/** Each was prompted once, and answered once. */
async function exactlyOnce(word, threads) {
  for (const [i, thread] of threads.entries()) {
    const pattern = new RegExp(`Answer to ${word} ${i}\\.`);
    assert.equal(opencode.prompts.filter((p) => pattern.test(p.text)).length, 1, `prompts of ${word} ${i}`);
    assert.equal((await thread.said()).filter((m) => pattern.test(textOf(m))).length, 1, `answers to ${word} ${i}`);
  }
  assert.deepEqual(opencode.violations, []);
  assert.equal(postgres.query(`SELECT count(*) FROM flow WHERE status <> 'active'`, schema), '0');
}

before(async () => {
  if (skip) return;
  postgres = await startPostgres();
  proxy = await startTcpProxy(postgres.port);
  schema = postgres.schema();
  world = await startWorld({ opencode: false, gatewayEnv: { GATEWAY_DATABASE_URL: postgres.url(schema, proxy.port) } });
  await world.slack.post('switches', { retry_scale: 0.02, ack_timeout_ms: 2000 });
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  for (const child of gateways) await child.kill9();
  await world?.close();
  await proxy?.stop();
  await postgres?.stop();
});

test('the one at work is killed: the other goes on within ten seconds', { skip }, async () => {
  const other = await startBeside();
  assert.equal(isAtWork(other), false);
  const { threads, ended } = await talk('killed', 6);
  const asked = await world.mention('bash:true;;say:Answer to open 0.');
  await asked.button('permission.once');
  await world.gateway.kill9();
  await takesOver(other);
  await asked.click('permission.once');
  await Promise.all([ended(), settled(asked, 'open 0')]);
  await exactlyOnce('killed', threads);
  await exactlyOnce('open', [asked]);
});

test('one after the other is replaced under load', { skip }, async () => {
  let atWork = [...gateways].find((child) => child.alive);
  const all = [];
  for (let round = 0; round < 3; round++) {
    const other = await startBeside();
    const { threads, ended } = await talk(`rolling ${round}`, 5);
    await atWork.stop();
    await takesOver(other, 5000);
    all.push({ threads, ended, word: `rolling ${round}` });
    atWork = other;
  }
  for (const { threads, ended, word } of all) {
    await ended();
    await exactlyOnce(word, threads);
  }
});

test('one that was paused wakes up, does nothing, and ends', { skip }, async () => {
  const paused = [...gateways].find((child) => child.alive);
  const other = await startBeside();
  const { threads, ended } = await talk('paused', 4);
  process.kill(paused.pid, 'SIGSTOP');
  try {
    // Its port is still its own; the other has the database, and tells so before it needs the port.
    await world.until('the lease to change hands', () => /waiting → held/.test(other.log()), 20_000);
  } finally {
    process.kill(paused.pid, 'SIGCONT');
  }
  const { code } = await paused.exit;
  assert.equal(code, 1);
  assert.match(paused.log(), /another gateway has taken over/);
  const next = isAtWork(other) || other.alive ? other : await startBeside();
  await takesOver(next, 20_000);
  await ended();
  await exactlyOnce('paused', threads);
});

for (const how of ['fast', 'immediate'])
  test(`the database is restarted (${how}) under load`, { skip }, async () => {
    const { threads, ended } = await talk(how, 5);
    await postgres.restart(how);
    const more = await talk(`${how} after`, 3);
    await Promise.all([ended(), more.ended()]);
    await exactlyOnce(how, threads);
    await exactlyOnce(`${how} after`, more.threads);
  });

test('connections to the database are cut while it commits', { skip }, async () => {
  const { threads, ended } = await talk('cut', 10);
  for (let i = 0; i < 20; i++) {
    proxy.hold('down');
    await threads[i % threads.length].messages();
    proxy.drop();
    proxy.restore();
    await threads[i % threads.length].messages();
  }
  await ended();
  await exactlyOnce('cut', threads);
});
