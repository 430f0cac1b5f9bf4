import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Child, until } from './child.mjs';

const env = { PATH: process.env.PATH };
const shell = (script) => new Child('/bin/sh', ['-c', script], { env });

/** A process that ended but was not waited for yet (a zombie) runs no more. */
const runs = (pid) => {
  const status = `/proc/${pid}/stat`;
  return existsSync(status) && !/^\d+ \(.*\) Z/.test(readFileSync(status, 'utf8'));
};
const gone = (pid) => until(`process ${pid} gone`, () => !runs(pid), 5000);

test('output is kept and can be waited for', async () => {
  const child = shell('echo one; echo two >&2; exit 3');
  assert.equal((await child.output(/^two$/m, 5000))[0], 'two');
  assert.equal((await child.exit).code, 3);
  assert.match(child.log(), /one/);
});

test('a program that ends early or does not exist is told with its output', async () => {
  await assert.rejects(shell('echo broken; exit 1').output(/ready/, 5000), /ended early:\n(.*\n)*broken/);
  const missing = new Child('/does/not/exist', [], { env });
  await assert.rejects(missing.output(/ready/, 5000), /ended early/);
  assert.deepEqual((await missing.stop()).signal, null);
});

test('waiting has an end', async () => {
  await assert.rejects(
    until('the impossible', () => false, 50),
    /timed out after 50 ms: the impossible/,
  );
  const child = shell('sleep 1000');
  await assert.rejects(child.output(/ready/, 50), /timed out/);
  await child.kill9();
});

test('stop is polite first, and takes the whole group along', async () => {
  const polite = shell('trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done');
  await polite.output(/ready/, 5000);
  assert.deepEqual(await polite.stop(), { code: 0, signal: null });
  assert.match(polite.log(), /bye/);

  const stubborn = shell('trap "" TERM; sleep 1000 & echo child $!; wait; wait');
  const pid = (await stubborn.output(/child (\d+)/, 5000))[1];
  assert.equal((await stubborn.stop(100)).signal, 'SIGKILL');
  assert.equal(stubborn.alive, false);
  await gone(pid);
  await stubborn.stop(); // again does nothing
});

test(
  'a test process that is killed leaves nothing behind',
  { skip: !existsSync('/usr/bin/setpriv') },
  async () => {
    const program = `
    import { Child } from ${JSON.stringify(new URL('child.mjs', import.meta.url).href)};
    const child = new Child('/bin/sh', ['-c', 'echo ready; exec sleep 1000'], { env: process.env });
    await child.output(/ready/, 5000);
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = await once(parent.stdout.setEncoding('utf8'), 'data');
    const pid = Number(text);
    assert.ok(runs(pid));
    parent.kill('SIGKILL');
    await gone(pid);
  },
);
