// OpenCode and its plugin as the gateway sees them: one WebSocket that follows contract/, and behind it sessions that
// obey a few words. It remembers what really happened, however often it was asked: that is what crash tests compare.
//
// A prompt is a list of steps separated by `;;`, as in demo/model/language.mjs:
//   bash:CMD      asks for the permission to run CMD, and goes on when it is answered
//   question:1    asks a question with the answers Yes and No
//   gate:NAME     waits for release(NAME)
//   hang          never ends (until it is aborted)
//   say:TEXT      the answer; without one the answer is "ok"
//
// Every frame in either direction is held against its JSON Schema; what does not fit is kept in `violations`.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { until } from './child.mjs';

const { Ajv2020, WebSocket } = (() => {
  const require = createRequire(new URL('../../plugin/package.json', import.meta.url));
  return { Ajv2020: require('ajv/dist/2020'), WebSocket: require('ws') };
})();

const RECONNECT_MS = 50; // the real plugin takes longer, and its patience is tested elsewhere
const IDS_UNKEPT = 10_000; // so many may have been given since the last session was kept
const MODEL = { provider_id: 'scripted', model_id: 'demo' };
const NO_TOKENS = { input: 0, output: 0, reasoning: 0, cache_read: 0, cache_write: 0 };

/** {direction: {type: validate}} of contract/schemas. */
function loadSchemas() {
  const root = fileURLToPath(new URL('../../contract/schemas/', import.meta.url));
  const ajv = new Ajv2020({ allErrors: false, strict: false });
  const read = (path) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));
  ajv.addSchema(read('defs.schema.json'));
  const schemas = {};
  for (const direction of ['to-gateway', 'to-plugin']) {
    schemas[direction] = {};
    for (const file of readdirSync(`${root}${direction}`))
      schemas[direction][file.replace(/\.schema\.json$/, '')] = ajv.compile(read(`${direction}/${file}`));
  }
  return schemas;
}

/** A command that cannot be performed; becomes the reply's error. */
class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class FakeOpenCode {
  #schemas = loadSchemas();
  #stopped = false;
  #socket = null;
  #live = false; // between welcome and the end of the connection
  #seq = 0;
  #dials = 0;
  #ids;
  #keep;
  #buffer = []; // durable events not yet acknowledged, in order
  #gates = new Map();

  sessions = new Map(); // id → {id, key, title, messages, busy, running}
  permissions = new Map(); // pending: id → {permission, session}
  questions = new Map();
  prompts = []; // really taken: {session_id, message_id, text}
  replies = []; // really given: {id, session_id, answer, request_id}; a question that was skipped: answer null
  commands = []; // everything asked for, repetitions too
  violations = [];
  connections = 0;

  /**
   * Connects, and again whenever it is cut, until stop(); `gatewayUrl` may name several, by commas, which are tried in turn.
   * `keep` is told what a disk would keep, before anybody else
   * learns of it: {session, prompt?}, {reply}, {violation}; `kept` are the sessions that it was told by a former life.
   */
  constructor({ gatewayUrl, token, directory, keep = () => {}, kept = [] }) {
    Object.assign(this, { gatewayUrl, token, directory, bridgeId: randomUUID() });
    this.#keep = keep;
    for (const session of kept) this.sessions.set(session.id, { ...session, busy: false, running: null });
    this.#ids = kept.length > 0 ? Math.max(...kept.map((session) => session.ids)) + IDS_UNKEPT : 0;
    this.#dial();
  }

  get unacknowledged() {
    return this.#buffer.length;
  }

  get connected() {
    return this.#live;
  }

  /** Lets through what waits, or will wait, at a gate. */
  release(name) {
    this.#gate(name).open();
  }

