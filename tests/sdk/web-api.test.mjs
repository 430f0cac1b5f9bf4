// The Web API through the official WebClient, and through the encodings that it does not use.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebClient } from '@slack/web-api';
import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from './raw-socket.mjs';

let slack;
let web;
const channel = 'C0GENERAL';

const client = (options = {}) => new WebClient('xoxb-right', { slackApiUrl: slack.apiUrl, retryConfig: { retries: 2, minTimeout: 20, maxTimeout: 50 }, ...options });

async function raw(method, init = {}, query = '') {
  const response = await fetch(`${slack.apiUrl}${method}${query}`, {
    ...init, headers: { authorization: 'Bearer xoxb-right', ...init.headers } });
  return { status: response.status, headers: response.headers, ...(await response.json()) };
}

const failsWith = (promise, error) => assert.rejects(promise, (e) => {
  assert.equal(e.data?.error ?? e.code, error);
  return true;
});

before(async () => {
  slack = await startLocalSlack({ args: ['--quiet', '--bot-token', 'xoxb-right', '--app-name', 'octo', '--socket-lifetime', '60'] });
  web = client();
});
after(async () => {
  await slack.stop();
});

test('auth.test and tokens', async () => {
  const me = await web.auth.test();
  assert.deepEqual([me.user, me.user_id, me.bot_id, me.team_id], ['octo', 'U0BOT', 'B0BOT', 'T0LOCAL']);
  const auth = async (headers, body) => (await fetch(`${slack.apiUrl}auth.test`, { method: 'POST', headers, body })).json();
  assert.equal((await auth({})).error, 'not_authed');
  assert.equal((await auth({ authorization: 'Bearer xoxb-wrong' })).error, 'invalid_auth');
  assert.equal((await auth({ authorization: 'Bearer xapp-1-1' })).error, 'not_allowed_token_type');
  assert.equal((await auth({}, new URLSearchParams({ token: 'xoxb-right' }))).ok, true);
  for (const call of await slack.calls('auth.test')) assert.ok(!JSON.stringify(call).includes('xoxb-'), 'no token in the record');
});

test('one call, every encoding: form, JSON, multipart, query', async () => {
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*x* ü' } }];
  const form = new URLSearchParams({ channel, text: 'ü & <b>', blocks: JSON.stringify(blocks), team_id: 'T0LOCAL', unknown: '1' });
  const multipart = new FormData();
  for (const [name, value] of form) multipart.append(name, value);
  const answers = [
    await raw('chat.postMessage', { method: 'POST', body: form }),
    await raw('chat.postMessage', { method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify({ channel, text: 'ü & <b>', blocks }) }),
    await raw('chat.postMessage', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ channel, text: 'ü & <b>', blocks: JSON.stringify(blocks) }) }),
    await raw('chat.postMessage', { method: 'POST', body: multipart }),
    await raw('chat.postMessage', {}, `?${form}`),
  ];
  for (const a of answers) {
    assert.equal(a.ok, true, JSON.stringify(a));
    assert.equal(a.message.text, 'ü &amp; <b>');
    assert.equal(a.message.blocks[0].text.text, '*x* ü');
    assert.match(a.message.blocks[0].block_id, /^\w{5}$/);
  }
  assert.ok(answers[0].headers.get('x-oauth-scopes').includes('chat:write'));
  assert.equal(answers[0].headers.get('x-accepted-oauth-scopes'), 'chat:write');
  const ts = answers.map((a) => a.ts);
  assert.deepEqual([...ts].sort(), ts);
  assert.equal(new Set(ts).size, ts.length);
});

