// Check 18: lists in pages, through the SDK's paginate().

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GENERAL, failsWith, start, webClient } from './support.mjs';

describe('10.18 pages', () => {
  let slack;
  let web;
  let channel;
  let sent;
  before(async () => {
    slack = await start();
    web = webClient(slack);
    ({ id: channel } = await slack.post('channels', { name: 'pages', members: ['U0ANN', 'U0BOT'] }));
    sent = [];
    for (let i = 0; i < 25; i++) sent.push(await slack.say('ann', 'pages', `m${i}`));
  });
  after(() => slack.stop());

  const collect = async (method, args, pick) => {
    const out = [];
    const sizes = [];
    for await (const page of web.paginate(method, args)) {
      const items = pick(page);
      sizes.push(items.length);
      out.push(...items);
    }
    return { out, sizes };
  };

  test('history: newest first, each message once, though new ones come in between', async () => {
    const seen = [];
    for await (const page of web.paginate('conversations.history', { channel, limit: 7 })) {
      assert.ok(page.messages.length <= 7);
      seen.push(...page.messages.map((m) => m.ts));
      await slack.say('ann', 'pages', 'in between');
    }
    assert.deepEqual(seen, [...sent].reverse());
  });

  test('history: has_more and an opaque cursor, empty at the end', async () => {
    const first = await web.conversations.history({ channel, limit: 3 });
    assert.equal(first.has_more, true);
    assert.match(first.response_metadata.next_cursor, /^[A-Za-z0-9+/=_-]{4,}$/);
    const last = await web.conversations.history({ channel, limit: 900 });
    assert.equal(last.has_more, false);
    assert.equal(last.response_metadata?.next_cursor ?? '', '');
  });

  test('history: spans, with and without their ends', async () => {
    const span = await web.conversations.history({ channel, oldest: sent[3], latest: sent[6] });
    assert.deepEqual(span.messages.map((m) => m.ts), [sent[5], sent[4]]);
    const inclusive = await web.conversations.history({ channel, oldest: sent[3], latest: sent[6], inclusive: true });
    assert.deepEqual(inclusive.messages.map((m) => m.ts), [sent[6], sent[5], sent[4], sent[3]]);
    const one = await web.conversations.history({ channel, latest: sent[3], inclusive: true, limit: 1 });
    assert.deepEqual(one.messages.map((m) => m.ts), [sent[3]]);
  });

  test('replies: oldest first, the parent only on the first page', async () => {
    for (let i = 0; i < 5; i++) await slack.say('ann', 'pages', `r${i}`, { thread_ts: sent[0] });
    const { out } = await collect('conversations.replies', { channel, ts: sent[0], limit: 2 }, (p) => p.messages.map((m) => m.text));
    assert.deepEqual(out, ['m0', 'r0', 'r1', 'r2', 'r3', 'r4']);
  });

  test('users, members and channels one by one', async () => {
    const users = await collect('users.list', { limit: 1 }, (p) => p.members.map((m) => m.name));
    assert.ok(['ann', 'bob'].every((name) => users.out.includes(name)));
    assert.equal(new Set(users.out).size, users.out.length);
    assert.ok(users.sizes.every((n) => n <= 1));
    const members = await collect('conversations.members', { channel: GENERAL, limit: 1 }, (p) => p.members);
    assert.deepEqual(members.out.sort(), ['U0ANN', 'U0BOB', 'U0BOT']);
    const channels = await collect('conversations.list', { limit: 1 }, (p) => p.channels.map((c) => c.name));
    assert.deepEqual(channels.out.sort(), ['coding', 'general', 'pages']);
    const mine = await collect('users.conversations', { limit: 1, types: 'public_channel' }, (p) => p.channels.map((c) => c.name));
    assert.deepEqual(mine.out.sort(), ['coding', 'general', 'pages']);
  });

  test('paginate() with a stop, and with a reducer', async () => {
    let pages = 0;
    const found = await web.paginate('conversations.history', { channel, limit: 5 },
      (page) => page.messages.some((m) => m.ts === sent[18]), (n = 0) => (pages = n + 1));
    assert.equal(found, pages);
    assert.ok(pages < 6);
  });

  test('wrong cursors and limits', async () => {
    for (const method of ['conversations.history', 'conversations.members']) {
      await failsWith(web.apiCall(method, { channel, cursor: 'bogus' }), 'invalid_cursor');
    }
    await failsWith(web.conversations.list({ cursor: 'bogus' }), 'invalid_cursor');
    await failsWith(web.users.list({ cursor: 'bogus' }), 'invalid_cursor');
    await failsWith(web.conversations.history({ channel, limit: 5000 }), 'invalid_limit');
  });
});
