// What Slack does to an app besides delivering: it says things twice, says them in two ways, reports what is not meant
// for the agent, replaces sockets in the middle of traffic, and fails calls that it has performed.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { ANN, BOB, BOT, GENERAL, startWorld, textOf } from '../harness/world.mjs';

const SLOW_MS = 60_000;

let world, opencode, slack;
before(async () => {
  world = await startWorld({ opencode: false });
  ({ slack } = world);
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await slack.post('switches', { record_frames: true, retry_scale: 0.02, ack_timeout_ms: 2000 });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  await world?.close();
});

/** The newest envelope of a kind that was sent to the gateway. */
const lastEnvelope = async (type, fits = () => true) =>
  (await slack.get('frames'))
    .filter((f) => f.direction.startsWith('out:'))
    .map((f) => JSON.parse(f.text))
    .findLast((e) => e.type === type && fits(e.payload));
/** The same payload in another envelope: what Slack does when it believes that the first was lost. */
const deliverAgain = (envelope) =>
  slack.post('deliver', { envelope: JSON.stringify({ ...envelope, envelope_id: randomUUID(), retry_attempt: 1 }) });
const promptsLike = (pattern) => opencode.prompts.filter((p) => pattern.test(p.text));
const rootsLike = async (pattern) =>
  (await slack.messages(GENERAL)).filter((m) => m.bot_id && (m.thread_ts ?? m.ts) === m.ts && pattern.test(textOf(m)));
const duplicates = () => world.gateway.metric('flow_duplicates_total');
/** Runs `body` and waits until the gateway has met `n` things that it had been told before. */
const expectDuplicates = async (n, body) => {
  const first = await duplicates();
  await body();
  await world.until(`${n} duplicates`, async () => (await duplicates()) >= first + n, SLOW_MS);
};
/** One more conversation from end to end: what came before it has been dealt with when it is over. */
let probes = 0;
const stillWorks = async () => {
  const word = `probe ${++probes}`;
  const thread = await world.start(`say:Answer to ${word}.`);
  await thread.says(new RegExp(`Answer to ${word}\\.`), SLOW_MS);
};

test('a command delivered twice starts one task', async () => {
  const thread = await world.start('say:One command.');
  await thread.says(/One command/);
  await expectDuplicates(1, async () => deliverAgain(await lastEnvelope('slash_commands')));
  await stillWorks();
  assert.equal((await rootsLike(/One command/)).length, 1);
  assert.equal(promptsLike(/One command/).length, 1);
});

test('a reply delivered twice is one prompt, with the same envelope_id and with another', async () => {
  const thread = await world.start('say:Root of replies.');
  await thread.says(/Root of replies/);
  const ts = await thread.reply('say:One reply.');
  await thread.says(/One reply/);
  const { payload, envelope_id } = await lastEnvelope('events_api', (p) => p.event.ts === ts);
  await expectDuplicates(2, async () => {
    await slack.post('redeliver', { event_id: payload.event_id });
    await slack.post('redeliver', { event_id: payload.event_id, new_envelope_id: false });
  });
  assert.ok(envelope_id);
  await stillWorks();
  assert.equal(promptsLike(/One reply/).length, 1);
  assert.equal((await thread.said()).filter((m) => /One reply/.test(m.text)).length, 1);
});

test('a click delivered twice is one answer', async () => {
  const thread = await world.start('bash:true click;;say:One click.');
  await thread.click('permission.once');
  await thread.says(/One click/);
  const n = opencode.replies.length;
  await expectDuplicates(1, async () => deliverAgain(await lastEnvelope('interactive')));
  await stillWorks();
  assert.equal(opencode.replies.length, n);
  const told = (await slack.state()).ephemerals.filter((e) => /Already answered/.test(textOf(e.message)));
  assert.equal(told.length, 0, 'and the person is not told that they were too late for themselves');
});

