// The form, the app's page and the lists as people see them, wide and on a phone.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ANN, GENERAL, startWorld } from '../harness/world.mjs';
import { TIMEOUT_MS, assertNoOverflow, shot, startBrowser } from './world.mjs';

const PROJECTS = `# Projects
| ID | Title | Status | Category | Repositories |
|----|-------|--------|----------|--------------|
| 0012 | Login for everybody | implementing | identity | auth-api, web |
| 0013 | Invoices by mail | planned | billing | billing |
`;

let world;
let browser;
let root;
const complaints = [];
before(async () => {
  root = mkdtempSync(join(tmpdir(), 'repositories-'));
  mkdirSync(join(root, '.ai'));
  writeFileSync(join(root, '.ai/projectlist.md'), PROJECTS);
  for (const name of ['auth-api', 'web', 'billing', 'docs-site']) {
    mkdirSync(join(root, name));
    execFileSync('git', ['init', '-q'], { cwd: join(root, name) });
  }
  world = await startWorld({ opencode: false, gatewayEnv: { GATEWAY_WORKSPACE_REPOSITORIES_ROOT: root },
    slackArgs: ['--shortcut', 'message:start.from_message:Start a task from this'] });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await world?.close();
  rmSync(root, { recursive: true, force: true });
  assert.deepEqual(complaints, [], 'no page complained');
});

async function open(width, place = GENERAL) {
  const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 1000 } });
  await context.addInitScript((id) => sessionStorage.setItem('localslack.me', id), ANN);
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(`${world.slack.url}/#${place}`);
  await page.locator('#sidebar nav').waitFor({ state: 'attached' });
  return page;
}

async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByLabel('Send').first().click();
}

for (const width of [1280, 390]) {
  test(`the form at ${width} pixels: prefilled, refused on the field, sent`, async () => {
    const page = await open(width);
    await say(page, `/opencode start fix the crash at midnight (${width})`);
    const form = page.getByRole('dialog', { name: 'Start a task' });
    await form.waitFor();
    await form.getByText('Agent builder').waitFor();
    await assertNoOverflow(page, 'the form');
    await shot(page, `start-form-${width}`);
    const title = form.getByLabel('Title');
    assert.equal(await title.inputValue(), `fix the crash at midnight (${width})`);
    await title.fill('\u200b');
    await form.getByRole('button', { name: 'Start' }).click();
    await form.getByText('Say in a few words what is to be done.').waitFor();
    await shot(page, `start-form-refused-${width}`);
    await title.fill(`fix the crash at noon (${width})`);
    await form.getByRole('button', { name: 'Start' }).click();
    await form.waitFor({ state: 'detached' });
    await page.locator('#channel').getByText(`fix the crash at noon (${width})`).first().waitFor();
    await page.context().close();
  });

  test(`the list and the app's page at ${width} pixels`, async () => {
    const page = await open(width);
    await say(page, '/opencode list');
    await page.locator('#channel').getByText('At work').last().waitFor();
    await assertNoOverflow(page, 'the list');
    await shot(page, `start-list-${width}`);
    await page.goto(`${world.slack.url}/#home`);
    await page.getByText('Your sessions').waitFor();
    await page.getByRole('button', { name: 'Start a task' }).waitFor();
    await assertNoOverflow(page, 'the home page');
    await shot(page, `start-home-${width}`);
    await page.context().close();
  });
}
