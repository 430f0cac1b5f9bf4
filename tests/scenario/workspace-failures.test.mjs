// What can be wrong with a repository, a disk, a remote or a program, and a gateway that is killed at any point: a clear message,
// and never a half-made workspace.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';

import { until } from '../harness/child.mjs';
import { startWorkshop } from '../harness/workspace.mjs';

const where = (program) => execFileSync('which', [program], { encoding: 'utf8' }).trim();
const GIT = where('git');

let shop;
const shops = [];
beforeEach(async () => {
  shop = await startWorkshop();
  shops.push(shop);
});
after(async () => {
  for (const one of shops) await one.close();
});

const wish = (slug, repositories, more = {}) => ({ project: '0012', slug, repositories: repositories.map((one) => (typeof one === 'string' ? { name: one } : one)), ...more });

/** Nothing is left of what was begun. */
async function assertNothingMade(...repositories) {
  assert.deepEqual([await shop.made(), await shop.records()], [[], []]);
  for (const at of repositories) {
    assert.deepEqual(shop.branches(at).filter((name) => name.startsWith('feature/')), []);
    assert.equal(shop.worktrees(at).length, 1);
  }
}

async function refused(driver, args, error, message, field) {
  const { outcome, value } = await driver.ask('workspace.create', args);
  assert.notEqual(outcome, 'ok');
  assert.equal(value.error, error, JSON.stringify(value));
  assert.match(value.message, message);
  if (field) assert.equal(value.field, field);
  return { outcome, value };
}

test('names of anybody\'s making are refused on their field', async () => {
  const api = await shop.repository('api');
  const driver = shop.driver();
  const hostile = ['../x', '-rf', 'a;b', 'a\nb', 'x'.repeat(10_240), '🚀', '\u202eevil', '.git', '$(id)', 'a b'];
  for (const name of hostile) {
    await refused(driver, wish(name, ['api']), 'invalid', /^slug must/, 'slug');
    await refused(driver, { ...wish('x', ['api']), project: name }, 'invalid', /^project must/, 'project');
    await refused(driver, wish('x', [name]), 'invalid', /must/, 'repositories.0.name');
    await refused(driver, wish('x', ['api', { name: 'web', path: api, base: name }]), 'invalid', /base must/, 'repositories.1');
  }
  for (const name of [...hostile, 'HEAD', '@{-1}', 'x.lock', 'a..b']) await refused(driver, { ...wish('x', ['api']), branch: name }, 'invalid', /^branch must/, 'branch');
  await refused(driver, wish('x', []), 'invalid', /1 to 32/, 'repositories');
  await refused(driver, wish('x', ['api', 'API']), 'invalid', /same directory/, 'repositories.1.name');
  await refused(driver, wish('x', [{ name: 'api', path: 'root/api' }]), 'invalid', /absolute/, 'repositories.0');
  await refused(driver, wish('x', [{ name: 'api', url: 'ext::sh -c id' }]), 'invalid', /address/, 'repositories.0');
  await assertNothingMade(api);
});

test('repositories that nothing can be made of: which one and why, and the others are left as they were', async () => {
  const api = await shop.repository('api');
  await shop.repository('empty', null);
  const detached = await shop.repository('detached');
  shop.git(detached, 'checkout', '-q', '--detach');
  shop.git(detached, 'branch', '-q', '-m', 'main', 'other');
  await mkdir(join(shop.root, 'plain'));
  const driver = shop.driver();
  const { value } = await refused(driver, wish('x', ['api', 'empty']), 'no_commits', /no commits yet/, 'repositories.1');
  assert.equal(value.repository, 'empty');
  await refused(driver, wish('x', ['api', 'detached']), 'detached_head', /base branch/);
  await refused(driver, wish('x', ['api', { name: 'plain', path: join(shop.root, 'plain') }]), 'not_a_repository', /plain/);
  await refused(driver, wish('x', ['api', { name: 'gone', path: join(shop.root, 'gone') }]), 'not_found', /gone/);
  await refused(driver, wish('x', ['api', 'unknown']), 'not_found', /no repository called unknown/);
  await assertNothingMade(api);
  assert.equal((await driver.done('workspace.create', wish('x', [{ name: 'detached', base: 'other' }]))).repositories[0].base, 'other');
});

