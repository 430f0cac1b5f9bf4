// Methods of the Web API that no check names: conversations, people, files, scheduled messages; and who else may call.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebClient } from '@slack/web-api';
import { BOT_TOKEN, GENERAL, boltApp, failsWith, quietLogger, start, webClient } from './support.mjs';

describe('the Web API beyond the checks', () => {
  let slack;
  let web;
  before(async () => {
    slack = await start('--app-name', 'octo');
    web = webClient(slack);
  });
  beforeEach(() => slack.post('reset'));
  after(() => slack.stop());

  test('auth.test and users.identity of the bot', async () => {
    const me = await web.auth.test();
    assert.deepEqual([me.user, me.user_id, me.bot_id, me.team_id, me.is_enterprise_install], ['octo', 'U0BOT', 'B0BOT', 'T0LOCAL', false]);
    assert.match(me.url, /^https?:\/\//);
  });

  test('conversations: open, info, list, members, join', async () => {
    const { channel: direct } = await web.conversations.open({ users: 'U0ANN', return_im: true });
    assert.match(direct.id, /^D/);
    assert.equal(direct.user, 'U0ANN');
    assert.equal((await web.conversations.open({ users: 'U0ANN' })).already_open, true);
    await failsWith(web.conversations.open({ users: 'U0NOBODY' }), 'user_not_found');
    await failsWith(web.conversations.open({}), 'users_list_not_supplied');
    assert.equal((await web.conversations.info({ channel: direct.id })).channel.is_im, true);
    const { channels } = await web.conversations.list({ types: 'public_channel,im' });
    assert.ok(channels.some((c) => c.name === 'general' && c.is_member) && channels.some((c) => c.id === direct.id));
    const hidden = await slack.post('channels', { name: 'secret', type: 'group', members: ['U0ANN'] });
    await failsWith(web.conversations.info({ channel: hidden.id }), 'channel_not_found');
    const { id } = await slack.post('channels', { name: 'open', members: ['U0ANN'] });
    await failsWith(web.conversations.history({ channel: id }), 'not_in_channel');
    await web.conversations.join({ channel: id });
    assert.equal((await web.conversations.join({ channel: id })).warning, 'already_in_channel');
    assert.deepEqual((await web.conversations.members({ channel: id })).members, ['U0ANN', 'U0BOT']);
  });

  test('conversations: the life of a channel, and its events', async () => {
    const app = boltApp(slack, { ignoreSelf: false }); // they are the bot's own doings
    const events = [];
    for (const type of ['channel_rename', 'channel_archive', 'channel_unarchive', 'member_joined_channel']) {
      app.event(type, async ({ event }) => void events.push(event));
    }
    await app.start();
    const { channel } = await web.conversations.create({ name: 'fresh' });
    await failsWith(web.conversations.create({ name: 'fresh' }), 'name_taken');
    await web.conversations.invite({ channel: channel.id, users: 'U0BOB' });
    await failsWith(web.conversations.invite({ channel: channel.id, users: 'U0BOB' }), 'already_in_channel');
    await failsWith(web.conversations.invite({ channel: channel.id, users: 'U0BOT' }), 'cant_invite_self');
    assert.equal((await web.conversations.setTopic({ channel: channel.id, topic: 'T' })).channel.topic.value, 'T');
    assert.equal((await web.conversations.setPurpose({ channel: channel.id, purpose: 'P' })).channel.purpose.value, 'P');
    await web.conversations.rename({ channel: channel.id, name: 'older' });
    await web.conversations.archive({ channel: channel.id });
    await failsWith(web.chat.postMessage({ channel: channel.id, text: 'x' }), 'is_archived');
    await failsWith(web.conversations.archive({ channel: channel.id }), 'already_archived');
    assert.equal((await web.conversations.info({ channel: channel.id })).channel.is_archived, true);
    await slack.waitFor(() => events.some((e) => e.type === 'channel_archive'), { what: 'channel_archive' });
    const joined = events.find((e) => e.type === 'member_joined_channel' && e.user === 'U0BOB');
    assert.deepEqual([joined.channel, joined.inviter], [channel.id, 'U0BOT']);
    assert.equal(events.find((e) => e.type === 'channel_rename').channel.name, 'older');
    await app.stop();
  });

  test('people, team, presence', async () => {
    assert.equal((await web.users.info({ user: 'U0ANN' })).user.real_name, 'Ann');
    await slack.post('users', { id: 'U0ANN', presence: 'away' });
    assert.equal((await web.users.getPresence({ user: 'U0ANN' })).presence, 'away');
    assert.equal((await web.team.info()).team.id, 'T0LOCAL');
    const { profile } = await web.users.profile.get({ user: 'U0ANN' });
    assert.equal(profile.real_name, 'Ann');
    assert.equal((await web.users.lookupByEmail({ email: profile.email })).user.id, 'U0ANN');
    await failsWith(web.users.lookupByEmail({ email: 'nobody@example.com' }), 'users_not_found');
  });

  test('bookmarks and pins', async () => {
    const { bookmark } = await web.bookmarks.add({ channel_id: GENERAL, title: 'Docs', type: 'link', link: 'https://example.com' });
    await web.bookmarks.edit({ channel_id: GENERAL, bookmark_id: bookmark.id, title: 'More docs' });
    assert.deepEqual((await web.bookmarks.list({ channel_id: GENERAL })).bookmarks.map((b) => b.title), ['More docs']);
    await web.bookmarks.remove({ channel_id: GENERAL, bookmark_id: bookmark.id });
    assert.deepEqual((await web.bookmarks.list({ channel_id: GENERAL })).bookmarks, []);
    const { ts: timestamp } = await web.chat.postMessage({ channel: GENERAL, text: 'pin' });
    await web.pins.add({ channel: GENERAL, timestamp });
    await failsWith(web.pins.add({ channel: GENERAL, timestamp }), 'already_pinned');
    await web.pins.remove({ channel: GENERAL, timestamp });
    await failsWith(web.pins.remove({ channel: GENERAL, timestamp }), 'no_pin');
  });

  test('reactions', async () => {
    const { ts: timestamp } = await web.chat.postMessage({ channel: GENERAL, text: 'react' });
    await web.reactions.add({ channel: GENERAL, timestamp, name: 'eyes' });
    await failsWith(web.reactions.add({ channel: GENERAL, timestamp, name: 'not valid' }), 'invalid_name');
    await slack.post('reaction', { user: 'ann', channel: GENERAL, ts: timestamp, name: 'eyes' });
    const { message } = await web.reactions.get({ channel: GENERAL, timestamp });
    assert.deepEqual(message.reactions, [{ name: 'eyes', users: ['U0BOT', 'U0ANN'], count: 2 }]);
    await web.reactions.remove({ channel: GENERAL, timestamp, name: 'eyes' });
    await failsWith(web.reactions.remove({ channel: GENERAL, timestamp, name: 'eyes' }), 'no_reaction');
  });

  test('files: the SDK\'s upload, in a thread, and the bytes again', async () => {
    const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'log?' });
    const content = 'line 1\nlíne 2\n';
    await web.filesUploadV2({ channel_id: GENERAL, thread_ts: ts, filename: 'run.log', content, title: 'The log', initial_comment: 'here' });
    const shared = await slack.waitForMessage((m) => m.thread_ts === ts && m.files);
    assert.deepEqual([shared.text, shared.files[0].title, shared.files[0].preview], ['here', 'The log', content]);
    const download = (token) => fetch(shared.files[0].url_private, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    assert.equal(await (await download(BOT_TOKEN)).text(), content);
    assert.equal((await download()).status, 403);
    assert.equal((await download('xoxb-wrong')).status, 403);
    assert.equal((await web.files.info({ file: shared.files[0].id })).file.name, 'run.log');
    await web.files.delete({ file: shared.files[0].id });
    await failsWith(web.files.info({ file: shared.files[0].id }), 'file_deleted');
    await failsWith(web.files.completeUploadExternal({ files: [{ id: 'F0NONE' }] }), 'file_not_found');
  });

  test('files: several at once, bytes that are no text', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7) % 256));
    await web.filesUploadV2({ channel_id: GENERAL, file_uploads: [{ file: bytes, filename: 'a.bin' }, { content: 'b', filename: 'b.txt' }] });
    const shared = await slack.waitForMessage((m) => m.files?.length === 2);
    const file = shared.files.find((f) => f.name === 'a.bin');
    const again = await fetch(file.url_private, { headers: { authorization: `Bearer ${BOT_TOKEN}` } });
    assert.deepEqual(Buffer.from(await again.arrayBuffer()), bytes);
  });

  test('scheduled messages: listed, deleted, posted when their time comes', async () => {
    const soon = Math.floor(Date.now() / 1000) + 600;
    const one = await web.chat.scheduleMessage({ channel: GENERAL, text: 'later', post_at: soon });
    assert.match(one.scheduled_message_id, /^Q/);
    const { scheduled_messages: list } = await web.chat.scheduledMessages.list({ channel: GENERAL });
    assert.deepEqual(list.map((m) => [m.id, m.text, m.post_at]), [[one.scheduled_message_id, 'later', soon]]);
    await web.chat.deleteScheduledMessage({ channel: GENERAL, scheduled_message_id: one.scheduled_message_id });
    await failsWith(web.chat.deleteScheduledMessage({ channel: GENERAL, scheduled_message_id: one.scheduled_message_id }), 'invalid_scheduled_message_id');
    await failsWith(web.chat.scheduleMessage({ channel: GENERAL, text: 'x', post_at: 1 }), 'time_in_past');
    await failsWith(web.chat.scheduleMessage({ channel: GENERAL, text: 'x', post_at: soon + 121 * 86400 }), 'time_too_far');
    await web.chat.scheduleMessage({ channel: GENERAL, text: 'now', post_at: Math.floor(Date.now() / 1000) + 2 });
    const posted = await slack.waitForMessage((m) => m.text === 'now');
    assert.equal(posted.bot_id, 'B0BOT');
    assert.deepEqual((await web.chat.scheduledMessages.list()).scheduled_messages, []);
  });

  test('markdown: stored as what it means, its block_id not kept', async () => {
    const markdown = '# Title\n\nSome **bold** text.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n';
    const { message } = await web.chat.postMessage({ channel: GENERAL, text: 'fallback', blocks: [{ type: 'markdown', block_id: 'mine', text: markdown }] });
    assert.deepEqual(message.blocks.map((b) => b.type), ['header', 'rich_text', 'table']);
    assert.equal(message.blocks[0].text.text, 'Title');
    assert.equal(message.blocks[1].elements[0].elements.find((e) => e.style?.bold).text, 'bold');
    assert.ok(message.blocks.every((b) => b.block_id && b.block_id !== 'mine'));
    const long = await web.chat.postMessage({ channel: GENERAL, text: 'x', blocks: [{ type: 'markdown', text: 'y'.repeat(12_001) }] }).catch((e) => e);
    assert.equal(long.data?.ok, false);
    const { message: direct } = await web.chat.postMessage({ channel: GENERAL, markdown_text: '**hi**' });
    assert.equal(direct.blocks[0].type, 'rich_text');
  });

  test('canvases: made, edited, searched', async () => {
    const { canvas_id } = await web.canvases.create({ title: 'Plan', document_content: { type: 'markdown', markdown: '# One\n\ntext\n\n## Two\n' } });
    assert.match(canvas_id, /^F/);
    const find = async (contains_text) => (await web.canvases.sections.lookup({ canvas_id, criteria: { section_types: ['any_header'], contains_text } })).sections;
    assert.equal((await find('Two')).length, 1);
    await web.canvases.edit({ canvas_id, changes: [{ operation: 'insert_at_end', document_content: { type: 'markdown', markdown: '## Three\n' } }] });
    assert.equal((await find('Three')).length, 1);
    await failsWith(web.canvases.edit({ canvas_id: 'F0NONE', changes: [{ operation: 'insert_at_end', document_content: { type: 'markdown', markdown: 'x' } }] }), 'canvas_not_found');
    await web.canvases.delete({ canvas_id });
    await failsWith(web.canvases.edit({ canvas_id, changes: [{ operation: 'insert_at_end', document_content: { type: 'markdown', markdown: 'x' } }] }), 'canvas_not_found');
  });

  test('a user token acts as its person', async () => {
    const ann = new WebClient('xoxp-ann', { slackApiUrl: slack.apiUrl, logger: quietLogger() });
    const me = await ann.auth.test();
    assert.match(me.user_id, /^U/);
    assert.equal(me.bot_id, undefined);
    const { message } = await ann.chat.postMessage({ channel: GENERAL, text: 'as myself' });
    assert.equal(message.user, me.user_id);
  });

  test('a page of another site can neither read nor act', async () => {
    const response = await fetch(`${slack.url}/_local/reset`, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } });
    assert.equal(response.status, 403);
    const page = await fetch(`${slack.url}/`);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/);
  });
});
