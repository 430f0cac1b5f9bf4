// localslack for tests: started on a free port, driven over its control addresses, and waited for by its live
// feed: a condition is looked at again whenever something happened, never by sleeping.

import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

// A predicate may depend on things outside localslack, of which its feed says nothing.
const LOOK_AGAIN_MS = 500;
const DEFAULT_BINARY = fileURLToPath(new URL('../../build/localslack/localslack', import.meta.url));

/** One line per message, for the text of a time-out. */
function describe(state) {
  const lines = [];
  for (const channel of state.channels) {
    if (channel.messages.length === 0) continue;
    lines.push(`#${channel.name ?? channel.id}`);
    for (const m of channel.messages) {
      const indent = m.thread_ts && m.thread_ts !== m.ts ? '    ' : '  ';
      const blocks = m.blocks ? ` [${m.blocks.map((b) => b.type).join(' ')}]` : '';
      const reactions = m.reactions ? ` ${m.reactions.map((r) => `:${r.name}:`).join('')}` : '';
      lines.push(`${indent}${m.ts} ${m.user ?? m.bot_id}: ${m.text}${blocks}${reactions}`.slice(0, 400));
    }
  }
  for (const e of state.ephemerals) lines.push(`  (only ${e.user}) ${e.message.text}`);
  lines.push(`sockets: ${state.sockets.map((s) => s.state).join(' ') || 'none'}; ` +
    `envelopes: ${JSON.stringify(state.envelopes)}`);
  return lines.join('\n');
}

/** The feed, from the moment it is open; ends with close(). */
class Feed {
  #abort = new AbortController();
  #listeners = new Set();
  log = []; // the newest 10,000 events: {event, data}

  static async open(url) {
    const feed = new Feed();
    const response = await fetch(`${url}/_local/events`, { signal: feed.#abort.signal });
    if (!response.ok) throw new Error(`the feed answers ${response.status}`);
    feed.done = feed.#read(response.body);
    return feed;
  }

  async #read(body) {
    let text = '';
    try {
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) this.#take(text.slice(0, end));
      }
    } catch (error) {
      if (error.name !== 'AbortError' && error.name !== 'TypeError') throw error;
    }
    this.closed = true;
    for (const listener of this.#listeners) listener();
  }

  #take(block) {
    let event = 'message';
    const data = [];
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data.push(line.slice(6));
    }
    if (data.length === 0) return;
    this.log.push({ event, data: JSON.parse(data.join('\n')) });
    if (this.log.length > 10_000) this.log.shift();
    for (const listener of this.#listeners) listener();
  }

  listen(fn) {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  async close() {
    this.#abort.abort();
    await this.done;
  }
}

export class LocalSlack {
  #child;
  #feed;

