// Processes that are killed and come back: each is started again on what it had kept.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { prepareSample } from '../../demo/prepare.mjs';
import { autopsy, keepCores } from '../crash/autopsy.mjs';
import { Child, until } from '../harness/child.mjs';
import { gatewayBin, startGateway } from '../harness/gateway.mjs';
import { startLocalSlack } from '../harness/localslack.mjs';
import { startModel } from '../harness/model.mjs';
import { freePort, startOpenCode } from '../harness/opencode.mjs';
import { journalUrl } from '../harness/postgres.mjs';
import { readKept } from './kept.mjs';
import { Machine } from './machine.mjs';

const OPENCODE = fileURLToPath(new URL('opencode-child.mjs', import.meta.url));
const PLUGIN = fileURLToPath(new URL('../../plugin/dist/bridge.js', import.meta.url));
const TOKEN = 'bridge-token-of-the-tests';
const LOGS_KEPT = 4; // of the lives that ended last
const UP_MS = 60_000;

/** `start()` gives something with exited() and log(); `kill(it)` ends it. */
class Lives {
  #start;
  #kill;
  #starting;
  #meant = new Set(); // those whose end is expected
  #broken;
  logs = [];
  kills = 0;
  current = null;

  /** `broken(error)`: it ended, or did not start, and nobody had asked for it. */
  constructor({ name, start, kill, program, directory, broken }) {
    Object.assign(this, { name, program, directory });
    this.#start = start;
    this.#kill = kill;
    this.#broken = broken;
  }

  begin() {
    this.#starting = this.#live();
    return this.#starting;
  }

  async #live() {
    this.current = null;
    try {
      const one = await this.#start();
      this.current = one;
      this.#watch(one);
    } catch (error) {
      this.#broken(new Error(`${this.name} does not start: ${error.message}`));
    }
  }

  async #watch(one) {
    const { signal, code } = await one.exited();
    this.logs = [...this.logs, one.log()].slice(-LOGS_KEPT);
    if (this.#meant.delete(one)) return;
    const why = autopsy({ program: this.program, directory: this.directory, log: one.log() });
    this.#broken(new Error(`${this.name} ended by itself (${signal ?? code}):\n${why}`));
  }

  /** Kills it as soon as it is up, and starts the next one, for which it does not wait. */
  async kill() {
    await this.#starting;
    const one = this.current;
    if (!one) return;
    this.current = null;
    this.#meant.add(one);
    await this.#kill(one);
    this.kills++;
    this.begin();
  }

  /** The one that is there, or will be in a moment. */
  async up() {
    await until(`${this.name} to be up`, () => this.current, UP_MS);
    return this.current;
  }

  async end() {
    await this.#starting;
    const one = this.current;
    if (!one) return;
    this.current = null;
    this.#meant.add(one);
    await one.stop();
  }
}

/** OpenCode and its plugin, played by a process of ours. */
function playedOpenCode({ scratch, gatewayUrl }) {
  const kept = join(scratch, 'opencode.jsonl');
  return {
    name: 'OpenCode',
    gateway: { directory: scratch },
    start: async () => {
      const child = new Child(process.execPath, [OPENCODE, kept, gatewayUrl, TOKEN, scratch], {
        env: { PATH: process.env.PATH },
        cwd: scratch,
      });
      await child.output(/opencode is up/, UP_MS);
      return Object.assign(child, { exited: () => child.exit });
    },
    truth: async () => readKept(kept),
    close: async () => {},
  };
}

/** What the API of the real OpenCode says, in the shape of readKept(); of answers to requests it keeps nothing. */
async function readOpenCode({ api }) {
  const kept = { sessions: new Map(), prompts: [], replies: [], violations: [] };
  for (const { id } of await api('GET', '/session?limit=1000')) {
    const messages = (await api('GET', `/session/${id}/message?limit=1000`)).map(({ info, parts }) => ({
      role: info.role,
      text: parts.filter((part) => part.type === 'text').map((part) => part.text).join(''),
      completed_ms: info.time.completed,
    }));
    kept.sessions.set(id, { id, messages });
    for (const { role, text } of messages) if (role === 'user') kept.prompts.push({ session_id: id, text });
  }
  return kept;
}

