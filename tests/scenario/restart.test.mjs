// What dies in the middle: the gateway, OpenCode, the connection between them, the answers of Slack. Every test ends
// with the same question: did each thing happen, and did it happen once?

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { startTcpProxy } from '../harness/tcp-proxy.mjs';
import { ANN, GENERAL, buttonsOf, startWorld, textOf } from '../harness/world.mjs';

const LAST_WORD = /\bw39\b/; // of text:40:…
const SLOW_MS = 60_000; // what one waits for here includes restarts and reconnections

let world;
before(async () => {
  world = await startWorld({ proxy: true });
});
after(() => world?.close());
beforeEach(async () => {
  world.proxy.restore();
  if (!world.gateway.child.alive) await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
});

const made = (name) => existsSync(join(world.directory, name));
const kill = async () => {
  await world.gateway.kill9();
};
/** Answers appear one after the other: whatever would be there twice is there when the turn is over. */
const saidOnce = async (thread, pattern) => {
  await thread.says(pattern, SLOW_MS);
  await thread.cardSays(/Finished/, SLOW_MS);
  assert.equal((await thread.said()).filter((m) => pattern.test(textOf(m))).length, 1, `${pattern} is said once`);
};
const finalCard = (thread, ts, pattern) =>
  thread.wait(
    `the request's card to say ${pattern}`,
    (list) => list.find((m) => m.ts === ts && pattern.test(textOf(m)) && buttonsOf(m).length === 0),
    SLOW_MS,
  );
const waitingAsk = (verb) =>
  world.until(
    `an ask ${verb}`,
    async () => (await world.gateway.api('GET', '/api/asks')).body.find((a) => a.verb === verb),
    SLOW_MS,
  );
/** Runs `body` and returns how often OpenCode told of an event meanwhile. */
const counting = async (type, body) => {
  const events = await world.opencode.events();
  try {
    await body();
    return events.list.filter((e) => e.type === type).length;
  } finally {
    await events.close();
  }
};

test('the gateway is killed while a permission is open: the buttons still work', async () => {
  const thread = await world.start('bash:touch killed.txt;;say:Allowed after the restart.');
  const { message, buttons } = await thread.button('permission.once');
  await kill();
  await world.restartGateway();
  const replies = await counting('permission.replied', async () => {
    await world.clickAgain(thread, message, buttons[0]);
    await saidOnce(thread, /Allowed after the restart/);
  });
  assert.equal(replies, 1);
  assert.ok(made('killed.txt'));
  await finalCard(thread, message.ts, /Allowed once/);
});

test('… while nobody was there: a click that Slack could not deliver is simply made again', async () => {
  const thread = await world.start('bash:touch nobody.txt;;say:Second click.');
  const { message, buttons } = await thread.button('permission.once');
  await kill();
  const lost = await world.clickAgain(thread, message, buttons[0]).catch((error) => error);
  assert.ok(!lost.acked, 'the person sees that it did not work');
  await world.restartGateway();
  await world.clickAgain(thread, message, buttons[0]);
  await saidOnce(thread, /Second click/);
});

const REQUESTS = [
  {
    kind: 'permission',
    prompt: (name) => `bash:echo ran >>${name}.txt;;say:Permission ${name}.`,
    said: (name) => new RegExp(`Permission ${name}\\.`),
    action: 'permission.once',
    verb: 'opencode.permission_reply',
    final: /Allowed once/,
    happened: (name) => assert.equal(readFileSync(join(world.directory, `${name}.txt`), 'utf8'), 'ran\n'),
  },
  {
    kind: 'question',
    prompt: (name) => `question:1;;say:Question ${name}.`,
    said: (name) => new RegExp(`Question ${name}\\.`),
    action: 'question.pick',
    verb: 'opencode.question_reply',
    final: /Answered|answered/,
    happened: () => {},
  },
];

for (const request of REQUESTS) {
  const begin = async (name) => {
    const thread = await world.start(request.prompt(name));
    const { message, buttons } = await thread.button(request.action, SLOW_MS);
    return { thread, message, button: buttons[0] };
  };
  const finish = async (name, { thread, message }) => {
    await saidOnce(thread, request.said(name));
    const card = await finalCard(thread, message.ts, request.final);
    assert.match(JSON.stringify(card.blocks), /U0ANN/, 'the card says who');
    assert.equal((await world.pending(request.kind)).length, 0);
    request.happened(name);
  };

  test(`${request.kind}: killed between the click and the reply`, async () => {
    const open = await begin('before');
    const replies = await counting(`${request.kind}.replied`, async () => {
      world.proxy.cut(); // the reply cannot leave
      await world.clickAgain(open.thread, open.message, open.button);
      await waitingAsk(request.verb);
      await kill();
      world.proxy.restore();
      await world.restartGateway();
      await finish('before', open);
    });
    assert.equal(replies, 1);
  });

  test(`${request.kind}: killed between the reply and its result`, async () => {
    const open = await begin('after');
    const replies = await counting(`${request.kind}.replied`, async () => {
      world.proxy.hold('up'); // OpenCode's answer cannot arrive
      await world.clickAgain(open.thread, open.message, open.button);
      await world.until(
        'OpenCode to have the answer',
        async () => (await world.pending(request.kind)).length === 0,
        SLOW_MS,
      );
      await kill();
      world.proxy.restore();
      await world.restartGateway();
      await finish('after', open);
    });
    assert.equal(replies, 1);
  });

  test(`${request.kind}: killed at the first asks after the click, whichever they are`, async () => {
    for (const pass of [1, 2, 3]) {
      const name = `pass${pass}`;
      const open = await begin(name);
      await kill();
      await world.startGateway({ failpoint: `ask.before_start:${pass}` });
      const click = () => world.clickAgain(open.thread, open.message, open.button);
      // The failpoint may come before the click; then the person clicks again.
      const dead = () => !world.gateway.child.alive;
      await world.slack.waitFor((state) => dead() || state.sockets.some((one) => one.state === 'live'), {
        timeout_ms: SLOW_MS,
      });
      // Its end is heard of a moment after its sockets are gone.
      await click().catch((error) => Promise.race([
        world.gateway.exited(),
        setTimeout(SLOW_MS, undefined, { ref: false }).then(() => Promise.reject(error)),
      ]));
      await world.gateway.exited();
      await world.restartGateway();
      if (buttonsOf((await open.thread.messages()).find((m) => m.ts === open.message.ts)).length > 0) await click();
      await finish(name, open);
    }
  });
}

