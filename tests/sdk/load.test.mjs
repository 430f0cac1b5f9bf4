// The load generator: it must count right, and be much faster than what it measures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLocalSlack } from '../harness/localslack.mjs';
import { RawSocket, openUrl } from './raw-socket.mjs';

test('a load of messages, all acknowledged', async (t) => {
  const slack = await startLocalSlack({ args: ['--quiet'] });
  const socket = await RawSocket.open(await openUrl(slack));
  socket.autoAck = true;
  for (const [kind, envelopes] of [['message', 100_000], ['command', 20_000]]) {
    await slack.post('bench', { envelopes, window: 500, kind });
    const report = await slack.waitFor(async () => {
      const now = await slack.get('bench');
      return !now.running && now;
    }, { what: 'the end of the load', timeout_ms: 60_000 });
    assert.equal(report.sent, envelopes);
    assert.equal(report.acked, envelopes);
    assert.equal(report.failed, 0);
    assert.ok(report.p50_us <= report.p99_us && report.p99_us <= report.max_us);
    t.diagnostic(`${kind}: ${Math.round(report.per_second)} per second, p50 ${report.p50_us} µs, p99 ${report.p99_us} µs`);
  }
  socket.destroy();
  await slack.stop();
});

test('a rate is kept', async () => {
  const slack = await startLocalSlack({ args: ['--quiet'] });
  const socket = await RawSocket.open(await openUrl(slack));
  socket.autoAck = true;
  await slack.post('bench', { envelopes: 100, window: 50, rate: 200 });
  const report = await slack.waitFor(async () => {
    const now = await slack.get('bench');
    return !now.running && now;
  }, { what: 'the end of the load' });
  assert.ok(report.seconds > 0.4 && report.seconds < 2, `${report.seconds} s for 100 at 200/s`);
  socket.destroy();
  await slack.stop();
});
