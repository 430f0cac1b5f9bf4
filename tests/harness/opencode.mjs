// The real `opencode serve`, closed off from the user, the network and other tests.
//
// Isolation: a HOME and XDG directories of its own, an environment that inherits nothing but PATH, a free
// port, and the template demo/opencode.json as its configuration, so that tests and demonstration run the
// same thing.
//
// OpenCode tries to fetch a model list, updates, ripgrep, and, as soon as any plugin is configured, an npm
// package into each configuration directory, which blocks the first request for over a minute where there is
// no network. The switches below and a lock file prepared in the configuration directory prevent all of it.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, until } from './child.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEMPLATE = join(ROOT, 'demo/opencode.json');
const START_TIMEOUT_MS = 60_000; // 3.5 s on a quiet machine, several times that on a busy one

const MARK = 'OPENCODE_UNDER_TEST';
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

async function isProgram(file) {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return (
      bytesRead === 4 &&
      (buffer.equals(ELF) || buffer.subarray(0, 2).toString() === '#!' || process.platform !== 'linux')
    );
  } finally {
    await handle.close();
  }
}

/**
 * The OpenCode program: OPENCODE_BIN, or node_modules/.bin/opencode of this repository. npm may have been
 * told not to run install scripts; then that is a text file and the platform's package holds the real one.
 */
export async function findOpenCode() {
  const named = process.env.OPENCODE_BIN;
  const modules = join(ROOT, 'node_modules');
  const platform = `opencode-${process.platform}-${process.arch}`;
  const candidates = named
    ? [named]
    : [
        join(modules, '.bin/opencode'),
        join(modules, platform, 'bin/opencode'),
        join(modules, `${platform}-baseline`, 'bin/opencode'),
      ];
  for (const file of candidates) {
    if (existsSync(file) && (await isProgram(realpathSync(file)))) return realpathSync(file);
  }
  throw new Error(
    `OpenCode not found (looked for ${candidates.join(', ')}): run npm ci in ${ROOT}, or set OPENCODE_BIN`,
  );
}