  /** `args`: more options of the program ('--switch', 'rate_limits=true' for the limits of the Web API); `port`: the
      same one again after a kill. */
  static async start({ args = [], port = 0 } = {}) {
    const slack = new LocalSlack();
    const binary = process.env.LOCALSLACK_BIN || DEFAULT_BINARY;
    slack.#child = new Child(binary, ['--listen', `127.0.0.1:${port}`, '--no-rate-limits', '--record-mb', '256',
      '--switch', 'events_per_hour=0', ...args], { env: { PATH: process.env.PATH } });
    const [, url] = await slack.#child.output(/listening on (http:\S+)/, 10_000);
    slack.url = url;
    slack.apiUrl = `${url}/api/`;
    slack.port = Number(new URL(url).port);
    slack.#feed = await Feed.open(url);
    return slack;
  }

  get pid() {
    return this.#child.pid;
  }

  log() {
    return this.#child.log();
  }

  /** {code, signal} once it has ended, for whatever reason. */
  exited() {
    return this.#child.exit;
  }

  /** Ends it; a bad end (a sanitizer's complaint, a crash) is an error. */
  async stop() {
    await this.#feed.close();
    const { code, signal } = await this.#child.stop();
    if (code !== 0) throw new Error(`localslack ended with ${signal ?? code}:\n${this.log().slice(-4000)}`);
  }

  async kill9() {
    const result = await this.#child.kill9();
    await this.#feed.close();
    return result;
  }

  /** What happened since the start: [{event, data}]. */
  events() {
    return this.#feed.log;
  }

  /** POST to /_local/<path>; throws on anything but 200. */
  async post(path, body = {}) {
    const response = await fetch(`${this.url}/_local/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`POST /_local/${path}: ${answer.error ?? response.status}`);
    return answer;
  }

  async get(path) {
    const response = await fetch(`${this.url}/_local/${path}`);
    if (!response.ok) throw new Error(`GET /_local/${path}: ${response.status}`);
    return response.json();
  }

  state() {
    return this.get('state');
  }

  /** A message of a person; returns its ts. */
  async say(user, channel, text, more = {}) {
    return (await this.post('message', { user, channel, text, ...more })).ts;
  }

  /** A slash command; returns {envelope_id, acked, ack_ms, response?, …} after the acknowledgement. */
  command(user, channel, command, text = '') {
    return this.post('command', { user, channel, command, text });
  }

  /** A click: {user, channel, ts | view_id, action_id, block_id?, value?, state?, …}. */
  click(what) {
    return this.post('action', what);
  }

  submit(user, view_id, values = {}) {
    return this.post('view_submit', { user, view_id, values });
  }

  /** Waits in localslack for what its README calls an expectation: {found, count, waited_ms}; else throws what was there instead. */
  expect(body) {
    return this.post('expect', body);
  }

  /** What was recorded, one JSON object a line, with names in the place of what differs from run to run. */
  async golden(query = {}) {
    const response = await fetch(`${this.url}/_local/export?${new URLSearchParams({ ...query, golden: 'true' })}`);
    return response.text();
  }

  /** The Web API calls of the app, oldest first: [{n, at_ms, method, args, response, status}]. */
  calls(method) {
    return this.get(method ? `calls?method=${encodeURIComponent(method)}` : 'calls');
  }

  /** The parent and its replies. */
  async thread(channel, ts) {
    const query = new URLSearchParams({ channel, thread_ts: ts });
    return (await this.get(`messages?${query}`)).messages;
  }

  async messages(channel) {
    return (await this.get(`messages?${new URLSearchParams({ channel })}`)).messages;
  }

  /**
   * Waits until `predicate(state)` gives something true, and returns that. The state has channels, ephemerals,
   * views, statuses, sockets, envelopes, and calls when `calls` is asked for.
   */
  async waitFor(predicate, { timeout_ms = 10_000, what = 'a condition', calls = false } = {}) {
    const deadline = Date.now() + timeout_ms;
    for (;;) {
      // Listen before looking: what happens in between wakes us.
      let wake;
      const happened = new Promise((resolve) => (wake = resolve));
      const unlisten = this.#feed.listen(wake);
      let timer;
      try {
        const state = await this.state();
        if (calls) state.calls = await this.calls();
        const value = await predicate(state);
        if (value) return value;
        const left = deadline - Date.now();
        if (left <= 0 || this.#feed.closed) {
          const why = this.#feed.closed ? 'localslack is gone' : `timed out after ${timeout_ms} ms`;
          throw new Error(`${why}, waiting for ${what}\n${describe(state)}`);
        }
        await Promise.race([happened, new Promise((resolve) => (timer = setTimeout(resolve, Math.min(left, LOOK_AGAIN_MS))))]);
      } finally {
        clearTimeout(timer);
        unlisten();
      }
    }
  }

  /** Waits for a message (in any channel) that `predicate(message, channel)` accepts. */
  waitForMessage(predicate, options = {}) {
    return this.waitFor(
      async (state) => {
        for (const channel of state.channels) {
          for (const message of channel.messages) if (await predicate(message, channel)) return message;
        }
        return null;
      },
      { what: 'a message', ...options },
    );
  }

  waitForSockets(n, options = {}) {
    return this.waitFor((state) => state.sockets.filter((s) => s.state === 'live').length >= n, {
      what: `${n} live socket(s)`,
      ...options,
    });
  }
}

export function startLocalSlack(options) {
  return LocalSlack.start(options);
}
