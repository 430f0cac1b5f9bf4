// Permissions and questions: every kind of answer, from either side.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ANN, BOB, GENERAL, buttonsOf, startWorld, textOf } from '../harness/world.mjs';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

const made = (name) => existsSync(join(world.directory, name));
/** What OpenCode waits for in the session of a thread. */
const pendingOf = async (thread, kind) => {
  const session = (await world.gateway.sessions()).find((s) => s.thread_ts === thread.ts);
  return (await world.pending(kind)).find((r) => r.sessionID === session.opencode.session_id);
};
const noButtons = (message) => assert.deepEqual(buttonsOf(message), []);

test('Once: the command runs, the card says who allowed it', async () => {
  const thread = await world.start('bash:touch once.txt;;say:Made it.');
  const { message } = await thread.button('permission.once');
  assert.match(textOf(message), /touch once\.txt/);
  await thread.cardSays(/[Ww]aiting for.*permission/s);
  await thread.click('permission.once', { user: BOB });
  await thread.says(/Made it/);
  assert.ok(made('once.txt'));
  const card = await thread.wait('the card to say who', (list) =>
    list.find((m) => m.ts === message.ts && /Allowed once/.test(textOf(m))),
  );
  assert.match(JSON.stringify(card.blocks), /U0BOB/);
  noButtons(card);
});

test('Always: the same command is not asked for again', async () => {
  const thread = await world.start('bash:echo always one;;bash:echo always two;;say:Both ran.');
  await thread.click('permission.always');
  await thread.says(/Both ran/);
  assert.equal((await thread.all(/echo always/)).filter((m) => /[Aa]llowed/.test(textOf(m))).length, 1);
});

test('Deny: it does not run, and the turn ends', async () => {
  const thread = await world.start('bash:touch denied.txt;;say:Never said.');
  await thread.click('permission.deny');
  await thread.says(/Denied/);
  await thread.cardSays(/Finished|Stopped|idle/i);
  assert.ok(!made('denied.txt'));
  await thread.reply('say:Still here.');
  await thread.says(/Still here/);
});

test('Deny with a reason: a form, and the agent reads the reason', async () => {
  const thread = await world.start('bash:touch reason.txt;;say:I understand.');
  await thread.click('permission.deny_reason');
  const view = await world.slack.waitFor((s) => s.views.find((v) => v.view.callback_id === 'permission.deny_reason'), {
    what: 'the form',
  });
  await world.slack.submit(ANN, view.view.id, { reason: { text: { type: 'plain_text_input', value: 'use the other directory' } } });
  await thread.says(/I understand/);
  assert.ok(!made('reason.txt'));
  await thread.says(/use the other directory/);
  const requests = await world.model.requests({ bodies: true });
  assert.ok(requests.some((r) => JSON.stringify(r).includes('use the other directory')), 'the model was told why');
});

test('an edit shows its diff', async () => {
  const asking = await startWorld({ config: { permission: { edit: 'ask', bash: 'ask' } } });
  try {
    const thread = await asking.start('write:hello.txt:hello world;;say:Written.');
    const { message } = await thread.button('permission.once');
    assert.match(textOf(message), /hello\.txt/);
    assert.match(textOf(message), /\+hello world/);
    await thread.click('permission.once');
    await thread.says(/Written/);
  } finally {
    await asking.close();
  }
});

test('the answer given in OpenCode first closes the card, and a late click is told so', async () => {
  const thread = await world.start('bash:touch web.txt;;say:Allowed elsewhere.');
  const { message, buttons } = await thread.button('permission.once');
  const request = await pendingOf(thread, 'permission');
  await world.opencode.api('POST', `/permission/${request.id}/reply`, { reply: 'once' }, { directory: world.directory });
  await thread.says(/Allowed elsewhere/);
  const card = await thread.wait('the closed card', (list) =>
    list.find((m) => m.ts === message.ts && /in OpenCode/.test(textOf(m))),
  );
  noButtons(card);
  await world.clickAgain(thread, message, buttons[0]);
  await thread.told(ANN, /Already answered in OpenCode/);
});

test('two clicks: the first wins, the second is told who was faster', async () => {
  const thread = await world.start('bash:touch twice.txt;;say:Ran once.');
  const { message } = await thread.button('permission.once');
  const [once, , deny] = buttonsOf(message);
  await Promise.all([
    world.clickAgain(thread, message, once, { user: ANN }),
    world.clickAgain(thread, message, deny, { user: BOB }),
  ]);
  await thread.wait('the end of the turn', (list) => /Finished|Stopped|idle/i.test(textOf(list[0])));
  const card = await thread.wait('the final card', (list) => list.find((m) => m.ts === message.ts && !buttonsOf(m).length));
  const annWon = /Allowed once/.test(textOf(card));
  await thread.told(annWon ? BOB : ANN, /Already answered by/);
  assert.equal(made('twice.txt'), annWon);
});

test('Stop closes what is pending, here and in OpenCode', async () => {
  const thread = await world.start('bash:touch stopped.txt;;say:Never.');
  const { message, buttons } = await thread.button('permission.once');
  await thread.click('session.stop');
  await thread.cardSays(/Stopped/);
  await thread.wait('the closed request', (list) => list.some((m) => m.ts === message.ts && !buttonsOf(m).length));
  await world.until('nothing pending in OpenCode', async () => !(await pendingOf(thread, 'permission')));
  await world.clickAgain(thread, message, buttons[0]);
  await thread.told(ANN, /no longer needed/);
  assert.ok(!made('stopped.txt'));
});

