// Workspaces: made, found again, looked at, removed; each with the real git.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';

import { startWorkshop } from '../harness/workspace.mjs';

let shop;
const shops = [];
beforeEach(async () => {
  shop = await startWorkshop();
  shops.push(shop);
});
after(async () => {
  for (const one of shops) await one.close();
});

const create = (driver, slug, names, more = {}, options) =>
  driver.done('workspace.create', { project: '0012', slug, repositories: names.map((name) => (typeof name === 'string' ? { name } : name)), ...more }, options);
const repositoryOf = (inspection, name) => inspection.repositories.find((one) => one.name === name);

test('a worktree of each repository, on one branch, locked; removed again without a trace', async () => {
  const api = await shop.repository('api');
  const web = await shop.repository('web', { 'index.html': '<p>Hello</p>', 'deep/er/file': 'x' });
  const driver = shop.driver();
  const made = await create(driver, 'add-rate-limiting', ['api', 'web'], { progress: 'flow:1' });

  assert.equal(made.path, join(shop.builders, '0012-add-rate-limiting'));
  assert.equal(made.branch, 'feature/0012-add-rate-limiting');
  assert.deepEqual(made.repositories.map(({ name, base }) => [name, base]), [['api', 'main'], ['web', 'main']]);
  assert.equal(await readFile(join(made.path, 'web/deep/er/file'), 'utf8'), 'x');
  for (const name of ['api', 'web']) {
    assert.equal(shop.git(join(made.path, name), 'symbolic-ref', '--short', 'HEAD'), made.branch);
    assert.equal(shop.git(join(made.path, name), 'status', '--porcelain'), '');
  }
  assert.match(shop.git(api, 'worktree', 'list', '--porcelain'), /locked workspace 0012-add-rate-limiting/);
  assert.deepEqual(driver.progress.map(({ progress, data }) => [progress, data.phase, data.index, data.total]), [
    ['flow:1', 'worktree', 1, 2], ['flow:1', 'worktree', 2, 2], ['flow:1', 'checkout', 2, 2],
  ]);

  const { workspaces } = await driver.done('workspace.list');
  assert.deepEqual(workspaces.map(({ name, state, repositories }) => [name, state, repositories]), [['0012-add-rate-limiting', 'complete', ['api', 'web']]]);

  const gone = await driver.done('workspace.remove', { path: made.path });
  assert.deepEqual(gone.repositories.map(({ branch_deleted }) => branch_deleted), [true, true]);
  assert.deepEqual(shop.branches(api), ['main']);
  assert.deepEqual(shop.worktrees(web), [web]);
  assert.deepEqual([await shop.made(), await shop.records()], [[], []]);
  assert.equal((await driver.done('workspace.remove', { path: made.path })).already, true, 'twice is harmless');
});

test('the same ask finds what it has made; another one is told, or gets a number', async () => {
  await shop.repository('api');
  const driver = shop.driver();
  const first = await create(driver, 'x', ['api'], {}, { key: 'flow/1' });
  await shop.write(join(first.path, 'api/work'), 'of an agent');
  const again = await create(driver, 'x', ['api'], {}, { key: 'flow/1', uncertain: true });
  assert.equal(again.already, true);
  assert.equal(await readFile(join(again.path, 'api/work'), 'utf8'), 'of an agent', 'nothing was made anew');

  const { outcome, value } = await driver.ask('workspace.create', { project: '0012', slug: 'x', repositories: [{ name: 'api' }] }, { key: 'flow/2' });
  assert.deepEqual([outcome, value.error, value.field], ['permfail', 'exists', 'slug']);
  const second = await create(driver, 'x', ['api'], { unique: true }, { key: 'flow/2' });
  assert.deepEqual([second.name, second.branch], ['0012-x-2', 'feature/0012-x-2']);
  await driver.done('workspace.remove', { path: first.path, confirm: ['api'] });
  assert.equal((await create(driver, 'x', ['api'], { unique: true }, { key: 'flow/2' })).name, '0012-x-2', 'also when the first name is free');
});

