// The scripted model (demo/model/server.mjs) as a test sees it.

import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, until } from './child.mjs';

const SERVER = fileURLToPath(new URL('../../demo/model/server.mjs', import.meta.url));

/**
 * Starts a model. `script` is a file name, or a script document as an object, or absent when all prompts
 * carry their own script; `wordMs` overrides the pace of a script file; `port` 0 takes a free one.
 * @returns {Promise<{url, pid, stop(), kill9(), log(), requests(options), clear(), waiting(), release(name),
 *   waitGate(name), waitRequest(predicate), outage(model, status)}>}
 *   `url` ends in /v1. requests() lists {number, session, model, kind, scenario, step, state, prompt, …}.
 */
export async function startModel({ script, wordMs, port = 0 } = {}) {
  const args = [SERVER, '--listen', `127.0.0.1:${port}`];
  let scratch = null;
  if (typeof script === 'object') {
    scratch = await mkdtemp(join(tmpdir(), 'model-'));
    writeFileSync(join(scratch, 'script.json'), JSON.stringify(script));
    args.push('--script', join(scratch, 'script.json'));
  } else if (script !== undefined) {
    args.push('--script', script);
  }
  if (wordMs !== undefined) args.push('--word-ms', String(wordMs));
  const child = new Child(process.execPath, args, { env: { PATH: process.env.PATH } });
  const cleanUp = async () => {
    if (scratch !== null) await rm(scratch, { recursive: true, force: true });
  };
  let url;
  try {
    url = (await child.output(/^model listening on (\S+)$/m, 10_000))[1];
  } catch (error) {
    await child.kill9();
    await cleanUp();
    throw error;
  }
  return { url, pid: child.pid, log: () => child.log(), ...controls(url), ...endings(child, cleanUp) };
}

function endings(child, cleanUp) {
  const ending = (how) => async () => {
    const result = await child[how]();
    await cleanUp();
    return result;
  };
  return { stop: ending('stop'), kill9: ending('kill9') };
}

function controls(url) {
  const control = async (method, path, body) => {
    const response = await fetch(new URL(`/_control/${path}`, url), {
      method,
      body: body && JSON.stringify(body),
    });
    const value = await response.json();
    if (!response.ok) throw new Error(`model control ${path}: ${response.status} ${value.error?.message}`);
    return value;
  };
  const requests = ({ bodies = false } = {}) => control('GET', `requests${bodies ? '?bodies=1' : ''}`);
  const waiting = () => control('GET', 'waiting');
  return {
    requests,
    waiting,
    clear: () => control('DELETE', 'requests'),
    /** Opens a gate; returns how many requests waited at it (0: the next one to arrive will pass). */
    release: async (name) => (await control('POST', 'release', { name })).released,
    /** Makes `model` ("*": all) answer with an HTTP status; null ends it. */
    outage: (model, status) => control('POST', 'outage', { model, status }),
    waitGate: (name, timeoutMs = 30_000) =>
      until(`a request at gate ${name}`, async () => (await waiting()).includes(name), timeoutMs),
    /** The first recorded request for which `predicate` holds. */
    waitRequest: (predicate, timeoutMs = 30_000) =>
      until('a matching request to the model', async () => (await requests()).find(predicate), timeoutMs),
  };
}