test('bad requests have Slack\'s errors', async () => {
  assert.equal((await raw('no.such.method')).error, 'unknown_method');
  const missing = await raw('chat.postMessage', { method: 'POST' });
  assert.equal(missing.error, 'invalid_arguments');
  assert.deepEqual(missing.response_metadata.messages, ['[ERROR] missing required field: channel']);
  const json = { 'content-type': 'application/json' };
  assert.equal((await raw('auth.test', { method: 'POST', headers: json, body: '{' })).error, 'invalid_json');
  assert.equal((await raw('auth.test', { method: 'POST', headers: json, body: '[]' })).error, 'json_not_object');
  assert.equal((await raw('auth.test', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).error, 'invalid_post_type');
  await failsWith(web.chat.postMessage({ channel: 'C0NONE', text: 'x' }), 'channel_not_found');
  await failsWith(web.chat.postMessage({ channel, text: '' }), 'no_text');
  await failsWith(web.chat.update({ channel, ts: '1700000000.000001', text: 'x' }), 'message_not_found');
  await failsWith(web.conversations.replies({ channel, ts: '1700000000.000001' }), 'thread_not_found');
  await failsWith(web.users.info({ user: 'U0NOBODY' }), 'user_not_found');
  const theirs = await slack.say('ann', 'general', 'mine');
  await failsWith(web.chat.update({ channel, ts: theirs, text: 'x' }), 'cant_update_message');
  await failsWith(web.chat.delete({ channel, ts: theirs }), 'cant_delete_message');
});

test('invalid_blocks: the places, as JSON pointers', async () => {
  const error = await web.chat.postMessage({ channel, text: 'x', blocks: [
    { type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(3001) } },
    { type: 'actions', elements: Array.from({ length: 26 }, (_, i) => ({ type: 'button', action_id: `a${i}`, text: { type: 'plain_text', text: 'b' } })) },
    { type: 'nonsense' },
  ] }).catch((e) => e);
  assert.equal(error.data.error, 'invalid_blocks');
  assert.deepEqual(error.data.errors, [
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
    'no more than 25 items allowed [json-pointer:/blocks/1/elements]',
    'unsupported type: nonsense [json-pointer:/blocks/2/type]',
  ]);
  assert.deepEqual(error.data.response_metadata.messages, error.data.errors.map((e) => `[ERROR] ${e}`));
  await failsWith(web.chat.postMessage({ channel, text: 'x', blocks: 'not json' }), 'invalid_blocks_format');
  const long = Array.from({ length: 5 }, () => ({ type: 'section', text: { type: 'mrkdwn', text: 'y'.repeat(2900) } }));
  await failsWith(web.chat.postMessage({ channel, text: 'x', blocks: long }), 'msg_blocks_too_long');
  await failsWith(web.chat.postMessage({ channel, markdown_text: 'a', text: 'b' }), 'markdown_text_conflict');
});

test('lengths: 40,000 cut with a warning, 4,000 refused in an update', async () => {
  const { message, response_metadata, ts } = await web.chat.postMessage({ channel, text: 'ä'.repeat(40_010) });
  assert.equal(message.text.length, 40_000);
  assert.ok(response_metadata.warnings.includes('message_truncated'));
  await failsWith(web.chat.update({ channel, ts, text: 'x'.repeat(4001) }), 'msg_too_long');
});

test('chat.update: text alone takes blocks away, blocks keep the text, metadata stays until {}', async () => {
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: 'b' } }];
  const metadata = { event_type: 'e', event_payload: { id: '1' } };
  const { ts } = await web.chat.postMessage({ channel, text: 'one', blocks, metadata });
  const now = async () => (await slack.messages('general')).find((m) => m.ts === ts);
  await web.chat.update({ channel, ts, text: 'two' });
  assert.deepEqual([(await now()).text, (await now()).blocks, (await now()).metadata], ['two', undefined, metadata]);
  await web.chat.update({ channel, ts, blocks });
  assert.deepEqual([(await now()).text, (await now()).blocks.length], ['two', 1]);
  await web.chat.update({ channel, ts, text: 'three', metadata: {} });
  assert.equal((await now()).metadata, undefined);
  await failsWith(web.chat.update({ channel, ts, text: 'x', metadata: { event_type: 'e' } }), 'invalid_metadata_schema');
});

