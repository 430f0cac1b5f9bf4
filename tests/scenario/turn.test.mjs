// A task from the command to the answer, and what else people do in a thread.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ANN, BOB, BOT, GENERAL, startWorld, textOf } from '../harness/world.mjs';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

const md = (text) => `md:${Buffer.from(text).toString('base64')}`;
const blocksOf = (messages, type) => messages.flatMap((m) => (m.blocks ?? []).filter((b) => b.type === type));

test('start → card → progress → answer', async () => {
  const thread = await world.start('todo:[>]look|[ ]decide;;gate:turn;;read:README.md;;say:All is **well**.');
  await world.model.waitGate('turn');
  await thread.progress(/look/); // the to-do list
  await world.model.release('turn');
  const answer = await thread.says(/All is well/);
  assert.equal(answer.thread_ts, thread.ts);
  await thread.cardSays(/Finished|idle|Done/i);
  const messages = await thread.messages();
  assert.equal(messages.length, 3, 'the card, one progress message, one answer');
  assert.match(textOf(messages[1]), /Done in/);
  assert.ok(messages[0].edited && messages[1].edited, 'card and progress were edited in place');
  assert.equal(messages[0].ts, thread.ts);
});

test('an answer keeps its Markdown, and a code fence that is cut is closed and opened again', async () => {
  const code = Array.from({ length: 900 }, (_, i) => `line ${i} of the code block that is long`).join('\n');
  const thread = await world.start(md(`# Title\n\n* one\n* two\n\n\`\`\`js\n${code}\n\`\`\`\n\nThe end.`));
  await thread.says(/The end\./);
  const answer = await thread.said();
  assert.ok(answer.length > 1, 'it needs several messages');
  const pieces = blocksOf(answer, 'rich_text')
    .flatMap((b) => b.elements)
    .filter((e) => e.type === 'rich_text_preformatted')
    .flatMap((e) => e.elements.map((t) => t.text));
  assert.deepEqual(pieces.join('\n').split('\n').filter(Boolean), code.split('\n'), 'every line, once, in order');
  for (const message of answer) {
    assert.ok(message.blocks.length <= 50);
    assert.ok(JSON.stringify(message.blocks).length < 40_000);
  }
});

test('model output cannot mention, broadcast or forge a button', async () => {
  const thread = await world.start(md('<!channel> <@U0BOB> <https://evil.example|bank.example> &lt;!here&gt; @everyone'));
  const answer = await thread.says(/bank\.example/);
  const raw = JSON.stringify(answer.blocks);
  for (const type of ['broadcast', 'user', 'usergroup', 'button', 'actions'])
    assert.ok(!raw.includes(`"type":"${type}"`), `no element of type ${type}`);
  assert.doesNotMatch(answer.text, /<!channel>|<@U0BOB>|<https:/);
});

test('a mention starts a task in its own thread, and gets a reaction at once', async () => {
  const thread = await world.mention('say:Hello from the mention.');
  await thread.says(/Hello from the mention/);
  const [root] = await thread.messages();
  assert.ok(root.reactions.some((r) => r.name === 'eyes'));
  await thread.wait('the mark of a finished turn', (list) => list[0].reactions.some((r) => r.name === 'white_check_mark'));
  // One mention arrives as two events; it is one task.
  assert.equal((await thread.said()).length, 1);
  assert.equal((await world.gateway.sessions()).filter((s) => s.thread_ts === thread.ts).length, 1);
});

test('a direct message starts a task', async () => {
  const { channel } = await fetch(`${world.slack.url}/api/conversations.open`, {
    method: 'POST',
    headers: { authorization: 'Bearer xoxb-local', 'content-type': 'application/json' },
    body: JSON.stringify({ users: ANN }),
  }).then((r) => r.json());
  const thread = world.thread(channel.id, await world.slack.say(ANN, channel.id, 'say:Hello in private.'));
  await thread.says(/Hello in private/);
});

test('a reply while busy is queued, told so, and answered on its own', async () => {
  const thread = await world.start('gate:busy;;say:First answer.');
  await world.model.waitGate('busy');
  const second = await thread.reply('say:Second answer.');
  const third = await thread.reply('say:Third answer.', BOB);
  await thread.told(ANN, /Queued as number 1/);
  await thread.told(BOB, /Queued as number 2/);
  await thread.cardSays(/2 messages/);
  await world.model.release('busy');
  await thread.says(/Third answer/);
  assert.deepEqual(
    (await thread.said()).map((m) => m.text),
    ['First answer.', 'Second answer.', 'Third answer.'],
    'each once, in the order of asking',
  );
  for (const ts of [second, third]) {
    const message = (await thread.messages()).find((m) => m.ts === ts);
    assert.ok(message.reactions.some((r) => r.name === 'eyes'));
  }
  // The agent is told who speaks.
  const asked = (await world.model.requests({ bodies: true })).map((r) => JSON.stringify(r));
  assert.ok(asked.some((r) => /Message from bob in Slack/.test(r)));
});

test('a queued message that is edited goes to the agent as edited; one that has gone is not sent again', async () => {
  const thread = await world.start('gate:edit;;say:One.');
  await world.model.waitGate('edit');
  const ts = await thread.reply('say:Wrong words.');
  await thread.told(ANN, /Queued as number 1/);
  await world.slack.post('edit', { user: ANN, channel: GENERAL, ts, text: 'say:Right words.' });
  await thread.told(ANN, /was changed/);
  await world.model.release('edit');
  await thread.says(/Right words/);
  await world.slack.post('edit', { user: ANN, channel: GENERAL, ts, text: 'say:Third words.' });
  await thread.reply('say:Last words.');
  await thread.says(/Last words/);
  assert.deepEqual((await thread.said()).map((m) => m.text), ['One.', 'Right words.', 'Last words.']);
});

