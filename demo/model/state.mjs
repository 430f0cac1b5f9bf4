// What the model remembers besides the conversation it is sent: gates, attempts, stops, outages and the
// record of requests. All of it is bounded, and a model started anew goes on well enough without it.

import { ClientGone } from './player.mjs';

const MAX_REQUESTS = 500;
const MAX_KEYS = 10_000;
const MAX_OPEN_GATES = 1000;

/**
 * Named gates. A test opens one when it has seen what it waited for, so neither side sleeps.
 * Opening a gate nobody waits at lets the next arrival through: the two may come in either order.
 */
export class Gates {
  #waiting = new Map(); // name → Set of resolve functions
  #open = new Set();

  /** Resolves when `name` is released; rejects with ClientGone when `signal` aborts. */
  wait(name, signal) {
    if (this.#open.delete(name)) return Promise.resolve();
    if (signal.aborted) return Promise.reject(new ClientGone());
    return new Promise((resolve, reject) => {
      const set = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, set);
      const leave = () => {
        set.delete(go);
        if (set.size === 0) this.#waiting.delete(name);
      };
      const go = () => {
        leave();
        signal.removeEventListener('abort', gone);
        resolve();
      };
      const gone = () => {
        leave();
        reject(new ClientGone());
      };
      set.add(go);
      signal.addEventListener('abort', gone, { once: true });
    });
  }

  /**
   * Lets everybody at the gate pass, or the next one to come. Returns how many passed; -1 when too many are
   * open.
   */
  release(name) {
    const waiting = [...(this.#waiting.get(name) ?? [])];
    if (waiting.length === 0) {
      if (this.#open.size >= MAX_OPEN_GATES) return -1;
      this.#open.add(name);
    }
    for (const go of waiting) go();
    return waiting.length;
  }

  /** Names at which somebody waits now. */
  waiting() {
    return [...this.#waiting.keys()];
  }
}

/**
 * How often a failing step was tried, so that "fails twice, then works" can be scripted. Oldest are
 * forgotten.
 */
export class Attempts {
  #counts = new Map();

  next(key) {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > MAX_KEYS) this.#counts.delete(this.#counts.keys().next().value);
    return count;
  }
}

/** Keys worth remembering for a while: the oldest give way. */
export class BoundedSet {
  #keys = new Set();

  add(key) {
    this.#keys.add(key);
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value);
  }

  has(key) {
    return this.#keys.has(key);
  }
}

/** Models that are "down": every request to them is refused with a status until that is taken back. */
export class Outages {
  #status = new Map();

  set(model, status) {
    if (status === null) this.#status.delete(model);
    else this.#status.set(model, status);
  }

  /** HTTP status for `model`, or undefined when it is up. `*` stands for all models. */
  statusOf(model) {
    return this.#status.get(model) ?? this.#status.get('*');
  }

  all() {
    return Object.fromEntries(this.#status);
  }

  get size() {
    return this.#status.size;
  }
}

/** The last requests with what became of them. */
export class Recorder {
  #entries = [];
  #next = 1;

  /** Adds an entry and returns it; the caller updates `state` as the answer goes out. */
  add(entry) {
    const record = { number: this.#next++, at_ms: Date.now(), state: 'playing', ...entry };
    this.#entries.push(record);
    if (this.#entries.length > MAX_REQUESTS) this.#entries.shift();
    return record;
  }

  /** All entries, oldest first; bodies only when asked for, because each is tens of kilobytes. */
  list(withBodies) {
    return this.#entries.map(({ body, ...entry }) => (withBodies ? { ...entry, body } : entry));
  }

  clear() {
    this.#entries = [];
  }
}
