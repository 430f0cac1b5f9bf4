// A PostgreSQL for tests: made in a temporary directory on a free port of the loopback, stopped with the test. It refuses
// root, so that root runs it as the user `postgres`, or `nobody`.

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, until } from './child.mjs';
import { freePort } from './opencode.mjs';

const ROOT = '/usr/lib/postgresql';
const SETPRIV = '/usr/bin/setpriv';

function programs() {
  if (!existsSync(ROOT)) return null;
  const versions = readdirSync(ROOT).filter((v) => existsSync(join(ROOT, v, 'bin/postgres')));
  versions.sort((a, b) => Number(b) - Number(a));
  return versions.length ? join(ROOT, versions[0], 'bin') : null;
}

/** Why the tests with PostgreSQL are skipped here; false when they can run. */
export const noPostgres = () => (programs() ? false : 'there is no PostgreSQL on this machine (apt install postgresql-15)');

function unprivileged() {
  if (process.getuid() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [, , uid, gid] = execFileSync('getent', ['passwd', name], { encoding: 'utf8' }).split(':');
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      continue; // there is no such user
    }
  }
  throw new Error('PostgreSQL refuses root, and there is neither a user postgres nor nobody');
}

let shared;
const schemas = new Map();

/**
 * With TEST_DATABASE=postgres: the address of the journal that belongs to a state directory, in a server that all of this
 * process's gateways share and that goes with it; else null.
 */
export async function journalUrl(stateDir) {
  if (process.env.TEST_DATABASE !== 'postgres') return null;
  shared ??= startPostgres({ ambient: true });
  const server = await shared;
  if (!schemas.has(stateDir)) schemas.set(stateDir, server.schema());
  return server.url(schemas.get(stateDir));
}

/**
 * Starts one. Returns
 *  port, url(schema)   where it is; every schema is a database of its own for the gateway
 *  query(sql, schema)  what psql prints, without headers
 *  restart(how)        'fast' cuts the connections, 'immediate' is a crash; up again when it is done
 *  stop()
 * `durable`: with fsync, for what is measured. `ambient`: it does not keep this process alive, and goes with it.
 */
export async function startPostgres({ durable = false, ambient = false } = {}) {
  const bin = programs();
  const dir = mkdtempSync(join(tmpdir(), 'postgres-'));
  const user = unprivileged();
  const env = { PATH: process.env.PATH, HOME: dir, PGUSER: 'postgres', LC_ALL: 'C' };
  const data = join(dir, 'data');
  const port = await freePort();
  const as = (file, args) =>
    user ? [SETPRIV, ['--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups', file, ...args]] : [file, args];
  if (user) chownSync(dir, user.uid, user.gid);
  const [initdb, initArgs] = as(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-N', '-A', 'trust']);
  execFileSync(initdb, initArgs, { cwd: dir, env, stdio: 'pipe' });

  let child;
  const query = (sql, schema = 'public') =>
    execFileSync(join(bin, 'psql'), ['-h', '127.0.0.1', '-p', `${port}`, '-d', 'postgres', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', sql], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...env, PGOPTIONS: `-csearch_path=${schema}` },
    }).trim();
  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=`, 'shared_buffers=32MB', 'max_connections=60']
      .concat(durable ? [] : ['fsync=off'])
      .flatMap((setting) => ['-c', setting]);
    const [file, args] = as(join(bin, 'postgres'), ['-D', data, '-p', `${port}`, ...settings]);
    child = new Child(file, args, { cwd: dir, env });
    if (ambient) for (const handle of [child.process, child.process.stdout, child.process.stderr]) handle.unref();
    await until(
      'PostgreSQL answers',
      () => {
        if (!child.alive) throw new Error(`PostgreSQL ended early:\n${child.log().slice(-2000)}`);
        try {
          return query('SELECT 1') === '1';
        } catch {
          return false; // not yet
        }
      },
      30_000,
    );
  };
  const end = async (signal) => {
    if (child.alive) process.kill(child.pid, signal);
    await child.exit;
  };
  await start();
  if (ambient) process.on('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  let n_schemas = 0;
  return {
    port,
    query,
    log: () => child.log(),
    /** A new, empty schema; its name. */
    schema: () => {
      const name = `test_${++n_schemas}`;
      query(`CREATE SCHEMA ${name}`);
      return name;
    },
    url: (schema, via = port) => `postgres://postgres@127.0.0.1:${via}/postgres?options=-csearch_path%3D${schema}`,
    restart: async (how = 'fast') => {
      await end(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await start();
    },
    stop: async () => {
      await end('SIGINT');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