test('a dirty tree is no obstacle: a workspace begins at a commit', async () => {
  const api = await shop.repository('api');
  await writeFile(join(api, 'README.md'), 'half an edit');
  await writeFile(join(api, '.git/index.lock'), ''); // and somebody is in the middle of a commit
  const { path } = await shop.driver().done('workspace.create', wish('x', ['api']));
  assert.equal(await readFile(join(path, 'api/README.md'), 'utf8'), 'This is api.\n');
  assert.equal(await readFile(join(api, 'README.md'), 'utf8'), 'half an edit');
});

test('repository k fails: those before it are taken back', async () => {
  const repositories = [await shop.repository('a'), await shop.repository('b'), await shop.repository('c')];
  const driver = shop.driver();
  await mkdir(join(repositories[2], '.git/refs/heads/feature'), { recursive: true });
  await writeFile(join(repositories[2], '.git/refs/heads/feature/0012-x.lock'), ''); // of another git
  const { outcome, value } = await refused(driver, wish('x', ['a', 'b', 'c']), 'locked', /worktree of c.*lock/);
  assert.deepEqual([outcome, value.repository], ['tempfail', 'c']);
  await assertNothingMade(...repositories);
  await rm(join(repositories[2], '.git/refs/heads/feature/0012-x.lock'));
  await driver.done('workspace.create', wish('x', ['a', 'b', 'c']));

  await writeFile(join(repositories[1], '.git/refs/heads/topic'), `${shop.git(repositories[1], 'rev-parse', 'HEAD')}\n`);
  await refused(driver, { ...wish('y', ['a', 'b']), branch: 'topic/x' }, 'locked', /worktree of b/); // topic is in the way of topic/x
  assert.deepEqual(await shop.made(), ['0012-x']);
});

test('a directory of somebody else is in the way', async () => {
  const api = await shop.repository('api');
  await shop.write(join(shop.builders, '0012-x/notes.txt'), 'mine');
  await refused(shop.driver(), wish('x', ['api']), 'exists', /another title/, 'slug');
  assert.equal(await readFile(join(shop.builders, '0012-x/notes.txt'), 'utf8'), 'mine');
  await symlink(api, join(shop.builders, '0012-y'));
  await refused(shop.driver(), wish('y', ['api']), 'exists', /another title/);
  assert.ok(existsSync(join(api, 'README.md')));
});

test('without git, and with one that hangs', async () => {
  const api = await shop.repository('api');
  const bin = join(shop.dir, 'bin');
  await mkdir(bin);
  await refused(shop.driver({}, { PATH: bin }), wish('x', [{ name: 'api', path: api }]), 'git_missing', /no program git here/);
  await writeFile(join(bin, 'git'), '#!/bin/sh\nsleep 1000\n');
  await chmod(join(bin, 'git'), 0o755);
  const slow = shop.driver({ local_timeout_ms: 300 }, { PATH: `${bin}:${process.env.PATH}` });
  const { outcome } = await refused(slow, wish('x', [{ name: 'api', path: api }]), 'timeout', /given up/);
  assert.equal(outcome, 'tempfail');
  await assertNothingMade(api);
});

test('remotes that hang, refuse, or are none', async () => {
  const sockets = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address();
  const driver = shop.driver({ network_timeout_ms: 1000 });
  const of = (url) => wish('x', [{ name: 'far', url }]);
  for (const scheme of ['git', 'http']) assert.equal((await refused(driver, of(`${scheme}://127.0.0.1:${port}/x`), 'timeout', /clone .*given up/)).outcome, 'tempfail');
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  await refused(driver, of(`http://127.0.0.1:${port}/x`), 'unreachable', /clone http:/);
  const { value } = await refused(driver, of(`http://me:geheim@127.0.0.1:${port}/x`), 'unreachable', /clone http:\/\/127/);
  assert.doesNotMatch(value.message, /geheim/);
  assert.doesNotMatch(driver.log(), /geheim/);
  await refused(driver, of(`file://${shop.dir}/nothing`), 'unreachable', /clone file:/);
  await assertNothingMade();
});