test('where a branch begins', async () => {
  const origin = await shop.repository('elsewhere/origin.d');
  const old = shop.git(origin, 'rev-parse', 'HEAD');
  shop.git(shop.root, 'clone', '-q', origin, 'api');
  const api = join(shop.root, 'api');
  const newer = shop.commit(origin);
  shop.git(api, 'fetch', '-q');
  shop.git(api, 'tag', 'v1', old);
  shop.git(api, 'checkout', '-q', '-b', 'topic');
  const topic = shop.commit(api);
  const driver = shop.driver();
  const begins = async (slug, base) => (await create(driver, slug, [{ name: 'api', path: api, base }])).repositories[0];

  assert.deepEqual(await begins('a').then((r) => [r.base, r.base_commit]), ['main', newer], "origin's is ahead of ours");
  assert.equal((await begins('b', 'topic')).base_commit, topic);
  assert.equal((await begins('c', 'v1')).base_commit, old);
  assert.equal((await begins('d', old.slice(0, 12))).base_commit, old);
  shop.git(api, 'checkout', '-q', 'main');
  const ours = shop.commit(api);
  assert.equal((await begins('e')).base_commit, ours, 'ours has what origin lacks');
  const { value } = await driver.ask('workspace.create', { slug: 'f', repositories: [{ name: 'api', path: api, base: 'nope' }] });
  assert.deepEqual([value.error, value.field], ['base_not_found', 'repositories.0.base']);
});

test('the catalogue: two levels deep, same names told apart, remotes, and the list of projects', async () => {
  await shop.repository('api');
  await shop.repository('acme/api');
  await shop.repository('acme/web');
  await shop.repository('acme/deep/er');
  await shop.repository('empty', null);
  shop.git(shop.root, 'init', '-q', '--bare', 'store.git');
  shop.git(join(shop.root, 'acme/web'), 'remote', 'add', 'origin', 'https://me:secret@example.org/acme/web.git');
  await mkdir(join(shop.root, 'notes'));
  await shop.write(join(shop.root, '.ai/projectlist.md'), '## 0012 - OpenCode Slack Integration\n- Status: implementing\n- Repositories: api\n');
  const remotes = ['https://example.org/acme/web', 'git@example.org:other/tool.git'];
  const catalog = await shop.driver({ remotes }).done('workspace.catalog', { refresh: true });

  assert.deepEqual(catalog.repositories.map(({ name, url, default_branch, has_commits }) => [name, url, default_branch, has_commits]), [
    ['acme-api', null, 'main', true],
    ['web', 'https://example.org/acme/web.git', 'main', true],
    ['root-api', null, 'main', true],
    ['empty', null, null, false],
    ['store', null, null, false],
    ['tool', 'git@example.org:other/tool.git', null, true],
  ]);
  assert.equal(catalog.project_list, 'ok');
  assert.deepEqual(catalog.projects, [{ id: '0012', title: 'OpenCode Slack Integration', status: 'implementing', category: '', repositories: ['api'], active: true }]);
  assert.equal(catalog.complete, true);
});

test('a list of projects that is missing, empty or not a file is a state, not a failure', async () => {
  const state = async () => (await shop.driver().done('workspace.catalog', { refresh: true })).project_list;
  assert.equal(await state(), 'missing');
  await shop.write(join(shop.root, '.ai/projectlist.md'), 'Nothing yet.\n');
  assert.equal(await state(), 'empty');
  await rm(join(shop.root, '.ai/projectlist.md'));
  await mkdir(join(shop.root, '.ai/projectlist.md'));
  assert.equal(await state(), 'unreadable');
});

test('work is looked at, and is not lost unless it is confirmed by name', async () => {
  const origin = await shop.repository('elsewhere/origin.d');
  shop.git(shop.root, 'clone', '-q', origin, 'api');
  const web = await shop.repository('web');
  const driver = shop.driver();
  const { path, branch } = await create(driver, 'x', ['api', 'web']);
  const api = join(path, 'api');
  for (let i = 0; i < 25; i++) await shop.write(join(api, `new ${i}`), 'x');
  await shop.write(join(path, 'web/README.md'), 'changed');
  shop.commit(join(path, 'web'), 'on the branch');
  await shop.write(join(path, 'notes.md'), 'beside');

  let seen = await driver.done('workspace.inspect', { path });
  assert.equal(seen.at_risk, true);
  assert.deepEqual(seen.files_beside, ['notes.md']);
  const one = repositoryOf(seen, 'api');
  assert.deepEqual([one.branch, one.dirty, one.dirty_files.length, one.unpushed, one.only_here, one.locked, one.at_risk], [branch, 25, 20, 0, 0, true, true]);
  assert.ok(one.size_bytes > 25);
  const two = repositoryOf(seen, 'web');
  assert.deepEqual([two.dirty, two.unpushed, two.only_here, two.at_risk], [0, null, 1, true]);

  for (const [confirm, error] of [[[], /api/], [['api'], /web/], [['api', 'web'], /beside/], [['.', 'web'], /api/]]) {
    const { outcome, value } = await driver.ask('workspace.remove', { path, confirm });
    assert.deepEqual([outcome, value.error], ['permfail', 'would_lose_work']);
    assert.match(value.message, error);
    assert.equal(value.inspection.repositories.length, 2);
  }
  assert.deepEqual([await shop.made(), existsSync(join(api, 'new 24'))], [['0012-x'], true], 'nothing was touched');

  // Saved: pushed, and merged.
  shop.commit(api, 'work');
  shop.git(api, 'push', '-q', '-u', 'origin', 'HEAD');
  shop.git(web, 'merge', '-q', '--ff-only', branch);
  await rm(join(path, 'notes.md'));
  seen = await driver.done('workspace.inspect', { path });
  assert.deepEqual([seen.at_risk, repositoryOf(seen, 'api').upstream, repositoryOf(seen, 'api').ahead], [false, `origin/${branch}`, 0]);
  const gone = await driver.done('workspace.remove', { path });
  assert.deepEqual(gone.repositories.map(({ branch_deleted }) => branch_deleted), [true, true]);
  assert.deepEqual(shop.branches(web), ['main']);
});