test('threads: counts, users, latest reply; a deleted parent leaves a tombstone', async () => {
  const { ts } = await web.chat.postMessage({ channel, text: 'parent' });
  await slack.say('ann', 'general', 'one', { thread_ts: ts });
  await slack.say('bob', 'general', 'two', { thread_ts: ts });
  const reply = await web.chat.postMessage({ channel, text: 'three', thread_ts: ts });
  assert.equal(reply.message.thread_ts, ts);
  assert.equal(reply.message.parent_user_id, 'U0BOT');
  // A reply's own ts stands for its thread.
  assert.equal((await web.chat.postMessage({ channel, text: 'four', thread_ts: reply.ts })).message.thread_ts, ts);
  const { messages } = await web.conversations.replies({ channel, ts });
  assert.deepEqual(messages.map((m) => m.text), ['parent', 'one', 'two', 'three', 'four']);
  assert.deepEqual(messages[0].reply_users, ['U0ANN', 'U0BOB', 'U0BOT']);
  assert.equal(messages[0].reply_count, 4);
  assert.equal(messages[0].thread_ts, ts);
  const history = await web.conversations.history({ channel, limit: 1 });
  assert.equal(history.messages[0].ts, ts); // replies are not in the history
  await web.chat.delete({ channel, ts });
  const after = await web.conversations.replies({ channel, ts });
  assert.equal(after.messages[0].subtype, 'tombstone');
  assert.equal(after.messages.length, 5);
  const { permalink } = await web.chat.getPermalink({ channel, message_ts: reply.ts });
  assert.ok(permalink.endsWith(`/archives/${channel}/p${reply.ts.replace('.', '')}?thread_ts=${ts}&cid=${channel}`));
});

test('pages: cursors that survive new messages, spans, limits', async () => {
  const { id } = await slack.post('channels', { name: 'pages', members: ['U0ANN', 'U0BOT'] });
  const sent = [];
  for (let i = 0; i < 25; i++) sent.push(await slack.say('ann', 'pages', `m${i}`));
  const seen = [];
  for await (const page of web.paginate('conversations.history', { channel: id, limit: 7 })) {
    assert.ok(page.messages.length <= 7);
    seen.push(...page.messages.map((m) => m.ts));
    await slack.say('ann', 'pages', 'in between');
  }
  assert.deepEqual(seen, [...sent].reverse());
  const span = await web.conversations.history({ channel: id, oldest: sent[3], latest: sent[6] });
  assert.deepEqual(span.messages.map((m) => m.ts), [sent[5], sent[4]]);
  const inclusive = await web.conversations.history({ channel: id, oldest: sent[3], latest: sent[6], inclusive: true });
  assert.equal(inclusive.messages.length, 4);
  for (let i = 0; i < 5; i++) await slack.say('ann', 'pages', `r${i}`, { thread_ts: sent[0] });
  const replies = [];
  for await (const page of web.paginate('conversations.replies', { channel: id, ts: sent[0], limit: 2 })) replies.push(...page.messages.map((m) => m.text));
  assert.deepEqual(replies, ['m0', 'r0', 'r1', 'r2', 'r3', 'r4']);
  const members = [];
  for await (const page of web.paginate('users.list', { limit: 1 })) members.push(...page.members.map((m) => m.name));
  assert.ok(members.includes('ann') && members.includes('bob') && members.includes('octo'));
  await failsWith(web.conversations.history({ channel: id, cursor: 'bogus' }), 'invalid_cursor');
  await failsWith(web.conversations.history({ channel: id, limit: 5000 }), 'invalid_limit');
});

test('client_msg_id: the first message comes back; off: a second is posted', async () => {
  const id = '7b3b1c0e-0000-4000-8000-000000000001';
  const first = await web.chat.postMessage({ channel, text: 'once', client_msg_id: id });
  const again = await web.chat.postMessage({ channel, text: 'once', client_msg_id: id });
  assert.equal(again.ts, first.ts);
  await slack.post('switches', { client_msg_id: false });
  assert.notEqual((await web.chat.postMessage({ channel, text: 'once', client_msg_id: id })).ts, first.ts);
  await slack.post('switches', { client_msg_id: true });
  const lost = '7b3b1c0e-0000-4000-8000-000000000002';
  const { ts } = await web.chat.postMessage({ channel, text: 'gone', client_msg_id: lost });
  await web.chat.delete({ channel, ts });
  await failsWith(web.chat.postMessage({ channel, text: 'gone', client_msg_id: lost }), 'duplicate_message_not_found');
});