test('the gateway is killed while it posts the answer: it is there once', async () => {
  const slow = await startTcpProxy(world.slack.port);
  try {
    await world.gateway.stop();
    await world.restartGateway({ slackUrl: slow.url });
    const thread = await world.start('gate:posting;;say:The only answer.');
    await world.model.waitGate('posting');
    await thread.progress(/Working/);
    await world.slack.post('faults', [{ method: 'chat.postMessage', action: 'delay', delay_ms: 1500 }]);
    await world.model.release('posting');
    // Between the request and its effect the answers of Slack are cut off: the post happens, nobody hears of it.
    await waitingAsk('slack.post');
    slow.hold('down');
    await thread.says(/The only answer/, SLOW_MS);
    await kill();
    await world.restartGateway();
    await saidOnce(thread, /The only answer/);
    await thread.progress(/Done in/, SLOW_MS);
  } finally {
    await slow.stop();
  }
});

test('… and when the answer was lost and the gateway is killed before it looks for it', async () => {
  const thread = await world.start('gate:lost;;say:Once only.');
  await world.model.waitGate('lost');
  await thread.progress(/Working/);
  await world.slack.post('faults', [{ method: 'chat.postMessage', action: 'drop_response_after' }]);
  await world.model.release('lost');
  await thread.says(/Once only/, SLOW_MS);
  await kill();
  await world.restartGateway();
  await saidOnce(thread, /Once only/);
});

test('OpenCode is killed in mid-turn: the thread says so, and a reply goes on', async () => {
  const thread = await world.start('bash:touch never.txt;;say:Never said.');
  const { message, buttons } = await thread.button('permission.once');
  await world.opencode.kill9();
  await thread.cardSays(/not connected/, SLOW_MS);
  await world.startOpenCode();
  await thread.cardSays(/restarted in the middle/, SLOW_MS);
  await finalCard(thread, message.ts, /No longer needed/);
  await thread.progress(/Failed after/, SLOW_MS);
  await world.clickAgain(thread, message, buttons[0]);
  await thread.told(ANN, /no longer needed/);
  await thread.reply('say:On it goes.');
  await saidOnce(thread, /On it goes/);
  assert.ok(!made('never.txt'));
});

test('the gateway stops in the middle of an answer and starts again', async () => {
  const thread = await world.start('text:40:50');
  await thread.progress(/Working/);
  const { code } = await world.gateway.stop();
  assert.equal(code, 0, 'it stops in good order');
  await world.restartGateway();
  await saidOnce(thread, LAST_WORD);
});

test('the answer is finished while the gateway is away', async () => {
  const thread = await world.start('gate:away;;say:Nobody listened.');
  await world.model.waitGate('away');
  await kill();
  await world.model.release('away');
  const idle = async () => Object.keys(await world.opencode.api('GET', '/session/status', undefined, { directory: world.directory }));
  await world.until('OpenCode idle', async () => (await idle()).length === 0, SLOW_MS);
  await world.restartGateway();
  await saidOnce(thread, /Nobody listened/);
});

test('the connection to the plugin is cut in the middle of an answer', async () => {
  const thread = await world.start('text:40:50');
  await thread.progress(/Working/);
  world.proxy.drop();
  await saidOnce(thread, LAST_WORD);

  const longer = await world.start('gate:cut;;bash:touch reconnected.txt;;say:After a while.');
  await world.model.waitGate('cut');
  world.proxy.cut();
  await world.model.release('cut');
  await world.until('the request in OpenCode', async () => (await world.pending('permission')).length > 0, SLOW_MS);
  world.proxy.restore();
  await longer.click('permission.once');
  await saidOnce(longer, /After a while/);
  assert.ok(made('reconnected.txt'));
});

test('OpenCode is not there when a task starts: it waits, says so, and runs', async () => {
  await world.opencode.stop();
  await world.until('no bridge', async () => (await world.gateway.api('GET', '/readyz')).body.bridges.length === 0, SLOW_MS);
  const thread = await world.start('say:Late but done.');
  await thread.cardSays(/not connected/, SLOW_MS);
  await kill(); // and the gateway forgets nothing about it either
  await world.startGateway();
  await world.startOpenCode();
  await saidOnce(thread, /Late but done/);
  const sessions = (await world.gateway.sessions()).filter((s) => s.thread_ts === thread.ts);
  assert.equal(sessions.length, 1);
  assert.equal(sessions[0].channel, GENERAL);
});
