// The golden calls of corpus/web-api.json: {method, verb?, args?, answer, save?}. `answer` is what must be in the
// answer; {"$match": regex} and {"$saved": name} stand for what differs from run to run, `save` keeps something of an
// answer under a name. python/golden.py reads the same file.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const readCorpus = (name) => JSON.parse(readFileSync(new URL(`corpus/${name}`, import.meta.url), 'utf8'));

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);

function fill(value, saved) {
  if (Array.isArray(value)) return value.map((v) => fill(v, saved));
  if (!isObject(value)) return value;
  if ('$saved' in value) return saved[value.$saved];
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fill(v, saved)]));
}

/** That all of `expected` is in `actual`; lists must be as long. */
export function assertContains(actual, expected, where) {
  if (isObject(expected) && '$match' in expected) {
    assert.match(String(actual), new RegExp(expected.$match), where);
  } else if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) && actual.length === expected.length, `${where}: ${JSON.stringify(actual)} instead of ${expected.length} elements`);
    expected.forEach((e, i) => assertContains(actual[i], e, `${where}[${i}]`));
  } else if (isObject(expected)) {
    assert.ok(isObject(actual), `${where} is ${JSON.stringify(actual)}`);
    for (const [key, e] of Object.entries(expected)) assertContains(actual[key], e, `${where}.${key}`);
  } else {
    assert.deepEqual(actual, expected, where);
  }
}

/** Makes all calls by `call(method, args, verb)`, which gives the answer, and compares. */
export async function runGolden(calls, call) {
  const saved = {};
  for (const [i, { method, verb = 'POST', args = {}, answer, save = {} }] of calls.entries()) {
    const actual = await call(method, fill(args, saved), verb);
    assertContains(actual, fill(answer, saved), `#${i} ${method}`);
    for (const [name, path] of Object.entries(save)) saved[name] = path.split('.').reduce((v, key) => v[key], actual);
  }
}
