// Check 9: what happens while the app has no socket comes by the retries once it is back, or is lost after the last.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { boltApp, start } from './support.mjs';

describe('10.9 a gap without sockets', () => {
  let slack;
  let app;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await app?.stop();
    app = undefined;
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the sockets of the test to go' });
    await slack.post('reset');
  });
  after(() => slack.stop());

  const startApp = async () => {
    const heard = [];
    app = boltApp(slack);
    app.message(async ({ message }) => void heard.push(message.text));
    await app.start();
    return heard;
  };

  test('an app that stops and starts again misses nothing', async () => {
    await slack.post('switches', { retry_scale: 0.02 }); // 0 s, 1.2 s, 6 s
    const before = await startApp();
    await slack.say('ann', 'general', 'one');
    await slack.waitFor(() => before.length === 1, { what: 'the first message' });
    await app.stop();
    await slack.waitFor((s) => s.sockets.length === 0, { what: 'the socket to go' });
    for (const text of ['two', 'three']) await slack.say('ann', 'general', text);
    const after = await startApp();
    await slack.waitFor(() => after.length >= 2, { what: 'what was missed' });
    assert.deepEqual([...after].sort(), ['three', 'two']);
    const retries = (await slack.get('frames')).filter((f) => f.direction.startsWith('out') && /"text":"(two|three)"/.test(f.text));
    assert.ok(retries.every((f) => JSON.parse(f.text).retry_attempt > 0));
  });

  test('after the last retry it is lost', async () => {
    await slack.post('switches', { retry_scale: 0.0001 });
    await slack.say('ann', 'general', 'too early');
    await slack.waitFor(async () => (await slack.get('outcomes?outcome=lost')).length === 1, { what: 'the loss' });
    const heard = await startApp();
    await slack.say('ann', 'general', 'now');
    await slack.waitFor(() => heard.length > 0, { what: 'a message' });
    assert.deepEqual(heard, ['now']);
  });

  test('with gap_redelivery off, as others have measured Slack, the gap stays', async () => {
    await slack.post('switches', { retry_scale: 0.005, gap_redelivery: false });
    await slack.say('ann', 'general', 'missed');
    const heard = await startApp();
    await slack.say('ann', 'general', 'now');
    await slack.waitFor((s) => heard.includes('now') && s.envelopes.pending === 0, { what: 'the message after it' });
    await slack.say('ann', 'general', 'and now'); // the retries of what was missed would have come by then
    await slack.waitFor(() => heard.includes('and now'), { what: 'the last message' });
    assert.deepEqual(heard, ['now', 'and now']);
  });

  test('a command without a socket fails at once', async () => {
    const report = await slack.command('ann', 'general', '/opencode', 'x');
    assert.deepEqual([report.acked, report.error], [false, 'no_socket']);
  });
});
