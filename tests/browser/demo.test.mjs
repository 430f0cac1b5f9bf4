// The demonstration as a person walks through it: in Chromium, on localslack's page, with the real OpenCode.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { ANN, BOT, GENERAL, startWorld } from '../harness/world.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARTIFACTS = join(ROOT, 'tests/browser/.artifacts');
const TIMEOUT_MS = 60_000;

let world;
let browser;
let page;
const errors = [];

before(async () => {
  mkdirSync(ARTIFACTS, { recursive: true });
  world = await startWorld({ script: join(ROOT, 'demo/script.yaml') });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
});
after(async () => {
  await browser?.close();
  await world?.close();
});

const thread = () => page.locator('#thread');
const shot = (name) => page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });

test('type a command, answer the question, allow the test run, read the report', async () => {
  await page.goto(`${world.slack.url}/#${GENERAL}`);
  await page.getByLabel('Message', { exact: true }).fill('/opencode start fix the failing slug test');
  await page.getByLabel('Send').first().click();
  const card = page.locator('#channel').getByText('fix the failing slug test');
  await card.waitFor();

  const [root] = await world.slack.messages(GENERAL);
  await page.goto(`${world.slack.url}/#${GENERAL}/${root.ts}`);
  await thread().getByRole('button', { name: 'Fall back to untitled' }).click();
  await thread().getByText('Answered by').waitFor();

  await thread().getByRole('button', { name: 'Allow once' }).click();
  await thread().getByText('Allowed once by').waitFor();
  await thread().getByRole('heading', { name: /Done: titles without letters/ }).or(thread().getByText('Done: titles without letters')).first().waitFor();
  await page.locator('#channel').getByText('Finished for now').waitFor();
  assert.equal(await thread().getByRole('button', { name: /Allow|Fall back|Send$/ }).count(), 1, 'only the composer can send now');
  await page.mouse.move(0, 0); // no toolbar over the text
  await shot('thread');

  await page.setViewportSize({ width: 390, height: 844 });
  await shot('thread-phone');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, 'nothing is wider than a phone');
  await page.setViewportSize({ width: 1280, height: 1000 });
});

test('"Deny with a reason" opens a form in the page', async () => {
  const ts = await world.slack.say(ANN, GENERAL, `<@${BOT}> bash:touch never.txt;;say:Understood.`);
  await page.goto(`${world.slack.url}/#${GENERAL}/${ts}`);
  await thread().getByRole('button', { name: 'Deny with a reason' }).click();
  const form = page.locator('#modal');
  await form.locator('textarea, input[type=text]').first().fill('not in this repository');
  await form.getByRole('button', { name: 'Deny' }).click();
  await thread().getByText('not in this repository').waitFor();
  await thread().getByText('Understood.', { exact: true }).waitFor();
});

test('hostile text does not run in the page, and nothing failed in it', async () => {
  const payload = '<img src=x onerror="document.title=1"> <script>document.title=2</script> [x](javascript:alert(1))';
  const ts = await world.slack.say(ANN, GENERAL, `<@${BOT}> md:${Buffer.from(payload).toString('base64')}`);
  await page.goto(`${world.slack.url}/#${GENERAL}/${ts}`);
  await thread().getByText('onerror').first().waitFor();
  assert.ok(!['1', '2'].includes(await page.title()));
  assert.equal(await thread().locator('a[href^="javascript:"]').count(), 0);
  assert.deepEqual(errors, []);
});
