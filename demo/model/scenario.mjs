// Script files: what the model says and does for prompts in free words.
//
//   version: 1
//   word_ms: 20                     # pace of `say` and `reason`, default 0
//   scenarios:
//     - name: slug
//       match: 'slug|emoji'         # regular expression over the first prompt; none: any prompt
//       title: Slugs without letters
//       captures:                   # things found out on the way, for {{name}}
//         root: {tool: glob, output: '(\S*)src/slug.js', default: ''}
//       steps: [ …one per LLM turn… ]
//       followups:                  # later prompts of the same session
//         - match: 'thank'
//           steps: […]
//
// A step is a string in the mini language, or a mapping of
//   wait_ms, gate, reason, say      # played in this order, then the calls
//   calls: [ "bash:npm test", {tool: question, args: {…}} ]
//   choose: [ {when: {…}, …step…}, …, {…step without when…} ]
// `say` and `reason` may be a list of texts and of {choose: [ {when: {…}, text: …}, …, {text: …} ]}, to be joined.
// `when` looks at what happened since the prompt: `tool` names a tool (its last result is taken), `output` is
// a regular expression over that result (without one, having called the tool is enough), `prompt` one over
// the prompt. Texts and the `args` of calls may contain {{prompt}}, {{1}}, {{2}}… (groups of the `output`
// expression that matched) and {{name}} of a capture (group 1 over the newest result of that tool in the
// whole conversation). Expressions ignore case and let . match line ends, unless written with flags of their
// own: /…/s.
//
// The whole file is compiled when it is loaded, so that a mistake stops the start and not the demonstration.

import { readFileSync } from 'node:fs';

import { isComplete, parseStep, ScriptError } from './language.mjs';
import { parseYaml } from './yaml.mjs';

const SCRIPT_KEYS = ['version', 'word_ms', 'scenarios'];
const SCENARIO_KEYS = ['name', 'match', 'title', 'captures', 'steps', 'followups'];
const CAPTURE_KEYS = ['tool', 'output', 'default'];
const FOLLOWUP_KEYS = ['match', 'steps'];
const STEP_KEYS = ['wait_ms', 'gate', 'reason', 'say', 'calls', 'choose'];
const WHEN_KEYS = ['tool', 'output', 'prompt'];

const fail = (where, message) => {
  throw new ScriptError(`${where}: ${message}`);
};

function checkKeys(object, allowed, where) {
  if (object === null || typeof object !== 'object' || Array.isArray(object))
    fail(where, 'expected a mapping');
  const unknown = Object.keys(object).find((key) => !allowed.includes(key));
  if (unknown) fail(where, `unknown key "${unknown}" (known: ${allowed.join(', ')})`);
}

function text(value, where) {
  if (typeof value !== 'string' || value === '') fail(where, 'expected text');
  return value;
}

function pattern(value, where) {
  // Flags g and y would make it remember where it stopped, and so match only now and then.
  const written = /^\/(.*)\/([dimsuv]*)$/s.exec(text(value, where));
  try {
    return written ? new RegExp(written[1], written[2]) : new RegExp(value, 'is');
  } catch (error) {
    if (error instanceof SyntaxError) fail(where, error.message);
    throw error;
  }
}

/**
 * Text → chunks of a word each, so that it streams as a model's answer does; in one piece when there is no
 * pace.
 */
const chunksOf = (string, ms) => (ms > 0 && string.match(/\s*\S+\s*/g)) || [string];

function compileCall(item, where) {
  if (typeof item === 'string') {
    try {
      return parseStep(item);
    } catch (error) {
      if (error instanceof ScriptError) fail(where, error.message);
      throw error;
    }
  }
  checkKeys(item, ['tool', 'args'], where);
  return [{ type: 'call', tool: text(item.tool, `${where}.tool`), args: item.args ?? {}, templated: true }];
}

function compileWhen(when, where) {
  checkKeys(when, WHEN_KEYS, where);
  if (when.output !== undefined && when.tool === undefined) fail(where, '"output" needs "tool"');
  return {
    tool: when.tool,
    output: when.output === undefined ? null : pattern(when.output, `${where}.output`),
    prompt: when.prompt === undefined ? null : pattern(when.prompt, `${where}.prompt`),
  };
}

