// Workspaces as a test sees them: repositories made for it, and the driver (bench/workspace-driver.c) that performs the verbs
// on them with the real git, without Slack, OpenCode and the engine.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { gatewayBin } from './gateway.mjs';

const DEADLINE_MS = 120_000;

/** Beside the gateway's own build. */
const driverBin = () => join(dirname(gatewayBin()), '../../bench/workspace-driver');

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One run of the driver. */
export class Driver {
  progress = [];
  #waiting = new Map();
  #n = 0;
  #log = '';

  constructor(config, env) {
    this.process = spawn(driverBin(), [JSON.stringify(config)], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this.process);
    this.process.stdin.on('error', () => {}); // it was killed; the answers that are waited for say so
    this.process.stderr.on('data', (chunk) => (this.#log = (this.#log + chunk).slice(-20_000)));
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#onLine(JSON.parse(line)));
    this.exit = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.#log += error.message;
        resolve({ code: -1, signal: null });
      });
      this.process.once('close', (code, signal) => {
        running.delete(this.process);
        resolve({ code, signal });
      });
    });
    this.exit.then(({ code, signal }) => {
      for (const { resolve } of this.#waiting.values()) resolve({ outcome: 'died', signal, value: { error: `${code} ${this.#log}` } });
      this.#waiting.clear();
    });
  }

  #onLine(line) {
    if (line.progress) {
      this.progress.push(line);
      return;
    }
    this.#waiting.get(line.id)?.resolve(line);
    this.#waiting.delete(line.id);
  }

  log() {
    return this.#log;
  }

  /** {outcome: "ok" | "tempfail" | "permfail" | "died", value, ms} */
  ask(verb, args = {}, { key, uncertain } = {}) {
    const id = ++this.#n;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${verb} took too long\n${this.#log}`)), DEADLINE_MS);
      this.#waiting.set(id, {
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      });
      this.process.stdin.write(`${JSON.stringify({ id, verb, args, key, uncertain })}\n`);
    });
  }

  /** Its result, or an error that says what went wrong. */
  async done(verb, args, options) {
    const { outcome, value } = await this.ask(verb, args, options);
    if (outcome !== 'ok') throw new Error(`${verb}: ${outcome}: ${JSON.stringify(value, null, 1)}`);
    return value;
  }

  kill() {
    this.process.kill('SIGKILL');
    return this.exit;
  }

  stop() {
    this.process.stdin.end();
    return this.exit;
  }
}

/** A directory with repositories, and drivers that work in it. */
export async function startWorkshop() {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'workshop-')));
  const root = join(dir, 'root');
  const config = join(dir, 'gitconfig');
  const drivers = [];
  await mkdir(join(dir, 'home'));
  await mkdir(root);
  // Submodules from this disk are refused by git unless somebody allows it.
  await writeFile(config, '[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n');
  const env = { PATH: process.env.PATH, HOME: join(dir, 'home'), GIT_CONFIG_GLOBAL: config, GIT_CONFIG_SYSTEM: '/dev/null' };
  for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS']) if (process.env[name]) env[name] = process.env[name];

  const git = (cwd, ...args) => execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const write = async (path, text) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };

  return {
    dir,
    root,
    env,
    git,
    write,
    builders: join(root, '.builders'),
    /** A repository below the root with `files` in one commit; null for none. */
    async repository(path, files = { 'README.md': `This is ${path}.\n` }) {
      const at = join(root, path);
      await mkdir(at, { recursive: true });
      git(at, 'init', '-q');
      if (files === null) return at;
      for (const [name, text] of Object.entries(files)) await write(join(at, name), text);
      git(at, 'add', '.');
      git(at, 'commit', '-q', '-m', 'first');
      return at;
    },
    commit(at, message = 'more') {
      git(at, 'add', '-A');
      git(at, 'commit', '-q', '--allow-empty', '-m', message);
      return git(at, 'rev-parse', 'HEAD');
    },
    driver(options = {}, moreEnv = {}) {
      const driver = new Driver({ repositories_root: root, ...options }, { ...env, ...moreEnv });
      drivers.push(driver);
      return driver;
    },
    branches: (at) => git(at, 'for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n').filter(Boolean),
    worktrees: (at) => git(at, 'worktree', 'list', '--porcelain').split('\n').filter((line) => line.startsWith('worktree ')).map((line) => line.slice(9)),
    /** What is in the directory of workspaces, but our own records. */
    async made() {
      const at = join(root, '.builders');
      return existsSync(at) ? (await readdir(at)).filter((name) => !name.startsWith('.')).sort() : [];
    },
    async records() {
      const at = join(root, '.builders/.workspaces');
      return existsSync(at) ? (await readdir(at)).filter((name) => name.endsWith('.json')).sort() : [];
    },
    async close() {
      const ends = [];
      for (const driver of drivers) ends.push([driver, await driver.stop()]);
      await rm(dir, { recursive: true, force: true });
      // A sanitizer's findings at the end; those that were killed by the test have a signal.
      for (const [driver, { code, signal }] of ends) if (code !== 0 && !signal) throw new Error(`the driver ended with ${code}\n${driver.log()}`);
    },
  };
}
