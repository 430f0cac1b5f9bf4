// The app's own page, and lists of sessions: what stands there, and that it follows what happens.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ANN, BOB, GENERAL, startWorld, textOf } from '../harness/world.mjs';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

/** All texts of somebody's page. */
const texts = (view) => textOf({ blocks: view.blocks });
const page = (user, check, what) =>
  world.slack.waitFor((s) => s.homes.find((v) => v.user === user && check(v.view))?.view, { what, timeout_ms: 30_000 });
const heard = new Set();
async function told(user, pattern) {
  const fresh = (e) => e.user === user && !heard.has(e.message.ts) && pattern.test(textOf(e.message));
  const note = await world.slack.waitFor((s) => s.ephemerals.find(fresh), { what: `${user} to be told ${pattern}` });
  heard.add(note.message.ts);
  return textOf(note.message);
}
const command = (user, text) => world.slack.command(user, GENERAL, '/opencode', text);

test('an empty page says how to begin, and its button opens the form', async () => {
  await world.slack.post('home', { user: ANN });
  const view = await page(ANN, (v) => /Nothing waits for you/.test(texts(v)), 'the empty page');
  assert.match(texts(view), /begins one/);
  await world.slack.click({ user: ANN, view_id: view.id, action_id: 'home.start' });
  const form = await world.slack.waitFor((s) => s.views.find((v) => v.user === ANN && v.view.callback_id === 'start.form')?.view, { what: 'the form' });
  await world.slack.submit(ANN, form.id, { title: { value: 'bash:touch home.txt;;say:Done.' }, channel: { value: GENERAL } });
});

test('the page follows what happens: a request comes, and goes with its answer', async () => {
  const waiting = await page(ANN, (v) => /What waits for you/.test(texts(v)), 'the request on the page');
  assert.match(texts(waiting), /touch home\.txt/);
  const link = JSON.stringify(waiting.blocks).match(/archives\/(C0GENERAL)\/p(\d{10})(\d{6})/);
  await world.thread(GENERAL, `${link[2]}.${link[3]}`).click('permission.once');
  const done = await page(ANN, (v) => /Nothing waits for you/.test(texts(v)) && /Finished for now/.test(texts(v)), 'the finished session');
  assert.match(texts(done), /touch home\.txt/);
});

test('the focus is kept', async () => {
  const view = await page(ANN, () => true, 'a page');
  const select = view.blocks.find((b) => b.accessory?.action_id === 'home.focus');
  const web = select.accessory.options.find((o) => o.value.endsWith(':web'));
  await world.slack.click({ user: ANN, view_id: view.id, action_id: 'home.focus', block_id: select.block_id, selected_option: web });
  await page(ANN, (v) => v.blocks.find((b) => b.accessory?.action_id === 'home.focus').accessory.initial_option.value.endsWith(':web'), 'the focus on the page');
  await command(ANN, 'focus');
  await told(ANN, /focus is[^]*web/);
  await command(ANN, 'focus slack');
  await told(ANN, /focus is[^]*slack/);
});

test('list and status: own and all, by number and by title', async () => {
  const gate = await world.start('gate:list;;say:Through.', { user: BOB });
  await gate.cardSays(/Working/);
  await command(BOB, 'list');
  const own = await told(BOB, /gate:list/);
  assert.doesNotMatch(own, /home\.txt/);
  assert.match(own, /At work/);
  await command(BOB, 'list all');
  const all = await told(BOB, /home\.txt/);
  assert.match(all, /Finished for now/);
  await command(BOB, 'status');
  await told(BOB, /gate:list[^]*Working/);
  await command(BOB, 'status home.txt');
  await told(BOB, /home\.txt/);
  await command(BOB, 'status 1');
  await told(BOB, /gate:list/);
  await gate.reply('!list', BOB);
  await told(BOB, /At work[^]*gate:list/);
  await gate.reply('!start say:From a thread.', BOB);
  const message = await world.slack.waitForMessage((m, c) => c.id === GENERAL && m.bot_id && /From a thread/.test(textOf(m)) && m, { what: 'the new session' });
  assert.ok(!message.thread_ts || message.thread_ts === message.ts, 'it has a thread of its own');
  await world.model.release('list');
  await gate.says(/Through/);
});