  /** Until a prompt waits at a gate. */
  waitGate(name, timeoutMs = 30_000) {
    return until(`a prompt at gate ${name}`, () => this.#gate(name).waiting > 0, timeoutMs);
  }

  /** Somebody answers in OpenCode's own UI. */
  answerHere(id, reply) {
    this.#settlePermission(id, reply, null);
  }

  /** A durable event about a session, whether it is played here or not. */
  tell(type, sessionId, more) {
    this.#durable(type, { id: sessionId }, more);
  }

  /** Sessions of which only that they are at work is known, and stays so. */
  playBusy(ids) {
    for (const id of ids) this.sessions.set(id, { id, key: id, title: id, messages: [], busy: true, running: null, created_ms: 0 });
  }

  cut() {
    this.#socket?.terminate();
  }

  /** Another OpenCode process on the same sessions: what ran is lost, and nothing waits any more. */
  restart() {
    this.bridgeId = randomUUID();
    this.#seq = 0;
    this.#buffer = [];
    for (const session of this.sessions.values()) this.#forget(session);
    this.permissions.clear();
    this.questions.clear();
    this.cut();
  }

  async stop() {
    this.#stopped = true;
    if (!this.#socket || this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.#socket.terminate();
    await closed;
  }

  // ---- the connection ----

  #dial() {
    const urls = this.gatewayUrl.split(',');
    const url = `${urls[this.#dials++ % urls.length].replace(/^http/, 'ws')}/api/opencode/bridge`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${this.token}` }, perMessageDeflate: false });
    this.#socket = socket;
    socket.on('open', () => {
      this.connections++;
      this.#send({
        type: 'hello',
        protocol: 1,
        bridge_id: this.bridgeId,
        plugin_version: '0.0.0-fake',
        opencode_version: null,
        pid: process.pid,
        directories: [this.directory],
        next_seq: this.#buffer[0]?.seq ?? this.#seq + 1,
        lost: 0,
      });
    });
    socket.on('message', (data) => this.#receive(JSON.parse(data.toString())));
    socket.on('error', () => {}); // refused or cut; `close` follows
    socket.on('close', () => {
      this.#live = false;
      if (!this.#stopped) setTimeout(() => this.#stopped || this.#dial(), RECONNECT_MS);
    });
  }

  #check(direction, frame) {
    const validate = this.#schemas[direction][frame.type];
    if (!validate) this.#violation({ direction, frame, errors: 'unknown type' });
    else if (!validate(frame)) this.#violation({ direction, frame, errors: validate.errors });
  }

  #violation(violation) {
    this.violations.push(violation);
    this.#keep({ violation });
  }

  #keepSession({ id, key, title, messages, created_ms }, more) {
    this.#keep({ session: { id, key, title, messages, created_ms, ids: this.#ids }, ...more });
  }

  #send(frame) {
    this.#check('to-gateway', frame);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #durable(type, session, more) {
    const place = session ? { session_id: session.id, root_id: session.id } : {};
    const event = { type, seq: ++this.#seq, directory: this.directory, at_ms: Date.now(), ...place, ...more };
    this.#buffer.push(event);
    if (this.#live) this.#send(event);
  }

  #receive(frame) {
    this.#check('to-plugin', frame);
    switch (frame.type) {
      case 'welcome':
        this.#acknowledged(frame.ack);
        this.#live = true;
        for (const event of this.#buffer) this.#send(event);
        this.#reconcile();
        break;
      case 'ack':
        this.#acknowledged(frame.seq);
        break;
      case 'ping':
        this.#send({ type: 'pong', nonce: frame.nonce });
        break;
      case 'error':
        this.#violation({ direction: 'refused', frame });
        break;
      default:
        this.#command(frame);
    }
  }

  #acknowledged(seq) {
    this.#buffer = this.#buffer.filter((event) => event.seq > seq);
  }

  #reconcile() {
    const pending = (map, name) =>
      [...map.values()].map((p) => ({ session_id: p.session.id, root_id: p.session.id, [name]: p[name] }));
    const busy = [...this.sessions.values()].filter((s) => s.busy);
    this.#durable('reconcile', null, {
      directories: [
        {
          directory: this.directory,
          sessions: busy.map((s) => ({ session_id: s.id, root_id: s.id, status: { type: 'busy' } })),
          permissions: pending(this.permissions, 'permission'),
          questions: pending(this.questions, 'question'),
        },
      ],
    });
  }

  // ---- commands ----

  #command(frame) {
    const { type, request_id } = frame;
    this.commands.push(frame);
    try {
      this.#send({ type: 'reply', request_id, ok: true, result: this.#perform(frame) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#send({ type: 'reply', request_id, ok: false, error: { code: error.code, message: `${type}: ${error.message}` } });
    }
  }

  #perform(frame) {
    switch (frame.type) {
      case 'session.create':
        return { session: this.#describe(this.#create(frame)) };
      case 'session.message':
        return this.#take(frame);
      case 'session.messages':
        return this.#messages(frame);
      case 'session.get': {
        const session = this.#find(frame.session_id);
        return { session: this.#describe(session), status: this.#status(session) };
      }
      case 'session.abort':
        this.#abort(this.#find(frame.session_id));
        return {};
      case 'permission.reply':
        return this.#once(frame, () => this.#settlePermission(frame.permission_id, frame.reply, frame.request_id));
      case 'question.reply':
        return this.#once(frame, () => this.#settleQuestion(frame.question_id, frame.answers, frame.request_id));
      case 'question.reject':
        return this.#once(frame, () => this.#settleQuestion(frame.question_id, null, frame.request_id));
      case 'reconcile':
        this.#reconcile();
        return {};
      case 'agents.list':
        return {
          agents: [{ name: 'build', mode: 'primary', description: '' }],
          commands: [],
          skills: [],
          default_agent: 'build',
          default_model: null,
        };
      case 'providers.list':
        return { providers: [] };
      default:
        throw new Failure('invalid', 'not played here');
    }
  }

  /** An answer that comes again under the same request_id is told its first result. */
  #once(frame, perform) {
    if (!this.replies.some((r) => r.request_id === frame.request_id)) perform();
    return {};
  }

  #id(prefix) {
    return `${prefix}_${String(++this.#ids).padStart(12, '0')}`;
  }

  #find(id) {
    const session = this.sessions.get(id);
    if (!session) throw new Failure('not_found', `no session ${id}`);
    return session;
  }

  #create({ key, title }) {
    for (const session of this.sessions.values()) if (session.key === key) return session;
    const session = { id: this.#id('ses'), key, title, messages: [], busy: false, running: null, created_ms: Date.now() };
    this.sessions.set(session.id, session);
    this.#keepSession(session);
    this.#durable('session.created', session, { session: this.#describe(session) });
    return session;
  }

  #describe(session) {
    return {
      id: session.id,
      title: session.title,
      directory: this.directory,
      parent_id: null,
      agent: 'build',
      model: MODEL,
      gateway_key: session.key,
      created_ms: session.created_ms,
      updated_ms: session.created_ms,
    };
  }

  #status(session) {
    return { type: session.busy ? 'busy' : 'idle' };
  }

