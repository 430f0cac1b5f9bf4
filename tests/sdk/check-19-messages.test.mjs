// Check 19: the store of messages, and the events that tell of it, as a Bolt app hears them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GENERAL, boltApp, failsWith, section, start, webClient } from './support.mjs';

describe('10.19 messages and threads', () => {
  let slack;
  let web;
  let app;
  const heard = { messages: [], mentions: [], changed: [], deleted: [], broadcasts: [], reactions: [], removed: [], bots: [] };
  before(async () => {
    slack = await start();
    web = webClient(slack);
    app = boltApp(slack, { ignoreSelf: false });
    app.event('message', async ({ event }) => {
      const list = event.bot_id ? heard.bots : { message_changed: heard.changed, message_deleted: heard.deleted, thread_broadcast: heard.broadcasts }[event.subtype] ?? heard.messages;
      list.push(event);
    });
    app.event('app_mention', async ({ event }) => void heard.mentions.push(event));
    app.event('reaction_added', async ({ event }) => void heard.reactions.push(event));
    app.event('reaction_removed', async ({ event }) => void heard.removed.push(event));
    await app.start();
  });
  after(async () => {
    await app.stop();
    await slack.stop();
  });
  const until = (list, predicate, what) => slack.waitFor(() => heard[list].find(predicate), { what });

  test('ts: unique and growing, as a text of seconds and six digits', async () => {
    const all = await Promise.all(Array.from({ length: 30 }, (_, i) => web.chat.postMessage({ channel: i % 2 ? GENERAL : 'C0CODING', text: `${i}` })));
    assert.ok(all.every((a) => /^\d{10}\.\d{6}$/.test(a.ts)));
    assert.equal(new Set(all.map((a) => a.ts)).size, 30);
    const kept = (await slack.messages('general')).map((m) => m.ts);
    assert.deepEqual([...kept].sort(), kept);
  });

  test('a mention: message and app_mention of one ts, with two event ids', async () => {
    const ts = await slack.say('ann', 'general', '<@U0BOT> please');
    await until('mentions', (m) => m.ts === ts, 'the mention');
    await until('messages', (m) => m.ts === ts, 'the message');
    const sent = (await slack.get('frames')).map((f) => JSON.parse(f.text).payload).filter((p) => p?.event?.ts === ts && p.event.user === 'U0ANN');
    assert.equal(sent.length, 2);
    assert.notEqual(sent[0].event_id, sent[1].event_id);
    assert.equal(heard.mentions.find((m) => m.ts === ts).channel_type, undefined);
  });

  test('no app_mention where the bot is not a member, nor in a direct message', async () => {
    const { id } = await slack.post('channels', { name: 'elsewhere', members: ['U0ANN'] });
    const direct = await slack.post('channels', { type: 'im', members: ['U0ANN', 'U0BOT'] });
    const there = await slack.say('ann', id, '<@U0BOT> hello');
    const here = await slack.say('ann', direct.id, '<@U0BOT> hello');
    const im = await until('messages', (m) => m.ts === here, 'the direct message');
    assert.equal(im.channel_type, 'im');
    const last = await slack.say('ann', 'general', '<@U0BOT> last');
    await until('mentions', (m) => m.ts === last, 'the last mention');
    assert.ok(!heard.mentions.some((m) => [there, here].includes(m.ts)));
    assert.ok(!heard.messages.some((m) => m.ts === there));
  });

  test('Bolt ignores its own messages unless told otherwise', async () => {
    const quiet = boltApp(slack);
    const own = [];
    quiet.message(async ({ message }) => void own.push(message));
    await app.stop();
    await quiet.start();
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'mine' });
    const theirs = await slack.say('ann', 'general', 'theirs');
    await slack.waitFor(() => own.some((m) => m.ts === theirs), { what: 'their message' });
    assert.ok(!own.some((m) => m.ts === ts));
    await quiet.stop();
    await app.start();
    const again = await web.chat.postMessage({ channel: GENERAL, text: 'mine again' });
    const event = await until('bots', (m) => m.ts === again.ts, 'its own message');
    assert.deepEqual([event.bot_id, event.user, event.app_id], ['B0BOT', 'U0BOT', 'A0LOCAL']);
  });

  test('threads: counts, users, latest reply; a reply to a reply joins the thread', async () => {
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'parent' });
    const one = await slack.say('ann', 'general', 'one', { thread_ts: ts });
    await slack.say('bob', 'general', 'two', { thread_ts: ts });
    const reply = await web.chat.postMessage({ channel: GENERAL, text: 'three', thread_ts: ts });
    assert.deepEqual([reply.message.thread_ts, reply.message.parent_user_id], [ts, 'U0BOT']);
    assert.equal((await web.chat.postMessage({ channel: GENERAL, text: 'four', thread_ts: reply.ts })).message.thread_ts, ts);
    const { messages } = await web.conversations.replies({ channel: GENERAL, ts });
    assert.deepEqual(messages.map((m) => m.text), ['parent', 'one', 'two', 'three', 'four']);
    assert.deepEqual([messages[0].thread_ts, messages[0].reply_count, messages[0].reply_users_count, messages[0].reply_users, messages[0].latest_reply],
      [ts, 4, 3, ['U0ANN', 'U0BOB', 'U0BOT'], messages[4].ts]);
    const event = await until('messages', (m) => m.ts === one, 'the reply');
    assert.deepEqual([event.thread_ts, event.parent_user_id], [ts, 'U0BOT']);
    const history = await web.conversations.history({ channel: GENERAL, limit: 1 });
    assert.equal(history.messages[0].ts, ts); // replies are not part of the channel
  });

  test('a broadcast reply is in the thread and in the channel', async () => {
    const ts = await slack.say('ann', 'general', 'ask');
    const reply = await web.chat.postMessage({ channel: GENERAL, text: 'to all', thread_ts: ts, reply_broadcast: true });
    assert.equal(reply.message.subtype, 'thread_broadcast');
    const history = await web.conversations.history({ channel: GENERAL, limit: 2 });
    assert.deepEqual(history.messages.map((m) => m.ts), [reply.ts, ts]);
    assert.deepEqual((await web.conversations.replies({ channel: GENERAL, ts })).messages.map((m) => m.ts), [ts, reply.ts]);
  });

  test('message_changed carries what is and what was', async () => {
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'one' });
    await web.chat.update({ channel: GENERAL, ts, text: 'two' });
    const event = await until('changed', (e) => e.message.ts === ts, 'message_changed');
    assert.deepEqual([event.message.text, event.previous_message.text, event.hidden, event.channel, event.channel_type],
      ['two', 'one', true, GENERAL, 'channel']);
    assert.equal(event.message.edited.user, 'U0BOT');
    assert.notEqual(event.ts, ts);
    const theirs = await slack.say('ann', 'general', 'tpyo');
    await slack.post('edit', { channel: 'general', ts: theirs, text: 'typo' });
    const edit = await until('changed', (e) => e.message.ts === theirs, 'the edit');
    assert.deepEqual([edit.message.text, edit.message.edited.user, edit.previous_message.text], ['typo', 'U0ANN', 'tpyo']);
  });

  test('message_deleted carries what was; a parent with replies leaves a tombstone', async () => {
    const ts = await slack.say('ann', 'general', 'remove me');
    await slack.post('delete', { channel: 'general', ts });
    const event = await until('deleted', (e) => e.deleted_ts === ts, 'message_deleted');
    assert.deepEqual([event.previous_message.text, event.previous_message.user, event.hidden], ['remove me', 'U0ANN', true]);
    const parent = await web.chat.postMessage({ channel: GENERAL, text: 'parent' });
    await slack.say('ann', 'general', 'reply', { thread_ts: parent.ts });
    await web.chat.delete({ channel: GENERAL, ts: parent.ts });
    const { messages } = await web.conversations.replies({ channel: GENERAL, ts: parent.ts });
    assert.deepEqual(messages.map((m) => m.subtype ?? m.text), ['tombstone', 'reply']);
    await failsWith(web.chat.update({ channel: GENERAL, ts: parent.ts, text: 'x' }), 'message_not_found');
  });

  test('chat.update: text alone takes blocks away, blocks keep the text, metadata stays until {}', async () => {
    const blocks = [section('b')];
    const metadata = { event_type: 'e', event_payload: { id: '1' } };
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'one', blocks, metadata });
    const now = async () => (await slack.messages('general')).find((m) => m.ts === ts);
    await web.chat.update({ channel: GENERAL, ts, text: 'two' });
    assert.deepEqual([(await now()).text, (await now()).blocks, (await now()).metadata], ['two', undefined, metadata]);
    await web.chat.update({ channel: GENERAL, ts, blocks });
    assert.deepEqual([(await now()).text, (await now()).blocks.length], ['two', 1]);
    await web.chat.update({ channel: GENERAL, ts, text: 'three', metadata: {} });
    assert.equal((await now()).metadata, undefined);
  });

  test('metadata shows only to those who ask', async () => {
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'm', metadata: { event_type: 'oc', event_payload: { oid: '1' } } });
    for (const method of ['conversations.history', 'conversations.replies']) {
      const read = async (more) => (await web.apiCall(method, { channel: GENERAL, ts, ...more })).messages.find((m) => m.ts === ts).metadata;
      assert.deepEqual(await read({}), { event_type: 'oc' });
      assert.deepEqual(await read({ include_all_metadata: true }), { event_type: 'oc', event_payload: { oid: '1' } });
    }
  });

  test('the messages of others cannot be changed, unknown ones not found', async () => {
    const theirs = await slack.say('ann', 'general', 'mine');
    await failsWith(web.chat.update({ channel: GENERAL, ts: theirs, text: 'x' }), 'cant_update_message');
    await failsWith(web.chat.delete({ channel: GENERAL, ts: theirs }), 'cant_delete_message');
    await failsWith(web.chat.update({ channel: GENERAL, ts: '1700000000.000001', text: 'x' }), 'message_not_found');
    await failsWith(web.chat.delete({ channel: GENERAL, ts: '1700000000.000001' }), 'message_not_found');
  });

  test('lengths: 40,000 cut with a warning, 4,000 refused in an update', async () => {
    const { message, response_metadata, ts } = await web.chat.postMessage({ channel: GENERAL, text: 'ä'.repeat(40_010) });
    assert.equal(message.text.length, 40_000);
    assert.ok(response_metadata.warnings.includes('message_truncated'));
    await failsWith(web.chat.update({ channel: GENERAL, ts, text: 'x'.repeat(4001) }), 'msg_too_long');
    await failsWith(web.chat.postMessage({ channel: GENERAL, markdown_text: 'a', text: 'b' }), 'markdown_text_conflict');
  });

  test('a permalink names the message, and its thread', async () => {
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'p' });
    const reply = await web.chat.postMessage({ channel: GENERAL, text: 'r', thread_ts: ts });
    const link = async (message_ts) => (await web.chat.getPermalink({ channel: GENERAL, message_ts })).permalink;
    assert.ok((await link(ts)).endsWith(`/archives/${GENERAL}/p${ts.replace('.', '')}`));
    assert.ok((await link(reply.ts)).endsWith(`/archives/${GENERAL}/p${reply.ts.replace('.', '')}?thread_ts=${ts}&cid=${GENERAL}`));
  });

  test('reactions come as events, with whose message it was', async () => {
    const ts = await slack.say('ann', 'general', 'react');
    await slack.post('reaction', { user: 'bob', channel: 'general', ts, name: 'eyes' });
    const added = await until('reactions', (e) => e.item.ts === ts, 'reaction_added');
    assert.deepEqual([added.user, added.reaction, added.item_user, added.item], ['U0BOB', 'eyes', 'U0ANN', { type: 'message', channel: GENERAL, ts }]);
    await slack.post('reaction', { user: 'bob', channel: 'general', ts, name: 'eyes', remove: true });
    const removed = await until('removed', (e) => e.item.ts === ts, 'reaction_removed');
    assert.equal(removed.reaction, 'eyes');
  });

  test('what people write arrives as it was escaped; what the app posts is escaped where it is not', async () => {
    const ts = await slack.say('bob', 'general', 'a &lt;b&gt; &amp; c');
    const event = await until('messages', (m) => m.ts === ts, 'the message');
    assert.equal(event.text, 'a &lt;b&gt; &amp; c');
    for (const text of ['a & b', 'a &amp; b']) {
      assert.equal((await web.chat.postMessage({ channel: GENERAL, text })).message.text, 'a &amp; b');
    }
    const { message } = await web.chat.postMessage({ channel: GENERAL, text: '<@U0ANN> <https://example.com|here>' });
    assert.equal(message.text, '<@U0ANN> <https://example.com|here>');
  });
});
