// What happens around an app while it works: channels are archived, it is removed, its messages are deleted, threads are
// full, Slack is busy; and what the SDK is told then. `expect` and `problems` are used as a test of an app would.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { GENERAL, boltApp, failsWith, nextEvent, start, webClient } from './support.mjs';

describe('mishaps', () => {
  let slack;
  let web;
  before(async () => {
    slack = await start();
    web = webClient(slack);
  });
  beforeEach(() => slack.post('reset'));
  after(() => slack.stop());

  const post = (more = {}) => web.chat.postMessage({ channel: GENERAL, text: 'x', ...more });

  test('the channel is archived, and back', async () => {
    const { ts } = await post();
    await slack.post('archive', { channel: 'general' });
    await failsWith(post(), 'is_archived');
    await failsWith(web.reactions.add({ channel: GENERAL, timestamp: ts, name: 'eyes' }), 'is_archived');
    assert.equal((await web.conversations.history({ channel: GENERAL })).messages.at(-1).ts, ts);
    await slack.post('archive', { channel: 'general', archive: false });
    assert.equal((await post()).ok, true);
  });

  test('the app is removed from a channel, and invited again', async () => {
    await slack.post('switches', { scopes: 'chat:write,channels:history,channels:read' }); // without chat:write.public
    await slack.post('kick', { channel: 'general' });
    await failsWith(post(), 'not_in_channel');
    await failsWith(web.conversations.history({ channel: GENERAL }), 'not_in_channel');
    assert.equal((await web.conversations.info({ channel: GENERAL })).channel.is_member, false);
    await slack.post('invite', { channel: 'general', by: 'ann' });
    assert.equal((await post()).ok, true);
  });

  test('a message is deleted under its author\'s hands', async () => {
    const { ts } = await post();
    await slack.post('delete', { channel: 'general', ts });
    await failsWith(web.chat.update({ channel: GENERAL, ts, text: 'y' }), 'message_not_found');
    await failsWith(web.chat.delete({ channel: GENERAL, ts }), 'message_not_found');
    const parent = await slack.say('ann', 'general', 'go');
    const stream = await web.chat.startStream({
      channel: GENERAL, thread_ts: parent, recipient_user_id: 'U0ANN', recipient_team_id: 'T0LOCAL', markdown_text: 'a' });
    await slack.post('delete', { channel: 'general', ts: stream.ts });
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts: stream.ts, markdown_text: 'b' }), 'message_not_found');
  });

  test('a thread is full', async () => {
    await slack.post('switches', { thread_limit: 2 });
    const { ts } = await post();
    for (let i = 0; i < 2; i++) await post({ thread_ts: ts });
    await failsWith(post({ thread_ts: ts }), 'restricted_action_thread_locked');
    assert.equal((await post()).ok, true);
  });

  for (const [how, check] of Object.entries({
    reply: async (ts) => assert.equal((await post({ thread_ts: ts })).message.thread_ts, ts),
    unthread: async (ts) => assert.equal((await post({ thread_ts: ts })).message.thread_ts, undefined),
    refuse: (ts) => failsWith(post({ thread_ts: ts }), 'cannot_reply_to_message'),
  })) {
    test(`a reply to a deleted parent: ${how}`, async () => {
      await slack.post('switches', { deleted_parent: how });
      const { ts } = await post();
      await slack.say('ann', 'general', 'a reply that stays', { thread_ts: ts });
      await slack.post('delete', { channel: 'general', ts });
      await check(ts);
    });
  }

  test('a storm of 429 for a while: the SDK comes through', async () => {
    await slack.post('faults', [{ method: 'chat.*', action: 'rate_limit', retry_after_s: 1, for_ms: 700 }]);
    const limited = nextEvent(web, 'rate_limited');
    await post({ text: 'through' });
    assert.equal((await limited)[0], 1);
    assert.equal((await slack.messages('general')).filter((m) => m.text === 'through').length, 1);
  });

  test('expect finds what an app did, and says what there was instead', async () => {
    const app = boltApp(slack);
    app.message('hello', ({ say }) => say({ text: 'hi there', metadata: { event_type: 'greeting', event_payload: { id: 'g1' } } }));
    await app.start();
    await slack.say('ann', 'general', 'hello');
    const { found } = await slack.post('expect', {
      message: { channel: 'general', user: 'U0BOT', contains: 'hi', like: { metadata: { event_payload: { id: 'g1' } } } },
      count: 1, unique: 'metadata.event_payload.id' });
    assert.equal(found[0].text, 'hi there');
    await slack.post('expect', { call: { method: 'chat.postMessage', like: { args: { text: 'hi there' } } } });
    await assert.rejects(slack.post('expect', { message: { channel: 'general', contains: 'bye' }, within_ms: 50 }), /expected.*bye[^]*hi there/);
    await app.stop();
  });

  test('problems tell in words what the app did wrong', async () => {
    await failsWith(post({ blocks: [{ type: 'section' }] }), 'invalid_blocks');
    await failsWith(web.chat.update({ channel: GENERAL, ts: '1700000000.000001', text: 'x' }), 'message_not_found');
    const answer = await slack.get('problems');
    const problems = answer.problems ?? answer;
    assert.ok(problems.length >= 2, JSON.stringify(answer));
    for (const problem of problems) assert.ok(problem.what && problem.source, JSON.stringify(problem));
    assert.match(JSON.stringify(problems), /\/blocks\/0/);
  });
});