test('a full disk: said so, and taken back', async () => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`file-${i}`, `${i}`.repeat(2000)]));
  const repositories = [await shop.repository('api', files), await shop.repository('web', files)];
  const bin = join(shop.dir, 'bin');
  // A git whose checkouts may not write files larger than 512 bytes: what a full disk answers, at the same place.
  await shop.write(join(bin, 'git'), '#!/bin/bash\n[[ " $* " == *" reset "* ]] && { ulimit -f 1; trap "" XFSZ; }\nexec -a git ' + GIT + ' "$@"\n');
  await chmod(join(bin, 'git'), 0o755);
  const driver = shop.driver({}, { PATH: `${bin}:${process.env.PATH}` });
  const { outcome } = await refused(driver, wish('x', ['api', 'web']), 'disk_full', /files of/);
  assert.equal(outcome, 'permfail');
  await assertNothingMade(...repositories);
});

test('the program task is not there, or does not do what it should', async () => {
  const api = await shop.repository('api');
  const bin = join(shop.dir, 'bin');
  const env = { PATH: bin };
  await mkdir(bin);
  for (const program of ['git', 'mkdir']) await symlink(where(program), join(bin, program));
  const driver = shop.driver({ maker: 'task' }, env);
  await refused(driver, wish('x', ['api']), 'maker_missing', /no program task here/);
  await shop.write(join(bin, 'task'), '#!/bin/sh\necho "no task called $1" >&2\nexit 1\n');
  await chmod(join(bin, 'task'), 0o755);
  await refused(driver, wish('x', ['api']), 'maker_failed', /no task called builder:init/);
  await shop.write(join(bin, 'task'), '#!/bin/sh\nmkdir -p .builders/0012-x/api\n');
  await refused(driver, wish('x', ['api']), 'maker_failed', /no worktree of api/);
  await refused(shop.driver({ maker: 'par' }, env), wish('x', ['api']), 'maker_missing', /no program par here/);
  await assertNothingMade(api);
});

// ---- killed ----

const CREATE_POINTS = ['before_record', 'before_worktree:1', 'before_worktree:2', 'before_checkout', 'before_complete'].map((at) => `workspace.create.${at}`);
const REMOVE_POINTS = ['before_worktree:1', 'before_worktree:2', 'before_branch:1', 'before_branch:2', 'before_record'].map((at) => `workspace.remove.${at}`);

test('killed while making, at every point: the same ask makes it, another one is not disturbed', async () => {
  const repositories = [await shop.repository('a'), await shop.repository('b')];
  for (const failpoint of [...CREATE_POINTS, 'workspace.file.before_rename:1', 'workspace.file.before_rename:2']) {
    const { outcome } = await shop.driver({}, { GATEWAY_FAILPOINT: failpoint }).ask('workspace.create', wish('x', ['a', 'b']), { key: 'flow/1' });
    assert.equal(outcome, 'died', failpoint);
    const driver = shop.driver();
    const { path } = await driver.done('workspace.create', wish('x', ['a', 'b']), { key: 'flow/1', uncertain: true });
    for (const name of ['a', 'b']) assert.equal(shop.git(join(path, name), 'status', '--porcelain'), '');
    await driver.done('workspace.remove', { path });
    await assertNothingMade(...repositories);
  }
  // What a dead ask left does not stand in the way of another one, or of cleaning up.
  await shop.driver({}, { GATEWAY_FAILPOINT: 'workspace.create.before_checkout' }).ask('workspace.create', wish('x', ['a', 'b']), { key: 'flow/1' });
  const driver = shop.driver();
  await driver.done('workspace.remove', { path: join(shop.builders, '0012-x') });
  await assertNothingMade(...repositories);
});

