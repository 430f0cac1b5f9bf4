// Child processes of tests: started in a group of their own, watched, and never left behind.
//
// A test that fails, is interrupted, or is killed must not leave servers running on a shared machine. Three
// nets: stop() in the test, an exit handler for a test process that ends early, and (Linux) the kernel's
// parent-death signal for one that is killed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const MAX_LOG_CHARACTERS = 2_000_000;
const SETPRIV = '/usr/bin/setpriv';

const running = new Set();
process.on('exit', () => {
  for (const child of running) killGroup(child, 'SIGKILL');
});

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * Waits until `check()` returns something true and returns that; throws after `timeoutMs`, saying what was
 * waited for.
 */
export async function until(what, check, timeoutMs = 10_000, everyMs = 25) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`timed out after ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/**
 * A running program. Both output streams are kept together in log(), the newest two million characters of
 * them.
 */
export class Child {
  #log = '';

  /** `env` is the complete environment, nothing is inherited. */
  constructor(file, args, { cwd, env }) {
    const wrapped = existsSync(SETPRIV) ? [SETPRIV, ['--pdeathsig', 'KILL', file, ...args]] : [file, args];
    this.process = spawn(wrapped[0], wrapped[1], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.name = `${file} ${args.join(' ')}`;
    this.exit = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.#append(`cannot start: ${error.message}\n`);
        running.delete(this.process);
        resolve({ code: null, signal: null, error });
      });
      this.process.once('exit', () => {
        running.delete(this.process);
        killGroup(this.process, 'SIGKILL'); // what the program itself started must not survive it either
      });
      this.process.once('close', (code, signal) => resolve({ code, signal })); // now log() is complete
    });
    if (this.pid !== undefined) running.add(this.process);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => this.#append(text));
    }
  }

  #append(text) {
    this.#log = (this.#log + text).slice(-MAX_LOG_CHARACTERS);
  }

  get pid() {
    return this.process.pid;
  }

  get alive() {
    return running.has(this.process);
  }

  log() {
    return this.#log;
  }

  /** The first match of `pattern` in the output; throws when the program ends or time runs out before. */
  async output(pattern, timeoutMs) {
    return until(
      `${pattern} in the output of ${this.name}`,
      async () => {
        if (!this.alive) await this.exit; // until then the log may be incomplete
        const match = pattern.exec(this.#log);
        if (!match && !this.alive) throw new Error(`${this.name} ended early:\n${this.#log.slice(-4000)}`);
        return match;
      },
      timeoutMs,
    );
  }

  /**
   * Asks the program to end and waits; kills it after `graceMs`. Returns {code, signal}. Safe to call again.
   */
  async stop(graceMs = 5000) {
    if (this.alive) this.process.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(this.process, 'SIGKILL'), graceMs);
    const result = await this.exit;
    clearTimeout(timer);
    return result;
  }

  /** kill -9 of the program and everything it started. */
  async kill9() {
    if (this.alive) killGroup(this.process, 'SIGKILL');
    return this.exit;
  }
}
