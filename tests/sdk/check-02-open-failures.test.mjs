// Check 2: when apps.connections.open fails, the SDK goes on or gives up as it does with Slack.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { nextEvent, socketClient, start } from './support.mjs';

const METHOD = 'apps.connections.open';

describe('10.2 failures of apps.connections.open', () => {
  let slack;
  let client;
  before(async () => {
    slack = await start();
  });
  afterEach(async () => {
    await client.disconnect();
    await slack.post('reset');
  });
  after(() => slack.stop());

  const fault = (...list) => slack.post('faults', list.map((f) => ({ method: METHOD, ...f })));
  const attempts = async () => (await slack.calls(METHOD)).length;

  test('fatal_error twice, then an address: three calls, one connection', async () => {
    await fault({ action: 'ok_false', error: 'fatal_error', times: 2 });
    client = socketClient(slack, { clientPingTimeout: 50 });
    await client.start();
    assert.equal(await attempts(), 3);
    await slack.waitForSockets(1);
  });

  for (const error of ['account_inactive', 'invalid_auth', 'not_authed', 'team_disabled', 'user_removed_from_team']) {
    test(`${error} ends the attempts`, async () => {
      await fault({ action: 'ok_false', error, times: 9 });
      client = socketClient(slack, { clientPingTimeout: 20 });
      await assert.rejects(client.start(), (e) => e.data.error === error);
      assert.equal(await attempts(), 1);
    });
  }

  test('429: the SDK waits as long as Retry-After says', async () => {
    await fault({ action: 'rate_limit', retry_after_s: 1 });
    client = socketClient(slack);
    const limited = nextEvent(client.webClient, 'rate_limited');
    await client.start();
    assert.deepEqual((await limited)[0], 1);
    const [first, second] = await slack.calls(METHOD);
    assert.equal(first.status, 429);
    assert.ok(second.at_ms - first.at_ms >= 950, `called again after ${second.at_ms - first.at_ms} ms`);
  });

  test('500 twice is called again', async () => {
    await fault({ action: 'http_500_before', times: 2 });
    client = socketClient(slack);
    await client.start();
    assert.equal(await attempts(), 3);
  });

  test('a connection cut without an answer is called again', async () => {
    await fault({ action: 'drop_before', times: 1 });
    client = socketClient(slack);
    await client.start();
    await slack.waitForSockets(1);
  });
});