test('killed while removing, at every point: removing again ends it, and loses nothing that was not confirmed', async () => {
  const repositories = [await shop.repository('a'), await shop.repository('b')];
  for (const failpoint of [...REMOVE_POINTS, 'workspace.discard.after_move:1', 'workspace.discard.after_move:2']) {
    const { path } = await shop.driver().done('workspace.create', wish('x', ['a', 'b']));
    assert.equal((await shop.driver({}, { GATEWAY_FAILPOINT: failpoint }).ask('workspace.remove', { path })).outcome, 'died', failpoint);
    const driver = shop.driver();
    if (existsSync(join(path, 'b'))) {
      // An agent was still at work.
      await writeFile(join(path, 'b/new'), 'x');
      assert.equal((await driver.ask('workspace.remove', { path })).value.error, 'would_lose_work', failpoint);
      assert.ok(existsSync(join(path, 'b/new')));
    }
    await driver.done('workspace.remove', { path, confirm: ['b'] });
    await assertNothingMade(...repositories);
  }
});

test('killed at random moments, again and again', async () => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`src/${i % 7}/file-${i}.txt`, `${i}\n`.repeat(40)]));
  const repositories = [await shop.repository('a', files), await shop.repository('b', files)];
  const rounds = Number(process.env.WORKSPACE_KILLS ?? 12);
  let seed = 42, killed = 0;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
  const calm = await (async () => {
    const driver = shop.driver();
    const start = Date.now();
    const { path } = await driver.done('workspace.create', wish('warm', ['a', 'b']));
    await driver.done('workspace.remove', { path });
    await driver.stop();
    return Date.now() - start;
  })();

  for (let round = 0; round < rounds; round++) {
    const key = `flow/${round}`, path = join(shop.builders, '0012-x');
    const dying = shop.driver();
    const verb = round % 2 ? 'workspace.remove' : 'workspace.create';
    const args = round % 2 ? { path } : wish('x', ['a', 'b']);
    if (round % 2) await shop.driver().done('workspace.create', wish('x', ['a', 'b']), { key });
    const asked = dying.ask(verb, args, { key });
    await new Promise((resolve) => setTimeout(resolve, random(calm)));
    await dying.kill();
    killed += (await asked).outcome === 'died';

    const driver = shop.driver();
    if (round % 2 === 0) {
      const made = await driver.done('workspace.create', args, { key, uncertain: true });
      for (const name of ['a', 'b']) {
        assert.equal(shop.git(join(path, name), 'status', '--porcelain'), '', `round ${round}`);
        assert.equal(shop.git(join(path, name), 'symbolic-ref', '--short', 'HEAD'), made.branch);
      }
    }
    await driver.done('workspace.remove', { path });
    await assertNothingMade(...repositories);
    for (const at of repositories) assert.equal(shop.git(at, 'fsck', '--no-progress'), '');
    await driver.stop();
  }
  assert.ok(killed > rounds / 4, `${killed} of ${rounds} were killed in the middle`);
});

test('what a killed gateway left running keeps others out until it has ended', async () => {
  const api = await shop.repository('api');
  const bin = join(shop.dir, 'bin');
  // A git that takes its time over a checkout, and does not listen to SIGTERM.
  await shop.write(join(bin, 'git'), `#!/bin/bash\nif [[ " $* " == *" reset "* ]]; then trap "" TERM; touch ${shop.dir}/began; while [ ! -e ${shop.dir}/go ]; do sleep 0.02; done; fi\nexec -a git ${GIT} "$@"\n`);
  await chmod(join(bin, 'git'), 0o755);
  const dying = shop.driver({}, { PATH: `${bin}:${process.env.PATH}` });
  const asked = dying.ask('workspace.create', wish('x', ['api']), { key: 'flow/1' });
  await until('the checkout to begin', () => existsSync(join(shop.dir, 'began')));
  await dying.kill();
  await asked;
  const driver = shop.driver();
  let over = false;
  const again = driver.done('workspace.create', wish('x', ['api']), { key: 'flow/1' }).then((made) => (over = made));
  const other = await driver.done('workspace.create', wish('y', ['api'])); // others are not held up
  assert.equal(over, false);
  await writeFile(join(shop.dir, 'go'), '');
  const made = await again;
  assert.equal(made.already, false);
  for (const { path } of [made, other]) assert.equal(shop.git(join(path, 'api'), 'status', '--porcelain'), '');
});
