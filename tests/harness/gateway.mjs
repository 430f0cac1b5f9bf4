// The real gateway as a test sees it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, until } from './child.mjs';
import { freePort } from './opencode.mjs';
import { journalUrl } from './postgres.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The program under test: GATEWAY_BIN, or the one of the ordinary build directory. */
export const gatewayBin = () => process.env.GATEWAY_BIN ?? join(ROOT, 'build/src/gateway/opencode-slack');

/** The gateway's verb that is not `serve`: {code, output}. */
export async function runGateway(args, env = {}) {
  const child = new Child(gatewayBin(), args, { env: { PATH: process.env.PATH, ...env } });
  const { code } = await child.exit;
  return { code, output: child.log() };
}

/**
 * Starts `opencode-slack serve` and waits until it listens (not until Slack is connected: ready() does).
 *  slackUrl     of localslack
 *  directory    where sessions start
 *  stateDir     kept after the end, so that it can be started again on it; without one a temporary is made
 *  port         the same again after a restart, so that the plugin finds it
 *  opencodeUrl  lets the gateway wake the plugin of an idle OpenCode
 *  failpoint    "turn.after:2": where the process kills itself (only builds with failpoints)
 *  env          further variables, e.g. GATEWAY_SLACK_ALLOW_USERS
 */
export async function startGateway(options) {
  const own = options.stateDir === undefined ? await mkdtemp(join(tmpdir(), 'gateway-')) : null;
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const token = options.bridgeToken ?? 'bridge-token-of-the-tests';
  const env = {
    PATH: process.env.PATH,
    SLACK_BOT_TOKEN: 'xoxb-local',
    SLACK_APP_TOKEN: 'xapp-1-local',
    SLACK_API_URL: `${options.slackUrl}/api/`,
    GATEWAY_LISTEN: `127.0.0.1:${port}`,
    GATEWAY_STATE_DIR: options.stateDir ?? own,
    GATEWAY_BRIDGE_TOKEN: token,
    OPENCODE_DIRECTORY: options.directory,
    ...(options.opencodeUrl ? { OPENCODE_URL: options.opencodeUrl } : {}),
    ...(options.failpoint ? { GATEWAY_FAILPOINT: options.failpoint } : {}),
    ...options.env,
  };
  const database = await journalUrl(options.stateDir ?? own);
  if (database !== null && env.GATEWAY_DATABASE_URL === undefined) env.GATEWAY_DATABASE_URL = database;
  const child = new Child(gatewayBin(), ['serve'], { cwd: options.stateDir ?? own, env });
  const cleanUp = async () => {
    if (own !== null) await rm(own, { recursive: true, force: true });
  };
  try {
    await child.output(/opencode-slack listening on port/, 20_000);
  } catch (error) {
    await child.kill9();
    await cleanUp();
    throw error;
  }
  const api = async (method, path, body, headers = {}) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
  };
  const ending = (how) => async () => {
    const result = await child[how]();
    await cleanUp();
    return result;
  };
  return {
    url,
    port,
    token,
    child,
    pid: child.pid,
    log: () => child.log(),
    api,
    /** Until Slack is connected, and, if `bridges` is given, so many OpenCode processes. */
    ready: ({ bridges = 0, timeoutMs = 30_000 } = {}) =>
      until(
        `the gateway ready with ${bridges} bridges`,
        async () => {
          if (!child.alive) throw new Error(`the gateway ended early:\n${child.log().slice(-4000)}`);
          const { status, body } = await api('GET', '/readyz');
          return status === 200 && body.bridges.length >= bridges && body;
        },
        timeoutMs,
      ),
    sessions: async () => (await api('GET', '/api/sessions')).body.sessions,
    /** The value of a metric, summed over its series. */
    metric: async (name) =>
      (await api('GET', '/metrics')).body
        .split('\n')
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0),
    /** Waits for the end that a failpoint brings. */
    exited: () => child.exit,
    stop: ending('stop'),
    kill9: ending('kill9'),
  };
}