test('a mention arrives as two events, in either order, and is one task', async () => {
  const thread = await world.mention('say:Twins.');
  await thread.says(/Twins/);
  const twin = await lastEnvelope('events_api', (p) => p.event.type === 'app_mention' && p.event.ts === thread.ts);
  assert.ok(twin, 'Slack sent it as app_mention as well');
  await expectDuplicates(1, () => deliverAgain(twin));

  // Only the mention, as where the app may not read messages; then, late, the message.
  await slack.post('switches', { message_events: false });
  const late = await world.mention('say:Late twin.');
  await late.says(/Late twin/);
  await slack.post('switches', { message_events: true });
  const { payload } = await lastEnvelope('events_api', (p) => p.event.ts === late.ts);
  assert.equal(payload.event.type, 'app_mention');
  await expectDuplicates(1, () =>
    slack.post('event', { event: { ...payload.event, type: 'message', channel_type: 'channel' } }),
  );
  await stillWorks();
  assert.equal(promptsLike(/Twins/).length, 1);
  assert.equal(promptsLike(/Late twin/).length, 1);
  const sessions = await world.gateway.sessions();
  assert.equal(sessions.filter((s) => s.thread_ts === thread.ts).length, 1);
  assert.equal(sessions.filter((s) => s.thread_ts === late.ts).length, 1);
});

test('editing a mention starts nothing', async () => {
  const thread = await world.mention('say:Before the edit.');
  await thread.says(/Before the edit/);
  await slack.post('edit', { user: ANN, channel: GENERAL, ts: thread.ts, text: `<@${BOT}> say:After the edit.` });
  await stillWorks();
  assert.equal(promptsLike(/After the edit/).length, 0);
  assert.equal((await world.gateway.sessions()).filter((s) => s.thread_ts === thread.ts).length, 1);
});

test('what is not said by people to the agent is not a prompt', async () => {
  const thread = await world.start('say:Root of noise.');
  await thread.says(/Root of noise/);
  const n = opencode.prompts.length;
  const raise = (more) =>
    slack.post('event', {
      event: { type: 'message', channel: GENERAL, channel_type: 'channel', user: BOB, text: 'say:noise', thread_ts: thread.ts, ...more },
    });
  const ts = () => `${Math.floor(Date.now() / 1000)}.${String(++probes).padStart(6, '0')}`;
  for (const subtype of ['channel_topic', 'channel_join', 'reminder_add', 'assistant_app_thread', 'one_that_does_not_exist'])
    await raise({ ts: ts(), subtype });
  await raise({ ts: ts(), subtype: 'bot_message', bot_id: 'B0OTHER', user: undefined });
  await raise({ ts: ts(), bot_id: 'B0OTHER', bot_profile: { id: 'B0OTHER' } });
  await raise({ ts: ts(), user: BOT });
  const old = { type: 'message', user: BOB, text: 'say:noise', ts: ts(), thread_ts: thread.ts };
  await raise({ ts: ts(), subtype: 'message_changed', message: old, previous_message: old, text: undefined, user: undefined });
  await raise({ ts: ts(), subtype: 'message_deleted', previous_message: old, deleted_ts: old.ts, text: undefined, user: undefined });
  await raise({ ts: ts(), subtype: 'message_replied', message: old, text: undefined, user: undefined });
  await slack.post('reaction', { user: BOB, channel: GENERAL, ts: thread.ts, name: 'tada' });
  await slack.say(BOB, GENERAL, 'say:noise outside of any thread');
  await stillWorks();
  assert.equal(opencode.prompts.length, n + 1, 'only the probe was a prompt');
  assert.equal(await world.gateway.metric('slack_bad_payloads_total'), 0);
});

test('a reply with a file, and one that is also sent to the channel, are replies', async () => {
  const thread = await world.start('say:Root of subtypes.');
  await thread.says(/Root of subtypes/);
  await slack.say(BOB, GENERAL, 'say:With a file.', { thread_ts: thread.ts, files: [{ name: 'notes.txt', content: 'x' }] });
  await thread.says(/With a file/, SLOW_MS);
  await slack.say(BOB, GENERAL, 'say:To the channel too.', { thread_ts: thread.ts, subtype: 'thread_broadcast' });
  await thread.says(/To the channel too/, SLOW_MS);
  assert.equal(promptsLike(/With a file/).length, 1);
  assert.equal(promptsLike(/To the channel too/).length, 1);
});

for (const action of ['warning', 'refresh', 'close', 'kill']) {
  test(`the sockets are replaced (${action}) in the middle of traffic: nothing is lost`, async () => {
    const thread = await world.start(`say:Root of ${action}.`);
    await thread.says(new RegExp(`Root of ${action}`), SLOW_MS);
    const texts = [];
    for (let i = 0; i < 8; i++) {
      const text = `say:Traffic ${action} ${i}.`;
      texts.push(text);
      await thread.reply(text, i % 2 ? ANN : BOB);
      if (i % 3 === 1) await slack.post('sockets', { action });
    }
    const promptsNow = () => promptsLike(new RegExp(`Traffic ${action} `)).map((p) => p.text);
    await world.until('all of it', () => promptsNow().length >= texts.length, SLOW_MS);
    // What was said is read from the history, sockets or not; a command needs one.
    await slack.waitForSockets(2, { timeout_ms: SLOW_MS });
    await world.until('a command to be acknowledged', async () => (await slack.command(BOB, GENERAL, '/opencode', 'help')).acked, SLOW_MS);
    await stillWorks();
    assert.deepEqual(promptsNow().toSorted(), texts.toSorted(), 'each once');
    // Not in order: Slack spreads envelopes over two sockets, and promises none between them.
    assert.equal((await slack.state()).envelopes.lost, 0);
  });
}

