// Check 17: the tiers of the Web API: 429 with Retry-After per method, and per channel for posts; what the SDK does then.

import assert from 'node:assert/strict';
import { after, beforeEach, before, describe, test } from 'node:test';
import { GENERAL, failsWith, nextEvent, rawCall, start, webClient } from './support.mjs';

describe('10.17 rate limits', () => {
  let slack;
  before(async () => {
    slack = await start();
  });
  beforeEach(async () => {
    await slack.post('reset');
    await slack.post('switches', { rate_limits: true });
  });
  after(() => slack.stop());

  /** How many of `n` calls at once pass, and the first that does not. */
  const burst = async (n, call) => {
    const answers = await Promise.all(Array.from({ length: n }, (_, i) => call(i)));
    return { passed: answers.filter((a) => a.ok).length, limited: answers.find((a) => !a.ok) };
  };
  const form = (args) => ({ method: 'POST', body: new URLSearchParams(args) });

  test('a call too many is answered with 429, Retry-After and ratelimited', async () => {
    const { limited } = await burst(30, () => rawCall(slack, 'conversations.list', form({})));
    assert.deepEqual([limited.status, limited.ok, limited.error], [429, false, 'ratelimited']);
    const wait = Number(limited.headers.get('retry-after'));
    assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60, `Retry-After: ${limited.headers.get('retry-after')}`);
  });

  for (const [method, args, tier] of [
    ['conversations.list', {}, 20], ['conversations.info', { channel: GENERAL }, 50], ['users.info', { user: 'U0ANN' }, 100]]) {
    test(`${method} takes ${tier} a minute`, async () => {
      const { passed } = await burst(tier + 20, () => rawCall(slack, method, form(args)));
      // What refills while the calls are made: at 100 a minute one in 600 ms.
      assert.ok(passed >= tier && passed <= tier + 6, `${passed} passed`);
    });
  }

  test('each method has its own', async () => {
    await burst(30, () => rawCall(slack, 'conversations.list', form({})));
    assert.equal((await rawCall(slack, 'users.list', form({}))).ok, true);
    assert.equal((await rawCall(slack, 'conversations.list', form({}))).error, 'ratelimited');
  });

  test('posts are limited by channel: a burst, then one a second', async () => {
    const post = (channel) => rawCall(slack, 'chat.postMessage', form({ channel, text: 'x' }));
    const { passed, limited } = await burst(12, () => post(GENERAL));
    assert.ok(passed >= 1 && passed < 12, `${passed} passed`);
    assert.equal(limited.headers.get('retry-after'), '1');
    assert.equal((await post('C0CODING')).ok, true);
    assert.equal((await slack.messages('general')).length, passed);
  });

  test('the SDK waits and the call succeeds: the event rate_limited says how long', async () => {
    await slack.post('switches', { rate_scale: 0.3 }); // a minute of 18 s: the next call may come after 0.9 s
    const web = webClient(slack);
    await burst(30, () => rawCall(slack, 'conversations.list', form({})));
    const limited = nextEvent(web, 'rate_limited');
    const list = web.conversations.list();
    const [seconds, { url }] = await limited;
    assert.ok(seconds >= 1);
    assert.match(url, /conversations\.list$/);
    assert.equal((await list).ok, true);
  });

  test('rejectRateLimitedCalls: the SDK gives the call back, with retryAfter', async () => {
    await burst(30, () => rawCall(slack, 'conversations.list', form({})));
    const error = await failsWith(webClient(slack, { rejectRateLimitedCalls: true }).conversations.list(), 'slack_webapi_rate_limited_error');
    assert.ok(error.retryAfter >= 1);
  });

  test('history for apps outside the Marketplace: one call a minute, 15 messages', async () => {
    for (let i = 0; i < 20; i++) await slack.say('ann', 'general', `m${i}`);
    await slack.post('switches', { history_limited: true });
    const web = webClient(slack, { rejectRateLimitedCalls: true });
    assert.equal((await web.conversations.history({ channel: GENERAL, limit: 100 })).messages.length, 15);
    const error = await failsWith(web.conversations.history({ channel: GENERAL }), 'slack_webapi_rate_limited_error');
    assert.ok(error.retryAfter > 30, `${error.retryAfter}`);
  });

  test('switched off, nothing is limited', async () => {
    await slack.post('switches', { rate_limits: false });
    const { passed } = await burst(150, () => rawCall(slack, 'conversations.list', form({})));
    assert.equal(passed, 150);
  });
});
