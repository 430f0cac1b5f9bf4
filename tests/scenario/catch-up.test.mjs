// What people say while the gateway cannot hear them: it is down, or it has no socket. Slack does not bring it again
// here (`gap_redelivery` off), so it has to be read from the history.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { ANN, BOB, BOT, GENERAL, buttonsOf, startWorld, textOf } from '../harness/world.mjs';

const SLOW_MS = 60_000;
const CODING = 'C0CODING';
const MAX_AGE_S = 8;

let world, opencode, slack;
before(async () => {
  world = await startWorld({
    opencode: false,
    gatewayEnv: { GATEWAY_SLACK_CATCH_UP_MAX_AGE_S: '3600', GATEWAY_SLACK_CATCH_UP_OVERLAP_S: '2' },
  });
  ({ slack } = world);
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await slack.post('switches', { gap_redelivery: false, retry_scale: 0.02, ack_timeout_ms: 2000 });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  await world?.close();
});
beforeEach(async () => {
  await slack.post('faults', []);
  if (!world.gateway.child.alive) await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
});

const promptsLike = (pattern) => opencode.prompts.filter((p) => pattern.test(p.text));
const catchUp = async () => {
  const { body } = await world.gateway.api('GET', '/api/flows');
  return body.find((flow) => flow.kind === 'catchup');
};
/** Until what was asked for has been read; returns what the workflow says of its last run. */
const caughtUp = async (before = 0) => {
  const flow = await world.until(
    'the history to have been read',
    async () => {
      const f = await catchUp();
      return f && f.step === 'waiting' && (f.data.n_runs ?? 0) > before && f;
    },
    SLOW_MS,
  );
  return flow.data.last;
};
/** `body` runs while the gateway is down; resolves when what came then has been read. */
const whileDown = async (body, more = {}) => {
  const runs = (await catchUp())?.data.n_runs ?? 0;
  await world.gateway.stop();
  await body();
  await world.startGateway(more);
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
  return caughtUp(runs);
};
/** `body` runs while the gateway lives and has no socket. */
const whileCut = async (body) => {
  const runs = (await catchUp())?.data.n_runs ?? 0;
  await slack.post('faults', [{ method: 'link', action: 'http_status', status: 503, times: 1000 }]);
  await slack.post('sockets', { action: 'kill' });
  await world.until('no socket', async () => (await world.gateway.api('GET', '/readyz')).body.sockets_live === 0, SLOW_MS);
  await body();
  await slack.post('faults', []);
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
  return caughtUp(runs);
};
const awayLines = async (thread) => (await thread.messages()).filter((m) => m.bot_id && /came while I was away/.test(textOf(m)));
const hasReaction = async (thread, ts, name) =>
  (await thread.messages()).find((m) => m.ts === ts)?.reactions?.some((r) => r.name === name);

test('replies that came while the gateway was down are taken, once and in order', async () => {
  const thread = await world.start('say:First of all.');
  await thread.says(/First of all/);
  const ts = [];
  await whileDown(async () => {
    for (const n of [1, 2, 3]) ts.push(await thread.reply(`say:Down ${n}.`));
  });
  for (const n of [1, 2, 3]) await thread.says(new RegExp(`Down ${n}\\.`), SLOW_MS);
  assert.deepEqual(promptsLike(/Down \d/).map((p) => p.text), ['say:Down 1.', 'say:Down 2.', 'say:Down 3.']);
  await thread.wait('the line', (list) => list.some((m) => /came while I was away/.test(m.text)), SLOW_MS);
  const lines = await awayLines(thread);
  assert.equal(lines.length, 1);
  assert.match(lines[0].text, /^3 messages came while I was away \(\d\d:\d\d UTC(–\d\d:\d\d UTC)?\); I am going through them now\.$/);
  for (const one of ts) assert.ok(await hasReaction(thread, one, 'white_check_mark'));
});

test('… and so are mentions, in another channel and in a thread of people, and direct messages', async () => {
  const { id: direct } = await slack.post('channels', { type: 'im', members: [ANN, BOT] });
  const root = await slack.say(BOB, GENERAL, 'people talk among themselves');
  const told = {};
  const last = await whileDown(async () => {
    told.mention = await slack.say(BOB, CODING, `<@${BOT}> say:Mentioned there.`);
    told.inThread = await slack.say(BOB, GENERAL, `<@${BOT}> say:Mentioned in a thread.`, { thread_ts: root });
    told.direct = await slack.say(ANN, direct, 'say:Told in private.');
    await slack.say(BOB, CODING, 'not for the agent');
  });
  await world.thread(CODING, told.mention).says(/Mentioned there/, SLOW_MS);
  await world.thread(GENERAL, root).says(/Mentioned in a thread/, SLOW_MS);
  await world.thread(direct, told.direct).says(/Told in private/, SLOW_MS);
  assert.equal(last.n_new, 3);
  for (const pattern of [/Mentioned there/, /Mentioned in a thread/, /Told in private/]) assert.equal(promptsLike(pattern).length, 1);
  assert.equal(promptsLike(/not for the agent/).length, 0);
});

