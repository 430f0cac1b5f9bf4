// The real OpenCode and its plugin, connected to one of two gateways: sessions of the other are served as well, permissions,
// questions and progress included, and the plugin may lose its gateway in the middle of a turn.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startGateway } from '../harness/gateway.mjs';
import { noPostgres, startPostgres } from '../harness/postgres.mjs';
import { startWorld, textOf } from '../harness/world.mjs';

const skip = noPostgres();
const SHARDS = 64;

let world, postgres, schema, other;

const shardsOf = async (gateway) => (await gateway.api('GET', '/readyz')).body.replica.shards;
const sessions = () => Number(postgres.query(`SELECT count(*) FROM flow WHERE kind = 'session'`, schema));
const owners = () =>
  Number(postgres.query(`SELECT count(DISTINCT owner) FROM shard WHERE id IN (SELECT id & 63 FROM flow WHERE kind = 'session')`, schema));

before(async () => {
  if (skip) return;
  postgres = await startPostgres();
  schema = postgres.schema();
  world = await startWorld({ gatewayEnv: { GATEWAY_DATABASE_URL: postgres.url(schema) } });
  await world.slack.post('switches', { retry_scale: 0.02, ack_timeout_ms: 2000 });
  other = await startGateway({
    slackUrl: world.slack.url,
    directory: world.directory,
    stateDir: world.scratch,
    opencodeUrl: world.opencode.url,
    env: { GATEWAY_OPENCODE_MODEL: 'scripted/demo', GATEWAY_DATABASE_URL: postgres.url(schema) },
  });
  await other.ready();
  await world.until('half of the shards for each', async () => (await shardsOf(world.gateway)) === SHARDS / 2 && (await shardsOf(other)) === SHARDS / 2, 20_000);
});
after(async () => {
  await other?.kill9();
  await world?.close();
  await postgres?.stop();
});

/** Once at Slack, and once at the model. */
async function exactlyOnce(thread, word) {
  const pattern = new RegExp(`Answer to ${word}\\.`);
  assert.equal((await thread.said()).filter((m) => pattern.test(textOf(m))).length, 1, word);
}

test('sessions of both are served, permissions and progress included', { skip }, async () => {
  const threads = [], channels = [];
  for (let i = 0; i < 10; i++) // Slack takes one message a second in each
    channels.push((await world.slack.post('channels', { name: `room-${i}`, members: ['ann', 'U0BOT'] })).id);
  for (let i = 0; i < 20 && owners() < 2; i++) {
    threads.push(await world.mention(`bash:echo one;;say:Answer to ${i}.`, { channel: channels[i % 10] }));
    await world.until('its session', () => sessions() === threads.length, 20_000);
  }
  assert.equal(owners(), 2);
  for (const thread of threads) await thread.click('permission.once');
  for (const [i, thread] of threads.entries()) {
    await thread.says(new RegExp(`Answer to ${i}\\.`), 90_000);
    await exactlyOnce(thread, i);
  }
  assert.ok((await other.metric('relay_sent_total')) > 0);
});

test('the plugin has lost its gateway in the middle of a turn; the sessions of the other go on', { skip }, async () => {
  const thread = await world.mention('bash:echo two;;say:Answer to lost.');
  await thread.button('permission.once');
  await world.gateway.kill9();
  await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: 60_000 });
  await thread.click('permission.once');
  await thread.says(/Answer to lost\./, 90_000);
  await exactlyOnce(thread, 'lost');
});