test('commits beside the branch: a detached HEAD, and a branch that is no longer checked out', async () => {
  const api = await shop.repository('api');
  const driver = shop.driver();
  const { path, branch } = await create(driver, 'x', ['api']);
  const worktree = join(path, 'api');
  shop.commit(worktree, 'on the branch');
  shop.git(worktree, 'checkout', '-q', '--detach', 'main');
  shop.commit(worktree, 'on nothing');
  const seen = repositoryOf(await driver.done('workspace.inspect', { path }), 'api');
  assert.deepEqual([seen.branch, seen.only_here, seen.at_risk], [null, 2, true]);
  const gone = await driver.done('workspace.remove', { path, confirm: ['api'] });
  assert.equal(gone.repositories[0].branch_deleted, true);
  assert.ok(!shop.branches(api).includes(branch));
});

test('a branch that was there before stays, and is gone on with only when asked to', async () => {
  const api = await shop.repository('api');
  const driver = shop.driver();
  shop.git(api, 'branch', 'feature/0012-x');
  shop.git(api, 'checkout', '-q', 'feature/0012-x');
  const tip = shop.commit(api, 'of somebody');
  shop.git(api, 'checkout', '-q', 'main');
  const { value } = await driver.ask('workspace.create', { project: '0012', slug: 'x', repositories: [{ name: 'api' }] });
  assert.equal(value.error, 'branch_exists');
  assert.match(value.message, /feature\/0012-x/);

  const made = await create(driver, 'x', ['api'], { existing_branch: 'use' });
  assert.equal(shop.git(join(made.path, 'api'), 'rev-parse', 'HEAD'), tip);
  const gone = await driver.done('workspace.remove', { path: made.path, confirm: ['api'], keep_branches: true });
  assert.equal(gone.repositories[0].kept_because, 'asked for');
  assert.equal(shop.git(api, 'rev-parse', 'feature/0012-x'), tip);

  shop.git(api, 'checkout', '-q', 'feature/0012-x'); // now somebody works on it
  const busy = await driver.ask('workspace.create', { project: '0012', slug: 'x', existing_branch: 'use', repositories: [{ name: 'api' }] });
  assert.equal(busy.value.error, 'branch_exists');
  assert.deepEqual([await shop.made(), await shop.records()], [[], []]);
});

test('submodules are initialised, and their unpushed commits count as work', async () => {
  const lib = await shop.repository('elsewhere/lib.d', { 'lib.txt': 'of the library' });
  const api = await shop.repository('api');
  shop.git(api, 'submodule', '--quiet', 'add', lib, 'vendor/my lib');
  shop.commit(api, 'a submodule');
  const driver = shop.driver();
  const { path } = await create(driver, 'x', ['api']);
  const sub = join(path, 'api/vendor/my lib');
  assert.equal(await readFile(join(sub, 'lib.txt'), 'utf8'), 'of the library');
  assert.equal((await driver.done('workspace.inspect', { path })).at_risk, false);

  shop.git(sub, 'checkout', '-q', '-b', 'mine');
  shop.commit(sub, 'in the submodule');
  shop.git(sub, 'checkout', '-q', '--detach', 'HEAD~1');
  const seen = repositoryOf(await driver.done('workspace.inspect', { path }), 'api');
  assert.deepEqual([seen.only_here, seen.at_risk], [1, true]);
  assert.equal((await driver.ask('workspace.remove', { path })).value.error, 'would_lose_work');
  await driver.done('workspace.remove', { path, confirm: ['api'] });
  assert.deepEqual(await shop.made(), []);
});

