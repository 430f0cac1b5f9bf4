// The state repository: written at each change, committed at milestones, pushed, and read again, with the real git.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, beforeEach, test } from 'node:test';

import { until } from '../harness/child.mjs';
import { gatewayBin } from '../harness/gateway.mjs';
import { startWorkshop } from '../harness/workspace.mjs';

let shop, directory;
const shops = [];
beforeEach(async () => {
  shop = await startWorkshop();
  shops.push(shop);
  directory = join(shop.dir, 'state');
});
after(async () => {
  for (const one of shops) await one.close();
});

const start = (state = {}, options = {}, env = {}) => shop.driver({ ...options, state: { directory, retry_ms: 200, ...state } }, env);
const write = (driver, session, document) => driver.done('state.write', { session, document });
const commit = (driver, session, milestone = 'session_created', document) => driver.done('state.commit', { session, milestone, ...(document && { document }) });
const log = (at = directory) => shop.git(at, 'log', '--format=%an|%s').split('\n');
const fileOf = (session) => join(directory, session, '.session-state.yaml');
const readAll = () => JSON.parse(execFileSync(join(dirname(gatewayBin()), '../../bench/workspace-driver'), ['--read', directory], { env: shop.env, encoding: 'utf8' }));
const bare = () => {
  shop.git(shop.dir, 'init', '-q', '--bare', '--initial-branch=main', 'remote.git');
  return join(shop.dir, 'remote.git');
};

