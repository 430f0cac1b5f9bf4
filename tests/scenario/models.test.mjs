// Model profiles: another model by word, command and menu; and a model that does not answer, in every order of
// click, recovery and restart, with endpoints whose health is in the test's hands.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { ANN, BOB, GENERAL, buttonsOf, startWorld, textOf } from '../harness/world.mjs';

/** Endpoints /claude/v1 and /qwen/v1; `status` of each is what they answer, `looks` counts who asked. */
async function startEndpoints() {
  const status = { claude: 200, qwen: 200 };
  const looks = { claude: 0, qwen: 0 };
  const server = createServer((request, response) => {
    const [, name, ...rest] = request.url.split('/');
    if (rest.join('/') !== 'v1/models' || status[name] === undefined) {
      response.writeHead(404).end();
      return;
    }
    looks[name]++;
    response.writeHead(status[name], { 'content-type': 'application/json' });
    response.end(JSON.stringify(status[name] === 200 ? { object: 'list', data: [] } : { error: { message: 'out of order' } }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { status, looks, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

const PATIENCE_MS = 90_000; // of a machine that does other things, too
let endpoints;
let world;
const env = () => ({
  GATEWAY_MODELS_CLAUDE_MODEL: 'scripted/demo',
  GATEWAY_MODELS_CLAUDE_BASE_URL: `${endpoints.url}/claude/v1`,
  GATEWAY_MODELS_QWEN_MODEL: 'scripted/demo-backup',
  GATEWAY_MODELS_QWEN_BASE_URL: `${endpoints.url}/qwen/v1`,
  GATEWAY_MODELS_CHECK_INTERVAL_S: '1',
  GATEWAY_MODELS_WAIT_S: '100',
});
before(async () => {
  endpoints = await startEndpoints();
  world = await startWorld({ gatewayEnv: env() });
});
after(async () => {
  await world?.close();
  endpoints?.close();
});

/** The models to which a prompt with these words went, in order; titles are made by another kind of request. */
const askedOf = async (words) =>
  (await world.model.requests({ bodies: true }))
    .filter((r) => r.kind !== 'title' && JSON.stringify(r.body?.messages?.findLast((m) => m.role === 'user') ?? '').includes(words))
    .map((r) => r.model);
const outage = (status) => world.model.outage('demo', status);
const fallbackOf = (thread) => thread.wait('the question what to do', (list) => list.find((m) => buttonsOf(m).some((b) => b.action_id === 'fallback.retry')), PATIENCE_MS);
const becomes = (thread, message, pattern) =>
  thread.wait(`the question to say ${pattern}`, (list) => list.find((m) => m.ts === message.ts && pattern.test(textOf(m)) && !buttonsOf(m).length), 90_000);
/** A session on claude, whatever its words said, and a prompt in it while claude answers with `status`. */
async function failing(text, status) {
  await outage(null);
  const thread = await world.start('say:Ready.');
  await thread.says(/Ready/, PATIENCE_MS);
  await thread.reply('!model claude');
  await thread.cardSays(/claude \(scripted\/demo\)/);
  await outage(status);
  await thread.reply(text);
  return thread;
}
const button = (message, action) => buttonsOf(message).find((b) => b.action_id.startsWith(action));

test('!model: the choice, a choice, and what does not exist', async () => {
  const thread = await failing('say:First answer.', null);
  await thread.says(/First answer/, PATIENCE_MS);
  await thread.reply('!model');
  await thread.told(ANN, /claude\*? \(now\)[^]*qwen/);
  await thread.reply('!model gpt');
  await thread.told(ANN, /There is no model .*gpt.*There are: .*claude.*qwen/s);
  await thread.reply('!model qwen', BOB);
  await thread.says(/Model from the next prompt on: .*qwen \(scripted\/demo-backup\)/);
  await thread.cardSays(/qwen \(scripted\/demo-backup\)[^]*Chosen by/);
  await thread.reply('say:Second answer.');
  await thread.says(/Second answer/, PATIENCE_MS);
  assert.deepEqual(await askedOf('Second answer'), ['demo-backup']);
  await thread.reply('!model qwen');
  await thread.told(ANN, /is .*qwen.* already/);
  await thread.reply('!model scripted/demo-mini');
  await thread.says(/Model from the next prompt on: .*scripted\/demo-mini/, PATIENCE_MS);
  await thread.reply('!model nobody/nothing');
  await thread.told(ANN, /There is no model .*nobody\/nothing/);
});

test('one tap on the card, and a command from outside the thread', async () => {
  const thread = await failing('say:Begun.', null);
  await thread.says(/Begun/, PATIENCE_MS);
  const card = await thread.cardSays(/Finished/);
  const actions = card.blocks.find((b) => b.type === 'actions');
  const menu = actions.elements.find((e) => e.type === 'overflow');
  const option = menu.options.find((o) => o.text.text === 'Model: qwen');
  await world.slack.click({ user: ANN, channel: GENERAL, ts: card.ts, action_id: menu.action_id, block_id: actions.block_id, value: option.value });
  await thread.says(/Model from the next prompt on: .*qwen/, PATIENCE_MS);
  await thread.reply('say:On the other.');
  await thread.says(/On the other/, PATIENCE_MS);
  assert.deepEqual(await askedOf('On the other'), ['demo-backup']);
});

test('from outside the thread: the person\'s only session, or which one is meant', async () => {
  await outage(null);
  const thread = await world.start('say:Of Bob.', { user: BOB });
  await thread.says(/Of Bob/, PATIENCE_MS);
  await thread.reply('!model claude', BOB);
  await thread.cardSays(/claude \(scripted\/demo\)/);
  await world.slack.command(BOB, GENERAL, '/opencode', 'model qwen');
  await thread.says(/Model from the next prompt on: .*qwen/, PATIENCE_MS);
  await world.slack.command(BOB, GENERAL, '/opencode', 'retry');
  await thread.told(BOB, /did not fail/);
  const other = await world.start('say:Another of Bob.', { user: BOB });
  await other.says(/Another of Bob/, PATIENCE_MS);
  await world.slack.command(BOB, GENERAL, '/opencode', 'model claude');
  await world.slack.waitFor((state) => JSON.stringify(state).includes('You have several sessions'), { what: 'the question which one' });
});

test('Switch: the same prompt goes to the other profile, once', async () => {
  const thread = await failing('say:Answered by the other.', 503);
  const message = await fallbackOf(thread);
  assert.match(textOf(message), /claude \(scripted\/demo\) does not answer/);
  await thread.click('fallback.switch', { user: BOB });
  await thread.says(/Answered by the other/, PATIENCE_MS);
  const over = await becomes(thread, message, /the same prompt went to qwen/);
  assert.match(JSON.stringify(over.blocks), /U0BOB/);
  assert.deepEqual((await askedOf('Answered by the other')).filter((m) => m === 'demo-backup'), ['demo-backup']);
  await world.clickAgain(thread, message, button(message, 'fallback.retry'));
  await thread.told(ANN, /Another model was chosen already/);
  await outage(null);
  await thread.reply('say:Stays with it.');
  await thread.says(/Stays with it/, PATIENCE_MS);
  assert.deepEqual(await askedOf('Stays with it'), ['demo-backup']);
});

test('recovery first: the turn goes on by itself, and a late click finds it so', async () => {
  const thread = await failing('say:By itself after all.', 503);
  const message = await fallbackOf(thread);
  await outage(null);
  await thread.says(/By itself after all/, PATIENCE_MS);
  await becomes(thread, message, /answers again|has answered/);
  await world.clickAgain(thread, message, button(message, 'fallback.switch'));
  await thread.told(ANN, /answers again; nothing was sent/);
  assert.deepEqual((await askedOf('By itself after all')).filter((m) => m !== 'demo'), []);
});

test('a turn that is over is sent once more when the endpoint answers again', async () => {
  endpoints.status.claude = 500;
  const thread = await failing('say:Sent once more.', 401); // not tried again by OpenCode
  const message = await fallbackOf(thread);
  assert.match(textOf(message), /When it answers again/);
  await outage(null);
  endpoints.status.claude = 200;
  await thread.says(/Sent once more/, PATIENCE_MS);
  await becomes(thread, message, /sent the same prompt again, because it answers again/);
});

test('it comes back and fails again: no second time without a person', async () => {
  const thread = await failing('say:Only by hand.', 401);
  const first = await fallbackOf(thread);
  await becomes(thread, first, /because it answers again/);
  const second = await thread.wait('a second question', (list) => list.find((m) => m.ts !== first.ts && button(m, 'fallback.retry')), PATIENCE_MS);
  assert.match(textOf(second), /now a person decides/);
  const looks = endpoints.looks.claude;
  await world.until('two more looks', () => endpoints.looks.claude >= looks + 2, 30_000);
  assert.ok(button((await thread.messages()).find((m) => m.ts === second.ts), 'fallback.retry'), 'nothing was sent meanwhile');
  await outage(null);
  await thread.click('fallback.retry');
  await thread.says(/Only by hand/, PATIENCE_MS);
  await becomes(thread, second, /sent the same prompt again, by/);
});

test('two people at once: one of them is told that the other was faster', async () => {
  const thread = await failing('say:One of two.', 503);
  const message = await fallbackOf(thread);
  await Promise.all([
    world.clickAgain(thread, message, button(message, 'fallback.switch'), { user: ANN }),
    world.clickAgain(thread, message, button(message, 'fallback.switch'), { user: BOB }),
  ]);
  await thread.says(/One of two/, PATIENCE_MS);
  await outage(null);
  const over = await becomes(thread, message, /went to qwen/);
  const late = JSON.stringify(over.blocks).includes(ANN) ? BOB : ANN;
  await thread.told(late, /faster|chosen already/);
  assert.deepEqual((await askedOf('One of two')).filter((m) => m === 'demo-backup'), ['demo-backup']);
});

test('the gateway is killed between question and click, and between click and answer', async () => {
  const thread = await failing('say:After two deaths.', 503);
  const message = await fallbackOf(thread);
  await world.gateway.kill9();
  await world.restartGateway();
  await thread.click('fallback.switch');
  await thread.wait('the click to be taken', (list) => list.find((m) => m.ts === message.ts && !buttonsOf(m).length));
  await world.gateway.kill9();
  await world.restartGateway();
  await thread.says(/After two deaths/, PATIENCE_MS);
  await becomes(thread, message, /went to qwen/);
  await outage(null);
  assert.deepEqual((await askedOf('After two deaths')).filter((m) => m === 'demo-backup'), ['demo-backup']);
});

test('OpenCode is killed while it tries: the buttons still work', async () => {
  const thread = await failing('say:After another OpenCode.', 503);
  const message = await fallbackOf(thread);
  await world.opencode.kill9();
  await world.startOpenCode();
  await world.gateway.ready({ bridges: 1, timeoutMs: 60_000 });
  await thread.wait('the turn to be given up', (list) => list.find((m) => m.ts === message.ts && !/goes on trying/.test(textOf(m))), PATIENCE_MS);
  await thread.click('fallback.switch');
  await thread.says(/After another OpenCode/, PATIENCE_MS);
  await becomes(thread, message, /went to qwen/);
  await outage(null);
});

test('!retry, and a reply that makes the question pointless', async () => {
  const thread = await failing('say:By word.', 401);
  const message = await fallbackOf(thread);
  endpoints.status.claude = 500;
  await outage(null);
  await thread.reply('!retry');
  await thread.says(/By word/, PATIENCE_MS);
  await becomes(thread, message, /sent the same prompt again/);
  await thread.reply('!retry');
  await thread.told(ANN, /did not fail/);

  const other = await failing('say:Never mind.', 401);
  const question = await fallbackOf(other);
  await outage(null);
  await other.reply('say:Something else.');
  await other.says(/Something else/, PATIENCE_MS);
  await becomes(other, question, /the conversation went on/);
  endpoints.status.claude = 200;
});

test('when no other profile answers, there is only Retry; /readyz says who fails', async () => {
  endpoints.status.qwen = 503;
  endpoints.status.claude = 500;
  await new Promise((done) => setTimeout(done, 1100)); // looks are a second apart
  const thread = await failing('say:Nobody.', 401);
  const message = await fallbackOf(thread);
  assert.deepEqual(buttonsOf(message).map((b) => b.action_id), ['fallback.retry']);
  assert.match(textOf(message), /No other profile is known to answer/);
  const { body } = await world.gateway.api('GET', '/readyz');
  assert.deepEqual(body.models.map((m) => [m.name, m.state]), [['claude', 'failing'], ['qwen', 'failing']]);
  assert.match(body.models[1].why, /503: out of order/);
  endpoints.status.qwen = 200;
  await thread.wait('the other profile', (list) => list.some((m) => m.ts === message.ts && button(m, 'fallback.switch')), 30_000);
  await outage(null);
  await thread.click('fallback.switch');
  await thread.says(/Nobody/, PATIENCE_MS);
  endpoints.status.claude = 200;
});