test('an address is cloned once, shared by workspaces, and brought up to date', async () => {
  const origin = await shop.repository('elsewhere/big.d', { 'big.bin': 'x'.repeat(3_000_000) });
  const url = `file://${origin}`;
  const driver = shop.driver();
  await shop.repository('api');
  const first = await create(driver, 'a', ['api', { name: 'big', url }], { progress: 'flow:1' });
  const { data } = driver.progress.find((one) => one.data.phase === 'clone');
  assert.deepEqual([data.repository, data.index, data.total, data.percent], ['big', 2, 2, 0]);
  const newer = shop.commit(origin);
  const second = await create(driver, 'b', [{ name: 'big', url }]);
  assert.equal(first.repositories[1].repository, second.repositories[0].repository);
  assert.equal(second.repositories[0].base_commit, newer);
  assert.equal(shop.git(join(second.path, 'big'), 'status', '--porcelain'), '');

  await rename(origin, `${origin}-away`);
  const third = await create(driver, 'c', [{ name: 'big', url }]);
  assert.match(third.repositories[0].stale, /fetch/, 'a remote that is away leaves what was there');
});

test('ten at once do not disturb each other', async () => {
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`src/file-${i}.txt`, `${i}\n`.repeat(50)]));
  const repositories = [await shop.repository('api', files), await shop.repository('web', files), await shop.repository('lib', files)];
  const driver = shop.driver();
  const slugs = Array.from({ length: 10 }, (_, i) => `task-${i}`);
  const made = await Promise.all(slugs.map((slug) => create(driver, slug, ['api', 'web', 'lib'])));
  assert.equal(new Set(made.map(({ path }) => path)).size, 10);
  for (const { path, branch } of made)
    for (const name of ['api', 'web', 'lib']) {
      assert.equal(shop.git(join(path, name), 'symbolic-ref', '--short', 'HEAD'), branch);
      assert.equal(shop.git(join(path, name), 'status', '--porcelain'), '');
    }
  await shop.write(join(made[3].path, 'api/mine'), 'x');
  const removed = await Promise.all(made.map(({ path }) => driver.ask('workspace.remove', { path })));
  assert.deepEqual(removed.map(({ outcome }) => outcome), slugs.map((_, i) => (i === 3 ? 'permfail' : 'ok')));
  for (const at of repositories) assert.deepEqual(shop.branches(at), [made[3].branch, 'main']);
});

test('what is not a workspace of ours is not touched', async () => {
  const api = await shop.repository('api');
  const driver = shop.driver();
  const { path } = await create(driver, 'x', ['api']);
  const precious = join(shop.dir, 'precious');
  await shop.write(join(precious, 'api/file'), 'x');
  const refused = async (path, error) => {
    const { outcome, value } = await driver.ask('workspace.remove', { path, confirm: ['api', '.'] });
    assert.deepEqual([outcome, value.error], ['permfail', error], path);
  };
  await refused(api, 'not_a_workspace');
  await refused(shop.root, 'not_a_workspace');
  await refused('/', 'not_a_workspace');
  await refused(`${shop.builders}/../api`, 'not_a_workspace');
  await refused(join(shop.dir, '0012-x'), 'not_a_workspace');
  await mkdir(join(shop.builders, 'of-a-person'));
  await refused(join(shop.builders, 'of-a-person'), 'not_a_workspace');

  // An agent replaces the workspace's directory, or a worktree, with a link to somewhere else.
  await rename(path, join(shop.dir, 'moved'));
  await symlink(precious, path);
  await driver.ask('workspace.remove', { path, confirm: ['api', '.'] });
  assert.equal(await readFile(join(precious, 'api/file'), 'utf8'), 'x');
  await rm(path, { force: true });
  await rename(join(shop.dir, 'moved'), path);
  await rename(join(path, 'api'), join(shop.dir, 'moved'));
  await symlink(join(precious, 'api'), join(path, 'api'));
  await driver.ask('workspace.remove', { path, confirm: ['api', '.'] });
  assert.equal(await readFile(join(precious, 'api/file'), 'utf8'), 'x');
});
