// Workspaces made by the real go-task and the real par.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { findMaker } from '../harness/makers.mjs';
import { startWorkshop } from '../harness/workspace.mjs';

const task = findMaker('task');
const par = findMaker('par');
if (!par.note && spawnSync('tmux', ['-V']).status !== 0) par.note = 'par needs tmux';

const TASKFILE = `version: '3'
tasks:
  builder:init:
    requires: {vars: [BUILDER_NAME, REPOS]}
    cmds:
      - for: {var: REPOS, split: ','}
        cmd: git -C {{.ITEM}} worktree add -q -b {{.BRANCH}} "$PWD/.builders/{{.BUILDER_NAME}}/{{.ITEM}}"
`;

test('task builder:init makes it; it is verified, looked at and removed like our own', { skip: task.note }, async (t) => {
  const shop = await startWorkshop();
  t.after(() => shop.close());
  const api = await shop.repository('api');
  await shop.repository('web');
  await shop.write(join(shop.root, 'Taskfile.yml'), TASKFILE);
  const driver = shop.driver({ maker: 'task' }, { PATH: `${task.bin}:${shop.env.PATH}` });
  const wish = { project: '0012', slug: 'x', repositories: [{ name: 'api' }, { name: 'web' }] };
  const made = await driver.done('workspace.create', wish, { key: 'flow/1' });
  assert.deepEqual([made.maker, made.branch, made.path], ['task', 'feature/0012-x', join(shop.builders, '0012-x')]);
  assert.equal((await driver.done('workspace.create', wish, { key: 'flow/1' })).already, true);
  await writeFile(join(made.path, 'web/new'), 'x');
  assert.equal((await driver.ask('workspace.remove', { path: made.path })).value.error, 'would_lose_work');
  await driver.done('workspace.remove', { path: made.path, confirm: ['web'] });
  assert.deepEqual([shop.branches(api), await shop.made()], [['main'], []]);

  // It fails at the second repository: the first one's worktree and branch are taken back.
  shop.git(join(shop.root, 'web'), 'branch', 'topic');
  await shop.write(join(shop.root, 'Taskfile.yml'), TASKFILE.replace('git -C {{.ITEM}}', '{{if eq .ITEM "web"}}false{{else}}git{{end}} -C {{.ITEM}}'));
  const { outcome, value } = await driver.ask('workspace.create', wish, { key: 'flow/2' });
  assert.deepEqual([outcome, value.error], ['permfail', 'maker_failed']);
  assert.deepEqual([shop.branches(api), await shop.made(), await shop.records()], [['main'], [], []]);
});

test('par makes it where par puts its workspaces, and forgets it again', { skip: par.note }, async (t) => {
  const shop = await startWorkshop();
  const env = { PATH: `${par.bin}:${shop.env.PATH}`, TMUX_TMPDIR: shop.dir };
  t.after(async () => {
    spawnSync('tmux', ['kill-server'], { env: { ...shop.env, ...env } });
    await shop.close();
  });
  const api = await shop.repository('api');
  await shop.repository('web');
  const driver = shop.driver({ maker: 'par' }, env);
  const wish = { project: '0012', slug: 'x', repositories: [{ name: 'api' }, { name: 'web' }] };
  const made = await driver.done('workspace.create', wish, { key: 'flow/1' });
  assert.deepEqual([made.maker, made.branch], ['par', '0012-x']);
  for (const { path } of made.repositories) assert.equal(shop.git(path, 'symbolic-ref', '--short', 'HEAD'), '0012-x');
  assert.equal((await driver.done('workspace.create', wish, { key: 'flow/1' })).already, true);
  const sessions = () => spawnSync('par', ['ls'], { env: { ...shop.env, ...env }, encoding: 'utf8' }).stdout;
  assert.match(sessions(), /0012-x/);

  await writeFile(join(made.repositories[1].path, 'new'), 'x');
  assert.equal((await driver.ask('workspace.remove', { path: made.path })).value.error, 'would_lose_work');
  await driver.done('workspace.remove', { path: made.path, confirm: ['web'] });
  assert.doesNotMatch(sessions(), /0012-x/);
  assert.deepEqual(shop.branches(api), ['main']);
  for (const { path } of made.repositories) assert.ok(!existsSync(path));
  assert.deepEqual(await shop.records(), []);
});
