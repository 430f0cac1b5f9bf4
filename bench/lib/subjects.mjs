// What is measured, and the Slack that it is measured with. Each start gives a fresh one: {pid, stop, …}.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { until } from '../../tests/harness/child.mjs';
import { PYTHON_ENV, findPython } from '../../tests/sdk/python.mjs';
import { CORES, startPinned } from './process.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BOLT = join(ROOT, 'bench/bolt');
const BOLT_PYTHON = join(ROOT, 'bench/bolt-python/app.py');
const BUILD = join(ROOT, 'build');
const TOKENS = { SLACK_BOT_TOKEN: 'xoxb-local', SLACK_APP_TOKEN: 'xapp-1-local' };

export const programs = {
  gateway: process.env.GATEWAY_BIN ?? join(BUILD, 'src/gateway/opencode-slack'),
  localslack: process.env.LOCALSLACK_BIN ?? join(BUILD, 'localslack/localslack'),
  localslackClient: process.env.LOCALSLACK_CLIENT_BIN ?? join(BUILD, 'bench/localslack-client'),
  bridgeLoad: process.env.BRIDGE_LOAD_BIN ?? join(BUILD, 'bench/bridge-load'),
};

const python = {}; // what findPython() gave

/** The programs that there are to measure: without Bolt for Python where PyPI cannot be reached. */
export const names = () => (python.python ? ['gateway', 'bolt', 'python'] : ['gateway', 'bolt']);

/** Everything that is needed is there, or a message says how to get it. */
export function prepare() {
  Object.assign(python, findPython());
  if (python.note) console.log(`Bolt for Python is not measured: ${python.note}`);
  for (const file of Object.values(programs)) {
    if (!existsSync(file)) throw new Error(`${file} is missing: build first (./dev bench does)`);
  }
  if (!existsSync(join(BOLT, 'node_modules/@slack/bolt'))) {
    console.log('Installing Bolt for JavaScript, to measure beside …');
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: BOLT, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Slack; `post` and `get` are its control interface, `call` the Web API. */
export async function startSlack() {
  const child = startPinned(CORES.load, programs.localslack, ['--listen', '127.0.0.1:0', '--quiet', '--no-rate-limits'], {
    env: { PATH: process.env.PATH },
  });
  const [, url] = await child.output(/listening on (http:\S+)/, 10_000);
  const request = async (path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json();
    if (answer.ok === false) throw new Error(`localslack: ${path}: ${answer.error}`);
    return answer;
  };
  return {
    url,
    get: (path) => request(`/_local/${path}`),
    post: (path, body) => request(`/_local/${path}`, body),
    call: (method, body) => request(`/api/${method}`, body, { authorization: `Bearer ${TOKENS.SLACK_BOT_TOKEN}` }),
    pid: child.pid,
    stop: () => child.stop(),
  };
}

async function startGateway(slack) {
  const stateDir = await mkdtemp(join(tmpdir(), 'bench-'));
  const token = 'bridge-token-of-the-bench';
  const child = startPinned(CORES.subject, programs.gateway, ['serve'], {
    cwd: stateDir,
    env: {
      PATH: process.env.PATH,
      ...TOKENS,
      SLACK_API_URL: `${slack.url}/api/`,
      GATEWAY_LISTEN: '127.0.0.1:0',
      GATEWAY_STATE_DIR: stateDir,
      GATEWAY_BRIDGE_TOKEN: token,
      GATEWAY_LIMITS_SESSIONS_WORKING: '1000',
      OPENCODE_DIRECTORY: '/load',
    },
  });
  const stop = async () => {
    await child.stop();
    await rm(stateDir, { recursive: true, force: true });
  };
  try {
    const [, port] = await child.output(/listening on port (\d+)/, 10_000);
    const url = `http://127.0.0.1:${port}`;
    const get = async (path) => fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await until('the gateway is connected to Slack', async () => (await get('/readyz')).status === 200);
    return {
      name: 'gateway',
      pid: child.pid,
      url,
      token,
      sessions: async () => (await (await get('/api/sessions')).json()).sessions,
      turns: async () => Number(/^flow_turns_total (\d+)/m.exec(await (await get('/metrics')).text())[1]),
      log: () => child.log(),
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${child.log().slice(-2000)}`);
  }
}

async function startBolt(slack) {
  const child = startPinned(CORES.subject, process.execPath, [join(BOLT, 'app.mjs')], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...TOKENS, SLACK_API_URL: `${slack.url}/api/` },
  });
  await child.output(/bolt is connected/, 20_000);
  return { name: 'bolt', pid: child.pid, log: () => child.log(), stop: () => child.stop() };
}

async function startBoltPython(slack) {
  const child = startPinned(CORES.subject, python.python, [BOLT_PYTHON], {
    env: { ...PYTHON_ENV, ...TOKENS, SLACK_API_URL: `${slack.url}/api/` },
  });
  await child.output(/bolt is connected/, 20_000);
  return { name: 'python', pid: child.pid, log: () => child.log(), stop: () => child.stop() };
}

export const subjects = { gateway: startGateway, bolt: startBolt, python: startBoltPython };

/** bridge-load: `result` is what it prints; stop() ends one that holds. */
export function startBridgeLoad(mode, slack, gateway, options = {}) {
  const args = [mode, '--slack', slack.url];
  if (gateway) args.push('--gateway', gateway.url, '--token', gateway.token);
  for (const [name, value] of Object.entries(options)) args.push(`--${name}`, String(value));
  const child = startPinned(CORES.load, programs.bridgeLoad, args, { env: { PATH: process.env.PATH } });
  return {
    ready: () => child.output(/^ready$/m, 60_000),
    result: async () => {
      const { code } = await child.exit;
      const line = /^\{.*\}$/m.exec(child.log());
      if (code !== 0 || !line) throw new Error(`bridge-load ended with ${code}:\n${child.log().slice(-2000)}`);
      return JSON.parse(line[0]);
    },
    stop: () => child.stop(),
  };
}
