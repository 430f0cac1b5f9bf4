// Several gateways on one PostgreSQL, all at work: they share Slack's envelopes and the sessions, and one of them has
// OpenCode's plugin. Whatever becomes of them, and of the database, each person's message is one prompt and has one answer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { startGateway } from '../harness/gateway.mjs';
import { noPostgres, startPostgres } from '../harness/postgres.mjs';
import { startTcpProxy } from '../harness/tcp-proxy.mjs';
import { startWorld, textOf } from '../harness/world.mjs';

const skip = noPostgres();
const SHARDS = 64;
const TAKE_OVER_MS = 10_000;

let world, opencode, postgres, proxy, schema;
let gateways = []; // alive, in the order of their start
const channels = [];

/** So many of them, and the shards divided among them. */
async function together(n) {
  while (gateways.length < n) await join();
  await divided();
}

async function join() {
  const gateway = await startGateway({
    slackUrl: world.slack.url,
    directory: world.directory,
    stateDir: world.scratch,
    env: { GATEWAY_OPENCODE_MODEL: 'scripted/demo', GATEWAY_DATABASE_URL: postgres.url(schema, proxy.port) },
  });
  gateways.push(gateway);
  return gateway;
}

const leave = (gateway) => (gateways = gateways.filter((g) => g !== gateway));
const shardsOf = async (gateway) => (await gateway.api('GET', '/readyz')).body.replica.shards;

/** Until each of them has its part of the shards, and Slack. */
async function divided(timeoutMs = 30_000) {
  await Promise.all(gateways.map((gateway) => gateway.ready()));
  await world.until(
    `the shards to be divided among ${gateways.length}`,
    async () => {
      const shares = await Promise.all(gateways.map(shardsOf));
      return shares.reduce((a, b) => a + b) === SHARDS && Math.max(...shares) - Math.min(...shares) <= 1;
    },
    timeoutMs,
  );
}

/** The plugin connects to that one, now or when its connection is cut. */
async function bridgeTo(gateway) {
  opencode.gatewayUrl = gateway.url;
  opencode.cut();
  await gateway.ready({ bridges: 1 });
}

/** Channel by channel: Slack takes one message a second in each. */
let nSaid = 0;
const mention = (text) => world.mention(text, { channel: channels[nSaid++ % channels.length] });

const settled = (thread, word) => thread.says(new RegExp(`Answer to ${word}\\.`), 90_000);

/** Starts `n` conversations without waiting for their ends. `steps`: what happens in each before its answer. */
async function talk(word, n, steps = '') {
  const threads = [];
  for (let i = 0; i < n; i++) threads.push(await mention(`${steps}say:Answer to ${word} ${i}.`));
  return { word, threads, ended: () => Promise.all(threads.map((thread, i) => settled(thread, `${word} ${i}`))) };
}

/** Ends when told to, and says what was talked about meanwhile: a new conversation every second, as many as Slack takes messages of. */
function keepTalking(t, word) {
  let stop = false;
  t.after(() => (stop = true));
  const threads = [];
  const done = (async () => {
    for (let i = 0; !stop; i++) {
      threads.push(await mention(`say:Answer to ${word} ${i}.`));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  })();
  return {
    count: () => threads.length,
    end: async () => {
      stop = true;
      await done;
      await Promise.all(threads.map((thread, i) => settled(thread, `${word} ${i}`)));
      await exactlyOnce({ word, threads });
    },
  };
}

/** Each was prompted once, and answered once. */
async function exactlyOnce({ word, threads }) {
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
  gateways.push(world.gateway);
  for (let i = 0; i < 20; i++) {
    const { id } = await world.slack.post('channels', { name: `room-${i}`, members: ['ann', 'U0BOT'] });
    channels.push(id);
  }
  await world.slack.post('switches', { retry_scale: 0.02, ack_timeout_ms: 2000 });
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  for (const gateway of gateways) await gateway.kill9();
  await world?.close();
  await proxy?.stop();
  await postgres?.stop();
});

test('two share the envelopes and the sessions; one has the plugin', { skip }, async (t) => {
  await together(2);
  const [a, b] = gateways;
  const before = await Promise.all([a, b].map((g) => g.metric('flow_turns_total')));
  const talked = await talk('two', 16, 'bash:true;;');
  for (const thread of talked.threads) await thread.click('permission.once');
  await talked.ended();
  await exactlyOnce(talked);
  for (const [i, gateway] of [a, b].entries()) {
    assert.ok((await gateway.metric('slack_envelopes_total')) > 0, 'each hears some');
    assert.ok((await gateway.metric('flow_turns_total')) - before[i] > 16, 'each works on some');
  }
  const owners = postgres.query(
    `SELECT count(DISTINCT owner) FROM shard WHERE id IN (SELECT id & 63 FROM flow WHERE kind = 'session')`,
    schema,
  );
  assert.equal(owners, '2');
  assert.ok((await b.metric('relay_sent_total')) > 16);
});

