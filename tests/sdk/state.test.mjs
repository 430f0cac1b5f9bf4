// The workspace in a file: what the SDKs made before localslack ended is there for them when it starts again.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BOT_TOKEN, GENERAL, boltApp, button, failsWith, nextEvent, plain, section, socketClient, start, webClient } from './support.mjs';

let dir;
let slack;
const made = {};
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'localslack-state-'));
});
after(async () => {
  await slack?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const CLIENT_MSG_ID = '7b3b1c0e-0000-4000-8000-0000000000aa';
const begin = async () => {
  slack = await start('--state', join(dir, 'workspace.json'));
  return webClient(slack);
};

test('a workspace is made through the SDK', async () => {
  const web = await begin();
  const app = boltApp(slack);
  app.command('/opencode', async ({ ack, command, client }) => {
    await ack();
    await client.views.open({ trigger_id: command.trigger_id, view: {
      type: 'modal', external_id: 'ext', private_metadata: 'kept', title: plain('T'), blocks: [section('x')] } });
  });
  await app.start();
  const parent = await web.chat.postMessage({
    channel: GENERAL, text: 'parent', client_msg_id: CLIENT_MSG_ID, metadata: { event_type: 'e', event_payload: { id: '1' } },
    blocks: [section('*b*'), { type: 'actions', elements: [button('go')] }] });
  const reply = await web.chat.postMessage({ channel: GENERAL, text: 'ünïcode', thread_ts: parent.ts });
  await web.reactions.add({ channel: GENERAL, timestamp: parent.ts, name: 'eyes' });
  await web.pins.add({ channel: GENERAL, timestamp: parent.ts });
  await web.bookmarks.add({ channel_id: GENERAL, title: 'Docs', type: 'link', link: 'https://example.com' });
  const { channel } = await web.conversations.create({ name: 'mine' });
  await web.filesUploadV2({ channel_id: GENERAL, filename: 'a.txt', content: 'bytes' });
  await slack.waitForMessage((m) => m.files);
  await web.views.publish({ user_id: 'U0ANN', view: { type: 'home', blocks: [section('home')] } });
  const later = await web.chat.scheduleMessage({ channel: GENERAL, text: 'later', post_at: Math.floor(Date.now() / 1000) + 3600 });
  const stream = await web.chat.startStream({
    channel: GENERAL, thread_ts: parent.ts, recipient_user_id: 'U0ANN', recipient_team_id: 'T0LOCAL', markdown_text: 'begun' });
  await slack.command('ann', 'general', '/opencode');
  const view = await slack.waitFor((s) => s.views[0]?.view, { what: 'the modal' });
  Object.assign(made, { parent: parent.ts, reply: reply.ts, channel: channel.id, later: later.scheduled_message_id, stream: stream.ts, view });
  await app.stop();
  await slack.stop();
});

test('after another start it is as it was', async () => {
  const web = await begin();
  const { messages } = await web.conversations.replies({ channel: GENERAL, ts: made.parent, include_all_metadata: true });
  assert.deepEqual(messages.map((m) => m.text), ['parent', 'ünïcode', 'begun']);
  const [parent] = messages;
  assert.deepEqual([parent.metadata.event_payload, parent.reactions[0].users, parent.blocks[0].text.text, parent.reply_count],
    [{ id: '1' }, ['U0BOT'], '*b*', 2]);
  assert.deepEqual((await web.pins.list({ channel: GENERAL })).items.map((i) => i.message.ts), [made.parent]);
  assert.deepEqual((await web.bookmarks.list({ channel_id: GENERAL })).bookmarks.map((b) => b.title), ['Docs']);
  assert.equal((await web.conversations.info({ channel: made.channel })).channel.name, 'mine');
  const { files } = await web.files.list({ channel: GENERAL });
  const bytes = await fetch(files[0].url_private, { headers: { authorization: `Bearer ${BOT_TOKEN}` } });
  assert.equal(await bytes.text(), 'bytes');
  assert.deepEqual((await web.chat.scheduledMessages.list()).scheduled_messages.map((m) => m.id), [made.later]);
  assert.equal((await slack.state()).homes[0].view.blocks[0].text.text, 'home');
});

test('and goes on: the same id is posted once, the stream is stopped, the modal changed, new ts are later', async () => {
  const web = webClient(slack);
  assert.equal((await web.chat.postMessage({ channel: GENERAL, text: 'parent', client_msg_id: CLIENT_MSG_ID })).ts, made.parent);
  await web.chat.appendStream({ channel: GENERAL, ts: made.stream, markdown_text: ' and ended' });
  assert.match((await web.chat.stopStream({ channel: GENERAL, ts: made.stream })).message.text, /begun and ended/);
  await failsWith(web.views.update({ view_id: made.view.id, hash: '1.old', view: { type: 'modal', title: plain('N'), blocks: [] } }), 'hash_conflict');
  const { view } = await web.views.update({ external_id: 'ext', hash: made.view.hash, view: { type: 'modal', title: plain('New'), blocks: [] } });
  assert.equal(view.id, made.view.id);
  const { ts } = await web.chat.postMessage({ channel: GENERAL, text: 'new' });
  assert.ok(ts > made.stream);
  const client = socketClient(slack);
  await client.start();
  const heard = nextEvent(client, 'interactive');
  const report = slack.click({ user: 'ann', channel: 'general', ts: made.parent, action_id: 'go' });
  const [{ ack }] = await heard;
  await ack();
  assert.equal((await report).acked, true);
  await client.disconnect();
});
