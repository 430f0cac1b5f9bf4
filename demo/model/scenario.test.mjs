import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planTurn } from './conversation.mjs';
import { ScriptError } from './language.mjs';
import { compileScript, loadScript } from './scenario.mjs';

const user = (content) => ({ role: 'user', content });
const assistant = (content) => ({ role: 'assistant', content });
let calls = 0;
/** A tool round: the model's call and what the tool answered. */
const round = (tool, output) => {
  const id = `call_${calls++}`;
  return [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: tool, arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: id, content: output },
  ];
};
const TOOLS = [{ type: 'function', function: { name: 'bash' } }];
const plan = (messages, scenarios = [], wasAborted) =>
  planTurn({ model: 'demo', messages, tools: TOOLS }, scenarios, wasAborted);
const textOf = (turn) =>
  turn.actions
    .filter((a) => a.type === 'say')
    .flatMap((a) => a.chunks)
    .join('');

const SCENARIOS = compileScript({
  version: 1,
  scenarios: [
    {
      name: 'colour',
      match: 'colou?r',
      title: 'A colour',
      captures: { file: { tool: 'glob', output: '/^(\\S+)$/m', default: 'nowhere' } },
      steps: [
        'question:1',
        {
          choose: [
            { when: { tool: 'question', output: '="(red|green)"' }, say: 'You chose {{1}}.' },
            { when: { prompt: 'hurry' }, say: 'No answer, and you were in a hurry.' },
            {
              when: { tool: 'question' },
              calls: [{ tool: 'write', args: { filePath: '{{file}}', lines: ['{{prompt}}', '{{other}}'] } }],
            },
            { say: 'Nobody was asked.' },
          ],
        },
        {
          say: [
            'First. ',
            {
              choose: [
                { when: { tool: 'write', output: 'ok (\\d)' }, text: 'Wrote {{1}}.' },
                { text: 'Wrote nothing.' },
              ],
            },
          ],
        },
      ],
      followups: [{ match: 'thank', steps: [{ say: 'You are welcome.' }] }],
    },
    { name: 'other', match: '/Exactly This/', steps: [{ say: 'Matched with case.' }] },
  ],
});

test('a scenario is chosen by the first prompt, its step by the turns since', () => {
  const first = plan([user('Which color?')], SCENARIOS);
  assert.equal(first.scenario, 'colour');
  assert.equal(first.actions[0].tool, 'question');
  assert.equal(
    textOf(plan([user('color'), ...round('question', '"Q"="green"')], SCENARIOS)),
    'You chose green.',
  );
  assert.equal(plan([user('Exactly This')], SCENARIOS).scenario, 'other');
  assert.equal(plan([user('exactly this')], SCENARIOS).scenario, 'echo');
});

test('choices look at the prompt and at tool results, texts and arguments are filled', () => {
  const unknown = round('question', '"Q"="blue"');
  assert.equal(
    textOf(plan([user('color, hurry'), ...unknown], SCENARIOS)),
    'No answer, and you were in a hurry.',
  );
  const write = plan([user('color'), ...unknown], SCENARIOS).actions[0];
  assert.deepEqual(write.args, { filePath: 'nowhere', lines: ['color', '{{other}}'] });
  const third = [user('color'), ...round('glob', 'a b\n/x/y'), ...round('write', 'ok 7')];
  assert.equal(textOf(plan(third, SCENARIOS)), 'First. Wrote 7.');
  assert.equal(textOf(plan([user('color'), assistant('x')], SCENARIOS)), 'Nobody was asked.');
});

test('captures look at the whole conversation', () => {
  const messages = [user('color'), ...round('glob', '/x/y'), ...round('question', '?')];
  messages.splice(1, 2); // the call without its result is as good as none
  assert.equal(plan(messages, SCENARIOS).actions[0].args.filePath, 'nowhere');
});

test('later prompts get a follow-up, or the echo', () => {
  const before = [user('color'), assistant('a'), assistant('b'), assistant('c')];
  assert.equal(textOf(plan([...before, user('Thank you')], SCENARIOS)), 'You are welcome.');
  assert.match(textOf(plan([...before, user('Something else')], SCENARIOS)), /heard: “Something else”/);
  assert.equal(textOf(plan([...before, user('Thanks, bye'), ...round('bash', 'x')], SCENARIOS)), 'Done.');
});

test('a prompt in the middle of the work does not stop it; after a stop it does', () => {
  const running = [user('color'), ...round('question', '"Q"="red"'), user('please be quick')];
  assert.equal(textOf(plan(running, SCENARIOS)), 'You chose red.');
  assert.match(textOf(plan(running, SCENARIOS, (at) => at === 0)), /heard: “please be quick”/);
  for (const ended of [
    'The user rejected permission to use this specific tool call.',
    'The user dismissed this question',
    'Tool execution aborted',
  ]) {
    assert.equal(
      textOf(plan([user('color'), ...round('question', ended), user('thanks')], SCENARIOS)),
      'You are welcome.',
      ended,
    );
  }
});

