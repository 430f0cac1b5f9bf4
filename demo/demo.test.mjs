// The demonstration itself, played through the real OpenCode: every answer a person can give, and the sample
// repository it works on.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { until } from '../tests/harness/child.mjs';
import { startModel } from '../tests/harness/model.mjs';
import { startOpenCode } from '../tests/harness/opencode.mjs';
import { prepareSample } from './prepare.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const git = (cwd, ...args) =>
  execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

let scratch;
let model;
let opencode;
let events;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'demo-test-'));
  model = await startModel({ script: here('script.yaml'), wordMs: 0 });
  opencode = await startOpenCode({ modelUrl: model.url });
  events = await opencode.events();
});

after(async () => {
  await events?.close();
  await opencode?.stop();
  await model?.stop();
  if (scratch) await rm(scratch, { recursive: true, force: true });
});

/** Sends a prompt and answers what it asks; returns what the agent said last, and all of its messages. */
async function converse(session, directory, prompt, { answer, permission = { reply: 'once' } } = {}) {
  const mine = events.list.length;
  await opencode.prompt(session.id, prompt);
  const pending = (type) =>
    events.list
      .slice(mine)
      .find((e) => e.type === type && e.properties.sessionID === session.id && !e.handled);
  await until(
    `the end of: ${prompt}`,
    async () => {
      const question = pending('question.asked');
      const asked = pending('permission.asked');
      for (const event of [question, asked].filter(Boolean)) {
        event.handled = true;
        const [path, body] =
          event === question ? ['question', { answers: answer }] : ['permission', permission];
        await opencode.api('POST', `/${path}/${event.properties.id}/reply`, body, { directory });
      }
      return pending('session.idle');
    },
    60_000,
  );
  const messages = await opencode.idle(session.id, { directory });
  const text = messages
    .at(-1)
    .parts.filter((p) => p.type === 'text')
    .map((p) => p.text)
    .join('\n');
  return { text, messages };
}

let count = 0;
const newSample = () => prepareSample(join(scratch, `sample-${count++}`));
const testsPass = (directory) => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // or the inner run would report to the outer one
  return spawnSync(process.execPath, ['--test'], { cwd: directory, env }).status === 0;
};

test('the sample is a repository with a past and one failing test, the same everywhere', () => {
  const one = newSample();
  assert.deepEqual(git(one, 'log', '--format=%an <%ae> %s').split('\n'), [
    'Sample <sample@example.com> Test: a title of emoji gives an empty slug',
    'Sample <sample@example.com> Slugs from titles',
  ]);
  assert.equal(git(one, 'status', '--porcelain'), '');
  assert.equal(git(one, 'rev-parse', 'HEAD'), git(newSample(), 'rev-parse', 'HEAD'));
  assert.equal(testsPass(one), false);
  git(one, 'checkout', '--quiet', 'HEAD~1');
  assert.equal(testsPass(one), true);
});

test('preparing again changes nothing, and other directories are not touched', () => {
  const directory = newSample();
  appendFileSync(join(directory, 'README.md'), 'mine\n');
  git(directory, 'commit', '--quiet', '--all', '--message', 'Mine');
  const head = git(directory, 'rev-parse', 'HEAD');
  const run = (into) =>
    spawnSync(process.execPath, [here('prepare.mjs'), '--into', into], { encoding: 'utf8' });
  assert.equal(run(directory).status, 0);
  assert.equal(git(directory, 'rev-parse', 'HEAD'), head);

  const other = join(scratch, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'file'), 'precious');
  const refused = run(other);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^prepare: .* is not empty/);
  assert.deepEqual(readdirSync(other), ['file']);
  assert.deepEqual(
    readdirSync(scratch).filter((name) => name.includes('.new-')),
    [],
  );
  assert.equal(run('').status, 1);
});