/** A port nobody listens on now. OpenCode cannot choose itself: given 0 it insists on 4096 first. */
export function freePort() {
  return new Promise((done, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** `over` laid over `base`: objects are merged, everything else (null too) replaces. */
function merge(base, over) {
  if (!isObject(base) || !isObject(over)) return over;
  const out = { ...base };
  for (const [key, value] of Object.entries(over)) out[key] = key in base ? merge(base[key], value) : value;
  return out;
}

function environment({ home, modelUrl, gatewayUrl, bridgeToken, password, env }) {
  const out = {
    PATH: process.env.PATH,
    HOME: home,
    LANG: 'C.UTF-8',
    TMPDIR: join(home, 'tmp'),
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_STATE_HOME: join(home, '.local/state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    GIT_CONFIG_NOSYSTEM: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_SHARE: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    npm_config_offline: 'true',
    npm_config_fetch_retries: '0',
  };
  if (modelUrl !== undefined) out.SCRIPTED_MODEL_URL = modelUrl;
  if (gatewayUrl !== undefined) out.GATEWAY_URL = gatewayUrl;
  if (bridgeToken !== undefined) out.GATEWAY_BRIDGE_TOKEN = bridgeToken;
  if (password !== undefined) out.OPENCODE_SERVER_PASSWORD = password;
  return { ...out, ...env };
}

/**
 * What npm would leave behind; OpenCode compares the lock's version with its own and then asks for nothing.
 */
async function stubPluginPackage(directory, version) {
  const dependencies = { '@opencode-ai/plugin': version };
  await mkdir(join(directory, 'node_modules'), { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify({ dependencies }));
  await writeFile(
    join(directory, 'package-lock.json'),
    JSON.stringify({ lockfileVersion: 3, packages: { '': { dependencies } } }),
  );
}

async function prepareHome({ home, config, pluginPath, version }) {
  const directory = join(home, '.config/opencode');
  await mkdir(directory, { recursive: true });
  await mkdir(join(home, 'tmp'), { recursive: true });
  const template = JSON.parse(readFileSync(TEMPLATE, 'utf8'));
  const plugin = pluginPath === undefined ? [] : [pluginPath].flat();
  const merged = merge(plugin.length > 0 ? { ...template, plugin } : template, config ?? {});
  await writeFile(join(directory, 'opencode.json'), JSON.stringify(merged, null, 2));
  await stubPluginPackage(directory, version);
}

/** A failed request to OpenCode: `status`, and `body` as parsed as it could be. */
export class ApiError extends Error {
  constructor(method, path, status, body) {
    super(`${method} ${path}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
    this.status = status;
    this.body = body;
  }
}

function client(url, password) {
  const headers =
    password === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}` };

  /** One API call → parsed body (null for 204). Throws ApiError for any status but 2xx. */
  const api = async (method, path, body, { directory, timeoutMs = 120_000 } = {}) => {
    const target = new URL(path, url);
    if (directory !== undefined) target.searchParams.set('directory', directory);
    const response = await fetch(target, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    let value = null;
    if (text !== '') {
      try {
        value = JSON.parse(text);
      } catch {
        // An unknown GET path is answered with the page of the web UI and status 200.
        throw new ApiError(method, path, response.status, text);
      }
    }
    if (!response.ok) throw new ApiError(method, path, response.status, value);
    return value;
  };

  /**
   * Follows /global/event. `list` grows with every event: {directory, type, properties}.
   * wait(type, predicate) returns the first one that fits, from the past too.
   */
  const events = async () => {
    const stop = new AbortController();
    const response = await fetch(new URL('/global/event', url), { headers, signal: stop.signal });
    if (!response.ok) throw new ApiError('GET', '/global/event', response.status, await response.text());
    const list = [];
    let ended = null; // why the stream is over
    const read = async () => {
      let buffer = '';
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const frames = (buffer + text).split('\n\n');
        buffer = frames.pop();
        for (const frame of frames) {
          const { directory, payload } = JSON.parse(frame.replace(/^data: /, ''));
          if (payload.type !== 'sync') list.push({ directory, ...payload });
        }
      }
      throw new Error('the server closed it');
    };
    const done = read().catch((error) => {
      ended = error;
    });
    const find = (type, predicate) => {
      const found = list.find((e) => e.type === type && predicate(e.properties, e));
      if (!found && ended) throw new Error(`the event stream is over, without ${type}: ${ended.message}`);
      return found;
    };
    // The headers come before the subscription; what happens in between is not told.
    await until('the first event of the stream', () => find('server.connected', () => true), START_TIMEOUT_MS);
    return {
      list,
      wait: (type, predicate = () => true, timeoutMs = 20_000) =>
        until(`event ${type}`, () => find(type, predicate), timeoutMs),
      close: async () => {
        stop.abort();
        await done;
      },
    };
  };

  return { api, events };
}

function sessions(api) {
  /**
   * Loads the instance of a directory, and with it its plugins: OpenCode does so only at the first request.
   */
  const wake = (directory) => api('GET', '/agent', undefined, { directory });
  /** A new session; with a title, so that no title is generated. */
  const session = (directory, options = {}) =>
    api('POST', '/session', { title: 'Test', ...options }, { directory });
  /**
   * Sends a prompt without waiting; agent and model are explicit because OpenCode's defaults depend on the
   * past.
   */
  const prompt = (sessionID, text, options = {}) =>
    api('POST', `/session/${sessionID}/prompt_async`, {
      agent: 'build',
      model: { providerID: 'scripted', modelID: 'demo' },
      parts: [{ type: 'text', text }],
      ...options,
    });
  /**
   * Waits until the last prompt is answered, stopped or failed, and nothing runs; returns the messages
   * [{info, parts}]. Not being busy is not enough: right after prompt() a session is not busy yet.
   */
  const idle = async (sessionID, { directory, timeoutMs = 30_000 } = {}) => {
    const settled = async () => {
      if (sessionID in (await api('GET', '/session/status', undefined, { directory }))) return null;
      const messages = await api('GET', `/session/${sessionID}/message`);
      const last = messages.at(-1)?.info;
      return last?.role === 'assistant' && (last.time.completed || last.error) ? messages : null;
    };
    return until(`session ${sessionID} idle`, settled, timeoutMs, 50);
  };
  return { wake, session, prompt, idle };
}

async function waitReady(child, url, password) {
  const { api } = client(url, password);
  await child.output(/opencode server listening on/, START_TIMEOUT_MS);
  await until(
    'OpenCode healthy',
    async () => {
      if (!child.alive) throw new Error(`OpenCode ended early:\n${child.log().slice(-4000)}`);
      try {
        return (await api('GET', '/global/health')).healthy;
      } catch (error) {
        if (error instanceof ApiError) throw error;
        return false;
      }
    },
    START_TIMEOUT_MS,
  );
}

/** The version as npm knows it, or else as the program says (which takes a second of CPU). */
async function versionOf(binary, env) {
  const manifest = join(dirname(binary), '../package.json');
  if (existsSync(manifest)) {
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (/^opencode-/.test(name)) return version;
  }
  const child = new Child(binary, ['--version'], { env });
  const match = await child.output(/^\d+\.\d+\.\d+\S*$/m, START_TIMEOUT_MS);
  await child.exit;
  return match[0];
}

/**
 * Kills what OpenCode's shell tool has left behind. Those commands run in process groups of their own, so
 * they are known by a mark in their environment, which only Linux tells.
 */
function reap(mark) {
  if (process.platform !== 'linux') return;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${MARK}=${mark}`)) continue;
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      // Gone meanwhile, or somebody else's process.
      if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) throw error;
    }
  }
}

/**
 * Starts the program on a port and waits until it answers. The free port may be taken by others meanwhile:
 * again.
 */
async function serve(binary, options, cwd, env) {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const url = `http://127.0.0.1:${port}`;
    const child = new Child(binary, ['serve', '--hostname', '127.0.0.1', '--port', String(port)], {
      cwd,
      env,
    });
    try {
      await waitReady(child, url, options.password);
      return { child, port, url };
    } catch (error) {
      await child.kill9();
      if (options.port !== undefined || attempt === 3 || !/ServeError|EADDRINUSE/.test(child.log()))
        throw error;
    }
  }
}

/**
 * Starts `opencode serve`.
 *  home        its HOME; kept afterwards, so that it can be started again on the same state (the configuration
 *              is written anew). Without it a temporary one is made, and removed by stop() or kill9().
 *  directory   working directory, default the home
 *  modelUrl    base URL of the model, …/v1
 *  pluginPath  plugin file or package directory, or a list of them
 *  gatewayUrl, bridgeToken   for the bridge plugin
 *  password    HTTP Basic password of the server (user opencode)
 *  config      laid over demo/opencode.json
 *  env         laid over the environment; undefined removes
 *  port        default a free one
 * @returns {Promise<{url, pid, home, port, version, log(), exited(), stop(), kill9(),
 *   api(method, path, body, {directory}), events(), wake(directory), session(directory, options),
 *   prompt(sessionID, text, options), idle(sessionID, {directory})}>}
 */
export async function startOpenCode(options = {}) {
  const binary = await findOpenCode();
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'opencode-home-')));
  if (resolve(home) === homedir()) throw new Error('OpenCode under test must not have the home of the user');
  const mark = randomUUID();
  const env = { ...environment({ ...options, home }), [MARK]: mark };
  const clear = async () => {
    reap(mark);
    if (options.home === undefined) await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await mkdir(join(home, 'tmp'), { recursive: true });
    const version = await versionOf(binary, env);
    await prepareHome({ home, config: options.config, pluginPath: options.pluginPath, version });
    const { child, port, url } = await serve(binary, options, options.directory ?? home, env);
    const { api, events } = client(url, options.password);
    const ending = (how) => async () => {
      const result = await child[how]();
      await clear();
      return result;
    };
    return {
      url,
      pid: child.pid,
      home,
      port,
      version,
      log: () => child.log(),
      exited: () => child.exit,
      stop: ending('stop'),
      kill9: ending('kill9'),
      api,
      events,
      ...sessions(api),
    };
  } catch (error) {
    await clear();
    throw error;
  }
}
