// Check 23: what people see of an agent: status, prompts, titles, sessions with their Stop button; Bolt's Assistant class.

import assert from 'node:assert/strict';
import bolt from '@slack/bolt';
import { after, before, beforeEach, describe, test } from 'node:test';
import { GENERAL, boltApp, failsWith, start, webClient } from './support.mjs';

describe('10.23 agents', () => {
  let slack;
  let web;
  let thread_ts;
  before(async () => {
    slack = await start();
    web = webClient(slack);
  });
  beforeEach(async () => {
    await slack.post('reset');
    thread_ts = await slack.say('ann', 'general', 'work');
  });
  after(() => slack.stop());

  const setStatus = (status, more = {}) => web.assistant.threads.setStatus({ channel_id: GENERAL, thread_ts, status, ...more });
  const statuses = async () => (await slack.state()).statuses;

  test('a status is shown until it is cleared, a message comes, or its time is over', async () => {
    await setStatus('is thinking…', { loading_messages: ['a', 'b'] });
    const [shown] = await statuses();
    assert.deepEqual([shown.status, shown.loading_messages, shown.thread_ts], ['is thinking…', ['a', 'b'], thread_ts]);
    await setStatus('');
    assert.deepEqual(await statuses(), []);
    await setStatus('is writing…');
    await web.chat.postMessage({ channel: GENERAL, thread_ts, text: 'done' });
    assert.deepEqual(await statuses(), []);
    await slack.post('switches', { status_life_ms: 150 });
    await setStatus('is waiting…');
    await slack.waitFor((s) => s.statuses.length === 0, { what: 'the status to go by itself' });
  });

  test('what is wrong with a status', async () => {
    await failsWith(web.assistant.threads.setStatus({ channel_id: GENERAL, thread_ts: '1.2', status: 'x' }), 'invalid_thread_ts');
    const many = await setStatus('x', { loading_messages: Array.from({ length: 11 }, (_, i) => `${i}`) }).catch((e) => e);
    assert.equal(many.data?.ok, false);
    const where = await web.assistant.threads.setStatus({ channel_id: 'C0NONE', thread_ts, status: 'x' }).catch((e) => e);
    assert.equal(where.data.error, 'channel_not_found');
  });

  test('a session: processing, a title, a Stop button that ends its streams and tells the app', async () => {
    const app = boltApp(slack);
    const events = [];
    app.event('agent_session_stopped', async ({ event }) => void events.push(event));
    app.event('agent_session_title_changed', async ({ event }) => void events.push(event));
    await app.start();
    const args = { channel_id: GENERAL, thread_ts };
    const session = await web.agents.sessions.setStatus({ ...args, status: 'processing', title: 'The fix' });
    assert.deepEqual([session.status, session.agent_status, session.title], ['processing', 'processing', 'The fix']);
    const { ts } = await web.chat.startStream({ channel: GENERAL, thread_ts, recipient_user_id: 'U0ANN', recipient_team_id: 'T0LOCAL', markdown_text: 'working' });
    await slack.post('agent_stop', { user: 'ann', channel: 'general', thread_ts });
    const stopped = await slack.waitFor(() => events.find((e) => e.type === 'agent_session_stopped'), { what: 'agent_session_stopped' });
    assert.deepEqual([stopped.channel, stopped.user, stopped.thread_ts, stopped.streaming_message_ts], [GENERAL, 'U0ANN', thread_ts, [ts]]);
    assert.match(stopped.event_ts, /^\d+\.\d{6}$/);
    await failsWith(web.chat.appendStream({ channel: GENERAL, ts, markdown_text: 'more' }), 'stopped_by_user');
    await web.agents.sessions.setStatus({ ...args, status: 'closed' });
    await web.agents.sessions.rename({ ...args, title: 'Renamed by the app' });
    await slack.post('agent_rename', { user: 'ann', channel: 'general', thread_ts, title: 'Renamed by Ann' });
    const renamed = await slack.waitFor(() => events.find((e) => e.title === 'Renamed by Ann'), { what: 'agent_session_title_changed' });
    assert.deepEqual([renamed.type, renamed.user, renamed.thread_ts, renamed.previous_title], ['agent_session_title_changed', 'U0ANN', thread_ts, 'Renamed by the app']);
    await app.stop();
  });

  test('what is wrong with a session; the warning without the subscription', async () => {
    const set = (more) => web.apiCall('agents.sessions.setStatus', { channel_id: GENERAL, thread_ts, status: 'processing', ...more });
    await failsWith(set({ status: 'odd' }), 'invalid_status');
    await failsWith(set({ channel_id: 'C0NONE' }), 'channel_not_found');
    await slack.post('switches', { stop_events: false });
    const answer = await set({});
    assert.match(JSON.stringify([answer.warning, answer.response_metadata.warnings]), /missing_agent_session_stopped_event_subscription/);
  });

  test('suggested prompts and the title of a thread', async () => {
    const { channel, thread_ts: root } = await slack.post('assistant_open', { user: 'ann' });
    const args = { channel_id: channel, thread_ts: root };
    const prompts = [{ title: 'Fix a bug', message: 'Fix ' }, { title: 'Review', message: 'Review ' }];
    await web.assistant.threads.setSuggestedPrompts({ ...args, title: 'Try', prompts });
    await web.assistant.threads.setTitle({ ...args, title: 'My thread' });
    const state = await slack.state();
    assert.deepEqual(state.prompts.map((p) => [p.channel, p.title, p.prompts]), [[channel, 'Try', prompts]]);
    assert.deepEqual(state.titles.map((t) => t.title), ['My thread']);
    const many = await web.assistant.threads.setSuggestedPrompts({ ...args, prompts: Array(5).fill(prompts[0]) }).catch((e) => e);
    assert.equal(many.data?.ok, false);
    await slack.post('switches', { agent: false });
    await failsWith(web.assistant.threads.setSuggestedPrompts({ ...args, prompts }), 'not_agent_app');
  });

  test('app_home_opened tells of the messages tab', async () => {
    const app = boltApp(slack);
    const opened = [];
    app.event('app_home_opened', async ({ event }) => void opened.push(event));
    await app.start();
    await slack.post('home', { user: 'ann', tab: 'messages' });
    const event = await slack.waitFor(() => opened[0], { what: 'app_home_opened' });
    assert.deepEqual([event.user, event.tab, event.channel[0]], ['U0ANN', 'messages', 'D']);
    await app.stop();
  });

  describe('Bolt\'s Assistant', () => {
    let app;
    const log = [];
    before(async () => {
      app = boltApp(slack);
      app.assistant(new bolt.Assistant({
        threadStarted: async ({ say, setSuggestedPrompts, saveThreadContext, event }) => {
          log.push(['started', event.assistant_thread]);
          await say('How can I help?');
          await setSuggestedPrompts({ title: 'Try', prompts: [{ title: 'Fix', message: 'Fix it' }] });
          await saveThreadContext();
        },
        threadContextChanged: async ({ saveThreadContext, event }) => {
          log.push(['context', event.assistant_thread]);
          await saveThreadContext();
        },
        userMessage: async ({ message, say, setTitle, setStatus, getThreadContext, sayStream }) => {
          await setTitle(message.text);
          await setStatus('is typing…');
          const { channel_id } = await getThreadContext();
          if (message.text === 'stream') {
            const stream = sayStream({});
            await stream.append({ markdown_text: `Looking at ${channel_id}` });
            await stream.stop();
          } else {
            await say(`You were in ${channel_id}`);
          }
        },
      }));
      await app.start();
    });
    beforeEach(() => {
      log.length = 0;
    });
    after(() => app.stop());

    test('a thread starts: greeting, prompts, context', async () => {
      const { channel, thread_ts: root } = await slack.post('assistant_open', { user: 'ann', context_channel: 'general' });
      const greeting = await slack.waitForMessage((m) => m.thread_ts === root && m.text === 'How can I help?');
      assert.equal(greeting.user, 'U0BOT');
      await slack.waitFor((s) => s.prompts.some((p) => p.channel === channel), { what: 'the prompts' });
      const [, thread] = log.find(([what]) => what === 'started');
      assert.deepEqual([thread.user_id, thread.channel_id, thread.thread_ts, thread.context.channel_id, thread.context.team_id],
        ['U0ANN', channel, root, GENERAL, 'T0LOCAL']);
    });

    test('a message there is answered, with title, status and the context that was saved', async () => {
      const { channel, thread_ts: root } = await slack.post('assistant_open', { user: 'ann', context_channel: 'general' });
      await slack.waitFor((s) => s.prompts.some((p) => p.channel === channel && p.thread_ts === root), { what: 'the thread to be ready' });
      await slack.waitFor(async () => (await slack.calls('chat.update')).length > 0, { what: 'the context to be saved' });
      await slack.say('ann', channel, 'fix the build', { thread_ts: root });
      await slack.waitForMessage((m) => m.thread_ts === root && m.text === `You were in ${GENERAL}`);
      const state = await slack.state();
      assert.ok(state.titles.some((t) => t.thread_ts === root && t.title === 'fix the build'));
      assert.equal((await slack.calls('assistant.threads.setStatus')).at(-1).args.status, 'is typing…');
      assert.deepEqual(state.statuses, []); // the answer ended it
      await slack.say('ann', channel, 'stream', { thread_ts: root });
      await slack.waitForMessage((m) => m.thread_ts === root && m.streaming_state === 'completed' && m.text === `Looking at ${GENERAL}`);
    });

    test('the person goes to another channel: the context changes', async () => {
      const { channel, thread_ts: root } = await slack.post('assistant_open', { user: 'bob', context_channel: 'general' });
      await slack.waitFor(async () => (await slack.calls('chat.update')).length > 0, { what: 'the context to be saved' });
      await slack.post('assistant_context', { user: 'bob', context_channel: 'coding', thread_ts: root });
      await slack.waitFor(() => log.some(([what]) => what === 'context'), { what: 'assistant_thread_context_changed' });
      await slack.waitFor(async () => (await slack.calls('chat.update')).length > 1, { what: 'the new context to be saved' });
      await slack.say('bob', channel, 'where?', { thread_ts: root });
      await slack.waitForMessage((m) => m.thread_ts === root && m.text === 'You were in C0CODING');
    });
  });
});