// Each test has a session and a repository of its own, so several can be under way.
describe('played', { concurrency: 4 }, () => {
  for (const [answer, code, said] of [
    ['Fall back to untitled (Recommended)', "'untitled' : slug", /becomes `untitled`, as you decided/],
    ['Throw an error', 'throw new RangeError', /refused with a `RangeError`, as you decided/],
    ['Make it an option', "fallback = 'untitled'", /option `fallback`, as you decided/],
    ['misc', "'misc' : slug", /becomes `misc`, your own word/],
    ['whatever you think is best', "'untitled' : slug", /\*\*Assumed:\*\*/],
  ]) {
    test(`from question to report: ${answer}`, async () => {
      const directory = newSample();
      const session = await opencode.session(directory, { title: undefined });
      const { text, messages } = await converse(
        session,
        directory,
        'Emoji titles break our blog, can you look?',
        { answer: [[answer]] },
      );
      assert.match(text, /^## Done: titles without letters get a slug\n/);
      assert.match(text, said);
      assert.match(text, /```diff\n[^]*\n```/);
      assert.match(text, /\| Tests passed \| [78] \|\n\| Tests failed \| 0 \|/);
      assert.ok(readFileSync(join(directory, 'src/slug.js'), 'utf8').includes(code));
      assert.ok(testsPass(directory));
      assert.deepEqual(git(directory, 'diff', '--name-only').split('\n'), [
        'README.md',
        'src/slug.js',
        'test/empty.test.js',
      ]);
      const states = messages
        .flatMap((m) => m.parts)
        .filter((p) => p.type === 'tool')
        .map((p) => p.state.status);
      assert.ok(
        states.every((state) => state === 'completed'),
        states.join(),
      );
      const todos = await opencode.api('GET', `/session/${session.id}/todo`);
      assert.ok(todos.length === 4 && todos.every((t) => t.status === 'completed'));
      await events.wait(
        'session.updated',
        (p) => p.info.id === session.id && p.info.title === 'Slugs for titles without letters',
      );
    });
  }

  test('the diff in the report is the diff of the code', async () => {
    const directory = newSample();
    const session = await opencode.session(directory);
    const { text } = await converse(session, directory, 'fix it', { answer: [['Throw an error']] });
    const changed = (diff) => diff.split('\n').filter((line) => /^[-+](?![-+])/.test(line));
    const reported = /```diff\n([^]*?)```/.exec(text)[1];
    assert.deepEqual(changed(reported), changed(git(directory, 'diff', 'src/slug.js')));
  });

  test('denied with a reason: said so, and followed up when asked', async () => {
    const directory = newSample();
    const session = await opencode.session(directory);
    const { text } = await converse(session, directory, 'fix the slug test', {
      answer: [[]],
      permission: { reply: 'reject', message: 'not on this machine' },
    });
    assert.match(text, /^## Changed, not tested\n\nYou did not let me run the tests: “not on this machine”/);
    assert.match(text, /\| Tests passed \| not run \|/);
    assert.equal((await converse(session, directory, 'ok, run the tests')).text.trim(), 'All 8 tests pass.');
  });

  test('denied without a reason ends the turn; the next prompt is answered sensibly', async () => {
    const directory = newSample();
    const session = await opencode.session(directory);
    await converse(session, directory, 'fix the slug test', {
      answer: [['misc']],
      permission: { reply: 'reject' },
    });
    const say = async (prompt, options) => (await converse(session, directory, prompt, options)).text.trim();
    assert.match(await say('show me what changed'), /^3 files changed/);
    assert.equal(await say('try again'), 'All 8 tests pass.');
    assert.match(
      await say('commit it', { permission: { reply: 'reject', message: 'later' } }),
      /^Not committed, as you wish: “later”/,
    );
    assert.match(await say('now commit it'), /^Committed as `[0-9a-f]+` on `main`/);
    assert.equal(git(directory, 'log', '-1', '--format=%an %s'), 'Sample Give titles without letters a slug');
    assert.match(await say('commit it'), /^There is nothing left to commit/);
    assert.match(await say('Thanks!'), /^You are welcome/);
    assert.match(await say('What is for lunch?'), /at the end of what I know/);
  });

  test('in a workspace the repository is found one level below, a second time without harm', async () => {
    const workspace = join(scratch, 'workspace');
    mkdirSync(workspace);
    const directory = prepareSample(join(workspace, 'tidy-slug'));
    for (const heading of [/^## Done/, /^## Done/]) {
      const session = await opencode.session(workspace);
      const { text } = await converse(session, workspace, 'fix the slug test', {
        answer: [['Fall back to untitled (Recommended)']],
      });
      assert.match(text, heading);
      assert.ok(testsPass(directory));
    }
  });

  test('elsewhere it says that it knows only the sample; a greeting is answered', async () => {
    const directory = join(scratch, 'elsewhere');
    mkdirSync(directory);
    const lost = await opencode.session(directory);
    assert.match(
      (await converse(lost, directory, 'fix the slug test')).text,
      /^There is no `src\/slug.js` in this directory/,
    );
    const greeting = await opencode.session(directory);
    assert.match((await converse(greeting, directory, 'Hello!')).text, /^Hello\. I am a scripted model/);
    assert.match((await converse(greeting, directory, 'ok')).text, /needs a session of its own/);
  });
});