test('a script in the prompt, counted from that prompt', () => {
  const messages = [
    user('hello'),
    assistant('hi'),
    user([
      { type: 'text', text: 'Ann in Slack:' },
      { type: 'text', text: 'bash:ls;;say:done' },
    ]),
  ];
  assert.equal(plan(messages, SCENARIOS).actions[0].args.command, 'ls');
  const next = plan([...messages, ...round('bash', 'x')], SCENARIOS);
  assert.equal(textOf(next), 'done');
  assert.equal(next.step, 1);
  assert.equal(textOf(plan([...messages, ...round('bash', 'x'), ...round('bash', 'x')])), 'Done.');
});

test('the last script counts, and an old mistake does not matter', () => {
  const messages = [
    user('say:one'),
    assistant('one'),
    user('text:nonsense'),
    assistant('x'),
    user('say:two'),
  ];
  assert.equal(textOf(plan(messages)), 'two');
  assert.throws(() => plan(messages.slice(0, 3)), ScriptError);
  assert.match(textOf(plan([...messages, assistant('two'), user('plain')])), /heard: “plain”/);
});

test('reminders added by OpenCode are not part of the prompt', () => {
  const content = [
    { type: 'text', text: '<system-reminder>\nsay:no\n</system-reminder>' },
    { type: 'text', text: 'say:yes' },
  ];
  assert.equal(textOf(plan([user(content)])), 'yes');
});

test('titles and summaries are told from prompts by their lack of tools', () => {
  const call = (system, prompt) =>
    planTurn(
      {
        messages: [
          { role: 'system', content: system },
          user('Generate a title for this conversation:\n'),
          user(prompt),
        ],
      },
      SCENARIOS,
    );
  assert.equal(textOf(call('You are a title generator.', 'Paint it in a nice color')), 'A colour');
  assert.equal(textOf(call('You are a title generator.', 'bash:ls')), 'Script: bash:ls');
  const long = textOf(call('You are a title generator.', 'word '.repeat(50)));
  assert.ok(long.length <= 48 && long.endsWith('…'), long);
  assert.equal(
    call('You are a helpful AI assistant tasked with summarizing conversations.', 'bash:ls').kind,
    'summary',
  );
});

test('odd messages do no harm', () => {
  assert.match(textOf(plan([{ role: 'system', content: 'x' }])), /Nothing was asked/);
  for (const content of [undefined, null, 5, {}, [], [null, 1, { type: 'text' }, { type: 'image_url' }]]) {
    assert.equal(plan([user(content)]).scenario, 'echo');
  }
  plan(
    [
      user('hello'),
      { role: 'assistant', tool_calls: 'x' },
      { role: 'assistant', tool_calls: [null] },
      { role: 'tool' },
    ],
    SCENARIOS,
  );
});

test('mistakes in a script are found when it is loaded', () => {
  const scenario = (rest) => ({ version: 1, scenarios: [{ name: 'x', ...rest }] });
  for (const [document, message] of [
    [null, /expected a mapping/],
    [{ version: 2, scenarios: [] }, /version: expected 1/],
    [{ version: 1, scenarios: [], word_ms: -1 }, /word_ms/],
    [{ version: 1, scenarios: {} }, /expected a list/],
    [scenario({}), /scenarios\[0\]\.steps: expected a list/],
    [scenario({ steps: ['say:a'], typo: 1 }), /unknown key "typo"/],
    [scenario({ match: '(', steps: ['say:a'] }), /match: .*Unterminated/],
    [scenario({ steps: [{}] }), /must say, call or fail/],
    [scenario({ steps: ['gate:x'] }), /must say, call or fail/],
    [scenario({ steps: ['nonsense'] }), /steps\[0\]\.calls\[0\]: not a step/],
    [
      scenario({ steps: [{ choose: [{ when: { tool: 'a' }, say: 'x' }] }] }),
      /the last choice must have no "when"/,
    ],
    [scenario({ steps: [{ choose: [null] }] }), /expected a mapping/],
    [
      scenario({ steps: [{ choose: [{ when: { output: 'a' }, say: 'x' }, { say: 'y' }] }] }),
      /"output" needs "tool"/,
    ],
    [scenario({ steps: [{ choose: [{ say: 'x' }], say: 'y' }] }), /"choose" stands alone/],
    [scenario({ steps: [{ say: [1] }] }), /expected a mapping/],
    [scenario({ steps: ['say:a'], captures: { prompt: { tool: 'a', output: 'b' } } }), /cannot be the name/],
    [scenario({ steps: ['say:a'], followups: [{ steps: [] }] }), /followups\[0\]\.steps/],
  ]) {
    assert.throws(
      () => compileScript(document),
      (error) => error instanceof ScriptError && message.test(error.message),
      JSON.stringify(document),
    );
  }
});

test('the script of the demonstration loads', () => {
  const names = loadScript(new URL('../script.yaml', import.meta.url).pathname).map((s) => s.name);
  assert.deepEqual(names, ['introduction', 'slug']);
});