test('the repository is made; a state is written, and committed at a milestone', async () => {
  const driver = start();
  const document = { title: 'Add rate limiting', state: 'active', slack: { channel: 'C1', thread_ts: '1.2' } };
  assert.deepEqual(await write(driver, 's1', document), { path: fileOf('s1'), changed: true });
  assert.match(await readFile(fileOf('s1'), 'utf8'), /^# .*\n# .*\nschema: 1\nsession: s1\nstate: active\ntitle: Add rate limiting\nslack:\n {2}channel: C1\n/);
  assert.equal((await write(driver, 's1', document)).changed, false);

  const first = await commit(driver, 's1');
  assert.deepEqual([first.commit, first.pushed], [shop.git(directory, 'rev-parse', 'HEAD'), false]);
  assert.equal((await commit(driver, 's1')).commit, null, 'nothing new');
  await commit(driver, 's1', 'session_ended', { ...document, state: 'finished' });
  assert.deepEqual(log(), ['opencode-slack|s1: session ended', 'opencode-slack|s1: session created']);
  assert.equal(shop.git(directory, 'status', '--porcelain'), '');
  assert.deepEqual(readAll(), [{ session: 's1', document: { schema: 1, session: 's1', ...document, state: 'finished' } }]);
});

test('milestones that wait for each other become one commit; writes do not wait for them', async () => {
  const driver = start();
  const sessions = Array.from({ length: 30 }, (_, i) => `s${i}`);
  const results = await Promise.all(sessions.map((session) => commit(driver, session, 'session_created', { title: session })));
  assert.ok(results.every((result) => result));
  const commits = log();
  assert.ok(commits.length < 15, `${commits.length} commits for 30 milestones`);
  assert.equal(shop.git(directory, 'ls-files').split('\n').length, 30);
});

test('what cannot be a state is refused by name', async () => {
  const driver = start();
  for (const [args, message] of [
    [{ session: '../x', document: {} }, /session must/],
    [{ session: '.git', document: {} }, /session must/],
    [{ session: 's1' }, /document must be an object/],
    [{ session: 's1', document: { slack: { channel: 5 } } }, /slack\.channel must be a string/],
    [{ session: 's1', document: { description: 'x'.repeat(300_000) } }, /too long/],
  ]) {
    const { outcome, value } = await driver.ask('state.write', args);
    assert.deepEqual([outcome, value.error], ['permfail', 'invalid']);
    assert.match(value.message, message);
  }
  assert.match((await driver.ask('state.commit', { session: 's1', milestone: 'lunch' })).value.message, /milestone/);
});

test('pushed when there is a remote; a new gateway begins with what is there', async () => {
  const remote = bare();
  const driver = start({ remote });
  assert.equal((await commit(driver, 's1', 'session_created', { title: 'one' })).pushed, true);
  assert.deepEqual(log(remote), ['opencode-slack|s1: session created']);
  await driver.stop();

  await rename(directory, `${directory}-lost`);
  const second = start({ remote });
  assert.equal((await commit(second, 's2', 'session_created', { title: 'two' })).pushed, true);
  assert.deepEqual(readAll().map(({ session, document }) => [session, document.title]), [['s1', 'one'], ['s2', 'two']]);
});

test('a remote that hangs or is away holds nothing up; the push is tried again until it succeeds', async () => {
  const sockets = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const remote = bare();
  shop.git(shop.dir, 'init', '-q', '--initial-branch=main', 'state');
  const driver = start({ remote: `git://127.0.0.1:${silent.address().port}/x` }, { network_timeout_ms: 1500 });
  const pending = commit(driver, 's1', 'session_created', { title: 'one' });
  await until('the commit to be there, while its push hangs', async () => existsSync(fileOf('s1')) && shop.git(directory, 'rev-list', '--all', '--count') === '1');
  assert.equal((await write(driver, 's2', { title: 'two' })).changed, true);
  const result = await pending;
  assert.deepEqual([result.pushed, result.push_error.error], [false, 'timeout']);

  shop.git(directory, 'remote', 'set-url', 'origin', remote);
  await until('the push to be tried again', () => shop.git(remote, 'rev-list', '--all', '--count') === '1');
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test('somebody else pushed: ours goes on top, who it was is said, and one file of two writers is kept twice', async () => {
  const remote = bare();
  const driver = start({ remote });
  await commit(driver, 's1', 'session_created', { title: 'one' });
  await commit(driver, 's2', 'session_created', { title: 'two' });
  const other = join(shop.dir, 'other');
  shop.git(shop.dir, 'clone', '-q', remote, 'other');
  const theirs = async (file, text, message) => {
    await shop.write(join(other, file), text);
    shop.commit(other, message);
    shop.git(other, 'push', '-q');
  };

  await theirs('README.md', 'States.\n', 'a readme');
  await write(driver, 's2', { title: 'two', state: 'waiting' }); // not committed when theirs arrives
  let { pushed, conflict } = await commit(driver, 's1', 'question_answered', { title: 'one and a half' });
  assert.equal(pushed, true);
  assert.deepEqual([conflict.authors.map(({ name, subject }) => [name, subject]), conflict.files], [[['Tester', 'a readme']], []]);
  assert.match(conflict.message, /Tester pushed/);
  assert.equal(await readFile(join(directory, 'README.md'), 'utf8'), 'States.\n');
  assert.deepEqual(log(remote).slice(0, 2), ['opencode-slack|s1: question answered', 'Tester|a readme'], 'a straight line');
  assert.match(await readFile(fileOf('s2'), 'utf8'), /waiting/);

  shop.git(other, 'pull', '-q');
  await theirs('s1/.session-state.yaml', 'schema: 1\ntitle: by hand\n', 'an edit');
  ({ pushed, conflict } = await commit(driver, 's1', 'session_ended', { title: 'the end' }));
  assert.equal(pushed, true);
  assert.equal(conflict.files.length, 1);
  const kept = conflict.files[0].kept_as;
  assert.match(kept, /^s1\/\.session-state\.conflict-\d{8}T\d{6}Z\.yaml$/);
  assert.match(await readFile(join(directory, kept), 'utf8'), /by hand/);
  assert.match(await readFile(fileOf('s1'), 'utf8'), /the end/);
  assert.match(shop.git(remote, 'show', `main:${kept}`), /by hand/);
  assert.match(shop.git(remote, 'show', 'main:s1/.session-state.yaml'), /the end/);
  assert.equal((await commit(driver, 's2', 'session_ended')).conflict, undefined);
  assert.match(shop.git(remote, 'show', 'main:s2/.session-state.yaml'), /waiting/);
  assert.equal(shop.git(directory, 'status', '--porcelain'), '');
  assert.deepEqual(readAll().map(({ session }) => session), ['s1', 's2']);
});

test('locks that a crash or a person left, and what a person has staged, change nothing', async () => {
  const driver = start();
  await commit(driver, 's1', 'session_created', { title: 'one' });
  for (const name of ['index.lock', 'opencode-slack.index.lock']) await writeFile(join(directory, '.git', name), '');
  await writeFile(join(directory, 'notes.txt'), 'of a person');
  const { commit: made } = await commit(driver, 's1', 'session_ended', { title: 'two' });
  assert.ok(made);
  assert.deepEqual(shop.git(directory, 'show', '--name-only', '--format=', made), 's1/.session-state.yaml');
});

test('a damaged file does not hide the others', async () => {
  const driver = start();
  await commit(driver, 's1', 'session_created', { title: 'one' });
  await shop.write(fileOf('s2'), 'schema: 1\n<<<<<<< HEAD\n');
  await shop.write(fileOf('s3'), 'schema: 9\n');
  await shop.write(join(directory, 's4/other.txt'), '');
  assert.deepEqual(readAll().map(({ session, error }) => [session, error]), [
    ['s1', undefined], ['s2', "line 3: could not find expected ':'"], ['s3', 'line 1: was written by a newer gateway'],
  ]);
});

test('killed at every point: the file is whole, and what was committed is there', async () => {
  for (const failpoint of ['workspace.file.before_rename:2', 'state.commit.before_ref:2', 'state.commit.after_ref:2']) {
    const dir = join(shop.dir, failpoint.replaceAll(/\W/g, '-'));
    const one = start({ directory: dir }, {}, { GATEWAY_FAILPOINT: failpoint });
    await commit(one, 's1', 'session_created', { title: 'one' });
    assert.equal((await one.ask('state.commit', { session: 's1', milestone: 'session_ended', document: { title: 'two' } })).outcome, 'died');
    const text = await readFile(join(dir, 's1/.session-state.yaml'), 'utf8');
    assert.match(text, /title: (one|two)\n$/);
    const again = start({ directory: dir });
    await commit(again, 's1', 'session_ended', { title: 'two' });
    assert.match(shop.git(dir, 'show', 'HEAD:s1/.session-state.yaml'), /title: two/);
    assert.deepEqual((await readdir(join(dir, '.git'))).filter((name) => name.endsWith('.lock') && name !== 'opencode-slack.lock'), []);
    assert.equal(shop.git(dir, 'rev-list', '--count', 'HEAD'), '2');
  }
});
