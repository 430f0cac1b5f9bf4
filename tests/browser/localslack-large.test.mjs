// A channel with 10,000 messages: it opens, is read back to its beginning, and says what is new. How fast: bench/.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { ANN, BOB, GENERAL, startPageWorld } from './world.mjs';

const CODING = 'C0CODING';
const MESSAGES = 10_000;
const AT_ONCE = 50;
const SHOWN_MAX = 500; // messages in the document, whatever the channel has
const REPLIES = 1200;
let world;
let slack;
let app;
let root;

before(async () => {
  world = await startPageWorld({ args: ['--app-name', 'Robin', '--switch', 'message_events=false'] });
  ({ slack, app } = world);
  const say = (n, text, more) => (async () => {
    for (let i = 0; i < n; i += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, n - i) }, (_, k) => slack.say(k % 7 ? BOB : ANN, CODING, text(i + k), more)));
  })();
  await slack.say(BOB, CODING, 'the very first');
  await say(MESSAGES - 2, (i) => `message ${i}: has anyone seen the *blue* folder of <@U0ANN>?`);
  root = await slack.say(BOB, CODING, 'a long discussion');
  await say(REPLIES, (i) => `reply ${i}.`, { thread_ts: root });
});
afterEach(() => world?.tidy());
after(() => world?.done());

const list = (page, pane = '#channel') => page.locator(`${pane} .list`);
const shown = (page, pane = '#channel') => list(page, pane).locator('.message').count();
const message = (page, text, pane = '#channel') => page.locator(`${pane} .message`, { hasText: text }).last();

/** Scrolls up until a message is there that has `text`; says how many pages that took. */
async function readBackTo(page, text, pane = '#channel') {
  const isThere = () => message(page, text, pane).count();
  let pages = 0;
  for (; !(await isThere()); pages++) {
    assert.ok(pages < 200, `“${text}” did not come within ${pages} pages`);
    const first = await list(page, pane).locator('.message').first().getAttribute('data-ts');
    await list(page, pane).evaluate((el) => (el.scrollTop = 0));
    await page.waitForFunction(([where, ts]) => document.querySelector(`${where} .list .message`)?.dataset.ts !== ts, [pane, first]);
    assert.ok(await shown(page, pane) <= SHOWN_MAX, 'the document stays small');
  }
  return pages;
}

test('the newest are shown, and only a part of all is in the document', async () => {
  const page = await world.open({ place: CODING });
  await message(page, 'a long discussion').getByText(`${REPLIES} replies`).waitFor();
  assert.ok(await shown(page) <= 100);
  const bottom = await list(page).evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  assert.ok(bottom < 2, 'it is at its end');
});

test('read back to the beginning; what is new waits at the end', async () => {
  const page = await world.open({ place: CODING });
  await message(page, 'a long discussion').waitFor();
  assert.ok(await readBackTo(page, 'the very first') >= 10, 'by pages');
  await app.call('chat.postMessage', { channel: CODING, text: 'news for everybody' });
  await page.getByRole('button', { name: '1 new message' }).click();
  await message(page, 'news for everybody').waitFor();
  await page.waitForFunction(() => {
    const el = document.querySelector('#channel .list');
    return el.scrollHeight - el.scrollTop - el.clientHeight < 2;
  });
  assert.ok(await shown(page) <= 100);
});

test('one can write, react and go elsewhere as in a small one', async () => {
  const page = await world.open({ place: CODING });
  await page.getByLabel('Message', { exact: true }).fill('still here');
  await page.getByLabel('Message', { exact: true }).press('Enter');
  await message(page, 'still here').waitFor();
  await page.keyboard.press('Control+ArrowUp');
  await page.keyboard.press('2');
  await message(page, 'still here').locator('.reaction.mine').waitFor();
  await page.goto(`${slack.url}/#${GENERAL}`);
  await page.getByRole('heading', { name: 'general' }).waitFor();
  await page.goto(`${slack.url}/#${CODING}`);
  await message(page, 'still here').waitFor();
});

test('a long thread: its end first, then back to its beginning, and a reply', async () => {
  const page = await world.open({ place: `${CODING}/${root}` });
  await message(page, `reply ${REPLIES - 1}.`, '#thread').waitFor();
  assert.ok(await shown(page, '#thread') <= 101);
  await readBackTo(page, 'reply 0.', '#thread');
  await page.getByLabel('Reply', { exact: true }).fill('the last word');
  await page.getByLabel('Reply', { exact: true }).press('Enter');
  await message(page, 'the last word', '#thread').waitFor();
});