test('the same after a gap without a socket in a living process', async () => {
  const thread = await world.start('say:Before the gap.');
  await thread.says(/Before the gap/);
  let mention;
  const last = await whileCut(async () => {
    await thread.reply('say:In the gap.');
    mention = await slack.say(BOB, CODING, `<@${BOT}> say:A task of the gap.`);
  });
  assert.equal(last.why, 'gap');
  await thread.says(/In the gap/, SLOW_MS);
  await world.thread(CODING, mention).says(/A task of the gap/, SLOW_MS);
  assert.equal(promptsLike(/In the gap/).length, 1);
  await thread.wait('the line', (list) => list.some((m) => /^1 message came while I was away/.test(m.text)), SLOW_MS);
  assert.equal((await awayLines(thread)).length, 1);
});

test('when nothing was missed, nothing is said', async () => {
  const thread = await world.start('say:All was heard.');
  await thread.says(/All was heard/);
  await thread.reply('say:And this too.');
  await thread.says(/And this too/);
  const before = (await thread.messages()).length;
  const last = await whileDown(async () => {});
  assert.equal(last.n_new, 0);
  const probe = await world.start('say:Still there.');
  await probe.says(/Still there/);
  assert.equal((await thread.messages()).length, before);
  assert.equal(promptsLike(/And this too/).length, 1);
});

test('what Slack brings again after all is not taken a second time', async () => {
  const thread = await world.start('say:Root of twice.');
  await thread.says(/Root of twice/);
  await slack.post('switches', { gap_redelivery: true });
  try {
    await whileDown(async () => {
      await thread.reply('say:Heard and read.');
    });
    await thread.says(/Heard and read/, SLOW_MS);
    await world.until('the retry', async () => (await world.gateway.metric('flow_duplicates_total')) > 0, SLOW_MS);
  } finally {
    await slack.post('switches', { gap_redelivery: false });
  }
  const probe = await world.start('say:After twice.');
  await probe.says(/After twice/);
  assert.equal(promptsLike(/Heard and read/).length, 1);
  assert.equal((await thread.said()).filter((m) => /Heard and read/.test(m.text)).length, 1);
});

test('words that stop or destroy are not obeyed afterwards, but offered', async () => {
  const thread = await world.start('gate:late-stop;;say:Was not stopped.');
  await opencode.waitGate('late-stop');
  await whileDown(async () => {
    await thread.reply('!stop');
    await thread.reply('please stop!', BOB);
    await thread.reply('!deploy prod');
  });
  const offers = await thread.wait(
    'three offers',
    (list) => {
      const found = list.filter((m) => buttonsOf(m).some((b) => b.action_id === 'offer.take'));
      return found.length === 3 && found;
    },
    SLOW_MS,
  );
  assert.deepEqual(offers.map((m) => /“(.*)”/.exec(m.text)[1]).sort(), ['!deploy prod', '!stop', 'please stop!']);
  opencode.release('late-stop');
  await thread.says(/Was not stopped/, SLOW_MS);
  assert.equal(promptsLike(/stop|deploy/).filter((p) => !/late-stop/.test(p.text)).length, 0);

  // The button does what was said, now.
  const again = await thread.reply('gate:stop-now;;say:Should not be said.');
  await opencode.waitGate('stop-now');
  const stop = offers.find((m) => /please stop/.test(m.text));
  const [button] = buttonsOf(stop);
  await slack.click({ user: ANN, channel: GENERAL, ts: stop.ts, ...button, text: undefined });
  await thread.cardSays(/Stopped/, SLOW_MS);
  await thread.wait('the offer to be over', (list) => list.find((m) => m.ts === stop.ts && buttonsOf(m).length === 0 && /Done now/.test(textOf(m))));
  await thread.wait('the mark', (list) => list.find((m) => m.ts === again)?.reactions?.some((r) => r.name === 'octagonal_sign'));
});

test('what is too old is named, not done; a task is offered', async () => {
  const thread = await world.start('say:Root of the old.');
  await thread.says(/Root of the old/);
  let mention;
  await whileDown(
    async () => {
      await thread.reply('say:Too old to do.');
      mention = await slack.say(ANN, CODING, `<@${BOT}> say:An old task.`);
      const since = Date.now();
      await world.until('time to pass', () => Date.now() > since + (MAX_AGE_S + 1) * 1000, SLOW_MS);
      await thread.reply('say:Young enough.');
    },
    { env: { GATEWAY_SLACK_CATCH_UP_MAX_AGE_S: `${MAX_AGE_S}` } },
  );
  await thread.says(/Young enough/, SLOW_MS);
  const line = await thread.wait('the line', (list) => list.find((m) => m.bot_id && /came too long ago/.test(m.text)));
  assert.match(line.text, /^1 message came while I was away \(.*\); I am going through it now\. 1 older message, .* not taken\./);
  const old = world.thread(CODING, mention);
  const { message, buttons } = await old.button('offer.take', SLOW_MS);
  assert.match(textOf(message), /say:An old task/);
  assert.equal(promptsLike(/Too old|An old task/).length, 0);
  await slack.click({ user: BOB, channel: CODING, ts: message.ts, ...buttons[0], text: undefined });
  await old.says(/(^|\n)An old task\./, SLOW_MS);
  assert.equal(promptsLike(/An old task/).length, 1);
});

