// Check 22: streamed messages through ChatStreamer and Bolt's sayStream: the states, the chunks and what they become.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { GENERAL, boltApp, failsWith, rawCall, start, webClient } from './support.mjs';

const WHO = { recipient_user_id: 'U0ANN', recipient_team_id: 'T0LOCAL' };
const text = (t) => ({ type: 'markdown_text', text: t });
const task = (id, status, more = {}) => ({ type: 'task_update', id, title: `Task ${id}`, status, ...more });

describe('10.22 streams', () => {
  let slack;
  let web;
  let thread_ts;
  before(async () => {
    slack = await start();
    web = webClient(slack);
  });
  beforeEach(async () => {
    await slack.post('reset');
    thread_ts = await slack.say('ann', 'general', 'please');
  });
  after(() => slack.stop());

  const begin = (args = {}) => web.chat.startStream({ channel: GENERAL, thread_ts, ...WHO, ...args });
  const now = async (ts) => (await slack.messages('general')).find((m) => m.ts === ts);
  const types = (m) => m.blocks.map((b) => b.type);

  test('ChatStreamer: nothing below 256 characters, then start, append, stop', async () => {
    const streamer = web.chatStream({ channel: GENERAL, thread_ts, ...WHO });
    assert.equal(await streamer.append({ markdown_text: '**hello** ' }), null);
    const started = await streamer.append({ markdown_text: 'x'.repeat(300) });
    assert.equal(started.ok, true);
    assert.equal(streamer.ts, started.ts);
    const growing = await now(started.ts);
    assert.deepEqual([growing.streaming_state, growing.thread_ts, growing.bot_id], ['in_progress', thread_ts, 'B0BOT']);
    await streamer.append({ markdown_text: 'y'.repeat(300) });
    const { message } = await streamer.stop({ markdown_text: ' end', metadata: { event_type: 'turn', event_payload: { id: '7' } } });
    assert.equal(message.streaming_state, 'completed');
    const done = await now(started.ts);
    assert.match(done.text, /hello.* ?x{300}y{300} end$/s);
    assert.deepEqual(done.metadata, { event_type: 'turn', event_payload: { id: '7' } });
    assert.deepEqual((await slack.calls()).map((c) => c.method).filter((m) => m.includes('Stream')), ['chat.startStream', 'chat.appendStream', 'chat.stopStream']);
  });

  test('ChatStreamer: what is stopped before it was flushed is started and stopped', async () => {
    const streamer = web.chatStream({ channel: GENERAL, thread_ts, ...WHO });
    await streamer.append({ markdown_text: 'short' });
    const { ts, message } = await streamer.stop();
    assert.equal((await now(ts)).text, 'short');
    assert.equal(message.streaming_state, 'completed');
    await assert.rejects(streamer.append({ markdown_text: 'more' }), /stream state is completed/);
    await assert.rejects(streamer.stop(), /stream state is completed/);
  });

  test('the states: no append and no stop after stop, no stream of others, none where there is none', async () => {
    const { ts } = await begin({ markdown_text: 'a' });
    await web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'b' });
    await web.chat.stopStream({ channel: GENERAL, ts });
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'c' }), 'message_not_in_streaming_state');
    await failsWith(web.chat.stopStream({ channel: GENERAL, ts }), 'message_not_in_streaming_state');
    const plain = await web.chat.postMessage({ channel: GENERAL, text: 'plain' });
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts: plain.ts, markdown_text: 'c' }), 'message_not_in_streaming_state');
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts: thread_ts, markdown_text: 'c' }), 'message_not_owned_by_app');
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts: '1700000000.000001', markdown_text: 'c' }), 'message_not_found');
    await failsWith(web.chat.appendStream({ channel: 'C0NONE', ts, markdown_text: 'c' }), 'channel_not_found');
  });

  test('while it streams, chat.update is a conflict; afterwards it is not', async () => {
    const { ts } = await begin({ markdown_text: 'a' });
    await failsWith(web.chat.update({ channel: GENERAL, ts, text: 'x' }), 'streaming_state_conflict');
    await web.chat.stopStream({ channel: GENERAL, ts });
    assert.equal((await web.chat.update({ channel: GENERAL, ts, text: 'x' })).text, 'x');
  });

  test('recipients are asked for outside direct messages only', async () => {
    const call = (args) => web.apiCall('chat.startStream', { channel: GENERAL, thread_ts, markdown_text: 'a', ...args });
    await failsWith(call({ recipient_team_id: 'T0LOCAL' }), 'missing_recipient_user_id');
    await failsWith(call({ recipient_user_id: 'U0ANN' }), 'missing_recipient_team_id');
    const { id } = await slack.post('channels', { type: 'im', members: ['U0ANN', 'U0BOT'] });
    const parent = await slack.say('ann', id, 'psst');
    assert.equal((await web.apiCall('chat.startStream', { channel: id, thread_ts: parent, markdown_text: 'a' })).ok, true);
  });

  test('chunks: text, tasks that change in their place, blocks', async () => {
    const { ts } = await begin({ chunks: [text('Looking. '), task('t1', 'in_progress', { details: 'cargo test' })] });
    await web.chat.appendStream({ channel: GENERAL, ts, chunks: [text('Then more.'), task('t2', 'pending')] });
    await web.chat.appendStream({ channel: GENERAL, ts, chunks: [
      task('t1', 'complete', { output: '412 passed', sources: [{ type: 'url', url: 'https://ci.example/1', text: 'CI' }] }),
      { type: 'blocks', blocks: [{ type: 'divider' }] }] });
    await web.chat.stopStream({ channel: GENERAL, ts, blocks: [{ type: 'context', elements: [{ type: 'mrkdwn', text: 'done' }] }] });
    const { blocks } = await now(ts);
    const cards = blocks.filter((b) => b.type === 'task_card');
    assert.deepEqual(cards.map((c) => [c.task_id, c.status]), [['t1', 'complete'], ['t2', 'pending']]);
    assert.match(JSON.stringify(cards[0]), /412 passed.*ci\.example/);
    const order = blocks.map((b) => (b.type === 'task_card' ? b.task_id : b.type));
    assert.ok(order.indexOf('t1') > 0 && order.indexOf('t1') < order.indexOf('t2'), order.join()); // text stands between
    assert.deepEqual(order.slice(-2), ['divider', 'context']);
  });

  test('plan mode: all tasks in one plan, with its title', async () => {
    const { ts } = await begin({ task_display_mode: 'plan', chunks: [{ type: 'plan_update', title: 'Fixing the test' }, task('t1', 'in_progress')] });
    await web.chat.appendStream({ channel: GENERAL, ts, chunks: [text('Some prose.'), task('t2', 'pending')] });
    const m = await now(ts);
    const plans = m.blocks.filter((b) => b.type === 'plan');
    assert.equal(plans.length, 1);
    assert.equal(plans[0].title, 'Fixing the test');
    assert.deepEqual(plans[0].tasks.map((t) => t.task_id), ['t1', 't2']);
    assert.ok(!types(m).includes('task_card'));
  });

  test('what is wrong in chunks and texts', async () => {
    const { ts } = await begin({ markdown_text: 'a' });
    const append = (args) => web.apiCall('chat.appendStream', { channel: GENERAL, ts, ...args });
    await failsWith(append({ chunks: [{ type: 'nonsense' }] }), 'invalid_chunks');
    await failsWith(append({ chunks: [task('t1', 'completed')] }), 'invalid_chunks');
    await failsWith(append({ chunks: 'not json' }), 'invalid_chunks');
    const tooLong = await append({ markdown_text: 'x'.repeat(12_001) }).catch((e) => e);
    assert.match(tooLong.data.error, /too_long/);
    const mode = await web.apiCall('chat.startStream', { channel: GENERAL, thread_ts, ...WHO, markdown_text: 'a', task_display_mode: 'odd' }).catch((e) => e);
    assert.equal(mode.data?.ok, false);
  });

  test('its life, counted from the start: appends do not prolong it', async () => {
    await slack.post('switches', { stream_life_ms: 400, stream_life: 'total' });
    const { ts } = await begin({ markdown_text: 'a' });
    const began = Date.now();
    let ended;
    while (!ended && Date.now() - began < 10_000) ended = await web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'b' }).then(() => null, (e) => e);
    assert.equal(ended.data.error, 'message_not_in_streaming_state');
    assert.ok(Date.now() - began >= 390);
    assert.notEqual((await now(ts)).streaming_state, 'completed');
    // What is left is mended with chat.update.
    assert.equal((await web.chat.update({ channel: GENERAL, ts, text: 'mended' })).ok, true);
  });

  test('its life, counted from the last append', async () => {
    await slack.post('switches', { stream_life_ms: 600, stream_life: 'idle' });
    const { ts } = await begin({ markdown_text: 'a' });
    const began = Date.now();
    while (Date.now() - began < 1500) await web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'b' });
    await slack.waitFor(async () => (await now(ts)).streaming_state !== 'in_progress', { what: 'the end of its life' });
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'c' }), 'message_not_in_streaming_state');
  });

  test('a person stops it: stopped_by_user from then on', async () => {
    const { ts } = await begin({ markdown_text: 'a' });
    const stopped = await slack.post('agent_stop', { user: 'ann', channel: 'general', thread_ts });
    assert.deepEqual(stopped.ts, [ts]);
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'b' }), 'stopped_by_user');
  });

  test('tiers: 20 starts and 100 appends a minute', async () => {
    await slack.post('switches', { rate_limits: true });
    const append = await begin({ markdown_text: 'a' });
    const form = (args) => ({ method: 'POST', body: new URLSearchParams(args) });
    const many = async (n, method, args) => (await Promise.all(Array.from({ length: n }, () => rawCall(slack, method, form(args))))).filter((a) => a.status !== 429).length;
    const starts = await many(30, 'chat.startStream', { channel: GENERAL, thread_ts, ...WHO, markdown_text: 'a' });
    assert.ok(starts >= 19 && starts <= 22, `${starts} starts`);
    const appends = await many(130, 'chat.appendStream', { channel: GENERAL, ts: append.ts, markdown_text: 'b' });
    assert.ok(appends >= 100 && appends <= 106, `${appends} appends`);
  });

  test('Bolt: sayStream streams into the thread of the mention, for its author', async () => {
    const app = boltApp(slack);
    app.event('app_mention', async ({ sayStream }) => {
      const stream = sayStream({ buffer_size: 4 });
      await stream.append({ markdown_text: 'Hello, ' });
      await stream.append({ chunks: [task('t1', 'complete')] });
      await stream.stop({ markdown_text: 'bye' });
    });
    await app.start();
    const ts = await slack.say('ann', 'general', '<@U0BOT> go');
    const m = await slack.waitForMessage((one) => one.thread_ts === ts && one.streaming_state === 'completed');
    assert.match(m.text, /Hello, .*bye/s);
    const { args } = (await slack.calls('chat.startStream'))[0];
    assert.deepEqual([args.recipient_user_id, args.recipient_team_id, args.thread_ts], ['U0ANN', 'T0LOCAL', ts]);
    await app.stop();
  });
});
