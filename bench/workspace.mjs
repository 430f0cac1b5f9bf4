// What workspaces and the state repository cost, on this machine: a workspace of three repositories of 50 MB each, ten small ones at
// once, looking at one and removing it; a session's state written while commits and pushes are under way.
//
//   node bench/workspace.mjs [--rounds N]

import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { startWorkshop } from '../tests/harness/workspace.mjs';
import { median } from './lib/figures.mjs';
import { programs } from './lib/subjects.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const ROUNDS = Number(values.rounds);
const FILES = 1000, FILE_BYTES = 50_000; // 50 MB, as a source tree with some assets: text that compresses, and some that does not
process.env.GATEWAY_BIN ??= programs.gateway;

const shop = await startWorkshop();
const ms = (value) => `${Math.round(value)} ms`;
const report = (what, ...figures) => console.log(`${what.padEnd(66)} ${figures.join('  ')}`);

async function bigRepository(name) {
  const at = join(shop.root, name);
  for (let i = 0; i < FILES; i++) {
    const dir = join(at, `src/${i % 40}`);
    if (i < 40) await mkdir(dir, { recursive: true });
    const noise = randomBytes(i % 10 === 0 ? FILE_BYTES : 600);
    await writeFile(join(dir, `file-${i}`), Buffer.concat([noise, Buffer.alloc(FILE_BYTES - noise.length, `line ${i}\n`)]));
  }
  shop.git(at, 'init', '-q');
  shop.git(at, 'add', '.');
  shop.git(at, 'commit', '-q', '-m', 'all');
  return at;
}

const percentile = (all, p) => all.sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor((all.length * p) / 100))];

try {
  const names = ['one', 'two', 'three'];
  const repositories = [];
  for (const name of names) repositories.push(await bigRepository(name));
  const driver = shop.driver({ state: { directory: join(shop.dir, 'state') } });
  await driver.done('workspace.catalog', { refresh: true });
  const wish = (slug, list) => ({ project: '0012', slug, repositories: list.map((name) => ({ name })) });
  const took = { create: [], inspect: [], remove: [], git: [] };
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    const { path } = await driver.done('workspace.create', wish('big', names));
    took.create.push(performance.now() - start);
    const look = performance.now();
    await driver.done('workspace.inspect', { path });
    took.inspect.push(performance.now() - look);
    const end = performance.now();
    await driver.done('workspace.remove', { path });
    took.remove.push(performance.now() - end);
    // The same by hand: git alone, one after the other.
    const byHand = performance.now();
    for (const [k, at] of repositories.entries()) execFileSync('git', ['-C', at, 'worktree', 'add', '-q', '-b', 'by-hand', join(shop.dir, `hand-${k}`)], { env: shop.env, stdio: 'ignore' });
    took.git.push(performance.now() - byHand);
    for (const [k, at] of repositories.entries()) {
      execFileSync('git', ['-C', at, 'worktree', 'remove', '--force', join(shop.dir, `hand-${k}`)], { env: shop.env });
      execFileSync('git', ['-C', at, 'branch', '-q', '-D', 'by-hand'], { env: shop.env });
    }
  }
  report(`workspace of 3 repositories of 50 MB, made (aim < 2 s)`, ms(median(took.create)), `worst ${ms(Math.max(...took.create))}`, `git worktree add by hand ${ms(median(took.git))}`);
  report('the same, looked at', ms(median(took.inspect)));
  report('the same, removed', ms(median(took.remove)));

  await shop.repository('small');
  const start = performance.now();
  await Promise.all(Array.from({ length: 10 }, (_, i) => driver.done('workspace.create', wish(`small-${i}`, ['small']))));
  report('10 small workspaces of one repository at once', ms(performance.now() - start));

  const writes = [], commits = [];
  const document = { title: 'Add rate limiting', state: 'active', slack: { channel: 'C1', thread_ts: '1.2' } };
  await driver.done('state.write', { session: 's0', document });
  const committing = (async () => {
    for (let i = 0; i < 20; i++) commits.push((await driver.ask('state.commit', { session: `s${i}`, milestone: 'question_answered', document: { ...document, n: i } })).ms);
  })();
  for (let i = 0; i < 300; i++) writes.push((await driver.ask('state.write', { session: `s${i % 50}`, document: { ...document, i } })).ms);
  await committing;
  report('a state written, while others are committed (aim < 5 ms)', ms(median(writes)), `p99 ${ms(percentile(writes, 99))}`);
  report('a milestone committed', ms(median(commits)));
} finally {
  await shop.close();
}
