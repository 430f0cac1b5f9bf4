// The form with a list of projects and real repositories: what is inferred, what is asked, and selects of many.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ANN, BOB, BOT, GENERAL, startWorld, textOf } from '../harness/world.mjs';

const PROJECTS = `# Projects

| ID | Title | Status | Category | Repositories |
|----|-------|--------|----------|--------------|
| 0012 | Login for everybody | implementing | identity | auth-api, web |
| 0013 | Invoices by mail | planned | billing | billing |
| 0014 | Landing page | active | website | web |
`;

const git = (cwd, ...args) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main', ...args], { cwd, stdio: 'pipe' });

let world;
let root;
before(async () => {
  root = mkdtempSync(join(tmpdir(), 'repositories-'));
  mkdirSync(join(root, '.ai'));
  writeFileSync(join(root, '.ai/projectlist.md'), PROJECTS);
  for (const name of ['auth-api', 'web', 'billing']) {
    mkdirSync(join(root, name));
    git(join(root, name), 'init', '-q');
    git(join(root, name), 'commit', '-q', '--allow-empty', '-m', 'begin');
  }
  for (let i = 0; i < 120; i++) {
    mkdirSync(join(root, `tool-${i}`));
    git(join(root, `tool-${i}`), 'init', '-q');
  }
  world = await startWorld({ opencode: false, gatewayEnv: { GATEWAY_WORKSPACE_REPOSITORIES_ROOT: root } });
});
after(async () => {
  await world?.close();
  rmSync(root, { recursive: true, force: true });
});

const form = (user) =>
  world.slack.waitFor((s) => s.views.find((v) => v.user === user && v.view.callback_id === 'start.form')?.view, { what: `a form for ${user}` });
const elementOf = (view, field) => view.blocks.find((b) => b.block_id === field)?.element;
const card = (pattern) =>
  world.slack.waitForMessage((m, c) => c.id === GENERAL && m.bot_id && pattern.test(textOf(m)) && m, { what: `a card like ${pattern}` });
const option = (value) => ({ value, text: { type: 'plain_text', text: value } });

test('enough is known: it begins at once, and the card says with what', async () => {
  await world.slack.command(ANN, GENERAL, '/opencode', 'start 0013 send a reminder after two weeks');
  const message = await card(/send a reminder/);
  assert.match(textOf(message), /Project 0013/);
  assert.match(textOf(message), /billing/);
  assert.ok(!(await world.slack.state()).views.some((v) => v.user === ANN));
});

test('a mention says what it is about, too, and is not asked where it does not', async () => {
  const mention = (text) => world.slack.say(ANN, GENERAL, `<@${BOT}> ${text}`);
  await mention('0012 remember me for a month');
  assert.match(textOf(await card(/remember me/)), /Project 0012[^]*auth-api[^]*web/);
  await mention('tidy up what nobody needs');
  assert.doesNotMatch(textOf(await card(/tidy up/)), /Project/);
});

test('which project is not clear: asked, with what could be inferred', async () => {
  await world.slack.command(BOB, GENERAL, '/opencode', 'start fix the crash at midnight');
  const view = await form(BOB);
  assert.equal(elementOf(view, 'title').initial_value, 'fix the crash at midnight');
  assert.equal(elementOf(view, 'category').initial_option.value, 'bug');
  assert.equal(elementOf(view, 'project').initial_option, undefined);
  assert.deepEqual(elementOf(view, 'project').options.map((o) => o.value), ['0012', '0014', '0013'], 'active ones first');
  assert.match(textOf({ blocks: view.blocks.slice(0, 1) }), /Agent builder/);

  const wrong = await world.slack.submit(BOB, view.id, { project: { value: '0014' }, repositories: { value: [option('web'), option('gone')] } });
  assert.equal(wrong.response_action, 'errors');
  assert.match(wrong.errors.repositories, /Not there any more: gone/);
  const right = await world.slack.submit(BOB, view.id, { project: { value: '0014' }, repositories: { value: [option('web')] } });
  assert.equal(right.response_action, undefined);
  assert.match(textOf(await card(/crash at midnight/)), /Project 0014[^]*web/);
});

test('more repositories than a select holds: it asks for what is typed', async () => {
  await world.slack.command(BOB, GENERAL, '/opencode', 'start');
  const view = await form(BOB);
  assert.equal(elementOf(view, 'repositories').type, 'multi_external_select');
  const ask = async (value) =>
    (await world.slack.post('suggest', { user: BOB, view_id: view.id, block_id: 'repositories', action_id: 'value', value })).options.map((o) => o.value);
  assert.deepEqual(await ask('AUTH'), ['auth-api']);
  assert.equal((await ask('tool')).length, 100);
  assert.deepEqual(await ask('nothing like it'), []);
  await world.slack.post('view_close', { user: BOB, view_id: view.id });
});
