// Plays the actions of one turn as an OpenAI chat completion, streamed or whole.
//
// Response headers are sent with the first output, not before: a gate or a pause in front of it is then what
// a slow provider looks like, and a failure can still be an HTTP status.

import { randomBytes } from 'node:crypto';

// Characters of tool arguments per chunk: several chunks for most calls, as real models send them.
const ARGUMENT_PIECE = 24;

/** The client went away; nothing is left to do. */
export class ClientGone extends Error {}

const estimateTokens = (characters) => Math.ceil(characters / 4);

/** Waits, but not longer than the client does. `signal` aborts when the connection closes. */
function pause(ms, signal) {
  if (signal.aborted) return Promise.reject(new ClientGone());
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(new ClientGone());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

const toolCall = (action) => ({
  id: `call_${randomBytes(9).toString('hex')}`,
  type: 'function',
  function: { name: action.tool, arguments: JSON.stringify(action.args) },
});

/** Collects a turn into one JSON answer. */
class WholeAnswer {
  constructor(response, head, promptTokens) {
    Object.assign(this, { response, head, promptTokens, content: '', reasoning: '', calls: [] });
  }

  async text(field, chunks) {
    this[field] += chunks.join('');
  }

  async call(action) {
    this.calls.push(toolCall(action));
  }

  drop() {
    this.response.destroy();
  }

  garbage() {
    this.response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[{"message":');
  }

  end() {
    const message = { role: 'assistant', content: this.content || null };
    if (this.reasoning) message.reasoning_content = this.reasoning;
    if (this.calls.length > 0) message.tool_calls = this.calls;
    const written = estimateTokens(
      this.content.length + this.reasoning.length + JSON.stringify(this.calls).length,
    );
    const body = {
      ...this.head,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: this.calls.length > 0 ? 'tool_calls' : 'stop' }],
      usage: {
        prompt_tokens: this.promptTokens,
        completion_tokens: written,
        total_tokens: this.promptTokens + written,
      },
    };
    this.response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

/** Sends a turn as server-sent events. */
class StreamedAnswer {
  constructor(response, head, promptTokens, includeUsage, signal) {
    Object.assign(this, { response, head, promptTokens, includeUsage, signal, calls: 0, characters: 0 });
  }

  async send(choices, extra = {}) {
    if (!this.response.headersSent) {
      this.response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
      });
      await this.send([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]);
    }
    await this.write(
      `data: ${JSON.stringify({ ...this.head, object: 'chat.completion.chunk', choices, ...extra })}\n\n`,
    );
  }

  /** Writes as fast as the client reads, so that a slow one costs no memory. */
  async write(text) {
    if (this.signal.aborted) throw new ClientGone();
    if (this.response.write(text)) return;
    await new Promise((resolve, reject) => {
      const done = () => {
        this.response.off('drain', done);
        this.signal.removeEventListener('abort', done);
        if (this.signal.aborted) reject(new ClientGone());
        else resolve();
      };
      this.response.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  delta(delta) {
    return this.send([{ index: 0, delta, finish_reason: null }]);
  }

  async text(field, chunks, ms) {
    for (const chunk of chunks) {
      if (ms > 0) await pause(ms, this.signal);
      this.characters += chunk.length;
      await this.delta({ [field === 'reasoning' ? 'reasoning_content' : 'content']: chunk });
    }
  }

  async call(action) {
    const { id, type, function: fn } = toolCall(action);
    const index = this.calls++;
    this.characters += fn.arguments.length;
    await this.delta({ tool_calls: [{ index, id, type, function: { name: fn.name, arguments: '' } }] });
    for (let at = 0; at < fn.arguments.length; at += ARGUMENT_PIECE) {
      const piece = fn.arguments.slice(at, at + ARGUMENT_PIECE);
      await this.delta({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
  }

  async drop() {
    await this.text('content', ['This ', 'answer ', 'is '], 0);
    // Destroying at once could throw the words away too; the client shall have seen them.
    await new Promise((resolve) => this.response.write(': cut\n\n', resolve));
    this.response.destroy();
  }

  async garbage() {
    await this.text('content', ['This ', 'breaks: '], 0);
    await this.write('data: {"choices":[{"delta":{"content":\n\ndata: }}]\n\n');
    this.response.end();
  }

  async end() {
    await this.send([{ index: 0, delta: {}, finish_reason: this.calls > 0 ? 'tool_calls' : 'stop' }]);
    if (this.includeUsage) {
      const written = estimateTokens(this.characters);
      const usage = {
        prompt_tokens: this.promptTokens,
        completion_tokens: written,
        total_tokens: this.promptTokens + written,
      };
      await this.send([], { usage });
    }
    await this.write('data: [DONE]\n\n');
    this.response.end();
  }
}

/** An error body as OpenAI sends it. */
export function sendError(response, status, message, type = 'invalid_request_error') {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message, type, code: status } }));
}

/**
 * Plays `actions` on `response` until it is ended, cut, or the client is gone (throws ClientGone).
 * `attempts.next(i)` counts how often action i of this very turn has been reached, starting with 1;
 * `gates.wait(name, signal)` resolves when the gate is opened. Returns how it ended: sent, status, drop,
 * garbage.
 */
export async function playTurn({ response, request, actions, gates, attempts, signal }) {
  const head = {
    id: `chatcmpl-${randomBytes(9).toString('hex')}`,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const promptTokens = estimateTokens(JSON.stringify(request.messages).length);
  const answer = request.stream
    ? new StreamedAnswer(response, head, promptTokens, request.stream_options?.include_usage === true, signal)
    : new WholeAnswer(response, head, promptTokens);

  for (const [i, action] of actions.entries()) {
    if (action.type === 'wait') await pause(action.ms, signal);
    else if (action.type === 'gate') await gates.wait(action.name, signal);
    else if (action.type === 'say') await answer.text('content', action.chunks, action.ms);
    else if (action.type === 'reason') await answer.text('reasoning', action.chunks, action.ms);
    else if (action.type === 'call') await answer.call(action);
    else if (action.type === 'die' && attempts.next(i) <= action.times) {
      if (action.how === 'status')
        sendError(response, action.status, `scripted error ${action.status}`, 'scripted_error');
      else await answer[action.how]();
      return action.how;
    }
  }
  await answer.end();
  return 'sent';
}