function compileActions(step, where, wordMs) {
  const actions = [];
  if (step.wait_ms !== undefined) {
    if (!Number.isInteger(step.wait_ms) || step.wait_ms < 0)
      fail(`${where}.wait_ms`, 'expected milliseconds');
    actions.push({ type: 'wait', ms: step.wait_ms });
  }
  if (step.gate !== undefined) actions.push({ type: 'gate', name: text(step.gate, `${where}.gate`) });
  for (const key of ['reason', 'say']) {
    if (step[key] === undefined) continue;
    actions.push({ type: key, fragments: compileFragments(step[key], `${where}.${key}`), ms: wordMs });
  }
  if (step.calls !== undefined) {
    if (!Array.isArray(step.calls)) fail(`${where}.calls`, 'expected a list');
    actions.push(...step.calls.flatMap((item, i) => compileCall(item, `${where}.calls[${i}]`)));
  }
  if (!isComplete(actions)) fail(where, 'a step must say, call or fail');
  return actions;
}

/** The list under `choose`, compiled by `compile(rest, where)`; the last one must always hold. */
function compileChoices(list, where, compile) {
  if (!Array.isArray(list) || list.length === 0) fail(where, 'expected a list');
  const choices = list.map((item, i) => {
    if (item === null || typeof item !== 'object') fail(`${where}[${i}]`, 'expected a mapping');
    const { when, ...rest } = item;
    return {
      when: when === undefined ? null : compileWhen(when, `${where}[${i}].when`),
      ...compile(rest, `${where}[${i}]`),
    };
  });
  if (choices.at(-1).when !== null) fail(where, 'the last choice must have no "when"');
  return choices;
}

/** A text, or a list of texts and choices → a list of choices, of which each contributes one text. */
function compileFragments(value, where) {
  if (!Array.isArray(value)) return [[{ when: null, template: text(value, where) }]];
  return value.map((item, i) => {
    const at = `${where}[${i}]`;
    if (typeof item === 'string') return [{ when: null, template: item }];
    checkKeys(item, ['choose'], at);
    return compileChoices(item.choose, `${at}.choose`, (rest, inner) => {
      checkKeys(rest, ['text'], inner);
      if (typeof rest.text !== 'string') fail(inner, 'expected text');
      return { template: rest.text };
    });
  });
}

/** One step → its variants in order; the first whose `when` holds is played. */
function compileStep(step, where, wordMs) {
  if (typeof step === 'string')
    return [{ when: null, actions: compileActions({ calls: [step] }, where, wordMs) }];
  checkKeys(step, STEP_KEYS, where);
  if (step.choose === undefined) return [{ when: null, actions: compileActions(step, where, wordMs) }];
  if (Object.keys(step).length > 1) fail(where, '"choose" stands alone');
  return compileChoices(step.choose, `${where}.choose`, (rest, at) => {
    checkKeys(
      rest,
      STEP_KEYS.filter((key) => key !== 'choose'),
      at,
    );
    return { actions: compileActions(rest, at, wordMs) };
  });
}

function compileSteps(steps, where, wordMs) {
  if (!Array.isArray(steps) || steps.length === 0) fail(where, 'expected a list of steps');
  return steps.map((step, i) => compileStep(step, `${where}[${i}]`, wordMs));
}

function compileCapture([name, value], where) {
  if (!/^[a-z]\w*$/i.test(name) || name === 'prompt')
    fail(where, `"${name}" cannot be the name of a capture`);
  checkKeys(value, CAPTURE_KEYS, where);
  return {
    name,
    tool: text(value.tool, `${where}.tool`),
    output: pattern(value.output, `${where}.output`),
    byDefault: value.default ?? '',
  };
}

function compileFollowup(followup, where, wordMs) {
  checkKeys(followup, FOLLOWUP_KEYS, where);
  return {
    match: followup.match === undefined ? null : pattern(followup.match, `${where}.match`),
    steps: compileSteps(followup.steps, `${where}.steps`, wordMs),
  };
}

