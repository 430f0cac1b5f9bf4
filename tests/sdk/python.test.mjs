// The checks that are written in Python (python/test_*.py, on unittest), each counted as a test of its own. Where the
// Python SDKs cannot be had, one skipped test says why.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from '../harness/child.mjs';
import { PYTHON_ENV, findPython } from './python.mjs';

const DIR = fileURLToPath(new URL('python', import.meta.url));
const BINARY = process.env.LOCALSLACK_BIN ?? fileURLToPath(new URL('../../build/localslack/localslack', import.meta.url));
const TIMEOUT_MS = 120_000;

/** Runs the tests of one class: {code, results: name → {ok, skipped, error}, log}. */
async function runClass(python, name) {
  const child = new Child(python, ['run.py', name], { cwd: DIR, env: { ...PYTHON_ENV, LOCALSLACK_BIN: BINARY } });
  const timer = setTimeout(() => child.kill9(), TIMEOUT_MS);
  const { code } = await child.exit;
  clearTimeout(timer);
  const results = new Map();
  for (const [, json] of child.log().matchAll(/^@result (.*)$/gm)) {
    const result = JSON.parse(json);
    results.set(result.test, result);
  }
  return { code, results, log: child.log() };
}

const { python, note } = findPython();
if (note) {
  console.log(note);
  test('the Python SDKs', { skip: note });
} else {
  const classes = JSON.parse(execFileSync(python, ['run.py', '--list'], { cwd: DIR, env: PYTHON_ENV, encoding: 'utf8' }));
  describe('the Python SDKs', { concurrency: 4 }, () => {
    for (const [name, tests] of Object.entries(classes)) {
      describe(name, () => {
        let ran;
        before(async () => {
          ran = await runClass(python, name);
        });
        // What no test is to blame for: a localslack that ended badly, an import that failed.
        after(() => assert.ok(ran.code === 0 || tests.some((test) => !ran.results.get(test)?.ok), ran.log.slice(-3000)));
        for (const one of tests) {
          test(`python ${one}`, (t) => {
            const result = ran.results.get(one);
            assert.ok(result, `it did not come to an end; the last lines:\n${ran.log.slice(-3000)}`);
            if (result.skipped) t.skip(result.skipped);
            else assert.ok(result.ok, result.error);
          });
        }
      });
    }
  });
}