test('faults: 429 obeyed, 500 and a lost answer retried by the SDK (and so doubled), ok:false, delay', async () => {
  const count = async (text) => (await slack.messages('general')).filter((m) => m.text === text).length;
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'rate_limit', retry_after_s: 1 }]);
  const limited = new Promise((resolve) => web.once('rate_limited', resolve));
  await web.chat.postMessage({ channel, text: 'limited' });
  assert.equal(await limited, 1);
  assert.equal(await count('limited'), 1);
  await failsWith((await slack.post('faults', [{ method: 'chat.postMessage', action: 'rate_limit', retry_after_s: 7 }]),
  client({ rejectRateLimitedCalls: true }).chat.postMessage({ channel, text: 'no' })), 'slack_webapi_rate_limited_error');
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'http_500_before' }]);
  await web.chat.postMessage({ channel, text: 'before' });
  assert.equal(await count('before'), 1);
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'http_500_after' }]);
  await web.chat.postMessage({ channel, text: 'after' });
  assert.equal(await count('after'), 2);
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'drop_response_after' }]);
  await web.chat.postMessage({ channel, text: 'dropped' });
  assert.equal(await count('dropped'), 2);
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'drop_response_after' }]);
  await web.chat.postMessage({ channel, text: 'deduplicated', client_msg_id: '7b3b1c0e-0000-4000-8000-000000000003' });
  assert.equal(await count('deduplicated'), 1);
  await slack.post('faults', [{ method: 'chat.postMessage', action: 'ok_false', error: 'fatal_error' }]);
  await failsWith(web.chat.postMessage({ channel, text: 'x' }), 'fatal_error');
  await slack.post('faults', [{ method: 'auth.test', delay_ms: 150 }]);
  const start = Date.now();
  await web.auth.test();
  assert.ok(Date.now() - start >= 150);
});

test('scopes: missing_scope says what is needed', async () => {
  await slack.post('switches', { scopes: 'chat:write' });
  const error = await web.reactions.add({ channel, name: 'eyes', timestamp: '1700000000.000001' }).catch((e) => e);
  await slack.post('switches', { scopes: null });
  assert.deepEqual([error.data.error, error.data.needed, error.data.provided], ['missing_scope', 'reactions:write', 'chat:write']);
});

test('reactions', async () => {
  const { ts: timestamp } = await web.chat.postMessage({ channel, text: 'react' });
  await web.reactions.add({ channel, timestamp, name: 'eyes' });
  await failsWith(web.reactions.add({ channel, timestamp, name: 'eyes' }), 'already_reacted');
  await failsWith(web.reactions.add({ channel, timestamp, name: 'not valid' }), 'invalid_name');
  await slack.post('reaction', { user: 'ann', channel, ts: timestamp, name: 'eyes' });
  const { message } = await web.reactions.get({ channel, timestamp });
  assert.deepEqual(message.reactions, [{ name: 'eyes', users: ['U0BOT', 'U0ANN'], count: 2 }]);
  await web.reactions.remove({ channel, timestamp, name: 'eyes' });
  await failsWith(web.reactions.remove({ channel, timestamp, name: 'eyes' }), 'no_reaction');
});

test('conversations: open, info, list, members, join', async () => {
  const { channel: direct } = await web.conversations.open({ users: 'U0ANN', return_im: true });
  assert.match(direct.id, /^D/);
  assert.equal(direct.user, 'U0ANN');
  assert.equal((await web.conversations.open({ users: 'U0ANN' })).already_open, true);
  assert.equal((await web.chat.postMessage({ channel: 'U0ANN', text: 'psst' })).channel, direct.id);
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
  const again = await web.conversations.join({ channel: id });
  assert.equal(again.warning, 'already_in_channel');
  assert.deepEqual((await web.conversations.members({ channel: id })).members, ['U0ANN', 'U0BOT']);
});

