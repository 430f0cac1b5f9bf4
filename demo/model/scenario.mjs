// Script files: what the model says and does for prompts in free words.
//
//   version: 1
//   word_ms: 20                     # pace of `say`, default 0
//   scenarios:
//     - name: slug
//       match: 'slug|emoji'         # regular expression over the first prompt, ignoring case; none = any prompt
//       title: Slugs without letters
//       steps: [ …one per LLM turn… ]
//       followups:                  # later prompts of the same session
//         - match: 'thank'
//           steps: […]
//
// A step is a string in the mini language, or a mapping of
//   wait_ms, gate, reason, say      # in this order
//   calls: [ "bash:npm test", {tool: question, args: {…}} ]
//   choose: [ {when: {…}, …step…}, …, {…step without when…} ]
// `when` looks at what happened since the prompt: `tool` names a tool (its last result is taken), `output` is a
// regular expression over that result (without one, having called the tool is enough), `prompt` one over the prompt.
// Texts may contain {{prompt}} and {{1}}, {{2}}… (groups of the `output` expression that matched).
//
// The whole file is compiled when it is loaded, so that a mistake stops the start and not the demonstration.

import { readFileSync } from 'node:fs';

import { isComplete, parseStep, ScriptError } from './language.mjs';
import { parseYaml } from './yaml.mjs';

const SCRIPT_KEYS = ['version', 'word_ms', 'scenarios'];
const SCENARIO_KEYS = ['name', 'match', 'title', 'steps', 'followups'];
const FOLLOWUP_KEYS = ['match', 'steps'];
const STEP_KEYS = ['wait_ms', 'gate', 'reason', 'say', 'calls', 'choose'];
const WHEN_KEYS = ['tool', 'output', 'prompt'];

const fail = (where, message) => {
  throw new ScriptError(`${where}: ${message}`);
};

function checkKeys(object, allowed, where) {
  if (object === null || typeof object !== 'object' || Array.isArray(object)) fail(where, 'expected a mapping');
  const unknown = Object.keys(object).find((key) => !allowed.includes(key));
  if (unknown) fail(where, `unknown key "${unknown}" (known: ${allowed.join(', ')})`);
}

function text(value, where) {
  if (typeof value !== 'string' || value === '') fail(where, 'expected text');
  return value;
}

function pattern(value, where) {
  try {
    return new RegExp(text(value, where), 'is');
  } catch (error) {
    if (error instanceof SyntaxError) fail(where, error.message);
    throw error;
  }
}

/** Text → chunks of a word each, so that it streams as a model's answer does. Joined they are the text again. */
const chunksOf = (string) => string.match(/\s*\S+\s*/g) ?? [string];

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
  return [{ type: 'call', tool: text(item.tool, `${where}.tool`), args: item.args ?? {} }];
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
    if (!Number.isInteger(step.wait_ms) || step.wait_ms < 0) fail(`${where}.wait_ms`, 'expected milliseconds');
    actions.push({ type: 'wait', ms: step.wait_ms });
  }
  if (step.gate !== undefined) actions.push({ type: 'gate', name: text(step.gate, `${where}.gate`) });
  for (const key of ['reason', 'say']) {
    if (step[key] === undefined) continue;
    actions.push({ type: key, template: text(step[key], `${where}.${key}`), ms: wordMs });
  }
  if (step.calls !== undefined) {
    if (!Array.isArray(step.calls)) fail(`${where}.calls`, 'expected a list');
    actions.push(...step.calls.flatMap((item, i) => compileCall(item, `${where}.calls[${i}]`)));
  }
  if (!isComplete(actions)) fail(where, 'a step must say, call or fail');
  return actions;
}

/** One step → its variants in order; the first whose `when` holds is played. */
function compileStep(step, where, wordMs) {
  if (typeof step === 'string') return [{ when: null, actions: compileActions({ calls: [step] }, where, wordMs) }];
  checkKeys(step, STEP_KEYS, where);
  if (step.choose === undefined) return [{ when: null, actions: compileActions(step, where, wordMs) }];
  if (Object.keys(step).length > 1) fail(where, '"choose" stands alone');
  if (!Array.isArray(step.choose) || step.choose.length === 0) fail(`${where}.choose`, 'expected a list');
  const variants = step.choose.map(({ when, ...rest }, i) => {
    const at = `${where}.choose[${i}]`;
    checkKeys(rest, STEP_KEYS.filter((key) => key !== 'choose'), at);
    return { when: when === undefined ? null : compileWhen(when, `${at}.when`), actions: compileActions(rest, at, wordMs) };
  });
  if (variants.at(-1).when !== null) fail(`${where}.choose`, 'the last choice must have no "when"');
  return variants;
}

function compileSteps(steps, where, wordMs) {
  if (!Array.isArray(steps) || steps.length === 0) fail(where, 'expected a list of steps');
  return steps.map((step, i) => compileStep(step, `${where}[${i}]`, wordMs));
}

function compileFollowup(followup, where, wordMs) {
  checkKeys(followup, FOLLOWUP_KEYS, where);
  return {
    match: followup.match === undefined ? null : pattern(followup.match, `${where}.match`),
    steps: compileSteps(followup.steps, `${where}.steps`, wordMs),
  };
}

/** Checks and compiles a script document. Throws ScriptError naming the place. */
export function compileScript(document) {
  checkKeys(document, SCRIPT_KEYS, 'script');
  if (document.version !== 1) fail('script.version', 'expected 1');
  const wordMs = document.word_ms ?? 0;
  if (!Number.isInteger(wordMs) || wordMs < 0 || wordMs > 1000) fail('script.word_ms', 'expected 0 to 1000');
  if (!Array.isArray(document.scenarios)) fail('script.scenarios', 'expected a list');
  return document.scenarios.map((scenario, i) => {
    const where = `scenarios[${i}]`;
    checkKeys(scenario, SCENARIO_KEYS, where);
    return {
      name: text(scenario.name, `${where}.name`),
      title: scenario.title === undefined ? null : text(scenario.title, `${where}.title`),
      match: scenario.match === undefined ? null : pattern(scenario.match, `${where}.match`),
      steps: compileSteps(scenario.steps, `${where}.steps`, wordMs),
      followups: (scenario.followups ?? []).map((f, k) => compileFollowup(f, `${where}.followups[${k}]`, wordMs)),
    };
  });
}

/** Reads a script file; `.json` is JSON, anything else YAML. Throws ScriptError, YamlError or a file error. */
export function loadScript(file) {
  const source = readFileSync(file, 'utf8');
  if (!file.endsWith('.json')) return compileScript(parseYaml(source));
  let document;
  try {
    document = JSON.parse(source);
  } catch (error) {
    throw new ScriptError(`${file} is not JSON (${error.message})`);
  }
  return compileScript(document);
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

function fill(template, context, groups) {
  return template.replace(/\{\{(prompt|\d+)\}\}/g, (_, name) => (name === 'prompt' ? context.prompt : (groups[name - 1] ?? '')));
}

/**
 * The actions of one compiled step. `context` is {prompt, results: [{tool, output}]} since the prompt, in order.
 */
export function playStep(variants, context) {
  for (const variant of variants) {
    const held = whenHolds(variant.when, context);
    if (!held) continue;
    return variant.actions.map((action) =>
      action.template === undefined
        ? action
        : { type: action.type, ms: action.ms, chunks: chunksOf(fill(action.template, context, held.groups)) },
    );
  }
  throw new Error('a step without a last choice was compiled');
}
