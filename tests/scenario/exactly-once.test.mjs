// Every message of ours carries the key of its ask; whatever Slack does to the calls, at the end each key is in its thread
// once. With Slack's (undocumented) recognition of a repeated client_msg_id, and without.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { GENERAL, startWorld, textOf } from '../harness/world.mjs';

const SLOW_MS = 200_000;
const THREADS = 4;
const REPLIES = 12; // each brings a progress message and an answer

let world, opencode, slack;
before(async () => {
  world = await startWorld({ opencode: false });
  ({ slack } = world);
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await slack.post('switches', { rate_limits: false });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  await world?.close();
});

/** {key: how often} over everything in #general. */
const keysOf = (list) => {
  const seen = {};
  for (const m of list) {
    const oid = m.metadata?.event_payload?.oid;
    if (oid) seen[oid] = (seen[oid] ?? 0) + 1;
  }
  return seen;
};
const settled = async () => {
  const asks = (await world.gateway.api('GET', '/api/asks')).body;
  return asks.every((a) => a.verb !== 'slack.post') && asks;
};

const faults = [
  { action: 'drop_response_after', probability: 0.12 },
  { action: 'http_500_after', probability: 0.08 },
  { action: 'http_500_before', probability: 0.08 },
  { action: 'drop_before', probability: 0.06 },
  { action: 'rate_limit', retry_after_s: 1, probability: 0.05 },
  { action: 'ok_false', error: 'internal_error', probability: 0.05 },
];

for (const recognised of [true, false])
  test(`a hundred posts under faults, client_msg_id ${recognised ? 'on' : 'off'}`, async () => {
    const word = recognised ? 'on' : 'off';
    await slack.post('switches', { client_msg_id: recognised });
    const threads = [];
    for (let t = 0; t < THREADS; t++) threads.push(await world.start(`say:Root ${word} ${t}.`));
    for (const [t, thread] of threads.entries()) await thread.says(new RegExp(`Root ${word} ${t}\\.`));
    await slack.post('faults', [
      // Slower than the client waits, and done after all: the double shows up behind the repetition.
      { method: 'chat.postMessage', action: 'delay', delay_ms: 14_000, times: 1 },
      ...faults.map((f) => ({ method: 'chat.postMessage', times: 100_000, ...f })),
    ]);
    for (let i = 0; i < REPLIES; i++) for (const [t, thread] of threads.entries()) await thread.reply(`say:Answer ${word} ${t}/${i}.`);
    for (const [t, thread] of threads.entries()) await thread.says(new RegExp(`Answer ${word} ${t}/${REPLIES - 1}\\.`), SLOW_MS);
    await slack.post('faults', []);
    await world.until('all posts to be over', settled, SLOW_MS);
    let n = 0;
    for (const [t, thread] of threads.entries()) {
      const messages = await thread.messages();
      const keys = keysOf(messages);
      n += Object.keys(keys).length;
      assert.deepEqual(Object.entries(keys).filter(([, times]) => times > 1), [], 'no key is there twice');
      const answers = messages.filter((m) => m.bot_id && new RegExp(`Answer ${word} `).test(textOf(m)) && m.metadata);
      const said = answers.map((m) => /Answer \w+ \d+\/(\d+)\./.exec(m.text)?.[1]).filter((x, i) => answers[i].text.startsWith('Answer'));
      assert.deepEqual(said, Array.from({ length: REPLIES }, (_, i) => `${i}`), `thread ${t}: each answer once, in order`);
    }
    assert.ok(n >= THREADS * (REPLIES + 1), `${n} messages`);
    const calls = (await slack.calls('chat.postMessage')).length;
    assert.ok(calls > n, `${calls} calls for ${n} messages: some were repeated`);
    const outside = (await slack.messages(GENERAL)).filter((m) => m.metadata && /^Answer/.test(m.text) && !m.thread_ts);
    assert.equal(outside.length, 0);
  });