test('one socket is replaced while the other lives: a command in that moment is acknowledged', async () => {
  await slack.waitForSockets(2, { timeout_ms: SLOW_MS });
  const [first] = (await slack.state()).sockets.filter((s) => s.state === 'live');
  await slack.post('sockets', { action: 'refresh', which: first.id });
  const { acked } = await slack.command(ANN, GENERAL, '/opencode', 'start say:In between.');
  assert.equal(acked, true);
  await world.until('its prompt', () => promptsLike(/In between/).length === 1, SLOW_MS);
});

test('a click on a card whose session is gone is answered', async () => {
  const thread = await world.start('bash:true past;;say:A card of the past.');
  await thread.click('permission.once', { user: BOB });
  await thread.says(/A card of the past/);
  const { payload } = await lastEnvelope('interactive');
  const actions = [{ ...payload.actions[0], value: '0123456789abcdef', action_ts: '1700000000.000001' }];
  await deliverAgain({ type: 'interactive', accepts_response_payload: false, payload: { ...payload, actions } });
  await thread.told(BOB, /session that has ended/);
});

test('a person who may not is told, and only they', async () => {
  await world.gateway.stop();
  await world.restartGateway({ env: { GATEWAY_SLACK_ALLOW_USERS: ANN } });
  const thread = await world.start('say:Ann may.');
  await thread.says(/Ann may/, SLOW_MS);
  await thread.reply('say:Bob may not.', BOB);
  await thread.told(BOB, /not on the list/, SLOW_MS);
  await world.gateway.stop();
  await world.restartGateway();
  await stillWorks();
  assert.equal(promptsLike(/Bob may not/).length, 0);
});

for (const [what, faults] of [
  ['says 429', [{ method: 'chat.postMessage', action: 'rate_limit', retry_after_s: 1, times: 2 }]],
  ['fails before it posts', [{ method: 'chat.postMessage', action: 'http_500_before', times: 2 }]],
  ['fails after it has posted', [{ method: 'chat.postMessage', action: 'http_500_after', times: 3 }]],
  ['posts, and its answer is lost', [{ method: 'chat.postMessage', action: 'drop_response_after', times: 3 }]],
  ['ends the connection', [{ method: 'chat.postMessage', action: 'drop_before', times: 2 }]],
  [
    'fails in every way, updates too',
    ['http_500_after', 'drop_before', 'rate_limit', 'drop_response_after', 'http_500_before'].flatMap((action) => [
      { method: 'chat.postMessage', action, retry_after_s: 1 },
      { method: 'chat.update', action, retry_after_s: 1 },
    ]),
  ],
]) {
  test(`Slack ${what}: each message is there once, in order`, async () => {
    await slack.post('faults', faults);
    const word = what.replaceAll(/\W+/g, ' ');
    const thread = await world.start(`bash:true ${word};;say:First when it ${word}.`);
    await thread.click('permission.once');
    await thread.says(new RegExp(`First when it ${word}\\.`), SLOW_MS);
    await thread.reply(`say:Second when it ${word}.`);
    await thread.says(new RegExp(`Second when it ${word}\\.`), SLOW_MS);
    await thread.cardSays(/Finished/, SLOW_MS);
    await thread.wait('every fault to be over', async () => {
      const asks = (await world.gateway.api('GET', '/api/asks')).body;
      return asks.every((a) => a.status !== 'pending');
    }, SLOW_MS);
    assert.deepEqual(
      (await thread.said()).map((m) => (/Allowed once/.test(textOf(m)) ? 'permission' : m.text)),
      ['permission', `First when it ${word}.`, `Second when it ${word}.`],
    );
    assert.equal((await rootsLike(new RegExp(`bash:true ${word}`))).length, 1);
    await slack.post('faults', []);
  });
}

test('the contract was kept all the time', () => {
  assert.deepEqual(opencode.violations, []);
});
