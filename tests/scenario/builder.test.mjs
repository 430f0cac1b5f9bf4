// From a form to an agent in a workspace of its own, and back: the real OpenCode, the real git.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ANN, GENERAL, startWorld, textOf } from '../harness/world.mjs';

const SLOW_MS = 60_000;
const git = (dir, ...args) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-C', dir, ...args], { encoding: 'utf8' });

let world, scratch, root, state;

function makeRepository(name) {
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  git(dir, 'init', '-q', '-b', 'main');
  writeFileSync(join(dir, 'README.md'), `# ${name}\n`);
  git(dir, 'add', '.');
  git(dir, 'commit', '-q', '-m', 'A beginning');
}

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'builder-'));
  root = join(scratch, 'repositories');
  state = join(scratch, 'state');
  for (const name of ['api', 'web', 'other']) makeRepository(name);
  mkdirSync(join(root, '.ai'));
  writeFileSync(join(root, '.ai/projectlist.md'), '| ID | Title | Status | Category | Repositories |\n|---|---|---|---|---|\n| 0012 | Rate limits | active | feature | api, web |\n');
  world = await startWorld({ gatewayEnv: { GATEWAY_WORKSPACE_REPOSITORIES_ROOT: root, GATEWAY_STATE_DIRECTORY: state } });
});
after(async () => {
  await world?.close();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

const form = (user) => world.slack.waitFor((s) => s.views.find((v) => v.user === user)?.view, { what: 'a form' });
const typed = (values) => Object.fromEntries(Object.entries(values).map(([field, value]) => [field, { value }]));

/** Starts a task with the form; its thread. */
async function startTask(values) {
  const before = new Set((await world.slack.messages(GENERAL)).map((m) => m.ts));
  await world.slack.command(ANN, GENERAL, '/opencode', 'start');
  const view = await form(ANN);
  const answer = await world.slack.submit(ANN, view.id, typed(values));
  assert.equal(answer.response_action, undefined, JSON.stringify(answer));
  const card = await world.slack.waitForMessage((m, c) => c.id === GENERAL && m.bot_id && !before.has(m.ts) && (!m.thread_ts || m.thread_ts === m.ts), { what: 'the card' });
  return world.thread(GENERAL, card.ts);
}

const session = async () => (await world.gateway.sessions()).find((s) => s.workspace);
const documentOf = () => {
  const [name] = readdirSync(state).filter((entry) => !entry.startsWith('.'));
  return { name, text: readFileSync(join(state, name, '.session-state.yaml'), 'utf8') };
};

let thread, workspace;

test('a task with repositories gets worktrees of them, and its agent works there', async () => {
  thread = await startTask({ title: 'say:Prepared.', project: '0012', repositories: ['api', 'web'] });
  await thread.says(/Prepared\./, SLOW_MS);
  await thread.cardSays(/Finished/, SLOW_MS);
  await thread.wait('the line about the workspace', (list) => list.find((m) => /^Workspace 0012-say-prepared: api, web on feature\/0012-say-prepared/.test(m.text)));
  const one = await session();
  workspace = one.workspace.path;
  assert.equal(workspace, join(root, '.builders', '0012-say-prepared'));
  assert.equal(one.opencode.directory, workspace);
  for (const name of ['api', 'web']) assert.equal(git(join(workspace, name), 'branch', '--show-current').trim(), 'feature/0012-say-prepared');
  assert.ok(!existsSync(join(workspace, 'other')));
});

test('what the agent does happens in the workspace only', async () => {
  await thread.reply('bash:touch api/new.txt;;say:Touched.');
  await thread.click('permission.once');
  await thread.says(/Touched\./, SLOW_MS);
  assert.ok(existsSync(join(workspace, 'api/new.txt')));
  assert.ok(!existsSync(join(root, 'api/new.txt')));
});

test('a question that was answered is a commit in the state repository', async () => {
  await thread.reply('question:1;;say:Asked.');
  await thread.click('question.pick');
  await thread.says(/Asked\./, SLOW_MS);
  const log = () => git(state, 'log', '--format=%s');
  await world.until('two milestones', () => existsSync(join(state, '.git')) && log().trim().split('\n').length >= 2, SLOW_MS);
  const { name, text } = documentOf();
  assert.match(name, /^\d{4}-\d\d-\d\d-say-prepared-[0-9a-f]{6}$/);
  assert.match(text, /what: session_created/);
  assert.match(text, /what: question_answered/);
  assert.match(text, /branch: feature\/0012-say-prepared/);
});

test('a gateway without its journal finds its sessions in the state repository', async () => {
  await world.until('the end of the turn to be written down', () => /^state: idle/m.test(documentOf().text), SLOW_MS);
  await world.gateway.kill9();
  for (const file of readdirSync(world.scratch)) if (/^gateway\.db/.test(file)) rmSync(join(world.scratch, file));
  await world.startGateway();
  await world.gateway.ready({ bridges: 1, timeoutMs: SLOW_MS });
  await world.until('the session to be back', async () => (await session())?.workspace.path === workspace, SLOW_MS);
  const before = (await thread.messages()).length;
  await thread.reply('bash:test -e api/new.txt;;say:Still here.');
  await thread.click('permission.once');
  await thread.says(/Still here\./, SLOW_MS);
  const again = (await thread.messages()).slice(before).filter((m) => /Prepared\.|Touched\.|Asked\./.test(m.text) && m.bot_id);
  assert.deepEqual(again.map((m) => m.text), [], 'nothing is said a second time');
});

test('cleanup shows what would be lost, and wants its name', async () => {
  await thread.cardSays(/Finished/, SLOW_MS);
  await thread.reply('!cleanup');
  const offered = await thread.wait('what would go', (list) => list.find((m) => m.bot_id && /some of the work in it is nowhere else/.test(textOf(m))), SLOW_MS);
  assert.match(textOf(offered), /api\s+on feature\/0012-say-prepared; 1 uncommitted file: new\.txt/);
  await thread.click('cleanup.confirm');
  const view = await form(ANN);
  await world.slack.submit(ANN, view.id, { names: { text: 'web' } });
  await thread.told(ANN, /`web` is none of what would be lost/);
  assert.ok(existsSync(join(workspace, 'api/new.txt')));
  await thread.click('cleanup.confirm');
  const second = await world.slack.waitFor((s) => s.views.find((v) => v.user === ANN && v.view.id !== view.id)?.view, { what: 'the form again' });
  await world.slack.submit(ANN, second.id, { names: { text: 'api' } });
  await thread.wait('the end of it', (list) => list.find((m) => m.bot_id && /is removed\./.test(m.text)), SLOW_MS);
  assert.ok(!existsSync(workspace));
  assert.equal(git(join(root, 'api'), 'branch', '--list', 'feature/*').trim(), '');
  await world.until('the end to be committed', () => /session_ended|ended/.test(git(state, 'log', '-1', '--format=%s')), SLOW_MS);
});

test('a reply begins anew, in a new workspace', async () => {
  await thread.reply('say:Again.');
  await thread.says(/Again\./, SLOW_MS);
  assert.ok(existsSync(join(workspace, 'web/README.md')));
});
