import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseYaml, YamlError } from './yaml.mjs';

test('mappings, sequences and scalars', () => {
  const text = `
# a comment
name: plain text   # and another
"quoted key": "a # b\\n"
single: 'it''s: fine'
number: -1.5
yes: true
nothing:
list:
- a
-   b: 1
    c: 2
-
  - nested
flow: { "a": [1, 2] }
deep:
  deeper:
    - x
`;
  assert.deepEqual(parseYaml(text), {
    name: 'plain text',
    'quoted key': 'a # b\n',
    single: "it's: fine",
    number: -1.5,
    yes: true,
    nothing: null,
    list: ['a', { b: 1, c: 2 }, ['nested']],
    flow: { a: [1, 2] },
    deep: { deeper: ['x'] },
  });
});

test('literal blocks keep their lines', () => {
  assert.deepEqual(parseYaml('a: |\n  one\n    two\n\n  # not a comment\n\nb: |-\n  x: y\n'), {
    a: 'one\n  two\n\n# not a comment\n',
    b: 'x: y',
  });
  assert.deepEqual(parseYaml('- |\n\n  text\n- |\n'), ['\ntext\n', '']);
});

test('empty input is null', () => {
  assert.equal(parseYaml(''), null);
  assert.equal(parseYaml('# only a comment\n'), null);
});

for (const [what, text, line] of [
  ['anchors', 'a: &x 1', 1],
  ['aliases', 'a: 1\nb: *x', 2],
  ['tags', 'a: !!str 1', 1],
  ['folded blocks', 'a: >\n  b', 1],
  ['sequences on the line of another', '- - y', 1],
  ['tabs', 'a:\n\tb: 1', 2],
  ['several documents', 'a: 1\n---\nb: 2', 2],
  ['duplicate keys', 'a: 1\na: 2', 2],
  ['wrong indentation', 'a: 1\n   b: 2', 2],
  ['text that could be a mapping', 'a: b: c', 1],
  ['flow that is not JSON', 'a: [x, y]', 1],
  ['an unterminated quote', "a: 'b", 1],
  ['a key named __proto__', '__proto__: 1', 1],
]) {
  test(`refused, with the line: ${what}`, () => {
    assert.throws(
      () => parseYaml(text),
      (error) => error instanceof YamlError && error.line === line,
    );
  });
}