test('queued messages that were edited or deleted meanwhile', async () => {
  const thread = await world.start('gate:queue;;say:The first turn.');
  await opencode.waitGate('queue');
  const edited = await thread.reply('say:Before the edit.');
  const deleted = await thread.reply('say:To be deleted.');
  await thread.told(ANN, /Queued as number 2/);
  await whileDown(async () => {
    await slack.post('edit', { channel: GENERAL, ts: edited, text: 'say:After the edit.' });
    await slack.post('delete', { channel: GENERAL, ts: deleted });
    const late = await thread.reply('say:Said wrongly.');
    await slack.post('edit', { channel: GENERAL, ts: late, text: 'say:Said rightly.' });
  });
  opencode.release('queue');
  await thread.says(/Said rightly/, SLOW_MS);
  assert.deepEqual(
    promptsLike(/edit|deleted|Said/).map((p) => p.text),
    ['say:After the edit.', 'say:Said rightly.'],
  );
});

test('a queued message that is deleted is withdrawn at once', async () => {
  const thread = await world.start('gate:live-queue;;say:One turn.');
  await opencode.waitGate('live-queue');
  const ts = await thread.reply('say:Never mind.');
  await thread.told(ANN, /Queued as number 1/);
  await slack.post('delete', { channel: GENERAL, ts });
  await thread.told(ANN, /was deleted; it does not go to the agent/);
  opencode.release('live-queue');
  await thread.says(/One turn/, SLOW_MS);
  const probe = await world.start('say:After the withdrawal.');
  await probe.says(/After the withdrawal/);
  assert.equal(promptsLike(/Never mind/).length, 0);
});

test('many old threads, long channels, and Slack refusing now and then', async () => {
  const threads = [];
  for (const n of [1, 2, 3, 4, 5, 6]) {
    const thread = await world.start(`say:Old thread ${n}.`);
    await thread.says(new RegExp(`Old thread ${n}\\.`));
    threads.push(thread);
  }
  for (let i = 0; i < 230; i++) await slack.say(BOB, GENERAL, `talk ${i}`);
  let mention;
  const last = await whileDown(async () => {
    for (const [i, thread] of threads.entries()) await thread.reply(`say:Late in thread ${i + 1}.`);
    mention = await slack.say(ANN, GENERAL, `<@${BOT}> say:Before much talk.`);
    for (let i = 0; i < 230; i++) await slack.say(BOB, GENERAL, `more talk ${i}`);
    await slack.post('faults', [
      { method: 'conversations.history', action: 'rate_limit', retry_after_s: 1, times: 2 },
      { method: 'conversations.replies', action: 'rate_limit', retry_after_s: 1, times: 1 },
      { method: 'conversations.replies', action: 'http_500_before', times: 1 },
      { method: 'users.conversations', action: 'drop_response_after', times: 1 },
    ]);
  });
  for (const [i, thread] of threads.entries()) await thread.says(new RegExp(`Late in thread ${i + 1}\\.`), SLOW_MS);
  await world.thread(GENERAL, mention).says(/Before much talk/, SLOW_MS);
  assert.equal(last.n_new, 7);
  assert.equal(last.n_errors ?? 0, 0);
  assert.equal(promptsLike(/Late in thread/).length, 6);
});

test('killed in the middle of reading, it goes on with the page it was at', async () => {
  const thread = await world.start('say:Root of kills.');
  await thread.says(/Root of kills/);
  const runs = (await catchUp()).data.n_runs;
  await world.gateway.stop();
  for (const n of [1, 2, 3, 4, 5]) await thread.reply(`say:Killed ${n}.`);
  for (const pass of [2, 4, 6, 9]) {
    await world.startGateway({ failpoint: `ask.done:${pass}` });
    await world.gateway.exited();
  }
  await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
  await caughtUp(runs);
  await thread.says(/Killed 5\./, SLOW_MS);
  assert.deepEqual(
    promptsLike(/Killed \d/).map((p) => p.text),
    [1, 2, 3, 4, 5].map((n) => `say:Killed ${n}.`),
  );
  await thread.wait('the line', (list) => list.some((m) => /^5 messages came while I was away/.test(m.text)), SLOW_MS);
  assert.equal((await awayLines(thread)).length, 1, 'and it is said once');
});