test('two sessions at once share nothing', async () => {
  const one = await world.start('gate:one;;write:one.txt:1;;say:Answer of one.');
  const two = await world.start('gate:two;;write:two.txt:2;;say:Answer of two.');
  await world.model.waitGate('one');
  await world.model.waitGate('two');
  await world.model.release('two');
  await two.says(/Answer of two/);
  await one.cardSays(/Working/);
  await world.model.release('one');
  await one.says(/Answer of one/);
  assert.ok(!(await one.messages()).some((m) => /Answer of two/.test(textOf(m))));
  assert.ok(!(await two.messages()).some((m) => /Answer of one/.test(textOf(m))));
});

test('Stop by button, by !stop and by command', async () => {
  const byButton = await world.start('text:400:100');
  await byButton.progress(/Working/);
  await byButton.click('session.stop');
  await byButton.cardSays(/Stopped/);
  await byButton.progress(/Stopped after/);

  const byWord = await world.start('hang');
  await world.model.waitGate('hang');
  const queued = await byWord.reply('say:never');
  await byWord.told(ANN, /Queued as number 1/);
  await byWord.reply('!stop');
  await byWord.cardSays(/Stopped/);
  await byWord.says(/1 queued message was not sent/);
  assert.ok(queued);
  await byWord.reply('say:And on it goes.');
  await byWord.says(/And on it goes/);

  const byCommand = await world.start('hang');
  await byCommand.cardSays(/Working/);
  await world.slack.command(ANN, GENERAL, '/opencode', 'stop');
  await byCommand.cardSays(/Stopped/);
});

test('help, status, list, and words that do not exist', async () => {
  const told = (pattern) =>
    world.slack.waitFor((s) => s.ephemerals.findLast((e) => e.user === BOB && pattern.test(textOf(e.message))), {
      what: `Bob to be told ${pattern}`,
    });
  await world.slack.command(BOB, GENERAL, '/opencode', 'help');
  await told(/start/);
  await world.slack.command(BOB, GENERAL, '/opencode', 'list all');
  await told(/two\.txt|Answer of two|gate:two/);
  await world.slack.command(BOB, GENERAL, '/opencode', 'status');
  await world.slack.command(BOB, GENERAL, '/opencode', 'dance');
  await world.slack.command(BOB, GENERAL, '/opencode', 'start');
  await world.slack.waitFor((s) => s.views.find((v) => v.user === BOB && v.view.callback_id === 'start.form'), { what: 'the form' });
  const thread = await world.start('say:ok');
  await thread.says(/^ok/m);
  await thread.reply('!help');
  await thread.told(ANN, /!stop/);
  await thread.reply('!status');
  await thread.told(ANN, /say:ok/);
  await thread.reply('!dance');
  await thread.told(ANN, /do not know `?!dance/);
});

test('a mention without words, and files, are answered with what to do', async () => {
  const told = (user, pattern) =>
    world.slack.waitFor((s) => s.ephemerals.find((e) => e.user === user && pattern.test(textOf(e.message))), {
      what: `${user} to be told ${pattern}`,
    });
  await world.slack.say(BOB, GENERAL, `<@${BOT}>`);
  await told(BOB, /What shall I do/);
  const thread = await world.start('say:Ready.');
  await thread.says(/^Ready/);
  const files = [{ name: 'notes.txt', content: 'x' }];
  await world.slack.say(ANN, GENERAL, '', { thread_ts: thread.ts, subtype: 'file_share', files });
  await told(ANN, /cannot pass files on/);
  await world.slack.say(ANN, GENERAL, 'say:Read.', { thread_ts: thread.ts, subtype: 'file_share', files });
  await thread.says(/^Read\./);
  await told(ANN, /attached files do not/);
});

test('a model that fails says so, and a reply goes on', async () => {
  const thread = await world.start('err:400');
  await thread.cardSays(/Failed|went wrong/i);
  await thread.reply('say:Better now.');
  await thread.says(/Better now/);
});

test('a message that OpenCode itself was given appears with attribution, and so does its answer', async () => {
  const thread = await world.start('say:Ready.');
  await thread.says(/Ready\./);
  const session = (await world.gateway.sessions()).find((s) => s.thread_ts === thread.ts);
  await world.opencode.prompt(session.opencode.session_id, 'say:Answered in both places.');
  await thread.says(/Asked in OpenCode: say:Answered in both places/);
  await thread.says(/^Answered in both places/);
});

test('a model that does not exist is named', async () => {
  await world.gateway.stop();
  await world.restartGateway({ env: { GATEWAY_OPENCODE_MODEL: 'scripted/nope' } });
  const thread = await world.start('say:never');
  await thread.progress(/Model not found: scripted\/nope/);
  await thread.cardSays(/Failed/);
});

test('more messages than may wait are refused, with the reason', async () => {
  await world.gateway.stop();
  await world.restartGateway({ env: { GATEWAY_LIMITS_QUEUED_PROMPTS: '1', GATEWAY_LIMITS_MESSAGE_BYTES: '1000' } });
  const thread = await world.start('gate:full;;say:First.');
  await world.model.waitGate('full');
  await thread.reply('say:Second.');
  await thread.told(ANN, /Queued as number 1/);
  await thread.reply('say:Third.');
  await thread.told(ANN, /Not taken: as many messages as may wait \(1\)/);
  await thread.reply(`say:${'long '.repeat(300)}`);
  await thread.told(ANN, /too long/);
  await world.model.release('full');
  await thread.says(/^Second/);
});
