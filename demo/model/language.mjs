// The mini language: a script written in the prompt itself.
//
// A tester types `bash:npm test;;say:done` into Slack and knows exactly what "the model" will do. Steps are
// separated by `;;` (written `\;;` where it is meant literally) and each is one LLM turn, because that is the
// unit OpenCode counts in. Steps that say nothing by themselves (gate, hang, wait, a failure that is over
// after some attempts) belong to the turn of the step behind them.
//
// A step is recognised only as `name:` directly followed by its argument, so that ordinary prose ("todo: fix
// the tests") is never taken for a script.
//
//   text:N:MS            N words w0 w1 …, MS milliseconds before each
//   say:TEXT             TEXT at once; \n, \t and \\ are understood
//   md:BASE64            Markdown, exactly as encoded
//   reason:N             N words of reasoning, then a short answer
//   bash:CMD             bash
//   read:PATH            read
//   write:PATH:CONTENT   write
//   edit:PATH:OLD=>NEW   edit
//   todo:A|B|C           to-do list, the first item in progress; or [x] [>] [ ] in front of items
//   todo:done:A|B        to-do list with everything completed
//   question:1|4|multi|text|JSON   the question tool; JSON is a question, a list of them or {"questions":[…]}
//   task:AGENT:PROMPT    subagent; PROMPT may be a script again
//   tool:NAME:JSON       any tool
//   parallel:[STEP,…]    a JSON list of steps (strings) or {"tool","args"} in one turn
//   err:STATUS[:TIMES]   HTTP error; for ever, or TIMES attempts and then on with the next step
//   drop[:TIMES]         some words, then the connection is cut; once unless told otherwise
//   garbage[:TIMES]      a broken event stream; for ever unless told otherwise
//   slow:N:MS            response headers only after MS milliseconds, then N words
//   wait:MS              a pause before the next step
//   gate:NAME            waits for POST /_control/release {"name":NAME}
//   hang                 the same as gate:hang

import { Buffer } from 'node:buffer';

export const LIMITS = { words: 100_000, pauseMs: 600_000, steps: 1000, times: 1000 };

/** A mistake in a script; `message` is meant for the person who wrote it. */
export class ScriptError extends Error {}

/** Does this action make an answer, rather than delay one? */
const produces = (action) => ['say', 'reason', 'call', 'die'].includes(action.type);

const say = (text) => ({ type: 'say', chunks: [text], ms: 0 });
const call = (tool, args) => ({ type: 'call', tool, args });

const words = (n, prefix = 'w') => Array.from({ length: n }, (_, i) => `${prefix}${i} `);

const integer = (text, name, max) => {
  if (!/^\d+$/.test(text ?? '') || Number(text) > max)
    throw new ScriptError(`${name} must be a number up to ${max}`);
  return Number(text);
};

const json = (text, name) => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ScriptError(`${name} is not JSON (${error.message})`);
  }
};

/** Splits at the first occurrence, complaining when there is none. */
const cut = (text, separator, usage) => {
  const at = text.indexOf(separator);
  if (at < 1) throw new ScriptError(`expected ${usage}`);
  return [text.slice(0, at), text.slice(at + separator.length)];
};

const ESCAPES = { n: '\n', t: '\t', '\\': '\\' };
const unescape = (text) => text.replace(/\\([nt\\])/g, (_, c) => ESCAPES[c]);

const YES_NO = [
  { label: 'Yes', description: 'say yes' },
  { label: 'No', description: 'say no' },
];

const numbered = (i) => ({ question: `Question number ${i}?`, header: `Q${i}`, options: YES_NO });

const CANNED_QUESTIONS = {
  1: () => [numbered(1)],
  4: () => [1, 2, 3, 4].map(numbered),
  multi: () => [
    {
      question: 'Which of these?',
      header: 'Pick',
      multiple: true,
      options: ['Red', 'Green', 'Blue'].map((label) => ({
        label,
        description: `the colour ${label.toLowerCase()}`,
      })),
    },
  ],
  // OpenCode offers "Type your own answer" with every question; without options nothing else is left.
  text: () => [{ question: 'In your own words?', header: 'Text', options: [] }],
};

function question(argument) {
  if (CANNED_QUESTIONS[argument]) return call('question', { questions: CANNED_QUESTIONS[argument]() });
  const value = json(argument, 'the question');
  const questions = Array.isArray(value) ? value : (value?.questions ?? [value]);
  if (!Array.isArray(questions) || !questions.every((q) => typeof q?.question === 'string')) {
    throw new ScriptError('a question needs at least {"question": "…"}');
  }
  return call('question', {
    questions: questions.map((q) => ({ header: q.question.slice(0, 30), options: [], ...q })),
  });
}

const TODO_MARKS = { x: 'completed', '>': 'in_progress', ' ': 'pending' };

function todo(argument) {
  const done = argument.startsWith('done:');
  const todos = (done ? argument.slice(5) : argument).split('|').map((item, i) => {
    const mark = /^\[([x> ])\]\s*(.*)$/s.exec(item);
    const status = mark ? TODO_MARKS[mark[1]] : done ? 'completed' : i === 0 ? 'in_progress' : 'pending';
    return { content: mark ? mark[2] : item, status, priority: 'medium' };
  });
  return call('todowrite', { todos });
}

