// More is said than Slack takes: chat.postMessage once a second per channel, edits fifty times a minute, and 429 for whoever
// does not keep to it. What may be dropped is progress; questions and final states never are, and a question does not wait
// behind what is less urgent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { FakeOpenCode } from '../harness/fake-bridge.mjs';
import { GENERAL, startWorld, textOf } from '../harness/world.mjs';

const SLOW_MS = 240_000;
const THREADS = 6;
const REPLIES = 5;

let world, opencode, slack;
before(async () => {
  world = await startWorld({ opencode: false });
  ({ slack } = world);
  opencode = new FakeOpenCode({ gatewayUrl: world.gateway.url, token: world.gateway.token, directory: world.directory });
  await world.gateway.ready({ bridges: 1 });
});
after(async () => {
  await opencode?.stop();
  await world?.close();
});

test('at more than twice the limit nothing final is lost, order is kept, and a question comes first', async () => {
  const threads = [];
  for (let t = 0; t < THREADS; t++) threads.push(await world.start(`say:Root ${t}.`));
  for (const [t, thread] of threads.entries()) await thread.says(new RegExp(`Root ${t}\\.`), SLOW_MS);
  await slack.post('switches', { rate_limits: true });
  await slack.post('faults', [{ method: 'chat.*', action: 'rate_limit', retry_after_s: 2, times: 4 }]);
  const since = Date.now();
  for (let i = 0; i < REPLIES; i++)
    for (const [t, thread] of threads.entries()) {
      const question = i === 2 && t === 0 ? 'question:1;;' : '';
      await thread.reply(`${question}say:Answer ${t}/${i}.`);
    }
  // The question is asked in the middle of it all; its card appears while answers still wait.
  const asked = await threads[0].button('question.pick', SLOW_MS);
  const left = THREADS * REPLIES - countAnswers(await Promise.all(threads.map((thread) => thread.messages())));
  assert.ok(left > 0, 'there was more to be said when the question came');
  assert.ok(asked);
  await threads[0].click('question.pick');
  for (const [t, thread] of threads.entries()) await thread.says(new RegExp(`Answer ${t}/${REPLIES - 1}\\.`), SLOW_MS);
  const took = Date.now() - since;
  for (const [t, thread] of threads.entries()) {
    const answers = (await thread.said()).map((m) => /^Answer (\d+)\/(\d+)\./.exec(m.text)).filter(Boolean);
    assert.deepEqual(answers.map((m) => Number(m[2])), Array.from({ length: REPLIES }, (_, i) => i), `thread ${t}`);
    await thread.cardSays(/Finished/, SLOW_MS);
    await thread.wait(
      'no progress message to be left at work',
      (list) => list.every((m) => !(m.bot_id && /^Working/.test(m.text))),
      SLOW_MS,
    );
  }
  const calls = (await slack.calls()).filter((c) => c.method === 'chat.postMessage' || c.method === 'chat.update');
  const refused = calls.filter((c) => c.status === 429).length;
  assert.ok(refused <= 4 + calls.length * 0.1, `${refused} of ${calls.length} calls were refused in ${took} ms: the limit is kept, not tried`);
  assert.equal((await world.gateway.api('GET', '/api/asks?status=dead')).body.length, 0);
  const outside = (await slack.messages(GENERAL)).filter((m) => /^Answer/.test(textOf(m)) && !m.thread_ts);
  assert.equal(outside.length, 0);
});

/** How many answers are there already. */
function countAnswers(lists) {
  return lists.flat().filter((m) => m.bot_id && /^Answer \d+\/\d+\./.test(m.text)).length;
}
