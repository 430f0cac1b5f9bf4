// From a chat-completions request to the turn that is due: whose prompt counts, how far its script has come.
//
// The model keeps no state about sessions. Everything follows from the messages it is sent, as with a real
// model, so it can be restarted in the middle of a conversation, and several OpenCode servers can share it.

import { findScript, parseScript } from './language.mjs';
import { capture, playStep } from './scenario.mjs';

const say = (text) => [{ type: 'say', chunks: [text], ms: 0 }];

/** Text parts of a message; OpenAI allows a string or a list of typed parts. */
function textParts(content) {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content
    .filter((part) => part?.type === 'text' && typeof part.text === 'string')
    .map((part) => part.text);
}

// Parts that OpenCode adds to a prompt on its own account.
const isReminder = (text) => /^\s*<system-reminder>/.test(text);

/** One user message → {text, script}; `script` is its source or null. */
function readPrompt(message) {
  const texts = textParts(message.content).filter((part) => !isReminder(part));
  const script = texts.map(findScript).find((found) => found !== null) ?? null;
  return { text: texts.join('\n').trim(), script };
}

// A tool result after which OpenCode ends the turn without asking the model again.
const ENDED = new RegExp(
  [
    'rejected permission to use this specific tool call\\.\\s*$',
    'dismissed this question',
    'Tool execution aborted',
    'User aborted the command',
  ].join('|'),
);

/**
 * All prompts with their place, and whether they arrived while the work for an earlier one was going on
 * ("steered"): then they stand right behind a tool result, where otherwise the model would have had its turn.
 * `wasAborted(at)` tells that the work for the prompt at that place was stopped.
 */
function readPrompts(messages, wasAborted) {
  const prompts = [];
  messages.forEach((message, at) => {
    if (message.role !== 'user') return;
    const before = messages[at - 1];
    const previous = prompts.at(-1);
    const current = prompts.slice(prompts.findLastIndex((p) => !p.steered));
    const steered =
      previous !== undefined &&
      !current.some((p) => wasAborted(p.at)) &&
      ((before.role === 'tool' && !ENDED.test(textParts(before.content).join('\n'))) ||
        (before.role === 'user' && previous.steered && previous.at === at - 1));
    const prompt = { ...readPrompt(message), at, steered };
    if (prompt.text !== '') prompts.push(prompt);
  });
  return prompts;
}

const clip = (text, length) => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > length ? `${line.slice(0, length - 1).trimEnd()}…` : line;
};

/** What the tools answered after message `from`, in order: [{tool, output}]. */
function toolResults(messages, from) {
  const names = new Map();
  const results = [];
  for (const message of messages.slice(from)) {
    for (const call of Array.isArray(message.tool_calls) ? message.tool_calls : []) {
      names.set(call?.id, call?.function?.name);
    }
    if (message.role === 'tool') {
      results.push({
        tool: names.get(message.tool_call_id) ?? '',
        output: textParts(message.content).join('\n'),
      });
    }
  }
  return results;
}

const systemText = (messages) =>
  messages
    .filter((m) => m.role === 'system' || m.role === 'developer')
    .flatMap((m) => textParts(m.content))
    .join('\n');

/** chat, or one of OpenCode's own calls, which come without tools and with a system prompt of their own. */
function kindOf(request) {
  if (Array.isArray(request.tools) && request.tools.length > 0) return 'chat';
  const system = systemText(request.messages);
  if (/title generator|generate a (?:brief |short )?title|title for (?:this|the) conversation/i.test(system))
    return 'title';
  if (/summari[sz]ing conversations|summary of (?:this|the|our) conversation|context summari/i.test(system))
    return 'summary';
  return 'chat';
}

function titleOf(prompts, scenarios) {
  const first = prompts.findLast((p) => p.text !== '' && !/^generate a title/i.test(p.text)) ?? {
    text: 'Conversation',
  };
  const scenario = scenarios.find((s) => s.match === null || s.match.test(first.text));
  if (first.script === null && scenario?.title) return scenario.title;
  return clip(first.script === null ? first.text : `Script: ${first.script}`, 48);
}

/** The turn of a script written in a prompt, or null when the last prompt is not its business any more. */
function scriptedTurn(prompts, turnsSince) {
  const owner = prompts.findLast((p) => p.script !== null);
  const isLast = owner === prompts.at(-1);
  if (!owner || !(isLast || prompts.at(-1).steered)) return null;
  const turns = parseScript(owner.script);
  const step = turnsSince(owner.at);
  if (step < turns.length) return { scenario: 'prompt', promptAt: owner.at, step, actions: turns[step] };
  return isLast ? { scenario: 'prompt', promptAt: owner.at, step, actions: say('Done.') } : null;
}

/** The turn of a scenario from the script file, or null when none matches. */
function scenarioTurn(request, prompts, scenarios, turnsSince) {
  const first = prompts[0];
  const scenario = scenarios.find((s) => s.match === null || s.match.test(first.text));
  if (!scenario) return null;
  const turn = (steps, prompt, name) => {
    const step = turnsSince(prompt.at);
    const results = toolResults(request.messages, prompt.at);
    const context = {
      prompt: prompt.text,
      results,
      captured: capture(scenario, toolResults(request.messages, 0)),
    };
    const actions = step < steps.length ? playStep(steps[step], context) : say('Done.');
    return { scenario: name, promptAt: prompt.at, step, actions };
  };

  // A prompt sent while the work is going on does not restart anything: the work goes on, and is its answer.
  const asked = prompts.findLast((p) => !p.steered) ?? first;
  if (asked === first) return turn(scenario.steps, first, scenario.name);
  const followup = scenario.followups.find((f) => f.match === null || f.match.test(asked.text));
  return followup ? turn(followup.steps, asked, `${scenario.name}/followup`) : null;
}

/**
 * What is to be answered: {kind, scenario, promptAt, step, actions, prompt}. `request` is a checked
 * chat-completions body, `scenarios` come from scenario.mjs, `wasAborted(promptAt)` may know of an earlier
 * prompt whose work was stopped: later ones then do not carry it on. Throws ScriptError when the prompt
 * carries a script with a mistake in it.
 */
export function planTurn(request, scenarios, wasAborted = () => false) {
  const { messages } = request;
  const prompts = readPrompts(messages, wasAborted);
  const kind = kindOf(request);
  const prompt = prompts.at(-1)?.text ?? '';
  const base = { kind, scenario: kind, promptAt: prompts.at(-1)?.at ?? 0, step: 0, prompt };
  if (kind === 'title') return { ...base, actions: say(titleOf(prompts, scenarios)) };
  if (kind === 'summary')
    return { ...base, actions: say(`Summary: ${clip(prompts[0]?.text ?? 'nothing yet', 200)}`) };
  if (prompts.length === 0)
    return { ...base, scenario: 'echo', actions: say('I am the scripted model. Nothing was asked.') };

  const turnsSince = (at) => messages.slice(at).filter((m) => m.role === 'assistant').length;
  const turn = scriptedTurn(prompts, turnsSince) ?? scenarioTurn(request, prompts, scenarios, turnsSince);
  if (turn) return { ...base, ...turn };
  return {
    ...base,
    scenario: 'echo',
    step: turnsSince(base.promptAt),
    actions: say(`I am the scripted model and heard: “${clip(prompt, 200)}”`),
  };
}