  #messages({ session_id, after }) {
    const session = this.#find(session_id);
    const from = session.messages.findIndex((m) => m.id === after);
    return { messages: session.messages.slice(from + 1), status: this.#status(session) };
  }

  #message(session, role, fields) {
    const message = {
      id: this.#id('msg'),
      role,
      parent_id: null,
      created_ms: Date.now(),
      completed_ms: null,
      text: '',
      finish: null,
      error: null,
      agent: 'build',
      model: MODEL,
      cost: 0,
      tokens: NO_TOKENS,
      gateway_key: null,
      tools: [],
      files: [],
      ...fields,
    };
    session.messages.push(message);
    return message;
  }

  #take({ session_id, message_id, text, key }) {
    const session = this.#find(session_id);
    if (session.messages.some((m) => m.id === message_id)) return { message_id, already: true };
    this.#message(session, 'user', { id: message_id, text, gateway_key: key });
    const prompt = { session_id, message_id, text };
    this.prompts.push(prompt);
    this.#keepSession(session, { prompt });
    this.#durable('message.received', session, {
      message: { id: message_id, role: 'user', text, agent: 'build', model: MODEL, gateway_key: key },
    });
    this.#run(session, text);
    return { message_id, already: false };
  }

  // ---- turns ----

  #gate(name) {
    let gate = this.#gates.get(name);
    if (!gate) {
      gate = { waiting: 0 };
      gate.opened = new Promise((open) => (gate.open = open));
      this.#gates.set(name, gate);
    }
    return gate;
  }

  async #run(session, prompt) {
    const running = {};
    running.over = new Promise((end) => (running.end = end));
    const current = () => session.running === running;
    let answer = 'ok';
    session.running = running;
    session.busy = true;
    this.#durable('session.active', session);
    const message = this.#message(session, 'assistant', { parent_id: session.messages.at(-1).id });
    this.#keepSession(session);
    for (const step of prompt.split(';;')) {
      const [word, argument] = [step.split(':', 1)[0], step.slice(step.indexOf(':') + 1)];
      if (word === 'say') answer = argument;
      else if (step === 'hang') await running.over;
      else if (word === 'gate') await Promise.race([this.#pass(argument), running.over]);
      else if (word === 'bash') await Promise.race([this.#askPermission(session, argument), running.over]);
      else if (word === 'question') await Promise.race([this.#askQuestion(session), running.over]);
      if (!current()) return; // aborted, or lost with its process
      this.#stream(session, message, step);
    }
    Object.assign(message, { completed_ms: Date.now(), text: answer, finish: 'stop' });
    this.#keepSession(session);
    session.busy = false;
    session.running = null;
    this.#durable('session.idle', session);
  }

  async #pass(name) {
    const gate = this.#gate(name);
    gate.waiting++;
    await gate.opened;
    gate.waiting--;
  }

  /** What nobody needs: volatile frames, lost while not connected. */
  #stream(session, message, step) {
    if (!this.#live) return;
    const place = { session_id: session.id, root_id: session.id, directory: this.directory, message_id: message.id };
    const call = { ...place, call_id: this.#id('call'), tool: 'bash', title: step.slice(0, 300), input: { command: 'true' } };
    this.#send({ type: 'tool.executed', ...call, status: 'running' });
    this.#send({ type: 'tool.executed', ...call, status: 'completed' });
  }

  #forget(session) {
    session.busy = false;
    session.running?.end();
    session.running = null;
  }

  #abort(session) {
    if (!session.busy) return;
    const message = session.messages.at(-1);
    Object.assign(message, { completed_ms: Date.now(), error: { name: 'MessageAbortedError', message: 'Aborted' } });
    this.#keepSession(session);
    this.#forget(session);
    for (const [id, p] of this.permissions) if (p.session === session) this.#settlePermission(id, 'reject', null);
    for (const [id, q] of this.questions) if (q.session === session) this.#settleQuestion(id, null, null);
    this.#durable('session.error', session, { error: { name: 'MessageAbortedError', message: 'Aborted' } });
    this.#durable('session.idle', session);
  }

  #askPermission(session, command) {
    const permission = {
      id: this.#id('per'),
      permission: 'bash',
      patterns: [command],
      metadata: { command },
      always: ['true *'],
      tool: null,
    };
    return new Promise((answered) => {
      this.permissions.set(permission.id, { permission, session, answered });
      this.#durable('permission.asked', session, { permission });
    });
  }

  #replied(reply) {
    this.replies.push(reply);
    this.#keep({ reply });
  }

  #settlePermission(id, reply, request_id) {
    const pending = this.permissions.get(id);
    if (!pending) throw new Failure('not_found', `no permission ${id}`);
    this.permissions.delete(id);
    this.#replied({ id, session_id: pending.session.id, answer: reply, request_id });
    this.#durable('permission.replied', pending.session, { permission_id: id, reply });
    pending.answered();
  }

  #askQuestion(session) {
    const options = ['Yes', 'No'].map((label) => ({ label, description: `say ${label}` }));
    const question = {
      id: this.#id('que'),
      questions: [{ question: 'Go on?', header: 'Go on', options, multiple: false, custom: false }],
      tool: null,
    };
    return new Promise((answered) => {
      this.questions.set(question.id, { question, session, answered, asked_ms: Date.now() });
      this.#durable('question.asked', session, { question });
    });
  }

  #settleQuestion(id, answers, request_id) {
    const pending = this.questions.get(id);
    if (!pending) throw new Failure('not_found', `no question ${id}`);
    this.questions.delete(id);
    this.#replied({ id, session_id: pending.session.id, answer: answers, request_id });
    const what = { question_id: id, ...(answers ? { answers } : {}) };
    this.#durable(answers ? 'question.replied' : 'question.rejected', pending.session, what);
    pending.answered();
  }
}