test('people, team, bot, presence, api.test', async () => {
  assert.equal((await web.users.info({ user: 'U0ANN' })).user.real_name, 'Ann');
  await slack.post('users', { id: 'U0ANN', presence: 'away' });
  assert.equal((await web.users.getPresence({ user: 'U0ANN' })).presence, 'away');
  assert.equal((await web.team.info()).team.id, 'T0LOCAL');
  assert.equal((await web.bots.info({ bot: 'B0BOT' })).bot.user_id, 'U0BOT');
  await failsWith(web.apiCall('api.test', { error: 'my_error' }), 'my_error');
  assert.deepEqual((await web.apiCall('api.test', { foo: 'bar' })).args, { foo: 'bar' });
});

test('files: the SDK\'s upload, in a thread, and the bytes again', async () => {
  const { ts } = await web.chat.postMessage({ channel, text: 'log?' });
  await web.filesUploadV2({ channel_id: channel, thread_ts: ts, filename: 'run.log', content: 'line 1\nlíne 2\n', title: 'The log', initial_comment: 'here' });
  const shared = await slack.waitForMessage((m) => m.thread_ts === ts && m.files);
  assert.equal(shared.text, 'here');
  assert.equal(shared.files[0].title, 'The log');
  assert.equal(shared.files[0].preview, 'line 1\nlíne 2\n');
  const download = (token) => fetch(shared.files[0].url_private, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  assert.equal(await (await download('xoxb-right')).text(), 'line 1\nlíne 2\n');
  assert.equal((await download()).status, 403);
  assert.equal((await download('xoxb-wrong')).status, 403);
  await failsWith(web.files.completeUploadExternal({ files: [{ id: 'F0NONE' }] }), 'file_not_found');
});

test('status of an agent: shown, ended by a message', async () => {
  const ts = await slack.say('ann', 'general', 'work');
  await web.apiCall('assistant.threads.setStatus', { channel_id: channel, thread_ts: ts, status: 'is thinking…', loading_messages: ['a', 'b'] });
  assert.equal((await slack.state()).statuses[0].status, 'is thinking…');
  await web.chat.postMessage({ channel, thread_ts: ts, text: 'done' });
  assert.equal((await slack.state()).statuses.length, 0);
  await failsWith(web.apiCall('assistant.threads.setStatus', { channel_id: channel, thread_ts: '1.2', status: 'x' }), 'invalid_thread_ts');
  const session = await web.apiCall('agents.sessions.setStatus', { channel_id: channel, thread_ts: ts, status: 'processing', title: 'T' });
  assert.equal(session.agent_status, 'processing');
  await failsWith(web.apiCall('agents.sessions.setStatus', { channel_id: channel, thread_ts: ts, status: 'odd' }), 'invalid_status');
});

test('response_url: five uses, then no more', async () => {
  const s = await RawSocket.open(await openUrl(slack));
  await slack.waitForSockets(1);
  const command = slack.command('ann', 'general', '/opencode', 'y');
  const { envelope_id, payload } = await s.text((m) => m.type === 'slash_commands');
  s.send({ envelope_id });
  await command;
  const respond = async (body) => {
    const r = await fetch(payload.response_url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    return [r.status, await r.text()];
  };
  for (let i = 0; i < 5; i++) assert.deepEqual(await respond({ text: `n${i}` }), [200, 'ok']);
  assert.deepEqual(await respond({ text: 'n5' }), [404, 'used_url']);
  assert.equal((await slack.state()).ephemerals.filter((e) => /^n\d$/.test(e.message.text)).length, 5);
  s.destroy();
});

test('ephemeral messages reach one person, and are not in the history', async () => {
  const { message_ts } = await web.chat.postEphemeral({ channel, user: 'U0BOB', text: 'only you' });
  assert.ok((await slack.state()).ephemerals.some((e) => e.user === 'U0BOB' && e.message.ts === message_ts));
  const { messages } = await web.conversations.history({ channel });
  assert.ok(!messages.some((m) => m.ts === message_ts));
  await failsWith(web.chat.update({ channel, ts: message_ts, text: 'x' }), 'message_not_found');
  await failsWith(web.chat.postEphemeral({ channel, user: 'U0NOBODY', text: 'x' }), 'user_not_in_channel');
});

test('a page of another site can neither read nor act', async () => {
  const response = await fetch(`${slack.url}/_local/reset`, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } });
  assert.equal(response.status, 403);
  const page = await fetch(`${slack.url}/`);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/);
});
