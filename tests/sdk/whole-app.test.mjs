// One script of what people do, against the same app in Bolt for JavaScript and in Bolt for Python.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from '../harness/child.mjs';
import { PYTHON_ENV, findPython } from './python.mjs';
import { APP_TOKEN, BOT_TOKEN, GENERAL, start } from './support.mjs';

const { python, note } = findPython();
if (note) console.log(note);
const file = (name) => fileURLToPath(new URL(`apps/${name}`, import.meta.url));
const APPS = {
  'Bolt for JavaScript': { argv: [process.execPath, file('bolt-js.mjs')], env: { PATH: process.env.PATH } },
  'Bolt for Python': { argv: [python, file('bolt_python.py')], env: PYTHON_ENV, skip: note },
};

describe('a whole app', { concurrency: true }, () => {
  for (const [name, { argv, env, skip }] of Object.entries(APPS)) {
    describe(name, { skip, concurrency: 1 }, () => wholeApp(argv, env));
  }
});

function wholeApp(argv, env) {
  let slack;
  let app;
  before(async () => {
    slack = await start('--slash-command', '/order');
    app = new Child(argv[0], argv.slice(1), { env: {
      ...env, SLACK_API_URL: slack.apiUrl, SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_APP_TOKEN: APP_TOKEN } });
    await app.output(/the app is up/, 30_000);
    await slack.waitForSockets(1);
  });
  beforeEach(() => slack.post('reset'));
  after(async () => {
    await app.kill9();
    await slack.stop();
  });

  const openModal = async () => {
    const report = await slack.command('ann', 'general', '/order', '');
    assert.equal(report.acked, true, app.log());
    return slack.waitFor((s) => s.views.find((v) => v.user === 'U0ANN')?.view, { what: 'the modal' });
  };
  const suggest = (view, value) => slack.post('suggest', { user: 'ann', view_id: view.id, block_id: 'city', action_id: 'city', value });

  test('a command with help answers in its acknowledgement', async () => {
    const report = await slack.command('ann', 'general', '/order', 'help');
    assert.equal(report.response.text, 'Say /order');
    assert.ok((await slack.state()).ephemerals.some((e) => e.user === 'U0ANN' && e.message.text === 'Say /order'));
  });

  test('order: modal, options, error, submission, card, click', async () => {
    const view = await openModal();
    assert.deepEqual((await suggest(view, 'B')).options.map((o) => o.value), ['berlin', 'bremen']);
    assert.deepEqual((await suggest(view, 'Z')).options, []);
    const values = (who) => ({ name: { v: who }, city: { city: { text: { type: 'plain_text', text: 'Bremen' }, value: 'bremen' } } });
    const refused = await slack.submit('ann', view.id, values('nobody'));
    assert.deepEqual(refused.errors, { name: 'Who?' });
    await slack.submit('ann', view.id, values('Ada'));
    const card = await slack.waitForMessage((m) => m.text === 'Order of Ada for bremen by <@U0ANN>');
    assert.equal((await slack.state()).views.length, 0);
    const report = await slack.click({ user: 'bob', channel: 'general', ts: card.ts, action_id: 'confirm' });
    assert.equal(report.acked, true);
    await slack.waitForMessage((m) => m.ts === card.ts && m.text === 'Confirmed o1 by <@U0BOB>' && !m.blocks);
  });

  test('a modal that is closed', async () => {
    const view = await openModal();
    await slack.post('view_close', { user: 'ann', view_id: view.id });
    await slack.waitForMessage((m) => m.text === 'Order given up');
  });

  test('a global shortcut opens the same modal', async () => {
    await slack.post('shortcut', { user: 'bob', callback_id: 'new_order' });
    const view = await slack.waitFor((s) => s.views.find((v) => v.user === 'U0BOB')?.view, { what: 'the modal' });
    assert.equal(view.private_metadata, GENERAL);
  });

  test('a mention is answered by a stream with a task', async () => {
    const ts = await slack.say('ann', 'general', '<@U0BOT> go');
    const answer = await slack.waitForMessage((m) => m.thread_ts === ts && m.streaming_state === 'completed');
    assert.match(answer.text, /^Working.* and done$/s);
    assert.deepEqual(answer.blocks.filter((b) => b.type === 'task_card').map((b) => [b.task_id, b.status]), [['t1', 'complete']]);
  });

  test('a message that it listens for, and one of its own that it does not', async () => {
    await slack.say('ann', 'general', 'ping');
    await slack.waitForMessage((m) => m.text === 'pong');
    await slack.waitFor((s) => s.envelopes.pending === 0, { what: 'all acknowledged' });
    assert.equal((await slack.messages('general')).filter((m) => m.text === 'pong').length, 1);
  });

  test('the home', async () => {
    await slack.post('home', { user: 'bob' });
    const home = await slack.waitFor((s) => s.homes.find((v) => v.user === 'U0BOB')?.view, { what: 'the home' });
    assert.equal(home.blocks[0].text.text, 'Welcome');
  });

  test('it outlives a cut socket', async () => {
    const [{ id }] = (await slack.state()).sockets;
    await slack.post('sockets', { action: 'kill' });
    await slack.waitFor((s) => s.sockets.some((one) => one.id !== id && one.state === 'live'), { what: 'another socket', timeout_ms: 40_000 });
    await slack.say('ann', 'general', 'ping');
    await slack.waitForMessage((m) => m.text === 'pong');
  });
}