/**
 * Checks and compiles a script document; `pace` in milliseconds per word takes the place of its word_ms.
 * Throws ScriptError naming the place.
 */
export function compileScript(document, { pace } = {}) {
  checkKeys(document, SCRIPT_KEYS, 'script');
  if (document.version !== 1) fail('script.version', 'expected 1');
  const wordMs = pace ?? document.word_ms ?? 0;
  if (!Number.isInteger(wordMs) || wordMs < 0 || wordMs > 1000) fail('script.word_ms', 'expected 0 to 1000');
  if (!Array.isArray(document.scenarios)) fail('script.scenarios', 'expected a list');
  return document.scenarios.map((scenario, i) => {
    const where = `scenarios[${i}]`;
    checkKeys(scenario, SCENARIO_KEYS, where);
    return {
      name: text(scenario.name, `${where}.name`),
      title: scenario.title === undefined ? null : text(scenario.title, `${where}.title`),
      match: scenario.match === undefined ? null : pattern(scenario.match, `${where}.match`),
      captures: Object.entries(scenario.captures ?? {}).map((entry) =>
        compileCapture(entry, `${where}.captures.${entry[0]}`),
      ),
      steps: compileSteps(scenario.steps, `${where}.steps`, wordMs),
      followups: (scenario.followups ?? []).map((f, k) =>
        compileFollowup(f, `${where}.followups[${k}]`, wordMs),
      ),
    };
  });
}

/**
 * Reads a script file; `.json` is JSON, anything else YAML. Throws ScriptError, YamlError or a file error.
 */
export function loadScript(file, options) {
  const source = readFileSync(file, 'utf8');
  if (!file.endsWith('.json')) return compileScript(parseYaml(source), options);
  let document;
  try {
    document = JSON.parse(source);
  } catch (error) {
    throw new ScriptError(`${file} is not JSON (${error.message})`);
  }
  return compileScript(document, options);
}

function whenHolds(when, context) {
  if (when === null) return { groups: [] };
  if (when.prompt && !when.prompt.test(context.prompt)) return null;
  if (when.tool === undefined) return { groups: [] };
  const result = context.results.findLast((r) => r.tool === when.tool);
  if (!result) return null;
  if (when.output === null) return { groups: [] };
  const match = when.output.exec(result.output);
  return match && { groups: match.slice(1) };
}

/** What the scenario's captures find in `results`: {name: text}. */
export function capture(scenario, results) {
  return Object.fromEntries(
    scenario.captures.map(({ name, tool, output, byDefault }) => {
      const result = results.findLast((r) => r.tool === tool && output.test(r.output));
      return [name, result ? (output.exec(result.output)[1] ?? '') : byDefault];
    }),
  );
}

/** Fills the templates of every text inside `value`. */
function fill(value, context, groups) {
  if (typeof value === 'string') {
    return value.replace(/\{\{(\w+)\}\}/g, (whole, name) => {
      if (name === 'prompt') return context.prompt;
      if (/^\d+$/.test(name)) return groups[name - 1] ?? '';
      return context.captured[name] ?? whole;
    });
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, context, groups));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, context, groups)]));
}

/** The first choice that holds, with the groups its expression matched. */
function choose(choices, context) {
  for (const choice of choices) {
    const held = whenHolds(choice.when, context);
    if (held) return { choice, groups: held.groups };
  }
  throw new Error('choices without a last one were compiled');
}

function fillAction(action, context, groups) {
  if (action.templated) return { type: 'call', tool: action.tool, args: fill(action.args, context, groups) };
  if (action.fragments === undefined) return action;
  const texts = action.fragments.map((choices) => {
    const chosen = choose(choices, context);
    return fill(chosen.choice.template, context, choices.length === 1 ? groups : chosen.groups);
  });
  return { type: action.type, ms: action.ms, chunks: chunksOf(texts.join(''), action.ms) };
}

/**
 * The actions of one compiled step. `context` is {prompt, results, captured}: `results` are [{tool, output}]
 * since the prompt, in order, `captured` comes from capture().
 */
export function playStep(variants, context) {
  const { choice, groups } = choose(variants, context);
  return choice.actions.map((action) => fillAction(action, context, groups));
}
