#!/usr/bin/env node
// A scripted model behind the OpenAI chat-completions protocol, for demonstrations and tests.
//
// OpenCode talks to it as to any OpenAI-compatible provider, but every answer is known beforehand: it is
// written in the prompt (language.mjs) or in a script file (scenario.mjs). What is tested is then the way of
// a real answer through a real OpenCode, without a network, a key, or luck.
//
//   POST /v1/chat/completions, GET /v1/models          the protocol
//   GET|DELETE /_control/requests[?bodies=1]           what was asked, oldest first
//   GET /_control/waiting                              gates at which a request waits
//   POST /_control/release  {"name"}                   opens a gate
//   GET|POST /_control/outage  {"model"|"*","status"}  makes a model fail; status null ends it

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { planTurn } from './conversation.mjs';
import { ScriptError } from './language.mjs';
import { ClientGone, playTurn, sendError } from './player.mjs';
import { loadScript } from './scenario.mjs';
import { Attempts, BoundedSet, Gates, Outages, Recorder } from './state.mjs';
import { YamlError } from './yaml.mjs';

const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_OUTAGES = 100;
const MODELS = ['demo', 'demo-mini', 'demo-backup'];

/** A request that is refused; `status` and `message` go to the client. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  let value;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new Refusal(400, `the body is not JSON (${error.message})`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new Refusal(400, 'the body must be a JSON object');
  return value;
}

function checkChat(body) {
  if (typeof body.model !== 'string' || body.model === '') throw new Refusal(400, '"model" must be a string');
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw new Refusal(400, '"messages" must be a list with at least one message');
  body.messages.forEach((message, i) => {
    if (typeof message?.role !== 'string') throw new Refusal(400, `"messages[${i}].role" must be a string`);
  });
  if (body.stream !== undefined && typeof body.stream !== 'boolean')
    throw new Refusal(400, '"stream" must be true or false');
}

function sendJson(response, value, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export class ModelServer {
  gates = new Gates();
  attempts = new Attempts();
  outages = new Outages();
  aborted = new BoundedSet();
  recorder = new Recorder();

  /** `scenarios` as compiled by scenario.mjs; `log(line)` gets one line per answered request. */
  constructor({ scenarios = [], log = () => {} } = {}) {
    this.scenarios = scenarios;
    this.log = log;
    this.http = createServer((request, response) => void this.#serve(request, response));
  }

  /** Starts to listen; resolves with the base URL, …/v1. */
  listen(host, port) {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        const name = host.includes(':') ? `[${host}]` : host;
        resolve(`http://${name}:${this.http.address().port}/v1`);
      });
    });
  }

  /** Stops at once, running answers included. */
  close() {
    return new Promise((resolve) => {
      this.http.close(() => resolve());
      this.http.closeAllConnections();
    });
  }

  async #serve(request, response) {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (error instanceof Refusal) sendError(response, error.status, error.message);
      else if (error instanceof ScriptError) sendError(response, 400, error.message);
      else if (request.destroyed || response.destroyed) this.log(`the client left: ${error.message}`);
      else {
        this.log(`internal error: ${error.stack}`);
        sendError(response, 500, 'internal error of the scripted model', 'server_error');
      }
    }
  }

  async #route(request, response) {
    const url = new URL(request.url, 'http://model');
    const route = `${request.method} ${url.pathname}`;
    if (route === 'POST /v1/chat/completions') return this.#chat(request, response);
    if (route === 'GET /v1/models') {
      return sendJson(response, {
        object: 'list',
        data: MODELS.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted' })),
      });
    }
    if (route === 'GET /_control/requests')
      return sendJson(response, this.recorder.list(url.searchParams.get('bodies') === '1'));
    if (route === 'DELETE /_control/requests') {
      this.recorder.clear();
      return sendJson(response, {});
    }
    if (route === 'GET /_control/waiting') return sendJson(response, this.gates.waiting());
    if (route === 'POST /_control/release') return this.#release(request, response);
    if (route === 'GET /_control/outage') return sendJson(response, this.outages.all());
    if (route === 'POST /_control/outage') return this.#outage(request, response);
    throw new Refusal(404, `no such endpoint: ${route}`);
  }

  async #release(request, response) {
    const { name } = await readJson(request);
    if (typeof name !== 'string' || name === '') throw new Refusal(400, '"name" must be a string');
    const released = this.gates.release(name);
    if (released < 0) throw new Refusal(429, 'too many gates are open already');
    sendJson(response, { released });
  }

  async #outage(request, response) {
    const { model, status } = await readJson(request);
    if (typeof model !== 'string' || model === '') throw new Refusal(400, '"model" must be a string');
    if (status !== null && !(Number.isInteger(status) && status >= 400 && status <= 599))
      throw new Refusal(400, '"status" must be 400 to 599, or null');
    if (status !== null && this.outages.size >= MAX_OUTAGES) throw new Refusal(429, 'too many outages');
    this.outages.set(model, status);
    sendJson(response, this.outages.all());
  }

  async #chat(request, response) {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await readJson(request);
    checkChat(body);

    const session = request.headers['x-session-id'] ?? null;
    const base = {
      session,
      model: body.model,
      stream: body.stream === true,
      headers: { ...request.headers, authorization: undefined },
      body,
    };
    const outage = this.outages.statusOf(body.model);
    if (outage !== undefined) {
      this.recorder.add({ ...base, kind: 'outage', state: 'status', status: outage });
      return sendError(response, outage, `model ${body.model} is out of order`, 'scripted_outage');
    }

    let turn;
    try {
      turn = planTurn(body, this.scenarios, (at) => session !== null && this.aborted.has(`${session}/${at}`));
    } catch (error) {
      if (error instanceof ScriptError)
        this.recorder.add({ ...base, kind: 'chat', state: 'refused', error: error.message });
      throw error;
    }
    const { actions, ...described } = turn;
    const record = this.recorder.add({ ...base, ...described });
    const key = `${session}/${turn.promptAt}/${turn.step}`;
    const attempts = { next: (i) => this.attempts.next(`${key}/${i}`) };
    try {
      record.state = await playTurn({
        response,
        request: body,
        actions,
        gates: this.gates,
        attempts,
        signal: gone.signal,
      });
    } catch (error) {
      record.state = error instanceof ClientGone ? 'aborted' : 'failed';
      if (!(error instanceof ClientGone)) throw error;
      this.aborted.add(`${session}/${turn.promptAt}`);
    } finally {
      this.log(`${session ?? '-'} ${turn.scenario} step ${turn.step}: ${record.state}`);
    }
  }
}

/** "HOST:PORT" → [host, port]; IPv6 in brackets. */
function parseListen(value) {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  if (!match || Number(match[3]) > 65535) throw new Error(`--listen expects HOST:PORT, not ${value}`);
  return [match[1] ?? match[2], Number(match[3])];
}

const USAGE = 'usage: server.mjs [--listen HOST:PORT] [--script FILE.yaml|FILE.json [--word-ms N]] [--quiet]';

async function main() {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', default: '127.0.0.1:0' },
      script: { type: 'string' },
      'word-ms': { type: 'string' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [host, port] = parseListen(values.listen);
  const pace = values['word-ms'] === undefined ? undefined : Number(values['word-ms']);
  const scenarios = values.script ? loadScript(values.script, { pace }) : [];
  const server = new ModelServer({ scenarios, log: values.quiet ? () => {} : (line) => console.error(line) });
  const url = await server.listen(host, port);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void server.close());
  console.log(`model listening on ${url}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    const expected =
      error instanceof ScriptError ||
      error instanceof YamlError ||
      error.code !== undefined ||
      /^--/.test(error.message);
    console.error(`model: ${expected ? error.message : error.stack}`);
    process.exitCode = 1;
  });
}
