// The Python that has slack-sdk and slack-bolt, or the reason why there is none.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SET_UP = fileURLToPath(new URL('python/set-up.sh', import.meta.url));
const CANNOT = 77;

/** {python} or {note}; throws when the set-up fails in any other way. */
export function findPython() {
  const { status, stdout, stderr, error } = spawnSync('bash', [SET_UP], { encoding: 'utf8' });
  if (error) throw error;
  if (status === CANNOT) return { note: stderr.trim() };
  if (status !== 0) throw new Error(`${SET_UP} ended with ${status}:\n${stderr}`);
  return { python: stdout.trim() };
}

export const PYTHON_ENV = { PATH: process.env.PATH, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' };