test('a single question: a button is the answer', async () => {
  const thread = await world.start('question:1;;say:Thank you.');
  await thread.cardSays(/an answer/);
  const { message } = await thread.button('question.pick');
  assert.match(textOf(message), /Question number 1\?/);
  await thread.click('question.pick', { pick: /^Yes/ });
  await thread.says(/Thank you/);
  const card = await thread.wait('the answered card', (list) =>
    list.find((m) => m.ts === message.ts && /Answered|answered/.test(textOf(m))),
  );
  assert.match(textOf(card), /Yes/);
  noButtons(card);
});

const input = (blockId, actionId, value) => ({ [blockId]: { [actionId]: value } });
const option = (value) => ({ value: String(value), text: { type: 'plain_text', text: 'x' } });

test('free text: what is typed is the answer', async () => {
  const thread = await world.start('question:text;;say:Noted.');
  await thread.button('question.submit');
  await thread.click('question.submit', {
    state: input('q0_text', 'text', { type: 'plain_text_input', value: 'call it Bob' }),
  });
  await thread.says(/Noted/);
  await thread.says(/call it Bob/);
});

test('multiple choice', async () => {
  const thread = await world.start('question:multi;;say:Mixed.');
  await thread.button('question.submit');
  await thread.click('question.submit', {
    state: input('q0', 'choice', { type: 'checkboxes', selected_options: [option(0), option(2)] }),
  });
  await thread.says(/Mixed/);
  await thread.says(/Red.*Blue/s);
});

test('four questions in one card: what is missing is asked for, then all are sent', async () => {
  const thread = await world.start('question:4;;say:All four.');
  const { message } = await thread.button('question.submit');
  for (const i of [1, 2, 3, 4]) assert.match(textOf(message), new RegExp(`Question number ${i}`));
  await thread.click('question.submit', { state: {} });
  await thread.told(ANN, /question/i);
  const values = Object.assign(
    {},
    ...[0, 1, 2, 3].map((i) => input(`q${i}`, 'choice', { type: 'radio_buttons', selected_option: option(i % 2) })),
  );
  await thread.click('question.submit', { state: values });
  await thread.says(/All four/);
});

test('Skip dismisses the question', async () => {
  const thread = await world.start('question:1;;say:Never said.');
  await thread.click('question.reject');
  await thread.cardSays(/Finished|Stopped|idle/i);
  assert.equal(await pendingOf(thread, 'question'), undefined);
});

test('a question answered in OpenCode first', async () => {
  const thread = await world.start('question:1;;say:From the other side.');
  const { message } = await thread.button('question.pick');
  const request = await pendingOf(thread, 'question');
  await world.opencode.api('POST', `/question/${request.id}/reply`, { answers: [['No']] }, { directory: world.directory });
  await thread.says(/From the other side/);
  await thread.wait('the closed card', (list) => list.find((m) => m.ts === message.ts && /in OpenCode/.test(textOf(m))));
});

test('POST /api/opencode/permission waits for a person', async () => {
  const thread = await world.start('gate:http;;say:Done.');
  await world.model.waitGate('http');
  const session = (await world.gateway.sessions()).find((s) => s.thread_ts === thread.ts);
  const body = { request_id: 'r1', session_id: session.opencode.session_id, permission: 'deploy', patterns: ['lab'] };
  const first = world.gateway.api('POST', '/api/opencode/permission', body);
  await thread.button('permission.once');
  await thread.click('permission.once', { user: BOB });
  const { status, body: answer } = await first;
  assert.equal(status, 200);
  assert.deepEqual(answer, { status: 'once', answered_by: BOB });
  // The caller whose connection was lost asks again and gets the same answer.
  assert.deepEqual((await world.gateway.api('POST', '/api/opencode/permission', body)).body, answer);
  const late = await world.gateway.api('POST', '/api/opencode/permission', { ...body, request_id: 'r2', timeout_ms: 300 });
  assert.equal(late.status, 408);
  assert.equal(late.body.status, 'timeout');
  assert.equal((await world.gateway.api('POST', '/api/opencode/permission', { ...body, session_id: 'ses_nobody' })).status, 404);
  const bad = await world.gateway.api('POST', '/api/opencode/permission', { ...body, permission: 7 });
  assert.equal(bad.status, 400);
  assert.equal(bad.body.error.field, 'permission');
  await world.model.release('http');
});

test('only approvers may answer, and the others are told', async () => {
  await world.gateway.stop();
  await world.restartGateway({ env: { GATEWAY_SLACK_APPROVERS: BOB, GATEWAY_SLACK_ALLOW_USERS: `${ANN},${BOB}` } });
  const thread = await world.start('bash:touch approved.txt;;say:Approved.');
  await thread.click('permission.once', { user: ANN });
  await thread.told(ANN, /Only the approvers/);
  assert.ok(!made('approved.txt'));
  await thread.click('permission.once', { user: BOB });
  await thread.says(/Approved\./);

  await world.gateway.stop();
  await world.restartGateway({ env: { GATEWAY_SLACK_ALLOW_USERS: BOB } });
  await world.slack.command(ANN, GENERAL, '/opencode', 'start say:no');
  await world.slack.waitFor((s) => s.ephemerals.some((e) => e.user === ANN && /not on the list/.test(textOf(e.message))), {
    what: 'Ann to be refused',
  });
});