/** The real OpenCode with the plugin in it, and a model that does as it is told. */
async function realOpenCode({ scratch, gatewayUrl }) {
  const directory = join(scratch, 'repo');
  const [model, port] = [await startModel(), await freePort()];
  prepareSample(directory);
  const start = () =>
    startOpenCode({ home: join(scratch, 'home'), directory, modelUrl: model.url, pluginPath: PLUGIN, gatewayUrl, bridgeToken: TOKEN, port });
  return {
    name: 'OpenCode',
    gateway: { directory, opencodeUrl: `http://127.0.0.1:${port}`, env: { GATEWAY_OPENCODE_MODEL: 'scripted/demo' } },
    start,
    truth: readOpenCode,
    close: () => model.stop(),
  };
}

/**
 * Gateways (several only on PostgreSQL), a localslack that remembers, and an OpenCode with its plugin (`real`, or played),
 * as processes.
 */
export async function startLives({ real = false, gateways: n = 1 } = {}) {
  keepCores();
  const scratch = await mkdtemp(join(tmpdir(), 'lives-'));
  const slackPort = await freePort();
  const ports = await Promise.all(Array.from({ length: n }, freePort));
  const machine = new Machine();
  const gatewayUrl = ports.map((port) => `http://127.0.0.1:${port}`).join();
  const side = await (real ? realOpenCode : playedOpenCode)({ scratch, gatewayUrl });
  const database = await journalUrl(scratch);
  let fail;
  const broken = new Promise((resolve, reject) => (fail = reject));
  broken.catch(() => {}); // whoever waits for something races it

  const slack = new Lives({
    name: 'localslack',
    program: process.env.LOCALSLACK_BIN,
    directory: scratch,
    broken: fail,
    start: () => startLocalSlack({ port: slackPort, args: ['--state', join(scratch, 'slack.json')] }),
    // It writes down what it has done and is gone, in one move; nobody gets an answer any more.
    kill: async (one) => {
      await assert.rejects(one.post('die'), TypeError);
      const { signal } = await one.kill9();
      assert.equal(signal, 'SIGKILL');
    },
  });
  const startOne = async (port, stateDir) => {
    await mkdir(stateDir, { recursive: true });
    return startGateway({
      slackUrl: `http://127.0.0.1:${slackPort}`,
      stateDir,
      port,
      bridgeToken: TOKEN,
      ...side.gateway,
      env: {
        GATEWAY_PROGRESS_INTERVAL_MS: '1000',
        GATEWAY_SLACK_CATCH_UP_OVERLAP_S: '15',
        ...(database ? { GATEWAY_DATABASE_URL: database } : {}),
        ...side.gateway.env,
        ...machine.env(scratch),
      },
    });
  };
  const gateways = ports.map((port, i) => {
    const directory = join(scratch, `gateway-${i + 1}`);
    return new Lives({
      name: `gateway ${i + 1}`,
      program: gatewayBin(),
      directory,
      broken: fail,
      start: () => startOne(port, directory),
      kill: (one) => one.kill9(),
    });
  });
  const opencode = new Lives({
    name: side.name,
    program: process.execPath,
    directory: scratch,
    broken: fail,
    start: side.start,
    kill: (one) => one.kill9(),
  });
  const all = [slack, ...gateways, opencode];
  for (const one of all) await one.begin();
  return {
    scratch,
    machine,
    slack,
    gateways,
    opencode,
    broken,
    /** One of the gateways that are up. */
    gateway: () => until('a gateway to be up', () => gateways.find((one) => one.current)?.current, UP_MS),
    truth: async () => side.truth(await opencode.up()),
    get kills() {
      return all.reduce((sum, one) => sum + one.kills, 0);
    },
    close: async ({ keep = false } = {}) => {
      for (const one of [...gateways, opencode, slack]) await one.end();
      await side.close();
      machine.close();
      if (!keep) await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
