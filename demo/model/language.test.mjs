import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findScript, parseScript, ScriptError } from './language.mjs';

const only = (source) => {
  const turns = parseScript(source);
  assert.equal(turns.length, 1);
  assert.equal(turns[0].length, 1);
  return turns[0][0];
};
const argsOf = (source) => only(source).args;

test('one step is one turn', () => {
  assert.deepEqual(
    parseScript('say:a;;bash:ls -la | wc;;say:b').map(([action]) => action.tool ?? action.chunks[0]),
    ['a', 'bash', 'b'],
  );
});

test('words, with a pause between them', () => {
  assert.deepEqual(only('text:3:20'), { type: 'say', chunks: ['w0 ', 'w1 ', 'w2 '], ms: 20 });
});

test('text: escapes and exact Markdown', () => {
  assert.equal(only('say:a\\nb\\\\n').chunks[0], 'a\nb\\n');
  const markdown = '# Title\n\n```\na;;b\n```\n';
  assert.equal(only(`md:${Buffer.from(markdown).toString('base64')}`).chunks[0], markdown);
  assert.equal(only('say:a\\;;b').chunks[0], 'a;;b');
});

test('tools of OpenCode', () => {
  assert.deepEqual(argsOf('bash:echo a:b'), { command: 'echo a:b', description: 'echo a:b' });
  assert.deepEqual(argsOf('write:a/b.txt:one\\ntwo:2'), { filePath: 'a/b.txt', content: 'one\ntwo:2' });
  assert.deepEqual(argsOf('edit:a.js:x = 1=>x = 2'), {
    filePath: 'a.js',
    oldString: 'x = 1',
    newString: 'x = 2',
  });
  assert.deepEqual(argsOf('task:general:say:hi\\;;say:ho'), {
    description: 'say:hi;;say:ho',
    prompt: 'say:hi;;say:ho',
    subagent_type: 'general',
  });
  assert.deepEqual(only('tool:custom:{"a":[1]}'), { type: 'call', tool: 'custom', args: { a: [1] } });
});

test('to-do lists', () => {
  const states = (source) => argsOf(source).todos.map((t) => `${t.content}=${t.status}`);
  assert.deepEqual(states('todo:a|b'), ['a=in_progress', 'b=pending']);
  assert.deepEqual(states('todo:done:a|b'), ['a=completed', 'b=completed']);
  assert.deepEqual(states('todo:[x]a|[>]b|[ ]c'), ['a=completed', 'b=in_progress', 'c=pending']);
});

test('questions', () => {
  assert.equal(argsOf('question:1').questions.length, 1);
  assert.equal(argsOf('question:4').questions.length, 4);
  assert.equal(argsOf('question:multi').questions[0].multiple, true);
  assert.deepEqual(argsOf('question:text').questions[0].options, []);
  const own = { question: 'Which?', options: [{ label: 'A', description: 'a' }] };
  for (const form of [own, [own], { questions: [own] }]) {
    assert.deepEqual(argsOf(`question:${JSON.stringify(form)}`).questions, [{ header: 'Which?', ...own }]);
  }
});

test('several actions in one turn', () => {
  const [turn] = parseScript('parallel:["say:Look:","bash:ls",{"tool":"read","args":{"filePath":"x"}}]');
  assert.deepEqual(
    turn.map((a) => a.tool ?? a.type),
    ['say', 'bash', 'read'],
  );
});

test('what only delays or fails for a while belongs to the next turn', () => {
  const shape = (source) => parseScript(source).map((turn) => turn.map((a) => a.type).join('+'));
  assert.deepEqual(shape('gate:a;;wait:5;;say:x;;say:y'), ['gate+wait+say', 'say']);
  assert.deepEqual(shape('err:500:2;;say:x'), ['die+say']);
  assert.deepEqual(shape('drop;;say:x'), ['die+say']);
  assert.deepEqual(shape('err:500;;say:x'), ['die', 'say']);
  assert.deepEqual(shape('hang'), ['gate+say']);
  assert.deepEqual(shape('slow:2:10'), ['wait+say']);
  assert.deepEqual(shape(' say:a ;; ;; say:b'), ['say', 'say']);
});

for (const source of [
  'say:a;;nonsense:b',
  'say:a;;text:x',
  'say:a;;text:100001',
  'say:a;;wait:600001',
  'say:a;;write:only-path',
  'say:a;;edit:p:no arrow',
  'say:a;;question:{"no":"question"}',
  'say:a;;question:{',
  'say:a;;parallel:[]',
  'say:a;;parallel:[1]',
  'say:a;;tool:x:[',
  'say:a;;err:200',
  'say:a;;constructor:x',
]) {
  test(`a mistake is reported with its step: ${source}`, () => {
    assert.throws(
      () => parseScript(source),
      (error) => error instanceof ScriptError && error.message.startsWith('script step 2: '),
    );
  });
}

test('too many steps are refused', () => {
  assert.throws(() => parseScript('say:x;;'.repeat(1001)), ScriptError);
});

test('a script is found behind an attribution, and prose is not a script', () => {
  assert.equal(findScript('Ann in Slack:\nbash:ls;;say:done'), 'bash:ls;;say:done');
  assert.equal(findScript('write:a:one\ntwo'), 'write:a:one\ntwo');
  assert.equal(findScript('hang'), 'hang');
  assert.equal(findScript('drop;;say:x'), 'drop;;say:x');
  for (const prose of [
    'todo: fix the tests',
    'Please say: hello',
    'hang on a moment',
    'read the README',
    'drop it',
    '',
  ]) {
    assert.equal(findScript(prose), null, prose);
  }
});