function parallel(argument) {
  const list = json(argument, 'parallel');
  if (!Array.isArray(list) || list.length === 0) throw new ScriptError('parallel expects a list of steps');
  return list.flatMap((item) => {
    if (typeof item === 'string') return parseStep(item);
    if (typeof item?.tool === 'string') return [call(item.tool, item.args ?? {})];
    throw new ScriptError('parallel expects steps as strings or {"tool": "…", "args": {…}}');
  });
}

const times = (argument, byDefault) =>
  argument === '' ? byDefault : integer(argument, 'TIMES', LIMITS.times);

/** name → argument → action or actions. `null` as the argument means there was no colon. */
const STEPS = {
  text: (a) => {
    const [n, ms = '0'] = a.split(':');
    return {
      type: 'say',
      chunks: words(integer(n, 'N', LIMITS.words)),
      ms: integer(ms, 'MS', LIMITS.pauseMs),
    };
  },
  say: (a) => say(unescape(a)),
  md: (a) => say(Buffer.from(a, 'base64').toString('utf8')),
  reason: (a) => [
    { type: 'reason', chunks: words(integer(a, 'N', LIMITS.words), 'r'), ms: 0 },
    say('I have thought about it.'),
  ],
  bash: (a) => call('bash', { command: a, description: a.split('\n')[0].slice(0, 60) }),
  read: (a) => call('read', { filePath: a }),
  write: (a) => {
    const [filePath, content] = cut(a, ':', 'write:PATH:CONTENT');
    return call('write', { filePath, content: unescape(content) });
  },
  edit: (a) => {
    const [filePath, change] = cut(a, ':', 'edit:PATH:OLD=>NEW');
    const [oldString, newString] = cut(change, '=>', 'edit:PATH:OLD=>NEW');
    return call('edit', { filePath, oldString: unescape(oldString), newString: unescape(newString) });
  },
  todo,
  question,
  task: (a) => {
    const [agent, prompt] = cut(a, ':', 'task:AGENT:PROMPT');
    return call('task', {
      description: prompt.slice(0, 40),
      prompt: prompt.replaceAll('\\;;', ';;'),
      subagent_type: agent,
    });
  },
  tool: (a) => {
    const [name, args] = cut(a, ':', 'tool:NAME:JSON');
    return call(name, json(args, 'the arguments'));
  },
  parallel,
  err: (a) => {
    const [status, n] = a.split(':');
    const code = integer(status, 'STATUS', 599);
    if (code < 400) throw new ScriptError('STATUS must be from 400 to 599');
    return { type: 'die', how: 'status', status: code, times: times(n ?? '', Infinity) };
  },
  drop: (a) => ({ type: 'die', how: 'drop', times: times(a ?? '', 1) }),
  garbage: (a) => ({ type: 'die', how: 'garbage', times: times(a ?? '', Infinity) }),
  slow: (a) => {
    const [n, ms = '0'] = a.split(':');
    return [
      { type: 'wait', ms: integer(ms, 'MS', LIMITS.pauseMs) },
      { type: 'say', chunks: words(integer(n, 'N', LIMITS.words)), ms: 0 },
    ];
  },
  wait: (a) => ({ type: 'wait', ms: integer(a, 'MS', LIMITS.pauseMs) }),
  gate: (a) => ({ type: 'gate', name: a }),
  hang: () => ({ type: 'gate', name: 'hang' }),
};

const BARE = ['drop', 'hang', 'garbage'];
const STEP_START = new RegExp(
  `^(?:(?:${Object.keys(STEPS).join('|')}):(?=\\S)|(?:${BARE.join('|')})\\s*(?:;;|$))`,
);

/** One step → its actions. Throws ScriptError. */
export function parseStep(source) {
  const match = /^([a-z]+)(?::(.*))?$/s.exec(source);
  const name = match?.[1];
  if (!name || !Object.hasOwn(STEPS, name) || (match[2] === undefined && !BARE.includes(name))) {
    throw new ScriptError(`not a step: ${JSON.stringify(source.slice(0, 60))}`);
  }
  const actions = STEPS[name](match[2] ?? '');
  return Array.isArray(actions) ? actions : [actions];
}

/** Does this turn end in an answer, whatever happens before? */
export const isComplete = (actions) =>
  actions.some((a) => produces(a) && !(a.type === 'die' && Number.isFinite(a.times)));

/**
 * A whole script → turns, each a list of actions. Throws ScriptError naming the step.
 * A failure that ends after some attempts leaves its turn to the steps behind it.
 */
export function parseScript(source) {
  const steps = source.split(/(?<!\\);;/).map((s) => s.trim().replaceAll('\\;;', ';;'));
  if (steps.length > LIMITS.steps) throw new ScriptError(`more than ${LIMITS.steps} steps`);
  const turns = [];
  let open = [];
  steps.forEach((step, i) => {
    if (step === '') return;
    try {
      open.push(...parseStep(step));
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      throw new ScriptError(`script step ${i + 1}: ${error.message}`);
    }
    if (isComplete(open)) {
      turns.push(open);
      open = [];
    }
  });
  if (open.length > 0) turns.push([...open, say('Going on.')]);
  return turns;
}

/**
 * The script inside a prompt, or null. It starts at the first line that begins with a step and reaches to the
 * end of that text, so a line of attribution above it does no harm.
 */
export function findScript(text) {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => STEP_START.test(line.trimStart()));
  return at < 0 ? null : lines.slice(at).join('\n').trim();
}