test('a request that waits at one is answered by the flow of another', { skip }, async (t) => {
  await together(2);
  const thread = await world.mention('gate:blocking;;say:Answer to blocking 0.');
  await opencode.waitGate('blocking');
  const session_id = opencode.prompts.at(-1).session_id;
  const asked = gateways.map((gateway, i) =>
    gateway.api('POST', '/api/opencode/permission', {
      request_id: `waiting-${i}`,
      session_id,
      permission: 'deploy',
      patterns: [`to ${i}`],
      timeout_ms: 60_000,
    }),
  );
  for (let i = 0; i < gateways.length; i++)
    await world.until('a card', async () => (await thread.all(new RegExp(`to ${i}`))).length > 0, 20_000);
  for (const message of await thread.all(/to \d/)) {
    const button = message.blocks.flatMap((block) => block.elements ?? []).find((e) => e.action_id?.startsWith('permission.once'));
    await world.slack.click({ user: 'U0ANN', channel: thread.channel, ts: message.ts, action_id: button.action_id, value: button.value });
  }
  for (const { status, body } of await Promise.all(asked)) {
    assert.equal(status, 200);
    assert.equal(body.answered_by, 'U0ANN');
  }
  opencode.release('blocking');
  await settled(thread, 'blocking 0');
});

test('one is killed under load: its sessions go on elsewhere', { skip }, async (t) => {
  await together(3);
  const victim = gateways[1];
  await bridgeTo(gateways[0]);
  const waiting = await talk('killed', 9, 'gate:killed;;');
  const load = keepTalking(t, 'during the kill');
  await world.until('prompts at the gate', () => opencode.prompts.filter((p) => /Answer to killed/.test(p.text)).length === 9, 30_000);
  await victim.kill9();
  const killedAt = Date.now();
  leave(victim);
  opencode.release('killed');
  await waiting.ended();
  const goneOnMs = Date.now() - killedAt;
  await divided();
  await load.end();
  await exactlyOnce(waiting);
  assert.ok(goneOnMs < TAKE_OVER_MS, `${goneOnMs} ms`);
  t.diagnostic(`all went on within ${goneOnMs} ms`);
});

test('the one with the plugin is killed: the plugin goes to another', { skip }, async (t) => {
  await together(3);
  const victim = gateways[0];
  const waiting = await talk('with plugin', 6, 'gate:plugin;;');
  await world.until('prompts at the gate', () => opencode.prompts.filter((p) => /with plugin/.test(p.text)).length === 6, 30_000);
  opencode.gatewayUrl = gateways[1].url;
  await victim.kill9();
  leave(victim);
  const more = await talk('after plugin', 4);
  opencode.release('plugin');
  await Promise.all([waiting.ended(), more.ended()]);
  await exactlyOnce(waiting);
  await exactlyOnce(more);
});

test('one that was paused for 15 s has lost its sessions, does nothing twice, and goes on', { skip }, async (t) => {
  await together(3);
  const paused = gateways.at(-1);
  const waiting = await talk('paused', 9, 'gate:paused;;');
  await world.until('prompts at the gate', () => opencode.prompts.filter((p) => /to paused/.test(p.text)).length === 9, 30_000);
  const load = keepTalking(t, 'during the pause');
  process.kill(paused.pid, 'SIGSTOP');
  try {
    opencode.release('paused');
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    await waiting.ended();
  } finally {
    process.kill(paused.pid, 'SIGCONT');
  }
  await divided();
  await load.end();
  await exactlyOnce(waiting);
  assert.match(paused.log(), /belong to another gateway now/);
  assert.ok(paused.child.alive);
});

test('a fourth one joins under load: no session notices', { skip }, async (t) => {
  await together(3);
  const load = keepTalking(t, 'joining');
  await world.until('some load', () => load.count() > 5, 30_000);
  await join();
  await divided();
  await load.end();
});

test('all are replaced, one after the other, under load', { skip }, async (t) => {
  await together(3);
  const load = keepTalking(t, 'rolling');
  for (const old of [...gateways]) {
    const next = await join();
    await next.ready();
    opencode.gatewayUrl = next.url; // as behind a load balancer
    const { code } = await old.stop();
    assert.equal(code, 0);
    leave(old);
    await divided();
  }
  await load.end();
});

for (const how of ['fast', 'immediate'])
  test(`the database is restarted (${how}) under load`, { skip }, async (t) => {
    await together(3);
    const load = keepTalking(t, `database ${how}`);
    await world.until('some load', () => load.count() > 3, 30_000);
    await postgres.restart(how);
    const more = await talk(`${how} after`, 3);
    await more.ended();
    await load.end();
    await exactlyOnce(more);
    await divided();
  });

test('connections to the database are cut while they commit', { skip }, async (t) => {
  await together(2);
  const talked = await talk('cut', 10);
  for (let i = 0; i < 20; i++) {
    proxy.hold('down');
    await talked.threads[i % 10].messages();
    proxy.drop();
    proxy.restore();
    await talked.threads[i % 10].messages();
  }
  await talked.ended();
  await exactlyOnce(talked);
});
